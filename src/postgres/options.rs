//! [`PostgresOptions`]: how a server is talked to.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::postgres::{Postgres, PostgresError};

/// How a PostgreSQL server is talked to.
///
/// ```no_run
/// # async fn connect() -> Result<(), stepwell::postgres::PostgresError> {
/// use stepwell::postgres::Postgres;
///
/// let postgres = Postgres::options()
///     .connections(16)
///     .connect("postgresql://agent@db.example.com/agents?sslmode=require")?;
/// postgres.setup().await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    pub(super) connections: usize,
    pub(super) lists: usize,
    pub(super) wait: Duration,
    pub(super) retry: Duration,
    pub(super) lease: Duration,
    statement_timeout: Option<Duration>,
    roots: Vec<Vec<u8>>,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            connections: 8,
            lists: 4,
            wait: Duration::from_secs(10),
            retry: Duration::from_secs(20),
            lease: Duration::from_secs(30),
            statement_timeout: None,
            roots: Vec::new(),
        }
    }
}

impl PostgresOptions {
    /// At most so many connections for everything but lists; 8 by default, at least 2.
    #[must_use]
    pub fn connections(mut self, connections: usize) -> Self {
        self.connections = connections.max(2);
        self
    }

    /// At most so many lists of checkpoints at a time, each of which holds a connection until it ends; 4 by default, at least 1.
    #[must_use]
    pub fn lists(mut self, lists: usize) -> Self {
        self.lists = lists.max(1);
        self
    }

    /// For how long a free connection is waited for; 10 seconds by default.
    #[must_use]
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// For how long a write is tried again while the server cannot be reached; 20 seconds by default. Reads are tried again as
    /// long.
    #[must_use]
    pub fn retry(mut self, retry: Duration) -> Self {
        self.retry = retry;
        self
    }

    /// How long a thread stays with a process that is not heard of any more; 30 seconds by default, at least one. Processes say that they
    /// are there three times as often.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease.max(Duration::from_secs(1));
        self
    }

    /// The server gives a statement up that takes longer; by default as the server is set up.
    #[must_use]
    pub fn statement_timeout(mut self, timeout: Duration) -> Self {
        self.statement_timeout = Some(timeout);
        self
    }

    /// Certificates (PEM) of authorities that are trusted beside those of the system. Whenever TLS is used, the server's certificate
    /// must be valid for its name.
    #[must_use]
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots.push(pem.into());
        self
    }

    /// A handle on the server at `address`, a URL (`postgresql://…`) or a list of `key=value`. Nothing is sent before something is asked.
    ///
    /// `sslmode` is `disable`, `prefer` (the default: TLS if the server has it), `require`, `verify-ca` or `verify-full`, of which the last three
    /// mean the same here.
    ///
    /// # Errors
    /// [`PostgresError::Config`].
    pub fn connect(self, address: &str) -> Result<Postgres, PostgresError> {
        let config = |error: &dyn std::fmt::Display| PostgresError::Config(error.to_string());
        // Both ask for less than what is always done with TLS, or for the same.
        let address = address
            .replace("sslmode=verify-full", "sslmode=require")
            .replace("sslmode=verify-ca", "sslmode=require");
        let mut server: tokio_postgres::Config = address.parse().map_err(|e| config(&e))?;
        if server.get_application_name().is_none() {
            server.application_name("stepwell");
        }
        if server.get_connect_timeout().is_none() {
            server.connect_timeout(self.wait);
        }
        if let Some(timeout) = self.statement_timeout {
            let before = server.get_options().unwrap_or_default();
            let options = format!("{before} -c statement_timeout={}", timeout.as_millis());
            server.options(options.trim_start());
        }
        let tls = self.tls()?;
        let pool = |size| {
            let recycling_method = RecyclingMethod::Fast;
            let manager = ManagerConfig { recycling_method };
            let manager = Manager::from_config(server.clone(), tls.clone(), manager);
            let pool = Pool::builder(manager).max_size(size);
            let pool = pool.runtime(Runtime::Tokio1).wait_timeout(Some(self.wait));
            pool.build().map_err(|e| config(&e))
        };
        let (main, lists) = (pool(self.connections)?, pool(self.lists)?);
        Postgres::start(self, main, lists)
    }

    fn tls(&self) -> Result<MakeRustlsConnect, PostgresError> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        for pem in &self.roots {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.map_err(|e| PostgresError::Config(e.to_string()))?;
                let added = roots.add(certificate);
                added.map_err(|e| PostgresError::Config(e.to_string()))?;
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| PostgresError::Config(e.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(MakeRustlsConnect::new(config))
    }
}
