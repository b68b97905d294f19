//! Writing a message: along the state machine alone, with all of its indexes, and with its event.

use super::base::Base;
use super::state::{State, corrupt};
use super::tables::{
    ATTEMPTS, BODIES, BY_SERVICE, CLAIMS, DUE, ENDED, EXPIRING, HELD, LATER, MESSAGES, PENDING,
    RECIPIENTS, REQUEST_TIMES, SEQUENCES,
};
use crate::model::event::{Change, MessageChange};
use crate::model::message::{Attempt, Message, Priority, Recipient};
use crate::model::service::ServiceState;
use crate::model::state::{Event, MessageState};
use crate::model::{EmailAddress, MailboxKey, MessageId, ServiceId, Timestamp};
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
        let old = self.get(MESSAGES, &message.id)?;
        let mut freed = None;
        if let Some(old) = &old {
            freed = self.end_of_claim(old)?;
            self.unlist(old)?;
        }
        self.count(old.as_ref(), message)?;
        self.put(MESSAGES, &message.id, message);
        self.count_queued(message, true)?;
        let (id, service) = (message.id.clone(), message.service_id.clone());
        self.put(BY_SERVICE, &(service.clone(), id.clone()), &());
        let due = message.next_attempt_time;
        match message.state {
            MessageState::Queued => {
                self.put(DUE, &due_key(message), &());
                if is_later(message) {
                    self.put(LATER, &(service.clone(), due, id.clone()), &());
                }
                self.wake_for(message, due)?;
            }
            MessageState::Held => {
                self.put(HELD, &(service.clone(), due, id.clone()), &());
                self.wake_to_probe(message)?;
            }
            _ => {}
        }
        if matches!(message.state, MessageState::Queued | MessageState::Held) {
            self.put(EXPIRING, &(message.expire_time, id.clone()), &());
        }
        if let Some(end) = message.end_time
            && message.state.may_be_forgotten()
        {
            self.put(ENDED, &(end, id), &());
            if let Some((time, (service, request))) = self.request_of(message)? {
                self.put(REQUEST_TIMES, &(time, service, request), &());
            }
        }
        match freed {
            Some(mailbox) => self.wake_if_pending(&mailbox, message.update_time),
            None => Ok(()),
        }
    }

    /// Takes a message out of every index.
    pub fn unlist(&mut self, old: &Message) -> Result<()> {
        let (id, service) = (&old.id, &old.service_id);
        let due = old.next_attempt_time;
        self.remove(BY_SERVICE, &(service.clone(), id.clone()))?;
        match old.state {
            MessageState::Queued => {
                self.remove(DUE, &due_key(old))?;
                if is_later(old) {
                    self.remove(LATER, &(service.clone(), due, id.clone()))?;
                }
            }
            MessageState::Held => self.remove(HELD, &(service.clone(), due, id.clone()))?,
            _ => {}
        }
        self.count_queued(old, false)?;
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
            None => Ok(()),
        }
    }

    /// There may be something to do for the mailbox of a message by then.
    fn wake_for(&mut self, message: &Message, time: Timestamp) -> Result<()> {
        let mailbox = self.require_service(&message.service_id)?.service.mailbox();
        self.wake_by(&mailbox, time)
    }

    /// A held message may be the one that a paused mailbox waits for.
    fn wake_to_probe(&mut self, message: &Message) -> Result<()> {
        let row = self.require_service(&message.service_id)?;
        if row.state() == ServiceState::Blocked {
            self.wake_by(&row.service.mailbox(), message.update_time)?;
        }
        Ok(())
    }

    /// Ends the claim of a message that was SENDING; the mailbox whose connection is free again.
    fn end_of_claim(&mut self, old: &Message) -> Result<Option<MailboxKey>> {
        let Some(claim) = self.get(CLAIMS, &old.id)? else {
            return Ok(None);
        };
        self.remove(CLAIMS, &old.id)?;
        let mut traffic = self.traffic(&claim.mailbox)?;
        traffic.claims = traffic.claims.saturating_sub(1);
        self.put_traffic(&claim.mailbox, &traffic);
        Ok(Some(claim.mailbox))
    }

    /// Has a mailbox looked at by then, if anything waits in it.
    pub(super) fn wake_if_pending(&mut self, mailbox: &MailboxKey, time: Timestamp) -> Result<()> {
        for id in self.services_on(mailbox)? {
            if self.has(PENDING, &id)? {
                return self.wake_by(mailbox, time);
            }
        }
        Ok(())
    }
}

/// Whether a queued message was not due when it was written.
pub(super) fn is_later(message: &Message) -> bool {
    message.next_attempt_time > message.update_time
}

fn due_key(message: &Message) -> (ServiceId, Priority, String, Timestamp, MessageId) {
    (
        message.service_id.clone(),
        message.priority,
        message.caller().to_owned(),
        message.next_attempt_time,
        message.id.clone(),
    )
}
