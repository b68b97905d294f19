//! A mail server that takes everything and keeps nothing, in as few instructions as it goes.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Serves for ever.
pub async fn serve(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(converse(stream));
    }
}

async fn converse(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    stream.write_all(b"220 sink.example ESMTP\r\n").await?;
    let (mut seen, mut in_data) = (Vec::new(), false);
    loop {
        if stream.read_buf(&mut seen).await? == 0 {
            return Ok(());
        }
        let mut replies = Vec::new();
        loop {
            let end: &[u8] = if in_data { b"\r\n.\r\n" } else { b"\r\n" };
            let Some(at) = seen.windows(end.len()).position(|bytes| bytes == end) else {
                break;
            };
            let line = seen.drain(..at + end.len());
            let reply: &[u8] = match line.as_slice() {
                _ if in_data => b"250 2.0.0 taken\r\n",
                [b'E', ..] => {
                    b"250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 0\r\n"
                }
                [b'D', ..] => b"354 go on\r\n",
                [b'Q', ..] => b"221 2.0.0 bye\r\n",
                _ => b"250 2.0.0 ok\r\n",
            };
            replies.extend_from_slice(reply);
            in_data = !in_data && matches!(line.as_slice(), [b'D', ..]);
        }
        stream.write_all(&replies).await?;
    }
}
