//! What is kept: services, sealed secrets and tokens, messages, and the log of what happened.
//!
//! One trait, one contract, one conformance suite (`tests/store`) that every store passes. The
//! store knows rows, indexes and the state machine; it knows no network, no clock (callers pass
//! `now`) and no key (secrets and bodies reach it sealed).
//!
//! # The contract
//!
//! 1. **Each method is one transaction**: all of it happens, or nothing, also across a crash.
//! 2. **A method that returned `Ok` is durable.** State and event commit together.
//! 3. **The log has no holes and no past**: an event is visible only when every event before it
//!    is; a sequence once returned is never followed by a lower one.
//! 4. **Fenced**: `mark_dot` and `finish` change something only while the claim is the message's
//!    newest, else [`StoreError::Stale`] and nothing happens. `save_token` and its neighbours do
//!    so only at the expected generation.
//! 5. **Claims end when the next process opens the store** ([`Store::recover`]), never by time.
//! 6. **Waking carries no data**: [`Store::changed`] fires after a commit, perhaps once for many;
//!    whoever wakes re-reads the truth.
//! 7. A message whose service can't send is HELD, and QUEUED again when its service becomes READY:
//!    a thousand in the very transaction, the others by `claim_due`, a thousand a commit.

pub mod archive;
mod census;
mod error;
mod grant;
mod load;
pub mod memory;
mod record;
mod rows;
mod sealing;
pub mod sled;

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use tokio::sync::{mpsc, watch};

use crate::model::event::Event;
use crate::model::message::{Claim, Finished, FullMessage, Message};
use crate::model::problem::{forecast, problem};
use crate::model::service::{LastTest, Pause, Service, ServiceState};
use crate::model::state::MessageState;
use crate::model::{
    AccessKey, AccessKeyId, Diagnosis, EmailAddress, Labels, MailboxKey, MessageId, RequestId,
    ServiceId, Timestamp,
};

pub use crate::model::secret::Sealed;
pub use census::{Counted, Totals, Usage};
pub use error::{Result, StoreError};
pub use grant::{NewToken, PendingAuthorization, Promotion, TokenRow};
pub use load::{Full, Load, OutboxBounds};
pub use record::{RecordError, decode, encode};
pub use sealing::{Place, Reseal, VaultKey, VaultKeys};

/// How many access keys are kept, ended ones among them.
pub const ACCESS_KEYS_MAX: usize = 10_000;

/// A service and what is known beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceRow {
    pub service: Service,
    /// What keeps its mailbox from sending.
    pub pause: Option<Pause>,
    /// Messages that have not ended.
    pub pending_messages: u64,
    /// The newest generation: what a token to save must expect. Forgetting a token takes one, too.
    pub token_generation: u64,
}

impl ServiceRow {
    /// The state that callers see.
    pub fn state(&self) -> ServiceState {
        self.service.state(self.pause.as_ref())
    }

    /// What keeps it from sending; none when it can.
    pub fn problem(&self) -> Option<Diagnosis> {
        problem(&self.service, self.pause.as_ref())
    }

    /// What will keep it from sending soon, while it can.
    pub fn forecast(&self, now: Timestamp) -> Option<Diagnosis> {
        forecast(&self.service, self.pause.as_ref(), now)
    }
}

/// Which services to list: all conditions must hold, an empty one always does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServiceFilter {
    pub ids: BTreeSet<ServiceId>,
    pub states: Vec<ServiceState>,
    pub labels: Labels,
    /// Compared in lower case.
    pub display_name_contains: String,
}

/// Which messages to list: all conditions must hold, an empty one always does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MessageFilter {
    pub service_ids: Vec<ServiceId>,
    pub states: Vec<MessageState>,
    pub labels: Labels,
    pub request_id: Option<RequestId>,
    /// Inclusive.
    pub created_after: Option<Timestamp>,
    /// Exclusive.
    pub created_before: Option<Timestamp>,
}

/// New settings for a service.
#[derive(Clone, Debug)]
pub struct ServiceChange {
    /// Its `revision` is one more than the expected one.
    pub service: Service,
    pub secrets: SecretsWrite,
    /// Remove the token.
    pub forget_token: bool,
    /// End the mailbox's pause, and make a refresh due that failed and waits.
    pub try_again: bool,
}

/// What happens to the sealed secrets.
#[derive(Clone, Debug)]
pub enum SecretsWrite {
    Keep,
    Put(Sealed),
    Erase,
}

/// A message to keep.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// Its `state` is ignored: QUEUED where the service is READY, else HELD.
    pub message: Message,
    pub recipients: Vec<EmailAddress>,
    pub body: Sealed,
    /// What may wait with it.
    pub bounds: OutboxBounds,
}

/// What became of a message to keep.
#[derive(Clone, Debug, PartialEq)]
pub enum Enqueued {
    /// It is kept. The sequence is a place before its first event.
    Accepted {
        message: Message,
        sequence: u64,
        /// When its mailbox is expected to come to it; none while it is HELD.
        estimated_send_time: Option<Timestamp>,
    },
    /// There was one of this request id already; compare `content_digest`.
    Known { message: Message, sequence: u64 },
}

/// A person's word about recipients whose reply was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// The server took it for them: they become ACCEPTED.
    Sent,
    /// It did not: they become REFUSED.
    Failed,
}

/// What there may be to do through time alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// By [`Store::claim_due`].
    Claims,
    /// By [`Store::claim_refreshes`].
    Refreshes,
    /// By [`Store::expire_due`] and [`Store::give_notice`].
    Sweep,
}

/// A message to deliver now.
#[derive(Clone, Debug, PartialEq)]
pub struct Claimed {
    pub claim: Claim,
    pub message: FullMessage,
    pub service: Service,
    pub pause: Option<Pause>,
    /// How many connections its mailbox may have: the strictest of its services counts.
    pub max_connections: u32,
}

/// What a mailbox may still send, by what has gone out of it and what waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Messages that may go before a minute is over.
    pub minute_remaining: u32,
    /// Recipients that may be written to now.
    pub day_remaining: u32,
    /// When what waits in the mailbox will have gone, if it can send.
    pub drain_time: Timestamp,
}

/// When a test may go out, and over how many connections its mailbox may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    pub time: Timestamp,
    pub max_connections: u32,
}

/// Why a mailbox takes no further message now, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exhausted {
    /// Its messages of this minute.
    Minute(Timestamp),
    /// Its recipients of this day.
    Day(Timestamp),
}

/// What the log holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogBounds {
    /// Which log: drawn when the store was created.
    pub epoch: u64,
    /// The place before the oldest event kept.
    pub oldest: u64,
    /// The newest event; 0 when there never was one.
    pub newest: u64,
}

/// One door to whatever keeps the data. See the module's contract.
#[async_trait]
pub trait Store: Send + Sync {
    // Services.

    /// Adds a service and its secrets. `Exists` when the id is taken, or when messages of a
    /// deleted service of this id are still kept.
    async fn create_service(
        &self,
        now: Timestamp,
        service: Service,
        secrets: Option<Sealed>,
    ) -> Result<()>;
    /// Reads one service.
    async fn service(&self, id: &ServiceId) -> Result<Option<ServiceRow>>;
    /// Services in the order of their ids, behind `after`, at most `limit`.
    async fn services(
        &self,
        filter: &ServiceFilter,
        after: Option<&ServiceId>,
        limit: usize,
    ) -> Result<Vec<ServiceRow>>;
    /// Replaces a service's settings. `Stale` unless its revision is the new one's less one.
    async fn replace_service(&self, now: Timestamp, change: ServiceChange) -> Result<ServiceRow>;
    /// Removes a service, its secrets, token and pending authorizations. `Stale` when
    /// `expected_revision` is not the newest; `PendingMail` when it has unfinished mail, unless
    /// `cancel_pending`, which cancels what is QUEUED or HELD in the same transaction (mail in
    /// SENDING is `PendingMail` even then).
    async fn delete_service(
        &self,
        now: Timestamp,
        id: &ServiceId,
        expected_revision: Option<u64>,
        cancel_pending: bool,
    ) -> Result<()>;
    /// The sealed secrets of a service.
    async fn secrets(&self, id: &ServiceId) -> Result<Option<Sealed>>;

    // Authorization.

    /// Keeps a pending authorization and ends earlier ones of the same service.
    async fn begin_authorization(
        &self,
        now: Timestamp,
        pending: PendingAuthorization,
    ) -> Result<()>;
    /// Takes a pending authorization out: none when it is unknown, taken or expired.
    async fn take_authorization(
        &self,
        now: Timestamp,
        state_hash: &[u8; 32],
    ) -> Result<Option<PendingAuthorization>>;
    /// Keeps why an authorization failed, until one is granted or the grant is dropped.
    async fn fail_authorization(
        &self,
        now: Timestamp,
        id: &ServiceId,
        failure: Diagnosis,
    ) -> Result<()>;
    /// The token of a service.
    async fn token(&self, id: &ServiceId) -> Result<Option<TokenRow>>;
    /// Keeps a token, sets the grant LIVE and releases held mail. `Stale` unless the newest
    /// generation is the expected one. Promotes a client secret with it. Returns the new generation.
    async fn save_token(&self, now: Timestamp, token: NewToken) -> Result<u64>;
    /// Claims tokens whose refresh is due, at most `limit`, the longest due first.
    async fn claim_refreshes(&self, now: Timestamp, limit: usize) -> Result<Vec<ServiceId>>;
    /// The frequencies of all tokens that are refreshed, together.
    async fn refresh_frequency(&self) -> Result<u64>;
    /// Ends a claim without a new token, for this failure: try again at `refresh_time`.
    async fn postpone_refresh(
        &self,
        now: Timestamp,
        id: &ServiceId,
        generation: u64,
        refresh_time: Timestamp,
        failure: Diagnosis,
    ) -> Result<()>;
    /// Sets the grant DEAD and stops refreshing; the token stays for diagnosis until replaced.
    async fn bury_grant(
        &self,
        now: Timestamp,
        id: &ServiceId,
        generation: u64,
        diagnosis: Diagnosis,
    ) -> Result<()>;

    /// Removes the grant of a service, its token and the authorizations under way, and fences what
    /// would renew or replace it; the token as it was. Without a grant it is no event.
    async fn forget_grant(&self, now: Timestamp, id: &ServiceId) -> Result<Option<TokenRow>>;

    // Mailboxes.

    /// Pauses a mailbox or its tenant, by the pause's scope. A pause that stands keeps its `since`.
    async fn pause_mailbox(&self, now: Timestamp, mailbox: &MailboxKey, pause: Pause)
    -> Result<()>;
    /// What the mailbox of a service may still send.
    async fn budget(&self, now: Timestamp, id: &ServiceId) -> Result<Option<Budget>>;
    /// Counts a test's message, if the mailbox has room for it within half a minute: then is its turn.
    async fn begin_test(
        &self,
        now: Timestamp,
        id: &ServiceId,
    ) -> Result<std::result::Result<Turn, Exhausted>>;
    /// Keeps a test's result and its ended message; a passed one sets `tested`, ends a pause and
    /// releases held mail.
    async fn record_test(
        &self,
        now: Timestamp,
        id: &ServiceId,
        test: LastTest,
        message: Option<FullMessage>,
    ) -> Result<ServiceRow>;

    // Messages.

    /// Keeps a message and its body. `NotFound` without a service, `NotTested` before its first
    /// test, `Full` where more would wait than the message's bounds allow; a known request id
    /// answers `Known` before any check.
    async fn enqueue(&self, now: Timestamp, message: NewMessage) -> Result<Enqueued>;
    /// The message of a request id, while it is kept, with the sequence of its newest event.
    async fn request(
        &self,
        service: &ServiceId,
        request: &RequestId,
    ) -> Result<Option<(Message, u64)>>;
    /// One message, with the sequence of its newest event.
    async fn message(&self, id: &MessageId) -> Result<Option<(FullMessage, u64)>>;
    /// Messages with their recipients and without attempts, the newest first, behind `after`, at
    /// most `limit`.
    async fn messages(
        &self,
        filter: &MessageFilter,
        after: Option<&MessageId>,
        limit: usize,
    ) -> Result<Vec<(FullMessage, u64)>>;
    /// Whether it is a message of one of these services. It does the same, and takes as long,
    /// whether there is no such message or it is another service's.
    async fn is_message_of(&self, id: &MessageId, services: &BTreeSet<ServiceId>) -> Result<bool>;
    /// The sealed body; none once trimmed.
    async fn body(&self, id: &MessageId) -> Result<Option<Sealed>>;
    /// Cancels what is QUEUED or HELD: its pending recipients become CANCELLED, its body goes. It
    /// becomes UNCERTAIN, and keeps its body, where a recipient is, or was pending because a reply
    /// was lost. A CANCELLED message stays as it is; every other state is `WrongState`.
    async fn cancel_message(&self, now: Timestamp, id: &MessageId) -> Result<()>;
    /// Queues what is FAILED, EXPIRED, PARTIAL or UNCERTAIN again, or holds it where its service
    /// can't send: its recipients are pending again, except those that were accepted or cancelled,
    /// its backoff begins anew, and its request id is known again. Every other state is
    /// `WrongState`; `CannotRetry` without its body, its service, or anyone to send it to. Returns
    /// it as the transaction left it, with the sequence of its newest event.
    async fn retry_message(
        &self,
        now: Timestamp,
        id: &MessageId,
        expire_time: Timestamp,
    ) -> Result<(FullMessage, u64)>;
    /// Ends what is UNCERTAIN by a person's word, and drops its body where that makes it SENT. A
    /// message that was resolved so already stays as it is; every other state is `WrongState`.
    /// Returns it as the transaction left it, with the sequence of its newest event.
    async fn resolve_message(
        &self,
        now: Timestamp,
        id: &MessageId,
        resolution: Resolution,
    ) -> Result<(FullMessage, u64)>;

    // Delivery.

    /// Claims messages to deliver, at most `limit`, within what each mailbox may send: connections
    /// (claims that have not ended), messages a minute, recipients a day; of several services on it
    /// the strictest limits count. High priority goes first, but no priority starves; callers who
    /// want the same share it evenly; then the longest due. What is due in a service that can't
    /// send becomes HELD. A paused mailbox gives out one message at its probe time, a paused tenant
    /// one of all its mailboxes, and none else. A claim takes at most `recipients_per_message`
    /// pending recipients, those first that were tried least.
    async fn claim_due(&self, now: Timestamp, limit: usize) -> Result<Vec<Claimed>>;
    /// Records that the final dot may go out from now on.
    async fn mark_dot(&self, now: Timestamp, claim: &Claim) -> Result<()>;
    /// Ends a claim: outcomes, attempt, state, mailbox and event in one; the state that it left.
    /// Accepted bodies go. Where that decided about a recipient, and another is pending that was
    /// tried less often, the message is due at once and spends no attempt, whatever
    /// [`Finished::next`] says.
    async fn finish(
        &self,
        now: Timestamp,
        claim: &Claim,
        finished: Finished,
    ) -> Result<MessageState>;
    /// Expires what is QUEUED or HELD past its expire time, at most `limit`; returns how many. As
    /// with a cancelled one, such a message becomes UNCERTAIN where a recipient is.
    async fn expire_due(&self, now: Timestamp, limit: usize) -> Result<usize>;
    /// Reports, once each, the services that give notice of what will keep them from sending
    /// ([`problem::notices`]), at most `limit`; returns how many times of notice were due. Those that
    /// pass together are one.
    ///
    /// [`problem::notices`]: crate::model::problem::notices
    async fn give_notice(&self, now: Timestamp, limit: usize) -> Result<usize>;
    /// The first instant, of all or of those after `after`, at which there is something of this kind
    /// to do through time alone.
    async fn next_due(&self, kind: Due, after: Option<Timestamp>) -> Result<Option<Timestamp>>;
    /// For the process that opens the store, before anything else: ends all claims. A transaction
    /// before its dot is due again; one after it is uncertain and follows [`OnUncertain::holds`].
    ///
    /// [`OnUncertain::holds`]: crate::model::service::OnUncertain::holds
    async fn recover(&self, now: Timestamp) -> Result<()>;

    // Keys.

    /// The keys that may have sealed what is stored; none in a new store.
    async fn vault_keys(&self) -> Result<Option<VaultKeys>>;
    /// Replaces what is known of the keys. From then on each value that is to be stored sealed must
    /// be sealed by one of them that isn't closed, else `KeyRetired`.
    async fn put_vault_keys(&self, keys: VaultKeys) -> Result<()>;
    /// Everything that a key of the vault sealed, in the order of places, behind `after`, at most
    /// `limit`. A body key that is gone with its body is there as an empty value.
    async fn sealed_after(
        &self,
        after: Option<&Place>,
        limit: usize,
    ) -> Result<Vec<(Place, Sealed)>>;
    /// Replaces the values that still are as they were, and leaves the others; how many it replaced.
    /// It is no event.
    async fn reseal(&self, values: Vec<Reseal>) -> Result<usize>;

    /// Sends everything that is stored, page by page, while other transactions go on: of several rows
    /// of one key the last one counts, and then all are as they were at one instant before this
    /// returns. `Exists` while another copy is made.
    async fn copy(&self, pages: mpsc::Sender<Vec<archive::CopiedRow>>) -> Result<()>;

    // Access keys.

    /// Adds a key. `NoService` for the first of its services that there is none of. Of more than
    /// [`ACCESS_KEYS_MAX`], the oldest that have ended go; `TooManyKeys` where none has.
    async fn create_access_key(&self, now: Timestamp, key: AccessKey) -> Result<()>;
    /// Keys, the newest first, behind `after`, at most `limit`.
    async fn access_keys(
        &self,
        after: Option<&AccessKeyId>,
        limit: usize,
    ) -> Result<Vec<AccessKey>>;
    /// Revokes a key; one that is revoked stays as it is. `LastAdmin` for the last ADMIN key that
    /// is live.
    async fn revoke_access_key(&self, now: Timestamp, id: &AccessKeyId) -> Result<AccessKey>;
    /// Keeps when keys were last used. Times go forward only; a key that is gone is left out.
    async fn record_key_uses(&self, uses: BTreeMap<AccessKeyId, Timestamp>) -> Result<()>;

    // The log.

    /// What the log holds.
    async fn bounds(&self) -> Result<LogBounds>;
    /// Events behind `sequence`, at most `limit`. `OutOfRange` outside of the bounds.
    async fn events_after(&self, sequence: u64, limit: usize) -> Result<Vec<Event>>;
    /// Removes events and ended messages older than `before`, request ids of ended messages
    /// accepted before `requests_before`, and expired authorizations. An UNCERTAIN message and its
    /// request id stay until somebody resolves it.
    async fn trim(
        &self,
        now: Timestamp,
        before: Timestamp,
        requests_before: Timestamp,
    ) -> Result<()>;

    // The whole.

    /// What waits in all.
    async fn totals(&self) -> Result<Totals>;
    /// Services in the order of their ids, behind `after`, at most `limit`, each as a scrape tells it.
    async fn count_services(&self, after: Option<&ServiceId>, limit: usize)
    -> Result<Vec<Counted>>;
    /// What it takes of its disk; none where it has none.
    fn usage(&self) -> Option<Usage>;
    /// A level to wait on: it changes after every commit.
    fn changed(&self) -> watch::Receiver<u64>;
}
