//! A connection before and after TLS.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls_pki_types::{CertificateDer, ServerName};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::{self, ClientConfig};

use super::failure::FailureKind;
use crate::egress::without_brackets;

pub use crate::egress::Transport;

/// Enough to know a certificate again; those of large providers have dozens.
const NAMES_MAX: usize = 5;

/// How a connection is secured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsInfo {
    /// `TLSv1_3`.
    pub protocol: String,
    /// `TLS13_AES_256_GCM_SHA384`.
    pub cipher: String,
    /// The DNS names that the server's certificate is for, at most [`NAMES_MAX`] of them.
    pub certificate_names: Vec<String>,
    /// SHA-256 of the server's certificate (DER) in hexadecimal digits.
    pub certificate_sha256: String,
}

/// The stream itself, or TLS over it.
pub enum Stream<S> {
    Plain(S),
    Tls(Box<TlsStream<S>>),
}

/// Secures a stream; the certificate must be valid for `host`.
pub async fn secure<S: Transport>(
    stream: S,
    config: Arc<ClientConfig>,
    host: &str,
) -> Result<TlsStream<S>, FailureKind> {
    let name = ServerName::try_from(without_brackets(host).to_owned())
        .map_err(|_| FailureKind::Tls("the host is no name that a certificate can have".into()))?;
    let handshake = TlsConnector::from(config).connect(name, stream);
    handshake.await.map_err(|error| {
        let tls_error = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match tls_error {
            Some(tls_error) => FailureKind::Tls(tls_error.to_string()),
            None => FailureKind::Lost(format!("during the TLS handshake: {}", error.kind())),
        }
    })
}

impl<S: Transport> Stream<S> {
    /// How it is secured; none if it isn't.
    pub fn tls_info(&self) -> Option<TlsInfo> {
        let Self::Tls(stream) = self else { return None };
        let (_, session) = stream.get_ref();
        let certificate = session.peer_certificates().and_then(|chain| chain.first());
        Some(TlsInfo {
            protocol: session
                .protocol_version()
                .map_or_else(String::new, |version| format!("{version:?}")),
            cipher: session
                .negotiated_cipher_suite()
                .map_or_else(String::new, |suite| format!("{:?}", suite.suite())),
            certificate_names: certificate.map_or_else(Vec::new, names),
            certificate_sha256: certificate
                .map_or_else(String::new, |leaf| hex(&Sha256::digest(leaf))),
        })
    }
}

fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let parsed = webpki::EndEntityCert::try_from(certificate).ok();
    let names = parsed.iter().flat_map(|leaf| leaf.valid_dns_names());
    names.take(NAMES_MAX).map(str::to_owned).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl<S: Transport> AsyncRead for Stream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl<S: Transport> AsyncWrite for Stream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
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
