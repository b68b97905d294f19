//! What a person does about a message that has ended: send it again, or say what became of it.

use super::base::Base;
use super::messages::changed;
use super::progress::Report;
use super::state::State;
use super::tables::{REQUESTS, RequestRow};
use crate::model::catalogue::{self, Subject};
use crate::model::message::{FullMessage, Message, Outcome, Recipient};
use crate::model::service::ServiceState;
use crate::model::state::{Event, MessageState, settled};
use crate::model::{Diagnosis, MessageId, Reason, Timestamp};
use crate::store::{Resolution, Result, StoreError};

impl<B: Base> State<B> {
    pub fn retry_message(
        &mut self,
        now: Timestamp,
        id: &MessageId,
        expire_time: Timestamp,
    ) -> Result<(FullMessage, u64)> {
        let mut message = self.found_message(id)?;
        if message.state.after(Event::Retry).is_none() {
            return Err(StoreError::WrongState(message.state));
        }
        if message.body_key.is_empty() {
            return Err(StoreError::CannotRetry("its bytes are not kept any more"));
        }
        let Some(row) = self.service(&message.service_id)? else {
            return Err(StoreError::CannotRetry("its service is deleted"));
        };
        let old = self.recipients_of(id)?;
        let new: Vec<Recipient> = old.iter().map(|old| pending_again(old, now)).collect();
        if settled(&new).is_some() {
            return Err(StoreError::CannotRetry(
                "its other recipients are cancelled",
            ));
        }
        message.expire_time = expire_time;
        message.next_attempt_time = now.max(message.send_time);
        message.end_time = None;
        message.deferrals = 0;
        self.keep_request(&message)?;
        let report = Report {
            recipients: changed(&old, new),
            ..Report::default()
        };
        let mut retried = self.advance(now, message, Event::Retry, report)?;
        if row.state() != ServiceState::Ready {
            let mut message = retried.message;
            message.problem = row.problem().or(message.problem);
            retried = self.advance(now, message, Event::Hold, Report::default())?;
        }
        self.full(retried)
    }

    pub fn resolve_message(
        &mut self,
        now: Timestamp,
        id: &MessageId,
        resolution: Resolution,
    ) -> Result<(FullMessage, u64)> {
        let mut message = self.found_message(id)?;
        let old = self.recipients_of(id)?;
        if message.state != MessageState::Uncertain {
            let was_resolved_so = message.state.has_ended()
                && old
                    .iter()
                    .any(|recipient| is_resolved(recipient, resolution));
            return match was_resolved_so {
                true => self.message(id)?.ok_or(StoreError::NotFound),
                false => Err(StoreError::WrongState(message.state)),
            };
        }
        let resolve = |recipient: &Recipient| match recipient.outcome {
            Outcome::Uncertain => resolved(recipient, resolution, now),
            _ => recipient.clone(),
        };
        let new: Vec<Recipient> = old.iter().map(resolve).collect();
        let failed = new.iter().rev();
        message.problem = failed.filter_map(|r| r.diagnosis.clone()).next();
        let state = settled(&new).unwrap_or(message.state);
        let report = Report {
            recipients: changed(&old, new),
            ..Report::default()
        };
        let resolved = self.advance(now, message, Event::Resolve(state), report)?;
        self.full(resolved)
    }

    /// The request id is known again until the message ends, unless another message has it by now.
    fn keep_request(&mut self, message: &Message) -> Result<()> {
        let Some(request) = &message.request_id else {
            return Ok(());
        };
        let (service, request) = (message.service_id.clone(), request.clone());
        if self.has(REQUESTS, &(service.clone(), request.clone()))? {
            return Ok(());
        }
        let row = RequestRow {
            message_id: message.id.clone(),
            accept_time: message.create_time,
        };
        self.put(REQUESTS, &(service, request), &row);
        Ok(())
    }
}

/// A recipient to be tried again. Who was accepted has it, and who was cancelled is not to have it.
fn pending_again(recipient: &Recipient, now: Timestamp) -> Recipient {
    match recipient.outcome {
        Outcome::Accepted | Outcome::Cancelled | Outcome::Pending => recipient.clone(),
        // A person's word that it was not taken ends the doubt.
        Outcome::Refused if is_resolved(recipient, Resolution::Failed) => Recipient {
            outcome: Outcome::Pending,
            diagnosis: None,
            update_time: now,
            ..recipient.clone()
        },
        Outcome::Refused | Outcome::Uncertain | Outcome::Expired => Recipient {
            outcome: Outcome::Pending,
            update_time: now,
            ..recipient.clone()
        },
    }
}

fn resolved(recipient: &Recipient, resolution: Resolution, now: Timestamp) -> Recipient {
    let (outcome, diagnosis) = match resolution {
        Resolution::Sent => (Outcome::Accepted, None),
        Resolution::Failed => (Outcome::Refused, Some(not_taken())),
    };
    Recipient {
        outcome,
        reply: None,
        diagnosis,
        update_time: now,
        ..recipient.clone()
    }
}

/// Whether a person has said so of this recipient: a server that takes one always replies, and one
/// that refuses gives its own reason.
fn is_resolved(recipient: &Recipient, resolution: Resolution) -> bool {
    let of = |diagnosis: &Diagnosis| diagnosis.reason == Reason::ReplyLost;
    match (resolution, recipient.outcome) {
        (Resolution::Sent, Outcome::Accepted) => recipient.reply.is_none(),
        (Resolution::Failed, Outcome::Refused) => recipient.diagnosis.as_ref().is_some_and(of),
        _ => false,
    }
}

fn not_taken() -> Diagnosis {
    let detail = "a person found that it was not taken";
    catalogue::local(Reason::ReplyLost, &Subject::default(), detail)
}
