//! A throw-away cluster.

use std::fs;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::{programs, tls};

/// How long a server may take to answer after its start.
const START_MAX: Duration = Duration::from_secs(60);

/// Pause between two looks at a server that starts or stops.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Runs the server as a child of a shell that reads its input to the end: when the tests' process is gone, the
/// input ends, and the shell stops the server and removes its folder.
const SUPERVISOR: &str = r#"
    "$1/postgres" -D "$2/data" >>"$2/log" 2>&1 &
    server=$!
    echo "$server" >"$2/pid"
    cat >/dev/null
    kill -QUIT "$server" 2>/dev/null
    wait "$server"
    if [ "$(cat "$2/keep" 2>/dev/null)" != yes ]; then rm -rf "$2"; fi
"#;

/// What a cluster is to be like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClusterOptions {
    /// Connections that it takes at most.
    pub max_connections: u32,
    /// Whether it speaks TLS, and nothing else, to whoever comes over TCP.
    pub tls: bool,
}

impl Default for ClusterOptions {
    fn default() -> Self {
        // Tests run side by side, with several pools each.
        Self { max_connections: 500, tls: false }
    }
}

/// A server of a test's own: it can be stopped and started. Goes with the value.
#[derive(Debug)]
pub struct Cluster {
    folder: PathBuf,
    port: u16,
    root_certificate: Option<PathBuf>,
    supervisor: Option<Child>,
}

impl Cluster {
    /// Makes a cluster and starts it.
    ///
    /// # Panics
    /// Where there are no programs, or they fail.
    #[must_use]
    pub fn start_new(options: ClusterOptions) -> Self {
        let folder = TempDir::with_prefix("reinstate-postgres-").expect("a temporary folder").keep();
        let port = free_port();
        let mut cluster = Self { folder, port, root_certificate: None, supervisor: None };
        cluster.give_away(&cluster.folder);
        cluster.initialize(options);
        cluster.start();
        cluster
    }

    /// The URL of its first database, for its superuser.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// The certificate that signed the server's own, where it speaks TLS.
    #[must_use]
    pub fn root_certificate(&self) -> Option<&Path> {
        self.root_certificate.as_deref()
    }

    /// Stops it at once, as a crash would; what was committed is recovered at the next start.
    ///
    /// # Panics
    /// Where it does not stop.
    pub fn stop(&mut self) {
        let Some(mut supervisor) = self.supervisor.take() else { return };
        fs::write(self.folder.join("keep"), "yes").expect("a note for the supervisor");
        drop(supervisor.stdin.take());
        supervisor.wait().expect("the supervisor's end");
    }

    /// Starts it after a stop, on the same port.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn start(&mut self) {
        let _ = fs::remove_file(self.folder.join("keep"));
        let mut command = self.command("sh");
        command.arg("-c").arg(SUPERVISOR).arg("sh").arg(programs::folder()).arg(&self.folder);
        // A group of its own: an interrupt at the terminal reaches the tests first.
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        self.supervisor = Some(command.spawn().expect("a shell"));
        self.wait_until_ready();
    }

    /// Stops and starts it.
    pub fn restart_immediate(&mut self) {
        self.stop();
        self.start();
    }

    fn initialize(&mut self, options: ClusterOptions) {
        let data = self.folder.join("data");
        let mut initdb = self.command(programs::folder().join("initdb"));
        initdb.args([
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--no-locale",
            "--no-sync",
            "-D",
        ]);
        let done = initdb.arg(&data).output().expect("initdb runs");
        assert!(done.status.success(), "initdb failed: {}", String::from_utf8_lossy(&done.stderr));
        let (port, folder) = (self.port, self.folder.display());
        let max_connections = options.max_connections;
        let mut configuration = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{folder}'\n\
             max_connections = {max_connections}\nfsync = off\nfull_page_writes = off\n\
             shared_buffers = 64MB\nmax_wal_size = 256MB\nautovacuum = off\njit = off\n"
        );
        if options.tls {
            let certificates = tls::make();
            self.keep("server.key", &certificates.server_key, 0o600);
            self.keep("server.crt", &certificates.server, 0o644);
            self.root_certificate = Some(self.keep("root.crt", &certificates.root, 0o644));
            configuration.push_str(&format!(
                "ssl = on\nssl_cert_file = '{folder}/server.crt'\nssl_key_file = '{folder}/server.key'\n"
            ));
            let only_tls = "local all all trust\nhostssl all all all trust\n";
            fs::write(data.join("pg_hba.conf"), only_tls).expect("the rules of access");
        }
        let file = fs::OpenOptions::new().append(true).open(data.join("postgresql.conf"));
        file.and_then(|mut file| file.write_all(configuration.as_bytes())).expect("the configuration");
    }

    fn keep(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.folder.join(name);
        fs::write(&path, text).expect("a file of the cluster");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("its permissions");
        self.give_away(&path);
        path
    }

    /// Gives a file to the user under which the server runs.
    fn give_away(&self, path: &Path) {
        if let Some((user, group)) = programs::user() {
            std::os::unix::fs::chown(path, Some(user), Some(group)).expect("a file for the server's user");
        }
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder).env("LC_ALL", "C");
        if let Some((user, group)) = programs::user() {
            command.uid(user).gid(group);
        }
        command
    }

    fn wait_until_ready(&mut self) {
        let deadline = Instant::now() + START_MAX;
        // The port answers before the server does; the file says that it does.
        while !self.is_ready() {
            let ended = self.supervisor.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(Some(_))));
            let log = || fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            assert!(!ended && Instant::now() < deadline, "PostgreSQL did not start: {}", log());
            std::thread::sleep(LOOK_EVERY);
        }
    }

    fn is_ready(&self) -> bool {
        let state = fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap_or_default();
        state.lines().nth(7).is_some_and(|line| line.trim() == "ready")
            && TcpStream::connect(("127.0.0.1", self.port)).is_ok()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Where it was stopped, nobody else removes the folder.
        if self.supervisor.is_none() {
            let _ = fs::remove_dir_all(&self.folder);
        }
        if let Some(mut supervisor) = self.supervisor.take() {
            drop(supervisor.stdin.take());
            let _ = supervisor.wait();
        }
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("its address").port()
}
