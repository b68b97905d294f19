//! Bytes out and replies in, at the same time.
//!
//! It always reads while it writes: a server that refuses in the middle of a body is heard, and a
//! pipelined envelope can't jam both directions. What the bytes mean it doesn't know. It keeps no
//! time, and after an error it is of no use.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use zeroize::{Zeroize, Zeroizing};

use super::failure::FailureKind;
use super::reply::ReplyReader;
use super::tls::{Stream, Transport};
use crate::model::Reply;

/// One end of an SMTP connection.
pub struct Channel<S> {
    stream: Stream<S>,
    replies: ReplyReader,
    output: Vec<u8>,
    written: usize,
    hidden: Vec<Zeroizing<String>>,
}

impl<S: Transport> Channel<S> {
    pub fn new(stream: Stream<S>) -> Self {
        Self {
            stream,
            replies: ReplyReader::default(),
            output: Vec::new(),
            written: 0,
            hidden: Vec::new(),
        }
    }

    pub fn stream(&self) -> &Stream<S> {
        &self.stream
    }

    /// The plain stream, if nothing came in that no one asked for: after STARTTLS such bytes would
    /// be taken for the encrypted server's (response injection).
    pub fn into_plain(self) -> Result<S, FailureKind> {
        match self.stream {
            Stream::Plain(stream) if self.replies.is_empty() => Ok(stream),
            Stream::Plain(_) => Err(out_of_turn()),
            Stream::Tls(_) => Err(FailureKind::protocol("the connection is encrypted already")),
        }
    }

    /// Queues bytes; [`Channel::reply`] and [`Channel::send`] send them.
    pub fn queue(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
    }

    /// Where to put bytes to be sent.
    pub fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Overwrites what was sent, because it held a secret.
    pub fn wipe_output(&mut self) {
        self.output.zeroize();
        self.written = 0;
    }

    /// From now on no reply shows these: a server may repeat what it was sent.
    pub fn hide(&mut self, secrets: Vec<Zeroizing<String>>) {
        self.hidden = secrets;
    }

    /// Sends what is queued and returns the next reply, which may come before all is sent.
    pub async fn reply(&mut self) -> Result<Reply, FailureKind> {
        poll_fn(|cx| {
            if let Poll::Ready(reply) = self.poll_reply(cx) {
                return Poll::Ready(reply);
            }
            match self.poll_output(cx) {
                // The server closed its ear; what it said before is still to be read.
                Poll::Ready(Err(_)) => self.poll_reply(cx),
                Poll::Ready(Ok(())) | Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// Sends what is queued; a reply meanwhile is a failure.
    pub async fn send(&mut self) -> Result<(), FailureKind> {
        poll_fn(|cx| {
            if let Poll::Ready(said) = self.poll_reply(cx) {
                return Poll::Ready(Err(unasked(said)));
            }
            if !self.replies.is_empty() {
                return Poll::Pending;
            }
            match ready!(self.poll_output(cx)) {
                Ok(()) => Poll::Ready(Ok(())),
                Err(_) => self.poll_reply(cx).map(|said| Err(unasked(said))),
            }
        })
        .await
    }

    /// Fails if the server has closed or has said something that no one asked for. Never waits.
    pub async fn expect_silence(&mut self) -> Result<(), FailureKind> {
        poll_fn(|cx| {
            Poll::Ready(match self.poll_reply(cx) {
                Poll::Ready(said) => Err(unasked(said)),
                Poll::Pending if self.replies.is_empty() => Ok(()),
                Poll::Pending => Err(out_of_turn()),
            })
        })
        .await
    }

    /// Closes the connection in an orderly way.
    pub async fn close(mut self) {
        // It is gone either way.
        let _ = self.stream.shutdown().await;
    }

    fn poll_reply(&mut self, cx: &mut Context<'_>) -> Poll<Result<Reply, FailureKind>> {
        loop {
            match self.replies.next_reply() {
                Ok(Some(reply)) => return Poll::Ready(Ok(self.without_secrets(reply))),
                Ok(None) => {}
                Err(text) => return Poll::Ready(Err(FailureKind::protocol(text))),
            }
            let mut chunk = [0; 4096];
            let mut chunk = ReadBuf::new(&mut chunk);
            let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut chunk));
            match read {
                Ok(()) if chunk.filled().is_empty() => {
                    let text = "the server closed it".to_owned();
                    return Poll::Ready(Err(FailureKind::Lost(text)));
                }
                Ok(()) => self.replies.extend(chunk.filled()),
                Err(error) => {
                    return Poll::Ready(Err(FailureKind::Lost(error.kind().to_string())));
                }
            }
        }
    }

    fn without_secrets(&self, mut reply: Reply) -> Reply {
        for secret in &self.hidden {
            if reply.text.contains(secret.as_str()) {
                let shown = reply.text.replace(secret.as_str(), "[redacted]");
                std::mem::replace(&mut reply.text, shown).zeroize();
            }
        }
        reply
    }

    /// Ready once all is written and flushed, or failed; either way nothing is queued then.
    fn poll_output(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = ready!(self.poll_write_all(cx));
        self.output.clear();
        self.written = 0;
        Poll::Ready(result)
    }

    fn poll_write_all(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.output.len() {
            let rest = &self.output[self.written..];
            match ready!(Pin::new(&mut self.stream).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.written += written,
            }
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }
}

/// What it means that the server speaks when it is not its turn: why it goes, at best.
fn unasked(said: Result<Reply, FailureKind>) -> FailureKind {
    match said {
        Ok(reply) if reply.code >= 400 => FailureKind::Reply(reply),
        Ok(_) => out_of_turn(),
        Err(kind) => kind,
    }
}

fn out_of_turn() -> FailureKind {
    FailureKind::protocol("the server spoke out of turn")
}
