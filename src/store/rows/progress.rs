//! Writing a message: along the state machine alone, with all of its indexes, and with its event.

use super::base::Base;
use super::state::{State, corrupt};
use super::tables::{
    ATTEMPTS, BODIES, BY_SERVICE, CLAIMS, DUE, ENDED, EXPIRING, HELD, MESSAGES, PENDING,
    RECIPIENTS, REQUEST_TIMES, SEQUENCES,
};
use crate::model::event::{Change, MessageChange};
use crate::model::message::{Attempt, Message, Recipient};
use crate::model::state::{Event, MessageState};
use crate::model::{EmailAddress, MessageId, Timestamp};
use crate::store::Result;

/// What happened to a message, beside its own row.
#[derive(Default)]
pub(super) struct Report {
    /// Recipients that changed, by index.
    pub recipients: Vec<(u32, Recipient)>,
    /// The attempt that caused it, by number.
    pub attempt: Option<(u32, Attempt)>,
}

impl<B: Base> State<B> {
    /// Moves a message along the state machine: its row, what changed beside it, and the event.
    /// `message` carries its other changes already, and the state that it leaves.
    pub(super) fn advance(
        &mut self,
        now: Timestamp,
        mut message: Message,
        event: Event,
        report: Report,
    ) -> Result<Message> {
        let previous = message.state;
        message.state = previous.after(event).ok_or_else(|| {
            corrupt(format!(
                "message {:?}: {event:?} in {previous:?}",
                message.id
            ))
        })?;
        message.update_time = now;
        if message.state.has_ended() {
            message.end_time = Some(now);
        }
        if message.state == MessageState::Sent {
            message.problem = None;
        }
        if matches!(message.state, MessageState::Sent | MessageState::Cancelled) {
            self.remove(BODIES, &message.id)?;
            message.body_key.clear();
        }
        self.report(now, &message, Some(previous), report)?;
        Ok(message)
    }

    /// Writes a message and what changed beside it, and reports it; returns the event's place.
    ///
    /// Events carry no body key: they outlive it, and dropping it must erase the body.
    pub(super) fn report(
        &mut self,
        now: Timestamp,
        message: &Message,
        previous_state: Option<MessageState>,
        report: Report,
    ) -> Result<u64> {
        let id = &message.id;
        self.put_message(message)?;
        for (index, recipient) in &report.recipients {
            self.put(RECIPIENTS, &(id.clone(), *index), recipient);
        }
        if let Some((number, attempt)) = &report.attempt {
            self.put(ATTEMPTS, &(id.clone(), *number), attempt);
        }
        let attempt_recipients = match &report.attempt {
            Some((_, attempt)) => self.addresses(id, &attempt.recipients)?,
            None => Vec::new(),
        };
        let change = MessageChange {
            message: Message {
                body_key: Vec::new(),
                ..message.clone()
            },
            previous_state,
            recipients: report.recipients.into_iter().map(|row| row.1).collect(),
            attempt_recipients,
            attempt: report.attempt.map(|row| row.1),
        };
        let sequence = self.emit(now, Change::Message(Box::new(change)))?;
        self.put(SEQUENCES, id, &sequence);
        Ok(sequence)
    }

    fn addresses(&self, id: &MessageId, indexes: &[u32]) -> Result<Vec<EmailAddress>> {
        let found = indexes.iter().map(|index| {
            let row = self.get(RECIPIENTS, &(id.clone(), *index))?;
            row.map(|recipient| recipient.address)
                .ok_or_else(|| corrupt(format!("message {id:?} has no recipient {index}")))
        });
        found.collect()
    }

    fn put_message(&mut self, message: &Message) -> Result<()> {
        if let Some(old) = self.get(MESSAGES, &message.id)? {
            self.unlist(&old)?;
        }
        self.put(MESSAGES, &message.id, message);
        let (id, service) = (message.id.clone(), message.service_id.clone());
        self.put(BY_SERVICE, &(service.clone(), id.clone()), &());
        let due = message.next_attempt_time;
        match message.state {
            MessageState::Queued => {
                let key = (service.clone(), message.priority, due, id.clone());
                self.put(DUE, &key, &());
            }
            MessageState::Held => self.put(HELD, &(service.clone(), due, id.clone()), &()),
            _ => {}
        }
        if matches!(message.state, MessageState::Queued | MessageState::Held) {
            self.put(EXPIRING, &(message.expire_time, id.clone()), &());
        }
        match message.end_time {
            Some(end) => {
                self.put(ENDED, &(end, id), &());
                if let Some((time, (service, request))) = self.request_of(message)? {
                    self.put(REQUEST_TIMES, &(time, service, request), &());
                }
            }
            None => {
                let count = self.get(PENDING, &service)?.unwrap_or(0);
                self.put(PENDING, &service, &(count + 1));
            }
        }
        Ok(())
    }

    /// Takes a message out of every index.
    pub fn unlist(&mut self, old: &Message) -> Result<()> {
        let (id, service) = (&old.id, &old.service_id);
        let due = old.next_attempt_time;
        self.remove(BY_SERVICE, &(service.clone(), id.clone()))?;
        match old.state {
            MessageState::Queued => {
                let key = (service.clone(), old.priority, due, id.clone());
                self.remove(DUE, &key)?;
            }
            MessageState::Held => self.remove(HELD, &(service.clone(), due, id.clone()))?,
            MessageState::Sending => self.remove(CLAIMS, id)?,
            _ => {}
        }
        if matches!(old.state, MessageState::Queued | MessageState::Held) {
            self.remove(EXPIRING, &(old.expire_time, id.clone()))?;
        }
        match old.end_time {
            Some(end) => {
                if let Some((time, (service, request))) = self.request_of(old)? {
                    self.remove(REQUEST_TIMES, &(time, service, request))?;
                }
                self.remove(ENDED, &(end, id.clone()))
            }
            None => match self.get(PENDING, service)?.unwrap_or(0) {
                0 | 1 => self.remove(PENDING, service),
                count => {
                    self.put(PENDING, service, &(count - 1));
                    Ok(())
                }
            },
        }
    }
}
