//! TLS: who is trusted, and what is said of who is not.

use std::path::Path;
use std::process::{Command, Stdio};

use futures::executor::block_on;
use stepwell::postgres::{Postgres, PostgresError};
use tempfile::TempDir;

use crate::server::Server;

/// An authority, and a certificate of it for `localhost`.
struct Authority {
    root: String,
    certificate: String,
    key: String,
}

fn openssl(directory: &Path, arguments: &str) -> Option<()> {
    let mut command = Command::new("openssl");
    let command = command.args(arguments.split(' ')).current_dir(directory);
    let ended = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    ended.ok().filter(|status| status.success()).map(drop)
}

impl Authority {
    /// `None`, and says so, if there is no `openssl` on this machine, which Debian's server brings.
    fn make() -> Option<Self> {
        let directory = TempDir::new().unwrap();
        let at = directory.path();
        std::fs::write(at.join("names"), "subjectAltName=DNS:localhost\n").unwrap();
        let new = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
        let made = openssl(at, &format!("req -x509 {new} -keyout ca.key -out ca.crt -subj /CN=root -days 2"))
            .and_then(|()| openssl(at, &format!("req {new} -keyout key -out request -subj /CN=localhost")))
            .and_then(|()| {
                let signed = "x509 -req -in request -CA ca.crt -CAkey ca.key -set_serial 2 -days 2 -extfile names -out crt";
                openssl(at, signed)
            });
        if made.is_none() {
            assert!(
                std::env::var_os("STEPWELL_REQUIRE_POSTGRES").is_none(),
                "no openssl"
            );
            println!("SKIPPED: `openssl` cannot make certificates here");
            return None;
        }
        let read = |name: &str| std::fs::read_to_string(at.join(name)).unwrap();
        Some(Self {
            root: read("ca.crt"),
            certificate: read("crt"),
            key: read("key"),
        })
    }
}

fn port() -> u16 {
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    free.local_addr().unwrap().port()
}

fn refusal(address: &str, root: Option<&str>) -> PostgresError {
    let mut options = Postgres::options();
    if let Some(root) = root {
        options = options.root_certificates(root);
    }
    let begun = std::time::Instant::now();
    let error = block_on(options.connect(address).unwrap().setup()).unwrap_err();
    // It would not be another one later.
    assert!(
        begun.elapsed() < std::time::Duration::from_secs(10),
        "{error}"
    );
    error
}

#[test]
fn a_server_is_trusted_if_its_certificate_is_of_the_right_authority_and_name() {
    let (Some(right), Some(wrong)) = (Authority::make(), Authority::make()) else {
        return;
    };
    let port = port();
    let listens = format!("port={port}");
    let settings = [
        "listen_addresses=localhost",
        &listens,
        "ssl=on",
        "ssl_cert_file=../server.crt",
        "ssl_key_file=../server.key",
    ];
    let files = [
        ("server.crt", right.certificate.clone()),
        ("server.key", right.key.clone()),
    ];
    let Some(server) = Server::start_on(port, &settings, &files) else {
        return;
    };
    server.database("tls");
    let address = |host: &str, mode: &str| {
        format!(
            "postgresql://postgres@{host}:{port}/tls?sslmode={mode}&application_name=here-{mode}"
        )
    };
    for mode in ["prefer", "require", "verify-ca", "verify-full"] {
        let options = Postgres::options().root_certificates(right.root.as_str());
        let postgres = options.connect(&address("localhost", mode)).unwrap();
        block_on(postgres.setup()).unwrap();
        let encrypted = format!(
            "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'here-{mode}'"
        );
        assert_eq!(server.sql("tls", &encrypted), "t", "{mode}");
    }
    for mode in ["prefer", "require", "verify-full"] {
        for root in [None, Some(wrong.root.as_str())] {
            let error = refusal(&address("localhost", mode), root);
            assert!(
                matches!(error, PostgresError::Tls { .. }),
                "{mode}: {error:?}"
            );
        }
    }
    // The same server by a name that its certificate does not have.
    let error = refusal(&address("127.0.0.1", "require"), Some(right.root.as_str()));
    assert!(matches!(error, PostgresError::Tls { .. }), "{error:?}");
    assert!(error.to_string().contains("root_certificates"));
    let no_certificate = Postgres::options().root_certificates("-----BEGIN CERTIFICATE-----\n");
    let error = no_certificate
        .connect(&address("localhost", "require"))
        .unwrap_err();
    assert!(matches!(error, PostgresError::Config(_)), "{error:?}");
}

#[test]
fn a_server_without_tls_is_refused_where_it_is_required() {
    let port = port();
    let listens = format!("port={port}");
    let Some(server) = Server::start_on(port, &["listen_addresses=localhost", &listens], &[])
    else {
        return;
    };
    server.database("plain");
    let address = |mode| format!("postgresql://postgres@localhost:{port}/plain?sslmode={mode}");
    let error = refusal(&address("verify-full"), None);
    assert!(matches!(error, PostgresError::Tls { .. }), "{error:?}");
    block_on(Postgres::connect(&address("prefer")).unwrap().setup()).unwrap();
}
