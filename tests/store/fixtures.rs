//! What the promises are made about: services, messages and outcomes of no special kind.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::str::FromStr;
use std::sync::Arc;

use mailwright::model::diagnosis::{FixedBy, Scope};
use mailwright::model::event::{Change, Event, MessageChange, ServiceChange as ServiceEvent};
use mailwright::model::message::{
    Claim, Finished, FullMessage, MailboxVerdict, Message, Next, Outcome, Priority, RecipientResult,
};
use mailwright::model::service::{
    Auth, Authorization, Cloud, Delivery, Grant, GrantType, LastTest, OAuth2, OnUncertain, Pause,
    Provider, Sender, Service, ServiceConfig, ServiceState, SmtpEndpoint, TlsMode,
};
use mailwright::model::state::MessageState;
use mailwright::model::verdict::PauseScope;
use mailwright::model::{
    Diagnosis, EmailAddress, Labels, MailboxKey, MessageId, Phase, Reason, Reply, ServiceId,
    Timestamp,
};
use mailwright::store::{
    Claimed, Due, Enqueued, Load, NewMessage, NewToken, OutboxBounds, Sealed, SecretsWrite,
    ServiceChange, Store,
};

pub type Shared = Arc<dyn Store>;

/// So many seconds into the test.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(1_000_000 + seconds)
}

pub fn parse<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

pub fn svc(id: &str) -> ServiceId {
    parse(id)
}

/// When time alone next brings about something of any kind, after `now`.
pub async fn next_due(store: &Shared, now: i64) -> Option<Timestamp> {
    let mut times = Vec::new();
    for kind in [Due::Claims, Due::Refreshes, Due::Sweep] {
        times.extend(store.next_due(kind, Some(at(now))).await.unwrap());
    }
    times.into_iter().min()
}

/// The n-th message id.
pub fn mid(n: u32) -> MessageId {
    let mut random = [0; 10];
    random[6..].copy_from_slice(&n.to_be_bytes());
    MessageId::generate(at(0), random)
}

pub fn sealed(text: &str) -> Sealed {
    Sealed(text.as_bytes().to_vec())
}

pub fn labels(key: &str, value: &str) -> Labels {
    Labels(BTreeMap::from([(key.into(), value.into())]))
}

pub fn diagnosis(reason: Reason) -> Diagnosis {
    Diagnosis {
        reason,
        provider_code: String::new(),
        scope: Scope::Mailbox,
        summary: "It failed.".into(),
        remedy: String::new(),
        commands: Vec::new(),
        help_url: String::new(),
        fixed_by: FixedBy::Provider,
        retryable: true,
        provider_text: String::new(),
        since: None,
    }
}

/// A service with a password at the mailbox `login`.
pub fn service(id: &str, login: &str) -> Service {
    let address: EmailAddress = parse(&format!("{login}@example.com"));
    let config = ServiceConfig {
        display_name: format!("Service {id}"),
        smtp: SmtpEndpoint {
            host: "smtp.example.com".into(),
            port: 587,
            tls: TlsMode::Starttls,
        },
        sender: Sender {
            address,
            name: String::new(),
            reply_to: None,
            allowed_addresses: Vec::new(),
        },
        auth: Auth::Password {
            username: login.into(),
        },
        delivery: Delivery {
            messages_per_minute: Some(u32::MAX),
            ..Delivery::default()
        },
        labels: Labels::default(),
    };
    Service::new(svc(id), config, at(0))
}

/// A service with OAuth 2.0 at the mailbox `login`.
pub fn oauth_service(id: &str, login: &str) -> Service {
    let mut service = service(id, login);
    service.config.auth = Auth::OAuth2(OAuth2 {
        provider: Provider::Microsoft,
        login_email: service.config.sender.address.clone(),
        consent_email: None,
        client_id: "client".into(),
        client_secret_hint: String::new(),
        next_client_secret_hint: String::new(),
        client_secret_expire_time: None,
        tenant_id: String::new(),
        cloud: Cloud::Global,
        grant_type: GrantType::AuthorizationCode,
        scopes: Vec::new(),
    });
    service
}

/// Creates `service` and lets a test of it pass.
pub async fn create_tested(store: &Shared, service: Service) -> MailboxKey {
    let (id, mailbox) = (service.id.clone(), service.mailbox());
    store.create_service(at(0), service, None).await.unwrap();
    store
        .record_test(at(0), &id, test(true), None)
        .await
        .unwrap();
    mailbox
}

/// A READY service with a mailbox of its own.
pub async fn ready(store: &Shared, id: &str) -> MailboxKey {
    create_tested(store, service(id, id)).await
}

/// A tested OAuth service with a live grant of generation 1.
pub async fn authorized(store: &Shared, id: &str) -> MailboxKey {
    let mailbox = create_tested(store, oauth_service(id, id)).await;
    store.save_token(at(0), token(id, 0)).await.unwrap();
    mailbox
}

pub fn test(passed: bool) -> LastTest {
    LastTest {
        time: at(0),
        to: parse("admin@example.com"),
        passed,
        message_id: mid(9_999),
        diagnosis: (!passed).then(|| diagnosis(Reason::SmtpAuthRefused)),
    }
}

pub fn token(id: &str, expected_generation: u64) -> NewToken {
    NewToken {
        service_id: svc(id),
        expected_generation,
        sealed: sealed("token"),
        refresh_time: Some(at(3_000)),
        frequency: 400,
        authorization: Authorization {
            login: "someone@example.com".into(),
            scopes: Vec::new(),
            authorize_time: at(0),
            access_token_expire_time: at(4_000),
            last_refresh_time: None,
            next_refresh_time: Some(at(3_000)),
        },
        end_pause: false,
        promotion: None,
    }
}

/// Why a refresh failed.
pub fn unavailable() -> Diagnosis {
    diagnosis(Reason::ProviderUnavailable)
}

pub fn pause(since: i64, probe: i64) -> Pause {
    Pause {
        scope: PauseScope::Mailbox,
        phase: Phase::DotSent,
        diagnosis: diagnosis(Reason::MailboxBlocked),
        since: at(since),
        probe_time: at(probe),
        probes: 0,
        end_time: None,
    }
}

/// More than ever waits.
pub const ENDLESS: Load = Load {
    messages: u64::MAX,
    bytes: u64::MAX,
};

pub const UNBOUNDED: OutboxBounds = OutboxBounds {
    mailbox: ENDLESS,
    all: ENDLESS,
};

/// The n-th message of a service, to one recipient.
pub fn message(service: &str, n: u32) -> NewMessage {
    NewMessage {
        message: Message {
            id: mid(n),
            service_id: svc(service),
            request_id: None,
            content_digest: [0; 32],
            from: parse("from@example.com"),
            from_name: String::new(),
            state: MessageState::Queued,
            priority: Priority::Normal,
            on_uncertain: OnUncertain::Resend,
            labels: Labels::default(),
            send_time: at(0),
            expire_time: at(100_000),
            next_attempt_time: at(0),
            create_time: at(0),
            update_time: at(0),
            end_time: None,
            message_id_header: format!("<{n}@example.com>"),
            size_bytes: 4,
            recipient_count: 1,
            attempts: 0,
            deferrals: 0,
            problem: None,
            body_key: vec![1, 2, 3],
            trace: None,
        },
        recipients: vec![parse("to@example.net")],
        body: sealed("body"),
        bounds: UNBOUNDED,
    }
}

pub fn to_many(mut message: NewMessage, count: u32) -> NewMessage {
    let address = |n| parse(&format!("to-{n}@example.net"));
    message.recipients = (0..count).map(address).collect();
    message.message.recipient_count = count;
    message
}

pub async fn enqueue(store: &Shared, now: i64, message: NewMessage) -> (Message, u64) {
    match store.enqueue(at(now), message).await.unwrap() {
        Enqueued::Accepted {
            message, sequence, ..
        } => (message, sequence),
        Enqueued::Known { .. } => panic!("a request id is known"),
    }
}

pub async fn claim(store: &Shared, now: i64) -> Vec<Claimed> {
    store.claim_due(at(now), 100).await.unwrap()
}

/// The one claim that is given out now.
pub async fn claim_one(store: &Shared, now: i64) -> Claim {
    let mut claimed = claim(store, now).await;
    assert_eq!(claimed.len(), 1, "{claimed:?}");
    claimed.remove(0).claim
}

/// An end in which each recipient of the claim has this outcome.
pub fn ended(claim: &Claim, outcome: Outcome) -> Finished {
    let code = match outcome {
        Outcome::Accepted => 250,
        Outcome::Refused => 550,
        _ => 451,
    };
    let problem = (outcome != Outcome::Accepted).then(|| diagnosis(Reason::SmtpTransient));
    let result = |index: &u32| RecipientResult {
        index: *index,
        outcome,
        reply: Some(Reply::new(code, "said so")),
        diagnosis: problem.clone(),
    };
    Finished {
        phase: Phase::Finished,
        reply: Some(Reply::new(code, "said so")),
        diagnosis: problem.clone(),
        uncertain: false,
        recipients: claim.recipients.iter().map(result).collect(),
        next: Next::At {
            time: at(0),
            spends: true,
        },
        mailbox: MailboxVerdict::Silent,
    }
}

pub fn accepted(claim: &Claim) -> Finished {
    Finished {
        mailbox: MailboxVerdict::Works,
        ..ended(claim, Outcome::Accepted)
    }
}

/// An end after which the recipients are tried again.
pub fn deferred(claim: &Claim, time: i64, spends: bool) -> Finished {
    Finished {
        next: Next::At {
            time: at(time),
            spends,
        },
        ..ended(claim, Outcome::Pending)
    }
}

pub fn with_verdict(finished: Finished, mailbox: MailboxVerdict, next: Next) -> Finished {
    Finished {
        mailbox,
        next,
        ..finished
    }
}

pub async fn full(store: &Shared, n: u32) -> FullMessage {
    store.message(&mid(n)).await.unwrap().unwrap().0
}

pub async fn state(store: &Shared, n: u32) -> MessageState {
    full(store, n).await.message.state
}

pub async fn service_state(store: &Shared, id: &str) -> ServiceState {
    store.service(&svc(id)).await.unwrap().unwrap().state()
}

pub async fn newest(store: &Shared) -> u64 {
    store.bounds().await.unwrap().newest
}

pub async fn events(store: &Shared, after: u64) -> Vec<Event> {
    store.events_after(after, usize::MAX).await.unwrap()
}

pub fn message_changes(events: &[Event]) -> Vec<&MessageChange> {
    events
        .iter()
        .filter_map(|event| match &event.change {
            Change::Message(change) => Some(change.as_ref()),
            Change::Service(_) => None,
        })
        .collect()
}

pub fn service_changes(events: &[Event]) -> Vec<&ServiceEvent> {
    events
        .iter()
        .filter_map(|event| match &event.change {
            Change::Service(change) => Some(change.as_ref()),
            Change::Message(_) => None,
        })
        .collect()
}

/// The states that a message went through, as the log tells.
pub async fn history(store: &Shared, n: u32) -> Vec<MessageState> {
    let oldest = store.bounds().await.unwrap().oldest;
    message_changes(&events(store, oldest).await)
        .into_iter()
        .filter(|change| change.message.id == mid(n))
        .map(|change| change.message.state)
        .collect()
}

/// A change of a service that touches nothing beside its row.
pub async fn change_of(store: &Shared, id: &str) -> ServiceChange {
    let mut service = store.service(&svc(id)).await.unwrap().unwrap().service;
    service.revision += 1;
    ServiceChange {
        service,
        secrets: SecretsWrite::Keep,
        forget_token: false,
        try_again: false,
    }
}

pub async fn suspend(store: &Shared, now: i64, id: &str, suspended: bool) {
    let mut change = change_of(store, id).await;
    change.service.suspended = suspended;
    store.replace_service(at(now), change).await.unwrap();
}

pub async fn forget_grant(store: &Shared, now: i64, id: &str) {
    let mut change = change_of(store, id).await;
    change.service.grant = Grant::None;
    change.service.authorization = None;
    change.forget_token = true;
    store.replace_service(at(now), change).await.unwrap();
}
