//! The TLS settings of every connection: public authorities, an extra one, and `Env`'s clock.

use std::fmt;
use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, UnixTime};
use tokio_rustls::rustls::time_provider::TimeProvider;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};

use crate::env::Env;

/// TLS 1.2 and 1.3, certificates always verified.
///
/// # Errors
/// What is wrong with the extra certificates.
pub fn client_config(env: Env, extra_ca_pem: Option<&[u8]>) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    if let Some(pem) = extra_ca_pem {
        add_authorities(&mut roots, pem)?;
    }
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_details(provider, Arc::new(Clock(env)))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS can't be set up: {error}"))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn add_authorities(roots: &mut RootCertStore, pem: &[u8]) -> Result<(), String> {
    let certificates = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("the extra certificate authority is not PEM: {error}"))?;
    if certificates.is_empty() {
        return Err("the extra certificate authority's PEM holds no certificate".to_owned());
    }
    for certificate in certificates {
        roots
            .add(certificate)
            .map_err(|error| format!("the extra certificate authority is not usable: {error}"))?;
    }
    Ok(())
}

/// Certificates are judged by `Env`'s clock, so that nothing else reads one.
pub struct Clock(Env);

impl Clock {
    /// On this `Env`.
    pub fn new(env: Env) -> Self {
        Self(env)
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        let since_epoch = self.0.now().since(Default::default());
        Some(UnixTime::since_unix_epoch(since_epoch))
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    #[test]
    fn what_is_no_certificate_is_refused() {
        let env = Env::manual(Timestamp::from_unix_seconds(1_772_366_400), 1);
        assert!(client_config(env.clone(), None).is_ok());
        let garbage = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for pem in [&b""[..], b"hello", garbage] {
            assert!(client_config(env.clone(), Some(pem)).is_err());
        }
    }
}
