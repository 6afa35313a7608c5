-- What a tenant's file holds besides its models' own tables. Every name contains `$`, which no model's can.

-- One row: counts up with every change of a definition, so that readers know when to read them again.
CREATE TABLE "$catalog" (
    "only" INTEGER NOT NULL PRIMARY KEY CHECK ("only" = 1),
    "version" INTEGER NOT NULL
);
INSERT INTO "$catalog" ("only", "version") VALUES (1, 0);

-- The models in the order in which they were created; `definition` is the model's JSON without its fields.
CREATE TABLE "$models" (
    "name" TEXT NOT NULL PRIMARY KEY COLLATE NOCASE,
    "position" INTEGER NOT NULL,
    "definition" TEXT NOT NULL
);

-- The fields of each model in their order; `definition` is the field's JSON.
CREATE TABLE "$fields" (
    "model" TEXT NOT NULL COLLATE NOCASE,
    "name" TEXT NOT NULL COLLATE NOCASE,
    "position" INTEGER NOT NULL,
    "definition" TEXT NOT NULL,
    PRIMARY KEY ("model", "name")
);

-- One row a run whose transaction was committed here: written by that very transaction.
CREATE TABLE "$applied_runs" (
    "run_id" TEXT NOT NULL PRIMARY KEY,
    "fence" BIGINT NOT NULL,
    "counters" TEXT NOT NULL
);
