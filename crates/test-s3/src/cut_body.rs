//! A body that breaks off, as one does whose connection is lost.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::body::{Body as HttpBody, Bytes, Frame};
use s3s::{Body, StdError};

/// So many bytes of a body, and then an error.
pub(crate) struct CutBody {
    body: Body,
    left: usize,
    is_sent: bool,
}

impl CutBody {
    pub(crate) fn new(body: Body, bytes: usize) -> Self {
        Self { body, left: bytes, is_sent: false }
    }
}

impl HttpBody for CutBody {
    type Data = Bytes;
    type Error = StdError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StdError>>> {
        if self.left == 0 {
            if self.is_sent {
                return Poll::Ready(Some(Err("broken off on purpose".into())));
            }
            // While nothing more is to be had, what came so far is sent.
            self.is_sent = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        Poll::Ready(frame.map(|frame| {
            frame.map(|frame| {
                frame.map_data(|mut data| {
                    let sent = data.split_to(data.len().min(self.left));
                    self.left -= sent.len();
                    sent
                })
            })
        }))
    }
}
