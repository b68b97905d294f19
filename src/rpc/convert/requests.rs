//! The smaller requests, and the answer of a test.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::diagnosis::{cut, diagnosis, duration, reply};
use super::enums;
use super::fields::{self, list};
use super::service_view::parse_etag;
use super::violations::Violations;
use crate::model::event::Cursor;
use crate::model::service::ServiceState;
use crate::model::state::MessageState;
use crate::model::{AccessKeyId, EmailAddress, Error, MessageId, Phase, ServiceId};
use crate::oauth::Redirect;
use crate::ops::feed::{Filter, Kind, Start};
use crate::ops::send_test::TestReport;
use crate::rpc::proto::v1;
use crate::smtp::StepReport;
use crate::store::{MessageFilter, ServiceFilter};

const SERVICE_IDS_MAX: usize = 100;
const MESSAGE_IDS_MAX: usize = 1_000;

/// More than an enum has values: repeated ones are the caller's business.
const ENUM_VALUES_MAX: usize = 100;

const PAGE_SIZE_DEFAULT: usize = 50;
/// The largest page.
pub const PAGE_SIZE_MAX: usize = 500;

/// Delete a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteService {
    pub service_id: ServiceId,
    /// None: whatever the revision is.
    pub expected_revision: Option<u64>,
    /// Cancel its unfinished mail.
    pub cancel_pending: bool,
}

/// Send somebody away to consent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BeginAuthorize {
    pub service_id: ServiceId,
    /// Where the callback page links to; empty for nowhere. Not yet compared with the configured
    /// prefixes.
    pub return_url: String,
}

/// Send a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendTest {
    pub service_id: ServiceId,
    pub to: EmailAddress,
}

/// Which part of a list is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<Id> {
    /// The last id of the page before; none for the first page.
    pub after: Option<Id>,
    /// 1 to 500.
    pub size: usize,
}

impl<Id: Display> Page<Id> {
    /// The token of the page behind `rows`; empty where these are the last.
    pub fn next<Row>(&self, rows: &[Row], id: impl Fn(&Row) -> &Id) -> String {
        match rows.last() {
            Some(last) if rows.len() >= self.size => page_token(id(last)),
            _ => String::new(),
        }
    }
}

/// The token of the page behind this id.
pub fn page_token(last: impl Display) -> String {
    URL_SAFE_NO_PAD.encode(last.to_string())
}

/// `service_id` of a request that needs no more.
///
/// # Errors
/// [`Error::Invalid`] where it is not one.
pub fn service_id(text: &str) -> Result<ServiceId, Error> {
    id("service_id", text)
}

/// `access_key_id` of a request that needs no more.
///
/// # Errors
/// [`Error::Invalid`] where it is not one.
pub fn access_key_id(text: &str) -> Result<AccessKeyId, Error> {
    id("access_key_id", text)
}

/// # Errors
/// [`Error::Invalid`] with every violation.
pub fn list_access_keys(request: &v1::ListAccessKeysRequest) -> Result<Page<AccessKeyId>, Error> {
    let mut found = Violations::default();
    let page = page(request.page_size, &request.page_token, &mut found);
    found.finish(page)
}

/// `message_id` of a request that needs no more.
///
/// # Errors
/// [`Error::Invalid`] where it is not one.
pub fn message_id(text: &str) -> Result<MessageId, Error> {
    id("message_id", text)
}

/// # Errors
/// [`Error::Invalid`] without a valid id, [`Error::Conflict`] for an etag that is none of ours.
pub fn delete_service(request: v1::DeleteServiceRequest) -> Result<DeleteService, Error> {
    let service_id = service_id(&request.service_id)?;
    Ok(DeleteService {
        expected_revision: parse_etag(&request.etag, &format!("service {service_id}"))?,
        service_id,
        cancel_pending: request.cancel_pending,
    })
}

/// # Errors
/// [`Error::Invalid`] with every violation.
pub fn begin_authorize(request: v1::BeginAuthorizeRequest) -> Result<BeginAuthorize, Error> {
    let mut found = Violations::default();
    let service_id = found.take("service_id", request.service_id.parse());
    let return_url = found.take("return_url", fields::token(request.return_url, 2_048));
    let parsed = service_id
        .zip(return_url)
        .map(|(service_id, return_url)| BeginAuthorize {
            service_id,
            return_url,
        });
    found.finish(parsed)
}

/// The query of a redirect, read as the callback page reads it.
///
/// # Errors
/// [`Error::Invalid`] with every violation.
pub fn complete_authorize(
    request: v1::CompleteAuthorizeRequest,
) -> Result<(Option<ServiceId>, Redirect), Error> {
    let mut found = Violations::default();
    let service_id = match request.service_id.as_str() {
        "" => None,
        given => found.take("service_id", given.parse()),
    };
    let fields = [
        ("state", request.state, 512),
        ("code", request.code, 8_192),
        ("error", request.error, 200),
        ("error_description", request.error_description, 8_192),
        ("error_uri", request.error_uri, 2_048),
        ("error_subcode", request.error_subcode, 200),
        ("tenant", request.tenant, 255),
        ("iss", request.iss, 2_048),
    ];
    for (name, value, max) in &fields {
        if value.len() > *max {
            found.add(name, format!("must be at most {max} bytes"));
        }
    }
    let pairs = fields
        .iter()
        .map(|(name, value, _)| (*name, value.as_str()));
    let consent = request.admin_consent.then_some(("admin_consent", "true"));
    let redirect = Redirect::from_pairs(pairs.chain(consent));
    if found.is_empty() && redirect.state.is_none() {
        found.add("state", "is required");
    }
    let says_something =
        !redirect.error.is_empty() || redirect.code.is_some() || redirect.admin_consent;
    if found.is_empty() && !says_something {
        found.add("code", "is required without error and admin_consent");
    }
    found.finish(Some((service_id, redirect)))
}

/// # Errors
/// [`Error::Invalid`] with every violation.
pub fn send_test(request: v1::SendTestRequest) -> Result<SendTest, Error> {
    let mut found = Violations::default();
    let service_id = found.take("service_id", request.service_id.parse());
    let to = found.take("to", fields::email(&request.to));
    let parsed = service_id
        .zip(to)
        .map(|(service_id, to)| SendTest { service_id, to });
    found.finish(parsed)
}

/// # Errors
/// [`Error::Invalid`] with every violation.
pub fn list_services(
    request: v1::ListServicesRequest,
) -> Result<(ServiceFilter, Page<ServiceId>), Error> {
    let mut found = Violations::default();
    let states = list(&mut found, "states", ENUM_VALUES_MAX, request.states, |n| {
        enums::known(n, enums::service_state_from, None::<ServiceState>)
    });
    let labels = found.take("labels", fields::labels(request.labels));
    let part = found.take(
        "display_name_contains",
        fields::line(request.display_name_contains, 200),
    );
    let page = page(request.page_size, &request.page_token, &mut found);
    let filter = labels.zip(part).map(|(labels, part)| ServiceFilter {
        ids: BTreeSet::new(),
        states,
        labels,
        display_name_contains: part.to_lowercase(),
    });
    found.finish(filter.zip(page))
}

/// # Errors
/// [`Error::Invalid`] with every violation.
pub fn list_messages(
    request: v1::ListMessagesRequest,
) -> Result<(MessageFilter, Page<MessageId>), Error> {
    let mut found = Violations::default();
    let service_ids = ids(
        "service_ids",
        SERVICE_IDS_MAX,
        request.service_ids,
        &mut found,
    );
    let states = list(&mut found, "states", ENUM_VALUES_MAX, request.states, |n| {
        enums::known(n, enums::message_state_from, None::<MessageState>)
    });
    let labels = found.take("labels", fields::labels(request.labels));
    let request_id = match request.request_id.as_str() {
        "" => Some(None),
        text => found.take("request_id", text.parse()).map(Some),
    };
    let created_after = found.take(
        "created_after_time",
        fields::optional_instant(request.created_after_time),
    );
    let created_before = found.take(
        "created_before_time",
        fields::optional_instant(request.created_before_time),
    );
    let page = page(request.page_size, &request.page_token, &mut found);
    let filter = (|| {
        Some(MessageFilter {
            service_ids,
            states,
            labels: labels?,
            request_id: request_id?,
            created_after: created_after?,
            created_before: created_before?,
        })
    })();
    found.finish(filter.zip(page))
}

/// # Errors
/// [`Error::Invalid`] with every violation; [`Error::BadCursor`] where the cursor alone is wrong.
pub fn watch_status(request: v1::WatchStatusRequest) -> Result<(Start, Filter), Error> {
    use v1::watch_status_request::Start as From;
    let mut found = Violations::default();
    let mut bad_cursor = None;
    let start = match request.start {
        None => Some(Start::Now),
        Some(From::Cursor(text)) => text
            .parse::<Cursor>()
            .map_err(|description| bad_cursor = Some(description))
            .ok()
            .map(Start::Cursor),
        Some(From::Position(n)) => found.take("position", enums::known(n, position, None)),
    };
    let service_ids = ids(
        "service_ids",
        SERVICE_IDS_MAX,
        request.service_ids,
        &mut found,
    );
    let message_ids = ids(
        "message_ids",
        MESSAGE_IDS_MAX,
        request.message_ids,
        &mut found,
    );
    let labels = found.take("labels", fields::labels(request.labels));
    let kinds = list(&mut found, "kinds", ENUM_VALUES_MAX, request.kinds, |n| {
        enums::known(n, enums::event_kind_from, None::<Kind>)
    });
    if let Some(description) = bad_cursor {
        if found.is_empty() {
            return Err(Error::BadCursor { description });
        }
        found.add("cursor", description);
    }
    let filter = labels.map(|labels| Filter {
        service_ids,
        message_ids,
        labels,
        kinds,
    });
    found.finish(start.zip(filter))
}

/// What a test found: all nine steps in order, those that were not taken as skipped.
pub fn test_report(from: TestReport) -> v1::SendTestResponse {
    const STEPS: [Phase; 9] = [
        Phase::Resolve,
        Phase::Connect,
        Phase::Tls,
        Phase::Ehlo,
        Phase::Authenticate,
        Phase::MailFrom,
        Phase::RcptTo,
        Phase::Data,
        Phase::DotSent,
    ];
    let taken = |phase| from.steps.iter().rfind(|step| step.phase == phase);
    v1::SendTestResponse {
        passed: from.diagnosis.is_none(),
        message_id: from.message_id.to_string(),
        steps: STEPS
            .map(|phase| step_result(phase, taken(phase).cloned()))
            .to_vec(),
        diagnosis: from.diagnosis.map(diagnosis),
    }
}

fn step_result(phase: Phase, taken: Option<StepReport>) -> v1::TestStepResult {
    let step = enums::test_step(phase).into();
    let Some(taken) = taken else {
        return v1::TestStepResult {
            step,
            outcome: v1::StepOutcome::Skipped.into(),
            ..v1::TestStepResult::default()
        };
    };
    let (outcome, failure) = match taken.outcome {
        Ok(()) => (v1::StepOutcome::Passed, String::new()),
        Err(failure) => (v1::StepOutcome::Failed, failure),
    };
    let facts = [failure, taken.detail].map(|text| text.trim().to_owned());
    let detail = facts.iter().filter(|text| !text.is_empty());
    v1::TestStepResult {
        step,
        outcome: outcome.into(),
        reply: taken.reply.map(reply),
        duration: Some(duration(taken.duration)),
        detail: cut(detail.cloned().collect::<Vec<_>>().join("\n"), 2_048),
    }
}

fn position(from: v1::WatchPosition) -> Option<Start> {
    match from {
        v1::WatchPosition::Unspecified => None,
        v1::WatchPosition::Now => Some(Start::Now),
        v1::WatchPosition::Oldest => Some(Start::Oldest),
    }
}

fn id<Id: FromStr<Err = String>>(field: &str, text: &str) -> Result<Id, Error> {
    text.parse().map_err(|rule| Error::invalid(field, rule))
}

fn ids<Id: FromStr<Err = String>>(
    at: &str,
    max: usize,
    entries: Vec<String>,
    found: &mut Violations,
) -> Vec<Id> {
    list(found, at, max, entries, |text| text.parse())
}

fn page<Id: FromStr>(size: i32, token: &str, found: &mut Violations) -> Option<Page<Id>> {
    let size = match usize::try_from(size) {
        Ok(0) => Some(PAGE_SIZE_DEFAULT),
        Ok(size) => Some(size.min(PAGE_SIZE_MAX)),
        Err(_) => {
            found.add("page_size", "must not be negative");
            None
        }
    };
    let after = match token {
        "" => Some(None),
        token => {
            let id = URL_SAFE_NO_PAD
                .decode(token)
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .and_then(|text| text.parse().ok());
            if id.is_none() {
                found.add("page_token", "must be a token as this API returned it");
            }
            id.map(Some)
        }
    };
    Some(Page {
        after: after?,
        size: size?,
    })
}
