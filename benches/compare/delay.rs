//! A loopback proxy that makes a line long: what comes leaves after half a round trip, in order, as
//! fast as it came. The handshake of TCP is not delayed.
//!
//! It runs as a process of its own, this program called by another name. The kernel would do better
//! (netem), where it has that.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::program::Program;

/// The first argument that makes this program a proxy.
pub const ROLE: &str = "a-delay";

const ONE_WAY: Duration = Duration::from_millis(10);

/// Makes `to` twenty milliseconds away.
pub fn start(log: &Path, at: SocketAddr, to: SocketAddr) -> Program {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([ROLE, &at.to_string(), &to.to_string()]);
    Program::start(&mut command, log).listens(at)
}

/// Plays the proxy until it is ended.
pub fn play(arguments: &[String]) {
    let [at, to] = arguments else {
        panic!("{arguments:?}")
    };
    let to: SocketAddr = to.parse().unwrap();
    Runtime::new().unwrap().block_on(async {
        let listener = TcpListener::bind(at).await.unwrap();
        loop {
            let (near, _) = listener.accept().await.unwrap();
            tokio::spawn(carry(near, to));
        }
    });
}

async fn carry(near: TcpStream, to: SocketAddr) -> io::Result<()> {
    let far = TcpStream::connect(to).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let (near_read, near_write) = near.into_split();
    let (far_read, far_write) = far.into_split();
    tokio::spawn(one_way(near_read, far_write));
    one_way(far_read, near_write).await
}

async fn one_way(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin + Send + 'static,
) -> io::Result<()> {
    let (sender, mut pieces) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    tokio::spawn(async move {
        while let Some((due, piece)) = pieces.recv().await {
            sleep_until(due).await;
            if to.write_all(&piece).await.is_err() {
                return;
            }
        }
        // The other side may have gone.
        let _ = to.shutdown().await;
    });
    loop {
        let mut piece = Vec::with_capacity(64 * 1024);
        if from.read_buf(&mut piece).await? == 0 {
            return Ok(());
        }
        if sender.send((Instant::now() + ONE_WAY, piece)).is_err() {
            return Ok(());
        }
    }
}
