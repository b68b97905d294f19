//! The SMTP server: behaves as Exchange Online's client submission, or in Gmail's words, with faults
//! by recipient.
//!
//! It promises Exchange's replies in Exchange's order. Lines and messages are bounded, and nothing a
//! client sends can end more than its own session.

mod auth;
mod faults;
mod google;
mod replies;
mod session;
mod submit;
mod wire;

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::shared::{Leave, Shared};
pub(super) use faults::FAULTS;
pub(super) use submit::subject;
use wire::Wire;

/// What a listener offers.
#[derive(Clone)]
pub(super) enum Mode {
    /// As smtp.office365.com:587.
    StartTls(TlsAcceptor),
    /// TLS from the first byte.
    Implicit(TlsAcceptor),
    /// Neither TLS nor AUTH; mail is taken without them.
    Plain,
}

/// Whose server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum House {
    Exchange,
    Google,
}

/// Accepts until the task is dropped, and its sessions with it.
pub(super) async fn serve(listener: TcpListener, mode: Mode, house: House, shared: Arc<Shared>) {
    let mut sessions = JoinSet::new();
    loop {
        while sessions.try_join_next().is_some() {}
        let Ok((stream, peer)) = listener.accept().await else {
            // Out of descriptors: let running sessions end one before trying again.
            if sessions.join_next().await.is_none() {
                tokio::task::yield_now().await;
            }
            continue;
        };
        let (mode, shared) = (mode.clone(), Arc::clone(&shared));
        sessions.spawn(async move {
            shared.update(|world| {
                world.stats.connections += 1;
                world.stats.connections_open += 1;
            });
            let _open = Leave::new(&shared, |world| world.stats.connections_open -= 1);
            // Replies are small and the next one waits for them.
            if stream.set_nodelay(true).is_err() {
                return;
            }
            // An error here is the client's going away, which is its right.
            let wire = Wire::new(stream);
            let _ = session::run(wire, mode, house, peer.ip(), Arc::clone(&shared)).await;
        });
    }
}
