//! Every error as a status: code, reason and details.

use std::time::Duration;

use tonic_types::ErrorDetails;

use super::*;
use crate::model::Diagnosis;
use crate::model::Timestamp;
use crate::model::diagnosis::{FixedBy, Scope};

fn env() -> Env {
    Env::manual(Timestamp::default(), 7)
}

fn diagnosis() -> Diagnosis {
    Diagnosis {
        reason: Reason::ClientSecretExpired,
        provider_code: "AADSTS7000222".into(),
        scope: Scope::Tenant,
        summary: "The client secret expired.".into(),
        remedy: "Set a new one.".into(),
        commands: Vec::new(),
        help_url: "https://learn.microsoft.com/entra".into(),
        fixed_by: FixedBy::ServiceAdmin,
        retryable: false,
        provider_text: "AADSTS7000222: expired".into(),
        since: None,
    }
}

/// One of each variant, its code, its reason and which details it has beside ErrorInfo.
fn all() -> Vec<(Error, Code, &'static str, &'static [&'static str])> {
    let second = Duration::from_secs(1);
    vec![
        (
            Error::invalid("service.smtp.host", "is required"),
            Code::InvalidArgument,
            "INVALID_FIELD",
            &["bad_request"],
        ),
        (
            Error::TooLarge {
                field: "email",
                description: "is too large".into(),
            },
            Code::InvalidArgument,
            "MESSAGE_TOO_LARGE",
            &["bad_request"],
        ),
        (
            Error::BadCursor {
                description: "must be a cursor".into(),
            },
            Code::InvalidArgument,
            "CURSOR_INVALID",
            &["bad_request"],
        ),
        (
            Error::service_not_found("crm"),
            Code::NotFound,
            "SERVICE_NOT_FOUND",
            &["resource"],
        ),
        (
            Error::message_not_found("01"),
            Code::NotFound,
            "MESSAGE_NOT_FOUND",
            &["resource"],
        ),
        (
            Error::Exists {
                reason: Reason::RequestIdReused,
                kind: "message",
                name: "01".into(),
            },
            Code::AlreadyExists,
            "REQUEST_ID_REUSED",
            &["resource"],
        ),
        (
            Error::Conflict {
                name: "service crm".into(),
            },
            Code::Aborted,
            "ETAG_MISMATCH",
            &["precondition"],
        ),
        (
            Error::state("service crm", diagnosis()),
            Code::FailedPrecondition,
            "CLIENT_SECRET_EXPIRED",
            &["precondition", "help"],
        ),
        (
            Error::Exhausted {
                reason: Reason::OutboxFull,
                scope: Scope::Mailbox,
                subject: "service crm".into(),
                description: "the outbox is full".into(),
                retry_after: second,
            },
            Code::ResourceExhausted,
            "OUTBOX_FULL",
            &["quota", "retry"],
        ),
        (
            Error::Unavailable {
                reason: Reason::Draining,
                description: "the server is about to stop".into(),
                retry_after: second,
            },
            Code::Unavailable,
            "DRAINING",
            &["retry"],
        ),
        (
            Error::OutOfRange {
                description: "too old".into(),
            },
            Code::OutOfRange,
            "CURSOR_OUT_OF_RANGE",
            &[],
        ),
        (
            Error::Unauthenticated {
                description: "no key".into(),
            },
            Code::Unauthenticated,
            "UNAUTHENTICATED",
            &[],
        ),
        (
            Error::not_for_service("billing"),
            Code::PermissionDenied,
            "PERMISSION_DENIED",
            &[],
        ),
        (
            Error::Internal("the secret plan failed".into()),
            Code::Internal,
            "INTERNAL",
            &["request"],
        ),
    ]
}

fn kinds(details: &ErrorDetails) -> Vec<&'static str> {
    [
        ("bad_request", details.bad_request().is_some()),
        ("resource", details.resource_info().is_some()),
        ("precondition", details.precondition_failure().is_some()),
        ("help", details.help().is_some()),
        ("quota", details.quota_failure().is_some()),
        ("retry", details.retry_info().is_some()),
        ("request", details.request_info().is_some()),
        ("debug", details.debug_info().is_some()),
    ]
    .into_iter()
    .filter_map(|(kind, is_there)| is_there.then_some(kind))
    .collect()
}

#[test]
fn every_error_has_the_code_reason_and_details_of_the_table() {
    for (error, code, reason, expected) in all() {
        let status = status(&error, &env());
        assert_eq!(status.code(), code, "{error:?}");
        let details = status.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!(
            (info.reason.as_str(), info.domain.as_str()),
            (reason, DOMAIN)
        );
        assert_eq!(kinds(&details), expected, "{error:?}");
        assert!(!status.message().is_empty());
    }
}

#[test]
fn a_state_tells_what_to_do_and_the_providers_code() {
    let status = status(&Error::state("service crm", diagnosis()), &env());
    assert_eq!(
        status.message(),
        "The client secret expired. Set a new one."
    );
    let details = status.get_error_details();
    let info = details.error_info().unwrap();
    assert_eq!(info.metadata["provider_code"], "AADSTS7000222");
    assert_eq!(info.metadata["remedy"], "Set a new one.");
    let violation = &details.precondition_failure().unwrap().violations[0];
    assert_eq!(violation.r#type, "CLIENT_SECRET_EXPIRED");
    assert_eq!(violation.subject, "service crm");
    assert_eq!(
        details.help().unwrap().links[0].url,
        "https://learn.microsoft.com/entra"
    );
}

#[test]
fn a_bug_tells_nothing_but_the_id_it_is_logged_under() {
    let status = status(&Error::Internal("the secret plan failed".into()), &env());
    assert!(!status.message().contains("plan"));
    assert!(!status.details().windows(4).any(|bytes| bytes == b"plan"));
    let details = status.get_error_details();
    let id = &details.request_info().unwrap().request_id;
    assert_eq!(id.len(), 16);
}

#[test]
fn a_hundred_violations_fit_into_a_header_and_every_path_is_there() {
    let description = "must not contain line breaks or other control characters";
    let violations: Vec<_> = (0..100)
        .map(|i| Violation::new(format!("email.to[{i}].address"), description))
        .collect();
    let status = status(&Error::Invalid(violations), &env());
    assert!(status.details().len() < 4_608 && status.message().len() <= MESSAGE_MAX_BYTES);
    let details = status.get_error_details();
    let listed = &details.bad_request().unwrap().field_violations;
    assert_eq!(listed.len(), 100);
    assert_eq!(listed[99].field, "email.to[99].address");
    assert!(listed[0].description.starts_with("must"));
}

#[test]
fn no_text_makes_a_header_too_large() {
    let long = "ä".repeat(100_000);
    let mut verbose = diagnosis();
    for text in [
        &mut verbose.summary,
        &mut verbose.remedy,
        &mut verbose.provider_code,
        &mut verbose.help_url,
    ] {
        long.clone_into(text);
    }
    let second = Duration::from_secs(1);
    for error in [
        Error::Invalid((0..100).map(|_| Violation::new(&*long, &*long)).collect()),
        Error::service_not_found(&long),
        Error::Conflict { name: long.clone() },
        Error::state(&long, verbose),
        Error::Exhausted {
            reason: Reason::OutboxFull,
            scope: Scope::Mailbox,
            subject: long.clone(),
            description: long.clone(),
            retry_after: second,
        },
        Error::Unavailable {
            reason: Reason::StoreUnavailable,
            description: long.clone(),
            retry_after: second,
        },
    ] {
        let status = status(&error, &env());
        assert!(status.details().len() < 4_608, "{}", status.details().len());
        assert!(status.message().len() <= MESSAGE_MAX_BYTES);
    }
}

#[test]
fn a_bug_told_in_a_stream_shows_its_id_and_nothing_else() {
    let said = super::diagnosis(&Error::Internal("the row is 7".into()), &env());
    assert_eq!(said.reason, Reason::Internal);
    assert!(!said.summary.contains("row"), "{}", said.summary);
    let id = base32(&env().random::<10>());
    assert!(said.summary.contains(&id), "{}", said.summary);
}
