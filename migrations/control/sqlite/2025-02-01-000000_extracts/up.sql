-- Extracts: what is written out, its runs and the entries of the archives that they made. Encodings and habits are
-- those of the tables of restores.

CREATE TABLE extracts (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    format TEXT NOT NULL,
    include TEXT NOT NULL,
    models TEXT,
    filter TEXT,
    retention_days INTEGER NOT NULL,
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
CREATE INDEX extracts_by_age ON extracts (tenant, created_at, id);

-- The runs are their queue as well: `seq` is the order in which they were queued.
CREATE TABLE extract_runs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    extract_id TEXT NOT NULL,
    extract_name TEXT NOT NULL,
    status TEXT NOT NULL
        CHECK (status IN ('pending', 'queued', 'running', 'completed', 'failed', 'cancelled')),
    progress INTEGER NOT NULL DEFAULT 0,
    progress_detail TEXT,
    started_at INTEGER,
    completed_at INTEGER,
    records_exported INTEGER NOT NULL DEFAULT 0,
    models_exported INTEGER NOT NULL DEFAULT 0,
    artifacts_created INTEGER NOT NULL DEFAULT 0,
    total_size_bytes INTEGER NOT NULL DEFAULT 0,
    duration_ms INTEGER,
    duration_seconds INTEGER GENERATED ALWAYS AS (duration_ms / 1000) VIRTUAL,
    config_snapshot TEXT NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    error_detail TEXT,
    executed_by TEXT NOT NULL,
    expires_at INTEGER,
    -- Inside only, from here.
    caller TEXT NOT NULL,
    fence INTEGER NOT NULL DEFAULT 0,
    lease_owner TEXT,
    lease_expires_at INTEGER,
    not_before INTEGER NOT NULL DEFAULT 0,
    -- The archive; the key is there as long as the object is.
    object_key TEXT,
    archive_size_bytes INTEGER,
    archive_checksum TEXT,
    is_restricted INTEGER NOT NULL DEFAULT 0,
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
CREATE UNIQUE INDEX extract_runs_one_active ON extract_runs (tenant, extract_id)
    WHERE status IN ('pending', 'queued', 'running');
-- Only what is in line: these stay small however many runs have ended.
CREATE INDEX extract_runs_queue ON extract_runs (seq) WHERE status IN ('queued', 'running');
CREATE INDEX extract_runs_expiring ON extract_runs (expires_at) WHERE object_key IS NOT NULL;
CREATE INDEX extract_runs_by_extract ON extract_runs (tenant, extract_id, created_at, id);
CREATE INDEX extract_runs_by_age ON extract_runs (tenant, created_at, id);

-- Entries of archives, one row each.
CREATE TABLE extract_artifacts (
    id TEXT NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    run_id TEXT NOT NULL,
    extract_id TEXT NOT NULL,
    artifact_type TEXT NOT NULL,
    artifact_name TEXT NOT NULL,
    format TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    checksum TEXT NOT NULL,
    content_type TEXT NOT NULL,
    is_primary INTEGER NOT NULL,
    download_count INTEGER NOT NULL DEFAULT 0,
    expires_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER GENERATED ALWAYS AS (created_at) VIRTUAL,
    trashed_at INTEGER GENERATED ALWAYS AS (NULL) VIRTUAL,
    deleted_at INTEGER GENERATED ALWAYS AS (NULL) VIRTUAL,
    access_read TEXT GENERATED ALWAYS AS ('[]') VIRTUAL,
    access_edit TEXT GENERATED ALWAYS AS ('[]') VIRTUAL,
    access_full TEXT GENERATED ALWAYS AS ('[]') VIRTUAL,
    access_deny TEXT GENERATED ALWAYS AS ('[]') VIRTUAL
);
CREATE INDEX extract_artifacts_by_run ON extract_artifacts (tenant, run_id, created_at, id);
CREATE INDEX extract_artifacts_by_age ON extract_artifacts (tenant, created_at, id);
