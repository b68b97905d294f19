//! What waits is bounded: more is refused, says why, and is taken once there is room.

use std::collections::BTreeSet;

use mailwright::rpc::proto::v1::{self, MessageState};
use tokio::task::JoinSet;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::fault::refused;
use super::harness::{House, run};
use super::requests::{ADELE, ALEX, text_to};

fn by(service: &str) -> v1::SendRequest {
    v1::SendRequest {
        service_id: service.into(),
        ..text_to(&[ALEX])
    }
}

/// Whose share is full and what of it, once it has been held that the error has all it must.
#[track_caller]
fn full(answer: Result<v1::SendResponse, Status>) -> (String, String) {
    let details = answer.as_ref().unwrap_err().get_error_details();
    assert!(details.retry_info().unwrap().retry_delay.is_some());
    let violation = details.quota_failure().unwrap().violations[0].clone();
    refused(answer, Code::ResourceExhausted, "OUTBOX_FULL");
    (violation.subject, violation.description)
}

#[test]
fn a_full_mailbox_refuses_says_so_and_takes_mail_again_once_there_is_room() {
    run(async {
        let house = House::with(|config| config.outbox.mailbox_messages = 2).await;
        house.ready_service().await;
        house.ready("second", house.service(ADELE)).await;
        house.ready("alex", house.service(ALEX)).await;
        for id in ["adele", "second", "alex"] {
            house.suspend(id).await;
        }
        let first = v1::SendRequest {
            request_id: "order-1".into(),
            ..by("adele")
        };
        let kept = house.send(first.clone()).await;
        house.send(by("second")).await;
        let (subject, description) = full(house.try_send(by("adele")).await);
        assert_eq!(subject, "mailboxes/localhost/adele@contoso.com");
        assert!(
            description.contains("holds 2 unfinished messages"),
            "{description}"
        );
        // A repeat is answered, and another mailbox has room of its own.
        assert!(house.send(first).await.deduplicated);
        house.send(by("alex")).await;
        let cancel = v1::CancelMessageRequest {
            message_id: kept.message_id,
        };
        house.mail().cancel_message(cancel).await.unwrap();
        house.send(by("adele")).await;
        full(house.try_send(by("second")).await);
        house.resume("adele").await;
        house.resume("second").await;
        house
            .control()
            .wait_until(|stats| stats.delivered == 5)
            .await;
        let sent = house.send(by("adele")).await;
        house.message_in(&sent.message_id, MessageState::Sent).await;
    });
}

#[test]
fn the_whole_outbox_is_bounded_in_bytes() {
    run(async {
        let house = House::with(|config| {
            config.delivery.max_message_bytes = 50_000;
            config.outbox.total_bytes = 100_000;
        })
        .await;
        house.ready_service().await;
        house.ready("alex", house.service(ALEX)).await;
        house.suspend("adele").await;
        house.suspend("alex").await;
        let large = |service| {
            let mut request = by(service);
            if let Some(v1::send_request::Content::Email(email)) = &mut request.content {
                email.text_body = "x".repeat(40_000);
            }
            request
        };
        house.send(large("adele")).await;
        house.send(large("alex")).await;
        let (subject, _) = full(house.try_send(large("alex")).await);
        assert_eq!(subject, "outbox");
        house.send(by("alex")).await;
    });
}

#[test]
fn the_bound_is_exact_among_many_at_once() {
    run(async {
        let house = House::with(|config| config.outbox.mailbox_messages = 10).await;
        house.ready_service().await;
        house.suspend("adele").await;
        let mut calls = JoinSet::new();
        for _ in 0..64 {
            let mut mail = house.mail();
            calls.spawn(async move { mail.send(by("adele")).await });
        }
        let answers = calls.join_all().await;
        let ids: BTreeSet<_> = answers
            .into_iter()
            .filter_map(Result::ok)
            .map(|answer| answer.into_inner().message_id)
            .collect();
        assert_eq!(ids.len(), 10);
    });
}
