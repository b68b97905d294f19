//! TLS in front of the server, as a mesh or a proxy ends it: bytes in, bytes out, until it freezes.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls_pki_types::PrivateKeyDer;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;

/// A proxy that lives as long as its runtime.
pub struct Proxy {
    pub at: SocketAddr,
    /// The certificate to trust, as PEM.
    pub authority: String,
    frozen: watch::Sender<()>,
}

impl Proxy {
    /// The connections that are open now stay open and carry nothing any more: half of each is gone.
    pub fn freeze(&self) {
        self.frozen.send_replace(());
    }
}

/// Serves `localhost` in front of `server`.
pub async fn start(server: SocketAddr) -> Proxy {
    let names = vec!["localhost".to_owned()];
    let certified = rcgen::generate_simple_self_signed(names).unwrap();
    let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let frozen = watch::Sender::new(());
    let freezing = frozen.clone();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let connection = carry(acceptor.clone(), client, server);
            let mut frozen = freezing.subscribe();
            tokio::spawn(async move {
                tokio::pin!(connection);
                tokio::select! { biased;
                    () = &mut connection => {}
                    _ = frozen.changed() => pending().await,
                }
            });
        }
    });
    Proxy {
        at,
        authority: certified.cert.pem(),
        frozen,
    }
}

/// A client that doesn't trust the certificate goes away, and so may the server: both end it.
async fn carry(acceptor: TlsAcceptor, client: TcpStream, server: SocketAddr) {
    if let Ok(mut client) = acceptor.accept(client).await
        && let Ok(mut server) = TcpStream::connect(server).await
    {
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}
