//! The server, in a thread and a folder of its own.

use std::path::PathBuf;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{ETAG, IF_MATCH};
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, HttpError};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::cut_body::CutBody;
use crate::fault::{Fault, Switch};

/// The key's id that the server knows.
pub const ACCESS_KEY_ID: &str = "test-key";

/// The secret of [`ACCESS_KEY_ID`].
pub const SECRET_ACCESS_KEY: &str = "test-secret-of-nobody";

/// The one bucket that is there.
pub const BUCKET: &str = "archives";

/// A server on a free port of this machine. It ends when it is dropped, and its folder goes.
#[derive(Debug)]
pub struct S3Server {
    endpoint: String,
    switch: Arc<Switch>,
    dir: TempDir,
    runtime: Option<Runtime>,
}

impl S3Server {
    /// Starts one with an empty bucket.
    ///
    /// # Panics
    /// Where the machine gives no port, folder or thread.
    #[must_use]
    pub fn start() -> Self {
        Self::try_start().unwrap_or_else(|error| panic!("the S3 server does not start: {error}"))
    }

    fn try_start() -> Result<Self, Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        std::fs::create_dir(dir.path().join(BUCKET))?;
        let files = FileSystem::new(dir.path()).map_err(|error| format!("{error:?}"))?;
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single(ACCESS_KEY_ID, SECRET_ACCESS_KEY));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("test-s3")
            .enable_all()
            .build()?;
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let switch = Arc::new(Switch::default());
        let listener = {
            let _entered = runtime.enter();
            TcpListener::from_std(listener)?
        };
        runtime.spawn(accept(listener, service.build(), Arc::clone(&switch)));
        Ok(Self { endpoint, switch, dir, runtime: Some(runtime) })
    }

    /// The server's address. Buckets are named in the path.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Begins a fault, for this request and all after it.
    pub fn fail(&self, fault: Fault) {
        self.switch.set(Some(fault), 0);
    }

    /// Begins a fault once so many further requests were answered.
    pub fn fail_after(&self, requests: usize, fault: Fault) {
        self.switch.set(Some(fault), requests);
    }

    /// Ends the fault: everybody is answered again, those who wait included.
    pub fn recover(&self) {
        self.switch.set(None, 0);
    }

    /// How many requests came so far.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.switch.requests()
    }

    /// The keys of the objects in the bucket, in order.
    ///
    /// # Panics
    /// Where the folder cannot be read.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        let root = self.dir.path().join(BUCKET);
        let mut keys = Vec::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            let entries =
                std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
            for path in entries.flatten().map(|entry| entry.path()) {
                if path.is_dir() {
                    folders.push(path);
                } else if let Some(key) = path.strip_prefix(&root).ok().and_then(|key| key.to_str()) {
                    keys.push(key.to_owned());
                }
            }
        }
        keys.sort_unstable();
        keys
    }

    /// How many files of parts there are that belong to no object yet.
    ///
    /// # Panics
    /// Where the folder cannot be read.
    #[must_use]
    pub fn unfinished(&self) -> usize {
        let entries = std::fs::read_dir(self.dir.path());
        let entries = entries.unwrap_or_else(|error| panic!("{}: {error}", self.dir.path().display()));
        let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name.contains("upload")).count()
    }

    /// The file that holds an object, for tests that change it behind everybody's back.
    #[must_use]
    pub fn file(&self, key: &str) -> PathBuf {
        self.dir.path().join(BUCKET).join(key)
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn accept(listener: TcpListener, service: S3Service, switch: Arc<Switch>) {
    loop {
        // A connection that went away before it was taken is nobody's trouble.
        let Ok((socket, _)) = listener.accept().await else { continue };
        let (service, switch) = (service.clone(), Arc::clone(&switch));
        tokio::spawn(async move {
            let answer = service_fn(move |request| answer(service.clone(), Arc::clone(&switch), request));
            // The client sees for itself how the connection ends.
            let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(socket), answer).await;
        });
    }
}

async fn answer(
    service: S3Service,
    switch: Arc<Switch>,
    request: Request<Incoming>,
) -> Result<Response<Body>, HttpError> {
    let fault = switch.pass();
    match fault {
        Some(Fault::Unavailable) => return Ok(refusal(503, "ServiceUnavailable")),
        Some(Fault::Denied) => return Ok(refusal(403, "InvalidAccessKeyId")),
        Some(Fault::Silent) => switch.without(Fault::Silent).await,
        Some(Fault::Unfinished) if is_finish(&request) => switch.without(Fault::Unfinished).await,
        _ => {}
    }
    // As S3 does; the server behind tells nothing but a missing object.
    let path = request.uri().path();
    if path.split('/').nth(1) != Some(BUCKET) {
        return Ok(refusal(404, "NoSuchBucket"));
    }
    let is_read = request.method() == Method::GET;
    let expected = request.headers().get(IF_MATCH).cloned();
    let response = service.call(request.map(Body::from)).await?;
    // The server behind looks for this where objects are written, not where they are read.
    if is_read && expected.is_some() && response.headers().get(ETAG) != expected.as_ref() {
        return Ok(refusal(412, "PreconditionFailed"));
    }
    match fault {
        Some(Fault::Cut(bytes)) if is_read => {
            Ok(response.map(|body| Body::http_body_unsync(CutBody::new(body, bytes))))
        }
        _ => Ok(response),
    }
}

/// Whether an upload in parts is to be finished.
fn is_finish(request: &Request<Incoming>) -> bool {
    let query = request.uri().query().unwrap_or_default();
    request.method() == Method::POST && query.contains("uploadId=")
}

fn refusal(status: u16, code: &str) -> Response<Body> {
    let body =
        format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>on purpose</Message></Error>");
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or_default();
    response
}
