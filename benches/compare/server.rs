//! `mailwright serve` as a process of its own, and clients of it over real sockets.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use mailwright::rpc::proto::v1::admin_api_client::AdminApiClient;
use mailwright::rpc::proto::v1::mail_api_client::MailApiClient;
use mailwright::rpc::proto::v1::send_request::Content;
use mailwright::rpc::proto::v1::service::Auth;
use mailwright::rpc::proto::v1::status_api_client::StatusApiClient;
use mailwright::rpc::proto::v1::{
    Address, CreateServiceRequest, Delivery, Email, NoAuth, SendRequest, SendTestRequest, Sender,
    Service, Smtp, TlsMode,
};
use tonic::metadata::MetadataValue;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use crate::program::{Program, free_port};

/// What the first start finds in its data folder and takes as the admin's key.
const KEY: &str =
    "mw_01k1qd3mkg0123456789abcdef_0123456789abcdefghjkmnpqrstvwxyz0123456789abcdefghjkmnpq";

pub const FROM: &str = "news@example.com";
pub const TO: &str = "someone@example.net";

/// The settings of every run that are not the defaults, for the document.
pub const SETTINGS: &str = "Settings that are not the defaults: loopback may be dialled; \
`limits.requests_per_second = 0`; `outbox.*` 20 million messages; a mailbox has 100,000 messages a minute (of which \
10,000 may go at once), 10,000,000 recipients a day (the highest that the API takes) and as many connections \
as a table says.";

/// Bears the key.
pub type Keyed = InterceptedService<Channel, fn(Request<()>) -> Result<Request<()>, Status>>;

/// A running server on a folder of its own, which goes with it.
pub struct Server {
    program: Option<Program>,
    pub folder: PathBuf,
    pub grpc: SocketAddr,
    metrics: SocketAddr,
    variables: Vec<(String, String)>,
}

impl Server {
    /// Starts it on `folder`; variables go over [`SETTINGS`].
    pub fn start(folder: &Path, variables: &[(&str, &str)]) -> Self {
        let [grpc, http, metrics] = [0; 3].map(|_| {
            let port = free_port(Ipv4Addr::LOCALHOST);
            SocketAddr::from((Ipv4Addr::LOCALHOST, port))
        });
        let data = folder.join("data");
        fs::create_dir_all(&data).unwrap();
        if !data.join("admin.key").exists() {
            fs::write(data.join("admin.key"), KEY).unwrap();
        }
        let settings = [
            ("DATA_FOLDER", data.to_str().unwrap().to_owned()),
            ("SERVER_GRPC_LISTEN", grpc.to_string()),
            ("SERVER_HTTP_LISTEN", http.to_string()),
            ("METRICS_LISTEN", metrics.to_string()),
            ("EGRESS_ALLOW", "127.0.0.0/8".into()),
            ("EGRESS_ALLOW_PLAINTEXT_SMTP", "127.0.0.0/8".into()),
            ("LIMITS_REQUESTS_PER_SECOND", "0".into()),
            ("OUTBOX_MAILBOX_MESSAGES", "20000000".into()),
            ("OUTBOX_TOTAL_MESSAGES", "20000000".into()),
            ("OUTBOX_MAILBOX_BYTES", "200000000000".into()),
            ("OUTBOX_TOTAL_BYTES", "200000000000".into()),
        ];
        let settings = settings.map(|(name, value)| (format!("MAILWRIGHT_{name}"), value));
        let given = variables.iter().map(|(a, b)| ((*a).into(), (*b).into()));
        let mut server = Self {
            program: None,
            folder: folder.to_owned(),
            grpc,
            metrics,
            variables: settings.into_iter().chain(given).collect(),
        };
        server.begin();
        server
    }

    /// Starts the program where it was stopped; returns when it serves.
    pub fn begin(&mut self) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mailwright"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("MAILWRIGHT_") {
                command.env_remove(name);
            }
        }
        command.arg("serve");
        command.envs(self.variables.iter().cloned());
        let log = self.folder.join("server.log");
        // What it said when it started before is no answer.
        let _ = fs::remove_file(&log);
        let program = Program::start(&mut command, &log);
        self.program = Some(program.says("serving"));
    }

    /// Stops the program as a supervisor does; the folder stays.
    pub fn stop(&mut self) {
        self.program = None;
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.program.as_ref().unwrap().id()
    }

    /// A connection of its own.
    pub async fn connect(&self) -> Channel {
        let endpoint = Endpoint::new(format!("http://{}", self.grpc)).unwrap();
        endpoint.tcp_nodelay(true).connect().await.unwrap()
    }

    pub async fn admin(&self) -> AdminApiClient<Keyed> {
        AdminApiClient::with_interceptor(self.connect().await, bear)
    }

    pub async fn mail(&self) -> MailApiClient<Keyed> {
        MailApiClient::with_interceptor(self.connect().await, bear)
    }

    pub async fn status(&self) -> StatusApiClient<Keyed> {
        StatusApiClient::with_interceptor(self.connect().await, bear)
    }

    /// Registers a service.
    pub async fn create(&self, id: &str, at: SocketAddr, tls: TlsMode, auth: Auth, most: u32) {
        let request = registration(id, at, tls, auth, most);
        self.admin().await.create_service(request).await.unwrap();
    }

    /// Lets a test of it pass.
    pub async fn prove(&self, id: &str) {
        let request = SendTestRequest {
            service_id: id.into(),
            to: TO.into(),
        };
        let answer = self.admin().await.send_test(request).await.unwrap();
        let answer = answer.into_inner();
        assert!(answer.passed, "{answer:#?}");
    }

    /// Registers and proves a relay without TLS and AUTH.
    pub async fn relay(&self, id: &str, at: SocketAddr, most: u32) {
        let auth = Auth::None(NoAuth {});
        self.create(id, at, TlsMode::Plaintext, auth, most).await;
        self.prove(id).await;
    }

    /// The sum of all lines of a metric that hold `label`.
    pub fn metric(&self, name: &str, label: &str) -> f64 {
        let mut stream = TcpStream::connect(self.metrics).unwrap();
        let request = b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        stream.write_all(request).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let of_it = text
            .lines()
            .filter(|line| line.starts_with(name) && line.contains(label));
        of_it
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        // Where it can't go, the next run takes it away.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A service that sends as much as the API lets one say.
pub fn registration(
    id: &str,
    at: SocketAddr,
    tls: TlsMode,
    auth: Auth,
    most: u32,
) -> CreateServiceRequest {
    let service = Service {
        display_name: id.into(),
        smtp: Some(Smtp {
            host: match tls {
                TlsMode::Plaintext => at.ip().to_string(),
                _ => "localhost".into(),
            },
            port: at.port().into(),
            tls: tls.into(),
        }),
        sender: Some(Sender {
            address: FROM.into(),
            ..Sender::default()
        }),
        delivery: Some(Delivery {
            max_connections: Some(most.cast_signed()),
            messages_per_minute: Some(100_000),
            recipients_per_day: Some(10_000_000),
            ..Delivery::default()
        }),
        auth: Some(auth),
        ..Service::default()
    };
    CreateServiceRequest {
        service_id: id.into(),
        service: Some(service),
    }
}

/// A message that is `bytes` as sent, nearly.
pub fn letter(service_id: &str, request_id: String, bytes: usize) -> SendRequest {
    /// What the server adds.
    const HEAD: usize = 256;
    let line = "The quick brown fox jumps over the lazy dog, and is paid for it.\r\n";
    let text: String = line
        .chars()
        .cycle()
        .take(bytes.saturating_sub(HEAD))
        .collect();
    let email = Email {
        to: vec![Address {
            address: TO.into(),
            ..Address::default()
        }],
        subject: "News".into(),
        text_body: text,
        ..Email::default()
    };
    SendRequest {
        service_id: service_id.into(),
        request_id,
        content: Some(Content::Email(Box::new(email))),
        ..SendRequest::default()
    }
}

fn bear(mut request: Request<()>) -> Result<Request<()>, Status> {
    let value = MetadataValue::try_from(format!("Bearer {KEY}")).expect("a key is ASCII");
    request.metadata_mut().insert("authorization", value);
    Ok(request)
}
