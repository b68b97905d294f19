//! TLS of the gRPC listener: who gets in by it, as whom, and what becomes of a certificate that
//! changes.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use mailwright::rpc::proto::v1;
use mailwright::rpc::proto::v1::admin_api_client::AdminApiClient;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

use super::access::get;
use super::authority::{Authority, Leaf, Valid};
use super::fault::refused;
use super::harness::{Bearer, Folder, House, as_admin, bare_channel, run};
use super::process::command;
use super::requests::{ADELE, ALEX};

/// A house behind TLS, whom its clients trust, and whom it trusts.
struct Behind {
    house: House,
    servers: Authority,
    clients: Authority,
    folder: Folder,
}

impl Behind {
    async fn start() -> Self {
        let (folder, servers, clients) = (Folder::new(), Authority::new(), Authority::new());
        let file = |name: &str| folder.0.join(name);
        servers.leaf(&["localhost"], Valid::Now).write(&folder.0);
        std::fs::write(file("clients.pem"), clients.pem()).unwrap();
        let house = House::with(|config| {
            config.tls.certificate_file = file("cert.pem");
            config.tls.key_file = file("key.pem");
            config.tls.client_ca_file = file("clients.pem");
            config.tls.clients = vec![
                "billing.apps.example.com SENDER adele".into(),
                "spiffe://example.com/ops ADMIN".into(),
            ];
        })
        .await;
        Self {
            house,
            servers,
            clients,
            folder,
        }
    }

    fn config(&self, own: Option<&Leaf>) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.servers.der()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match own {
            None => builder.with_no_client_auth(),
            Some(own) => {
                let key = PrivateKeyDer::try_from(own.key.serialize_der()).unwrap();
                builder
                    .with_client_auth_cert(vec![own.der.clone()], key)
                    .unwrap()
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        config
    }

    async fn shake(&self, config: ClientConfig) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.house.grpc).await?;
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
    }

    /// A connection, by this certificate where there is one, and the server's certificate.
    async fn connect(&self, own: Option<&Leaf>) -> (Channel, CertificateDer<'static>) {
        self.connect_by(self.config(own)).await.unwrap()
    }

    async fn connect_by(
        &self,
        config: ClientConfig,
    ) -> io::Result<(Channel, CertificateDer<'static>)> {
        let stream = self.shake(config).await?;
        let seen = stream.get_ref().1.peer_certificates().unwrap()[0].clone();
        let mut once = Some(TokioIo::new(stream));
        let connector = tower::service_fn(move |_| {
            let stream = once.take().ok_or_else(|| io::Error::other("it has gone"));
            async move { stream }
        });
        let endpoint = Endpoint::from_static("http://localhost");
        let channel = endpoint.connect_with_connector(connector).await;
        Ok((channel.map_err(io::Error::other)?, seen))
    }

    async fn create(&self, id: &str, email: &str) {
        let (connection, _) = self.connect(None).await;
        let create = v1::CreateServiceRequest {
            service_id: id.into(),
            service: Some(self.house.service(email)),
        };
        let mut admin = AdminApiClient::new(as_admin(connection));
        admin.create_service(create).await.unwrap();
    }

    /// Returns once new connections are shown this certificate.
    async fn until_served(&self, leaf: &Leaf) {
        while self.connect(None).await.1 != leaf.der {
            self.house.advance(Duration::from_secs(10));
        }
    }
}

/// Asks what every caller may know.
async fn ask(connection: &Channel) -> Result<(), Status> {
    let request = v1::GetServerInfoRequest::default();
    let mut admin = AdminApiClient::new(connection.clone());
    admin.get_server_info(request).await.map(drop)
}

#[test]
fn a_certificates_name_gives_its_role_and_services() {
    run(async {
        let behind = Behind::start().await;
        behind.create("adele", ADELE).await;
        behind.create("alex", ALEX).await;

        let billing = behind
            .clients
            .leaf(&["billing.apps.example.com"], Valid::Now);
        let (connection, _) = behind.connect(Some(&billing)).await;
        let mut admin = AdminApiClient::new(connection);
        assert!(admin.get_service(get("adele")).await.is_ok());
        let answer = admin.get_service(get("alex")).await;
        refused(answer, Code::NotFound, "SERVICE_NOT_FOUND");
        let suspend = v1::SuspendServiceRequest {
            service_id: "adele".into(),
        };
        let answer = admin.suspend_service(suspend.clone()).await;
        refused(answer, Code::PermissionDenied, "PERMISSION_DENIED");

        let ops = behind
            .clients
            .leaf(&["spiffe://example.com/ops"], Valid::Now);
        let (connection, _) = behind.connect(Some(&ops)).await;
        let mut admin = AdminApiClient::new(connection.clone());
        assert!(admin.suspend_service(suspend.clone()).await.is_ok());

        // Where there is a key, the key decides.
        let create = v1::CreateAccessKeyRequest {
            display_name: "a watcher's".into(),
            roles: vec![v1::Role::Watcher.into()],
            ..Default::default()
        };
        let created = admin.create_access_key(create).await.unwrap().into_inner();
        let bearer = Bearer::of(&created.secret);
        let mut keyed = AdminApiClient::new(InterceptedService::new(connection.clone(), bearer));
        let answer = keyed.suspend_service(suspend.clone()).await;
        refused(answer, Code::PermissionDenied, "PERMISSION_DENIED");
        let bearer = Bearer::of("nothing");
        let mut keyed = AdminApiClient::new(InterceptedService::new(connection, bearer));
        let answer = keyed.suspend_service(suspend).await;
        refused(answer, Code::Unauthenticated, "UNAUTHENTICATED");
    });
}

#[test]
fn a_certificate_without_a_rule_is_nobody_and_may_have_a_key() {
    run(async {
        let behind = Behind::start().await;
        let other = behind.clients.leaf(&["other.example.com"], Valid::Now);
        for own in [None, Some(&other)] {
            let (connection, _) = behind.connect(own).await;
            refused(
                ask(&connection).await,
                Code::Unauthenticated,
                "UNAUTHENTICATED",
            );
            let mut admin = AdminApiClient::new(as_admin(connection));
            let info = admin.get_server_info(v1::GetServerInfoRequest::default());
            assert!(info.await.is_ok());
        }
    });
}

#[test]
fn a_certificate_that_is_expired_or_anothers_opens_nothing() {
    run(async {
        let behind = Behind::start().await;
        let name = ["spiffe://example.com/ops"];
        let expired = behind.clients.leaf(&name, Valid::LongAgo);
        let foreign = Authority::new().leaf(&name, Valid::Now);
        let of_servers = behind.servers.leaf(&name, Valid::Now);
        for bad in [expired, foreign, of_servers] {
            // With TLS 1.3 a client hears of it after its own part of the handshake. How the client
            // names a connection that broke is its own; an answer of the server's has details.
            if let Ok((connection, _)) = behind.connect_by(behind.config(Some(&bad))).await {
                let broken = ask(&connection).await.err().unwrap();
                assert!(broken.details().is_empty(), "{broken:?}");
            }
        }
        let good = behind.clients.leaf(&name, Valid::Now);
        assert!(ask(&behind.connect(Some(&good)).await.0).await.is_ok());
    });
}

#[test]
fn what_speaks_no_tls_or_no_http2_is_turned_away() {
    run(async {
        let behind = Behind::start().await;
        let plain = bare_channel(behind.house.grpc).await;
        assert!(ask(&plain).await.is_err());
        let mut raw = TcpStream::connect(behind.house.grpc).await.unwrap();
        raw.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            .await
            .unwrap();
        let mut said = Vec::new();
        // It may be reset; what matters is that it ends without HTTP/2.
        let _ = raw.read_to_end(&mut said).await;
        assert!(said.len() <= 7, "an alert at most: {said:?}");

        let mut none = behind.config(None);
        none.alpn_protocols.clear();
        let mut stream = behind.shake(none).await.unwrap();
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said).await;
        assert!(said.is_empty(), "{said:?}");
        let mut older = behind.config(None);
        older.alpn_protocols = vec![b"http/1.1".to_vec()];
        assert!(behind.shake(older).await.is_err());
    });
}

#[test]
fn new_files_count_for_new_connections_and_broken_ones_for_none() {
    run(async {
        let behind = Behind::start().await;
        let (first, seen) = behind.connect(None).await;
        let first = as_admin(first);
        let renewed = behind.servers.leaf(&["localhost"], Valid::Now);
        assert_ne!(seen, renewed.der);
        renewed.write(&behind.folder.0);
        behind.until_served(&renewed).await;

        // Garbage, then a certificate without its key: both are passed over.
        let cert = behind.folder.0.join("cert.pem");
        std::fs::write(&cert, "garbage").unwrap();
        behind.house.advance(Duration::from_secs(10));
        assert_eq!(behind.connect(None).await.1, renewed.der);
        let next = behind.servers.leaf(&["localhost"], Valid::Now);
        std::fs::write(&cert, next.pem()).unwrap();
        behind.house.advance(Duration::from_secs(10));
        assert_eq!(behind.connect(None).await.1, renewed.der);
        next.write(&behind.folder.0);
        behind.until_served(&next).await;

        // Who may come is read anew, too.
        let authority = Authority::new();
        std::fs::write(behind.folder.0.join("clients.pem"), authority.pem()).unwrap();
        let ops = authority.leaf(&["spiffe://example.com/ops"], Valid::Now);
        loop {
            behind.house.advance(Duration::from_secs(10));
            if let Ok((connection, _)) = behind.connect_by(behind.config(Some(&ops))).await
                && ask(&connection).await.is_ok()
            {
                break;
            }
        }
        let info = v1::GetServerInfoRequest::default();
        assert!(
            AdminApiClient::new(first)
                .get_server_info(info)
                .await
                .is_ok()
        );
    });
}

#[test]
fn peers_that_never_shake_hands_are_dropped_and_hold_up_nobody() {
    run(async {
        let behind = Behind::start().await;
        let mut silent = Vec::new();
        for _ in 0..600 {
            silent.push(TcpStream::connect(behind.house.grpc).await.unwrap());
        }
        assert!(ask(&behind.connect(None).await.0).await.is_err(), "no key");
        // The oldest made way, at once.
        let mut said = [0; 1];
        assert_eq!(silent[0].read(&mut said).await.unwrap(), 0);
        let last = silent.last_mut().unwrap();
        let ended = loop {
            tokio::select! {
                biased;
                ended = last.read(&mut said) => break ended,
                () = tokio::task::yield_now() => behind.house.advance(Duration::from_secs(10)),
            }
        };
        assert_eq!(ended.unwrap(), 0);
    });
}

#[test]
fn without_tls_only_loopback_is_served() {
    let start = |variables: &[(&str, &str)]| {
        let output = command(variables).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let log = start(&[("MAILWRIGHT_SERVER_GRPC_LISTEN", "0.0.0.0:0")]);
    assert!(log.contains("server.allow_plaintext"), "{log}");

    let folder = Folder::new();
    Authority::new()
        .leaf(&["localhost"], Valid::Now)
        .write(&folder.0);
    let path = |name: &str| folder.0.join(name).to_str().unwrap().to_owned();
    let with = |cert: &Path| {
        start(&[
            ("MAILWRIGHT_SERVER_GRPC_LISTEN", "127.0.0.1:0"),
            ("MAILWRIGHT_SERVER_HTTP_LISTEN", "127.0.0.1:0"),
            ("MAILWRIGHT_DATA_FOLDER", &path("data")),
            ("MAILWRIGHT_TLS_CERTIFICATE_FILE", cert.to_str().unwrap()),
            ("MAILWRIGHT_TLS_KEY_FILE", &path("key.pem")),
        ])
    };
    let log = with(&folder.0.join("none.pem"));
    assert!(log.contains("tls.certificate_file"), "{log}");
    let other = Authority::new().leaf(&["localhost"], Valid::Now);
    std::fs::write(folder.0.join("other.pem"), other.pem()).unwrap();
    let log = with(&folder.0.join("other.pem"));
    assert!(log.contains("tls.key_file"), "{log}");
}
