//! Clients that ask again and again over connections of their own, and how long they waited.
//!
//! They do no more than they must: client and servers share the machine, and an HTTP library would cost as much as the
//! server that is measured.

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value as Json;

/// Seconds before the measurement, in which pools and caches fill.
const WARM_UP: Duration = Duration::from_millis(500);

type Failed = Box<dyn Error + Send + Sync>;

/// What is asked, and how much of it.
pub(crate) struct Load {
    pub(crate) address: String,
    pub(crate) token: String,
    pub(crate) connections: usize,
    pub(crate) time: Duration,
}

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    /// JSON; empty where there is none.
    pub(crate) body: String,
}

/// What came of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    /// Answers a second.
    pub(crate) rate: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

impl Load {
    /// One answer, as JSON.
    pub(crate) fn answer(&self, request: &Request) -> Result<Json, Box<dyn Error>> {
        let body = Connection::open(self).and_then(|mut connection| connection.ask(request));
        let body = body.map_err(|error| error.to_string())?;
        Ok(serde_json::from_slice(&body)?)
    }

    /// Asks for the whole time. `request` makes a request from a number.
    pub(crate) fn run(&self, request: &(impl Fn(u64) -> Request + Sync)) -> Result<Figures, Box<dyn Error>> {
        let began = Instant::now() + WARM_UP;
        let waits = std::thread::scope(|scope| {
            let clients: Vec<_> = (0..self.connections)
                .map(|client| scope.spawn(move || self.client(client as u64, began, request)))
                .collect();
            let waits = clients.into_iter().map(|client| client.join().map_err(|_| "a client panicked")?);
            waits.collect::<Result<Vec<_>, Failed>>()
        });
        let mut waits = waits.map_err(|error| error.to_string())?.concat();
        waits.sort_unstable();
        let quantile = |share: f64| {
            let place = (waits.len() as f64 * share) as usize;
            waits.get(place).map_or(f64::NAN, |wait| wait.as_secs_f64() * 1e3)
        };
        let rate = waits.len() as f64 / self.time.as_secs_f64();
        Ok(Figures { rate, p50_ms: quantile(0.5), p99_ms: quantile(0.99) })
    }

    /// Waits of the answers that came within the time.
    fn client(
        &self,
        client: u64,
        began: Instant,
        request: &impl Fn(u64) -> Request,
    ) -> Result<Vec<Duration>, Failed> {
        let mut connection = Connection::open(self)?;
        let (mut waits, mut number) = (Vec::new(), client.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        while began.elapsed() < self.time {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let request = request(number >> 33);
            let asked = Instant::now();
            connection.ask(&request)?;
            if asked >= began {
                waits.push(asked.elapsed());
            }
        }
        Ok(waits)
    }
}

/// A connection that is kept.
struct Connection<'a> {
    stream: BufReader<TcpStream>,
    load: &'a Load,
}

impl<'a> Connection<'a> {
    fn open(load: &'a Load) -> Result<Self, Failed> {
        let stream = TcpStream::connect(&load.address)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), load })
    }

    /// Sends a request and reads the body of the answer.
    fn ask(&mut self, request: &Request) -> Result<Vec<u8>, Failed> {
        let Load { address, token, .. } = self.load;
        let Request { method, path, body } = request;
        let about = match body.len() {
            0 => String::new(),
            length => format!("Content-Type: application/json\r\nContent-Length: {length}\r\n"),
        };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n{about}\r\n{body}"
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let (mut line, mut length, mut is_first) = (String::new(), 0, true);
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            if std::mem::take(&mut is_first) && !line.starts_with("HTTP/1.1 20") {
                return Err(format!("{path}: {line}").into());
            }
            let lower = line.to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok(body)
    }
}
