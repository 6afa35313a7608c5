//! Waiting for work without asking for it all the time.

use std::sync::Arc;
use std::time::Duration;

use super::ControlPlane;
use super::bell::Bell;
use crate::database::Database;
use crate::error::StoreError;
use crate::postgres::notify::Listener;
use crate::statement::Statement;

/// The channel on which processes tell each other that the queue changed. The payload is the tenant's name.
const CHANNEL: &str = "reinstate_runs";

/// Tells when there may be a run to claim. Hints can be missed: whoever waits looks now and then by themselves.
#[derive(Debug)]
pub struct QueueWatch(Source);

#[derive(Debug)]
enum Source {
    /// Only this process queues runs.
    Process { bell: Arc<Bell>, heard: u64 },
    /// Any process that uses the server does.
    Server(Box<Listener>),
}

impl QueueWatch {
    /// Waits until a run was queued, put back or let go of since the last wait, `timeout` at most. Says whether one
    /// was, or may have been.
    pub fn wait(&mut self, timeout: Duration) -> bool {
        match &mut self.0 {
            Source::Process { bell, heard } => {
                let rings = bell.wait(*heard, timeout);
                std::mem::replace(heard, rings) != rings
            }
            Source::Server(listener) => listener.wait(timeout),
        }
    }

    /// Whether hints get here now: where not, looking often is the only way.
    #[must_use]
    pub fn is_listening(&self) -> bool {
        match &self.0 {
            Source::Process { .. } => true,
            Source::Server(listener) => listener.is_listening(),
        }
    }
}

impl ControlPlane {
    /// Watches the queue from now on. On PostgreSQL with a connection of its own, made with the first wait and made
    /// again whenever it is lost.
    #[must_use]
    pub fn queue_watch(&self) -> QueueWatch {
        QueueWatch(match self.connections.server() {
            Some(address) => Source::Server(Box::new(Listener::new(address.clone(), CHANNEL))),
            None => Source::Process { heard: self.queued.rings(), bell: Arc::clone(&self.queued) },
        })
    }
}

/// Tells other processes, once the transaction is through, that the queue of a tenant changed.
pub(super) fn tell(connection: &mut Database, tenant: &str) -> Result<(), StoreError> {
    if matches!(connection, Database::Sqlite(_)) {
        return Ok(());
    }
    Statement::once(format!("SELECT pg_catalog.pg_notify('{CHANNEL}', "))
        .text(tenant)
        .sql(")")
        .run(connection)
        .map(drop)
        .map_err(|error| StoreError::from_diesel("telling of a run", error))
}
