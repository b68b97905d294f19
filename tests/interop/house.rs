//! Our server in process, with the sandbox as its identity provider and no mail server of ours.
//!
//! [`run`] is the one place with a timer: it ends a test that hangs.

use std::fs::Permissions;
use std::future::{Future, pending};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
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
use mailwright::rpc::proto::v1::watch_status_request::Start;
use mailwright::rpc::proto::v1::watch_status_response::Event;
use mailwright::rpc::proto::v1::{self, MessageState, ServiceState};
use mailwright::sandbox::{Options, Sandbox};
use mailwright::store::memory::MemoryStore;
use tokio::net::TcpListener;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Endpoint;
use tonic::{Request, Status};

use super::browser;
use super::certificate::Certificate;

/// No test takes a tenth of this, however busy the machine is.
const HANG: Duration = Duration::from_secs(60);

/// What our clock says in every test: 2025-08-04T11:15:30Z.
const NOW: i64 = 1_754_306_130;

/// An admin's key, which the server takes from its data folder.
const ADMIN_KEY: &str =
    "mw_01k1qd3mkg0123456789abcdef_0123456789abcdefghjkmnpqrstvwxyz0123456789abcdefghjkmnpq";

/// A connection whose calls are an admin's.
type Channel = InterceptedService<tonic::transport::Channel, AsAdmin>;

#[derive(Clone)]
struct AsAdmin;

impl Interceptor for AsAdmin {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let value = format!("Bearer {ADMIN_KEY}").parse().unwrap();
        request.metadata_mut().insert("authorization", value);
        Ok(request)
    }
}

/// Runs a test on a runtime of its own, and ends it where it hangs.
pub fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime
        .block_on(async { tokio::time::timeout(HANG, test).await })
        .expect("the test hangs");
}

/// A running server, which trusts the certificates of this test alone.
pub struct House {
    pub folder: Folder,
    pub tls: Certificate,
    pub sandbox: Sandbox,
    pub env: Env,
    channel: Channel,
}

impl House {
    pub async fn start() -> Self {
        let env = Env::manual(Timestamp::from_unix_seconds(NOW), 1);
        let (sandbox, clock) = (sandbox(&env).await, env.clone());
        let folder = Folder::new();
        let tls = Certificate::make(&folder.0);
        let listeners = Listeners {
            metrics: None,
            grpc: TcpListener::bind("127.0.0.1:0").await.unwrap(),
            http: TcpListener::bind("127.0.0.1:0").await.unwrap(),
        };
        let grpc = listeners.grpc.local_addr().unwrap();
        let http = listeners.http.local_addr().unwrap();
        let mut config = Config::defaults();
        config.data.folder = folder.0.join("data");
        config.egress.allow = vec!["127.0.0.0/8".into(), "::1/128".into()];
        config.egress.allow_plaintext_smtp = config.egress.allow.clone();
        config.egress.extra_ca_file = tls.authority.clone();
        config.oauth.microsoft_authority = sandbox.authority();
        config.server.public_url = format!("http://localhost:{}", http.port());
        std::fs::create_dir_all(&config.data.folder).unwrap();
        std::fs::write(config.data.folder.join("admin.key"), ADMIN_KEY).unwrap();
        let store = Arc::new(MemoryStore::new(7));
        let app = App::build(config, listeners, store, env, Metrics::new())
            .await
            .unwrap();
        // The runtime ends it together with the test.
        tokio::spawn(app.run_until(pending()));
        let endpoint = Endpoint::from_shared(format!("http://{grpc}")).unwrap();
        Self {
            folder,
            tls,
            sandbox,
            env: clock,
            channel: InterceptedService::new(endpoint.connect().await.unwrap(), AsAdmin),
        }
    }

    pub async fn create(&self, id: &str, service: v1::Service) {
        let request = v1::CreateServiceRequest {
            service_id: id.into(),
            service: Some(service),
        };
        self.admin().create_service(request).await.unwrap();
    }

    /// A person at a browser consents as this account.
    pub async fn authorize(&self, id: &str, account: &str) {
        browser::consent(&self.begin(id).await, account).await;
    }

    /// A person at a browser opens the page of a provider that asks nothing.
    pub async fn open(&self, id: &str) {
        browser::open(&self.begin(id).await).await;
    }

    async fn begin(&self, id: &str) -> String {
        let request = v1::BeginAuthorizeRequest {
            service_id: id.into(),
            return_url: String::new(),
        };
        let begun = self.admin().begin_authorize(request).await.unwrap();
        begun.into_inner().authorization_url
    }

    pub async fn test(&self, id: &str, to: &str) -> v1::SendTestResponse {
        let request = v1::SendTestRequest {
            service_id: id.into(),
            to: to.into(),
        };
        self.admin().send_test(request).await.unwrap().into_inner()
    }

    /// The test passes, and the service is ready.
    pub async fn prove(&self, id: &str, to: &str) {
        let test = self.test(id, to).await;
        assert!(test.passed, "{test:#?}");
        assert_eq!(self.state(id).await, ServiceState::Ready);
    }

    pub async fn state(&self, id: &str) -> ServiceState {
        let request = v1::GetServiceRequest {
            service_id: id.into(),
        };
        let answer = self.admin().get_service(request).await.unwrap();
        answer.into_inner().service.unwrap().state()
    }

    /// Sends it, and gives the message when it has ended.
    pub async fn send(&self, id: &str, email: v1::Email) -> v1::Message {
        let request = v1::SendRequest {
            service_id: id.into(),
            content: Some(v1::send_request::Content::Email(Box::new(email))),
            ..v1::SendRequest::default()
        };
        let mut mail = MailApiClient::new(self.channel.clone());
        let sent = mail.send(request).await.unwrap().into_inner();
        self.ended(&sent).await;
        let request = v1::GetMessageRequest {
            message_id: sent.message_id,
        };
        let answer = mail.get_message(request).await.unwrap();
        answer.into_inner().message.unwrap()
    }

    async fn ended(&self, sent: &v1::SendResponse) {
        let request = v1::WatchStatusRequest {
            start: Some(Start::Cursor(sent.cursor.clone())),
            message_ids: vec![sent.message_id.clone()],
            ..v1::WatchStatusRequest::default()
        };
        let mut status = StatusApiClient::new(self.channel.clone());
        let mut feed = status.watch_status(request).await.unwrap().into_inner();
        loop {
            let next = feed.message().await.unwrap().unwrap();
            let Some(Event::Message(event)) = next.event else {
                continue;
            };
            let message = event.message.unwrap();
            // Shown only where a test fails or hangs.
            println!("{:?}: {:?}", message.state(), message.attempts);
            match message.state() {
                MessageState::Queued | MessageState::Sending => {}
                _ => return,
            }
        }
    }

    fn admin(&self) -> AdminApiClient<Channel> {
        AdminApiClient::new(self.channel.clone())
    }
}

async fn sandbox(env: &Env) -> Sandbox {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let clock = env.clone();
    let random = Env::manual(Timestamp::from_unix_seconds(NOW), 2);
    let options = Options {
        http: any,
        smtp: any,
        smtps: any,
        now: Arc::new(move || clock.now().to_system()),
        random: Arc::new(move |bytes| random.fill(bytes)),
    };
    Sandbox::start(options).await.unwrap()
}

/// Postfix's daemons run as a user of their own, whatever our umask keeps from others.
pub fn make_readable_folder(path: &Path) {
    std::fs::create_dir_all(path).unwrap();
    std::fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
}

/// A folder of this test alone, gone afterwards.
pub struct Folder(pub PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("mailwright-interop-{}-{n}", std::process::id());
        let path = std::env::temp_dir().join(name);
        make_readable_folder(&path);
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that stays behind hurts nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
