//! The provider itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use reinstate_test_postgres::{Cluster, ClusterOptions, database};

#[test]
fn databases_are_apart_and_go_with_their_value() {
    let (one, other) = (database(), database());
    one.execute("CREATE TABLE only_here ()");
    assert!(PgConnection::establish(&other.url()).unwrap().batch_execute("SELECT * FROM only_here").is_err());
    let url = one.url();
    drop(one);
    assert!(PgConnection::establish(&url).is_err());
}

#[test]
fn cluster_answers_again_after_an_immediate_restart() {
    let mut cluster = Cluster::start_new(ClusterOptions { max_connections: 10, ..ClusterOptions::default() });
    PgConnection::establish(&cluster.url()).unwrap().batch_execute("CREATE TABLE kept ()").unwrap();
    cluster.restart_immediate();
    PgConnection::establish(&cluster.url()).unwrap().batch_execute("SELECT * FROM kept").unwrap();
    cluster.stop();
    assert!(PgConnection::establish(&cluster.url()).is_err());
}

#[test]
fn cluster_with_tls_takes_verified_connections_and_no_plain_ones() {
    let cluster = Cluster::start_new(ClusterOptions { max_connections: 10, tls: true, plain: false });
    let root = cluster.root_certificate().unwrap().display().to_string();
    let with = |options: &str| PgConnection::establish(&format!("{}?{options}", cluster.url()));
    assert!(with("sslmode=disable").is_err());
    with("sslmode=require").unwrap();
    with(&format!("sslmode=verify-full&sslrootcert={root}")).unwrap();
    assert!(with("sslmode=verify-full&sslrootcert=/nonexistent").is_err());
}
