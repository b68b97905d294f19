//! What the demo runs on: the sandbox, the server and its clients, on free loopback ports, in a
//! temporary folder that is gone afterwards.

use std::fs::{self, DirBuilder};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use crate::app::{App, Listeners};
use crate::cli::{Failed, sandbox};
use crate::config::Config;
use crate::egress::Egress;
use crate::env::Env;
use crate::keys;
use crate::metrics::Metrics;
use crate::model::ids::base32;
use crate::rpc::proto::v1::admin_api_client::AdminApiClient;
use crate::rpc::proto::v1::mail_api_client::MailApiClient;
use crate::rpc::proto::v1::status_api_client::StatusApiClient;
use crate::sandbox::Sandbox;
use crate::store::sled::{Options, SledStore};

/// Nothing that the demo leaves under way takes longer to end.
const DRAIN_GRACE_SECONDS: u32 = 5;

/// A free port of this machine.
const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A connection whose calls bear an admin's key, as those of any client do.
type KeyedChannel = InterceptedService<Channel, Bearer>;

/// Puts a key into calls.
#[derive(Clone)]
pub struct Bearer(MetadataValue<Ascii>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let metadata = request.metadata_mut();
        metadata.insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// The sandbox, and the way to a server that whoever built it has to run.
pub struct Stage {
    pub env: Env,
    pub grpc: SocketAddr,
    pub public_url: String,
    pub sandbox: Sandbox,
    /// How the demo's browser reaches out.
    pub egress: Egress,
    /// The file with an admin's key, which the server made.
    pub key_file: PathBuf,
    channel: KeyedChannel,
    data: Data,
}

impl Stage {
    /// Starts the sandbox, builds the server and binds its sockets.
    ///
    /// # Errors
    /// When the folder, a socket or the server can't be made.
    pub async fn build(env: &Env) -> Result<(Self, App), Failed> {
        let folder = Folder::make(env)?;
        let sandbox = Sandbox::start(sandbox::options(env, ANY_PORT, ANY_PORT, ANY_PORT)).await?;
        let mut config = config(&folder.0, &sandbox)?;
        let listeners = Listeners::bind(&config).await?;
        let (grpc, http) = (listeners.grpc.local_addr()?, listeners.http.local_addr()?);
        config.server.grpc_listen = grpc;
        config.server.http_listen = http;
        // Providers take plain http as redirect URI for this name only.
        let public_url = format!("http://localhost:{}", http.port());
        config.server.public_url.clone_from(&public_url);
        let metrics = Metrics::new();
        let store = Arc::new(SledStore::open(
            &config.data.folder,
            env,
            &metrics,
            Options::default(),
        )?);
        let app = App::build(config, listeners, store.clone(), env.clone(), metrics).await?;
        let key_file = keys::file::path(&app.core().config.data.folder);
        let bearer = bearer(&key_file)?;
        let endpoint = Endpoint::from_shared(format!("http://{grpc}"))?;
        let stage = Self {
            env: env.clone(),
            grpc,
            public_url,
            sandbox,
            egress: app.core().egress.clone(),
            key_file,
            channel: InterceptedService::new(endpoint.connect_lazy(), bearer),
            data: Data { store, folder },
        };
        Ok((stage, app))
    }

    pub fn admin(&self) -> AdminApiClient<KeyedChannel> {
        AdminApiClient::new(self.channel.clone())
    }

    pub fn mail(&self) -> MailApiClient<KeyedChannel> {
        MailApiClient::new(self.channel.clone())
    }

    pub fn status(&self) -> StatusApiClient<KeyedChannel> {
        StatusApiClient::new(self.channel.clone())
    }

    /// Ends the demo's connections and the sandbox; what is left is for the server to end in.
    pub fn strike(self) -> Data {
        self.data
    }
}

/// The key in this file, as it goes into calls.
fn bearer(key_file: &Path) -> Result<Bearer, Failed> {
    let key = fs::read_to_string(key_file)?;
    let mut value: MetadataValue<Ascii> = format!("Bearer {}", key.trim()).parse()?;
    value.set_sensitive(true);
    Ok(Bearer(value))
}

/// The defaults, led to the sandbox.
fn config(folder: &Path, sandbox: &Sandbox) -> Result<Config, Failed> {
    let ca = folder.join("sandbox-ca.pem");
    fs::write(&ca, sandbox.ca_pem())?;
    let mut config = Config::defaults();
    config.server.grpc_listen = ANY_PORT;
    config.server.http_listen = ANY_PORT;
    config.metrics.listen = String::new();
    config.server.drain_grace_seconds = DRAIN_GRACE_SECONDS;
    config.data.folder = folder.join("data");
    config.egress.allow = vec!["127.0.0.0/8".to_owned(), "::1/128".to_owned()];
    config.egress.extra_ca_file = ca;
    config.oauth.microsoft_authority = sandbox.authority();
    Ok(config)
}

/// What the server writes.
pub struct Data {
    store: Arc<SledStore>,
    folder: Folder,
}

impl Data {
    /// Closes the store and removes the folder. The server must have ended.
    ///
    /// # Errors
    /// When something of it stays.
    pub fn remove(self) -> Result<(), Failed> {
        self.store.close();
        fs::remove_dir_all(&self.folder.0)?;
        Ok(())
    }
}

/// A folder for this run and user alone; dropping it removes it.
struct Folder(PathBuf);

impl Folder {
    fn make(env: &Env) -> Result<Self, Failed> {
        let name = format!("mailwright-demo-{}", base32(&env.random::<10>()));
        let path = std::env::temp_dir().join(name);
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|error| Failed::new(1, format!("can't make {}: {error}", path.display())))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Gone already after `Data::remove`; elsewhere a failure ended the demo, and is what to report.
        let _ = fs::remove_dir_all(&self.0);
    }
}
