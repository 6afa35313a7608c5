//! The one place where requests to the storage are carried out.
//!
//! Who uses the storage is a handler on one of many single-threaded runtimes, or a worker on a plain thread. Connections
//! belong to the runtime that opened them, so all of them live in one of the storage's own, and callers only wait.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle, Runtime};

/// A runtime with one thread. Dropping it waits for nothing.
#[derive(Debug)]
pub(super) struct IoRuntime {
    handle: Handle,
    /// Taken on drop.
    runtime: Option<Runtime>,
}

impl IoRuntime {
    /// Starts the thread.
    pub(super) fn start() -> std::io::Result<Self> {
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).thread_name("objects").enable_all().build()?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }

    /// Where work is started. What it answers may be awaited anywhere.
    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for IoRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // The last owner may be a handler, which must not wait.
            runtime.shutdown_background();
        }
    }
}

/// Waits for a future that needs no runtime of the waiting thread, whichever thread that is.
pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Some(value) = block_on_for(future.as_mut(), Duration::MAX) {
            return value;
        }
    }
}

/// [`block_on`] for so long at most; then the future can be waited for again.
pub(super) fn block_on_for<T>(mut future: Pin<&mut impl Future<Output = T>>, wait: Duration) -> Option<T> {
    let begin = Instant::now();
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return Some(value);
        }
        match wait.checked_sub(begin.elapsed()) {
            Some(rest) if !rest.is_zero() => std::thread::park_timeout(rest),
            _ => return None,
        }
    }
}

/// Wakes a thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
