//! Connections for the gRPC server: plain, or with TLS behind their handshake.
//!
//! A handshake holds up nobody: each runs by itself, within [`HANDSHAKE_WITHIN`]. Of more than
//! [`HANDSHAKES_MAX`] the oldest is dropped, so that peers who connect and say nothing make way for
//! those who go on.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Connected;

use super::lines::{self, Line, Lines};
use super::tls::{H2, Tls};
use crate::env::Env;
use crate::model::Rights;

/// From the accepted connection to the end of its handshake.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);

/// Handshakes that have not ended.
const HANDSHAKES_MAX: usize = 512;

/// After an error of the listener (no file handles, mostly) it is asked again after this long.
const LISTENER_REST: Duration = Duration::from_millis(100);

/// And so many connections that do nothing make way meanwhile.
const ROOM_AT_ONCE: usize = 64;

/// Such an error is logged this often at most.
const LOG_EVERY: Duration = Duration::from_secs(60);

/// A connection that may speak HTTP/2 now. To who reads it, it ends when it must go.
pub(super) struct Connection {
    stream: Stream,
    peer: Peer,
    over: Pin<Box<dyn Future<Output = ()> + Send>>,
    is_over: bool,
    _line: Line,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Who is at the other end, by its certificate, and its connection.
#[derive(Clone)]
pub(super) struct Peer {
    certificate: Option<(String, Arc<Rights>)>,
    line: Arc<lines::State>,
}

impl Peer {
    /// The certificate's name and rights; none without a certificate that has some.
    pub(super) fn certificate(&self) -> Option<(&str, &Arc<Rights>)> {
        let (name, rights) = self.certificate.as_ref()?;
        Some((name, rights))
    }

    /// Its connection.
    pub(super) fn line(&self) -> &Arc<lines::State> {
        &self.line
    }
}

type Connections = ReceiverStream<io::Result<Connection>>;

/// The connections of a listener, until the stream is dropped.
pub(super) fn connections(
    listener: TcpListener,
    tls: Option<&Tls>,
    lines: Lines,
    env: Env,
) -> Connections {
    let (ready, connections) = mpsc::channel(1);
    let secure = tls.map(|tls| (tls.current(), tls.clients()));
    tokio::spawn(async move {
        let (mut handshakes, mut under_way) = (JoinSet::new(), VecDeque::new());
        let mut next_log = Duration::ZERO;
        loop {
            let accepted = tokio::select! {
                biased;
                () = ready.closed() => return,
                accepted = listener.accept() => accepted,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    let now = env.monotonic();
                    if now >= next_log {
                        tracing::warn!(%error, "can't accept a connection");
                        next_log = now + LOG_EVERY;
                    }
                    // Mostly no file is left to open: whoever does nothing makes way.
                    lines.make_room(ROOM_AT_ONCE);
                    env.sleep(LISTENER_REST).await;
                    continue;
                }
            };
            // Fails only where the peer is gone already.
            let _ = stream.set_nodelay(true);
            let Some(line) = lines.open() else { continue };
            let Some((current, clients)) = &secure else {
                let plain = Connection::new(Stream::Plain(stream), None, line);
                // Nobody waits where the server is stopping.
                let _ = ready.send(Ok(plain)).await;
                continue;
            };
            let acceptor = TlsAcceptor::from(current.borrow().clone());
            let (ready, clients, env) = (ready.clone(), clients.clone(), env.clone());
            while handshakes.try_join_next().is_some() {}
            make_room(&mut under_way);
            let handshake = handshakes.spawn(async move {
                let shaken = tokio::select! {
                    biased;
                    () = line.over() => return,
                    shaken = env.timeout(HANDSHAKE_WITHIN, acceptor.accept(stream)) => shaken,
                };
                // A peer that fails is told by TLS itself, and there are too many to log each.
                let Ok(Ok(stream)) = shaken else { return };
                let (_, session) = stream.get_ref();
                if session.alpn_protocol() != Some(H2) {
                    return;
                }
                let certificate = session.peer_certificates().and_then(<[_]>::first);
                let certificate = certificate.and_then(|own| clients.rights(own));
                let stream = Stream::Tls(Box::new(stream));
                let _ = ready
                    .send(Ok(Connection::new(stream, certificate, line)))
                    .await;
            });
            under_way.push_back(handshake);
        }
    });
    ReceiverStream::new(connections)
}

fn make_room(under_way: &mut VecDeque<AbortHandle>) {
    under_way.retain(|handshake| !handshake.is_finished());
    if under_way.len() >= HANDSHAKES_MAX
        && let Some(oldest) = under_way.pop_front()
    {
        oldest.abort();
    }
}

impl Connection {
    fn new(stream: Stream, certificate: Option<(String, Arc<Rights>)>, line: Line) -> Self {
        Self {
            stream,
            peer: Peer {
                certificate,
                line: line.state(),
            },
            over: Box::pin(line.over()),
            is_over: false,
            _line: line,
        }
    }
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.is_over || this.over.as_mut().poll(context).is_ready() {
            this.is_over = true;
            return Poll::Ready(Ok(()));
        }
        match &mut this.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Stream::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Stream::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(context),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write_vectored(context, pieces),
            Stream::Tls(stream) => Pin::new(stream).poll_write_vectored(context, pieces),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
        }
    }
}
