//! A server that answers each connection with bytes fixed beforehand and tells what it was asked.

use std::sync::Arc;

use oauth2::url::form_urlencoded;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;

/// A listening peer.
pub struct Peer {
    pub port: u16,
    requests: mpsc::UnboundedReceiver<Asked>,
}

/// A request as it came.
#[derive(Debug)]
pub struct Asked {
    /// Request line and headers.
    pub head: String,
    pub body: String,
}

impl Peer {
    /// Serves the answers in order, one connection each; an empty one is never given.
    pub async fn new(answers: Vec<Vec<u8>>) -> Self {
        Self::listen(answers, None).await
    }

    /// The same over TLS, as `localhost`, and the root to trust.
    pub async fn with_tls(answers: Vec<Vec<u8>>) -> (Self, String) {
        let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], PrivateKeyDer::from(key))
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        (
            Self::listen(answers, Some(acceptor)).await,
            certified.cert.pem(),
        )
    }

    async fn listen(answers: Vec<Vec<u8>>, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (asked, requests) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            for answer in answers {
                let (stream, _) = listener.accept().await.unwrap();
                match &tls {
                    None => serve(stream, &answer, &asked).await,
                    Some(tls) => match tls.accept(stream).await {
                        Ok(stream) => serve(stream, &answer, &asked).await,
                        Err(_) => continue,
                    },
                }
            }
        });
        Self { port, requests }
    }

    /// `http://127.0.0.1:…`
    pub fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The next request, once it was read whole.
    pub async fn asked(&mut self) -> Asked {
        self.requests.recv().await.unwrap()
    }

    /// Whether a request came that no test step has looked at.
    pub fn was_asked_more(&mut self) -> bool {
        self.requests.try_recv().is_ok()
    }
}

impl Asked {
    /// The form's fields in order.
    pub fn form(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(self.body.as_bytes())
            .into_owned()
            .collect()
    }

    /// One field of the form.
    pub fn field(&self, name: &str) -> Option<String> {
        let mut fields = self.form().into_iter().filter(|(key, _)| key == name);
        let (_, value) = fields.next()?;
        assert_eq!(fields.next(), None, "{name} was sent twice");
        Some(value)
    }

    /// One header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let headers = self
            .head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "));
        let mut of_name = headers.filter(|(key, _)| key.eq_ignore_ascii_case(name));
        of_name.next().map(|(_, value)| value)
    }
}

/// An answer with a status line, headers and body.
pub fn answer(status: &str, headers: &[&str], body: &str) -> Vec<u8> {
    let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n{body}").into_bytes()
}

/// An answer in JSON.
pub fn json(status: &str, body: &str) -> Vec<u8> {
    answer(
        status,
        &["Content-Type: application/json; charset=utf-8"],
        body,
    )
}

async fn serve<S>(mut stream: S, answer: &[u8], asked: &mpsc::UnboundedSender<Asked>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let request = read(&mut stream).await;
    asked.send(request).unwrap();
    if answer.is_empty() {
        // Ends when the client hangs up.
        let _ = stream.read(&mut [0]).await;
        return;
    }
    // A client that has read enough may have gone.
    let _ = stream.write_all(answer).await;
    let _ = stream.shutdown().await;
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Asked {
    let mut bytes = Vec::new();
    loop {
        stream.read_buf(&mut bytes).await.unwrap();
        let text = String::from_utf8(bytes.clone()).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let asked = Asked {
            head: head.to_owned(),
            body: body.to_owned(),
        };
        let length = asked.header("content-length").unwrap_or("0");
        if body.len() >= length.parse().unwrap() {
            return asked;
        }
    }
}
