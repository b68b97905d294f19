//! The server as a process that comes and goes at one address, the sandbox, and the service `billing`.
//!
//! [`run`] is the one place with a timer: it ends a test that hangs.

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mailwright::env::Env;
use mailwright::rpc::proto::v1;
use mailwright::rpc::proto::v1::admin_api_client::AdminApiClient;
use mailwright::sandbox::{CLIENT_ID, CLIENT_SECRET, Options, RateLimit, Sandbox};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Endpoint;
use tonic::{Request, Status};

use super::browser;
use super::process::{ADMIN_KEY, Process};
use super::proxy::{Kind, Proxy};

/// No test takes a tenth of this, however busy the machine is.
const HANG: Duration = Duration::from_secs(180);

pub const ADELE: &str = "adele@contoso.com";
pub const ALEX: &str = "alex@contoso.com";

/// A connection whose calls are an admin's.
pub type Channel = InterceptedService<tonic::transport::Channel, AsAdmin>;

#[derive(Clone)]
pub struct AsAdmin;

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

pub struct World {
    pub sandbox: Sandbox,
    /// Where the server is, and will be again.
    pub at: SocketAddr,
    pub folder: Folder,
    settings: Vec<(&'static str, String)>,
    server: Option<Process>,
}

impl World {
    /// With `billing` authorized and tested.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// As [`World::start`], with these variables beside.
    pub async fn with(more: &[(&'static str, &str)]) -> Self {
        let sandbox = sandbox().await;
        let folder = Folder::new();
        let ca = folder.0.join("sandbox-ca.pem");
        std::fs::write(&ca, sandbox.ca_pem()).unwrap();
        let text = |path: PathBuf| path.to_str().unwrap().to_owned();
        let mut settings = vec![
            ("MAILWRIGHT_DATA_FOLDER", text(folder.0.join("data"))),
            ("MAILWRIGHT_EGRESS_EXTRA_CA_FILE", text(ca)),
            ("MAILWRIGHT_EGRESS_ALLOW", "127.0.0.0/8,::1/128".to_owned()),
            ("MAILWRIGHT_OAUTH_MICROSOFT_AUTHORITY", sandbox.authority()),
            ("MAILWRIGHT_SERVER_HEARTBEAT_SECONDS", "1".to_owned()),
        ];
        settings.extend(
            more.iter()
                .map(|(name, value)| (*name, (*value).to_owned())),
        );
        let server = Process::start(&borrowed(&settings));
        let world = Self {
            sandbox,
            at: server.grpc,
            folder,
            settings,
            server: Some(server),
        };
        world.prepare().await;
        world
    }

    /// As [`World::start`], and then over TLS, with `cert.pem` of its folder.
    pub async fn behind_tls() -> Self {
        let mut world = Self::start().await;
        let names = vec!["localhost".to_owned(), world.at.ip().to_string()];
        let certified = rcgen::generate_simple_self_signed(names).unwrap();
        for (name, variable, content) in [
            (
                "cert.pem",
                "MAILWRIGHT_TLS_CERTIFICATE_FILE",
                certified.cert.pem(),
            ),
            (
                "key.pem",
                "MAILWRIGHT_TLS_KEY_FILE",
                certified.signing_key.serialize_pem(),
            ),
        ] {
            let file = world.folder.0.join(name);
            std::fs::write(&file, content).unwrap();
            world
                .settings
                .push((variable, file.to_str().unwrap().to_owned()));
        }
        world.stop();
        world.serve();
        world
    }

    pub fn serve(&mut self) {
        let started = Process::start_at(self.at, &borrowed(&self.settings));
        self.server = Some(started.unwrap_or_else(|log| panic!("it ended:\n{log}")));
    }

    /// As a supervisor stops it, with what is under way ended in order.
    pub fn stop(&mut self) {
        let server = self.server.take().unwrap();
        server.terminate();
        let (status, log) = server.ended();
        assert!(status.success(), "{log}");
    }

    pub fn kill(&mut self) {
        self.server.take().unwrap().kill();
    }

    /// nginx and HAProxy in front of it, with these changes to their files.
    pub async fn proxies(&self, changes: &[(&str, &str)]) -> [Proxy; 2] {
        [
            Proxy::start(Kind::Nginx, self.at, changes).await,
            Proxy::start(Kind::Haproxy, self.at, changes).await,
        ]
    }

    /// A connection without a proxy.
    pub async fn direct(&self) -> Channel {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.at)).unwrap();
        InterceptedService::new(endpoint.connect().await.unwrap(), AsAdmin)
    }

    async fn prepare(&self) {
        let mut admin = AdminApiClient::new(self.direct().await);
        let create = v1::CreateServiceRequest {
            service_id: "billing".into(),
            service: Some(self.service()),
        };
        admin.create_service(create).await.unwrap();
        let begin = v1::BeginAuthorizeRequest {
            service_id: "billing".into(),
            ..Default::default()
        };
        let begun = admin.begin_authorize(begin).await.unwrap().into_inner();
        let back = browser::decide(&begun.authorization_url, ADELE, "accept").await;
        let complete = v1::CompleteAuthorizeRequest {
            state: begun.state,
            code: browser::parameters(&back)["code"].clone(),
            ..Default::default()
        };
        admin.complete_authorize(complete).await.unwrap();
        let test = admin.send_test(test_to(ALEX)).await.unwrap();
        assert!(test.into_inner().passed);
    }

    /// HOLD: nothing may arrive twice, also where the process dies behind a dot.
    fn service(&self) -> v1::Service {
        v1::Service {
            display_name: "Billing".into(),
            smtp: Some(v1::Smtp {
                host: "localhost".into(),
                port: self.sandbox.smtp_addr().port().into(),
                ..v1::Smtp::default()
            }),
            sender: Some(v1::Sender {
                address: ADELE.into(),
                ..v1::Sender::default()
            }),
            auth: Some(v1::service::Auth::Oauth2(Box::new(v1::OAuth2 {
                provider: v1::Provider::Microsoft.into(),
                login_email: ADELE.into(),
                client_id: CLIENT_ID.into(),
                client_secret: CLIENT_SECRET.into(),
                ..v1::OAuth2::default()
            }))),
            delivery: Some(v1::Delivery {
                max_connections: Some(16),
                messages_per_minute: Some(100_000),
                recipients_per_day: Some(10_000_000),
                on_uncertain: v1::OnUncertain::Hold.into(),
                ..v1::Delivery::default()
            }),
            ..v1::Service::default()
        }
    }
}

fn borrowed<'a>(settings: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
    let pairs = settings.iter();
    pairs.map(|(name, value)| (*name, value.as_str())).collect()
}

pub fn test_to(address: &str) -> v1::SendTestRequest {
    v1::SendTestRequest {
        service_id: "billing".into(),
        to: address.into(),
    }
}

/// A short text, under this request id.
pub fn text(request_id: &str) -> v1::SendRequest {
    send(request_id, v1::Email::default())
}

/// This email to alex, under this request id, which is its subject too.
pub fn send(request_id: &str, email: v1::Email) -> v1::SendRequest {
    let email = v1::Email {
        to: vec![v1::Address {
            address: ALEX.into(),
            ..v1::Address::default()
        }],
        subject: request_id.into(),
        text_body: "Hello.".into(),
        ..email
    };
    v1::SendRequest {
        service_id: "billing".into(),
        request_id: request_id.into(),
        content: Some(v1::send_request::Content::Email(Box::new(email))),
        ..v1::SendRequest::default()
    }
}

async fn sandbox() -> Sandbox {
    let (clock, random) = (Env::system(), Env::system());
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let options = Options {
        http: any,
        smtp: any,
        smtps: any,
        now: Arc::new(move || clock.now().to_system()),
        random: Arc::new(move |bytes| random.fill(bytes)),
    };
    let sandbox = Sandbox::start(options).await.unwrap();
    sandbox.control().rate_limit(RateLimit::Off);
    sandbox.control().concurrent_submissions(64);
    sandbox
}

/// A folder that is gone with its owner.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("mailwright-mesh-{}-{n}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What can't be removed is left to the system's own cleaning.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
