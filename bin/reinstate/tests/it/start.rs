//! Starting on a PostgreSQL that is absent, late, refuses, or speaks TLS.

use std::process::Command;
use std::time::{Duration, Instant};

use reinstate_test_postgres::{Cluster, ClusterOptions};

use crate::archives;
use crate::program::{Server, finish, serve, stderr};
use crate::runs::{completed, queue};

/// The password of every role here. No text may show it.
const PASSWORD: &str = "hush-hush";

/// A cluster that asks everybody but its superuser for a password, with a role that may do no more than it must.
const WITH_PASSWORDS: &str = "CREATE ROLE keeper LOGIN PASSWORD 'hush-hush';
    CREATE DATABASE kept;
    REVOKE ALL ON DATABASE kept FROM PUBLIC;
    GRANT CONNECT, CREATE, TEMPORARY ON DATABASE kept TO keeper;";
const ASK_FOR_PASSWORDS: &str = "DO $$ BEGIN EXECUTE format(
    'COPY (VALUES (''local all all trust''), (''host all postgres 127.0.0.1/32 trust''),
    (''host all all 127.0.0.1/32 scram-sha-256'')) TO %L', current_setting('hba_file')); END $$;
    SELECT pg_reload_conf();";

fn cluster(tls: bool) -> Cluster {
    Cluster::start_new(ClusterOptions { tls, ..ClusterOptions::default() })
}

fn command(folder: &tempfile::TempDir, url: &str, settings: &[(&str, &str)]) -> Command {
    let mut command = serve(folder.path(), settings);
    command.env("REINSTATE_DATABASE_URL", url);
    command
}

/// What a server says that cannot start on this database, and how long it tried.
fn refused(url: &str, settings: &[(&str, &str)]) -> (String, Duration) {
    let folder = tempfile::tempdir().unwrap();
    let started = Instant::now();
    let output = finish(command(&folder, url, settings));
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(!message.contains(PASSWORD), "{message}");
    (message, started.elapsed())
}

/// Starts a server on this database, and restores an archive through it.
fn restores(url: &str) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::watch(command(&folder, url, &[]));
    assert_eq!(server.get("/readyz").unwrap().0, 200);
    let client = server.client("acme");
    let run_id = queue(&client, &archives::write(folder.path(), 100));
    completed(&client, &run_id, 100);
}

#[test]
fn a_server_that_is_not_there_is_waited_for_and_then_named() {
    let url = format!("postgres://keeper:{PASSWORD}@127.0.0.1:9/kept");
    let (message, waited) = refused(&url, &[("REINSTATE_DATABASE_WAIT_S", "1")]);
    assert!(message.contains("waiting up to 1 s"), "{message}");
    assert!(message.contains("127.0.0.1") && message.contains("refused"), "{message}");
    assert!(waited >= Duration::from_secs(1));
}

#[test]
fn a_server_that_comes_up_late_is_used() {
    let mut cluster = cluster(false);
    cluster.stop();
    let folder = tempfile::tempdir().unwrap();
    let url = cluster.url();
    let start = command(&folder, &url, &[]);
    let starting = std::thread::spawn(move || Server::watch(start));
    cluster.start();
    let server = starting.join().unwrap();
    assert_eq!(server.get("/readyz").unwrap().0, 200);
}

#[test]
fn a_role_with_few_rights_is_enough_and_a_wrong_password_is_told_at_once() {
    let cluster = cluster(false);
    for statement in WITH_PASSWORDS.split_inclusive(';').map(str::trim) {
        cluster.execute(statement);
    }
    cluster.execute(ASK_FOR_PASSWORDS);
    let as_keeper = |password: &str, database: &str| {
        let superuser = cluster.url();
        let port = superuser.rsplit_once(':').unwrap().1.split('/').next().unwrap();
        format!("postgres://keeper:{password}@127.0.0.1:{port}/{database}")
    };
    restores(&as_keeper(PASSWORD, "kept"));

    let patience = [("REINSTATE_DATABASE_WAIT_S", "50")];
    let (message, _) = refused(&as_keeper("hush-hush-hush", "kept"), &patience);
    assert!(message.contains("password authentication failed") && message.contains("keeper"), "{message}");
    let (message, _) = refused(&as_keeper(PASSWORD, "missing"), &patience);
    assert!(message.contains("missing"), "{message}");
}

#[test]
fn tls_is_spoken_and_verified_where_the_url_asks_for_it() {
    let cluster = cluster(true);
    let root = cluster.root_certificate().unwrap().display();
    restores(&format!("{}?sslmode=verify-full&sslrootcert={root}", cluster.url()));
    let patience = [("REINSTATE_DATABASE_WAIT_S", "50")];
    let other = self::cluster(true);
    let other_root = other.root_certificate().unwrap().display();
    let url = format!("{}?sslmode=verify-full&sslrootcert={other_root}", cluster.url());
    let (message, _) = refused(&url, &patience);
    assert!(message.contains("SSL error"), "{message}");
}

#[test]
fn a_server_without_tls_is_refused_where_the_url_asks_for_it() {
    let cluster = cluster(false);
    let url = format!("{}?sslmode=require", cluster.url());
    let (message, _) = refused(&url, &[("REINSTATE_DATABASE_WAIT_S", "50")]);
    assert!(message.contains("does not support SSL"), "{message}");
}
