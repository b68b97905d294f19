//! Bytes to bounded lines and messages, over plain TCP or TLS.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A command or AUTH line with its line end (RFC 4954 asks for 12,288).
const LINE_MAX: usize = 16 * 1024;
const CHUNK: usize = 64 * 1024;
/// `SIZE` as Exchange announces it.
pub(super) const MESSAGE_MAX: usize = 157_286_400;

/// The connection and what was read from it but not used yet.
pub(super) struct Wire {
    stream: Stream,
    buffer: Vec<u8>,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// One line, or word that it was longer than allowed (and is skipped).
pub(super) enum Line {
    Text(Vec<u8>),
    TooLong,
}

/// The body of DATA or BDAT.
pub(super) enum Body {
    Whole(Vec<u8>),
    TooLarge,
}

impl Wire {
    pub fn new(stream: TcpStream) -> Self {
        Self {
            stream: Stream::Plain(stream),
            buffer: Vec::new(),
        }
    }

    pub fn is_tls(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }

    /// Shakes hands. What was buffered in plaintext is discarded: it may be an attacker's.
    pub async fn into_tls(self, acceptor: &TlsAcceptor) -> io::Result<Self> {
        let Stream::Plain(stream) = self.stream else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let tls = acceptor.accept(stream).await?;
        Ok(Self {
            stream: Stream::Tls(Box::new(tls)),
            buffer: Vec::new(),
        })
    }

    /// Sends lines; each gets its CRLF.
    pub async fn reply(&mut self, reply: &str) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(reply.len() + 2);
        bytes.extend_from_slice(reply.as_bytes());
        bytes.extend_from_slice(b"\r\n");
        self.stream.write_all(&bytes).await?;
        self.stream.flush().await
    }

    /// Ends TLS with a close_notify and the connection with a FIN.
    pub async fn close(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }

    /// The next line without its line end; `None` at the connection's end.
    pub async fn line(&mut self) -> io::Result<Option<Line>> {
        let (mut searched, mut too_long) = (0, false);
        loop {
            let end = self.buffer[searched..].iter().position(|b| *b == b'\n');
            if let Some(end) = end.map(|end| end + searched) {
                let mut line: Vec<u8> = self.buffer.drain(..=end).collect();
                if too_long || line.len() > LINE_MAX {
                    return Ok(Some(Line::TooLong));
                }
                line.pop();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(Some(Line::Text(line)));
            }
            if self.buffer.len() > LINE_MAX {
                too_long = true;
                self.buffer.clear();
            }
            searched = self.buffer.len();
            if !self.fill().await? {
                return Ok(None);
            }
        }
    }

    /// The message up to `<CRLF>.<CRLF>`, dot-unstuffed; `None` if the connection ends before.
    pub async fn message(&mut self) -> io::Result<Option<Body>> {
        let mut unstuffer = Unstuffer::default();
        loop {
            if let Some(used) = unstuffer.take(&self.buffer) {
                self.buffer.drain(..used);
                return Ok(Some(unstuffer.finish()));
            }
            self.buffer.clear();
            if !self.fill().await? {
                return Ok(None);
            }
        }
    }

    /// The next `size` bytes, kept only if `keep`; `None` if the connection ends before.
    pub async fn exactly(&mut self, size: usize, keep: bool) -> io::Result<Option<Vec<u8>>> {
        let (mut kept, mut left) = (Vec::new(), size);
        loop {
            let used = left.min(self.buffer.len());
            let part = self.buffer.drain(..used);
            if keep {
                kept.extend(part);
            } else {
                drop(part);
            }
            left -= used;
            if left == 0 {
                return Ok(Some(kept));
            }
            if !self.fill().await? {
                return Ok(None);
            }
        }
    }

    /// Waits for bytes without using them; false at the end.
    pub async fn peek(&mut self) -> io::Result<bool> {
        Ok(!self.buffer.is_empty() || self.fill().await?)
    }

    /// Returns once the client has gone; what it sends meanwhile is kept, within bounds.
    pub async fn gone(&mut self) {
        while self.buffer.len() <= LINE_MAX {
            if !matches!(self.fill().await, Ok(true)) {
                return;
            }
        }
        std::future::pending().await
    }

    async fn fill(&mut self) -> io::Result<bool> {
        self.buffer.reserve(CHUNK);
        Ok(self.stream.read_buf(&mut self.buffer).await? > 0)
    }
}

/// Where in a line the message's reader is.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum At {
    #[default]
    LineStart,
    Inside,
    Cr,
    Dot,
    DotCr,
}

/// RFC 5321 section 4.5.2; only CRLF ends a line, so a bare LF can't smuggle a message's end.
#[derive(Default)]
struct Unstuffer {
    content: Vec<u8>,
    at: At,
    too_large: bool,
}

impl Unstuffer {
    /// Takes bytes in; how many were used, once the end was among them.
    fn take(&mut self, bytes: &[u8]) -> Option<usize> {
        for (index, &byte) in bytes.iter().enumerate() {
            self.at = match (self.at, byte) {
                (At::DotCr, b'\n') => return Some(index + 1),
                (At::LineStart, b'.') => At::Dot,
                (At::Dot, b'\r') => At::DotCr,
                // "." CR and then something else: only the first dot was stuffing.
                (At::DotCr, _) => {
                    self.push(b'\r');
                    self.inside(byte)
                }
                (At::Cr, b'\n') => {
                    self.push(byte);
                    At::LineStart
                }
                _ => self.inside(byte),
            };
        }
        None
    }

    fn inside(&mut self, byte: u8) -> At {
        self.push(byte);
        if byte == b'\r' { At::Cr } else { At::Inside }
    }

    fn push(&mut self, byte: u8) {
        if self.content.len() < MESSAGE_MAX {
            self.content.push(byte);
        } else {
            self.too_large = true;
        }
    }

    fn finish(self) -> Body {
        if self.too_large {
            Body::TooLarge
        } else {
            Body::Whole(self.content)
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
