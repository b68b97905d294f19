//! Accepting a message: render once, seal, keep, answer.

use std::time::Duration;

use tracing::Instrument;

use super::{Core, Result, services};
use crate::config;
use crate::model::catalogue::{self, Subject};
use crate::model::content::{Content, Email};
use crate::model::diagnosis::Scope;
use crate::model::event::Cursor;
use crate::model::message::Message;
use crate::model::send::SendInput;
use crate::model::service::{Grant, Service};
use crate::model::state::MessageState;
use crate::model::{EmailAddress, Error, Mailbox, MessageId, Reason, Timestamp, Violation};
use crate::smtp::mime::{self, Stamp};
use crate::store::{Enqueued, Full, Load, NewMessage, OutboxBounds, StoreError};
use crate::tracer::Kind;

/// How far ahead a message may be scheduled.
const SEND_AHEAD_MAX: Duration = Duration::from_secs(30 * 24 * 3_600);

/// How long after its send time a message is given up, unless the caller says otherwise.
pub(super) const DEFAULT_EXPIRY: Duration = Duration::from_secs(24 * 3_600);

/// How far ahead a message may expire.
pub(super) const EXPIRE_AHEAD_MAX: Duration = Duration::from_secs(32 * 24 * 3_600);

/// How long a caller waits before it finds out whether a full outbox has room again.
const FULL_RETRY_AFTER: Duration = Duration::from_secs(30);

/// The answer to Send.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    pub message: Message,
    /// When its mailbox is expected to come to it; none where it is HELD or has ended.
    pub estimated_send_time: Option<Timestamp>,
    pub deduplicated: bool,
    /// A place from which the message's further events can't be missed.
    pub cursor: Cursor,
}

/// Accepts a message. Once this returns, the message is kept.
///
/// # Errors
/// `Invalid`, `NotFound`, `Exists` for a request id with other content, `State` before the first
/// test of the service, `Exhausted` where too much waits, and those of the store.
pub async fn send(core: &Core, input: SendInput) -> Result<Accepted> {
    let mut span = core.tracer.begin("send", Kind::Server, input.trace.clone());
    span.set("mailwright.service_id", &input.service_id);
    if let Some(request_id) = &input.request_id {
        span.set("mailwright.request_id", request_id);
    }
    let logged = tracing::info_span!(
        "send",
        service_id = %input.service_id,
        request_id = input.request_id.as_ref().map(tracing::field::display),
        trace_id = span.trace_id(),
    );
    let trace = span.context().cloned();
    let outcome = counted(core, SendInput { trace, ..input }).instrument(logged);
    match outcome.await {
        Ok(accepted) => {
            span.set("mailwright.message_id", &accepted.message.id);
            span.set("mailwright.deduplicated", accepted.deduplicated);
            Ok(accepted)
        }
        Err(error) => {
            span.fail(error.reason().as_str());
            Err(error)
        }
    }
}

async fn counted(core: &Core, input: SendInput) -> Result<Accepted> {
    let began = core.env.monotonic();
    let accepted = accept(core, input).await?;
    let Message { id, state, .. } = &accepted.message;
    if !accepted.deduplicated {
        let took = core.env.monotonic().saturating_sub(began);
        core.metrics.accepted(took);
        tracing::debug!(message_id = %id, %state, "accepted");
    }
    Ok(accepted)
}

async fn accept(core: &Core, input: SendInput) -> Result<Accepted> {
    let digest = input.digest();
    if let Some(request_id) = &input.request_id
        && let Some((message, sequence)) = core.store.request(&input.service_id, request_id).await?
    {
        return repeated(core, message, sequence, &digest).await;
    }
    let row = services::get(core, &input.service_id).await?;
    if !row.service.tested {
        return Err(not_tested(&row.service));
    }
    let now = core.env.now();
    let times = times(&input, now)?;
    let (message, body) = render(core, &row.service, &input, digest, now, times)?;
    let enqueued = loop {
        match enqueue(core, &input, now, &message, &body).await {
            // The key that sealed gave way to another one meanwhile.
            Err(StoreError::KeyRetired) => {}
            done => break done,
        }
    };
    match enqueued {
        Ok(Enqueued::Accepted {
            message,
            sequence,
            estimated_send_time,
        }) => Ok(Accepted {
            message,
            estimated_send_time,
            deduplicated: false,
            cursor: cursor(core, sequence).await?,
        }),
        Ok(Enqueued::Known { message, sequence }) => {
            repeated(core, message, sequence, &digest).await
        }
        Err(StoreError::NotFound) => Err(Error::service_not_found(&input.service_id)),
        Err(StoreError::NotTested) => Err(not_tested(&row.service)),
        Err(StoreError::Full(full)) => Err(outbox_full(full)),
        Err(error) => Err(error.into()),
    }
}

async fn enqueue(
    core: &Core,
    input: &SendInput,
    now: Timestamp,
    message: &Message,
    body: &[u8],
) -> std::result::Result<Enqueued, StoreError> {
    let (body_key, body) = core.vault.seal_body(&message.id, body);
    let new = NewMessage {
        message: Message {
            body_key: body_key.0,
            ..message.clone()
        },
        recipients: input.content.recipients(),
        body,
        bounds: bounds(&core.config.outbox),
    };
    core.store.enqueue(now, new).await
}

/// The place in the log that a sequence is.
pub(super) async fn cursor(core: &Core, sequence: u64) -> Result<Cursor> {
    Ok(Cursor {
        epoch: core.store.bounds().await?.epoch,
        sequence,
    })
}

async fn repeated(
    core: &Core,
    message: Message,
    sequence: u64,
    digest: &[u8; 32],
) -> Result<Accepted> {
    if message.content_digest != *digest {
        return Err(Error::Exists {
            reason: Reason::RequestIdReused,
            kind: "message",
            name: message.id.to_string(),
        });
    }
    Ok(Accepted {
        // Where it stands in the queue by now, nobody has counted.
        estimated_send_time: None,
        message,
        deduplicated: true,
        cursor: cursor(core, sequence).await?,
    })
}

fn bounds(config: &config::Outbox) -> OutboxBounds {
    OutboxBounds {
        mailbox: Load {
            messages: config.mailbox_messages,
            bytes: config.mailbox_bytes,
        },
        all: Load {
            messages: config.total_messages,
            bytes: config.total_bytes,
        },
    }
}

fn outbox_full(full: Full) -> Error {
    let (scope, subject, what) = match full.mailbox {
        Some(mailbox) => (
            Scope::Mailbox,
            format!("mailboxes/{}", mailbox.as_str()),
            format!("mailbox {}", mailbox.as_str()),
        ),
        None => (Scope::Server, "outbox".to_owned(), "the outbox".to_owned()),
    };
    let (load, most) = (full.load, full.most);
    Error::Exhausted {
        reason: Reason::OutboxFull,
        scope,
        subject,
        description: format!(
            "{what} holds {} unfinished messages of {} bytes in all, and may hold {} of {} bytes",
            load.messages, load.bytes, most.messages, most.bytes
        ),
        retry_after: FULL_RETRY_AFTER,
    }
}

fn not_tested(service: &Service) -> Error {
    let reason = match service.grant {
        Grant::None if service.config.oauth2().is_some() => Reason::ServiceNotAuthorized,
        _ => Reason::ServiceNotTested,
    };
    Error::state(
        format!("services/{}", service.id),
        catalogue::local(reason, &Subject::of(&service.config), ""),
    )
}

/// Send time and expire time, defaults filled in.
fn times(input: &SendInput, now: Timestamp) -> Result<(Timestamp, Timestamp)> {
    let send_time = input.send_time.map_or(now, |time| time.max(now));
    let expire_time = input.expire_time.unwrap_or(send_time + DEFAULT_EXPIRY);
    let mut violations = Vec::new();
    if send_time > now + SEND_AHEAD_MAX {
        violations.push(Violation::new("send_time", "must be at most 30 days ahead"));
    }
    if expire_time <= send_time {
        violations.push(Violation::new(
            "expire_time",
            "must be after now and after send_time",
        ));
    } else if expire_time > now + EXPIRE_AHEAD_MAX {
        violations.push(Violation::new(
            "expire_time",
            "must be at most 32 days ahead",
        ));
    }
    if violations.is_empty() {
        Ok((send_time, expire_time))
    } else {
        Err(Error::Invalid(violations))
    }
}

fn render(
    core: &Core,
    service: &Service,
    input: &SendInput,
    content_digest: [u8; 32],
    now: Timestamp,
    (send_time, expire_time): (Timestamp, Timestamp),
) -> Result<(Message, Vec<u8>)> {
    let id = MessageId::generate(now, core.env.random());
    let (from, body, message_id_header) = bytes(core, service, &input.content, &id, now)?;
    let limit = service
        .config
        .limits()
        .max_message_bytes
        .min(core.config.delivery.max_message_bytes);
    let size_bytes = body.len() as u64;
    if size_bytes > limit {
        let description =
            format!("is {size_bytes} bytes as sent; this service takes at most {limit}");
        return Err(Error::TooLarge {
            field: input.content.field(),
            description,
        });
    }
    let message = Message {
        id,
        service_id: service.id.clone(),
        request_id: input.request_id.clone(),
        content_digest,
        from: from.address,
        from_name: from.name,
        state: MessageState::Queued,
        priority: input.priority,
        on_uncertain: input
            .on_uncertain
            .unwrap_or(service.config.delivery.on_uncertain),
        labels: input.labels.clone(),
        send_time,
        expire_time,
        next_attempt_time: send_time,
        create_time: now,
        update_time: now,
        end_time: None,
        message_id_header,
        size_bytes,
        recipient_count: u32::try_from(input.content.recipients().len()).unwrap_or(u32::MAX),
        attempts: 0,
        deferrals: 0,
        problem: None,
        body_key: Vec::new(),
        trace: input.trace.clone(),
    };
    Ok((message, body))
}

/// Who it is from, the finished message, and its Message-ID. A finished message keeps its own From
/// header; its address here is the envelope's.
fn bytes(
    core: &Core,
    service: &Service,
    content: &Content,
    id: &MessageId,
    now: Timestamp,
) -> Result<(Mailbox, Vec<u8>, String)> {
    match content {
        Content::Email(email) => {
            let from = from(service, email);
            if !service.may_send_from(&from.address) {
                let allowed =
                    "must be the service's sender.address or one of its allowed_addresses";
                return Err(Error::invalid("email.from.address", allowed));
            }
            let stamp = stamp(core, &from.address, id, now);
            let body = mime::render(
                email,
                &from,
                service.config.sender.reply_to.as_ref(),
                &stamp,
            )?;
            Ok((from, body, stamp.message_id))
        }
        Content::Mime(mime) => {
            let address = mime
                .from
                .clone()
                .unwrap_or_else(|| service.config.sender.address.clone());
            let stamp = stamp(core, &address, id, now);
            let checked = mime::check(mime, |address| service.may_send_from(address), &stamp)
                .map_err(Error::Invalid)?;
            let from = Mailbox {
                address,
                name: String::new(),
            };
            Ok((from, checked.content.into(), checked.message_id_header))
        }
    }
}

fn from(service: &Service, email: &Email) -> Mailbox {
    let sender = &service.config.sender;
    Mailbox {
        address: email.from.clone().unwrap_or_else(|| sender.address.clone()),
        name: email
            .from_name
            .clone()
            .unwrap_or_else(|| sender.name.clone()),
    }
}

/// What makes a rendered message unique: nothing else in it is random or reads a clock.
pub(super) fn stamp(core: &Core, from: &EmailAddress, id: &MessageId, now: Timestamp) -> Stamp {
    let boundary = crate::model::ids::base32(&core.env.random::<15>());
    Stamp {
        message_id: format!("<{id}@{}>", from.domain()),
        date: now,
        boundary,
    }
}
