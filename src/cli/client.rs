//! How commands reach a running server: by gRPC, with an access key.
//!
//! Where it is and who asks comes from flags, else from the profile that `--profile` names, else from
//! variables, else from the profile of every day. The key itself is on no command line.

use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use super::profile::Profile;
use super::{Failed, NOT_REACHED, USAGE, remote_error};
use crate::egress::client_config;
use crate::env::Env;
use crate::model::Secret;
use crate::rpc::proto::v1::admin_api_client::AdminApiClient;
use crate::rpc::proto::v1::mail_api_client::MailApiClient;
use crate::rpc::proto::v1::status_api_client::StatusApiClient;

/// Where a server is that listens as by default.
const DEFAULT_SERVER: &str = "http://127.0.0.1:50051";

/// A server that takes no connection for so long is tried no longer.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// How often a connection is asked whether it lives, and how long it has to say so. It is the server's
/// own patience: the answer queues behind a slow upload, of which up to 512 KiB may be on their way.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Which server, and who asks.
#[derive(Args)]
pub struct Client {
    /// Where the server's gRPC is [default: MAILWRIGHT_ADDRESS, or http://127.0.0.1:50051]
    #[arg(long, value_name = "URL", global = true)]
    server: Option<String>,
    /// A file that holds an access key [default: the key in MAILWRIGHT_KEY]
    #[arg(long, value_name = "FILE", global = true)]
    key_file: Option<PathBuf>,
    /// Certificates to trust beside the public ones, in PEM [default: MAILWRIGHT_CA_FILE]
    #[arg(long, value_name = "FILE", global = true)]
    ca_file: Option<PathBuf>,
    /// Which server of ~/.config/mailwright/config.toml [default: MAILWRIGHT_PROFILE]
    #[arg(long, value_name = "NAME", global = true)]
    profile: Option<String>,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// When the address is none or nobody listens there, or the key can't be read.
    pub async fn connect(&self) -> Result<Connected, Failed> {
        let settings = self.settings()?;
        let authorization = settings.key.map(bearer).transpose()?;
        let address = settings.address.clone();
        let failed = |why: String| {
            let next = "start it (`mailwright serve`), or say where it is by --server or a profile";
            Failed::new(
                NOT_REACHED,
                format!("no server at {address}: {why}\n  {next}"),
            )
        };
        let endpoint = endpoint(&address).map_err(|error| failed(error.to_string()))?;
        let channel = match endpoint.uri().scheme_str() {
            Some("https") => over_tls(&endpoint, settings.ca_file).await?,
            _ => endpoint.connect().await,
        };
        let channel = channel.map_err(|error| failed(root_of(&error)))?;
        Ok(Connected {
            channel,
            authorization,
            address: settings.address,
        })
    }

    fn settings(&self) -> Result<Settings, Failed> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let (chosen, usual) = match &self.profile {
            Some(name) => (Profile::named(name)?, Profile::default()),
            None => match variable("MAILWRIGHT_PROFILE") {
                Some(name) => (Profile::default(), Profile::named(&name)?),
                None => (Profile::default(), Profile::usual()?),
            },
        };
        let given = self.server.clone().or(chosen.server);
        let address = given
            .or_else(|| variable("MAILWRIGHT_ADDRESS"))
            .or(usual.server)
            .unwrap_or_else(|| DEFAULT_SERVER.into());
        let key = match (&self.key_file, chosen.key_file) {
            (Some(path), _) => Some(read_key(path)?),
            (None, Some(path)) => Some(read_key(&path)?),
            (None, None) => match (variable("MAILWRIGHT_KEY"), usual.key_file) {
                (Some(key), _) => Some(Secret::new(key)),
                (None, Some(path)) => Some(read_key(&path)?),
                (None, None) => None,
            },
        };
        let ca_file = self.ca_file.clone().or(chosen.ca_file);
        let ca_file = ca_file
            .or_else(|| variable("MAILWRIGHT_CA_FILE").map(PathBuf::from))
            .or(usual.ca_file);
        Ok(Settings {
            address,
            key,
            ca_file,
        })
    }
}

struct Settings {
    address: String,
    key: Option<Secret>,
    ca_file: Option<PathBuf>,
}

/// A connection to a server. Cheap to clone.
#[derive(Clone)]
pub struct Connected {
    channel: Channel,
    authorization: Option<MetadataValue<Ascii>>,
    address: String,
}

impl Connected {
    /// Where the server is.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// AdminAPI on it.
    pub fn admin(&self) -> AdminApiClient<Channel> {
        AdminApiClient::new(self.channel.clone())
    }

    /// MailAPI on it; what is large is for the server to refuse.
    pub fn mail(&self) -> MailApiClient<Channel> {
        MailApiClient::new(self.channel.clone()).max_encoding_message_size(usize::MAX)
    }

    /// StatusAPI on it.
    pub fn status(&self) -> StatusApiClient<Channel> {
        StatusApiClient::new(self.channel.clone())
    }

    /// A request of whoever has the key.
    pub fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(value) = &self.authorization {
            let metadata = request.metadata_mut();
            metadata.insert("authorization", value.clone());
        }
        request
    }
}

/// The server at this address. A connection that dies without a word ends its calls, which could wait
/// for ever else: a feed says nothing for as long as nothing happens.
fn endpoint(address: &str) -> Result<Endpoint, tonic::transport::Error> {
    let endpoint = Endpoint::from_str(address)?;
    Ok(endpoint
        .connect_timeout(CONNECT_WITHIN)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE)
        .keep_alive_while_idle(true))
}

/// What a server answered in place of an answer.
pub fn refused(status: &Status) -> Failed {
    remote_error::failed(status)
}

fn read_key(path: &PathBuf) -> Result<Secret, Failed> {
    let key = std::fs::read_to_string(path);
    let key =
        key.map_err(|error| Failed::new(USAGE, format!("key file {}: {error}", path.display())))?;
    Ok(Secret::new(key))
}

fn bearer(key: Secret) -> Result<MetadataValue<Ascii>, Failed> {
    let mut value = MetadataValue::from_str(&format!("Bearer {}", key.expose().trim()))
        .map_err(|_| Failed::new(USAGE, "the access key holds characters that no key has"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// The outer failure is one of the settings, the inner one of the connection.
async fn over_tls(
    endpoint: &Endpoint,
    ca_file: Option<PathBuf>,
) -> Result<Result<Channel, tonic::transport::Error>, Failed> {
    let uri = endpoint.uri();
    let host = uri
        .host()
        .unwrap_or_default()
        .trim_matches(['[', ']'])
        .to_owned();
    let port = uri.port_u16().unwrap_or(443);
    let name = ServerName::try_from(host.clone())
        .map_err(|error| Failed::new(USAGE, format!("{host}: {error}")))?;
    let unusable = |why: String| {
        let file = ca_file
            .as_ref()
            .map(|path| format!("CA file {}: ", path.display()));
        Failed::new(USAGE, file.unwrap_or_default() + &why)
    };
    let pem = ca_file.as_ref().map(std::fs::read).transpose();
    let pem = pem.map_err(|error| unusable(error.to_string()))?;
    let mut config = client_config(Env::system(), pem.as_deref()).map_err(unusable)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    let tls = TlsConnector::from(Arc::new(config));
    let connector = tower::service_fn(move |_| {
        let (tls, name, host) = (tls.clone(), name.clone(), host.clone());
        async move {
            // The way to our own server, which the egress policy of that server doesn't rule.
            #[allow(clippy::disallowed_methods)]
            let socket = TcpStream::connect((host.as_str(), port)).await?;
            socket.set_nodelay(true)?;
            Ok::<_, io::Error>(TokioIo::new(tls.connect(name, socket).await?))
        }
    });
    Ok(endpoint.connect_with_connector(connector).await)
}

/// What is behind an error that only names its layer.
fn root_of(error: &dyn std::error::Error) -> String {
    let mut root = error;
    while let Some(source) = root.source() {
        root = source;
    }
    root.to_string()
}

#[cfg(test)]
mod tests {
    use tokio::io::{DuplexStream, copy_bidirectional, duplex};
    use tokio::sync::{Notify, mpsc};
    use tokio_stream::wrappers::ReceiverStream;
    use tokio_stream::{Stream, StreamExt};
    use tonic::Response;
    use tonic::transport::Server;

    use super::*;
    use crate::cli::follow::Follow;
    use crate::cli::print::{Output, Printer};
    use crate::cli::remote::Session;
    use crate::model::Timestamp;
    use crate::rpc::proto::v1::status_api_server::{StatusApi, StatusApiServer};
    use crate::rpc::proto::v1::{
        WatchStatusRequest, WatchStatusResponse, watch_status_request::Start,
    };

    /// Tells one event behind each place, and then nothing for ever.
    struct Quiet;

    #[tonic::async_trait]
    impl StatusApi for Quiet {
        type WatchStatusStream =
            std::pin::Pin<Box<dyn Stream<Item = Result<WatchStatusResponse, Status>> + Send>>;

        async fn watch_status(
            &self,
            request: Request<WatchStatusRequest>,
        ) -> Result<Response<Self::WatchStatusStream>, Status> {
            let cursor = match request.into_inner().start {
                Some(Start::Cursor(cursor)) => format!("behind {cursor}"),
                _ => "first".to_owned(),
            };
            let event = WatchStatusResponse {
                cursor,
                ..Default::default()
            };
            let events = tokio_stream::once(Ok(event)).chain(tokio_stream::pending());
            Ok(Response::new(Box::pin(events)))
        }
    }

    /// Serves what comes over these pipes.
    fn serve() -> mpsc::Sender<io::Result<DuplexStream>> {
        let (sender, pipes) = mpsc::channel(4);
        let server = Server::builder().add_service(StatusApiServer::new(Quiet));
        tokio::spawn(server.serve_with_incoming(ReceiverStream::new(pipes)));
        sender
    }

    /// Carries bytes both ways until it is to be silent; then it carries none and closes nothing.
    async fn carry(mut near: DuplexStream, mut far: DuplexStream, silence: Arc<Notify>) {
        tokio::select! {
            biased;
            () = silence.notified() => std::future::pending().await,
            _ = copy_bidirectional(&mut near, &mut far) => {}
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_feed_goes_on_where_its_connection_died_without_a_word() {
        let env = Env::simulated(Timestamp::from_unix_seconds(1_000), 1);
        let (server, silence) = (serve(), Arc::new(Notify::new()));
        // Only the first connection falls silent.
        let mut silences = vec![silence.clone()];
        let connector = tower::service_fn(move |_| {
            let (server, silence) = (server.clone(), silences.pop().unwrap_or_default());
            async move {
                let ((client, near), (far, served)) = (duplex(65_536), duplex(65_536));
                tokio::spawn(carry(near, far, silence));
                server.send(Ok(served)).await.map_err(io::Error::other)?;
                Ok::<_, io::Error>(TokioIo::new(client))
            }
        });
        let channel = endpoint(DEFAULT_SERVER).unwrap();
        let session = Session {
            connected: Connected {
                channel: channel.connect_with_connector(connector).await.unwrap(),
                authorization: None,
                address: DEFAULT_SERVER.into(),
            },
            printer: Printer::new(Output::Json),
            env: env.clone(),
        };
        let mut feed = Follow::new(&session, WatchStatusRequest::default());
        assert_eq!(feed.next().await.unwrap().cursor, "first");
        silence.notify_one();
        let minutes = Duration::from_secs(120);
        let next = env.timeout(minutes, feed.next()).await;
        let next = next.expect("a watcher that hears nothing looks whether anybody is there");
        assert_eq!(next.unwrap().cursor, "behind first");
    }
}
