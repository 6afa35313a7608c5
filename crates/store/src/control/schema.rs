//! The static tables of the control plane, as `migrations/control` makes them.
//!
//! System columns that are the same for every row are left out: only the Data API's query builder reads them.

diesel::table! {
    use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text};
    use crate::database::sql_types::{Document, Instant, TextArray};

    restores (seq) {
        seq -> BigInt,
        id -> Text,
        tenant -> Text,
        name -> Text,
        description -> Nullable<Text>,
        source_type -> Text,
        source_ref -> Nullable<Text>,
        conflict_strategy -> Text,
        include -> TextArray,
        models -> Nullable<TextArray>,
        create_models -> Bool,
        enabled -> Bool,
        last_run_id -> Nullable<Text>,
        last_run_at -> Nullable<Instant>,
        total_runs -> BigInt,
        successful_runs -> BigInt,
        failed_runs -> BigInt,
        created_by -> Text,
        created_at -> Instant,
        updated_at -> Instant,
        trashed_at -> Nullable<Instant>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text};
    use crate::database::sql_types::{Document, Instant, TextArray};

    restore_runs (seq) {
        seq -> BigInt,
        id -> Text,
        tenant -> Text,
        restore_id -> Text,
        restore_name -> Text,
        status -> Text,
        progress -> Integer,
        progress_detail -> Nullable<Document>,
        started_at -> Nullable<Instant>,
        completed_at -> Nullable<Instant>,
        records_imported -> BigInt,
        records_updated -> BigInt,
        records_skipped -> BigInt,
        records_deleted -> BigInt,
        records_failed -> BigInt,
        models_created -> BigInt,
        fields_created -> BigInt,
        duration_ms -> Nullable<BigInt>,
        config_snapshot -> Document,
        attempt -> Integer,
        error -> Nullable<Text>,
        error_detail -> Nullable<Text>,
        executed_by -> Text,
        caller -> Document,
        source_ref -> Nullable<Text>,
        fence -> BigInt,
        lease_owner -> Nullable<Text>,
        lease_expires_at -> Nullable<Instant>,
        committing -> Bool,
        not_before -> Instant,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text};
    use crate::database::sql_types::{Document, Instant, TextArray};

    restore_logs (id) {
        id -> Text,
        tenant -> Text,
        run_id -> Text,
        level -> Text,
        phase -> Text,
        model_name -> Nullable<Text>,
        record_id -> Nullable<Text>,
        message -> Text,
        detail -> Nullable<Document>,
        created_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text};
    use crate::database::sql_types::{Document, Instant, TextArray};

    uploads (id) {
        id -> Text,
        tenant -> Text,
        object_key -> Text,
        filename -> Text,
        size_bytes -> BigInt,
        created_by -> Text,
        created_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text};
    use crate::database::sql_types::{Document, Instant, TextArray};

    extracts (seq) {
        seq -> BigInt,
        id -> Text,
        tenant -> Text,
        name -> Text,
        description -> Nullable<Text>,
        format -> Text,
        include -> TextArray,
        models -> Nullable<TextArray>,
        filter -> Nullable<Document>,
        retention_days -> Integer,
        enabled -> Bool,
        last_run_id -> Nullable<Text>,
        last_run_at -> Nullable<Instant>,
        total_runs -> BigInt,
        successful_runs -> BigInt,
        failed_runs -> BigInt,
        created_by -> Text,
        created_at -> Instant,
        updated_at -> Instant,
        trashed_at -> Nullable<Instant>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text};
    use crate::database::sql_types::{Document, Instant, TextArray};

    extract_runs (seq) {
        seq -> BigInt,
        id -> Text,
        tenant -> Text,
        extract_id -> Text,
        extract_name -> Text,
        status -> Text,
        progress -> Integer,
        progress_detail -> Nullable<Document>,
        started_at -> Nullable<Instant>,
        completed_at -> Nullable<Instant>,
        records_exported -> BigInt,
        models_exported -> BigInt,
        artifacts_created -> BigInt,
        total_size_bytes -> BigInt,
        duration_ms -> Nullable<BigInt>,
        config_snapshot -> Document,
        attempt -> Integer,
        error -> Nullable<Text>,
        error_detail -> Nullable<Text>,
        executed_by -> Text,
        expires_at -> Nullable<Instant>,
        caller -> Document,
        fence -> BigInt,
        lease_owner -> Nullable<Text>,
        lease_expires_at -> Nullable<Instant>,
        not_before -> Instant,
        object_key -> Nullable<Text>,
        archive_size_bytes -> Nullable<BigInt>,
        archive_checksum -> Nullable<Text>,
        is_restricted -> Bool,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text};
    use crate::database::sql_types::{Document, Instant, TextArray};

    extract_artifacts (id) {
        id -> Text,
        tenant -> Text,
        run_id -> Text,
        extract_id -> Text,
        artifact_type -> Text,
        artifact_name -> Text,
        format -> Text,
        size_bytes -> BigInt,
        checksum -> Text,
        content_type -> Text,
        is_primary -> Bool,
        download_count -> BigInt,
        expires_at -> Nullable<Instant>,
        created_at -> Instant,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    restores,
    restore_runs,
    restore_logs,
    uploads,
    extracts,
    extract_runs,
    extract_artifacts,
);
