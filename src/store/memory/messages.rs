//! Messages as callers see them: accept, read, cancel.

use std::ops::Bound;

use super::progress::Report;
use super::state::{RequestRow, State};
use crate::model::message::{FullMessage, Message, Outcome, Recipient};
use crate::model::service::ServiceState;
use crate::model::state::{Event, MessageState};
use crate::model::{MessageId, RequestId, ServiceId, Timestamp};
use crate::store::{Enqueued, MessageFilter, NewMessage, Result, StoreError};

impl State {
    pub fn enqueue(&mut self, now: Timestamp, new: NewMessage) -> Result<Enqueued> {
        if let Some(request) = &new.message.request_id
            && let Some((message, sequence)) = self.request(&new.message.service_id, request)?
        {
            return Ok(Enqueued::Known { message, sequence });
        }
        let row = self.require_service(&new.message.service_id)?;
        if !row.service.tested {
            return Err(StoreError::NotTested);
        }
        if self.messages.has(&new.message.id) {
            return Err(StoreError::Exists);
        }
        let ready = row.state() == ServiceState::Ready;
        let message = Message {
            state: if ready {
                MessageState::Queued
            } else {
                MessageState::Held
            },
            problem: new
                .held_because
                .or_else(|| row.problem())
                .filter(|_| !ready),
            next_attempt_time: now.max(new.message.send_time),
            update_time: now,
            end_time: None,
            attempts: 0,
            deferrals: 0,
            ..new.message
        };
        let id = message.id.clone();
        self.bodies.put(id.clone(), &new.body);
        for (index, address) in (0..).zip(new.recipients) {
            self.recipients
                .put((id.clone(), index), &pending(address, now));
        }
        if let Some(request) = &message.request_id {
            let key = (message.service_id.clone(), request.clone());
            let row = RequestRow {
                message_id: id,
                accept_time: now,
            };
            self.requests.put(key, &row);
        }
        let sequence = self.report(now, &message, None, Report::default())? - 1;
        Ok(Enqueued::Accepted { message, sequence })
    }

    pub fn request(
        &self,
        service: &ServiceId,
        request: &RequestId,
    ) -> Result<Option<(Message, u64)>> {
        let Some(row) = self.requests.get(&(service.clone(), request.clone()))? else {
            return Ok(None);
        };
        let message = self.require_message(&row.message_id)?;
        let sequence = self.sequence_of(&message.id)?;
        Ok(Some((message, sequence)))
    }

    pub fn message(&self, id: &MessageId) -> Result<Option<(FullMessage, u64)>> {
        let Some(message) = self.messages.get(id)? else {
            return Ok(None);
        };
        Ok(Some((self.full(message)?, self.sequence_of(id)?)))
    }

    pub fn list_messages(
        &self,
        filter: &MessageFilter,
        after: Option<&MessageId>,
        limit: usize,
    ) -> Result<Vec<(FullMessage, u64)>> {
        let end = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.messages
            .range((Bound::Unbounded, end.cloned()))
            .rev()
            .map(|entry| Ok(entry?.1))
            .filter(|message: &Result<Message>| {
                message
                    .as_ref()
                    .map_or(true, |message| matches(filter, message))
            })
            .take(limit)
            .map(|message| {
                let message = message?;
                let sequence = self.sequence_of(&message.id)?;
                let full = FullMessage {
                    recipients: self.recipients_of(&message.id)?,
                    attempts: Vec::new(),
                    message,
                };
                Ok((full, sequence))
            })
            .collect()
    }

    pub fn cancel_message(&mut self, now: Timestamp, id: &MessageId) -> Result<()> {
        let message = self.messages.get(id)?.ok_or(StoreError::NotFound)?;
        match message.state {
            MessageState::Cancelled => Ok(()),
            state if state.after(Event::Cancel).is_none() => Err(StoreError::WrongState(state)),
            _ => self.cancel(now, message),
        }
    }

    /// Cancels what is QUEUED or HELD.
    pub fn cancel(&mut self, now: Timestamp, message: Message) -> Result<()> {
        let recipients = self.end_pending(now, &message.id, Outcome::Cancelled)?;
        let report = Report {
            recipients,
            attempt: None,
        };
        self.advance(now, message, Event::Cancel, report)?;
        Ok(())
    }

    /// The recipients of a message that are pending, with the outcome that they have now.
    pub fn end_pending(
        &self,
        now: Timestamp,
        id: &MessageId,
        outcome: Outcome,
    ) -> Result<Vec<(u32, Recipient)>> {
        Ok((0..)
            .zip(self.recipients_of(id)?)
            .filter(|(_, recipient)| recipient.outcome == Outcome::Pending)
            .map(|(index, recipient)| (index, ended(recipient, outcome, now)))
            .collect())
    }
}

/// A recipient that ends without a reply of its own.
pub(super) fn ended(recipient: Recipient, outcome: Outcome, now: Timestamp) -> Recipient {
    Recipient {
        outcome,
        update_time: now,
        ..recipient
    }
}

fn pending(address: crate::model::EmailAddress, now: Timestamp) -> Recipient {
    Recipient {
        address,
        outcome: Outcome::Pending,
        reply: None,
        diagnosis: None,
        update_time: now,
    }
}

fn matches(filter: &MessageFilter, message: &Message) -> bool {
    let created = message.create_time;
    (filter.service_ids.is_empty() || filter.service_ids.contains(&message.service_id))
        && (filter.states.is_empty() || filter.states.contains(&message.state))
        && message.labels.include(&filter.labels)
        && (filter.request_id.is_none() || filter.request_id == message.request_id)
        && filter.created_after.is_none_or(|after| after <= created)
        && filter.created_before.is_none_or(|before| created < before)
}
