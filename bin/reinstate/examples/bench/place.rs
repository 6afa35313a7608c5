//! A PostgreSQL server to measure on, and databases there.

use std::cell::Cell;
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use diesel::connection::SimpleConnection;
use diesel::sql_types::{BigInt, Text};
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl, sql_query};
use reinstate_test_postgres::{Cluster, ClusterOptions};

/// Connections that a server takes by its own default.
const MAX_CONNECTIONS: u32 = 100;

/// A server. One that was started for the bench ends with the value, and with the process however that ends.
pub(crate) struct Place {
    url: String,
    made: Cell<u32>,
    _cluster: Option<Cluster>,
}

impl Place {
    /// The server at `url`, or a throw-away one with its own default settings.
    ///
    /// # Errors
    /// Where there are no programs of a server, or it does not answer.
    pub(crate) fn open(url: Option<&str>) -> Result<Self, Box<dyn Error>> {
        let (url, cluster) = match url {
            Some(url) => (url.to_owned(), None),
            None => {
                let options =
                    ClusterOptions { max_connections: MAX_CONNECTIONS, plain: true, ..Default::default() };
                let started = catch_unwind(AssertUnwindSafe(|| Cluster::start_new(options)));
                let cluster = started.map_err(|_| "no server could be started; name one with --postgres")?;
                (cluster.url(), Some(cluster))
            }
        };
        PgConnection::establish(&url)?;
        Ok(Self { url, made: Cell::new(0), _cluster: cluster })
    }

    /// The server's version.
    pub(crate) fn version(&self) -> Result<String, Box<dyn Error>> {
        #[derive(QueryableByName)]
        struct Version {
            #[diesel(sql_type = Text)]
            version: String,
        }
        let mut connection = PgConnection::establish(&self.url)?;
        let sql = "SELECT current_setting('server_version') AS version";
        Ok(sql_query(sql).get_result::<Version>(&mut connection)?.version)
    }

    /// An empty database.
    pub(crate) fn database(self: &Rc<Self>) -> Result<Database, Box<dyn Error>> {
        self.made.set(self.made.get() + 1);
        let name = format!("reinstate_bench_{}_{}", std::process::id(), self.made.get());
        let mut connection = PgConnection::establish(&self.url)?;
        connection.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE template0"))?;
        Ok(Database { url: with_database(&self.url, &name), name, place: Rc::clone(self) })
    }
}

/// The URL of another database of the same server.
fn with_database(url: &str, name: &str) -> String {
    let (base, options) =
        url.split_once('?').map_or((url, String::new()), |(base, options)| (base, format!("?{options}")));
    let authority_begin = base.find("://").map_or(0, |at| at + 3);
    let (scheme, rest) = base.split_at(authority_begin);
    let authority = rest.split('/').next().unwrap_or_default();
    format!("{scheme}{authority}/{name}{options}")
}

/// A database of the bench's own; removed with the value.
pub(crate) struct Database {
    pub(crate) url: String,
    name: String,
    place: Rc<Place>,
}

impl Database {
    /// Runs one statement.
    pub(crate) fn execute(&self, sql: &str) -> Result<(), Box<dyn Error>> {
        Ok(PgConnection::establish(&self.url)?.batch_execute(sql)?)
    }

    /// How many rows a table has.
    pub(crate) fn count(&self, table: &str) -> Result<u64, Box<dyn Error>> {
        #[derive(QueryableByName)]
        struct Count {
            #[diesel(sql_type = BigInt)]
            count: i64,
        }
        let mut connection = PgConnection::establish(&self.url)?;
        let count: Count =
            sql_query(format!("SELECT count(*) AS count FROM {table}")).get_result(&mut connection)?;
        Ok(u64::try_from(count.count)?)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let dropped = PgConnection::establish(&self.place.url).map_err(|error| error.to_string()).and_then(
            |mut connection| {
                let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
                connection.batch_execute(&sql).map_err(|error| error.to_string())
            },
        );
        if let Err(error) = dropped {
            crate::report::note(&format!("the database {} stays: {error}", self.name));
        }
    }
}
