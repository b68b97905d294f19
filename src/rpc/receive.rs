//! The body of a request while it comes in: its bytes have room before they are read on, and a message
//! that has begun must come on.
//!
//! Bytes count from when they are read until the call is answered; of a stream of requests, until that
//! request is ([`Receiving::take`]). Without room the body is not read, so that HTTP/2 stops its sender,
//! for [`ROOM_WITHIN`]; then it is refused. A message may take [`BEGIN_WITHIN`], and a second more for
//! each [`BYTES_A_SECOND`] of it that have come. Between the messages of a stream any time may pass.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body as _, Frame};
use tonic::Status;
use tonic::body::Body;

use super::error;
use super::limits::{Held, Purse};
use crate::env::Env;
use crate::model::Error;

/// A message has so long from the start, ...
const BEGIN_WITHIN: Duration = Duration::from_secs(30);

/// ... and a second for each of these.
const BYTES_A_SECOND: u64 = 16 * 1024;

/// How long bytes may wait for room.
const ROOM_WITHIN: Duration = Duration::from_secs(10);

/// Before each message: a flag and its length (gRPC over HTTP/2, "Length-Prefixed-Message").
const PREFIX_LEN: usize = 5;

/// What a call has received and not done with. Dropped with the last clone.
#[derive(Clone, Default)]
pub(super) struct Receiving(Arc<Mutex<Received>>);

#[derive(Default)]
struct Received {
    held: Option<Held>,
    framing: Framing,
}

/// What a call sends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// One message.
    One,
    /// Messages, each of which is taken ([`Receiving::take`]) and answered by itself.
    Taken,
    /// Messages that are small and answered one after the other.
    Passing,
}

/// Where messages begin and end.
#[derive(Default)]
struct Framing {
    prefix: Vec<u8>,
    /// Of the message under way, what is still to come.
    left: usize,
    len: usize,
    /// The lengths of those that have come whole, prefix included.
    whole: VecDeque<usize>,
}

type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;
type Room = Pin<Box<dyn Future<Output = Option<Held>> + Send>>;

struct Metered {
    body: Body,
    env: Env,
    purse: Purse,
    receiving: Receiving,
    shape: Shape,
    began: Option<Duration>,
    count: u64,
    timer: Option<Sleep>,
    waiting: Option<(Bytes, Room)>,
}

impl Receiving {
    /// The body to read instead, and what it holds.
    pub(super) fn meter(body: Body, shape: Shape, purse: Purse, env: Env) -> (Body, Self) {
        let receiving = Self::default();
        if body.is_end_stream() {
            return (body, receiving);
        }
        let metered = Metered {
            body,
            purse,
            receiving: receiving.clone(),
            shape,
            began: (shape == Shape::One).then(|| env.monotonic()),
            env,
            count: 0,
            timer: None,
            waiting: None,
        };
        (Body::new(metered), receiving)
    }

    /// What the next message of a stream holds, which has been read.
    pub(super) fn take(&self) -> Option<Held> {
        let mut received = self.0.lock().expect("no code panics here");
        let len = received.framing.whole.pop_front()?;
        received.held.as_mut()?.split(len)
    }
}

impl hyper::body::Body for Metered {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        if let Some((data, mut room)) = this.waiting.take() {
            let Poll::Ready(held) = room.as_mut().poll(context) else {
                this.waiting = Some((data, room));
                return Poll::Pending;
            };
            return Poll::Ready(Some(match held {
                Some(held) => Ok(this.received(data, held)),
                None => Err(this.refused(&this.purse.no_room())),
            }));
        }
        let frame = match Pin::new(&mut this.body).poll_frame(context) {
            Poll::Pending => {
                ready!(this.poll_too_slow(context));
                return Poll::Ready(Some(Err(this.refused(&this.purse.too_slow()))));
            }
            Poll::Ready(Some(Ok(frame))) => frame,
            Poll::Ready(other) => return Poll::Ready(other),
        };
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(other) => return Poll::Ready(Some(Ok(other))),
        };
        // A frame is at most 16 MiB long (RFC 9113 §4.2).
        let count = u32::try_from(data.len()).unwrap_or(u32::MAX);
        match this.purse.try_bytes(count) {
            Some(held) => Poll::Ready(Some(Ok(this.received(data, held)))),
            None => {
                let room = this.purse.clone().bytes(count);
                let env = this.env.clone();
                let room =
                    Box::pin(async move { env.timeout(ROOM_WITHIN, room).await.ok().flatten() });
                this.waiting = Some((data, room));
                Pin::new(this).poll_frame(context)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.waiting.is_none() && self.body.is_end_stream()
    }
}

impl Metered {
    fn received(&mut self, data: Bytes, held: Held) -> Frame<Bytes> {
        self.count += data.len() as u64;
        let mut received = self.receiving.0.lock().expect("no code panics here");
        match &mut received.held {
            Some(all) => all.add(held),
            none => *none = Some(held),
        }
        if self.shape != Shape::One {
            let ended = received.framing.add(&data);
            if ended {
                (self.began, self.count) = (None, 0);
            }
            if ended && self.shape == Shape::Passing {
                received.framing.whole.clear();
                received.held = None;
            }
            if received.framing.is_within() {
                self.began.get_or_insert(self.env.monotonic());
            }
        }
        Frame::data(data)
    }

    /// Ready once the message under way should have come by now.
    fn poll_too_slow(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(began) = self.began else {
            self.timer = None;
            return Poll::Pending;
        };
        let allowed = BEGIN_WITHIN + Duration::from_secs(self.count / BYTES_A_SECOND);
        loop {
            if let Some(timer) = &mut self.timer {
                ready!(timer.as_mut().poll(context));
            }
            let left = (began + allowed).saturating_sub(self.env.monotonic());
            if left.is_zero() {
                return Poll::Ready(());
            }
            self.timer = Some(Box::pin(self.env.sleep(left)));
        }
    }

    fn refused(&self, error: &Error) -> Status {
        error::status(error, &self.env)
    }
}

impl Framing {
    /// Whether a message ended in these bytes.
    fn add(&mut self, mut data: &[u8]) -> bool {
        let before = self.whole.len();
        while !data.is_empty() {
            if self.left == 0 {
                let missing = PREFIX_LEN - self.prefix.len();
                let (prefix, rest) = data.split_at(missing.min(data.len()));
                self.prefix.extend_from_slice(prefix);
                data = rest;
                let Ok([_, length @ ..]) = <[u8; PREFIX_LEN]>::try_from(self.prefix.as_slice())
                else {
                    return self.whole.len() > before;
                };
                self.prefix.clear();
                self.left = u32::from_be_bytes(length) as usize;
                self.len = PREFIX_LEN + self.left;
            }
            let came = self.left.min(data.len());
            self.left -= came;
            data = &data[came..];
            if self.left == 0 {
                self.whole.push_back(self.len);
            }
        }
        self.whole.len() > before
    }

    fn is_within(&self) -> bool {
        self.left > 0 || !self.prefix.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_told_apart_however_they_are_cut() {
        let mut bytes = Vec::new();
        for length in [0_u32, 3, 300, 1] {
            bytes.push(0);
            bytes.extend(length.to_be_bytes());
            bytes.extend(vec![7; length as usize]);
        }
        for size in 1..bytes.len() {
            let mut framing = Framing::default();
            for piece in bytes.chunks(size) {
                framing.add(piece);
            }
            assert_eq!(framing.whole, [5, 8, 305, 6], "in pieces of {size}");
            assert!(!framing.is_within());
        }
    }
}
