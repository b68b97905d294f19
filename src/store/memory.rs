//! The reference store: rows in memory behind one lock, encoded as they would be on a disk.
//!
//! It keeps the whole contract but durability: what it holds is gone with its process.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::{mpsc, watch};

use super::rows::State;
use super::rows::tables::{BODIES, SECRETS, TOKENS};
use crate::model::event::Event;
use crate::model::message::{Claim, Finished, FullMessage, Message};
use crate::model::service::{LastTest, Pause, Service};
use crate::model::state::MessageState;
use crate::model::{
    AccessKey, AccessKeyId, Diagnosis, MailboxKey, MessageId, RequestId, ServiceId, Timestamp,
};
use crate::store::archive::CopiedRow;
use crate::store::{
    Budget, Claimed, Counted, Due, Enqueued, Exhausted, LogBounds, MessageFilter, NewMessage,
    NewToken, PendingAuthorization, Place, Reseal, Resolution, Result, Sealed, ServiceChange,
    ServiceFilter, ServiceRow, Store, StoreError, TokenRow, Totals, Turn, Usage, VaultKeys, encode,
};

type Memory = State<BTreeMap<Vec<u8>, Vec<u8>>>;

/// A store that forgets everything with its process.
pub struct MemoryStore {
    epoch: u64,
    state: Mutex<Memory>,
    /// How many commits there were.
    commits: watch::Sender<u64>,
}

impl MemoryStore {
    /// An empty store; `epoch` names its log.
    pub fn new(epoch: u64) -> Self {
        Self {
            epoch,
            state: Mutex::new(State::over(BTreeMap::new())),
            commits: watch::Sender::new(0),
        }
    }

    fn read<T>(&self, read: impl FnOnce(&Memory) -> Result<T>) -> Result<T> {
        read(&self.lock())
    }

    /// Runs a transaction: commits it when it succeeds, takes it back when it doesn't.
    fn write<T>(&self, transact: impl FnOnce(&mut Memory) -> Result<T>) -> Result<T> {
        let mut state = self.lock();
        let outcome = transact(&mut state);
        if outcome.is_err() {
            state.roll_back();
        }
        let committed = state.commit();
        let (rows, writes) = state.committed();
        for (key, row) in writes {
            match row {
                Some(row) => rows.insert(key, row),
                None => rows.remove(&key),
            };
        }
        drop(state);
        if committed {
            self.commits.send_modify(|commits| *commits += 1);
        }
        outcome
    }

    /// A transaction that panicked has not committed, so it is taken back.
    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.state
            .lock()
            .unwrap_or_else(|poisoned: PoisonError<_>| {
                let mut state = poisoned.into_inner();
                state.roll_back();
                state
            })
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn create_service(
        &self,
        now: Timestamp,
        service: Service,
        secrets: Option<Sealed>,
    ) -> Result<()> {
        self.write(|state| state.create_service(now, service, secrets))
    }

    async fn service(&self, id: &ServiceId) -> Result<Option<ServiceRow>> {
        self.read(|state| state.service(id))
    }

    async fn services(
        &self,
        filter: &ServiceFilter,
        after: Option<&ServiceId>,
        limit: usize,
    ) -> Result<Vec<ServiceRow>> {
        self.read(|state| state.list_services(filter, after, limit))
    }

    async fn replace_service(&self, now: Timestamp, change: ServiceChange) -> Result<ServiceRow> {
        self.write(|state| state.replace_service(now, change))
    }

    async fn delete_service(
        &self,
        now: Timestamp,
        id: &ServiceId,
        expected_revision: Option<u64>,
        cancel_pending: bool,
    ) -> Result<()> {
        self.write(|state| state.delete_service(now, id, expected_revision, cancel_pending))
    }

    async fn secrets(&self, id: &ServiceId) -> Result<Option<Sealed>> {
        self.read(|state| state.get(SECRETS, id))
    }

    async fn begin_authorization(
        &self,
        _now: Timestamp,
        pending: PendingAuthorization,
    ) -> Result<()> {
        self.write(|state| state.begin_authorization(pending))
    }

    async fn take_authorization(
        &self,
        now: Timestamp,
        state_hash: &[u8; 32],
    ) -> Result<Option<PendingAuthorization>> {
        self.write(|state| state.take_authorization(now, state_hash))
    }

    async fn fail_authorization(
        &self,
        now: Timestamp,
        id: &ServiceId,
        failure: Diagnosis,
    ) -> Result<()> {
        self.write(|state| state.fail_authorization(now, id, failure))
    }

    async fn token(&self, id: &ServiceId) -> Result<Option<TokenRow>> {
        self.read(|state| state.get(TOKENS, id))
    }

    async fn save_token(&self, now: Timestamp, token: NewToken) -> Result<u64> {
        self.write(|state| state.save_token(now, token))
    }

    async fn claim_refreshes(&self, now: Timestamp, limit: usize) -> Result<Vec<ServiceId>> {
        self.write(|state| state.claim_refreshes(now, limit))
    }

    async fn refresh_frequency(&self) -> Result<u64> {
        self.read(|state| state.refresh_frequency())
    }

    async fn postpone_refresh(
        &self,
        _now: Timestamp,
        id: &ServiceId,
        generation: u64,
        refresh_time: Timestamp,
        failure: Diagnosis,
    ) -> Result<()> {
        self.write(|state| state.postpone_refresh(id, generation, refresh_time, failure))
    }

    async fn bury_grant(
        &self,
        now: Timestamp,
        id: &ServiceId,
        generation: u64,
        diagnosis: Diagnosis,
    ) -> Result<()> {
        self.write(|state| state.bury_grant(now, id, generation, diagnosis))
    }

    async fn forget_grant(&self, now: Timestamp, id: &ServiceId) -> Result<Option<TokenRow>> {
        self.write(|state| state.forget_grant(now, id))
    }

    async fn pause_mailbox(
        &self,
        now: Timestamp,
        mailbox: &MailboxKey,
        pause: Pause,
    ) -> Result<()> {
        self.write(|state| state.pause_mailbox(now, mailbox, pause))
    }

    async fn budget(&self, now: Timestamp, id: &ServiceId) -> Result<Option<Budget>> {
        self.read(|state| state.budget(now, id))
    }

    async fn begin_test(
        &self,
        now: Timestamp,
        id: &ServiceId,
    ) -> Result<std::result::Result<Turn, Exhausted>> {
        self.write(|state| state.begin_test(now, id))
    }

    async fn record_test(
        &self,
        now: Timestamp,
        id: &ServiceId,
        test: LastTest,
        message: Option<FullMessage>,
    ) -> Result<ServiceRow> {
        self.write(|state| state.record_test(now, id, test, message))
    }

    async fn enqueue(&self, now: Timestamp, message: NewMessage) -> Result<Enqueued> {
        let body = encode(&message.body);
        self.write(|state| state.enqueue(now, message, body))
    }

    async fn request(
        &self,
        service: &ServiceId,
        request: &RequestId,
    ) -> Result<Option<(Message, u64)>> {
        self.read(|state| state.request(service, request))
    }

    async fn message(&self, id: &MessageId) -> Result<Option<(FullMessage, u64)>> {
        self.read(|state| state.message(id))
    }

    async fn messages(
        &self,
        filter: &MessageFilter,
        after: Option<&MessageId>,
        limit: usize,
    ) -> Result<Vec<(FullMessage, u64)>> {
        self.read(|state| state.list_messages(filter, after, limit, usize::MAX))
            .map(|listed| listed.messages)
    }

    async fn is_message_of(&self, id: &MessageId, services: &BTreeSet<ServiceId>) -> Result<bool> {
        self.read(|state| state.is_message_of(id, services))
    }

    async fn create_access_key(&self, now: Timestamp, key: AccessKey) -> Result<()> {
        self.write(|state| state.create_access_key(now, key))
    }

    async fn access_keys(
        &self,
        after: Option<&AccessKeyId>,
        limit: usize,
    ) -> Result<Vec<AccessKey>> {
        self.read(|state| state.access_keys(after, limit))
    }

    async fn revoke_access_key(&self, now: Timestamp, id: &AccessKeyId) -> Result<AccessKey> {
        self.write(|state| state.revoke_access_key(now, id))
    }

    async fn record_key_uses(&self, uses: BTreeMap<AccessKeyId, Timestamp>) -> Result<()> {
        self.write(|state| state.record_key_uses(&uses))
    }

    async fn body(&self, id: &MessageId) -> Result<Option<Sealed>> {
        self.read(|state| state.get(BODIES, id))
    }

    async fn cancel_message(&self, now: Timestamp, id: &MessageId) -> Result<()> {
        self.write(|state| state.cancel_message(now, id))
    }

    async fn retry_message(
        &self,
        now: Timestamp,
        id: &MessageId,
        expire_time: Timestamp,
    ) -> Result<(FullMessage, u64)> {
        self.write(|state| state.retry_message(now, id, expire_time))
    }

    async fn resolve_message(
        &self,
        now: Timestamp,
        id: &MessageId,
        resolution: Resolution,
    ) -> Result<(FullMessage, u64)> {
        self.write(|state| state.resolve_message(now, id, resolution))
    }

    async fn claim_due(&self, now: Timestamp, limit: usize) -> Result<Vec<Claimed>> {
        self.write(|state| state.claim_due(now, limit))
    }

    async fn mark_dot(&self, _now: Timestamp, claim: &Claim) -> Result<()> {
        self.write(|state| state.mark_dot(claim))
    }

    async fn finish(
        &self,
        now: Timestamp,
        claim: &Claim,
        finished: Finished,
    ) -> Result<MessageState> {
        self.write(|state| state.finish(now, claim, finished))
    }

    async fn give_notice(&self, now: Timestamp, limit: usize) -> Result<usize> {
        self.write(|state| state.give_notice(now, limit))
    }

    async fn expire_due(&self, now: Timestamp, limit: usize) -> Result<usize> {
        self.write(|state| state.expire_due(now, limit))
    }

    async fn next_due(&self, kind: Due, after: Option<Timestamp>) -> Result<Option<Timestamp>> {
        self.read(|state| state.next_due(kind, after))
    }

    async fn recover(&self, now: Timestamp) -> Result<()> {
        self.write(|state| state.recover(now))
    }

    async fn vault_keys(&self) -> Result<Option<VaultKeys>> {
        self.read(|state| state.vault_keys())
    }

    async fn put_vault_keys(&self, keys: VaultKeys) -> Result<()> {
        self.write(|state| state.put_vault_keys(&keys))
    }

    async fn sealed_after(
        &self,
        after: Option<&Place>,
        limit: usize,
    ) -> Result<Vec<(Place, Sealed)>> {
        self.read(|state| state.sealed_after(after, limit))
    }

    async fn reseal(&self, values: Vec<Reseal>) -> Result<usize> {
        self.write(|state| state.reseal(values))
    }

    async fn copy(&self, pages: mpsc::Sender<Vec<CopiedRow>>) -> Result<()> {
        let all = self.read(|state| state.copy_behind(None, usize::MAX, usize::MAX))?;
        let sent = pages.send(all).await;
        sent.map_err(|_| StoreError::Unavailable("nobody takes the copy any more".into()))
    }

    async fn bounds(&self) -> Result<LogBounds> {
        self.read(|state| state.bounds(self.epoch))
    }

    async fn events_after(&self, sequence: u64, limit: usize) -> Result<Vec<Event>> {
        self.read(|state| state.events_after(sequence, limit))
    }

    async fn trim(
        &self,
        now: Timestamp,
        before: Timestamp,
        requests_before: Timestamp,
    ) -> Result<()> {
        self.write(|state| state.trim(now, before, requests_before, usize::MAX))
            .map(|_| ())
    }

    async fn totals(&self) -> Result<Totals> {
        self.read(|state| state.totals())
    }

    async fn count_services(
        &self,
        after: Option<&ServiceId>,
        limit: usize,
    ) -> Result<Vec<Counted>> {
        self.read(|state| state.count_services(after, limit))
    }

    fn usage(&self) -> Option<Usage> {
        None
    }

    fn changed(&self) -> watch::Receiver<u64> {
        self.commits.subscribe()
    }
}
