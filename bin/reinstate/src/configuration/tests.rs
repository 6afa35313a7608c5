//! Settings end to end: layers in, settings or a message out.

use super::*;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn load(
    file: Option<&str>,
    environment: &[(&str, &str)],
    flags: &[(&'static str, &str)],
) -> Result<Settings, ProgramError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("reinstate.toml");
    std::fs::write(&path, file.unwrap_or_default()).unwrap();
    let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
    let layers = Layers::load(Origins {
        file: FileOrigin::Named(path),
        environment: environment.iter().map(owned).collect(),
        flags: flags.iter().map(|(name, text)| (*name, (*text).to_owned())).collect(),
    })?;
    Settings::from_layers(&layers)
}

fn refused(environment: &[(&str, &str)]) -> String {
    load(None, environment, &[]).unwrap_err().to_string()
}

#[test]
fn nothing_set_gives_the_defaults_and_no_token_key() {
    let settings = load(None, &[], &[]).unwrap();
    assert_eq!(settings.listen.to_string(), "127.0.0.1:9001");
    assert_eq!(settings.store.url, DatabaseUrl::Sqlite { dir: "./reinstate-data".into() });
    assert_eq!((settings.store.control_pool_size, settings.store.tenant_pool_size), (8, 4));
    assert_eq!((settings.lease, settings.database_wait), (Duration::from_secs(15), Duration::from_secs(30)));
    assert_eq!(settings.storage.url, StorageUrl::folder("./reinstate-data/objects"));
    assert!(!settings.storage.allow_http && !settings.storage.s3.path_style);
    assert_eq!(settings.upload_bytes_max, 10 << 30);
    assert_eq!(settings.shutdown_grace, Duration::from_secs(30));
    assert_eq!(settings.limits, Limits::default());
    assert_eq!(settings.upload_retention_days, 7);
    assert!(settings.workers >= 1);
    let message = settings.token_key().unwrap_err().to_string();
    assert!(message.contains("REINSTATE_JWT_SECRET"), "{message}");
}

#[test]
fn flags_win_over_environment_over_file_over_defaults() {
    let file = "listen = \"127.0.0.1:1\"\nworkers = 3\nshutdown_grace_s = 5\nlog = \"warn\"";
    let environment = [("REINSTATE_LISTEN", "127.0.0.1:2"), ("REINSTATE_WORKERS", "0")];
    let settings = load(Some(file), &environment, &[("listen", "127.0.0.1:3")]).unwrap();
    assert_eq!(settings.listen.to_string(), "127.0.0.1:3");
    assert_eq!(settings.workers, 0);
    assert_eq!(settings.shutdown_grace, Duration::from_secs(5));
    assert_eq!(settings.log, LogSettings { filter: "warn".to_owned(), format: LogFormat::Text });
}

#[test]
fn a_secret_of_digits_stays_a_text_and_is_never_shown() {
    let digits = "12345678901234567890123456789012";
    let settings = load(None, &[("REINSTATE_JWT_SECRET", digits)], &[]).unwrap();
    assert_eq!(settings.token_key, Some(TokenKeySetting::Secret(Secret::new(digits))));
    assert!(!format!("{settings:?}").contains(digits));
    assert!(!refused(&[("REINSTATE_JWT_SECRET", "short secret")]).contains("short secret"));
}

#[test]
fn two_token_keys_are_refused_wherever_they_come_from() {
    let file = format!("jwt_secret = \"{SECRET}\"");
    let error = load(Some(&file), &[("REINSTATE_JWKS", "/keys.json")], &[]).unwrap_err().to_string();
    assert!(error.contains("one of"), "{error}");
}

#[test]
fn a_database_url_of_a_server_is_taken_and_its_password_is_never_shown() {
    let url = "postgresql://me:hush%21@host:5433/db?sslmode=verify-full&sslrootcert=/etc/root.crt";
    let environment =
        [("REINSTATE_DATABASE_URL", url), ("REINSTATE_TENANT_POOL_SIZE", "5"), ("REINSTATE_LEASE_S", "2s")];
    let settings = load(None, &environment, &[("control_pool_size", "3")]).unwrap();
    assert!(matches!(settings.store.url, DatabaseUrl::Postgres(_)));
    assert_eq!((settings.store.control_pool_size, settings.store.tenant_pool_size), (3, 5));
    assert_eq!(settings.lease, Duration::from_secs(2));
    assert!(!format!("{settings:?}").contains("hush"));
    for bad in ["postgres://me:hush@hush@host/db", "postgres://me:hush%@host/db", "mysql://me:hush@host/db"] {
        let message = refused(&[("REINSTATE_DATABASE_URL", bad)]);
        assert!(message.contains("'database_url'") && !message.contains("hush"), "{message}");
    }
}

#[test]
fn a_database_or_storage_that_nobody_knows_is_refused() {
    assert!(refused(&[("REINSTATE_DATABASE_URL", "mysql://x")]).contains("sqlite://"));
    assert!(refused(&[("REINSTATE_DATABASE_URL", "sqlite://")]).contains("folder"));
    assert!(refused(&[("REINSTATE_STORAGE_URL", "ftp://host/folder")]).contains("s3://"));
}

#[test]
fn a_bucket_is_taken_with_what_its_service_needs() {
    let environment = [
        ("REINSTATE_STORAGE_URL", "s3://archives/reinstate"),
        ("REINSTATE_STORAGE_S3_ENDPOINT", "http://127.0.0.1:9000"),
        ("REINSTATE_STORAGE_S3_REGION", "eu-central-1"),
        ("REINSTATE_STORAGE_S3_PATH_STYLE", "true"),
    ];
    let message = refused(&environment);
    assert!(message.contains("'storage_s3_endpoint'") && message.contains("storage_allow_http"), "{message}");
    let settings = load(None, &environment, &[("storage_allow_http", "true")]).unwrap();
    assert_eq!(settings.storage.url, "s3://archives/reinstate".parse().unwrap());
    assert!(settings.storage.allow_http && settings.storage.s3.path_style);
    assert_eq!(settings.storage.s3.endpoint.as_deref(), Some("http://127.0.0.1:9000"));
    assert_eq!(settings.storage.s3.region.as_deref(), Some("eu-central-1"));
    let message = refused(&[("REINSTATE_STORAGE_URL", "s3://key:hush@archives")]);
    assert!(message.contains("'storage_url'") && !message.contains("hush"), "{message}");
}

#[test]
fn values_that_do_not_fit_are_named_with_their_origin() {
    for (variable, text, key) in [
        ("REINSTATE_LISTEN", "nowhere", "listen"),
        ("REINSTATE_WORKERS", "-1", "workers"),
        ("REINSTATE_WORKERS", "many", "workers"),
        ("REINSTATE_MAX_UPLOAD_BYTES", "10 parsec", "max_upload_bytes"),
        ("REINSTATE_SHUTDOWN_GRACE_S", "soon", "shutdown_grace_s"),
        ("REINSTATE_LOG_FORMAT", "xml", "log_format"),
        ("REINSTATE_UPLOAD_RETENTION_DAYS", "-1", "upload_retention_days"),
        ("REINSTATE_ARCHIVE_BYTES_MAX", "all", "archive_bytes_max"),
        ("REINSTATE_LOG", "a=b=c", "log"),
        ("REINSTATE_CONTROL_POOL_SIZE", "0", "control_pool_size"),
        ("REINSTATE_TENANT_POOL_SIZE", "some", "tenant_pool_size"),
        ("REINSTATE_LEASE_S", "0", "lease_s"),
        ("REINSTATE_DATABASE_WAIT_S", "long", "database_wait_s"),
        ("REINSTATE_STORAGE_S3_ENDPOINT", "minio:9000", "storage_s3_endpoint"),
        ("REINSTATE_STORAGE_S3_PATH_STYLE", "maybe", "storage_s3_path_style"),
        ("REINSTATE_STORAGE_ALLOW_HTTP", "1", "storage_allow_http"),
        ("REINSTATE_DATA_DIR", "", "data_dir"),
        ("REINSTATE_JWT_SECRET", "", "jwt_secret"),
        ("REINSTATE_JWKS", "http://keys.example/jwks", "jwks"),
    ] {
        let message = refused(&[(variable, text)]);
        assert!(message.contains(&format!("'{key}'")), "{variable}: {message}");
        assert!(message.contains("the environment"), "{variable}: {message}");
    }
}

#[test]
fn an_unknown_key_is_an_error_that_names_it() {
    assert!(refused(&[("REINSTATE_WORKER", "1")]).contains("REINSTATE_WORKER"));
    let error = load(Some("[server]\nlisten = \"x\""), &[], &[]).unwrap_err().to_string();
    assert!(error.contains("'server'"), "{error}");
}

#[test]
fn a_file_that_is_named_must_be_there() {
    let origins =
        Origins { file: FileOrigin::Named(PathBuf::from("/nowhere/reinstate.toml")), ..Origins::default() };
    let error = Layers::load(origins).err().unwrap().to_string();
    assert!(error.contains("/nowhere/reinstate.toml"), "{error}");
}
