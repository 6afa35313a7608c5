-- Everything that must be visible while a restore is under way. Every row carries its tenant.
--
-- Encodings are those of tenant tables: instants in microseconds since 1970, booleans as 0 or 1, JSON and
-- arrays as compact JSON text. Columns are named as the keys of the API, so that the Data API's query builder
-- reads these tables like any model's. What no reader may see (`tenant`, leases, the caller) has no place in
-- the virtual models. Constant system columns are virtual: they cost no room.

CREATE TABLE restores (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    source_type TEXT NOT NULL,
    source_ref TEXT,
    conflict_strategy TEXT NOT NULL,
    include TEXT NOT NULL,
    models TEXT,
    create_models INTEGER NOT NULL,
    enabled INTEGER NOT NULL,
    last_run_id TEXT,
    last_run_at INTEGER,
    total_runs INTEGER NOT NULL DEFAULT 0,
    successful_runs INTEGER NOT NULL DEFAULT 0,
    failed_runs INTEGER NOT NULL DEFAULT 0,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    trashed_at INTEGER,
    deleted_at INTEGER GENERATED ALWAYS AS (NULL) VIRTUAL,
    access_read TEXT GENERATED ALWAYS AS ('[]') VIRTUAL,
    access_edit TEXT GENERATED ALWAYS AS ('[]') VIRTUAL,
    access_full TEXT GENERATED ALWAYS AS ('[]') VIRTUAL,
    access_deny TEXT GENERATED ALWAYS AS ('[]') VIRTUAL
);
CREATE INDEX restores_by_age ON restores (tenant, created_at, id);

-- The runs are the queue as well: `seq` is the order in which they were queued.
CREATE TABLE restore_runs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    restore_id TEXT NOT NULL,
    restore_name TEXT NOT NULL,
    status TEXT NOT NULL
        CHECK (status IN ('pending', 'queued', 'running', 'completed', 'failed', 'cancelled')),
    progress INTEGER NOT NULL DEFAULT 0,
    progress_detail TEXT,
    started_at INTEGER,
    completed_at INTEGER,
    records_imported INTEGER NOT NULL DEFAULT 0,
    records_updated INTEGER NOT NULL DEFAULT 0,
    records_skipped INTEGER NOT NULL DEFAULT 0,
    records_deleted INTEGER NOT NULL DEFAULT 0,
    records_failed INTEGER NOT NULL DEFAULT 0,
    models_created INTEGER NOT NULL DEFAULT 0,
    fields_created INTEGER NOT NULL DEFAULT 0,
    duration_ms INTEGER,
    duration_seconds INTEGER GENERATED ALWAYS AS (duration_ms / 1000) VIRTUAL,
    config_snapshot TEXT NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    error_detail TEXT,
    executed_by TEXT NOT NULL,
    -- Inside only, from here.
    caller TEXT NOT NULL,
    source_ref TEXT,
    fence INTEGER NOT NULL DEFAULT 0,
    lease_owner TEXT,
    lease_expires_at INTEGER,
    committing INTEGER NOT NULL DEFAULT 0,
    not_before INTEGER NOT NULL DEFAULT 0,
    -- System columns.
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    trashed_at INTEGER GENERATED ALWAYS AS (NULL) VIRTUAL,
    deleted_at INTEGER GENERATED ALWAYS AS (NULL) VIRTUAL,
    access_read TEXT GENERATED ALWAYS AS ('[]') VIRTUAL,
    access_edit TEXT GENERATED ALWAYS AS ('[]') VIRTUAL,
    access_full TEXT GENERATED ALWAYS AS ('[]') VIRTUAL,
    access_deny TEXT GENERATED ALWAYS AS ('[]') VIRTUAL
);
CREATE UNIQUE INDEX restore_runs_one_active ON restore_runs (tenant, restore_id)
    WHERE status IN ('pending', 'queued', 'running');
CREATE INDEX restore_runs_queue ON restore_runs (status, seq);
CREATE INDEX restore_runs_tenant_queue ON restore_runs (tenant, status, seq);
CREATE INDEX restore_runs_leased ON restore_runs (tenant, lease_expires_at)
    WHERE lease_expires_at IS NOT NULL;
CREATE INDEX restore_runs_by_restore ON restore_runs (tenant, restore_id, created_at, id);
CREATE INDEX restore_runs_by_age ON restore_runs (tenant, created_at, id);

CREATE TABLE restore_logs (
    id TEXT NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    run_id TEXT NOT NULL,
    level TEXT NOT NULL,
    phase TEXT NOT NULL,
    model_name TEXT,
    record_id TEXT,
    message TEXT NOT NULL,
    detail TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER GENERATED ALWAYS AS (created_at) VIRTUAL,
    trashed_at INTEGER GENERATED ALWAYS AS (NULL) VIRTUAL,
    deleted_at INTEGER GENERATED ALWAYS AS (NULL) VIRTUAL,
    access_read TEXT GENERATED ALWAYS AS ('[]') VIRTUAL,
    access_edit TEXT GENERATED ALWAYS AS ('[]') VIRTUAL,
    access_full TEXT GENERATED ALWAYS AS ('[]') VIRTUAL,
    access_deny TEXT GENERATED ALWAYS AS ('[]') VIRTUAL
);
CREATE INDEX restore_logs_by_run ON restore_logs (tenant, run_id, created_at, id);
CREATE INDEX restore_logs_by_age ON restore_logs (tenant, created_at, id);

-- Files that were sent in; the row makes an object a part of the product, an object without one is rubbish.
CREATE TABLE uploads (
    id TEXT NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    object_key TEXT NOT NULL UNIQUE,
    filename TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL
);
CREATE INDEX uploads_by_age ON uploads (created_at);
CREATE INDEX restore_runs_by_source ON restore_runs (source_ref, status);
