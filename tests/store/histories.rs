//! Whatever callers do in whatever order, the log tells all of it, and the rows agree with it.

use std::collections::BTreeMap;

use mailwright::model::event::Change;
use mailwright::model::message::{
    Claim, FullMessage, MailboxVerdict, Message, Next, Outcome, Priority, Recipient,
};
use mailwright::model::service::{Auth, OnUncertain, Pause, Service, ServiceState};
use mailwright::model::state::{Event as Step, MessageState};
use mailwright::model::{EmailAddress, MailboxKey, MessageId, Reason, ServiceId};
use mailwright::store::{Load, MessageFilter, Resolution, ServiceFilter};
use proptest::prelude::*;

use crate::fixtures::*;
use crate::outbox::waiting;

/// Two share a mailbox or have their own, one needs a grant.
const SERVICES: [&str; 3] = ["svc-a", "svc-b", "svc-c"];

/// One step of a history; numbers choose among what there is.
#[derive(Clone, Debug)]
enum Op {
    Wait(u8),
    Send {
        service: u8,
        recipients: u8,
        flags: u8,
    },
    Claim(u8),
    Dot(u8),
    Finish {
        claim: u8,
        outcomes: u8,
        next: u8,
        verdict: u8,
    },
    Cancel(u8),
    Retry(u8, u8),
    Resolve(u8, bool),
    Suspend(u8, bool),
    Move(u8, bool),
    Pause(u8),
    EndPause(u8),
    Test(u8, bool),
    Token,
    Bury,
    Forget,
    Expire(u8),
    Recover,
    Trim(u8),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => (1u8..200).prop_map(Op::Wait),
        8 => (0u8..3, 1u8..4, any::<u8>())
            .prop_map(|(service, recipients, flags)| Op::Send { service, recipients, flags }),
        6 => (1u8..5).prop_map(Op::Claim),
        3 => any::<u8>().prop_map(Op::Dot),
        8 => (any::<u8>(), any::<u8>(), any::<u8>(), any::<u8>())
            .prop_map(|(claim, outcomes, next, verdict)| {
                Op::Finish { claim, outcomes, next, verdict }
            }),
        2 => any::<u8>().prop_map(Op::Cancel),
        3 => (any::<u8>(), 1u8..200).prop_map(|(n, expire)| Op::Retry(n, expire)),
        2 => any::<(u8, bool)>().prop_map(|(n, as_sent)| Op::Resolve(n, as_sent)),
        2 => (0u8..3, any::<bool>()).prop_map(|(n, on)| Op::Suspend(n, on)),
        1 => (0u8..3, any::<bool>()).prop_map(|(n, back)| Op::Move(n, back)),
        1 => (0u8..3).prop_map(Op::Pause),
        1 => (0u8..3).prop_map(Op::EndPause),
        1 => (0u8..3, any::<bool>()).prop_map(|(n, passed)| Op::Test(n, passed)),
        2 => Just(Op::Token),
        1 => Just(Op::Bury),
        1 => Just(Op::Forget),
        2 => (1u8..5).prop_map(Op::Expire),
        1 => Just(Op::Recover),
        1 => any::<u8>().prop_map(Op::Trim),
    ]
}

/// What a history has come to, by what callers know.
struct World {
    store: Shared,
    now: i64,
    sent: u32,
    addresses: BTreeMap<MessageId, Vec<EmailAddress>>,
    claims: Vec<Claim>,
    /// The log, read along so that trimming hides nothing.
    cursor: u64,
    services: BTreeMap<ServiceId, (Service, Option<Pause>)>,
    messages: BTreeMap<MessageId, FullMessage>,
}

pub fn random_histories_keep_every_invariant(make: impl Fn() -> Shared) {
    let config = ProptestConfig {
        cases: 96,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(ops in prop::collection::vec(op(), 1..120))| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut world = World::begin(make()).await;
            world.follow().await;
            for (n, op) in ops.into_iter().enumerate() {
                world.apply(op).await;
                world.follow().await;
                world.agrees().await;
                // To ask is to send, so not all the time.
                if n % 16 == 0 {
                    world.outbox_agrees().await;
                }
            }
            world.outbox_agrees().await;
        });
    });
}

impl World {
    async fn begin(store: Shared) -> Self {
        create_tested(&store, service("svc-a", "shared")).await;
        create_tested(&store, service("svc-b", "shared")).await;
        create_tested(&store, oauth_service("svc-c", "svc-c")).await;
        Self {
            store,
            now: 1,
            sent: 0,
            addresses: BTreeMap::new(),
            claims: Vec::new(),
            cursor: 0,
            services: BTreeMap::new(),
            messages: BTreeMap::new(),
        }
    }

    async fn apply(&mut self, op: Op) {
        let (store, now) = (self.store.clone(), at(self.now));
        let name = |n: u8| SERVICES[usize::from(n) % SERVICES.len()];
        match op {
            Op::Wait(seconds) => self.now += i64::from(seconds),
            Op::Send {
                service,
                recipients,
                flags,
            } => self.send(name(service), recipients, flags).await,
            Op::Claim(limit) => {
                let claimed = store.claim_due(now, limit.into()).await.unwrap();
                assert!(claimed.len() <= usize::from(limit));
                self.claims.extend(claimed.into_iter().map(|c| c.claim));
            }
            Op::Dot(n) => {
                if let Some(claim) = pick(&self.claims, n) {
                    // A claim that recover ended is stale; that is all that may go wrong.
                    let _ = store.mark_dot(now, claim).await;
                }
            }
            Op::Finish {
                claim,
                outcomes,
                next,
                verdict,
            } => self.finish(claim, outcomes, next, verdict).await,
            Op::Cancel(n) => {
                let _ = store.cancel_message(now, &mid(u32::from(n) % 40)).await;
            }
            Op::Retry(n, expire) => {
                let (id, expire) = (mid(u32::from(n) % 40), self.now + i64::from(expire));
                let _ = store.retry_message(now, &id, at(expire)).await;
            }
            Op::Resolve(n, as_sent) => {
                let word = match as_sent {
                    true => Resolution::Sent,
                    false => Resolution::Failed,
                };
                let id = mid(u32::from(n) % 40);
                let _ = store.resolve_message(now, &id, word).await;
            }
            Op::Suspend(n, on) => suspend(&store, self.now, name(n), on).await,
            Op::Move(n, back) => self.move_to(name(n), back).await,
            Op::Pause(n) => {
                let row = store.service(&svc(name(n))).await.unwrap().unwrap();
                let pause = pause(self.now, self.now + 60);
                let mailbox = row.service.mailbox();
                store.pause_mailbox(now, &mailbox, pause).await.unwrap();
            }
            Op::EndPause(n) => {
                let mut change = change_of(&store, name(n)).await;
                change.try_again = true;
                store.replace_service(now, change).await.unwrap();
            }
            Op::Test(n, passed) => {
                let id = svc(name(n));
                let test = test(passed);
                store.record_test(now, &id, test, None).await.unwrap();
            }
            Op::Token => {
                let row = store.service(&svc("svc-c")).await.unwrap().unwrap();
                let mut token = token("svc-c", row.token_generation);
                token.authorization.authorize_time = now;
                store.save_token(now, token).await.unwrap();
            }
            Op::Bury => {
                if let Some(token) = store.token(&svc("svc-c")).await.unwrap() {
                    let dead = diagnosis(Reason::GrantDead);
                    let id = svc("svc-c");
                    let buried = store.bury_grant(now, &id, token.generation, dead).await;
                    buried.unwrap();
                }
            }
            Op::Forget => forget_grant(&store, self.now, "svc-c").await,
            Op::Expire(limit) => {
                store.expire_due(now, limit.into()).await.unwrap();
            }
            Op::Recover => store.recover(now).await.unwrap(),
            Op::Trim(age) => {
                let before = at(self.now - 4 * i64::from(age));
                store.trim(now, before, before).await.unwrap();
                let gone = |full: &FullMessage| {
                    full.message.state != MessageState::Uncertain
                        && full.message.end_time.is_some_and(|t| t < before)
                };
                self.messages.retain(|_, full| !gone(full));
            }
        }
    }

    /// Two services go to and fro between mailboxes.
    async fn move_to(&self, name: &str, back: bool) {
        let mut change = change_of(&self.store, name).await;
        if let Auth::Password { username } = &mut change.service.config.auth {
            *username = if back { "shared" } else { name }.into();
            let moved = self.store.replace_service(at(self.now), change).await;
            moved.unwrap();
        }
    }

    async fn send(&mut self, service: &str, recipients: u8, flags: u8) {
        let mut new = to_many(message(service, self.sent), recipients.into());
        self.sent += 1;
        new.message.size_bytes = u64::from(flags) + 1;
        new.message.priority = match flags % 4 {
            0 => Priority::High,
            1 => Priority::Bulk,
            _ => Priority::Normal,
        };
        if flags & 4 != 0 {
            new.message.send_time = at(self.now + i64::from(flags));
        }
        if flags & 8 != 0 {
            new.message.expire_time = at(self.now + 100);
        }
        if flags & 16 != 0 {
            new.message.on_uncertain = OnUncertain::Hold;
        }
        self.addresses
            .insert(new.message.id.clone(), new.recipients.clone());
        enqueue(&self.store, self.now, new).await;
    }

    async fn finish(&mut self, claim: u8, outcomes: u8, next: u8, verdict: u8) {
        if self.claims.is_empty() {
            return;
        }
        let claim = self.claims.remove(usize::from(claim) % self.claims.len());
        let mut finished = deferred(&claim, self.now + i64::from(next), next & 1 == 0);
        for (bit, result) in finished.recipients.iter_mut().enumerate() {
            result.outcome = match outcomes >> (2 * bit) & 3 {
                0 => Outcome::Accepted,
                1 => Outcome::Refused,
                2 if outcomes & 64 != 0 => Outcome::Uncertain,
                _ => Outcome::Pending,
            };
        }
        if next.is_multiple_of(5) {
            finished.next = Next::Hold;
        }
        finished.mailbox = match verdict % 6 {
            0 => MailboxVerdict::Paused(pause(self.now, self.now)),
            1 => MailboxVerdict::Works,
            _ => MailboxVerdict::Silent,
        };
        let _ = self.store.finish(at(self.now), &claim, finished).await;
    }

    /// Reads the log on: no hole, and only steps of the state machine.
    async fn follow(&mut self) {
        let bounds = self.store.bounds().await.unwrap();
        // A trim emits nothing, and what it removes was read after the step before it.
        let from = self.cursor.max(bounds.oldest);
        for event in events(&self.store, from).await {
            assert_eq!(event.sequence, self.cursor + 1, "a hole");
            self.cursor = event.sequence;
            match event.change {
                Change::Service(change) => {
                    let id = change.service.id.clone();
                    let old = self.services.insert(id, (change.service, change.pause));
                    let previous = old.map(|(service, pause)| service.state(pause.as_ref()));
                    assert_eq!(change.previous_state, previous);
                }
                Change::Message(change) => {
                    let id = change.message.id.clone();
                    let old = self.messages.remove(&id);
                    let previous = old.as_ref().map(|full| full.message.state);
                    assert_eq!(change.previous_state, previous);
                    assert!(may_follow(previous, change.message.state));
                    let mut full = old
                        .unwrap_or_else(|| untouched(change.message.clone(), &self.addresses[&id]));
                    for recipient in change.recipients {
                        let mut known = full.recipients.iter_mut();
                        let same = known.find(|known| known.address == recipient.address);
                        *same.unwrap() = recipient;
                    }
                    if let Some(attempt) = change.attempt {
                        let of = |index: &u32| full.recipients[*index as usize].address.clone();
                        let tried: Vec<_> = attempt.recipients.iter().map(of).collect();
                        assert_eq!(change.attempt_recipients, tried);
                        full.attempts.truncate(change.message.attempts as usize - 1);
                        full.attempts.push(attempt);
                    }
                    full.message = change.message;
                    self.messages.insert(id, full);
                }
            }
        }
        assert_eq!(self.cursor, bounds.newest);
    }

    /// What the store counts is what a walk through all messages finds.
    async fn outbox_agrees(&self) {
        let (mut mailboxes, mut all) = (BTreeMap::<MailboxKey, Load>::new(), Load::default());
        let mailbox_of = |id: &ServiceId| self.services[id].0.mailbox();
        for full in self.messages.values() {
            if !full.message.state.has_ended() {
                let load = mailboxes.entry(mailbox_of(&full.message.service_id));
                add(load.or_default(), &full.message);
                add(&mut all, &full.message);
            }
        }
        for id in SERVICES {
            let mailbox = mailboxes.get(&mailbox_of(&svc(id))).copied();
            let found = (mailbox.unwrap_or_default(), all);
            assert_eq!(waiting(&self.store, id).await, found);
        }
    }

    /// What the log adds up to is what can be read, and the rows keep the contract.
    async fn agrees(&self) {
        let mut pending = BTreeMap::<ServiceId, u64>::new();
        let mut sending = 0;
        let filter = MessageFilter::default();
        let listed = self.store.messages(&filter, None, 9_999).await.unwrap();
        assert_eq!(listed.len(), self.messages.len());
        for (listed, sequence) in listed {
            let id = &listed.message.id;
            let (mut read, newest) = self.store.message(id).await.unwrap().unwrap();
            assert_eq!((&listed.recipients, sequence), (&read.recipients, newest));
            let body = self.store.body(id).await.unwrap();
            assert_eq!(body.is_none(), read.message.body_key.is_empty());
            read.message.body_key.clear();
            let mut told = self.messages[id].clone();
            // The dot's phase is no event.
            if read.message.state == MessageState::Sending {
                sending += 1;
                told.attempts.last_mut().unwrap().phase = read.attempts.last().unwrap().phase;
            }
            assert_eq!(told, read);
            let ended = read.message.state.has_ended();
            assert_eq!(read.message.end_time.is_some(), ended);
            if !ended {
                *pending.entry(read.message.service_id.clone()).or_default() += 1;
            }
            let of = |outcome| read.recipients.iter().any(|r| r.outcome == outcome);
            assert_eq!(of(Outcome::Pending), !ended);
            if ended {
                let uncertain = read.message.state == MessageState::Uncertain;
                assert_eq!(of(Outcome::Uncertain), uncertain, "nobody would decide it");
                assert!(body.is_some() || !uncertain);
            }
            if read.message.state == MessageState::Held {
                let state = service_state(&self.store, read.message.service_id.as_str()).await;
                assert_ne!(state, ServiceState::Ready, "held without a reason");
            }
        }
        let filter = ServiceFilter::default();
        for row in self.store.services(&filter, None, 99).await.unwrap() {
            let (service, pause) = &self.services[&row.service.id];
            assert_eq!((service, pause), (&row.service, &row.pause));
            let pending = pending.get(&row.service.id).copied().unwrap_or(0);
            assert_eq!(row.pending_messages, pending);
        }
        assert!(sending <= 40, "no mailbox of four has more than ten claims");
    }
}

/// Adds a message to what waits.
fn add(load: &mut Load, message: &Message) {
    load.messages += 1;
    load.bytes += message.size_bytes;
}

/// Whether the state machine has a step between the two.
fn may_follow(previous: Option<MessageState>, state: MessageState) -> bool {
    let Some(previous) = previous else {
        return matches!(state, MessageState::Queued | MessageState::Held);
    };
    let steps = [
        Step::Claim,
        Step::Hold,
        Step::Release,
        Step::Defer,
        Step::Settle(state),
        Step::Expire,
        Step::Cancel,
        Step::Retry,
        Step::Resolve(state),
    ];
    steps
        .iter()
        .any(|step| previous.after(*step) == Some(state))
}

/// A message to which nothing has happened yet.
fn untouched(message: Message, addresses: &[EmailAddress]) -> FullMessage {
    let recipient = |address: &EmailAddress| Recipient {
        address: address.clone(),
        outcome: Outcome::Pending,
        reply: None,
        diagnosis: None,
        update_time: message.update_time,
    };
    FullMessage {
        recipients: addresses.iter().map(recipient).collect(),
        attempts: Vec::new(),
        message,
    }
}

fn pick(claims: &[Claim], n: u8) -> Option<&Claim> {
    (!claims.is_empty()).then(|| &claims[usize::from(n) % claims.len()])
}
