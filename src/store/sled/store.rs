//! The trait, method by method: which transaction it is, and whether it writes.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot, watch};

use super::bodies::Mail;
use super::disk::Sight;
use super::open::WAITING_KIB;
use super::{SledStore, record};
use crate::model::event::Event;
use crate::model::message::{Claim, Finished, FullMessage, Message};
use crate::model::service::{LastTest, Pause, Service};
use crate::model::state::MessageState;
use crate::model::{
    AccessKey, AccessKeyId, Diagnosis, MailboxKey, MessageId, RequestId, ServiceId, Timestamp,
};
use crate::store::archive::CopiedRow;
use crate::store::rows::State;
use crate::store::rows::tables::{BODIES, SECRETS, TOKENS};
use crate::store::{
    Budget, Claimed, Counted, Due, Enqueued, Exhausted, LogBounds, MessageFilter, NewMessage,
    NewToken, PendingAuthorization, Place, Reseal, Resolution, Result, Sealed, ServiceChange,
    ServiceFilter, ServiceRow, Store, StoreError, TokenRow, Totals, Turn, Usage, VaultKeys, decode,
    encode,
};

/// Messages that a list looks at before others get their turn.
const SCAN: usize = 512;

/// Rows of messages, events and request ids each that one transaction removes, roughly.
const TRIM: usize = 1024;

#[async_trait]
impl Store for SledStore {
    async fn create_service(
        &self,
        now: Timestamp,
        service: Service,
        secrets: Option<Sealed>,
    ) -> Result<()> {
        self.write("create", move |state| {
            state.create_service(now, service, secrets)
        })
        .await
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
        self.write("replace", move |state| state.replace_service(now, change))
            .await
    }

    async fn delete_service(
        &self,
        now: Timestamp,
        id: &ServiceId,
        expected_revision: Option<u64>,
        cancel_pending: bool,
    ) -> Result<()> {
        let id = id.clone();
        self.write("delete", move |state| {
            state.delete_service(now, &id, expected_revision, cancel_pending)
        })
        .await
    }

    async fn secrets(&self, id: &ServiceId) -> Result<Option<Sealed>> {
        self.read(|state| state.get(SECRETS, id))
    }

    async fn begin_authorization(
        &self,
        _now: Timestamp,
        pending: PendingAuthorization,
    ) -> Result<()> {
        self.write("begin", move |state| state.begin_authorization(pending))
            .await
    }

    async fn take_authorization(
        &self,
        now: Timestamp,
        state_hash: &[u8; 32],
    ) -> Result<Option<PendingAuthorization>> {
        let state_hash = *state_hash;
        self.write("take", move |state| {
            state.take_authorization(now, &state_hash)
        })
        .await
    }

    async fn fail_authorization(
        &self,
        now: Timestamp,
        id: &ServiceId,
        failure: Diagnosis,
    ) -> Result<()> {
        let id = id.clone();
        self.write("fail", move |state| {
            state.fail_authorization(now, &id, failure)
        })
        .await
    }

    async fn token(&self, id: &ServiceId) -> Result<Option<TokenRow>> {
        self.read(|state| state.get(TOKENS, id))
    }

    async fn save_token(&self, now: Timestamp, token: NewToken) -> Result<u64> {
        self.write("token", move |state| state.save_token(now, token))
            .await
    }

    async fn claim_refreshes(&self, now: Timestamp, limit: usize) -> Result<Vec<ServiceId>> {
        self.write("claim_refreshes", move |state| {
            state.claim_refreshes(now, limit)
        })
        .await
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
        let id = id.clone();
        self.write("postpone", move |state| {
            state.postpone_refresh(&id, generation, refresh_time, failure)
        })
        .await
    }

    async fn bury_grant(
        &self,
        now: Timestamp,
        id: &ServiceId,
        generation: u64,
        diagnosis: Diagnosis,
    ) -> Result<()> {
        let id = id.clone();
        self.write("bury", move |state| {
            state.bury_grant(now, &id, generation, diagnosis)
        })
        .await
    }

    async fn forget_grant(&self, now: Timestamp, id: &ServiceId) -> Result<Option<TokenRow>> {
        let id = id.clone();
        self.write("forget", move |state| state.forget_grant(now, &id))
            .await
    }

    async fn pause_mailbox(
        &self,
        now: Timestamp,
        mailbox: &MailboxKey,
        pause: Pause,
    ) -> Result<()> {
        let mailbox = mailbox.clone();
        self.write("pause", move |state| {
            state.pause_mailbox(now, &mailbox, pause)
        })
        .await
    }

    async fn budget(&self, now: Timestamp, id: &ServiceId) -> Result<Option<Budget>> {
        self.read(|state| state.budget(now, id))
    }

    async fn begin_test(
        &self,
        now: Timestamp,
        id: &ServiceId,
    ) -> Result<std::result::Result<Turn, Exhausted>> {
        let id = id.clone();
        self.write("test", move |state| state.begin_test(now, &id))
            .await
    }

    async fn record_test(
        &self,
        now: Timestamp,
        id: &ServiceId,
        test: LastTest,
        message: Option<FullMessage>,
    ) -> Result<ServiceRow> {
        let id = id.clone();
        self.write("test", move |state| {
            state.record_test(now, &id, test, message)
        })
        .await
    }

    async fn enqueue(&self, now: Timestamp, mut message: NewMessage) -> Result<Enqueued> {
        let body = encode(&mem::replace(&mut message.body, Sealed(Vec::new())));
        let kib = (body.len() / 1024 + 1).min(WAITING_KIB);
        let permit = self
            .waiting
            .clone()
            .acquire_many_owned(u32::try_from(kib).unwrap_or(u32::MAX))
            .await
            .expect("the semaphore is never closed");
        let (waiter, answer) = oneshot::channel();
        let mail = Mail {
            now,
            message,
            body,
            waiter,
            permit,
        };
        self.reach(|inlets| inlets.mails.send(mail).is_ok())?;
        answer.await.unwrap_or_else(|_| Err(self.gone()))
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
        let mut found = Vec::new();
        let mut after = after.cloned();
        loop {
            let left = limit - found.len();
            let listed =
                self.read(|state| state.list_messages(filter, after.as_ref(), left, SCAN))?;
            found.extend(listed.messages);
            match listed.go_on_behind {
                None => return Ok(found),
                behind => after = behind,
            }
            // A long way through the rows lets others go first now and then.
            tokio::task::yield_now().await;
        }
    }

    async fn is_message_of(&self, id: &MessageId, services: &BTreeSet<ServiceId>) -> Result<bool> {
        self.read(|state| state.is_message_of(id, services))
    }

    async fn create_access_key(&self, now: Timestamp, key: AccessKey) -> Result<()> {
        self.write("create_key", move |state| state.create_access_key(now, key))
            .await
    }

    async fn access_keys(
        &self,
        after: Option<&AccessKeyId>,
        limit: usize,
    ) -> Result<Vec<AccessKey>> {
        self.read(|state| state.access_keys(after, limit))
    }

    async fn revoke_access_key(&self, now: Timestamp, id: &AccessKeyId) -> Result<AccessKey> {
        let id = id.clone();
        self.write("revoke_key", move |state| state.revoke_access_key(now, &id))
            .await
    }

    async fn record_key_uses(&self, uses: BTreeMap<AccessKeyId, Timestamp>) -> Result<()> {
        self.write("key_uses", move |state| state.record_key_uses(&uses))
            .await
    }

    async fn body(&self, id: &MessageId) -> Result<Option<Sealed>> {
        self.healthy()?;
        let Some((file, reference)) = self.disk.body(id)? else {
            // A small one that was restored may be in its row.
            return self.read(|state| state.get(BODIES, id));
        };
        let record = match record::read_from_memory(&file, reference) {
            Some(record) => record,
            None => tokio::task::spawn_blocking(move || record::read(&file, reference))
                .await
                .map_err(|error| StoreError::Unavailable(error.to_string()))??,
        };
        decode(&record.row)
            .map(Some)
            .map_err(|error| StoreError::Corrupt(error.to_string()))
    }

    async fn cancel_message(&self, now: Timestamp, id: &MessageId) -> Result<()> {
        let id = id.clone();
        self.write("cancel", move |state| state.cancel_message(now, &id))
            .await
    }

    async fn retry_message(
        &self,
        now: Timestamp,
        id: &MessageId,
        expire_time: Timestamp,
    ) -> Result<(FullMessage, u64)> {
        let id = id.clone();
        self.write("retry", move |state| {
            state.retry_message(now, &id, expire_time)
        })
        .await
    }

    async fn resolve_message(
        &self,
        now: Timestamp,
        id: &MessageId,
        resolution: Resolution,
    ) -> Result<(FullMessage, u64)> {
        let id = id.clone();
        self.write("resolve", move |state| {
            state.resolve_message(now, &id, resolution)
        })
        .await
    }

    async fn claim_due(&self, now: Timestamp, limit: usize) -> Result<Vec<Claimed>> {
        self.write("claim", move |state| state.claim_due(now, limit))
            .await
    }

    async fn mark_dot(&self, _now: Timestamp, claim: &Claim) -> Result<()> {
        let claim = claim.clone();
        self.write("dot", move |state| state.mark_dot(&claim)).await
    }

    async fn finish(
        &self,
        now: Timestamp,
        claim: &Claim,
        finished: Finished,
    ) -> Result<MessageState> {
        let claim = claim.clone();
        self.write("finish", move |state| state.finish(now, &claim, finished))
            .await
    }

    async fn give_notice(&self, now: Timestamp, limit: usize) -> Result<usize> {
        self.write("notice", move |state| state.give_notice(now, limit))
            .await
    }

    async fn expire_due(&self, now: Timestamp, limit: usize) -> Result<usize> {
        self.write("expire", move |state| state.expire_due(now, limit))
            .await
    }

    async fn next_due(&self, kind: Due, after: Option<Timestamp>) -> Result<Option<Timestamp>> {
        self.read(|state| state.next_due(kind, after))
    }

    async fn recover(&self, now: Timestamp) -> Result<()> {
        self.write("recover", move |state| state.recover(now)).await
    }

    async fn vault_keys(&self) -> Result<Option<VaultKeys>> {
        self.read(|state| state.vault_keys())
    }

    async fn put_vault_keys(&self, keys: VaultKeys) -> Result<()> {
        self.write("keys", move |state| state.put_vault_keys(&keys))
            .await
    }

    async fn sealed_after(
        &self,
        after: Option<&Place>,
        limit: usize,
    ) -> Result<Vec<(Place, Sealed)>> {
        self.read(|state| state.sealed_after(after, limit))
    }

    async fn reseal(&self, values: Vec<Reseal>) -> Result<usize> {
        self.write("reseal", move |state| state.reseal(values))
            .await
    }

    async fn copy(&self, pages: mpsc::Sender<Vec<CopiedRow>>) -> Result<()> {
        self.copy_all(pages).await
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
        // In parts, so that mail goes on between them.
        let part =
            move |state: &mut State<Sight<'_>>| state.trim(now, before, requests_before, TRIM);
        while self.write("trim", part).await? {}
        Ok(())
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
        Some(self.disk.usage())
    }

    fn changed(&self) -> watch::Receiver<u64> {
        self.commits.subscribe()
    }
}
