-- One row: the name of this control plane among others, which a bucket is marked with.
CREATE TABLE installation (
    one integer NOT NULL PRIMARY KEY CHECK (one = 1),
    id text COLLATE "C" NOT NULL
);
