//! A request that is repeated is one message, and one whose id is reused is refused.

use std::time::Duration;

use mailwright::rpc::proto::v1::{self, MessageState};
use tokio::task::JoinSet;
use tonic::Code;
use tonic_types::StatusExt;

use super::fault::refused;
use super::harness::{House, run};
use super::requests::{ALEX, text_to};

fn numbered(id: &str) -> v1::SendRequest {
    v1::SendRequest {
        request_id: id.into(),
        ..text_to(&[ALEX])
    }
}

#[test]
fn a_repeated_request_is_the_same_message_in_its_current_state() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let first = house.send(numbered("order-1")).await;
        assert!(!first.deduplicated);
        house
            .message_in(&first.message_id, MessageState::Sent)
            .await;
        let again = house.send(numbered("order-1")).await;
        assert!(again.deduplicated);
        assert_eq!(again.message_id, first.message_id);
        assert_eq!(again.state(), MessageState::Sent);
        let other = house.send(numbered("order-2")).await;
        assert_ne!(other.message_id, first.message_id);
        house
            .message_in(&other.message_id, MessageState::Sent)
            .await;
        assert_eq!(house.sandbox.mail().len(), 3);
    });
}

#[test]
fn a_repeat_is_answered_before_any_look_at_the_services_state() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let first = house.send(numbered("order-1")).await;
        house
            .message_in(&first.message_id, MessageState::Sent)
            .await;
        let request = v1::DeleteServiceRequest {
            service_id: "adele".into(),
            ..v1::DeleteServiceRequest::default()
        };
        house.admin().delete_service(request).await.unwrap();
        let again = house.send(numbered("order-1")).await;
        assert_eq!(again.message_id, first.message_id);
    });
}

#[test]
fn the_same_id_with_other_content_is_refused() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        house.send(numbered("order-1")).await;
        let changes: [fn(&mut v1::SendRequest); 4] = [
            |request| request.content = text_to(&["ann@contoso.com"]).content,
            |request| request.priority = v1::Priority::High.into(),
            |request| request.on_uncertain = v1::OnUncertain::Hold.into(),
            |request| _ = request.labels.insert("a".into(), "b".into()),
        ];
        for change in changes {
            let mut request = numbered("order-1");
            change(&mut request);
            let answer = house.try_send(request).await;
            refused(answer, Code::AlreadyExists, "REQUEST_ID_REUSED");
        }
    });
}

#[test]
fn an_id_is_one_services_own() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        house.ready("alex", house.service(ALEX)).await;
        let one = house.send(numbered("order-1")).await;
        let two = house.send(v1::SendRequest {
            service_id: "alex".into(),
            ..numbered("order-1")
        });
        let two = two.await;
        assert!(!two.deduplicated);
        assert_ne!(one.message_id, two.message_id);
    });
}

#[test]
fn many_at_once_with_one_id_are_one_message() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let mut calls = JoinSet::new();
        for _ in 0..64 {
            let mut mail = house.mail();
            calls.spawn(async move { mail.send(numbered("order-1")).await.unwrap().into_inner() });
        }
        let answers = calls.join_all().await;
        let id = &answers[0].message_id;
        assert!(answers.iter().all(|answer| answer.message_id == *id));
        let new = answers.iter().filter(|answer| !answer.deduplicated);
        assert_eq!(new.count(), 1);
        house.message_in(id, MessageState::Sent).await;
        assert_eq!(house.sandbox.mail().len(), 2, "the test and the message");
    });
}

#[test]
fn of_different_contents_at_once_with_one_id_one_wins_and_the_others_hear_of_it() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        house.suspend("adele").await;
        let mut calls = JoinSet::new();
        for n in 0..64 {
            let mut mail = house.mail();
            let to = format!("user{n}@contoso.com");
            let request = v1::SendRequest {
                content: text_to(&[&to]).content,
                ..numbered("order-1")
            };
            calls.spawn(async move { mail.send(request).await });
        }
        let (taken, refusals): (Vec<_>, Vec<_>) =
            calls.join_all().await.into_iter().partition(Result::is_ok);
        assert_eq!((taken.len(), refusals.len()), (1, 63));
        let id = taken[0].as_ref().unwrap().get_ref().message_id.clone();
        for refusal in refusals {
            let details = refusal.as_ref().unwrap_err().get_error_details();
            assert_eq!(details.resource_info().unwrap().resource_name, id);
            refused(refusal, Code::AlreadyExists, "REQUEST_ID_REUSED");
        }
    });
}

#[test]
fn without_an_id_each_call_is_a_message() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let (one, two) = (text_to(&[ALEX]), text_to(&[ALEX]));
        let (one, two) = (house.send(one).await, house.send(two).await);
        assert_ne!(one.message_id, two.message_id);
        assert!(!two.deduplicated);
    });
}

#[test]
fn an_id_is_known_as_long_as_its_message_waits_and_no_longer_than_a_day_after() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        house.suspend("adele").await;
        let day = Duration::from_secs(24 * 3_600);
        let expire_time = house.env.now() + 5 * day / 2;
        let request = v1::SendRequest {
            expire_time: Some(prost_types::Timestamp {
                seconds: expire_time.unix_micros() / 1_000_000,
                nanos: 0,
            }),
            ..numbered("order-1")
        };
        let first = house.send(request.clone()).await;
        house.advance(2 * day);
        let again = house.send(request.clone()).await;
        assert!(again.deduplicated);
        assert_eq!(again.state(), MessageState::Held);
        house.advance(day);
        house
            .message_in(&first.message_id, MessageState::Expired)
            .await;
        // Once the sweep has forgotten it, its times are what is wrong with the request.
        let mut answer = house.try_send(request.clone()).await;
        while answer.is_ok() {
            tokio::task::yield_now().await;
            answer = house.try_send(request.clone()).await;
        }
        refused(answer, Code::InvalidArgument, "INVALID_FIELD");
    });
}

#[test]
fn an_id_is_known_for_a_day_and_while_its_message_waits() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let sent = house.send(numbered("order-1")).await;
        house.message_in(&sent.message_id, MessageState::Sent).await;
        house.advance(Duration::from_secs(24 * 3_600 - 60));
        assert!(house.send(numbered("order-1")).await.deduplicated);
    });
}
