//! The network: who answers at which address, and how badly.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use mailwright::egress::{Connection, Dialler};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};

use super::records::Open;
use super::{World, http, smtp};
use crate::dice::Dice;

/// The identity provider: plain HTTP leads only to this machine, and that is where it plays.
pub const IDP: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8025);

/// What a socket's buffers hold.
const PIPE_BYTES: usize = 64 * 1024;

/// Where a mailbox's server listens (RFC 5737).
pub fn smtp_host(mailbox: usize) -> String {
    format!("192.0.2.{}", 10 + mailbox)
}

impl World {
    /// What the process dials with.
    pub fn dialler(&self) -> Dialler {
        let world = self.clone();
        Arc::new(move |address| Box::pin(dial(world.clone(), address)))
    }

    fn next_connection(&self) -> (u64, Dice) {
        let mut state = self.lock();
        state.connections += 1;
        let number = state.connections;
        (number, Dice::new(self.0.plan.seed, "connection", number))
    }
}

async fn dial(world: World, address: SocketAddr) -> io::Result<Connection> {
    let (number, mut dice) = world.next_connection();
    let who = format!("dial {number}");
    if address == IDP {
        let (near, far) = duplex(PIPE_BYTES);
        tokio::spawn(http::serve(world, number, dice, far));
        return Ok(Connection::Other(Box::new(near)));
    }
    let IpAddr::V4(ip) = address.ip() else {
        return Err(io::ErrorKind::HostUnreachable.into());
    };
    let mailbox = usize::from(ip.octets()[3]) - 10;
    world.note(&who, format!("to mailbox {mailbox}"));
    trouble(&world, mailbox, &mut dice).await?;
    let (near, far) = duplex(PIPE_BYTES);
    let mine = Arc::new(AtomicBool::new(false));
    let near = Counted {
        stream: near,
        mine: mine.clone(),
        _open: world.opened(mailbox),
    };
    tokio::spawn(smtp::serve(world, mailbox, number, dice, (far, mine)));
    Ok(Connection::Other(Box::new(near)))
}

async fn trouble(world: &World, mailbox: usize, dice: &mut Dice) -> io::Result<()> {
    if !world.is_troubled() {
        return Ok(());
    }
    let (plan, env) = (world.plan().clone(), world.env());
    let mailbox = &plan.mailboxes[mailbox];
    let now = world.elapsed();
    let is_down = mailbox
        .down
        .is_some_and(|(from, to)| from <= now && now < to);
    if is_down || dice.in_1000(mailbox.character.cut / 2) {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    if dice.in_1000(mailbox.character.silent) {
        env.sleep(Duration::from_secs(120)).await;
    }
    if dice.in_1000(mailbox.character.slow) {
        env.sleep(dice.seconds(1, 19)).await;
    }
    Ok(())
}

/// The process's end of a connection; it is open for as long as this lives.
struct Counted {
    stream: DuplexStream,
    /// Once set, whoever reads on panics, as a bug in the process would have it.
    mine: Arc<AtomicBool>,
    _open: Open,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        assert!(!self.mine.load(Ordering::Relaxed), "a bug");
        read
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
