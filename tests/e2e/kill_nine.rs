//! The process dies at any instant; what it acknowledged still arrives, and arrives once.
//!
//! A child serves from a folder while many senders send; it is killed by SIGKILL at a random point,
//! or aborts at a named place before or after a durable step, and starts again on what is there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mail_parser::MessageParser;
use mailwright::env::Env;
use mailwright::model::Timestamp;
use mailwright::rpc::proto::v1::admin_api_client::AdminApiClient;
use mailwright::rpc::proto::v1::mail_api_client::MailApiClient;
use mailwright::rpc::proto::v1::{self, MessageState};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::harness::{Channel, channel, lazy_channel, run_within};
use super::requests::ALEX;
use super::site::{Site, until_nothing_is_under_way};

const SENDERS: usize = 64;

/// Rounds in CI; the variable ROUNDS sets more, for a soak.
const ROUNDS: usize = 20;

/// Rounds in so many are killed from outside; in the others the process aborts at one of [`PLACES`],
/// in turn. 50 rounds go through all of them, those of CI through the first 15.
const KILLED: usize = 4;

/// Before and after each durable step, and how often to pass it at most. Compaction comes by when
/// the segment of an earlier process has drained; trimming writes nothing before mail is a day old:
/// tests/store/disk/crash.rs goes through its places.
const PLACES: [(&str, u8); 36] = [
    ("accept.body_synced", 8),
    ("accept.applied", 8),
    ("accept.flushed", 8),
    ("accept.synced", 8),
    ("claim.applied", 8),
    ("claim.synced", 8),
    ("dot.applied", 8),
    ("dot.flushed", 8),
    ("dot.synced", 8),
    ("finish.applied", 8),
    ("finish.flushed", 8),
    ("finish.synced", 8),
    ("token.applied", 1),
    ("compact.applied", 1),
    ("compact.deleted", 1),
    ("accept.append", 8),
    ("accept.appended", 8),
    ("accept.apply", 8),
    ("accept.answered", 8),
    ("claim.apply", 8),
    ("claim.flushed", 8),
    ("claim.answered", 8),
    ("dot.apply", 8),
    ("dot.answered", 8),
    ("finish.apply", 8),
    ("finish.answered", 8),
    ("token.apply", 1),
    ("token.flushed", 1),
    ("token.synced", 1),
    ("token.answered", 1),
    ("compact.copied", 1),
    ("compact.copy_synced", 1),
    ("compact.apply", 1),
    ("compact.flushed", 1),
    ("compact.synced", 1),
    ("compact.delete", 1),
];

/// What clients know: request ids that were acknowledged, and the message of each.
type Acknowledged = Arc<watch::Sender<BTreeMap<String, String>>>;

struct World {
    site: Site,
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
        let mut refreshed = 0;
        for round in 0..rounds.unwrap_or(ROUNDS) {
            refreshed = world.round(round, refreshed).await;
        }
        world.settle().await;
    });
}

impl World {
    async fn new() -> Self {
        let site = Site::new(None).await;
        site.prepare(&site.start()).await;
        Self {
            site,
            acknowledged: Acknowledged::default(),
            random: Env::manual(Timestamp::default(), 9),
        }
    }

    /// Sends until the process dies; the newest refresh that it told of.
    async fn round(&self, round: usize, refreshed: i64) -> i64 {
        let killed = round.is_multiple_of(KILLED);
        let place = (!killed).then(|| PLACES[(round - round.div_ceil(KILLED)) % PLACES.len()]);
        let count = self.random.random::<1>()[0];
        let failpoint = place.map(|(place, most)| format!("{place}:{}", 1 + count % most));
        let mut process = match self.site.start_to_abort(failpoint.as_deref()) {
            Ok(process) => process,
            Err(log) if log.contains("failpoint") => return refreshed,
            Err(log) => panic!("it ended:\n{log}"),
        };
        // It may die before anybody has asked it anything.
        let connection = lazy_channel(process.grpc);
        let now = last_refresh(&connection).await.unwrap_or(refreshed);
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
        if let (false, Some(failpoint)) = (process.kill(), failpoint) {
            println!("round {round} did not come by {failpoint}");
        }
        all_ended(&mut senders).await;
        latest.unwrap_or(now).max(now)
    }

    /// Lets everything end, and holds what arrived against what was acknowledged.
    async fn settle(&self) {
        let process = self.site.start();
        let connection = channel(process.grpc).await;
        let mut mail = MailApiClient::new(connection.clone());
        until_nothing_is_under_way(&connection).await;
        let mut arrived: BTreeMap<String, usize> = BTreeMap::new();
        for delivered in self.site.sandbox.mail() {
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

/// When the token was last fetched, in microseconds; none when the process died meanwhile.
async fn last_refresh(connection: &Channel) -> Option<i64> {
    let get = v1::GetServiceRequest {
        service_id: "billing".into(),
    };
    let mut admin = AdminApiClient::new(connection.clone());
    let answer = admin.get_service(get).await.ok()?;
    let authorization = answer.into_inner().service.unwrap().authorization.unwrap();
    let time = authorization.last_refresh_time.unwrap();
    Some(time.seconds * 1_000_000 + i64::from(time.nanos) / 1_000)
}
