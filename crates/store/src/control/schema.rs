//! The static tables of the control plane, as `migrations/control` makes them.
//!
//! System columns that are the same for every row are left out: only the Data API's query builder reads them.

diesel::table! {
    restores (seq) {
        seq -> BigInt,
        id -> Text,
        tenant -> Text,
        name -> Text,
        description -> Nullable<Text>,
        source_type -> Text,
        source_ref -> Nullable<Text>,
        conflict_strategy -> Text,
        include -> Text,
        models -> Nullable<Text>,
        create_models -> Bool,
        enabled -> Bool,
        last_run_id -> Nullable<Text>,
        last_run_at -> Nullable<BigInt>,
        total_runs -> BigInt,
        successful_runs -> BigInt,
        failed_runs -> BigInt,
        created_by -> Text,
        created_at -> BigInt,
        updated_at -> BigInt,
        trashed_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    restore_runs (seq) {
        seq -> BigInt,
        id -> Text,
        tenant -> Text,
        restore_id -> Text,
        restore_name -> Text,
        status -> Text,
        progress -> Integer,
        progress_detail -> Nullable<Text>,
        started_at -> Nullable<BigInt>,
        completed_at -> Nullable<BigInt>,
        records_imported -> BigInt,
        records_updated -> BigInt,
        records_skipped -> BigInt,
        records_deleted -> BigInt,
        records_failed -> BigInt,
        models_created -> BigInt,
        fields_created -> BigInt,
        duration_ms -> Nullable<BigInt>,
        config_snapshot -> Text,
        attempt -> Integer,
        error -> Nullable<Text>,
        error_detail -> Nullable<Text>,
        executed_by -> Text,
        caller -> Text,
        source_ref -> Nullable<Text>,
        fence -> BigInt,
        lease_owner -> Nullable<Text>,
        lease_expires_at -> Nullable<BigInt>,
        committing -> Bool,
        not_before -> BigInt,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

diesel::table! {
    restore_logs (id) {
        id -> Text,
        tenant -> Text,
        run_id -> Text,
        level -> Text,
        phase -> Text,
        model_name -> Nullable<Text>,
        record_id -> Nullable<Text>,
        message -> Text,
        detail -> Nullable<Text>,
        created_at -> BigInt,
    }
}

diesel::table! {
    uploads (id) {
        id -> Text,
        tenant -> Text,
        object_key -> Text,
        filename -> Text,
        size_bytes -> BigInt,
        created_by -> Text,
        created_at -> BigInt,
    }
}

diesel::allow_tables_to_appear_in_same_query!(restores, restore_runs, restore_logs, uploads);
