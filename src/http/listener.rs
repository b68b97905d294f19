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
    /// Of each connection, the oldest first; dropped, it ends its connection.
    open: VecDeque<oneshot::Sender<()>>,
}

/// A connection. To who reads it, it ends when it must make way.
pub(super) struct Connection {
    stream: TcpStream,
    over: oneshot::Receiver<()>,
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
        if self.open.len() >= CONNECTIONS_MAX {
            self.open.pop_front();
        }
        let (open, over) = oneshot::channel();
        self.open.push_back(open);
        Connection {
            stream,
            over,
            is_over: false,
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
        if this.is_over || Pin::new(&mut this.over).poll(context).is_ready() {
            this.is_over = true;
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
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
