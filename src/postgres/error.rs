//! [`PostgresError`]: what went wrong between us and the server.

use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::error::SqlState;

use crate::checkpoint::CheckpointError;
use crate::store::StoreError;

/// What went wrong between this process and a PostgreSQL server. It is the source of
/// [`CheckpointError::Backend`] and [`StoreError::Backend`].
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum PostgresError {
    /// The address or an option cannot be used.
    #[error("the address of the PostgreSQL server or an option is wrong: {0}")]
    Config(String),
    /// There is no connection, and none came in the time that was given for it.
    #[error(
        "no connection to the PostgreSQL server: {reason}; nothing is lost, try again when it is there"
    )]
    Unavailable {
        /// What the system or the server said last.
        reason: String,
    },
    /// The server was reached, but no TLS came about that can be trusted. Nothing was sent to it.
    #[error(
        "no trusted TLS with the PostgreSQL server: {reason}; give its authority to `PostgresOptions::root_certificates`, and \
         the name that is in its certificate as `host`"
    )]
    Tls {
        /// What is wrong.
        reason: String,
    },
    /// All connections were busy for as long as one may be waited for.
    #[error(
        "all {connections} connections to the PostgreSQL server were busy for {waited:?}; raise \
         `PostgresOptions::connections`, or let lists end sooner"
    )]
    PoolFull {
        /// How many there may be.
        connections: usize,
        /// How long it was waited.
        waited: Duration,
    },
    /// The server gave up, as a statement took longer than it may (`statement_timeout`). Nothing was changed.
    #[error(
        "the PostgreSQL server ended a statement that took too long; nothing was changed, raise `statement_timeout`"
    )]
    StatementTimeout,
    /// The tables are not there, or of another version.
    #[error("the tables are missing or too old ({0}); call `Postgres::setup` once")]
    NotSetUp(String),
    /// Another process has taken over the thread since this one began to run it: its lease had run out. Nothing was written.
    #[error(
        "thread `{thread}` was taken over by another process, as this one was not heard of for too long; nothing was written"
    )]
    LeaseLost {
        /// The thread.
        thread: String,
    },
    /// A write that was submitted before this one failed, so this one was not made.
    #[error("not written, as what was submitted before it was not: {0}")]
    After(Arc<PostgresError>),
    /// A row cannot be understood.
    #[error("{what} cannot be read: {reason}")]
    Unreadable {
        /// Which row.
        what: String,
        /// Why.
        reason: String,
    },
    /// The server refused.
    #[error("the PostgreSQL server refused ({code}): {message}")]
    Refused {
        /// Its five-letter code.
        code: String,
        /// What it said.
        message: String,
    },
}

impl PostgresError {
    /// Whether the same may succeed at once on another connection.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Unavailable { .. } => true,
            Self::Refused { code, .. } => {
                let code = SqlState::from_code(code);
                code == SqlState::T_R_SERIALIZATION_FAILURE
                    || code == SqlState::T_R_DEADLOCK_DETECTED
            }
            _ => false,
        }
    }

    /// As the error of a checkpointer that was doing `what`.
    pub(super) fn checkpoint(self, what: impl Into<String>) -> CheckpointError {
        CheckpointError::Backend {
            what: what.into(),
            source: Arc::new(self),
        }
    }

    /// As the error of a store that was doing `what`.
    pub(super) fn store(self, what: &str) -> StoreError {
        StoreError::Backend {
            what: what.to_owned(),
            source: Arc::new(self),
        }
    }

    /// What of `error` came from a PostgreSQL server, if anything did: of a [`CheckpointError`], say, or of a run that failed with one.
    ///
    /// ```
    /// # fn look(error: stepwell::graph::GraphError) {
    /// use stepwell::postgres::PostgresError;
    ///
    /// if let Some(PostgresError::Unavailable { .. }) = PostgresError::of(&error) {
    ///     println!("the run can be continued when the server is there again");
    /// }
    /// # }
    /// ```
    pub fn of<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref::<Self>() {
                return Some(found);
            }
            let shared = error.downcast_ref::<Arc<dyn std::error::Error + Send + Sync>>();
            if let Some(found) = shared.and_then(|shared| shared.downcast_ref::<Self>()) {
                return Some(found);
            }
            next = error.source();
        }
        None
    }
}

impl From<tokio_postgres::Error> for PostgresError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(db) = error.as_db_error() else {
            let mut reason = error.to_string();
            if let Some(source) = std::error::Error::source(&error) {
                reason = format!("{reason}: {source}");
            }
            if is_of_tls(&error) {
                return Self::Tls { reason };
            }
            // What is no answer of the server is a connection that broke, but for what we have asked wrongly.
            return if is_of_values(&reason) {
                Self::Unreadable {
                    what: "an answer of the server".to_owned(),
                    reason,
                }
            } else {
                Self::Unavailable { reason }
            };
        };
        let code = db.code();
        let message = db.message().to_owned();
        let gone = [
            SqlState::ADMIN_SHUTDOWN,
            SqlState::CRASH_SHUTDOWN,
            SqlState::CANNOT_CONNECT_NOW,
            SqlState::TOO_MANY_CONNECTIONS,
            SqlState::READ_ONLY_SQL_TRANSACTION,
            SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        ];
        if gone.contains(code) || code.code().starts_with("08") {
            Self::Unavailable { reason: message }
        } else if *code == SqlState::QUERY_CANCELED {
            Self::StatementTimeout
        } else if *code == SqlState::UNDEFINED_TABLE || *code == SqlState::UNDEFINED_COLUMN {
            Self::NotSetUp(message)
        } else {
            Self::Refused {
                code: code.code().to_owned(),
                message,
            }
        }
    }
}

/// Whether another try would end as this one did.
fn is_of_tls(error: &tokio_postgres::Error) -> bool {
    let mut next = std::error::Error::source(error);
    while let Some(source) = next {
        let inner = source.downcast_ref::<std::io::Error>();
        let inner = inner.and_then(std::io::Error::get_ref);
        if source.is::<rustls::Error>() || inner.is_some_and(|inner| inner.is::<rustls::Error>()) {
            return true;
        }
        next = source.source();
    }
    // That it has none, or that a certificate names no host.
    let text = error.to_string();
    text.starts_with("error performing TLS handshake")
        && std::error::Error::source(error).is_some_and(|source| !source.is::<std::io::Error>())
}

fn is_of_values(reason: &str) -> bool {
    reason.starts_with("error serializing parameter")
        || reason.starts_with("error deserializing column")
        || reason.starts_with("expected ")
        || reason.starts_with("query returned")
}
