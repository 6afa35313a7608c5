//! A database of a test's own.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection};

use crate::shared::Shared;

/// The server on which the databases are made.
enum Server {
    /// Somebody else's, by its URL.
    Given(String),
    /// The tests' own. The value is never dropped: its use ends with the process.
    Own(Shared),
}

impl Server {
    fn url(&self) -> &str {
        match self {
            Self::Given(url) => url,
            Self::Own(shared) => shared.url(),
        }
    }
}

fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| match std::env::var("REINSTATE_TEST_POSTGRES_URL") {
        Ok(url) if !url.is_empty() => Server::Given(url),
        _ => Server::Own(Shared::join_or_start()),
    })
}

/// An empty database; removed with the value, whoever is still connected.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    server_url: String,
}

/// Makes an empty database on the server that the tests share.
///
/// # Panics
/// Where there is no server, or it refuses.
#[must_use]
pub fn database() -> TestDatabase {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    // Process numbers come again, and a server that is given may still hold what a killed test left.
    let now_micros = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |elapsed| elapsed.as_micros());
    let name = format!("reinstate_test_{now_micros:x}_{}_{number}", std::process::id());
    let server_url = server().url().to_owned();
    let database = TestDatabase { name, server_url };
    database.on_server(&format!("CREATE DATABASE {} TEMPLATE template0", database.name));
    database
}

impl TestDatabase {
    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        let (base, options) = match self.server_url.split_once('?') {
            Some((base, options)) => (base, format!("?{options}")),
            None => (self.server_url.as_str(), String::new()),
        };
        // The first slash behind the scheme's begins the name of the database.
        let authority_end = base.find("://").map_or(0, |at| at + 3);
        let (scheme, rest) = base.split_at(authority_end);
        let authority = rest.split('/').next().unwrap_or_default();
        format!("{scheme}{authority}/{}{options}", self.name)
    }

    /// Runs statements in it.
    ///
    /// # Panics
    /// Where they fail.
    pub fn execute(&self, sql: &str) {
        run(&self.url(), sql);
    }

    fn on_server(&self, sql: &str) {
        run(&self.server_url, sql);
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let dropped = PgConnection::establish(&self.server_url).map_err(|error| error.to_string()).and_then(
            |mut connection| {
                let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
                connection.batch_execute(&sql).map_err(|error| error.to_string())
            },
        );
        if let Err(error) = dropped {
            eprintln!("database {} stays: {error}", self.name);
        }
    }
}

pub(crate) fn run(url: &str, sql: &str) {
    let mut connection =
        PgConnection::establish(url).unwrap_or_else(|error| panic!("PostgreSQL refuses tests: {error}"));
    connection.batch_execute(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
}
