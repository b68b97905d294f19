//! What the tests share: a clock, an egress that may go to loopback, a certificate authority.

use std::sync::Arc;

use mailwright::egress::{Connection, Egress};
use mailwright::env::Env;
use mailwright::model::service::{SmtpEndpoint, TlsMode};
use mailwright::model::{EmailAddress, Timestamp};
use mailwright::smtp::{
    Credential, Envelope, Failure, RecipientReply, Session, Settings, Timeouts, Transcript, connect,
};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{ServerConfig, crypto::ring};

use crate::peer::Peer;

pub const GREETING: &str = "S: 220 mx ESMTP\nC: EHLO client.example\n";
/// A server that offers everything but AUTH.
pub const HELLO: &str = "S: 220 mx ESMTP\nC: EHLO client.example\nS: 250-mx\nS: 250-SIZE 1000000\n\
                         S: 250-PIPELINING\nS: 250 8BITMIME\n";

#[derive(Clone)]
pub struct World {
    pub env: Env,
    pub egress: Egress,
    pub settings: Settings,
    pub acceptor: TlsAcceptor,
}

impl World {
    pub fn new() -> Self {
        // 2026-03-01T12:00:00Z; the server's certificate ends with the year.
        let env = Env::manual(Timestamp::from_unix_seconds(1_772_366_400), 1);
        let (authority, acceptor) = authority();
        let allow = vec!["127.0.0.0/8".parse().unwrap()];
        let egress = Egress::new(env.clone(), allow.clone(), Some(authority.as_bytes()), None);
        let egress = egress.unwrap().with_plaintext(allow);
        let settings = Settings {
            env: env.clone(),
            tls: egress.tls(),
            timeouts: Timeouts::default(),
            hello_name: "client.example".to_owned(),
        };
        Self {
            env,
            egress,
            settings,
            acceptor,
        }
    }

    pub async fn peer(&self, script: &str) -> Peer {
        Peer::follow(script, Some(self.acceptor.clone())).await
    }

    pub async fn connect(
        &self,
        peer: &Peer,
        tls: TlsMode,
        credential: &Credential,
    ) -> Result<Session<Connection>, Failure> {
        let endpoint = endpoint(peer.port, tls);
        let transcript = &mut Transcript::default();
        connect(
            &self.egress,
            &self.settings,
            &endpoint,
            credential,
            transcript,
        )
        .await
    }

    /// A session in plain text with a peer that says [`HELLO`] and then follows the script.
    pub async fn session(&self, script: &str) -> (Session<Connection>, Peer) {
        let peer = self.peer(&format!("{HELLO}{script}")).await;
        let session = self.connect(&peer, TlsMode::Plaintext, &Credential::None);
        (session.await.unwrap(), peer)
    }
}

pub fn endpoint(port: u16, tls: TlsMode) -> SmtpEndpoint {
    SmtpEndpoint {
        host: "127.0.0.1".to_owned(),
        port,
        tls,
    }
}

pub fn address(text: &str) -> EmailAddress {
    text.parse().unwrap()
}

/// An envelope from a@x.example to b@x.example, c@x.example, … and its replies.
pub async fn begin(
    session: &mut Session<Connection>,
    recipients: usize,
) -> Result<Vec<RecipientReply>, Failure> {
    let from = address("a@x.example");
    let to: Vec<_> = ('b'..='z')
        .take(recipients)
        .map(|name| address(&format!("{name}@x.example")))
        .collect();
    let envelope = Envelope::of(&from, &to, b"hello\r\n");
    session.begin(&envelope, &mut Transcript::default()).await
}

pub async fn body(session: &mut Session<Connection>, content: &[u8]) -> Result<(), Failure> {
    session.body(content, &mut Transcript::default()).await
}

/// Returns once every event that the sockets had before the call has reached its task: a round
/// trip over another connection passes through the same queue, after them.
pub async fn settle() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).await;
    let (mut near, (mut far, _)) = (near.unwrap(), listener.accept().await.unwrap());
    for _ in 0..5 {
        near.write_u8(1).await.unwrap();
        far.read_u8().await.unwrap();
        tokio::task::yield_now().await;
    }
}

/// An authority's PEM, and a server whose certificate it signed.
fn authority() -> (String, TlsAcceptor) {
    let authority_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(params, authority_key);

    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.not_after = date_time_ymd(2027, 1, 1);
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    (authority.pem(), TlsAcceptor::from(Arc::new(config)))
}
