-- One row: the name of this control plane among others, which a bucket is marked with.
CREATE TABLE installation (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    id TEXT NOT NULL
);
