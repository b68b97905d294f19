//! Times of a message: not before, not after, and cancelled in between.

use std::time::Duration;

use mailwright::rpc::proto::v1::{self, MessageState, RecipientOutcome};
use prost_types::Timestamp;
use tonic::{Code, Status};

use super::fault::{invalid, refused};
use super::harness::{House, START, run};
use super::requests::{ALEX, text_to};

fn at(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp {
        seconds: START + seconds,
        nanos: 0,
    })
}

async fn cancel(house: &House, id: &str) -> Result<v1::Message, Status> {
    let request = v1::CancelMessageRequest {
        message_id: id.into(),
    };
    let answer = house.mail().cancel_message(request).await?;
    Ok(answer.into_inner().message.unwrap())
}

#[test]
fn a_scheduled_message_is_sent_at_its_time_and_not_before() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let later = v1::SendRequest {
            send_time: at(600),
            ..text_to(&["later@contoso.com"])
        };
        let later = house.send(later).await;
        assert_eq!(later.state(), MessageState::Queued);
        assert_eq!(later.estimated_send_time, at(600));
        house.advance(Duration::from_secs(599));
        // Whatever is due is claimed together with this one.
        let now = house.mail_to(&[ALEX]).await;
        house.message_in(&now.message_id, MessageState::Sent).await;
        let waiting = house.message(&later.message_id).await;
        assert_eq!(
            (waiting.state(), waiting.attempts.len()),
            (MessageState::Queued, 0)
        );
        assert_eq!(waiting.next_attempt_time, at(600));

        house.advance(Duration::from_secs(1));
        let sent = house
            .message_in(&later.message_id, MessageState::Sent)
            .await;
        assert_eq!(sent.attempts[0].start_time, at(600));
    });
}

#[test]
fn a_held_message_expires_at_its_time() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        house.suspend("adele").await;
        let held = v1::SendRequest {
            expire_time: at(3_600),
            ..text_to(&[ALEX])
        };
        let held = house.send(held).await;
        house.advance(Duration::from_secs(3_600));
        let expired = house
            .message_in(&held.message_id, MessageState::Expired)
            .await;
        assert_eq!(expired.recipients[0].outcome(), RecipientOutcome::Expired);
        assert_eq!(expired.end_time, at(3_600));
        house.resume("adele").await;
        let other = house.mail_to(&["ann@contoso.com"]).await;
        house
            .message_in(&other.message_id, MessageState::Sent)
            .await;
        let came = house.sandbox.mail();
        assert_eq!(came.len(), 2, "the test and the other one");
    });
}

#[test]
fn a_message_that_is_deferred_beyond_its_end_expires_and_is_not_sent() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        house.control().throttle_times(u32::MAX);
        let request = v1::SendRequest {
            expire_time: at(60),
            ..text_to(&["throttle@contoso.com"])
        };
        let message = house.deferred(request).await;
        house.advance(Duration::from_secs(60));
        let expired = house
            .message_in(&message.message_id, MessageState::Expired)
            .await;
        assert_eq!(expired.recipients[0].outcome(), RecipientOutcome::Expired);
    });
}

#[test]
fn a_scheduled_message_can_be_cancelled_and_cancelled_again() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let later = v1::SendRequest {
            send_time: at(600),
            ..text_to(&["later@contoso.com"])
        };
        let id = house.send(later).await.message_id;
        let cancelled = cancel(&house, &id).await.unwrap();
        assert_eq!(cancelled.state(), MessageState::Cancelled);
        assert_eq!(
            cancelled.recipients[0].outcome(),
            RecipientOutcome::Cancelled
        );
        assert_eq!(cancel(&house, &id).await.unwrap(), cancelled);
        house.advance(Duration::from_secs(600));
        let other = house.mail_to(&[ALEX]).await;
        house
            .message_in(&other.message_id, MessageState::Sent)
            .await;
        let came = house.sandbox.mail();
        assert!(
            came.iter()
                .all(|mail| mail.rcpt_to != ["later@contoso.com"])
        );
    });
}

#[test]
fn a_message_that_is_sent_or_being_sent_is_not_called_back() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        house.control().hold_data_reply(true);
        let id = house.mail_to(&[ALEX]).await.message_id;
        house.control().wait_until(|stats| stats.held == 1).await;
        assert_eq!(house.message(&id).await.state(), MessageState::Sending);
        refused(
            cancel(&house, &id).await,
            Code::FailedPrecondition,
            "WRONG_STATE",
        );
        house.control().hold_data_reply(false);
        house.message_in(&id, MessageState::Sent).await;
        refused(
            cancel(&house, &id).await,
            Code::FailedPrecondition,
            "WRONG_STATE",
        );
    });
}

#[test]
fn times_out_of_bounds_are_named_together() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let day = 86_400;
        for (send, expire, fields) in [
            (at(31 * day), None, &["send_time"][..]),
            (None, at(0), &["expire_time"]),
            (at(60), at(60), &["expire_time"]),
            (None, at(33 * day), &["expire_time"]),
            (at(31 * day), at(1), &["send_time", "expire_time"]),
        ] {
            let request = v1::SendRequest {
                send_time: send,
                expire_time: expire,
                ..text_to(&[ALEX])
            };
            invalid(house.try_send(request).await, fields);
        }
        let past = v1::SendRequest {
            send_time: at(-600),
            ..text_to(&[ALEX])
        };
        let sent = house.send(past).await;
        house.message_in(&sent.message_id, MessageState::Sent).await;
    });
}
