//! What takes the mail: Postfix's smtp-sink, and where STARTTLS or AUTH is asked for, one of our own.
//!
//! Ours keeps nothing, checks no credential and answers at once. It runs as a process of its own, this
//! program called by another name, and gives tokens by HTTP to whoever asks.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;

use crate::certificate::Certificate;
use crate::program::Program;

/// Debian's; /usr/sbin is not in everybody's PATH.
pub const SMTP_SINK: &str = "/usr/sbin/smtp-sink";

/// The first argument that makes this program a sink.
pub const ROLE: &str = "a-sink";

/// Postfix's sink; ends by itself after `ends_after` messages, if that is given.
pub fn smtp_sink(log: &Path, at: SocketAddr, ends_after: Option<usize>) -> Program {
    let mut command = Command::new(SMTP_SINK);
    if rustix::process::geteuid().is_root() {
        // It refuses to be root.
        command.args(["-u", "nobody"]);
    }
    if let Some(count) = ends_after {
        command.args(["-M", &count.to_string()]);
    }
    // More at once than any run has.
    command.args(["-m", "1000", &at.to_string(), "1000"]);
    if ends_after.is_some() {
        // It counts the sessions that a look at its port would take.
        return Program::start(&mut command, log);
    }
    Program::start(&mut command, log).listens(at)
}

/// Ours: STARTTLS and AUTH at one address, tokens at the other.
pub fn tls_sink(log: &Path, at: SocketAddr, tokens: SocketAddr, tls: &Certificate) -> Program {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([ROLE, &at.to_string(), &tokens.to_string()]);
    command.args([&tls.certificate, &tls.key]);
    Program::start(&mut command, log)
        .listens(at)
        .listens(tokens)
}

/// Plays the sink until it is ended.
pub fn play(arguments: &[String]) {
    let [at, tokens, certificate, key] = arguments else {
        panic!("{arguments:?}")
    };
    let acceptor = acceptor(Path::new(certificate), Path::new(key));
    Runtime::new().unwrap().block_on(async {
        let mail = TcpListener::bind(at).await.unwrap();
        let tokens = TcpListener::bind(tokens).await.unwrap();
        tokio::spawn(async move {
            loop {
                let (stream, _) = tokens.accept().await.unwrap();
                tokio::spawn(give_token(stream));
            }
        });
        loop {
            let (stream, _) = mail.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            tokio::spawn(serve(stream, acceptor.clone()));
        }
    });
}

fn acceptor(certificate: &Path, key: &Path) -> TlsAcceptor {
    let chain = CertificateDer::pem_file_iter(certificate).unwrap();
    let chain = chain.collect::<Result<Vec<_>, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_file(key).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn serve(mut stream: TcpStream, acceptor: TlsAcceptor) -> io::Result<()> {
    stream.write_all(b"220 sink ESMTP\r\n").await?;
    if talk(&mut stream, true).await? {
        let mut stream = acceptor.accept(stream).await?;
        talk(&mut stream, false).await?;
    }
    Ok(())
}

/// Answers until the client leaves; whether it asked for TLS. What is answered waits until all that
/// has come is read, as pipelining wants it.
async fn talk(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), plain: bool) -> io::Result<bool> {
    let mut input = Vec::with_capacity(256 * 1024);
    let mut output = Vec::new();
    let (mut at, mut in_body, mut auth_lines) = (0, false, 0);
    loop {
        let end: &[u8] = if in_body { b"\r\n.\r\n" } else { b"\r\n" };
        let found = find(&input[at..], end).map(|place| at + place);
        let Some(place) = found else {
            if in_body {
                // The end may have come in part.
                input.drain(..input.len().saturating_sub(end.len() - 1));
            } else {
                input.drain(..at);
            }
            at = 0;
            stream.write_all(&output).await?;
            stream.flush().await?;
            output.clear();
            if stream.read_buf(&mut input).await? == 0 {
                return Ok(false);
            }
            continue;
        };
        let line = input[at..place].to_ascii_uppercase();
        at = place + end.len();
        if in_body {
            in_body = false;
            output.extend_from_slice(b"250 2.0.0 Ok\r\n");
            continue;
        }
        if auth_lines > 0 {
            auth_lines -= 1;
            let more = auth_lines > 0;
            output.extend_from_slice(if more {
                b"334 \r\n"
            } else {
                b"235 2.7.0 Ok\r\n"
            });
            continue;
        }
        let reply: &[u8] = match line.get(..4) {
            Some(b"EHLO") if plain => {
                b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-STARTTLS\r\n250 SIZE 52428800\r\n"
            }
            Some(b"EHLO") => {
                b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-AUTH PLAIN LOGIN XOAUTH2\r\n250 SIZE 52428800\r\n"
            }
            Some(b"STAR") => {
                stream.write_all(b"220 2.0.0 Ready\r\n").await?;
                return Ok(true);
            }
            Some(b"AUTH") if line.split(|byte| *byte == b' ').count() > 2 => b"235 2.7.0 Ok\r\n",
            Some(b"AUTH") => {
                auth_lines = if line.ends_with(b"LOGIN") { 2 } else { 1 };
                b"334 \r\n"
            }
            Some(b"DATA") => {
                in_body = true;
                // The body of an empty message would begin with the dot: none here is empty.
                b"354 Go\r\n"
            }
            Some(b"QUIT") => {
                output.extend_from_slice(b"221 2.0.0 Bye\r\n");
                stream.write_all(&output).await?;
                stream.flush().await?;
                return Ok(false);
            }
            _ => b"250 2.1.0 Ok\r\n",
        };
        output.extend_from_slice(reply);
    }
}

fn find(text: &[u8], end: &[u8]) -> Option<usize> {
    text.windows(end.len()).position(|window| window == end)
}

/// A token for whatever is asked.
async fn give_token(mut stream: TcpStream) -> io::Result<()> {
    let mut request = Vec::new();
    let whole = |request: &[u8]| {
        let head = find(request, b"\r\n\r\n")?;
        let text = String::from_utf8_lossy(&request[..head]).to_ascii_lowercase();
        let length = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"))
            .map_or(0, |length| length.trim().parse::<usize>().unwrap_or(0));
        (request.len() >= head + 4 + length).then_some(())
    };
    while whole(&request).is_none() {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let token = r#"{"access_token":"a-token","refresh_token":"another","token_type":"Bearer","expires_in":3600,"scope":"mail"}"#;
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{token}",
        token.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}
