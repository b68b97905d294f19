//! The house under test: the app on free ports with a memory store, and the sandbox beside it.
//!
//! [`run`] is the one place with a timer of its own: it ends a test that hangs.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mailwright::app::{App, Listeners};
use mailwright::config::Config;
use mailwright::env::Env;
use mailwright::metrics::Metrics;
use mailwright::model::Timestamp;
use mailwright::rpc::proto::v1::admin_api_client::AdminApiClient;
use mailwright::rpc::proto::v1::mail_api_client::MailApiClient;
use mailwright::rpc::proto::v1::status_api_client::StatusApiClient;
use mailwright::sandbox::{Control, Options, Sandbox};
use mailwright::store::Store;
use mailwright::store::memory::MemoryStore;
use mailwright::store::sled::{Options as Disk, SledStore};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Endpoint;
use tonic::{Request, Status};

use super::process::{ADMIN_KEY, provide_key};

/// No test takes a tenth of this, however busy the machine is.
const HANG: Duration = Duration::from_secs(60);

/// When manual clocks begin: Monday, 4 August 2025.
pub const START: i64 = 1_754_306_130;

/// A connection whose every call bears a key: an admin's, unless a test takes another.
pub type Channel = InterceptedService<tonic::transport::Channel, Bearer>;

/// Puts a key into calls.
#[derive(Clone)]
pub struct Bearer(MetadataValue<Ascii>);

impl Bearer {
    pub fn of(key: &str) -> Self {
        Self(format!("Bearer {key}").parse().unwrap())
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let metadata = request.metadata_mut();
        metadata.insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// The calls of this connection are an admin's.
pub fn as_admin(connection: tonic::transport::Channel) -> Channel {
    InterceptedService::new(connection, Bearer::of(ADMIN_KEY))
}

/// Runs a test on a runtime of its own, and ends it where it hangs.
pub fn run(test: impl Future<Output = ()>) {
    run_within(HANG, test);
}

/// As [`run`], for a test of many rounds.
pub fn run_within(limit: Duration, test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime
        .block_on(async { tokio::time::timeout(limit, test).await })
        .expect("the test hangs; what it saw last is above");
}

/// A running server and the sandbox that its mail goes to.
pub struct House {
    pub env: Env,
    pub sandbox: Sandbox,
    pub grpc: SocketAddr,
    pub http: SocketAddr,
    pub metrics: SocketAddr,
    channel: Channel,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<io::Result<()>>,
    folder: Folder,
}

impl House {
    /// On a clock that the test moves.
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// As [`House::start`], with other settings.
    pub async fn with(configure: impl FnOnce(&mut Config)) -> Self {
        Self::build(
            Env::manual(Timestamp::from_unix_seconds(START), 1),
            configure,
        )
        .await
    }

    /// On the system's clock.
    pub async fn on_system_time() -> Self {
        Self::build(Env::system(), |_| {}).await
    }

    /// On a store of files, which can fail.
    pub async fn on_disk() -> (Self, Arc<SledStore>) {
        let env = Env::manual(Timestamp::from_unix_seconds(START), 1);
        let store = RefCell::new(None);
        let open = |folder: &Path| -> Arc<dyn Store> {
            let opened = SledStore::open(folder, &env, &Metrics::new(), Disk::default());
            let opened = Arc::new(opened.unwrap());
            store.replace(Some(opened.clone()));
            opened
        };
        let house = Self::build_on(env.clone(), |_| {}, open).await;
        (house, store.take().unwrap())
    }

    async fn build(env: Env, configure: impl FnOnce(&mut Config)) -> Self {
        Self::build_on(env, configure, |_| Arc::new(MemoryStore::new(7))).await
    }

    async fn build_on(
        env: Env,
        configure: impl FnOnce(&mut Config),
        store: impl FnOnce(&Path) -> Arc<dyn Store>,
    ) -> Self {
        let sandbox = sandbox(&env).await;
        let listeners = Listeners {
            metrics: Some(TcpListener::bind("127.0.0.1:0").await.unwrap()),
            grpc: TcpListener::bind("127.0.0.1:0").await.unwrap(),
            http: TcpListener::bind("127.0.0.1:0").await.unwrap(),
        };
        let (grpc, http) = (
            listeners.grpc.local_addr().unwrap(),
            listeners.http.local_addr().unwrap(),
        );
        let metrics = listeners.metrics.as_ref().unwrap().local_addr().unwrap();
        let folder = Folder::new();
        let ca_file = folder.0.join("ca.pem");
        std::fs::write(&ca_file, sandbox.ca_pem()).unwrap();
        let mut config = Config::defaults();
        config.data.folder = folder.0.join("data");
        config.egress.allow = vec!["127.0.0.0/8".into(), "::1/128".into()];
        config.egress.allow_plaintext_smtp = vec!["127.0.0.0/8".into()];
        config.egress.extra_ca_file = ca_file;
        config.oauth.microsoft_authority = sandbox.authority();
        config.oauth.google_authority = sandbox.google_authority();
        config.server.public_url = format!("http://localhost:{}", http.port());
        config.server.heartbeat_seconds = 1;
        // Tests move the clock by days, and go on with the connection that they have.
        config.server.max_connection_idle_seconds = 0;
        config.server.max_connection_age_seconds = 0;
        configure(&mut config);
        provide_key(&config.data.folder);

        let store = store(&config.data.folder);
        let app = App::build(config, listeners, store, env.clone(), Metrics::new())
            .await
            .unwrap();
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(app.run_until(async {
            // A house that is gone has stopped, too.
            let _ = stopped.await;
        }));
        let channel = channel(grpc).await;
        Self {
            env,
            sandbox,
            grpc,
            http,
            metrics,
            channel,
            stop: Some(stop),
            served,
            folder,
        }
    }

    /// Where the server keeps what it keeps.
    pub fn data(&self) -> PathBuf {
        self.folder.0.join("data")
    }

    pub fn control(&self) -> &Control {
        self.sandbox.control()
    }

    /// Moves the clock of server and sandbox.
    pub fn advance(&self, by: Duration) {
        self.env.advance(by);
    }

    /// Moves the clock to this time.
    pub fn advance_to(&self, time: prost_types::Timestamp) {
        let micros = time.seconds * 1_000_000 + i64::from(time.nanos) / 1_000;
        let left = Timestamp::from_unix_micros(micros).since(self.env.now());
        self.env.advance(left);
    }

    pub fn admin(&self) -> AdminApiClient<Channel> {
        AdminApiClient::new(self.channel.clone())
    }

    pub fn mail(&self) -> MailApiClient<Channel> {
        MailApiClient::new(self.channel.clone())
            .max_encoding_message_size(usize::MAX)
            .max_decoding_message_size(usize::MAX)
    }

    pub fn status(&self) -> StatusApiClient<Channel> {
        StatusApiClient::new(self.channel.clone())
    }

    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// Tells the server to stop, as SIGTERM does.
    pub fn begin_stop(&mut self) {
        let stop = self.stop.take().expect("the house is stopped once");
        // The receiver is gone only where serving failed, which `stopped` tells.
        let _ = stop.send(());
    }

    /// Returns when the server has stopped, with what it kept.
    pub async fn stopped(self) -> Folder {
        drop(self.channel);
        self.served.await.unwrap().unwrap();
        self.folder
    }

    /// As [`House::stopped`], for one on this store of files: what the next process finds.
    pub async fn reopened(self, store: Arc<SledStore>) -> (SledStore, Folder) {
        let (data, env) = (self.data(), self.env.clone());
        let folder = self.stopped().await;
        // Tasks of connections that have just ended may have it for a moment.
        while Arc::strong_count(&store) > 1 {
            tokio::task::yield_now().await;
        }
        drop(store);
        let opened = SledStore::open(&data, &env, &Metrics::new(), Disk::default());
        (opened.unwrap(), folder)
    }
}

/// A connection of its own.
pub async fn channel(address: SocketAddr) -> Channel {
    as_admin(bare_channel(address).await)
}

/// As [`channel`], without a key.
pub async fn bare_channel(address: SocketAddr) -> tonic::transport::Channel {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    endpoint.connect().await.unwrap()
}

/// As [`channel`], connected by the first call: the server may be gone by then.
pub fn lazy_channel(address: SocketAddr) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    as_admin(endpoint.connect_lazy())
}

/// A sandbox on free ports that lives in this time.
pub async fn sandbox(env: &Env) -> Sandbox {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let clock = env.clone();
    let random = Env::manual(Timestamp::from_unix_seconds(START), 2);
    let options = Options {
        http: any,
        smtp: any,
        smtps: any,
        now: Arc::new(move || clock.now().to_system()),
        random: Arc::new(move |bytes| random.fill(bytes)),
    };
    Sandbox::start(options).await.unwrap()
}

/// A folder of this test alone, gone afterwards.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("mailwright-e2e-{}-{n}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that stays behind hurts nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
