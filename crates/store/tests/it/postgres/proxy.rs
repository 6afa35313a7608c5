//! A way to the server that breaks at a chosen word.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Passes everything on, until it is told to break: then the next message that holds the word still gets to the
/// server, and its answer does not come back.
pub(super) struct Proxy {
    port: u16,
    breaks: Arc<AtomicBool>,
}

impl Proxy {
    /// A way to the server at a `postgres://` URL's host and port.
    pub(super) fn new(url: &str, word: &'static str) -> Self {
        let authority = url.split("://").nth(1).unwrap().split('/').next().unwrap();
        let server = authority.rsplit('@').next().unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let breaks = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&breaks);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = TcpStream::connect(&server).unwrap();
                pass_on(client, server, word, &told);
            }
        });
        Self { port, breaks }
    }

    /// The URL with the way through here.
    pub(super) fn url(&self, url: &str) -> String {
        let authority = url.split("://").nth(1).unwrap().split('/').next().unwrap();
        let server = authority.rsplit('@').next().unwrap();
        url.replacen(server, &format!("127.0.0.1:{}", self.port), 1)
    }

    /// From now on the word breaks the way that it goes, once.
    pub(super) fn break_next(&self) {
        self.breaks.store(true, Ordering::SeqCst);
    }

    /// Whether the way broke since it was told to.
    pub(super) fn has_broken(&self) -> bool {
        !self.breaks.load(Ordering::SeqCst)
    }
}

fn pass_on(client: TcpStream, server: TcpStream, word: &'static str, breaks: &Arc<AtomicBool>) {
    let (mut from_client, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let breaks = Arc::clone(breaks);
    let to_close = client.try_clone().unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 64 * 1024];
        while let Ok(count @ 1..) = from_client.read(&mut buffer) {
            let message = &buffer[..count];
            let has_word = message.windows(word.len()).any(|part| part == word.as_bytes());
            if has_word && breaks.swap(false, Ordering::SeqCst) {
                // First the way back, so that the answer cannot be faster.
                to_close.shutdown(Shutdown::Both).unwrap();
            }
            if to_server.write_all(message).is_err() {
                break;
            }
        }
        // Nothing more is sent; what was sent is still carried out.
        to_server.shutdown(Shutdown::Write).ok();
    });
    std::thread::spawn(move || {
        std::io::copy(&mut &server, &mut &client).ok();
        client.shutdown(Shutdown::Both).ok();
    });
}
