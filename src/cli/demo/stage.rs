//! The stage: a sandbox and a server on free loopback ports, in a folder that goes afterwards.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::transport::Channel;

use crate::app::{App, Listeners};
use crate::cli::{Failed, sandbox};
use crate::config::Config;
use crate::env::Env;
use crate::model::ids::base32;
use crate::ops::Core;
use crate::rpc::proto::v1::admin_api_client::AdminApiClient;
use crate::rpc::proto::v1::mail_api_client::MailApiClient;
use crate::rpc::proto::v1::status_api_client::StatusApiClient;
use crate::sandbox::Sandbox;
use crate::store::sled::{Options, SledStore};

/// The largest message that the demo's client reads.
const ANSWER_MAX_BYTES: usize = 4 * 1024 * 1024;

/// Everything that runs during the demo.
pub(super) struct Stage {
    pub sandbox: Sandbox,
    pub core: Arc<Core>,
    pub grpc: SocketAddr,
    channel: Channel,
    store: Arc<SledStore>,
    folder: Folder,
    stop: oneshot::Sender<()>,
    server: JoinHandle<std::io::Result<()>>,
}

impl Stage {
    /// Starts sandbox and server.
    ///
    /// # Errors
    /// When a port or the folder can't be had.
    pub(super) async fn set(env: &Env) -> Result<Self, Failed> {
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let sandbox = Sandbox::start(sandbox::options(env, free, free, free)).await?;
        let listeners = Listeners {
            grpc: TcpListener::bind(free).await?,
            http: TcpListener::bind(free).await?,
        };
        let grpc = listeners.grpc.local_addr()?;
        let folder =
            std::env::temp_dir().join(format!("mailwright-demo-{}", base32(&env.random::<10>())));
        let mut config = Config::defaults();
        config.server.grpc_listen = grpc;
        config.server.http_listen = listeners.http.local_addr()?;
        config.server.public_url = format!("http://localhost:{}", config.server.http_listen.port());
        config.data.folder = folder.join("data");
        config.egress.allow = ["127.0.0.0/8", "::1/128"].map(str::to_owned).to_vec();
        config.egress.extra_ca_file = folder.join("sandbox-ca.pem");
        config.oauth.microsoft_authority = sandbox.authority();
        let folder = Folder::make(folder)?;
        std::fs::write(&config.egress.extra_ca_file, sandbox.ca_pem())?;

        let store = Arc::new(SledStore::open(
            &config.data.folder,
            env,
            Options::default(),
        )?);
        let app = App::build(config, listeners, store.clone(), env.clone()).await?;
        let core = app.core().clone();
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(app.run_until(async {
            // A stage that is dropped stops, too.
            let _ = stopped.await;
        }));
        let channel = Channel::from_shared(format!("http://{grpc}"))?
            .connect()
            .await?;
        Ok(Self {
            sandbox,
            core,
            grpc,
            channel,
            store,
            folder,
            stop,
            server,
        })
    }

    pub(super) fn admin(&self) -> AdminApiClient<Channel> {
        AdminApiClient::new(self.channel.clone())
    }

    pub(super) fn mail(&self) -> MailApiClient<Channel> {
        MailApiClient::new(self.channel.clone()).max_decoding_message_size(ANSWER_MAX_BYTES)
    }

    pub(super) fn status(&self) -> StatusApiClient<Channel> {
        StatusApiClient::new(self.channel.clone())
    }

    /// Drains the server, stops everything, removes the folder.
    ///
    /// # Errors
    /// When the server did not end well, or the folder stays.
    pub(super) async fn clear(self) -> Result<(), Failed> {
        drop(self.channel);
        // A server that has ended already hears nothing, and tells why below.
        let _ = self.stop.send(());
        self.server.await??;
        drop(self.sandbox);
        self.store.close();
        self.folder.remove()?;
        Ok(())
    }
}

/// A folder that goes with its owner, also when the demo fails.
struct Folder(PathBuf);

impl Folder {
    fn make(path: PathBuf) -> std::io::Result<Self> {
        std::fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    fn remove(&self) -> std::io::Result<()> {
        std::fs::remove_dir_all(&self.0)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Gone already when the demo ended well; otherwise as good as can be.
        let _ = self.remove();
    }
}
