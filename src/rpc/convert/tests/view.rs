//! What callers see of services, messages and events.

use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::model::diagnosis::{FixedBy, Scope};
use crate::model::event::{Change, Cursor, Event, MessageChange, ServiceChange};
use crate::model::message::{Attempt, FullMessage, Message, Outcome, Priority, Recipient};
use crate::model::service::{LastTest, OnUncertain, Service, ServiceState};
use crate::model::state::MessageState;
use crate::model::{Diagnosis, Labels, MessageId, Phase, Reason, Reply, ServiceId, Timestamp};
use crate::ops::info::ServerInfo;
use crate::ops::send::Accepted;
use crate::ops::send_test::TestReport;
use crate::rpc::convert::message::*;
use crate::rpc::convert::requests::test_report;
use crate::rpc::convert::service::create_service;
use crate::rpc::convert::service_view::*;
use crate::rpc::convert::{diagnosis, enums, server_info};
use crate::rpc::proto::v1::watch_status_response::Event as ProtoEvent;
use crate::smtp::StepReport;
use crate::store::ServiceRow;

const NOW: i64 = 1_772_366_400;

fn now() -> Timestamp {
    Timestamp::from_unix_seconds(NOW)
}

fn some_diagnosis() -> Diagnosis {
    Diagnosis {
        reason: Reason::RecipientRefused,
        provider_code: "550 5.1.1".into(),
        scope: Scope::Recipient,
        summary: "No such mailbox.".into(),
        remedy: "Check the address.".into(),
        commands: vec!["Get-Mailbox".into()],
        help_url: "https://example.com".into(),
        fixed_by: FixedBy::Caller,
        retryable: false,
        provider_text: "ä".repeat(2_000),
        since: Some(now()),
    }
}

fn full_message(state: MessageState) -> FullMessage {
    let recipient = |text: &str, outcome| Recipient {
        address: text.parse().unwrap(),
        outcome,
        reply: Some(Reply::new(550, "5.1.1 no")),
        diagnosis: Some(some_diagnosis()),
        update_time: now(),
    };
    FullMessage {
        message: Message {
            id: MessageId::generate(now(), [1; 10]),
            service_id: ServiceId::generate([1; 10]),
            request_id: Some("order-1".parse().unwrap()),
            content_digest: [0; 32],
            from: "crm@example.com".parse().unwrap(),
            from_name: "CRM".into(),
            state,
            priority: Priority::Bulk,
            on_uncertain: OnUncertain::Hold,
            labels: Labels([("a".into(), "b".into())].into()),
            send_time: now(),
            expire_time: now(),
            next_attempt_time: now(),
            create_time: now(),
            update_time: now(),
            end_time: None,
            message_id_header: "<1@example.com>".into(),
            size_bytes: 1_234,
            recipient_count: 2,
            attempts: 1,
            deferrals: 0,
            problem: Some(some_diagnosis()),
            body_key: vec![9],
            trace: None,
        },
        recipients: vec![
            recipient("a@example.com", Outcome::Accepted),
            recipient("b@example.com", Outcome::Refused),
        ],
        attempts: vec![Attempt {
            start_time: now(),
            end_time: Some(now()),
            phase: Phase::DotSent,
            recipients: vec![1, 0, 99],
            reply: None,
            diagnosis: None,
            uncertain: true,
        }],
    }
}

fn row() -> ServiceRow {
    let request = v1::CreateServiceRequest {
        service_id: String::new(),
        service: Some(oauth2_service()),
    };
    let config = create_service(request).unwrap().1;
    let mut service = Service::new("crm".parse().unwrap(), config, now());
    service.revision = 12;
    service.last_test = Some(LastTest {
        time: now(),
        to: "ada@example.com".parse().unwrap(),
        passed: true,
        message_id: MessageId::generate(now(), [1; 10]),
        diagnosis: None,
    });
    ServiceRow {
        service,
        pause: None,
        pending_messages: 0,
        token_generation: 0,
    }
}

fn view(row: ServiceRow) -> ServiceView {
    ServiceView {
        row,
        redirect_uri: "https://mail.example.com/oauth2/callback".into(),
        problem: Some(some_diagnosis()),
        budget: None,
    }
}

#[test]
fn the_reasons_of_model_and_api_have_the_same_names() {
    let ours: BTreeSet<String> = Reason::ALL.iter().map(|r| format!("REASON_{r}")).collect();
    let theirs: BTreeSet<String> = (1..1_000)
        .filter_map(|n| v1::Reason::try_from(n).ok())
        .map(|reason| reason.as_str_name().to_owned())
        .collect();
    assert_eq!(ours, theirs);
    for reason in Reason::ALL {
        let name = enums::reason_to_proto(*reason).as_str_name();
        assert_eq!(name, format!("REASON_{reason}"));
    }
}

#[test]
fn a_service_shows_no_secret_and_all_that_is_known() {
    let shown = service(view(row()));
    assert_eq!(shown.service_id, "crm");
    assert_eq!(shown.etag, "r12");
    assert_eq!(shown.state(), v1::ServiceState::PendingAuthorization);
    assert_eq!(
        shown.redirect_uri,
        "https://mail.example.com/oauth2/callback"
    );
    assert_eq!(
        shown.problem.as_ref().unwrap().reason(),
        v1::Reason::RecipientRefused
    );
    assert!(shown.last_test.as_ref().unwrap().passed);
    let mut shown = shown;
    let oauth2 = oauth2(&mut shown);
    assert_eq!(oauth2.client_secret, "");
    assert_eq!(oauth2.client_secret_hint, "ent");
}

#[test]
fn a_message_shows_its_recipients_and_the_addresses_of_its_attempts() {
    let cursor = Cursor {
        epoch: 5,
        sequence: 6,
    };
    let shown = message(full_message(MessageState::Queued), cursor);
    assert_eq!(shown.cursor, cursor.to_string());
    assert_eq!(
        shown.attempts[0].recipients,
        ["b@example.com", "a@example.com"]
    );
    assert_eq!(shown.attempts[0].phase(), v1::AttemptPhase::DotSent);
    assert_eq!(shown.recipients[1].outcome(), v1::RecipientOutcome::Refused);
    assert_eq!(
        shown.recipients[1].reply.as_ref().unwrap().enhanced_code,
        "5.1.1"
    );
    assert_eq!(shown.from.as_ref().unwrap().name, "CRM");
    assert_eq!(shown.request_id, "order-1");
    assert_eq!(shown.next_attempt_time.unwrap().seconds, NOW);
    assert_eq!(shown.problem.unwrap().provider_text.len(), 2_048);
    for state in MessageState::ALL {
        let shown = message(full_message(state), cursor);
        assert_eq!(
            shown.next_attempt_time.is_some(),
            state == MessageState::Queued
        );
    }
}

#[test]
fn a_message_event_is_the_state_without_recipients_and_what_changed() {
    let full = full_message(MessageState::Sent);
    let change = |previous_state| MessageChange {
        message: full.message.clone(),
        previous_state,
        recipients: full.recipients[1..].to_vec(),
        attempt: full.attempts.first().cloned(),
        attempt_recipients: vec!["b@example.com".parse().unwrap()],
    };
    let event = |previous_state| {
        let event = Event {
            sequence: 8,
            time: now(),
            change: Change::Message(Box::new(change(previous_state))),
        };
        let shown = watch_event(event, 5, view);
        assert_eq!(
            shown.cursor,
            Cursor {
                epoch: 5,
                sequence: 8
            }
            .to_string()
        );
        match shown.event {
            Some(ProtoEvent::Message(event)) => *event,
            other => panic!("{other:?}"),
        }
    };
    let shown = event(Some(MessageState::Sending));
    assert_eq!(shown.previous_state(), v1::MessageState::Sending);
    assert_eq!(shown.changed_recipients.len(), 1);
    let inner = shown.message.unwrap();
    assert!(inner.recipients.is_empty());
    assert_eq!(inner.attempts[0].recipients, ["b@example.com"]);

    let new = event(None);
    assert_eq!(new.previous_state(), v1::MessageState::Unspecified);
    assert!(new.changed_recipients.is_empty());
}

#[test]
fn a_service_event_has_no_budget_and_a_deleted_one_little_more_than_its_name() {
    let event = |deleted| {
        let change = ServiceChange {
            service: row().service,
            pause: None,
            previous_state: Some(ServiceState::Ready),
            deleted,
        };
        let event = Event {
            sequence: 1,
            time: now(),
            change: Change::Service(Box::new(change)),
        };
        match watch_event(event, 5, view).event {
            Some(ProtoEvent::Service(event)) => event.service.unwrap(),
            other => panic!("{other:?}"),
        }
    };
    let shown = event(false);
    assert!(shown.budget.is_none() && shown.problem.is_some());
    let deleted = event(true);
    let expected = v1::Service {
        service_id: "crm".into(),
        display_name: "CRM".into(),
        ..v1::Service::default()
    };
    assert_eq!(deleted, expected);
}

#[test]
fn a_heartbeat_moves_the_cursor() {
    let cursor = Cursor {
        epoch: 1,
        sequence: 2,
    };
    let shown = heartbeat(cursor, now());
    assert_eq!(shown.cursor, cursor.to_string());
    assert_eq!(shown.event_time.unwrap().seconds, NOW);
}

#[test]
fn a_test_report_shows_all_nine_steps() {
    let step = |phase, outcome| StepReport {
        phase,
        outcome,
        reply: None,
        duration: Duration::from_millis(1_500),
        detail: "x".repeat(5_000),
    };
    let shown = test_report(TestReport {
        message_id: MessageId::generate(now(), [1; 10]),
        steps: vec![
            step(Phase::Resolve, Ok(())),
            step(Phase::Connect, Err("refused".into())),
        ],
        diagnosis: Some(some_diagnosis()),
    });
    assert!(!shown.passed);
    let steps: Vec<i32> = shown.steps.iter().map(|step| step.step).collect();
    assert_eq!(steps, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let outcomes: Vec<i32> = shown.steps.iter().map(|step| step.outcome).collect();
    assert_eq!(outcomes, [1, 2, 3, 3, 3, 3, 3, 3, 3]);
    assert_eq!(shown.steps[0].detail.len(), 2_048);
    assert!(shown.steps[1].detail.starts_with("refused\nx"));
    let duration = shown.steps[0].duration.unwrap();
    assert_eq!((duration.seconds, duration.nanos), (1, 500_000_000));
    assert_eq!(shown.steps[2].duration, None);
}

#[test]
fn the_server_tells_its_limits() {
    let at = |sequence| Cursor { epoch: 1, sequence };
    let shown = server_info(ServerInfo {
        public_url: "https://mail.example.com".into(),
        redirect_uri: "https://mail.example.com/oauth2/callback".into(),
        source_addresses: vec!["192.0.2.1".into()],
        oldest: at(1),
        newest: at(2),
        start_time: now(),
        max_message_bytes: 36_700_160,
        max_streams_per_connection: 100,
    });
    let limits = shown.limits.unwrap();
    assert_eq!((limits.max_recipients, limits.max_page_size), (1_000, 500));
    assert_eq!(shown.newest_cursor, at(2).to_string());
    assert_eq!(shown.version, env!("CARGO_PKG_VERSION"));
}

#[test]
fn instants_before_1970_have_positive_nanos() {
    let shown = diagnosis::timestamp(Timestamp::from_unix_micros(-1));
    assert_eq!((shown.seconds, shown.nanos), (-1, 999_999_000));
    assert_eq!(diagnosis::duration(Duration::MAX).seconds, 315_576_000_000);
}

fn accepted_message(state: MessageState, deduplicated: bool) -> Accepted {
    Accepted {
        message: full_message(state).message,
        estimated_send_time: (state == MessageState::Queued).then(now),
        cursor: Cursor {
            epoch: 1,
            sequence: 2,
        },
        deduplicated,
    }
}

#[test]
fn the_answer_to_a_send_tells_why_it_is_held() {
    let answer = |state, deduplicated| accepted(accepted_message(state, deduplicated));
    let held = answer(MessageState::Held, false);
    assert_eq!(held.state(), v1::MessageState::Held);
    assert!(held.problem.is_some() && held.estimated_send_time.is_none());
    let queued = answer(MessageState::Queued, false);
    assert!(queued.problem.is_none() && queued.estimated_send_time.is_some());
    let repeated = answer(MessageState::Failed, true);
    assert!(repeated.problem.is_some() && repeated.deduplicated);
}
