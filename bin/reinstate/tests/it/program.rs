//! The built program: run to its end, or as a server on a free port that ends with the test.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use reinstate_api::client::Client;

/// The secret of every test server.
pub(crate) const SECRET: &str = "a secret for tests that is long enough";
/// How long anything may take on a machine that is busy with other tests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The program without settings of whoever runs the tests.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reinstate"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("REINSTATE_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs the program to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    finish(command(arguments))
}

/// Runs a command to its end, which must come in time.
pub(crate) fn finish(mut command: Command) -> Output {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let id = child.id();
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || send.send(child.wait_with_output()));
    receive.recv_timeout(PATIENCE).map(Result::unwrap).unwrap_or_else(|_| {
        signal(id, "KILL");
        panic!("{command:?} did not end within {PATIENCE:?}")
    })
}

/// Sends a signal to a process that a test started.
pub(crate) fn signal(id: u32, name: &str) {
    let status = Command::new("sh").args(["-c", &format!("kill -{name} {id}")]).status().unwrap();
    assert!(status.success());
}

/// What a finished program printed to standard output.
pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What a finished program printed to standard error.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A token from the program itself.
pub(crate) fn token(tenant: &str, access: &str) -> String {
    let mut command = command(&["token", "--tenant", tenant, "--access", access]);
    command.env("REINSTATE_JWT_SECRET", SECRET);
    let output = finish(command);
    assert!(output.status.success(), "{}", stderr(&output));
    stdout(&output).trim().to_owned()
}

/// The command that serves on a free port, with its data in a folder.
pub(crate) fn serve(data: &Path, settings: &[(&str, &str)]) -> Command {
    let mut command = command(&["serve", "--listen", "127.0.0.1:0", "--data-dir"]);
    command.arg(data).env("REINSTATE_JWT_SECRET", SECRET).env("REINSTATE_LOG", "warn");
    command.envs(settings.iter().copied());
    command
}

/// A running server. Killed when dropped.
pub(crate) struct Server {
    child: Child,
    url: String,
}

impl Server {
    /// Starts a server with its data in a folder and waits until it listens.
    pub(crate) fn start(data: &Path, settings: &[(&str, &str)]) -> Self {
        Self::watch(serve(data, settings))
    }

    /// Waits until a server that a command starts listens.
    pub(crate) fn watch(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let (send, receive) = mpsc::channel();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        std::thread::spawn(move || {
            while let Some(Ok(line)) = lines.next() {
                // A test that has its address does not listen any more.
                let _ = send.send(line);
            }
        });
        let mut server = Self { child, url: String::new() };
        let line = receive.recv_timeout(PATIENCE).expect("the server said where it listens");
        server.url = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();
        server
    }

    /// Where the server listens.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// A client with full access to a tenant.
    pub(crate) fn client(&self, tenant: &str) -> Client {
        Client::new(&self.url, token(tenant, "full")).unwrap()
    }

    /// Ends the server as a loss of power would, without a chance to do anything.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Stops the process in its tracks, until it is woken.
    pub(crate) fn freeze(&self) {
        signal(self.child.id(), "STOP");
    }

    /// Lets a frozen process go on.
    pub(crate) fn wake(&self) {
        signal(self.child.id(), "CONT");
    }

    /// Status and body of an address that needs no token, over a connection of its own; none where nobody answers.
    pub(crate) fn get(&self, path: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(self.url.trim_start_matches("http://")).ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        signal(self.child.id(), "TERM");
    }

    /// Whether the server has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits until the server has ended.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        wait_for(|| self.child.try_wait().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks again and again until there is an answer.
pub(crate) fn wait_for<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(started.elapsed() < PATIENCE, "nothing happened for {PATIENCE:?}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Runs a client's call to its end.
pub(crate) fn block_on<T>(call: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(call)
}
