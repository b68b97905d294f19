//! What time alone brings about: expiry, the next thing due, and forgetting.

use super::progress::Report;
use super::state::State;
use crate::model::message::{Message, Outcome};
use crate::model::state::Event;
use crate::model::{MessageId, Timestamp};
use crate::store::Result;

impl State {
    pub fn expire_due(&mut self, now: Timestamp, limit: usize) -> Result<usize> {
        let ids: Vec<MessageId> = self
            .expiring
            .keys(..)
            .take_while(|(time, _)| *time <= now)
            .map(|(_, id)| id.clone())
            .take(limit)
            .collect();
        for id in &ids {
            let message = self.require_message(id)?;
            let report = Report {
                recipients: self.end_pending(now, id, Outcome::Expired)?,
                attempt: None,
            };
            self.advance(now, message, Event::Expire, report)?;
        }
        Ok(ids.len())
    }

    pub fn next_due(&self, now: Timestamp) -> Result<Option<Timestamp>> {
        let expire = self.expiring.keys(..).map(|(time, _)| *time);
        let refresh = self.refreshes.keys(..).map(|(time, _)| *time);
        let probe = self.probes(now)?.into_iter().map(|(time, ..)| time);
        let send = self.due.keys(..).map(|(_, _, time, _)| *time);
        Ok([
            expire.into_iter().find(|time| *time > now),
            refresh.into_iter().find(|time| *time > now),
            probe.filter(|time| *time > now).min(),
            send.filter(|time| *time > now).min(),
        ]
        .into_iter()
        .flatten()
        .min())
    }

    pub fn trim(
        &mut self,
        now: Timestamp,
        before: Timestamp,
        requests_before: Timestamp,
    ) -> Result<()> {
        self.trim_events(before)?;
        let ids: Vec<MessageId> = self
            .ended
            .keys(..)
            .take_while(|(time, _)| *time < before)
            .map(|(_, id)| id.clone())
            .collect();
        for id in ids {
            let message = self.require_message(&id)?;
            self.forget_message(&message)?;
        }
        self.trim_requests(requests_before)?;
        self.remove_authorizations(|pending| pending.expire_time <= now)
    }

    /// Removes the oldest events up to the first one that stays, so that what is left has no hole
    /// even where the clock went back.
    fn trim_events(&mut self, before: Timestamp) -> Result<()> {
        let mut log = self.log()?;
        let mut gone = Vec::new();
        for entry in self.events.range(..) {
            let (sequence, event) = entry?;
            if event.time >= before {
                break;
            }
            gone.push(*sequence);
        }
        for sequence in &gone {
            self.events.remove(sequence);
        }
        if let Some(newest) = gone.last() {
            log.oldest = *newest;
            self.log.put((), &log);
        }
        Ok(())
    }

    fn trim_requests(&mut self, before: Timestamp) -> Result<()> {
        let mut gone = Vec::new();
        for entry in self.requests.range(..) {
            let (key, row) = entry?;
            if row.accept_time < before && self.require_message(&row.message_id)?.state.has_ended()
            {
                gone.push(key.clone());
            }
        }
        for key in &gone {
            self.requests.remove(key);
        }
        Ok(())
    }

    fn forget_message(&mut self, message: &Message) -> Result<()> {
        let id = &message.id;
        for index in self.keys_of(id) {
            self.recipients.remove(&index);
            self.attempts.remove(&index);
        }
        if let Some(request) = &message.request_id {
            let key = (message.service_id.clone(), request.clone());
            if self
                .requests
                .get(&key)?
                .is_some_and(|row| row.message_id == *id)
            {
                self.requests.remove(&key);
            }
        }
        self.bodies.remove(id);
        self.sequences.remove(id);
        self.unlist(message)?;
        self.messages.remove(id);
        Ok(())
    }

    /// The keys of a message's recipients and attempts.
    fn keys_of(&self, id: &MessageId) -> Vec<(MessageId, u32)> {
        let range = (id.clone(), 0)..=(id.clone(), u32::MAX);
        self.recipients
            .keys(range.clone())
            .chain(self.attempts.keys(range))
            .cloned()
            .collect()
    }
}
