//! One site across many processes: a data folder that outlives each of them, the sandbox beside it,
//! and a service `billing` that is authorized and tested.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use mailwright::env::Env;
use mailwright::rpc::proto::v1::admin_api_client::AdminApiClient;
use mailwright::rpc::proto::v1::mail_api_client::MailApiClient;
use mailwright::rpc::proto::v1::status_api_client::StatusApiClient;
use mailwright::rpc::proto::v1::watch_status_response::Event;
use mailwright::rpc::proto::v1::{self, MessageState};
use mailwright::sandbox::{CLIENT_ID, CLIENT_SECRET, RateLimit, Sandbox};

use super::browser;
use super::harness::{Channel, Folder, channel, sandbox};
use super::process::Process;
use super::requests::{ADELE, ALEX};

pub struct Site {
    pub sandbox: Sandbox,
    pub data: PathBuf,
    folder: Folder,
}

impl Site {
    /// With its data in this folder, or in one of its own.
    pub async fn new(data: Option<PathBuf>) -> Self {
        let sandbox = sandbox(&Env::system()).await;
        sandbox.control().rate_limit(RateLimit::Off);
        sandbox.control().concurrent_submissions(64);
        // Short enough that tokens are refreshed in every life.
        sandbox.control().token_lifetime(Duration::from_secs(62));
        let folder = Folder::new();
        std::fs::write(folder.0.join("ca.pem"), sandbox.ca_pem()).unwrap();
        Self {
            sandbox,
            data: data.unwrap_or_else(|| folder.0.join("data")),
            folder,
        }
    }

    pub fn start(&self) -> Process {
        let started = self.start_to_abort(None);
        started.unwrap_or_else(|log| panic!("it ended:\n{log}"))
    }

    /// As [`Site::start`], with these variables beside.
    pub fn start_with(&self, variables: &[(&str, &str)]) -> Process {
        let started = self.try_start(variables);
        started.unwrap_or_else(|log| panic!("it ended:\n{log}"))
    }

    /// Starts a process that aborts at this place, where there is one: it may do so before it serves.
    pub fn start_to_abort(&self, failpoint: Option<&str>) -> Result<Process, String> {
        let place = failpoint.map(|place| ("FAILPOINT", place));
        self.try_start(&Vec::from_iter(place))
    }

    /// As [`Site::start_with`]; where it ends before it serves, what it logged.
    pub fn try_start(&self, more: &[(&str, &str)]) -> Result<Process, String> {
        let ca = self.folder.0.join("ca.pem");
        let authority = self.sandbox.authority();
        let mut variables = vec![
            ("MAILWRIGHT_DATA_FOLDER", self.data.to_str().unwrap()),
            ("MAILWRIGHT_EGRESS_EXTRA_CA_FILE", ca.to_str().unwrap()),
            ("MAILWRIGHT_EGRESS_ALLOW", "127.0.0.0/8,::1/128"),
            ("MAILWRIGHT_OAUTH_MICROSOFT_AUTHORITY", authority.as_str()),
        ];
        variables.extend(more);
        Process::try_start(&variables)
    }

    /// The service `billing`, authorized and tested.
    pub async fn prepare(&self, process: &Process) {
        self.prepare_as(process, "billing", ADELE).await;
    }

    /// A service of this mailbox that is authorized and tested.
    pub async fn prepare_as(&self, process: &Process, id: &str, mailbox: &str) {
        let mut admin = AdminApiClient::new(channel(process.grpc).await);
        let service = v1::Service {
            display_name: "Billing".into(),
            smtp: Some(v1::Smtp {
                host: "localhost".into(),
                port: self.sandbox.smtp_addr().port().into(),
                ..v1::Smtp::default()
            }),
            sender: Some(v1::Sender {
                address: mailbox.into(),
                ..v1::Sender::default()
            }),
            auth: Some(v1::service::Auth::Oauth2(Box::new(v1::OAuth2 {
                provider: v1::Provider::Microsoft.into(),
                login_email: mailbox.into(),
                client_id: CLIENT_ID.into(),
                client_secret: CLIENT_SECRET.into(),
                ..v1::OAuth2::default()
            }))),
            delivery: Some(v1::Delivery {
                max_connections: Some(16),
                messages_per_minute: Some(100_000),
                recipients_per_day: Some(10_000_000),
                ..v1::Delivery::default()
            }),
            ..v1::Service::default()
        };
        let create = v1::CreateServiceRequest {
            service_id: id.into(),
            service: Some(service),
        };
        admin.create_service(create).await.unwrap();
        let begin = v1::BeginAuthorizeRequest {
            service_id: id.into(),
            ..Default::default()
        };
        let begun = admin.begin_authorize(begin).await.unwrap().into_inner();
        let back = browser::decide(&begun.authorization_url, mailbox, "accept").await;
        let complete = v1::CompleteAuthorizeRequest {
            state: begun.state,
            code: browser::parameters(&back)["code"].clone(),
            ..Default::default()
        };
        admin.complete_authorize(complete).await.unwrap();
        let test = v1::SendTestRequest {
            service_id: id.into(),
            to: ALEX.into(),
        };
        assert!(admin.send_test(test).await.unwrap().into_inner().passed);
    }
}

/// Returns once every message has ended.
pub async fn until_nothing_is_under_way(connection: &Channel) {
    let position = v1::WatchPosition::Now.into();
    let watch = v1::WatchStatusRequest {
        start: Some(v1::watch_status_request::Start::Position(position)),
        kinds: vec![v1::EventKind::Message.into()],
        ..Default::default()
    };
    let mut feed = StatusApiClient::new(connection.clone())
        .watch_status(watch)
        .await
        .unwrap()
        .into_inner();
    let mut waiting = under_way(connection).await;
    while !waiting.is_empty() {
        let event = feed.message().await.unwrap().unwrap().event;
        if let Some(Event::Message(event)) = event
            && let Some(message) = event.message
            && message.end_time.is_some()
        {
            waiting.remove(&message.message_id);
        }
    }
}

async fn under_way(connection: &Channel) -> BTreeSet<String> {
    let mut mail = MailApiClient::new(connection.clone());
    let (mut ids, mut page_token) = (BTreeSet::new(), String::new());
    loop {
        let list = v1::ListMessagesRequest {
            states: [
                MessageState::Queued,
                MessageState::Sending,
                MessageState::Held,
            ]
            .map(i32::from)
            .to_vec(),
            page_size: 500,
            page_token,
            ..Default::default()
        };
        let page = mail.list_messages(list).await.unwrap().into_inner();
        ids.extend(page.messages.into_iter().map(|message| message.message_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return ids;
        }
    }
}
