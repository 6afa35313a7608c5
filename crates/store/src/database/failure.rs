//! What a failure of the database means: whether trying again can help, and how soon.
//!
//! diesel names the most common causes; for the others there are only the words of the server.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

/// What a failure means to whoever meets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// A unique value is there already.
    Unique,
    /// A lock was not to be had in time.
    Busy,
    /// The transaction met another one and lost: done again as a whole it can succeed.
    Conflicting,
    /// The server is gone, going, coming or full.
    Away,
    /// A row is larger than a table or an index takes.
    TooLarge,
    /// Anything else; trying again does not help.
    Fault,
}

impl FailureKind {
    /// Whether a later try can succeed.
    pub(crate) const fn passes(self) -> bool {
        matches!(self, Self::Busy | Self::Conflicting | Self::Away)
    }

    /// What a failure of diesel's means.
    pub(crate) fn of(error: &DieselError) -> Self {
        match error {
            DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => Self::Unique,
            DieselError::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => Self::Conflicting,
            DieselError::DatabaseError(DatabaseErrorKind::ClosedConnection, _)
            | DieselError::BrokenTransactionManager => Self::Away,
            DieselError::DatabaseError(_, info) => Self::of_message(info.message()),
            DieselError::RollbackErrorOnCommit { commit_error, .. } => Self::of(commit_error),
            _ => Self::Fault,
        }
    }

    /// What the words of a server mean.
    pub(crate) fn of_message(message: &str) -> Self {
        let says = |words: &[&str]| words.iter().any(|words| message.contains(words));
        if says(&BUSY_WORDS) {
            Self::Busy
        } else if says(&CONFLICTING_WORDS) {
            Self::Conflicting
        } else if says(&AWAY_WORDS) {
            Self::Away
        } else if says(&TOO_LARGE_WORDS) {
            Self::TooLarge
        } else {
            Self::Fault
        }
    }
}

/// Whether a server that was asked for a connection says no rather than not yet: trying again with the same address
/// does not help. Where the server speaks another language than English this is not seen, and whoever tries again
/// finds out by the end of their patience.
pub(crate) fn is_refusal(message: &str) -> bool {
    REFUSAL_WORDS.iter().any(|words| message.contains(words))
}

/// PostgreSQL's and libpq's words for addresses that are wrong, and for credentials and certificates that do not fit.
const REFUSAL_WORDS: [&str; 19] = [
    "authentication failed",
    "no password supplied",
    "no pg_hba.conf entry",
    "does not exist",
    "permission denied",
    "is not permitted to log in",
    "server does not support SSL",
    "SSL error",
    "certificate verify failed",
    "root certificate file",
    "server certificate for",
    "certificate file",
    "private key file",
    "invalid sslmode",
    "invalid URI",
    "invalid port number",
    "invalid connection option",
    "invalid integer value",
    "unsupported frontend protocol",
];

/// A lock was not to be had: SQLite's words, then PostgreSQL's (55P03).
const BUSY_WORDS: [&str; 6] = [
    "database is locked",
    "database table is locked",
    "database schema is locked",
    "locking protocol",
    "canceling statement due to lock timeout",
    "could not obtain lock on",
];

/// PostgreSQL's words for 40P01, and for a table that was exchanged between two statements.
const CONFLICTING_WORDS: [&str; 3] =
    ["deadlock detected", "could not serialize access", "tuple concurrently updated"];

/// PostgreSQL's and libpq's words for a server that is not there for us: classes 08 and 57P, and of 53 a lack of
/// connections and of locks.
const AWAY_WORDS: [&str; 20] = [
    "could not translate host name",
    "terminating connection",
    "server closed the connection",
    "connection to server",
    "could not connect",
    "Connection refused",
    "could not receive data from server",
    "could not send data to server",
    "no connection to the server",
    "connection not open",
    "too many clients",
    "remaining connection slots",
    "too many connections",
    "out of shared memory",
    "the database system is starting up",
    "the database system is shutting down",
    "the database system is in recovery mode",
    "not yet accepting connections",
    "SSL SYSCALL error",
    "SSL connection has been closed unexpectedly",
];

/// PostgreSQL's words for 54000: pages have 8 KB, and an index has to find a place for every value.
const TOO_LARGE_WORDS: [&str; 3] = ["row is too big", "index row size", "index row requires"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_servers_are_sorted_by_what_helps() {
        for (message, kind) in [
            ("database is locked", FailureKind::Busy),
            ("canceling statement due to lock timeout", FailureKind::Busy),
            ("deadlock detected", FailureKind::Conflicting),
            ("could not translate host name \"db\" to address: Name or service not known", FailureKind::Away),
            ("FATAL:  sorry, too many clients already", FailureKind::Away),
            ("terminating connection due to administrator command", FailureKind::Away),
            ("index row requires 12816 bytes, maximum size is 8191", FailureKind::TooLarge),
            ("no such table: x", FailureKind::Fault),
        ] {
            assert_eq!(FailureKind::of_message(message), kind, "{message}");
        }
        assert!(is_refusal("FATAL:  password authentication failed for user \"x\""));
        assert!(!is_refusal("Connection refused") && !is_refusal("could not translate host name \"db\""));
        assert!(FailureKind::Away.passes() && !FailureKind::Unique.passes());
    }
}
