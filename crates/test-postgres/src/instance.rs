//! A server's folder and port: how it is made, started and watched. Who ends it is up to the caller.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::ops::Range;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::cluster::ClusterOptions;
use crate::{programs, tls};

/// How long a server may take to answer after its start, recovery included.
const START_MAX: Duration = Duration::from_secs(60);

/// Pause between two looks at a server that starts.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Ports to choose from: below those that systems give to outgoing connections, so that none of these takes the
/// port while its server is stopped.
const PORTS: Range<u16> = 20_000..30_000;

/// Ports to try: between the choice of one and its use, another server may take it.
const PORT_TRIES: u32 = 5;

/// How long a shared server stays without users: longer than the pause between two test binaries.
const GRACE_SECONDS: u32 = 10;

/// A folder in memory. A database is three hundred files, which are made there at a tenth of the cost.
const MEMORY: &str = "/dev/shm";

/// Room in memory from which on servers are made there: several hundred databases of 8 MB and their log.
const MEMORY_MIN_KIB: u64 = 4 * 1024 * 1024;

/// Settings of a server that keeps nothing safe and is quick to make.
const QUICK: &str = "fsync = off\nfull_page_writes = off\nshared_buffers = 64MB\nmax_wal_size = 256MB\n\
    autovacuum = off\njit = off\n";

/// A FIFO in the folder of a shared server; whoever holds it open uses the server.
pub(crate) const DOOR: &str = "door";

/// A mark beside the door, set by whoever comes in.
pub(crate) const CAME: &str = "came";

/// A note that the folder is to stay when the server is stopped.
const KEEP: &str = "keep";

/// A note that the server ended.
const ENDED: &str = "ended";

/// A copy of the certificate that signed the server's.
const ROOT_CERTIFICATE: &str = "root.crt";

/// Runs the server until its input ends, then stops it and removes its folder. The input is held open by the users
/// of the server, and by nothing else: it ends with the last of them, however that ended.
///
/// Where there is a door, the input is read from it, and users may come and go. The door is closed (renamed) only
/// when nobody came during the grace time; whoever slipped in just before is still in the input, and is waited for.
const SUPERVISOR: &str = r#"
    cd "$2" || exit 1
    { "$1/postgres" -D data -p "$3" >>log 2>&1 & echo "$!" >pid; wait "$!"; : >ended; } &
    runner=$!
    while :; do
        cat >/dev/null
        [ -p door ] || break
        sleep "$4"
        if [ -e came ]; then rm -f came; else mv door closed; fi
    done
    [ -e ended ] || kill -QUIT "$(cat pid)"
    wait "$runner"
    [ -e keep ] || { cd / && rm -rf "$2"; }
"#;

/// A server's folder and port.
#[derive(Debug, Clone)]
pub(crate) struct Instance {
    pub(crate) folder: PathBuf,
    pub(crate) port: u16,
}

impl Instance {
    /// Makes the folder of a new server, which does not run yet.
    pub(crate) fn create(options: ClusterOptions) -> Self {
        let folder = TempDir::with_prefix_in("reinstate-postgres-", ground(options))
            .expect("a temporary folder")
            .keep();
        let instance = Self { folder, port: free_port() };
        instance.give_away(&instance.folder);
        instance.initialize();
        instance.configure(options);
        instance
    }

    /// Starts a new server, on another port where the chosen one is taken meanwhile.
    pub(crate) fn start_first(&mut self, input: impl Fn() -> Stdio) -> Child {
        for _ in 1..PORT_TRIES {
            let child = self.start(input());
            let mut child = match child {
                Ok(child) => return child,
                Err((child, log)) if log.contains("Address already in use") => child,
                Err((_, log)) => panic!("PostgreSQL did not start: {log}"),
            };
            // Its server is gone, and it would wait for the users of the door, who are here.
            child.kill().and_then(|()| child.wait()).expect("the supervisor's end");
            let _ = fs::remove_file(self.folder.join("log"));
            self.port = free_port();
        }
        self.start(input()).unwrap_or_else(|(_, log)| panic!("PostgreSQL did not start: {log}"))
    }

    /// Starts the server under a supervisor that reads `input`, and waits until it answers.
    ///
    /// # Errors
    /// The supervisor and the server's log, where it does not answer.
    pub(crate) fn start(&self, input: Stdio) -> Result<Child, (Child, String)> {
        for note in [KEEP, ENDED] {
            let _ = fs::remove_file(self.folder.join(note));
        }
        let mut command = self.command("sh");
        command.args(["-c", SUPERVISOR, "sh"]).arg(programs::folder()).arg(&self.folder);
        command.arg(self.port.to_string()).arg(GRACE_SECONDS.to_string());
        // A group of its own: an interrupt at the terminal reaches the tests alone.
        command.stdin(input).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let child = command.spawn().expect("a shell");
        if self.wait_until_ready() {
            return Ok(child);
        }
        Err((child, fs::read_to_string(self.folder.join("log")).unwrap_or_default()))
    }

    /// Has the supervisor leave the folder behind when the server is stopped.
    pub(crate) fn keep_folder(&self) {
        fs::write(self.folder.join(KEEP), "").expect("a note for the supervisor");
    }

    /// Whether the server takes connections now.
    pub(crate) fn is_ready(&self) -> bool {
        // The port answers before the server does; the file says that it does.
        let state = fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap_or_default();
        state.lines().nth(7).is_some_and(|line| line.trim() == "ready")
            && TcpStream::connect(("127.0.0.1", self.port)).is_ok()
    }

    /// The URL of the server's first database, for its superuser.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Where the certificate is that signed the server's, if it speaks TLS.
    pub(crate) fn root_certificate(&self) -> PathBuf {
        self.folder.join(ROOT_CERTIFICATE)
    }

    /// Makes a FIFO that the server's user may read.
    pub(crate) fn make_door(&self) {
        let made = self.command("mkfifo").arg(self.folder.join(DOOR)).status().expect("mkfifo runs");
        assert!(made.success(), "mkfifo failed");
    }

    fn initialize(&self) {
        let mut initdb = self.command(programs::folder().join("initdb"));
        initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"]);
        let done = initdb.arg("-D").arg(self.folder.join("data")).output().expect("initdb runs");
        assert!(done.status.success(), "initdb failed: {}", String::from_utf8_lossy(&done.stderr));
    }

    fn configure(&self, options: ClusterOptions) {
        let (data, folder) = (self.folder.join("data"), self.folder.display());
        let max_connections = options.max_connections;
        // Shared memory in files of its folder goes with the folder; after a stop at once, other kinds would stay.
        let mut configuration = format!(
            "listen_addresses = '127.0.0.1'\nunix_socket_directories = '{folder}'\n\
             max_connections = {max_connections}\ndynamic_shared_memory_type = mmap\n"
        );
        if !options.plain {
            configuration.push_str(QUICK);
        }
        if options.tls {
            let certificates = tls::make();
            self.write("server.key", &certificates.server_key, 0o600);
            self.write("server.crt", &certificates.server, 0o644);
            self.write(ROOT_CERTIFICATE, &certificates.root, 0o644);
            configuration.push_str(&format!(
                "ssl = on\nssl_cert_file = '{folder}/server.crt'\nssl_key_file = '{folder}/server.key'\n"
            ));
            let only_tls = "local all all trust\nhostssl all all all trust\n";
            fs::write(data.join("pg_hba.conf"), only_tls).expect("the rules of access");
        }
        let file = fs::OpenOptions::new().append(true).open(data.join("postgresql.conf"));
        file.and_then(|mut file| file.write_all(configuration.as_bytes())).expect("the configuration");
    }

    fn write(&self, name: &str, text: &str, mode: u32) {
        let path = self.folder.join(name);
        fs::write(&path, text).expect("a file of the cluster");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("its permissions");
        self.give_away(&path);
    }

    /// Gives a file to the user under which the server runs.
    fn give_away(&self, path: &Path) {
        if let Some((user, group)) = programs::user() {
            std::os::unix::fs::chown(path, Some(user), Some(group)).expect("a file for the server's user");
        }
    }

    /// A command in the server's folder, as its user.
    fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder).env("LC_ALL", "C");
        if let Some((user, group)) = programs::user() {
            command.uid(user).gid(group);
        }
        command
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a server of its own process says in a file that it is ready"
    )]
    fn wait_until_ready(&self) -> bool {
        let deadline = Instant::now() + START_MAX;
        while !self.is_ready() {
            if self.folder.join(ENDED).exists() || Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        true
    }
}

/// Where servers are made: in memory where there is room, else where temporary files go.
fn ground(options: ClusterOptions) -> PathBuf {
    if options.plain {
        return std::env::temp_dir();
    }
    let output = Command::new("df").args(["-Pk", MEMORY]).stderr(Stdio::null()).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let free_kib = text.lines().nth(1).and_then(|line| line.split_whitespace().nth(3)?.parse::<u64>().ok());
    match free_kib {
        Some(free_kib) if free_kib >= MEMORY_MIN_KIB => PathBuf::from(MEMORY),
        _ => std::env::temp_dir(),
    }
}

/// A port that nobody listens on.
fn free_port() -> u16 {
    static TRIED: AtomicU32 = AtomicU32::new(0);
    // Processes that start together begin at different places.
    let begin = std::process::id().wrapping_mul(97);
    let count = u32::from(PORTS.end - PORTS.start);
    (0..count)
        .map(|_| begin.wrapping_add(TRIED.fetch_add(1, Ordering::Relaxed)) % count)
        .filter_map(|offset| u16::try_from(offset).ok())
        .map(|offset| PORTS.start + offset)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{File, OpenOptions};

    #[test]
    fn port_that_is_taken_meanwhile_is_exchanged() {
        let mut instance =
            Instance::create(ClusterOptions { max_connections: 10, ..ClusterOptions::default() });
        let other = TcpListener::bind(("127.0.0.1", instance.port)).unwrap();
        instance.make_door();
        let door_path = instance.folder.join(DOOR);
        let door = OpenOptions::new().read(true).write(true).open(&door_path).unwrap();
        let mut supervisor = instance.start_first(|| Stdio::from(File::open(&door_path).unwrap()));
        assert_ne!(other.local_addr().unwrap().port(), instance.port);
        fs::remove_file(&door_path).unwrap();
        drop(door);
        supervisor.wait().unwrap();
        assert!(!instance.folder.exists());
    }
}
