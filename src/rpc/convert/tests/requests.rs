//! The smaller requests: every bound, and every path of a violation.

use super::*;
use crate::model::event::Cursor;
use crate::model::service::ServiceState;
use crate::model::state::MessageState;
use crate::model::{MessageId, Secret, Timestamp};
use crate::ops::feed::{Kind, Start};
use crate::rpc::convert::requests::*;

fn page_token(last: &str) -> String {
    let page = Page::<String> {
        after: None,
        size: 1,
    };
    page.next(&[last.to_owned()], |row| row)
}

fn some_message_id() -> MessageId {
    MessageId::generate(Timestamp::from_unix_seconds(1), [3; 10])
}

#[test]
fn ids_are_checked() {
    assert_eq!(paths(service_id("")), ["service_id"]);
    assert_eq!(paths(service_id("Crm")), ["service_id"]);
    assert!(service_id("crm").is_ok());
    assert_eq!(paths(message_id("x")), ["message_id"]);
    assert!(message_id(some_message_id().as_str()).is_ok());
}

#[test]
fn pages_have_a_size_and_a_token() {
    for (size, expected) in [(0, 50), (1, 1), (500, 500), (501, 500), (i32::MAX, 500)] {
        let request = v1::ListServicesRequest {
            page_size: size,
            page_token: page_token("crm"),
            ..v1::ListServicesRequest::default()
        };
        let (_, page) = list_services(request).unwrap();
        assert_eq!(
            (page.size, page.after),
            (expected, Some("crm".parse().unwrap()))
        );
    }
    for bad in ["x", "crm", "&&", &page_token("Not An Id"), &page_token("")] {
        let request = v1::ListMessagesRequest {
            page_size: -1,
            page_token: (*bad).to_owned(),
            ..v1::ListMessagesRequest::default()
        };
        let found = paths(list_messages(request));
        let expected = if bad.is_empty() {
            vec!["page_size"]
        } else {
            vec!["page_size", "page_token"]
        };
        assert_eq!(found, expected, "{bad:?}");
    }
    let first = list_services(v1::ListServicesRequest::default()).unwrap().1;
    assert_eq!(first.after, None);
}

#[test]
fn list_filters_are_checked() {
    let request = v1::ListServicesRequest {
        states: vec![v1::ServiceState::Ready.into(), 0, 99],
        labels: [("A".into(), String::new())].into(),
        display_name_contains: "a".repeat(201),
        ..v1::ListServicesRequest::default()
    };
    assert_eq!(
        paths(list_services(request)),
        ["states[1]", "states[2]", "labels", "display_name_contains"]
    );
    let request = v1::ListMessagesRequest {
        service_ids: vec!["crm".into(); 101],
        states: vec![0],
        request_id: "a b".into(),
        created_after_time: Some(prost_types::Timestamp {
            seconds: 0,
            nanos: -1,
        }),
        created_before_time: Some(prost_types::Timestamp {
            seconds: i64::MIN,
            nanos: 0,
        }),
        ..v1::ListMessagesRequest::default()
    };
    assert_eq!(
        paths(list_messages(request)),
        [
            "service_ids",
            "states[0]",
            "request_id",
            "created_after_time",
            "created_before_time"
        ]
    );
    let request = v1::ListServicesRequest {
        states: vec![v1::ServiceState::Blocked.into()],
        display_name_contains: "CRM".into(),
        ..v1::ListServicesRequest::default()
    };
    let (filter, _) = list_services(request).unwrap();
    assert_eq!(filter.states, [ServiceState::Blocked]);
    assert_eq!(filter.display_name_contains, "crm");
    let request = v1::ListMessagesRequest {
        states: vec![v1::MessageState::Held.into()],
        created_after_time: Some(prost_types::Timestamp {
            seconds: 5,
            nanos: 0,
        }),
        ..v1::ListMessagesRequest::default()
    };
    let (filter, _) = list_messages(request).unwrap();
    assert_eq!(filter.states, [MessageState::Held]);
    assert_eq!(filter.created_after, Some(Timestamp::from_unix_seconds(5)));
}

#[test]
fn only_a_full_page_has_one_behind_it() {
    let page = Page::<String> {
        after: None,
        size: 2,
    };
    let rows = ["a", "b"].map(ToOwned::to_owned);
    let token = page.next(&rows, |row| row);
    assert_eq!(token, page_token("b"));
    assert_eq!(page.next(&rows[..1], |row| row), "");
    assert_eq!(page.next(&rows[..0], |row| row), "");
}

#[test]
fn a_watch_begins_where_it_is_told() {
    use v1::watch_status_request::Start as From;
    let cursor = Cursor {
        epoch: 1,
        sequence: 2,
    };
    for (start, expected) in [
        (None, Start::Now),
        (
            Some(From::Cursor(cursor.to_string())),
            Start::Cursor(cursor),
        ),
        (Some(From::Position(1)), Start::Now),
        (Some(From::Position(2)), Start::Oldest),
    ] {
        let request = v1::WatchStatusRequest {
            start,
            kinds: vec![v1::EventKind::Service.into()],
            message_ids: vec![some_message_id().to_string()],
            ..v1::WatchStatusRequest::default()
        };
        let (start, filter) = watch_status(request).unwrap();
        assert_eq!(start, expected);
        assert_eq!(filter.kinds, [Kind::Service]);
        assert_eq!(filter.message_ids, [some_message_id()]);
    }
}

#[test]
fn a_bad_cursor_has_a_reason_of_its_own() {
    use v1::watch_status_request::Start as From;
    let request = v1::WatchStatusRequest {
        start: Some(From::Cursor("x".into())),
        ..v1::WatchStatusRequest::default()
    };
    let result = watch_status(request.clone());
    assert!(matches!(result, Err(Error::BadCursor { .. })), "{result:?}");

    let request = v1::WatchStatusRequest {
        service_ids: vec!["X".into()],
        message_ids: vec![String::new(); 1_001],
        labels: [("A".into(), String::new())].into(),
        kinds: vec![0, 3],
        ..request
    };
    assert_eq!(
        paths(watch_status(request)),
        [
            "service_ids[0]",
            "message_ids",
            "labels",
            "kinds[0]",
            "kinds[1]",
            "cursor"
        ]
    );
    let request = v1::WatchStatusRequest {
        start: Some(From::Position(0)),
        ..v1::WatchStatusRequest::default()
    };
    assert_eq!(paths(watch_status(request)), ["position"]);
}

#[test]
fn a_redirect_says_something() {
    let request = v1::CompleteAuthorizeRequest {
        state: "s".into(),
        ..v1::CompleteAuthorizeRequest::default()
    };
    assert_eq!(paths(complete_authorize(request.clone())), ["code"]);
    let code = v1::CompleteAuthorizeRequest {
        code: "c".into(),
        iss: "https://id.example.com".into(),
        ..request.clone()
    };
    let (_, redirect) = complete_authorize(code).unwrap();
    assert_eq!(redirect.code, Some(Secret::new("c")));
    assert_eq!(redirect.state, Some(Secret::new("s")));
    assert_eq!(redirect.iss.as_deref(), Some("https://id.example.com"));
    let consent = v1::CompleteAuthorizeRequest {
        admin_consent: true,
        ..request.clone()
    };
    assert!(complete_authorize(consent).unwrap().1.admin_consent);
    let error = v1::CompleteAuthorizeRequest {
        error: "access_denied".into(),
        error_subcode: "cancel".into(),
        ..request
    };
    let (_, redirect) = complete_authorize(error).unwrap();
    assert_eq!(redirect.error, "access_denied");
    assert_eq!(redirect.error_subcode, "cancel");
}

#[test]
fn the_query_of_a_redirect_has_bounds() {
    let request = v1::CompleteAuthorizeRequest {
        state: "a".repeat(513),
        code: "a".repeat(8_193),
        error: "a".repeat(201),
        error_description: "a".repeat(8_193),
        error_uri: "a".repeat(2_049),
        error_subcode: "a".repeat(201),
        admin_consent: false,
        tenant: "a".repeat(256),
        iss: "a".repeat(2_049),
        service_id: "No Id".into(),
    };
    assert_eq!(
        paths(complete_authorize(request)),
        [
            "service_id",
            "state",
            "code",
            "error",
            "error_description",
            "error_uri",
            "error_subcode",
            "tenant",
            "iss"
        ]
    );
    assert_eq!(
        paths(complete_authorize(v1::CompleteAuthorizeRequest::default())),
        ["state"]
    );
}

#[test]
fn what_a_redirect_carries_is_not_printed() {
    let request = v1::CompleteAuthorizeRequest {
        state: "the-state".into(),
        code: "the-code".into(),
        ..v1::CompleteAuthorizeRequest::default()
    };
    let shown = format!("{:?}", complete_authorize(request).unwrap());
    assert!(!shown.contains("the-"), "{shown}");
}

#[test]
fn the_other_requests_are_checked() {
    let bad = begin_authorize(v1::BeginAuthorizeRequest {
        service_id: String::new(),
        return_url: "a".repeat(2_049),
    });
    assert_eq!(paths(bad), ["service_id", "return_url"]);
    let bad = send_test(v1::SendTestRequest {
        service_id: "crm".into(),
        to: "x, y".into(),
    });
    assert_eq!(paths(bad), ["to"]);
    let delete = |etag: &str| {
        delete_service(v1::DeleteServiceRequest {
            service_id: "crm".into(),
            etag: etag.into(),
            cancel_pending: true,
        })
    };
    assert_eq!(delete("r3").unwrap().expected_revision, Some(3));
    assert_eq!(delete("").unwrap().expected_revision, None);
    assert!(matches!(delete("x"), Err(Error::Conflict { .. })));
}
