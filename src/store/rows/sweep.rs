//! What time alone brings about: expiry, the next thing due, and forgetting.

use super::base::{Base, Order};
use super::claims::{DAMAGED_WAIT, first_id, just_after};
use super::key::Key;
use super::state::State;
use super::tables::{
    ATTEMPTS, BODIES, ENDED, EVENTS, EXPIRING, LOG, MESSAGES, NOTICES, RECIPIENTS, REFRESHES,
    REQUEST_TIMES, REQUESTS, Table, WAKES,
};
use crate::model::message::{Message, Outcome};
use crate::model::state::{Event, MessageState};
use crate::model::{MailboxKey, MessageId, RequestId, ServiceId, Timestamp};
use crate::store::{Due, Result, StoreError};

impl<B: Base> State<B> {
    pub fn expire_due(&mut self, now: Timestamp, limit: usize) -> Result<usize> {
        let due = self
            .keys(EXPIRING, ..)
            .take_while(|key| key.as_ref().map_or(true, |(time, _)| *time <= now))
            .take(limit)
            .collect::<Result<Vec<_>>>()?;
        let mut expired = 0;
        for key in due {
            self.remove(EXPIRING, &key)?;
            match self.require_message(&key.1) {
                Ok(message) if is_pending(&message) => {
                    self.end_pending(now, message, Outcome::Expired, Event::Expire)?;
                    expired += 1;
                }
                // It could not be read when it was to expire, and went its way since.
                Ok(_) => {}
                Err(StoreError::Corrupt(why)) => {
                    tracing::error!(why, "what can't be read does not expire");
                    self.add(EXPIRING, &(now + DAMAGED_WAIT, key.1), &());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(expired)
    }

    pub fn next_due(&self, kind: Due, after: Option<Timestamp>) -> Result<Option<Timestamp>> {
        let from = after.map_or(Timestamp::MIN, just_after);
        match kind {
            Due::Claims => self.first_time(WAKES, (from, first_mailbox())),
            Due::Refreshes => self.first_time(REFRESHES, (from, first_service())),
            Due::Sweep => {
                let expires = self.first_time(EXPIRING, (from, first_id()))?;
                let notice = self.first_time(NOTICES, (from, first_service()))?;
                Ok(expires.into_iter().chain(notice).min())
            }
        }
    }

    /// The time in the first key from there on.
    fn first_time<K, V>(
        &self,
        table: Table<(Timestamp, K), V>,
        from: (Timestamp, K),
    ) -> Result<Option<Timestamp>>
    where
        (Timestamp, K): Key,
    {
        let first = self.keys(table, from..).next().transpose()?;
        Ok(first.map(|(time, _)| time))
    }

    /// Removes about `limit` rows of each kind, so that no other transaction waits long behind this
    /// one; whether there may be more.
    pub fn trim(
        &mut self,
        now: Timestamp,
        before: Timestamp,
        requests_before: Timestamp,
        limit: usize,
    ) -> Result<bool> {
        let removed = [
            self.trim_events(before, limit)?,
            self.trim_messages(before, limit)?,
            self.trim_requests(requests_before, limit)?,
        ];
        self.remove_authorizations(|pending| pending.expire_time <= now)?;
        Ok(removed.iter().any(|rows| *rows >= limit))
    }

    /// Removes the oldest events up to the first one that stays, so that what is left has no hole
    /// even where the clock went back.
    fn trim_events(&mut self, before: Timestamp, limit: usize) -> Result<usize> {
        let mut log = self.log()?;
        let mut gone = Vec::new();
        for entry in self.rows(EVENTS, .., Order::Ascending).take(limit) {
            let (sequence, event) = entry?;
            if event.time >= before {
                break;
            }
            gone.push(sequence);
        }
        for sequence in &gone {
            self.remove(EVENTS, sequence)?;
        }
        if let Some(newest) = gone.last() {
            log.oldest = *newest;
            self.put(LOG, &(), &log);
        }
        Ok(gone.len())
    }

    /// One message may have a thousand rows: rows are what is counted.
    fn trim_messages(&mut self, before: Timestamp, limit: usize) -> Result<usize> {
        let ids = self
            .keys(ENDED, ..)
            .take_while(|key| key.as_ref().map_or(true, |(time, _)| *time < before))
            .take(limit)
            .map(|key| Ok(key?.1))
            .collect::<Result<Vec<MessageId>>>()?;
        let mut rows = 0;
        for id in &ids {
            if rows >= limit {
                break;
            }
            let message = self.require_message(id)?;
            rows += self.forget_message(&message)?;
        }
        Ok(rows)
    }

    fn trim_requests(&mut self, before: Timestamp, limit: usize) -> Result<usize> {
        let gone = self
            .keys(REQUEST_TIMES, ..)
            .take_while(|key| key.as_ref().map_or(true, |(time, ..)| *time < before))
            .take(limit)
            .collect::<Result<Vec<_>>>()?;
        for (time, service, request) in &gone {
            self.remove_request(*time, &(service.clone(), request.clone()))?;
        }
        Ok(gone.len())
    }

    fn remove_request(&mut self, time: Timestamp, key: &(ServiceId, RequestId)) -> Result<()> {
        self.remove(REQUESTS, key)?;
        self.remove(REQUEST_TIMES, &(time, key.0.clone(), key.1.clone()))
    }

    /// Removes all that is kept of a message; how many rows that were, without indexes.
    fn forget_message(&mut self, message: &Message) -> Result<usize> {
        let id = &message.id;
        let indexes = self.indexes_of(id)?;
        for index in &indexes {
            self.remove(RECIPIENTS, index)?;
            self.remove(ATTEMPTS, index)?;
        }
        if let Some((time, key)) = self.request_of(message)? {
            self.remove_request(time, &key)?;
        }
        self.remove(BODIES, id)?;
        self.unlist(message)?;
        self.remove(MESSAGES, id)?;
        self.count_forgotten(&message.service_id)?;
        Ok(indexes.len() + 1)
    }

    /// The keys of a message's recipients and attempts.
    fn indexes_of(&self, id: &MessageId) -> Result<Vec<(MessageId, u32)>> {
        self.keys_under(RECIPIENTS, id)
            .chain(self.keys_under(ATTEMPTS, id))
            .collect()
    }
}

/// Whether a message waits, so that time may end it.
fn is_pending(message: &Message) -> bool {
    matches!(message.state, MessageState::Queued | MessageState::Held)
}

/// The mailbox before all others.
fn first_mailbox() -> MailboxKey {
    MailboxKey::new("", "")
}

/// The id before all others, for the start of a range.
fn first_service() -> ServiceId {
    let id = "a--".parse();
    id.expect("a letter and the least of all characters, as short as may be")
}
