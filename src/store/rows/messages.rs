//! Messages as callers see them: accept, read, cancel.

use std::ops::Bound;

use super::base::{Base, Order};
use super::progress::Report;
use super::state::{State, corrupt};
use super::tables::{ATTEMPTS, BODIES, MESSAGES, MessageRow, RECIPIENTS, REQUESTS, RequestRow};
use crate::model::catalogue::{self, Subject};
use crate::model::message::{Attempt, FullMessage, Message, Outcome, Recipient};
use crate::model::service::ServiceState;
use crate::model::state::{Event, MessageState, ended_by};
use crate::model::{Diagnosis, MessageId, Reason, RequestId, ServiceId, Timestamp};
use crate::store::{Enqueued, MessageFilter, NewMessage, Result, Sealed, StoreError};

/// A stretch of the messages.
#[derive(Default)]
pub struct Listed {
    pub messages: Vec<(FullMessage, u64)>,
    /// Where it stopped, if neither the limit nor the last message was reached.
    pub go_on_behind: Option<MessageId>,
}

impl<B: Base> State<B> {
    /// `body` is the row of its body; the one in `new` is not looked at.
    pub fn enqueue(&mut self, now: Timestamp, new: NewMessage, body: Vec<u8>) -> Result<Enqueued> {
        if let Some(request) = &new.message.request_id
            && let Some((message, sequence)) = self.request(&new.message.service_id, request)?
        {
            return Ok(Enqueued::Known { message, sequence });
        }
        let row = self.require_service(&new.message.service_id)?;
        if !row.service.tested {
            return Err(StoreError::NotTested);
        }
        if self.has(MESSAGES, &new.message.id)? {
            return Err(StoreError::Exists);
        }
        self.admit([&Sealed(new.message.body_key.clone())])?;
        let (mailbox, bytes) = (row.service.mailbox(), new.message.size_bytes);
        self.require_room(&mailbox, bytes, &new.bounds)?;
        let ready = row.state() == ServiceState::Ready;
        let message = Message {
            state: if ready {
                MessageState::Queued
            } else {
                MessageState::Held
            },
            problem: row.problem(),
            next_attempt_time: now.max(new.message.send_time),
            update_time: now,
            end_time: None,
            attempts: 0,
            deferrals: 0,
            ..new.message
        };
        let id = message.id.clone();
        self.add_row(BODIES, &id, body);
        if let Some(request) = &message.request_id {
            let (service, request) = (message.service_id.clone(), request.clone());
            let row = RequestRow {
                message_id: id,
                accept_time: now,
            };
            self.put(REQUESTS, &(service, request), &row);
        }
        let recipients = new.recipients.into_iter();
        let report = Report {
            added: (0..)
                .zip(recipients.map(|address| pending(address, now)))
                .collect(),
            ..Report::default()
        };
        let MessageRow {
            message, sequence, ..
        } = self.report(now, message, None, report)?;
        let estimated_send_time = if ready {
            Some(self.estimate(now, &message)?)
        } else {
            None
        };
        Ok(Enqueued::Accepted {
            message,
            sequence: sequence - 1,
            estimated_send_time,
        })
    }

    pub fn request(
        &self,
        service: &ServiceId,
        request: &RequestId,
    ) -> Result<Option<(Message, u64)>> {
        let Some(row) = self.get(REQUESTS, &(service.clone(), request.clone()))? else {
            return Ok(None);
        };
        let row = self.require_row(&row.message_id)?;
        Ok(Some((row.message, row.sequence)))
    }

    /// The request id that stands for this message, if there still is one, and since when.
    pub(super) fn request_of(
        &self,
        message: &Message,
    ) -> Result<Option<(Timestamp, (ServiceId, RequestId))>> {
        let Some(request) = &message.request_id else {
            return Ok(None);
        };
        let key = (message.service_id.clone(), request.clone());
        let row = self.get(REQUESTS, &key)?;
        let own = row.filter(|row| row.message_id == message.id);
        Ok(own.map(|row| (row.accept_time, key)))
    }

    pub fn message(&self, id: &MessageId) -> Result<Option<(FullMessage, u64)>> {
        let row = self.get(MESSAGES, id)?;
        row.map(|row| self.full(row)).transpose()
    }

    /// Looks at no more than `scan` messages.
    pub fn list_messages(
        &self,
        filter: &MessageFilter,
        after: Option<&MessageId>,
        limit: usize,
        scan: usize,
    ) -> Result<Listed> {
        let end = after.map_or(Bound::Unbounded, Bound::Excluded);
        let before = (Bound::Unbounded, end.cloned());
        let mut listed = Listed::default();
        for (seen, entry) in (1..).zip(self.rows(MESSAGES, before, Order::Descending)) {
            if listed.messages.len() >= limit {
                break;
            }
            let (id, row) = entry?;
            if matches(filter, &row.message) {
                let full = FullMessage {
                    recipients: self.recipients_in(&row)?,
                    attempts: Vec::new(),
                    message: row.message,
                };
                listed.messages.push((full, row.sequence));
            }
            if seen >= scan {
                listed.go_on_behind = Some(id);
                break;
            }
        }
        Ok(listed)
    }

    pub fn cancel_message(&mut self, now: Timestamp, id: &MessageId) -> Result<()> {
        let message = self.found_message(id)?;
        match message.state {
            MessageState::Cancelled => Ok(()),
            state if state.after(Event::Cancel).is_none() => Err(StoreError::WrongState(state)),
            _ => self.cancel(now, message),
        }
    }

    /// Cancels what is QUEUED or HELD.
    pub fn cancel(&mut self, now: Timestamp, message: Message) -> Result<()> {
        self.end_pending(now, message, Outcome::Cancelled, Event::Cancel)
    }

    /// A message that a caller asks for, or `NotFound`.
    pub(super) fn found_message(&self, id: &MessageId) -> Result<Message> {
        let row = self.get(MESSAGES, id)?.ok_or(StoreError::NotFound)?;
        Ok(row.message)
    }

    /// A message that must be there.
    pub(super) fn require_message(&self, id: &MessageId) -> Result<Message> {
        Ok(self.require_row(id)?.message)
    }

    fn require_row(&self, id: &MessageId) -> Result<MessageRow> {
        let of_it = |error| match error {
            StoreError::Corrupt(why) => corrupt(format!("message {id:?}: {why}")),
            other => other,
        };
        self.get(MESSAGES, id)
            .map_err(of_it)?
            .ok_or_else(|| corrupt(format!("message {id:?} is missing")))
    }

    /// The recipients of a message, in order.
    pub(super) fn recipients_of(&self, id: &MessageId) -> Result<Vec<Recipient>> {
        self.recipients_in(&self.require_row(id)?)
    }

    fn recipients_in(&self, row: &MessageRow) -> Result<Vec<Recipient>> {
        match &row.sole {
            Some(sole) => Ok(vec![sole.clone()]),
            None => self.rows_under(RECIPIENTS, &row.message.id).collect(),
        }
    }

    /// A message with recipients and attempts, and the place of its newest event.
    pub(super) fn full(&self, row: MessageRow) -> Result<(FullMessage, u64)> {
        let full = FullMessage {
            recipients: self.recipients_in(&row)?,
            attempts: self
                .rows_under(ATTEMPTS, &row.message.id)
                .collect::<Result<Vec<Attempt>>>()?,
            message: row.message,
        };
        Ok((full, row.sequence))
    }

    /// Ends a message that is under way by `event`: its pending recipients get `outcome`.
    pub(super) fn end_pending(
        &mut self,
        now: Timestamp,
        message: Message,
        outcome: Outcome,
        event: Event,
    ) -> Result<()> {
        let old = self.recipients_of(&message.id)?;
        let new = end_pending(old.clone(), outcome, now);
        let event = ended_by(event, &new);
        let report = Report {
            recipients: changed(&old, new),
            ..Report::default()
        };
        self.advance(now, message, event, report)?;
        Ok(())
    }
}

/// Recipients of which none is pending any more. Where the newest that is known of one is that a
/// reply was lost, and nothing is sent to settle that, it is uncertain.
pub(super) fn end_pending(
    recipients: Vec<Recipient>,
    outcome: Outcome,
    now: Timestamp,
) -> Vec<Recipient> {
    let lost = |diagnosis: &Diagnosis| diagnosis.reason == Reason::ReplyLost;
    let end = |recipient: Recipient| match recipient.outcome {
        Outcome::Pending if recipient.diagnosis.as_ref().is_some_and(lost) => {
            ended(recipient, Outcome::Uncertain, now)
        }
        Outcome::Pending => ended(recipient, outcome, now),
        _ => recipient,
    };
    recipients.into_iter().map(end).collect()
}

/// The rows of a message's recipients that are not as they were.
pub(super) fn changed(old: &[Recipient], new: Vec<Recipient>) -> Vec<(u32, Recipient)> {
    (0..)
        .zip(new)
        .zip(old)
        .filter(|((_, new), old)| new != *old)
        .map(|(row, _)| row)
        .collect()
}

/// A recipient that ends without a reply of its own.
pub(super) fn ended(recipient: Recipient, outcome: Outcome, now: Timestamp) -> Recipient {
    let diagnosis = match outcome {
        Outcome::Expired => recipient.diagnosis.or_else(|| Some(expired())),
        _ => recipient.diagnosis,
    };
    Recipient {
        outcome,
        update_time: now,
        diagnosis,
        ..recipient
    }
}

fn expired() -> Diagnosis {
    catalogue::local(Reason::MessageExpired, &Subject::default(), "")
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
