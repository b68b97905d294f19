//! Connections for the HTTP listeners, of which so many may be open and no more.
//!
//! One more takes the place of the one that is open the longest, so that peers who connect and say
//! nothing make way for those who ask. An answer that is under way may be lost with its connection;
//! what it was about is done all the same. It knows nothing of HTTP.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// Connections that may be open at once, for each listener. Probes, scrapes and browsers need a few.
const CONNECTIONS_MAX: usize = 512;

/// A listener whose connections are bounded.
pub(super) struct Bounded {
    listener: TcpListener,
    /// Of each connection, the oldest first; told, it makes way. A listener that is gone tells nobody.
    open: VecDeque<oneshot::Sender<()>>,
}

/// A connection. When it must make way it ends for who reads it, and breaks for who writes: a peer
/// that takes no answers keeps HTTP from reading on.
pub(super) struct Connection {
    stream: TcpStream,
    /// None once it has said what it had to say.
    eviction: Option<oneshot::Receiver<()>>,
    is_over: bool,
}

impl Bounded {
    /// At most [`CONNECTIONS_MAX`] of this listener.
    pub(super) fn new(listener: TcpListener) -> Self {
        Self {
            listener,
            open: VecDeque::new(),
        }
    }

    fn admit(&mut self, stream: TcpStream) -> Connection {
        if self.open.len() >= CONNECTIONS_MAX {
            self.open.retain(|open| !open.is_closed());
        }
        if self.open.len() >= CONNECTIONS_MAX
            && let Some(oldest) = self.open.pop_front()
        {
            // One that is gone by itself has made way, too.
            let _ = oldest.send(());
        }
        let (open, eviction) = oneshot::channel();
        self.open.push_back(open);
        Connection {
            stream,
            eviction: Some(eviction),
            is_over: false,
        }
    }
}

impl Connection {
    /// Whether it must make way; whoever asks is woken when it must.
    fn is_over(&mut self, context: &mut Context<'_>) -> bool {
        if let Some(eviction) = &mut self.eviction
            && let Poll::Ready(told) = Pin::new(eviction).poll(context)
        {
            // axum drops the listener before it waits for what is under way: nobody is evicted by that.
            self.is_over = told.is_ok();
            self.eviction = None;
        }
        self.is_over
    }

    /// What to write to.
    fn unless_over(&mut self, context: &mut Context<'_>) -> io::Result<&mut TcpStream> {
        match self.is_over(context) {
            true => Err(io::ErrorKind::ConnectionAborted.into()),
            false => Ok(&mut self.stream),
        }
    }
}

impl Listener for Bounded {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let (stream, peer) = Listener::accept(&mut self.listener).await;
        (self.admit(stream), peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.is_over(context) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut this.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let stream = self.get_mut().unless_over(context)?;
        Pin::new(stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut().unless_over(context)?;
        Pin::new(stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let stream = self.get_mut().unless_over(context)?;
        Pin::new(stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
