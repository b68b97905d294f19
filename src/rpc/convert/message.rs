//! Messages and events as callers see them.

use super::diagnosis::{cut, diagnosis, reply, size, timestamp};
use super::enums;
use super::service_view::{ServiceView, service};
use crate::model::event::{Change, Cursor, Event, MessageChange, ServiceChange};
use crate::model::message::{Attempt, FullMessage, Message, Recipient};
use crate::model::state::MessageState;
use crate::model::{EmailAddress, Timestamp};
use crate::ops::send::Accepted;
use crate::rpc::proto::v1;
use crate::rpc::proto::v1::watch_status_response::Event as ProtoEvent;
use crate::store::ServiceRow;

/// A message with its recipients and attempts; `cursor` is the place of its newest event.
pub fn message(full: FullMessage, cursor: Cursor) -> v1::Message {
    let addresses: Vec<&EmailAddress> = full.recipients.iter().map(|r| &r.address).collect();
    let attempts = full
        .attempts
        .into_iter()
        .map(|from| {
            let of = from.recipients.iter();
            let named = of.filter_map(|index| addresses.get(usize::try_from(*index).ok()?));
            attempt(named.map(ToString::to_string).collect(), from.clone())
        })
        .collect();
    v1::Message {
        attempts,
        recipients: recipients(full.recipients),
        ..bare(full.message, cursor)
    }
}

/// The answer to a request to send.
pub fn accepted(from: Accepted) -> v1::SendResponse {
    let message = from.message;
    let tells_problem = from.deduplicated || message.state == MessageState::Held;
    v1::SendResponse {
        message_id: message.id.to_string(),
        state: enums::message_state(message.state).into(),
        estimated_send_time: from.estimated_send_time.map(timestamp),
        deduplicated: from.deduplicated,
        cursor: from.cursor.to_string(),
        problem: message.problem.filter(|_| tells_problem).map(diagnosis),
    }
}

/// An event of the log with this epoch. `view` adds to a service what the log doesn't hold.
pub fn watch_event(
    event: Event,
    epoch: u64,
    view: impl FnOnce(ServiceRow) -> ServiceView,
) -> v1::WatchStatusResponse {
    let cursor = Cursor {
        epoch,
        sequence: event.sequence,
    };
    let change = match event.change {
        Change::Message(change) => ProtoEvent::Message(Box::new(message_event(*change, cursor))),
        Change::Service(change) => ProtoEvent::Service(Box::new(service_event(*change, view))),
    };
    v1::WatchStatusResponse {
        cursor: cursor.to_string(),
        event_time: Some(timestamp(event.time)),
        event: Some(change),
    }
}

/// Nothing that passes the filters happened up to `cursor`.
pub fn heartbeat(cursor: Cursor, now: Timestamp) -> v1::WatchStatusResponse {
    v1::WatchStatusResponse {
        cursor: cursor.to_string(),
        event_time: Some(timestamp(now)),
        event: Some(ProtoEvent::Heartbeat(v1::Heartbeat {})),
    }
}

fn message_event(change: MessageChange, cursor: Cursor) -> v1::MessageEvent {
    let MessageChange {
        message,
        previous_state,
        recipients,
        attempt: cause,
        attempt_recipients,
    } = change;
    let addresses = attempt_recipients.iter().map(ToString::to_string).collect();
    let changed_recipients = match previous_state {
        Some(_) => self::recipients(recipients),
        None => Vec::new(),
    };
    v1::MessageEvent {
        message: Some(v1::Message {
            attempts: cause
                .map(|from| attempt(addresses, from))
                .into_iter()
                .collect(),
            ..bare(message, cursor)
        }),
        previous_state: previous_state
            .map_or(v1::MessageState::Unspecified, enums::message_state)
            .into(),
        changed_recipients,
    }
}

fn service_event(
    change: ServiceChange,
    view: impl FnOnce(ServiceRow) -> ServiceView,
) -> v1::ServiceEvent {
    let previous_state = change
        .previous_state
        .map_or(v1::ServiceState::Unspecified, enums::service_state)
        .into();
    let shown = if change.deleted {
        v1::Service {
            service_id: change.service.id.to_string(),
            display_name: change.service.config.display_name,
            labels: change.service.config.labels.0,
            ..v1::Service::default()
        }
    } else {
        let row = ServiceRow {
            service: change.service,
            pause: change.pause,
            pending_messages: 0,
            token_generation: 0,
        };
        service(view(row))
    };
    v1::ServiceEvent {
        service: Some(shown),
        previous_state,
    }
}

/// A message without recipients and attempts.
fn bare(from: Message, cursor: Cursor) -> v1::Message {
    let is_queued = from.state == MessageState::Queued;
    v1::Message {
        message_id: from.id.to_string(),
        service_id: from.service_id.to_string(),
        request_id: from
            .request_id
            .map_or_else(String::new, |id| id.to_string()),
        state: enums::message_state(from.state).into(),
        from: Some(v1::Address {
            address: from.from.to_string(),
            name: from.from_name,
        }),
        recipients: Vec::new(),
        attempts: Vec::new(),
        priority: enums::priority(from.priority).into(),
        on_uncertain: enums::on_uncertain(from.on_uncertain).into(),
        next_attempt_time: is_queued.then(|| timestamp(from.next_attempt_time)),
        send_time: Some(timestamp(from.send_time)),
        expire_time: Some(timestamp(from.expire_time)),
        create_time: Some(timestamp(from.create_time)),
        update_time: Some(timestamp(from.update_time)),
        end_time: from.end_time.map(timestamp),
        message_id_header: from.message_id_header,
        size_bytes: size(from.size_bytes),
        cursor: cursor.to_string(),
        labels: from.labels.0,
        problem: from.problem.map(diagnosis),
    }
}

/// Recipients; of many, the server's words are cut, so that a message never outgrows what a client
/// reads.
fn recipients(from: Vec<Recipient>) -> Vec<v1::Recipient> {
    const IN_FULL: usize = 50;
    const BRIEF_BYTES: usize = 256;
    let many = from.len() > IN_FULL;
    let told = from.into_iter().map(|from| {
        let mut told = recipient(from);
        if let Some(reply) = told.reply.as_mut().filter(|_| many) {
            reply.text = cut(std::mem::take(&mut reply.text), BRIEF_BYTES);
        }
        if let Some(diagnosis) = told.diagnosis.as_mut().filter(|_| many) {
            diagnosis.provider_text =
                cut(std::mem::take(&mut diagnosis.provider_text), BRIEF_BYTES);
        }
        told
    });
    told.collect()
}

fn recipient(from: Recipient) -> v1::Recipient {
    v1::Recipient {
        address: from.address.to_string(),
        outcome: enums::outcome(from.outcome).into(),
        reply: from.reply.map(reply),
        diagnosis: from.diagnosis.map(diagnosis),
        update_time: Some(timestamp(from.update_time)),
    }
}

fn attempt(recipients: Vec<String>, from: Attempt) -> v1::Attempt {
    v1::Attempt {
        start_time: Some(timestamp(from.start_time)),
        end_time: from.end_time.map(timestamp),
        phase: enums::attempt_phase(from.phase).into(),
        recipients,
        reply: from.reply.map(reply),
        diagnosis: from.diagnosis.map(diagnosis),
        uncertain: from.uncertain,
    }
}
