//! Hearing that another process did something: a connection of its own that listens to a channel.
//!
//! Notifications are hints. They are lost while the connection is, so that whoever waits for them looks by themselves
//! as well, only less often.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::{PgConnection, QueryResult};

use super::address::PostgresAddress;
use super::connection;

/// Time between two looks at what the server sent: waking a worker may take this long. A look asks the operating
/// system, not the server.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// First pause after a connection was lost or refused; each further one is twice as long.
const RETRY_FIRST: Duration = Duration::from_millis(100);

/// Longest pause between two tries to connect.
const RETRY_MAX: Duration = Duration::from_secs(10);

/// Listens to one channel, and connects again by itself.
pub(crate) struct Listener {
    address: PostgresAddress,
    /// `LISTEN` and the name of the channel.
    listen: String,
    connection: Option<PgConnection>,
    retry_pause: Duration,
    retry_at: Instant,
}

impl Listener {
    /// Listens to a channel, named as SQL takes it. Connects with the first wait.
    pub(crate) fn new(address: PostgresAddress, channel: &str) -> Self {
        let listen = format!("LISTEN {channel}");
        Self { address, listen, connection: None, retry_pause: RETRY_FIRST, retry_at: Instant::now() }
    }

    /// Whether notifications get here now.
    pub(crate) fn is_listening(&self) -> bool {
        self.connection.is_some()
    }

    /// Waits for a notification, `timeout` at most. True as well when the connection was made meanwhile: what was
    /// sent before did not get here.
    pub(crate) fn wait(&mut self, timeout: Duration) -> bool {
        let end = Instant::now() + timeout;
        loop {
            if self.look() {
                return true;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            // libpq keeps no thread that could wake us.
            std::thread::park_timeout(left.min(LOOK_EVERY));
        }
    }

    fn look(&mut self) -> bool {
        let Some(connection) = &mut self.connection else { return self.connect() };
        match heard(connection) {
            Ok(heard) => heard,
            Err(error) => {
                tracing::warn!(%error, "the connection that listens for new runs was lost");
                self.connection = None;
                self.retry_at = Instant::now();
                false
            }
        }
    }

    fn connect(&mut self) -> bool {
        if Instant::now() < self.retry_at {
            return false;
        }
        let connected = connection::open(&self.address).map_err(|error| error.to_string());
        let listening = connected.and_then(|mut connection| {
            connection.batch_execute(&self.listen).map_err(|error| error.to_string())?;
            Ok(connection)
        });
        match listening {
            Ok(connection) => {
                self.connection = Some(connection);
                self.retry_pause = RETRY_FIRST;
                true
            }
            Err(error) => {
                tracing::warn!(error, "no connection to listen for new runs");
                self.retry_at = Instant::now() + self.retry_pause;
                self.retry_pause = (self.retry_pause * 2).min(RETRY_MAX);
                false
            }
        }
    }
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener").field("is_listening", &self.is_listening()).finish_non_exhaustive()
    }
}

/// Takes in whatever the server sent.
fn heard(connection: &mut PgConnection) -> QueryResult<bool> {
    let mut heard = false;
    for notification in connection.notifications_iter() {
        notification?;
        heard = true;
    }
    Ok(heard)
}
