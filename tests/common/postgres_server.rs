//! A PostgreSQL server of the tests' own: in a directory of its own, on a socket in it, ended when it is dropped.
//!
//! Programs are looked for in `STEPWELL_POSTGRES_BIN`, where Debian puts them, and in `PATH`. The server refuses to run as root, so if that is
//! who runs the tests it runs as `postgres`, or as `nobody`.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A server that runs.
pub(crate) struct Server {
    bin: PathBuf,
    process: Option<Child>,
    directory: TempDir,
    port: u16,
    settings: Vec<String>,
}

impl Server {
    /// Starts a server; `None`, and says so, if there is none on this machine.
    pub(crate) fn start(settings: &[&str]) -> Option<Self> {
        Self::start_on(5432, settings, &[])
    }

    /// The same on a port, which `settings` say too, with files that only it may read, by name, in the directory above that of its data.
    pub(crate) fn start_on(port: u16, settings: &[&str], files: &[(&str, String)]) -> Option<Self> {
        let Some(bin) = programs() else {
            let what = "no PostgreSQL server is installed (initdb, postgres)";
            assert!(
                std::env::var_os("STEPWELL_REQUIRE_POSTGRES").is_none(),
                "{what}"
            );
            println!("SKIPPED: {what}; on Debian: apt-get install postgresql");
            return None;
        };
        let directory = tempfile::Builder::new()
            .prefix("stepwell-pg")
            .tempdir()
            .unwrap();
        let given = |path: &std::path::Path| {
            if let Some(user) = other_user() {
                let (uid, gid) = user.ids;
                std::os::unix::fs::chown(path, Some(uid), Some(gid)).unwrap();
            }
        };
        given(directory.path());
        for (name, text) in files {
            use std::os::unix::fs::PermissionsExt;
            let path = directory.path().join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
            given(&path);
        }
        let mut server = Self {
            bin,
            process: None,
            directory,
            port,
            settings: settings.iter().map(ToString::to_string).collect(),
        };
        let data = server.data();
        let made = server
            .command("initdb")
            .args([
                "-D",
                &data,
                "-U",
                "postgres",
                "--auth=trust",
                "-E",
                "UTF8",
                "--no-sync",
            ])
            .args(["--locale=C.UTF-8"])
            .stdout(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "initdb: {said}");
        server.run();
        Some(server)
    }

    fn data(&self) -> String {
        self.directory.path().join("data").display().to_string()
    }

    /// The address of one of its databases.
    pub(crate) fn address(&self, database: &str) -> String {
        let socket = self.directory.path().display();
        format!("host={socket} user=postgres dbname={database}")
    }

    /// The same as a URL.
    pub(crate) fn url(&self, database: &str) -> String {
        let socket = self.directory.path().display();
        format!("postgresql:///{database}?host={socket}&user=postgres")
    }

    /// Makes a database and gives its address.
    pub(crate) fn database(&self, name: &str) -> String {
        self.sql("postgres", &format!("CREATE DATABASE \"{name}\""));
        self.address(name)
    }

    /// What the server says to `sql`, without headings.
    pub(crate) fn sql(&self, database: &str, sql: &str) -> String {
        let said = Command::new(self.bin.join("psql"))
            .arg("-h")
            .arg(self.directory.path())
            .args(["-p", &self.port.to_string()])
            .args([
                "-U",
                "postgres",
                "-d",
                database,
                "-qAtX",
                "-v",
                "ON_ERROR_STOP=1",
            ])
            .args(["-c", sql])
            .output()
            .unwrap();
        assert!(said.status.success(), "{sql}: {said:?}");
        String::from_utf8(said.stdout).unwrap().trim().to_owned()
    }

    /// Starts it again, if it was stopped.
    pub(crate) fn run(&mut self) {
        let data = self.data();
        let socket = self.directory.path().display().to_string();
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.directory.path().join("log"))
            .unwrap();
        let settings = self.settings.iter().flat_map(|of| ["-c", of]);
        let started = self
            .command("postgres")
            .args(["-D", &data, "-k", &socket, "-h", ""])
            // Nobody cuts the power here.
            .args(["-c", "fsync=off", "-c", "max_connections=60"])
            .args(settings)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.process = Some(started);
        let end = Instant::now() + Duration::from_secs(60);
        while !self.is_ready() {
            assert!(Instant::now() < end, "the server does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn is_ready(&self) -> bool {
        let asked = Command::new(self.bin.join("pg_isready"))
            .arg("-q")
            .arg("-h")
            .arg(self.directory.path())
            .args(["-p", &self.port.to_string()])
            .status();
        asked.unwrap().success()
    }

    /// Ends it at once, as if the machine had lost power but for what it has written.
    pub(crate) fn kill(&mut self) {
        self.end("immediate");
    }

    /// Ends it so that whoever is connected is thrown out.
    pub(crate) fn stop(&mut self) {
        self.end("fast");
    }

    fn end(&mut self, mode: &str) {
        if let Some(mut process) = self.process.take() {
            let data = self.data();
            let stopped = self
                .command("pg_ctl")
                .args(["stop", "-s", "-D", &data, "-m", mode, "-t", "30"])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            if !stopped.is_ok_and(|status| status.success()) {
                let _ = process.kill();
            }
            let _ = process.wait();
        }
    }

    fn command(&self, program: &str) -> Command {
        let program = self.bin.join(program);
        let mut command = match other_user() {
            Some(user) => {
                let (uid, gid) = user.ids;
                let mut command = Command::new("setpriv");
                command
                    .arg(format!("--reuid={uid}"))
                    .arg(format!("--regid={gid}"))
                    .args(["--clear-groups", "--pdeathsig=INT"])
                    .arg(program);
                command
            }
            None => Command::new(program),
        };
        command.current_dir(self.directory.path());
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end("immediate");
    }
}

/// Where the programs are.
fn programs() -> Option<PathBuf> {
    let named = std::env::var_os("STEPWELL_POSTGRES_BIN").map(PathBuf::from);
    let mut debian: Vec<_> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|version| Some(version.ok()?.path().join("bin")))
        .collect();
    debian.sort();
    debian.reverse();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path: Vec<_> = std::env::split_paths(&path).collect();
    let all = named.into_iter().chain(debian).chain(path);
    let needed = ["initdb", "postgres", "pg_ctl", "pg_isready", "psql"];
    all.into_iter()
        .find(|bin| needed.iter().all(|program| bin.join(program).is_file()))
}

struct User {
    ids: (u32, u32),
}

/// As whom the server runs, if it must not be whoever runs the tests.
fn other_user() -> Option<User> {
    use std::os::unix::fs::MetadataExt;
    let me = std::fs::metadata("/proc/self").unwrap().uid();
    if me != 0 {
        return None;
    }
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
    let find = |name: &str| {
        let line = passwd
            .lines()
            .find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        let ids = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(User { ids })
    };
    find("postgres").or_else(|| find("nobody"))
}
