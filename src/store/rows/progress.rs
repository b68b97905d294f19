//! Writing a message: along the state machine alone, with all of its indexes, and with its event.

use super::base::Base;
use super::state::{State, corrupt};
use super::tables::{
    ATTEMPTS, BODIES, CLAIMS, DUE, ENDED, EXPIRING, HELD, LATER, MESSAGES, MessageRow, PENDING,
    RECIPIENTS, REQUEST_TIMES,
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
    /// Recipients of a new message, which its event does not name.
    pub added: Vec<(u32, Recipient)>,
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
    ) -> Result<MessageRow> {
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
        self.report(now, message, Some(previous), report)
    }

    /// Writes a message and what changed beside it, and reports it.
    ///
    /// Events carry no body key: they outlive it, and dropping it must erase the body.
    pub(super) fn report(
        &mut self,
        now: Timestamp,
        message: Message,
        previous_state: Option<MessageState>,
        report: Report,
    ) -> Result<MessageRow> {
        let old = self.get(MESSAGES, &message.id)?;
        let sole = self.put_recipients(&message.id, old.as_ref(), &report);
        let mut attempt_recipients = Vec::new();
        if let Some((number, attempt)) = &report.attempt {
            self.put(ATTEMPTS, &(message.id.clone(), *number), attempt);
            attempt_recipients = self.addresses(&message.id, sole.as_ref(), &attempt.recipients)?;
        }
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
        let row = MessageRow {
            sequence: self.emit(now, Change::Message(Box::new(change)))?,
            message,
            sole,
        };
        self.put_message(old.as_ref().map(|old| &old.message), &row)?;
        Ok(row)
    }

    /// Writes recipients that were added or changed; returns the only one there is.
    fn put_recipients(
        &mut self,
        id: &MessageId,
        old: Option<&MessageRow>,
        report: &Report,
    ) -> Option<Recipient> {
        let written: Vec<_> = report.added.iter().chain(&report.recipients).collect();
        match (old, written.as_slice()) {
            (
                Some(MessageRow {
                    sole: sole @ Some(_),
                    ..
                }),
                [],
            ) => sole.clone(),
            (Some(MessageRow { sole: Some(_), .. }) | None, [(0, recipient)]) => {
                Some(recipient.clone())
            }
            (_, rows) => {
                for (index, recipient) in rows {
                    self.enter(old.is_none(), RECIPIENTS, &(id.clone(), *index), recipient);
                }
                None
            }
        }
    }

    fn addresses(
        &self,
        id: &MessageId,
        sole: Option<&Recipient>,
        indexes: &[u32],
    ) -> Result<Vec<EmailAddress>> {
        let found = indexes.iter().map(|index| {
            if let (Some(sole), 0) = (sole, index) {
                return Ok(sole.address.clone());
            }
            let row = self.get(RECIPIENTS, &(id.clone(), *index))?;
            row.map(|recipient| recipient.address)
                .ok_or_else(|| corrupt(format!("message {id:?} has no recipient {index}")))
        });
        found.collect()
    }

    fn put_message(&mut self, old: Option<&Message>, row: &MessageRow) -> Result<()> {
        let (message, is_new) = (&row.message, old.is_none());
        let mut freed = None;
        if let Some(old) = old {
            freed = self.end_of_claim(old)?;
            self.unlist(old)?;
        }
        self.count(old, message)?;
        self.enter(is_new, MESSAGES, &message.id, row);
        self.count_queued(message, true)?;
        let (id, service) = (message.id.clone(), message.service_id.clone());
        let due = message.next_attempt_time;
        match message.state {
            MessageState::Queued => {
                self.add(DUE, &due_key(message), &());
                if is_later(message) {
                    self.add(LATER, &(service, due, id.clone()), &());
                }
                self.wake_for(message, due)?;
            }
            MessageState::Held => {
                self.add(HELD, &(service, due, id.clone()), &());
                self.wake_to_probe(message)?;
            }
            _ => {}
        }
        if matches!(message.state, MessageState::Queued | MessageState::Held) {
            self.add(EXPIRING, &(message.expire_time, id.clone()), &());
        }
        if let Some(end) = message.end_time
            && message.state.may_be_forgotten()
        {
            self.add(ENDED, &(end, id), &());
            if let Some((time, (service, request))) = self.request_of(message)? {
                self.add(REQUEST_TIMES, &(time, service, request), &());
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
        let mailbox = self.mailbox_of(&message.service_id)?;
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
