//! The store under simulation: a memory that outlives the process, and calls that fail, take their
//! time, or are cut off by a crash before or after they happened.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use mailwright::model::event::Event;
use mailwright::model::message::{Claim, Finished, FullMessage, Message};
use mailwright::model::secret::Sealed;
use mailwright::model::service::{LastTest, Pause, Service};
use mailwright::model::state::MessageState;
use mailwright::model::{
    AccessKey, AccessKeyId, Diagnosis, MailboxKey, MessageId, RequestId, ServiceId, Timestamp,
};
use mailwright::store::archive::CopiedRow;
use mailwright::store::memory::MemoryStore;
use mailwright::store::{
    Budget, Claimed, Counted, Due, Enqueued, Exhausted, LogBounds, MessageFilter, NewMessage,
    NewToken, PendingAuthorization, Place, Reseal, Resolution, Result, ServiceChange,
    ServiceFilter, ServiceRow, Store, StoreError, TokenRow, Totals, Turn, Usage, VaultKeys,
};
use tokio::sync::{mpsc, watch};

use crate::dice::Dice;
use crate::world::World;

pub struct FlakyStore {
    kept: Arc<MemoryStore>,
    world: World,
    dice: Mutex<Dice>,
    wakers: Wakers,
}

/// One channel for each that waits: of several that wait on one, tokio wakes any first.
type Wakers = Arc<Mutex<Vec<watch::Sender<u64>>>>;

impl FlakyStore {
    /// What process number `process` sees of what is kept.
    pub fn new(kept: Arc<MemoryStore>, world: World, process: u64) -> Self {
        let dice = Dice::new(world.plan().seed, "store", process);
        let wakers = Wakers::default();
        tokio::spawn(pass_on(kept.changed(), wakers.clone()));
        Self {
            kept,
            world,
            dice: Mutex::new(dice),
            wakers,
        }
    }

    /// Whether the call happens; a crash while this waits means that it didn't.
    async fn before(&self, call: &str) -> Result<()> {
        if !self.world.is_troubled() {
            return Ok(());
        }
        self.take_time().await;
        if self.draw(self.world.plan().store.fails) {
            self.world.note("store", format!("{call} fails"));
            return Err(StoreError::Unavailable("drawn".to_owned()));
        }
        Ok(())
    }

    /// A crash while this waits means that the call happened, and nobody heard of it.
    async fn after(&self) {
        if self.world.is_troubled() {
            self.take_time().await;
        }
    }

    async fn take_time(&self) {
        if self.draw(self.world.plan().store.slow) {
            let wait = {
                let mut dice = self.dice.lock().expect("drawing does not panic");
                let most = dice.pick(&[0, 0, 1, 10]);
                dice.seconds(0, most)
                    .max(std::time::Duration::from_millis(5))
            };
            self.world.env().sleep(wait).await;
        }
    }

    fn draw(&self, cases: u64) -> bool {
        let mut dice = self.dice.lock().expect("drawing does not panic");
        dice.in_1000(cases)
    }

    fn noted(&self, token: &NewToken) {
        let services = &self.world.plan().services;
        let place = services
            .iter()
            .position(|service| service.id == token.service_id.as_str());
        if let Some(service) = place {
            self.world.token_is_saved(service);
        }
    }
}

/// Wakes all who wait, in the order in which they came.
async fn pass_on(mut changed: watch::Receiver<u64>, wakers: Wakers) {
    while changed.changed().await.is_ok() {
        let commits = *changed.borrow_and_update();
        let mut wakers = wakers.lock().expect("waking does not panic");
        wakers.retain(|waker| waker.send(commits).is_ok());
    }
}

/// Every call but two goes to what is kept, with `before` and `after` around it.
macro_rules! store {
    ($($name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl Store for FlakyStore {
            $(async fn $name(&self, $($argument: $type),*) -> Result<$answer> {
                self.before(stringify!($name)).await?;
                let done = self.kept.$name($($argument),*).await;
                self.after().await;
                done
            })*

            async fn save_token(&self, now: Timestamp, token: NewToken) -> Result<u64> {
                self.before("save_token").await?;
                let done = self.kept.save_token(now, token.clone()).await;
                if done.is_ok() {
                    self.noted(&token);
                }
                self.after().await;
                done
            }

            fn usage(&self) -> Option<Usage> {
                self.kept.usage()
            }

            fn changed(&self) -> watch::Receiver<u64> {
                let (waker, woken) = watch::channel(0);
                self.wakers.lock().expect("waking does not panic").push(waker);
                woken
            }
        }
    };
}

store! {
    create_service(now: Timestamp, service: Service, secrets: Option<Sealed>) -> ();
    totals() -> Totals;
    count_services(after: Option<&ServiceId>, limit: usize) -> Vec<Counted>;
    service(id: &ServiceId) -> Option<ServiceRow>;
    services(filter: &ServiceFilter, after: Option<&ServiceId>, limit: usize) -> Vec<ServiceRow>;
    replace_service(now: Timestamp, change: ServiceChange) -> ServiceRow;
    delete_service(now: Timestamp, id: &ServiceId, revision: Option<u64>, cancel: bool) -> ();
    secrets(id: &ServiceId) -> Option<Sealed>;
    begin_authorization(now: Timestamp, pending: PendingAuthorization) -> ();
    take_authorization(now: Timestamp, hash: &[u8; 32]) -> Option<PendingAuthorization>;
    fail_authorization(now: Timestamp, id: &ServiceId, failure: Diagnosis) -> ();
    token(id: &ServiceId) -> Option<TokenRow>;
    claim_refreshes(now: Timestamp, limit: usize) -> Vec<ServiceId>;
    postpone_refresh(now: Timestamp, id: &ServiceId, generation: u64, time: Timestamp, failure: Diagnosis) -> ();
    refresh_frequency() -> u64;
    bury_grant(now: Timestamp, id: &ServiceId, generation: u64, diagnosis: Diagnosis) -> ();
    forget_grant(now: Timestamp, id: &ServiceId) -> Option<TokenRow>;
    pause_mailbox(now: Timestamp, mailbox: &MailboxKey, pause: Pause) -> ();
    budget(now: Timestamp, id: &ServiceId) -> Option<Budget>;
    begin_test(now: Timestamp, id: &ServiceId) -> std::result::Result<Turn, Exhausted>;
    record_test(now: Timestamp, id: &ServiceId, test: LastTest, message: Option<FullMessage>) -> ServiceRow;
    enqueue(now: Timestamp, message: NewMessage) -> Enqueued;
    request(service: &ServiceId, request: &RequestId) -> Option<(Message, u64)>;
    message(id: &MessageId) -> Option<(FullMessage, u64)>;
    messages(filter: &MessageFilter, after: Option<&MessageId>, limit: usize) -> Vec<(FullMessage, u64)>;
    is_message_of(id: &MessageId, services: &BTreeSet<ServiceId>) -> bool;
    create_access_key(now: Timestamp, key: AccessKey) -> ();
    access_keys(after: Option<&AccessKeyId>, limit: usize) -> Vec<AccessKey>;
    revoke_access_key(now: Timestamp, id: &AccessKeyId) -> AccessKey;
    record_key_uses(uses: BTreeMap<AccessKeyId, Timestamp>) -> ();
    body(id: &MessageId) -> Option<Sealed>;
    cancel_message(now: Timestamp, id: &MessageId) -> ();
    retry_message(now: Timestamp, id: &MessageId, expire_time: Timestamp) -> (FullMessage, u64);
    resolve_message(now: Timestamp, id: &MessageId, word: Resolution) -> (FullMessage, u64);
    claim_due(now: Timestamp, limit: usize) -> Vec<Claimed>;
    mark_dot(now: Timestamp, claim: &Claim) -> ();
    finish(now: Timestamp, claim: &Claim, finished: Finished) -> MessageState;
    expire_due(now: Timestamp, limit: usize) -> usize;
    give_notice(now: Timestamp, limit: usize) -> usize;
    next_due(kind: Due, after: Option<Timestamp>) -> Option<Timestamp>;
    recover(now: Timestamp) -> ();
    vault_keys() -> Option<VaultKeys>;
    put_vault_keys(keys: VaultKeys) -> ();
    sealed_after(after: Option<&Place>, limit: usize) -> Vec<(Place, Sealed)>;
    reseal(values: Vec<Reseal>) -> usize;
    copy(pages: mpsc::Sender<Vec<CopiedRow>>) -> ();
    bounds() -> LogBounds;
    events_after(sequence: u64, limit: usize) -> Vec<Event>;
    trim(now: Timestamp, before: Timestamp, requests_before: Timestamp) -> ();
}
