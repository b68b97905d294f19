//! What a server refused, for a person, and the exit code for a program: reason, what happened, every
//! wrong field, what to do, and the provider's page, out of the error's details.

use std::fmt::Write as _;

use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::print::clean;
use super::{Failed, NOT_ALLOWED, NOT_FOUND, NOT_REACHED, REFUSED, TOO_MUCH};

/// The failure of a command that met this status.
pub fn failed(status: &Status) -> Failed {
    Failed::new(exit_code(status.code()), text(status))
}

fn exit_code(code: Code) -> u8 {
    match code {
        Code::Unavailable | Code::DeadlineExceeded => NOT_REACHED,
        Code::Unauthenticated | Code::PermissionDenied => NOT_ALLOWED,
        Code::NotFound => NOT_FOUND,
        Code::ResourceExhausted => TOO_MUCH,
        Code::InvalidArgument
        | Code::AlreadyExists
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::OutOfRange => REFUSED,
        _ => 1,
    }
}

fn text(status: &Status) -> String {
    let details = status.get_error_details();
    let said = |name: &str| {
        let info = details.error_info();
        info.and_then(|info| info.metadata.get(name))
            .map_or("", String::as_str)
    };
    let message = status.message();
    // The message of a failed state goes on with its remedy, which has a line of its own here.
    let message = match said("remedy") {
        "" => message,
        remedy => message.strip_suffix(remedy).unwrap_or(message),
    };
    let mut text = clean(message.trim_end());
    let mut line = |label: &str, value: &str| {
        if !value.is_empty() {
            write!(text, "\n  {label:<9} {}", clean(value)).expect("a String takes all");
        }
    };
    if let Some(bad) = details.bad_request() {
        for violation in &bad.field_violations {
            line(
                "field",
                &format!("{}: {}", violation.field, violation.description),
            );
        }
    }
    let info = details.error_info();
    line("reason", info.map_or("", |info| &info.reason));
    line("provider", said("provider_code"));
    line("remedy", said("remedy"));
    for link in details.help().into_iter().flat_map(|help| &help.links) {
        line("see", &link.url);
    }
    if let Some(delay) = details.retry_info().and_then(|info| info.retry_delay) {
        line("retry", &format!("in {} s", delay.as_secs().max(1)));
    }
    if status.code() == Code::Unauthenticated {
        line(
            "key",
            "give one: --key-file, MAILWRIGHT_KEY or a profile; `mailwright admin-key` makes one",
        );
    }
    if let Some(id) = details.request_info() {
        line("request", &id.request_id);
    }
    text
}
