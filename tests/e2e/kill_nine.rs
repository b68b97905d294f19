//! The process dies at any instant; what it acknowledged still arrives, and arrives once.
//!
//! A child serves from a folder while many senders send; it is killed by SIGKILL at a random point,
//! or aborts at a named place before or after a durable step, and starts again on what is there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use mail_parser::MessageParser;
use mailwright::env::Env;
use mailwright::model::Timestamp;
use mailwright::rpc::proto::v1::admin_api_client::AdminApiClient;
use mailwright::rpc::proto::v1::mail_api_client::MailApiClient;
use mailwright::rpc::proto::v1::status_api_client::StatusApiClient;
use mailwright::rpc::proto::v1::watch_status_response::Event;
use mailwright::rpc::proto::v1::{self, MessageState};
use mailwright::sandbox::{CLIENT_ID, CLIENT_SECRET, RateLimit, Sandbox};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tonic::transport::Channel;

use super::browser;
use super::harness::{Folder, channel, run_within, sandbox};
use super::process::Process;
use super::requests::{ADELE, ALEX};

const SENDERS: usize = 64;

/// Rounds in CI; the variable ROUNDS sets more, for a soak.
const ROUNDS: usize = 20;

/// Where the process aborts, in turn; every other round it is killed from outside instead.
const PLACES: [&str; 16] = [
    "accept.append",
    "accept.appended",
    "accept.body_synced",
    "accept.apply",
    "accept.applied",
    "accept.synced",
    "accept.answered",
    "claim.applied",
    "claim.synced",
    "dot.apply",
    "dot.applied",
    "dot.synced",
    "finish.apply",
    "finish.applied",
    "finish.synced",
    "token.applied",
];

/// What clients know: request ids that were acknowledged, and the message of each.
type Acknowledged = Arc<watch::Sender<BTreeMap<String, String>>>;

/// A folder to serve from, and the sandbox beside it.
pub struct World {
    sandbox: Sandbox,
    folder: Folder,
    acknowledged: Acknowledged,
    random: Env,
}

#[test]
fn what_is_acknowledged_survives_kill_nine() {
    let rounds = std::env::var("ROUNDS")
        .ok()
        .and_then(|rounds| rounds.parse().ok());
    let limit = Duration::from_secs(60 * 60);
    run_within(limit, async move {
        let world = World::new().await;
        world.prepare().await;
        let mut refreshed = 0;
        for round in 0..rounds.unwrap_or(ROUNDS) {
            refreshed = world.round(round, refreshed).await;
        }
        world.settle().await;
    });
}

impl World {
    pub async fn new() -> Self {
        let sandbox = sandbox(&Env::system()).await;
        sandbox.control().rate_limit(RateLimit::Off);
        sandbox.control().concurrent_submissions(64);
        // Short enough that tokens are refreshed in every round.
        sandbox.control().token_lifetime(Duration::from_secs(62));
        let folder = Folder::new();
        std::fs::write(folder.0.join("ca.pem"), sandbox.ca_pem()).unwrap();
        Self {
            sandbox,
            folder,
            acknowledged: Acknowledged::default(),
            random: Env::manual(Timestamp::default(), 9),
        }
    }

    /// Starts the process, to abort at this place.
    pub fn start(&self, failpoint: Option<&str>) -> Process {
        let path = |name: &str| self.folder.0.join(name).to_string_lossy().into_owned();
        let (data, ca, authority) = (path("data"), path("ca.pem"), self.sandbox.authority());
        let mut variables = vec![
            ("MAILWRIGHT_DATA_FOLDER", data.as_str()),
            ("MAILWRIGHT_EGRESS_EXTRA_CA_FILE", ca.as_str()),
            ("MAILWRIGHT_EGRESS_ALLOW", "127.0.0.0/8,::1/128"),
            ("MAILWRIGHT_OAUTH_MICROSOFT_AUTHORITY", authority.as_str()),
        ];
        variables.extend(failpoint.map(|place| ("FAILPOINT", place)));
        Process::start(&variables)
    }

    /// Makes the service "billing", authorized and tested.
    pub async fn prepare(&self) {
        let process = self.start(None);
        let mut admin = AdminApiClient::new(channel(process.grpc).await);
        let service = v1::Service {
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
                ..v1::Delivery::default()
            }),
            ..v1::Service::default()
        };
        let create = v1::CreateServiceRequest {
            service_id: "billing".into(),
            service: Some(service),
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
        let test = v1::SendTestRequest {
            service_id: "billing".into(),
            to: ALEX.into(),
        };
        assert!(admin.send_test(test).await.unwrap().into_inner().passed);
    }

    /// Sends until the process dies; the newest refresh that it told of.
    async fn round(&self, round: usize, refreshed: i64) -> i64 {
        let place = (round % 2 == 1).then(|| PLACES[round / 2 % PLACES.len()]);
        let count = 1 + self.random.random::<1>()[0] % 8;
        let failpoint = place.map(|place| format!("{place}:{count}"));
        let process = self.start(failpoint.as_deref());
        let connection = channel(process.grpc).await;
        let now = last_refresh(&connection).await;
        assert!(
            now >= refreshed,
            "a token went back in time: {now} after {refreshed}"
        );

        let before = self.acknowledged.borrow().len();
        let mut senders = JoinSet::new();
        for sender in 0..SENDERS {
            let (mail, known) = (
                MailApiClient::new(connection.clone()),
                self.acknowledged.clone(),
            );
            senders.spawn(send_until_it_fails(mail, known, sender));
        }
        let enough = 20 + usize::from(self.random.random::<1>()[0]);
        let enough = before + if place.is_some() { 1_000 } else { enough };
        let mut known = self.acknowledged.subscribe();
        tokio::select! {
            biased;
            // A place that is not passed often enough ends with the round all the same.
            _ = known.wait_for(|known| known.len() >= enough) => {}
            () = all_ended(&mut senders) => {}
        }
        let latest = last_refresh(&connection).await;
        drop(process);
        all_ended(&mut senders).await;
        latest.max(now)
    }

    /// Lets everything end, and holds what arrived against what was acknowledged.
    async fn settle(&self) {
        let process = self.start(None);
        let connection = channel(process.grpc).await;
        let mut mail = MailApiClient::new(connection.clone());
        until_nothing_is_under_way(&connection).await;
        let mut arrived: BTreeMap<String, usize> = BTreeMap::new();
        for delivered in self.sandbox.mail() {
            let message = MessageParser::default().parse(&delivered.content).unwrap();
            *arrived
                .entry(message.message_id().unwrap_or_default().to_owned())
                .or_default() += 1;
        }
        let acknowledged = self.acknowledged.borrow().clone();
        assert!(
            acknowledged.len() > 500,
            "{} were acknowledged",
            acknowledged.len()
        );
        for (request_id, message_id) in acknowledged {
            let get = v1::GetMessageRequest { message_id };
            let message = mail
                .get_message(get)
                .await
                .unwrap()
                .into_inner()
                .message
                .unwrap();
            assert_eq!(message.request_id, request_id);
            assert_eq!(message.state(), MessageState::Sent, "{message:?}");
            let id = message.message_id_header.trim_matches(['<', '>']);
            let times = arrived.get(id).copied().unwrap_or_default();
            let may_repeat = message
                .attempts
                .iter()
                .filter(|attempt| attempt.uncertain)
                .count();
            assert!(
                times >= 1,
                "{request_id} was acknowledged and never arrived: {message:?}"
            );
            assert!(
                times <= 1 + may_repeat,
                "{request_id} arrived {times} times: {message:?}"
            );
        }
    }
}

/// One sender: a new request after each answer. A request that was not answered is what the next
/// round begins with.
async fn send_until_it_fails(mut mail: MailApiClient<Channel>, known: Acknowledged, sender: usize) {
    let own = format!("s{sender}-");
    let mut n = known
        .borrow()
        .keys()
        .filter(|id| id.starts_with(&own))
        .count();
    loop {
        let request_id = format!("s{sender}-{n}");
        let email = v1::Email {
            to: vec![v1::Address {
                address: ALEX.into(),
                name: String::new(),
            }],
            subject: request_id.clone(),
            text_body: "x".repeat(1 + n % 7 * 1_000),
            ..v1::Email::default()
        };
        let request = v1::SendRequest {
            service_id: "billing".into(),
            request_id: request_id.clone(),
            content: Some(v1::send_request::Content::Email(Box::new(email))),
            ..v1::SendRequest::default()
        };
        let Ok(answer) = mail.send(request).await else {
            return;
        };
        let message_id = answer.into_inner().message_id;
        known.send_modify(|known| {
            known.insert(request_id, message_id);
        });
        n += 1;
    }
}

async fn all_ended(senders: &mut JoinSet<()>) {
    while senders.join_next().await.is_some() {}
}

/// When the token was last fetched, in microseconds.
async fn last_refresh(connection: &Channel) -> i64 {
    let get = v1::GetServiceRequest {
        service_id: "billing".into(),
    };
    match AdminApiClient::new(connection.clone())
        .get_service(get)
        .await
    {
        Ok(answer) => {
            let authorization = answer.into_inner().service.unwrap().authorization.unwrap();
            let time = authorization.last_refresh_time.unwrap();
            time.seconds * 1_000_000 + i64::from(time.nanos) / 1_000
        }
        // It died while it was asked.
        Err(_) => 0,
    }
}

async fn until_nothing_is_under_way(connection: &Channel) {
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
