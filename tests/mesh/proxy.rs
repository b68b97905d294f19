//! A proxy in front of the server, from its file in `deploy/mesh`, and connections to it.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;

use hyper_util::rt::TokioIo;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio::task::yield_now;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Endpoint;

use super::process::free;
use super::world::{AsAdmin, Channel, Folder};
use super::{root, tool};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Nginx,
    Haproxy,
}

/// A running proxy, ended with its owner.
pub struct Proxy {
    pub kind: Kind,
    pub at: SocketAddr,
    connector: TlsConnector,
    child: Child,
    folder: Folder,
}

impl Proxy {
    /// With these changes to its file, as far as it has what is on their left: the other proxy's file
    /// has its own.
    pub async fn start(kind: Kind, server: SocketAddr, changes: &[(&str, &str)]) -> Self {
        let (folder, at) = (Folder::new(), free());
        let certificate = certificate(&folder.0, at);
        let file = match kind {
            Kind::Nginx => "nginx.conf",
            Kind::Haproxy => "haproxy.cfg",
        };
        let mut text = std::fs::read_to_string(root().join("deploy/mesh").join(file)).unwrap();
        let (server, listen) = (server.to_string(), at.to_string());
        let own = addresses(kind, &server, &listen, &folder.0);
        for (from, to) in &own {
            text = replaced(&text, from, to);
        }
        for (from, to) in changes {
            if text.contains(from) {
                text = replaced(&text, from, to);
            }
        }
        let config = folder.0.join(file);
        std::fs::write(&config, text).unwrap();
        let log = File::create(folder.0.join("log")).unwrap();
        let child = command(kind, &config, &folder.0)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{kind:?} does not run ({error}): run `make test`"));
        let mut proxy = Self {
            kind,
            at,
            connector: connector(&certificate),
            child,
            folder,
        };
        while TcpStream::connect(at).await.is_err() {
            assert!(proxy.child.try_wait().unwrap().is_none(), "it has ended");
            yield_now().await;
        }
        proxy
    }

    /// The certificate to trust, as PEM.
    pub fn ca(&self) -> PathBuf {
        self.folder.0.join("fullchain.pem")
    }

    /// A connection, made anew where it breaks, whose calls are an admin's.
    pub async fn connect(&self) -> Channel {
        InterceptedService::new(self.connect_bare().await, AsAdmin)
    }

    /// As [`Proxy::connect`], without a key.
    pub async fn connect_bare(&self) -> tonic::transport::Channel {
        let (connector, at) = (self.connector.clone(), self.at);
        let dial = tower::service_fn(move |_| {
            let connector = connector.clone();
            async move { dial(&connector, at).await.map(TokioIo::new) }
        });
        let endpoint = Endpoint::from_static("http://localhost");
        endpoint.connect_with_connector(dial).await.unwrap()
    }

    pub async fn dial(&self) -> TlsStream<TcpStream> {
        dial(&self.connector, self.at).await.unwrap()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // One that has ended can't be killed, and is waited for all the same.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            let log = std::fs::read_to_string(self.folder.0.join("log"));
            println!("{:?}: {}", self.kind, log.unwrap_or_default());
        }
    }
}

/// What is never as in the file.
fn addresses<'a>(
    kind: Kind,
    server: &'a str,
    listen: &'a str,
    folder: &Path,
) -> Vec<(&'a str, String)> {
    let folder = folder.display();
    let mut own = vec![
        ("127.0.0.1:50051", server.to_owned()),
        ("/etc/mailwright/tls/", format!("{folder}/")),
    ];
    own.extend(match kind {
        Kind::Nginx => vec![
            ("listen 443 ssl", format!("listen {listen} ssl")),
            ("access_log off;", nginx_folders(&folder.to_string())),
        ],
        Kind::Haproxy => vec![("bind :443 ", format!("bind {listen} "))],
    });
    own
}

/// Where nginx keeps what it doesn't keep in memory.
fn nginx_folders(folder: &str) -> String {
    let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let paths = kinds.map(|kind| format!("{kind}_temp_path {folder}/{kind};"));
    format!("access_log off; {}", paths.join(" "))
}

/// In the foreground, as one process.
fn command(kind: Kind, config: &Path, folder: &Path) -> Command {
    let mut command = Command::new(match kind {
        Kind::Nginx => tool("bin/nginx"),
        Kind::Haproxy => tool("bin/haproxy"),
    });
    match kind {
        Kind::Nginx => {
            let more = format!(
                "daemon off; master_process off; pid {0}/pid; lock_file {0}/lock;",
                folder.display()
            );
            command
                .args(["-e", "stderr", "-g", &more, "-c"])
                .arg(config);
        }
        Kind::Haproxy => {
            command.args(["-db", "-f"]).arg(config);
        }
    }
    command
}

fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "the file has no {from:?}");
    text.replace(from, to)
}

/// A certificate for this address in a folder, in the form of each proxy.
fn certificate(folder: &Path, at: SocketAddr) -> CertificateDer<'static> {
    let names = vec!["localhost".to_owned(), at.ip().to_string()];
    let certified = rcgen::generate_simple_self_signed(names).unwrap();
    let (chain, key) = (certified.cert.pem(), certified.signing_key.serialize_pem());
    for (name, content) in [
        ("haproxy.pem", &format!("{chain}{key}")),
        ("fullchain.pem", &chain),
        ("privkey.pem", &key),
    ] {
        std::fs::write(folder.join(name), content).unwrap();
    }
    certified.cert.der().clone()
}

fn connector(certificate: &CertificateDer<'static>) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsConnector::from(Arc::new(config))
}

async fn dial(connector: &TlsConnector, at: SocketAddr) -> std::io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from("localhost").unwrap();
    let stream = connector
        .connect(name, TcpStream::connect(at).await?)
        .await?;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    Ok(stream)
}
