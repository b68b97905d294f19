//! The only place that makes gRPC statuses: what went wrong, as code, message and details.
//!
//! Every status has one `google.rpc.ErrorInfo`; which further details it has is the table in the
//! design ("Errors"). Details travel in one header, which clients bound (often at 8 KiB, base64 and
//! all other headers included), so long texts are cut and a long list of violations is shortened.

use std::collections::HashMap;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, QuotaViolation, StatusExt};

use crate::env::Env;
use crate::model::catalogue::{self, Subject};
use crate::model::ids::base32;
use crate::model::{Diagnosis, Error, Reason, Violation};

/// `ErrorInfo.domain`.
pub const DOMAIN: &str = "mailwright.v1";

/// The longest message, in bytes. It travels twice: in its own header and in the details.
const MESSAGE_MAX_BYTES: usize = 512;

/// The longest name, subject or description in a detail, in bytes.
const TEXT_MAX_BYTES: usize = 256;

/// The longest list of violations, in bytes.
const VIOLATIONS_MAX_BYTES: usize = 3_712;

/// What a violation takes beside its texts: tags and lengths.
const VIOLATION_OVERHEAD_BYTES: usize = 8;

/// The shortest description worth sending, in bytes.
const DESCRIPTION_MIN_BYTES: usize = 8;

/// The status of a failure. A bug is logged here, under the id that the caller is told.
pub fn status(error: &Error, env: &Env) -> Status {
    let mut details =
        ErrorDetails::with_error_info(error.reason().as_str(), DOMAIN, metadata(error));
    match error {
        Error::Invalid(_) | Error::TooLarge { .. } | Error::BadCursor { .. } => {
            details.set_bad_request(field_violations(&violations(error)));
        }
        Error::NotFound { kind, name, .. } | Error::Exists { kind, name, .. } => {
            details.set_resource_info(*kind, cut(name), "", cut(&error.to_string()));
        }
        Error::Conflict { name } => {
            let kind = Reason::EtagMismatch.as_str();
            details.add_precondition_failure_violation(kind, cut(name), cut(&error.to_string()));
        }
        Error::State { subject, diagnosis } => {
            let kind = diagnosis.reason.as_str();
            details.add_precondition_failure_violation(kind, cut(subject), cut(&diagnosis.summary));
            if !diagnosis.help_url.is_empty() && diagnosis.help_url.len() <= MESSAGE_MAX_BYTES {
                details.add_help_link("What this is and how to mend it", &diagnosis.help_url);
            }
        }
        Error::Exhausted {
            subject,
            description,
            retry_after,
            ..
        } => {
            details.set_quota_failure(vec![QuotaViolation::new(cut(subject), cut(description))]);
            details.set_retry_info(Some(*retry_after));
        }
        Error::Unavailable { retry_after, .. } => {
            details.set_retry_info(Some(*retry_after));
        }
        Error::Internal(text) => {
            details.set_request_info(log_bug(text, env), "");
        }
        Error::Unauthenticated { .. }
        | Error::PermissionDenied { .. }
        | Error::OutOfRange { .. } => {}
    }
    Status::with_error_details(code(error), message(error), details)
}

/// What a failure means, where it is told without a status. A bug is logged here, under the id that
/// the caller is told.
pub(super) fn diagnosis(error: &Error, env: &Env) -> Diagnosis {
    match error {
        Error::State { diagnosis, .. } => *diagnosis.clone(),
        Error::Internal(text) => {
            let id = log_bug(text, env);
            let mut said = catalogue::local(error.reason(), &Subject::default(), "");
            said.summary = format!("{} Its request id is {id}.", said.summary);
            said
        }
        other => {
            let detail = shorten(&other.to_string(), MESSAGE_MAX_BYTES);
            let said = catalogue::local(other.reason(), &Subject::default(), &detail);
            let scope = match other {
                Error::Exhausted { scope, .. } => *scope,
                _ => said.scope,
            };
            Diagnosis { scope, ..said }
        }
    }
}

/// How long to wait before a repeat; none where a repeat doesn't help.
pub(super) fn retry_after(error: &Error) -> Option<Duration> {
    match error {
        Error::Exhausted { retry_after, .. } | Error::Unavailable { retry_after, .. } => {
            Some(*retry_after)
        }
        _ => None,
    }
}

/// The request's bytes are not the message they should be.
pub fn undecodable_request(why: &str) -> Status {
    bare(Code::InvalidArgument, Reason::UndecodableRequest, why)
}

/// The request is over the decoding limit.
pub fn request_too_large(why: &str) -> Status {
    bare(Code::ResourceExhausted, Reason::RequestTooLarge, why)
}

/// This server does not know the RPC.
pub fn unimplemented(why: &str) -> Status {
    bare(Code::Unimplemented, Reason::Unimplemented, why)
}

/// The caller's deadline passed before the answer.
pub fn deadline_exceeded() -> Status {
    let why = "the call's deadline passed before its answer";
    bare(Code::DeadlineExceeded, Reason::DeadlineExceeded, why)
}

fn bare(code: Code, reason: Reason, why: &str) -> Status {
    let metadata = words(
        "",
        &catalogue::local(reason, &Subject::default(), "").remedy,
    );
    let details = ErrorDetails::with_error_info(reason.as_str(), DOMAIN, metadata);
    Status::with_error_details(code, shorten(why, MESSAGE_MAX_BYTES), details)
}

/// The gRPC code of a failure.
pub(super) fn code(error: &Error) -> Code {
    match error {
        Error::Invalid(_) | Error::TooLarge { .. } | Error::BadCursor { .. } => {
            Code::InvalidArgument
        }
        Error::Unauthenticated { .. } => Code::Unauthenticated,
        Error::PermissionDenied { .. } => Code::PermissionDenied,
        Error::NotFound { .. } => Code::NotFound,
        Error::Exists { .. } => Code::AlreadyExists,
        Error::Conflict { .. } => Code::Aborted,
        Error::State { .. } => Code::FailedPrecondition,
        Error::Exhausted { .. } => Code::ResourceExhausted,
        Error::Unavailable { .. } => Code::Unavailable,
        Error::OutOfRange { .. } => Code::OutOfRange,
        Error::Internal(_) => Code::Internal,
    }
}

fn metadata(error: &Error) -> HashMap<String, String> {
    match error {
        Error::State { diagnosis, .. } => words(&diagnosis.provider_code, &diagnosis.remedy),
        other => {
            let said = catalogue::local(other.reason(), &Subject::default(), "");
            words("", &said.remedy)
        }
    }
}

/// What the contract names as `ErrorInfo.metadata`. The remedy stands apart from the message, so that
/// clients can show it apart.
fn words(provider_code: &str, remedy: &str) -> HashMap<String, String> {
    [
        ("provider_code", cut(provider_code)),
        ("remedy", shorten(remedy, MESSAGE_MAX_BYTES)),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .map(|(key, value)| (key.to_owned(), value))
    .collect()
}

/// For people: what happened and, where a diagnosis knows it, what to do.
fn message(error: &Error) -> String {
    let text = match error {
        Error::State { diagnosis, .. } => format!("{} {}", diagnosis.summary, diagnosis.remedy),
        other => other.to_string(),
    };
    shorten(text.trim_end(), MESSAGE_MAX_BYTES)
}

/// What is wrong with the request, field by field.
pub(super) fn violations(error: &Error) -> Vec<Violation> {
    match error {
        Error::Invalid(violations) => violations.clone(),
        Error::TooLarge { field, description } => vec![Violation::new(*field, description)],
        Error::BadCursor { description } => vec![Violation::new("cursor", description)],
        _ => Vec::new(),
    }
}

/// As many violations as a header holds: first descriptions get shorter, then the last are left out.
fn field_violations(violations: &[Violation]) -> Vec<FieldViolation> {
    let share = VIOLATIONS_MAX_BYTES / violations.len().max(1);
    let mut left = VIOLATIONS_MAX_BYTES;
    let mut listed = Vec::new();
    for violation in violations {
        let field = cut(&violation.field);
        let room = share.saturating_sub(field.len() + VIOLATION_OVERHEAD_BYTES);
        let room = room.clamp(DESCRIPTION_MIN_BYTES, TEXT_MAX_BYTES);
        let description = shorten(&violation.description, room);
        let size = field.len() + description.len() + VIOLATION_OVERHEAD_BYTES;
        if size > left {
            break;
        }
        left -= size;
        listed.push(FieldViolation::new(field, description));
    }
    listed
}

/// Logs a bug and returns the id by which to find it in the log.
fn log_bug(text: &str, env: &Env) -> String {
    let request_id = base32(&env.random::<10>());
    tracing::error!(request_id, error = text, "a request met a bug");
    request_id
}

fn cut(text: &str) -> String {
    shorten(text, TEXT_MAX_BYTES)
}

/// At most `max` bytes; what was cut is marked.
fn shorten(text: &str, max: usize) -> String {
    const MARK: &str = "...";
    if text.len() <= max {
        return text.to_owned();
    }
    let mut end = max - MARK.len();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{MARK}", &text[..end])
}

#[cfg(test)]
mod tests;
