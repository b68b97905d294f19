//! One certificate for all mail servers. Real TLS, since credentials cross nothing else, and no
//! switch in the product lets them. Its random bytes reach neither the journal nor the clock.

use std::sync::{Arc, OnceLock};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{ServerConfig, crypto::ring};

use super::dial::smtp_host;

/// More mailboxes than any plan has.
const HOSTS: usize = 8;

/// The authority's certificate in PEM, and what the servers accept connections with.
pub fn authority() -> &'static (String, TlsAcceptor) {
    static AUTHORITY: OnceLock<(String, TlsAcceptor)> = OnceLock::new();
    AUTHORITY.get_or_init(make)
}

fn make() -> (String, TlsAcceptor) {
    let authority_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(params, authority_key);

    let key = KeyPair::generate().unwrap();
    let hosts: Vec<String> = (0..HOSTS).map(smtp_host).collect();
    let certificate = CertificateParams::new(hosts).unwrap();
    let certificate = certificate.signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    // Tickets live by the machine's clock.
    config.send_tls13_tickets = 0;
    (authority.pem(), TlsAcceptor::from(Arc::new(config)))
}
