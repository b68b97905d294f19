//! The server's certificate, and which clients' certificates give which rights; read anew while the
//! server runs, whenever a file's content has changed.
//!
//! A new certificate counts for connections that are made from then on; those that are there stay. What
//! can't be used is said in the log, and what was used before stays in use: a certificate whose key
//! comes a moment later is only that.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::config::{self, ClientRule};
use crate::egress::Clock;
use crate::env::Env;
use crate::model::Rights;

/// The files are looked at this often.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// What gRPC speaks over TLS (RFC 9113 §3.2).
pub(super) const H2: &[u8] = b"h2";

/// TLS of the gRPC listener.
pub struct Tls {
    files: config::Tls,
    env: Env,
    current: watch::Sender<Arc<ServerConfig>>,
    /// What was read last, whether it could be used or not.
    read: [u8; 32],
    clients: Clients,
}

/// Which certificates give which rights, by a name in them.
#[derive(Clone)]
pub(super) struct Clients(Arc<Vec<(String, Arc<Rights>)>>);

/// Why TLS can't begin.
#[derive(Debug)]
pub struct TlsError(String);

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TlsError {}

impl Tls {
    /// Reads the files; none where the configuration names no certificate.
    ///
    /// # Errors
    /// When a file can't be read or used; the message names its key.
    pub fn load(
        files: &config::Tls,
        rules: Vec<ClientRule>,
        env: Env,
    ) -> Result<Option<Self>, TlsError> {
        if files.certificate_file.as_os_str().is_empty() {
            return Ok(None);
        }
        let contents = Contents::read(files)?;
        let config = contents.config(&env)?;
        let rules = rules.into_iter();
        Ok(Some(Self {
            files: files.clone(),
            env,
            current: watch::Sender::new(Arc::new(config)),
            read: contents.digest(),
            clients: Clients(Arc::new(
                rules
                    .map(|rule| (rule.name, Arc::new(rule.rights)))
                    .collect(),
            )),
        }))
    }

    /// The settings for the next connection.
    pub(super) fn current(&self) -> watch::Receiver<Arc<ServerConfig>> {
        self.current.subscribe()
    }

    pub(super) fn clients(&self) -> Clients {
        self.clients.clone()
    }

    /// Looks at the files again and again. Never ends.
    pub(super) async fn keep_current(mut self) {
        loop {
            self.env.sleep(LOOK_EVERY).await;
            let files = self.files.clone();
            let read = tokio::task::spawn_blocking(move || Contents::read(&files));
            match read.await {
                Ok(Ok(contents)) if contents.digest() == self.read => {}
                Ok(Ok(contents)) => {
                    self.read = contents.digest();
                    match contents.config(&self.env) {
                        Ok(config) => {
                            self.current.send_replace(Arc::new(config));
                            tracing::info!("took new TLS files into use");
                        }
                        Err(error) => {
                            tracing::error!(%error, "new TLS files can't be used; the old ones stay in use")
                        }
                    }
                }
                Ok(Err(error)) => {
                    // Said once, until there is something to read again.
                    if self.read != [0; 32] {
                        tracing::error!(%error, "TLS files can't be read; the old ones stay in use");
                    }
                    self.read = [0; 32];
                }
                // The process is ending.
                Err(_) => {}
            }
        }
    }
}

impl Clients {
    /// The name and the rights of whoever has this certificate, which has been verified: by the first
    /// rule whose name is one of its DNS names or URIs (RFC 5280 §4.2.1.6).
    pub(super) fn rights(&self, certificate: &CertificateDer<'_>) -> Option<(String, Arc<Rights>)> {
        let certificate = webpki::EndEntityCert::try_from(certificate).ok()?;
        let names: Vec<&str> = certificate
            .valid_dns_names()
            .chain(certificate.valid_uri_names())
            .collect();
        let rule = self
            .0
            .iter()
            .find(|(name, _)| names.contains(&name.as_str()));
        rule.cloned()
    }
}

/// The files as they were read.
struct Contents {
    certificate: Vec<u8>,
    key: zeroize::Zeroizing<Vec<u8>>,
    client_ca: Option<Vec<u8>>,
}

impl Contents {
    fn read(files: &config::Tls) -> Result<Self, TlsError> {
        let client_ca = Some(&files.client_ca_file).filter(|path| !path.as_os_str().is_empty());
        Ok(Self {
            certificate: read("tls.certificate_file", &files.certificate_file)?,
            key: read("tls.key_file", &files.key_file)?.into(),
            client_ca: client_ca
                .map(|path| read("tls.client_ca_file", path))
                .transpose()?,
        })
    }

    fn digest(&self) -> [u8; 32] {
        let parts = [&self.certificate, &*self.key];
        let mut digest = Sha256::new();
        for part in parts.into_iter().chain(&self.client_ca) {
            digest.update(part.len().to_be_bytes());
            digest.update(part);
        }
        digest.finalize().into()
    }

    fn config(&self, env: &Env) -> Result<ServerConfig, TlsError> {
        let chain = certificates("tls.certificate_file", &self.certificate)?;
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|error| wrong("tls.key_file", error))?;
        let provider = Arc::new(ring::default_provider());
        let clock = Arc::new(Clock::new(env.clone()));
        let builder = ServerConfig::builder_with_details(provider.clone(), clock)
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong("TLS", error))?;
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(pem) => {
                let mut roots = RootCertStore::empty();
                for authority in certificates("tls.client_ca_file", pem)? {
                    roots
                        .add(authority)
                        .map_err(|error| wrong("tls.client_ca_file", error))?;
                }
                // A client without a certificate may have a key.
                let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider)
                    .allow_unauthenticated()
                    .build()
                    .map_err(|error| wrong("tls.client_ca_file", error))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder
            .with_single_cert(chain, key)
            .map_err(|error| wrong("tls.certificate_file with tls.key_file", error))?;
        config.alpn_protocols = vec![H2.to_vec()];
        Ok(config)
    }
}

fn read(key: &str, path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|error| wrong(&format!("{key} {}", path.display()), error))
}

fn certificates(key: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| wrong(key, error))?;
    match all.is_empty() {
        true => Err(wrong(key, "it holds no certificate")),
        false => Ok(all),
    }
}

fn wrong(what: &str, error: impl fmt::Display) -> TlsError {
    TlsError(format!("{what}: {error}"))
}
