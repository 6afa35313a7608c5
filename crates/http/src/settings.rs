//! What an operator may set about the HTTP side, with the reasons for the defaults.

/// Settings of the HTTP server. Every limit bounds what one client can make the server hold or wait for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpSettings {
    /// Threads that serve connections; each takes many at once.
    pub server_threads: usize,
    /// Seconds that an idle connection stays open for the next request.
    pub keep_alive_s: u64,
    /// Seconds within which a request's head must be there: a client that sends it byte by byte is let go.
    pub request_head_timeout_s: u64,
    /// Seconds within which a JSON body must be there.
    pub body_timeout_s: u64,
    /// Seconds that an upload may pause between two parts of its body. There is no bound on the whole: a large
    /// archive over a slow line is fine as long as it moves.
    pub upload_idle_timeout_s: u64,
    /// Seconds given to answer what is in flight when the server stops.
    pub shutdown_grace_s: u64,
    /// Connections at once, in all.
    pub connections_max: usize,
    /// Bytes of a JSON body: room for the 10,000 records of one request, bounded in memory.
    pub json_body_bytes_max: usize,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            server_threads: std::thread::available_parallelism().map_or(2, usize::from),
            keep_alive_s: 75,
            request_head_timeout_s: 10,
            body_timeout_s: 60,
            upload_idle_timeout_s: 60,
            shutdown_grace_s: 30,
            connections_max: 10_000,
            json_body_bytes_max: 32 * 1024 * 1024,
        }
    }
}
