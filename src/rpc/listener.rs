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

use super::tls::{H2, Tls};
use crate::env::Env;
use crate::model::Rights;

/// From the accepted connection to the end of its handshake.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);

/// Handshakes that have not ended.
const HANDSHAKES_MAX: usize = 512;

/// After an error of the listener (no file handles, mostly) it is asked again after this long.
const LISTENER_REST: Duration = Duration::from_millis(100);

/// A connection that may speak HTTP/2 now.
pub(super) enum Connection {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>, Peer),
}

/// Who is at the other end, by its certificate.
#[derive(Clone, Default)]
pub(super) struct Peer(Option<(String, Arc<Rights>)>);

impl Peer {
    /// The certificate's name and rights; none without a certificate that has some.
    pub(super) fn certificate(&self) -> Option<(&str, &Arc<Rights>)> {
        let (name, rights) = self.0.as_ref()?;
        Some((name, rights))
    }
}

type Connections = ReceiverStream<io::Result<Connection>>;

/// The connections of a listener, until the stream is dropped.
pub(super) fn connections(listener: TcpListener, tls: Option<&Tls>, env: Env) -> Connections {
    let (ready, connections) = mpsc::channel(1);
    let secure = tls.map(|tls| (tls.current(), tls.clients()));
    tokio::spawn(async move {
        let (mut handshakes, mut under_way) = (JoinSet::new(), VecDeque::new());
        loop {
            let accepted = tokio::select! {
                biased;
                () = ready.closed() => return,
                accepted = listener.accept() => accepted,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "can't accept a connection");
                    env.sleep(LISTENER_REST).await;
                    continue;
                }
            };
            // Fails only where the peer is gone already.
            let _ = stream.set_nodelay(true);
            let Some((current, clients)) = &secure else {
                // Nobody waits where the server is stopping.
                let _ = ready.send(Ok(Connection::Plain(stream))).await;
                continue;
            };
            let acceptor = TlsAcceptor::from(current.borrow().clone());
            let (ready, clients, env) = (ready.clone(), clients.clone(), env.clone());
            while handshakes.try_join_next().is_some() {}
            make_room(&mut under_way);
            let handshake = handshakes.spawn(async move {
                let shaken = env.timeout(HANDSHAKE_WITHIN, acceptor.accept(stream)).await;
                // A peer that fails is told by TLS itself, and there are too many to log each.
                let Ok(Ok(stream)) = shaken else { return };
                let (_, session) = stream.get_ref();
                if session.alpn_protocol() != Some(H2) {
                    return;
                }
                let certificate = session.peer_certificates().and_then(<[_]>::first);
                let peer = Peer(certificate.and_then(|own| clients.rights(own)));
                let _ = ready
                    .send(Ok(Connection::Tls(Box::new(stream), peer)))
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

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        match self {
            Self::Plain(_) => Peer::default(),
            Self::Tls(_, peer) => peer.clone(),
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream, _) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream, _) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream, _) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream, _) => Pin::new(stream).poll_shutdown(context),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(context, pieces),
            Self::Tls(stream, _) => Pin::new(stream).poll_write_vectored(context, pieces),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream, _) => stream.is_write_vectored(),
        }
    }
}
