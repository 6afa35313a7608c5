-- What a tenant's schema holds besides its models' own tables. Every name contains `$`, which no model's can.
-- The schema is the first in the search path. The table "$catalog" is a lock as well: see `postgres::schema`.

-- One row: counts up with every change of a definition, so that readers know when to read them again.
CREATE TABLE "$catalog" (
    "only" integer NOT NULL PRIMARY KEY CHECK ("only" = 1),
    "version" bigint NOT NULL
);
INSERT INTO "$catalog" ("only", "version") VALUES (1, 0);

-- The models in the order in which they were created; `definition` is the model's JSON without its fields.
CREATE TABLE "$models" (
    "name" pg_catalog.text COLLATE "C" NOT NULL PRIMARY KEY,
    "position" bigint NOT NULL,
    "definition" pg_catalog.text COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX "$models_folded" ON "$models" (lower("name"));

-- The fields of each model in their order; `definition` is the field's JSON.
CREATE TABLE "$fields" (
    "model" pg_catalog.text COLLATE "C" NOT NULL,
    "name" pg_catalog.text COLLATE "C" NOT NULL,
    "position" bigint NOT NULL,
    "definition" pg_catalog.text COLLATE "C" NOT NULL,
    PRIMARY KEY ("model", "name")
);
CREATE UNIQUE INDEX "$fields_folded" ON "$fields" (lower("model"), lower("name"));

-- One row a run whose transaction was committed here: written by that very transaction.
CREATE TABLE "$applied_runs" (
    "run_id" pg_catalog.text COLLATE "C" NOT NULL PRIMARY KEY,
    "fence" bigint NOT NULL,
    "counters" pg_catalog.text COLLATE "C" NOT NULL
);
