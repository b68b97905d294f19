//! The reply to the final dot is lost: it is told, and resent only where that is wanted.

use std::time::Duration;

use mailwright::rpc::proto::v1::{
    self, AttemptPhase, MessageState, OnUncertain, Reason, RecipientOutcome,
};
use tonic::Code;

use super::fault::refused;
use super::harness::{House, run};
use super::requests::text_to;

const LOST: &str = "drop-after-dot@contoso.com";

#[test]
fn a_lost_reply_is_told_and_the_same_bytes_are_sent_again() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let message = house.deferred(text_to(&[LOST])).await;
        let attempt = &message.attempts[0];
        assert!(attempt.uncertain);
        assert_eq!(attempt.phase(), AttemptPhase::DotSent);
        assert_eq!(
            attempt.diagnosis.as_ref().unwrap().reason(),
            Reason::ReplyLost
        );
        assert_eq!(message.recipients[0].outcome(), RecipientOutcome::Pending);

        let sent = house.next_attempt(&message, MessageState::Sent).await;
        assert!(sent.attempts[0].uncertain && !sent.attempts[1].uncertain);
        let mail = house.sandbox.mail();
        let copies: Vec<_> = mail.iter().filter(|mail| mail.rcpt_to == [LOST]).collect();
        assert_eq!(copies.len(), 2);
        assert_eq!(copies[0].content, copies[1].content);
        let text = String::from_utf8_lossy(&copies[0].content).into_owned();
        assert!(text.contains(&sent.message_id_header), "{text}");
    });
}

#[test]
fn a_lost_reply_on_hold_waits_for_a_person_and_is_never_sent_again() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let sent = house.send(v1::SendRequest {
            on_uncertain: OnUncertain::Hold.into(),
            ..text_to(&[LOST, "refused@contoso.com"])
        });
        let id = sent.await.message_id;
        let message = house.message_in(&id, MessageState::Uncertain).await;
        assert!(message.attempts[0].uncertain);
        let outcomes: Vec<_> = message.recipients.iter().map(|r| r.outcome()).collect();
        assert_eq!(
            outcomes,
            [RecipientOutcome::Uncertain, RecipientOutcome::Refused]
        );
        assert_eq!(message.problem.unwrap().reason(), Reason::ReplyLost);
        let cancel = v1::CancelMessageRequest {
            message_id: id.clone(),
        };
        let cancel = house.mail().cancel_message(cancel).await;
        refused(cancel, Code::FailedPrecondition, "WRONG_STATE");

        house.advance(Duration::from_secs(3_600));
        let other = house.mail_to(&["ann@contoso.com"]).await;
        house
            .message_in(&other.message_id, MessageState::Sent)
            .await;
        assert_eq!(house.message(&id).await.state(), MessageState::Uncertain);
        let mail = house.sandbox.mail();
        assert_eq!(mail.iter().filter(|mail| mail.rcpt_to == [LOST]).count(), 1);
    });
}

#[test]
fn the_services_own_choice_holds_where_the_message_makes_none() {
    run(async {
        let house = House::start().await;
        let mut service = house.service(super::requests::ADELE);
        service.delivery = Some(v1::Delivery {
            on_uncertain: OnUncertain::Hold.into(),
            ..v1::Delivery::default()
        });
        house.ready("adele", service).await;
        let held = house.mail_to(&[LOST]).await;
        let message = house
            .message_in(&held.message_id, MessageState::Uncertain)
            .await;
        assert_eq!(message.on_uncertain(), OnUncertain::Hold);
    });
}

#[test]
fn a_server_that_takes_mail_and_never_answers_gets_it_three_times_and_no_more() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        house.control().drop_after_dot_times(u32::MAX);
        let mut message = house.deferred(text_to(&[LOST])).await;
        message = house.deferred_again(&message).await;
        let held = house.next_attempt(&message, MessageState::Uncertain).await;
        assert_eq!(held.on_uncertain(), OnUncertain::Resend);
        assert!(held.attempts.iter().all(|attempt| attempt.uncertain));
        assert_eq!(held.recipients[0].outcome(), RecipientOutcome::Uncertain);
        assert_eq!(held.problem.unwrap().reason(), Reason::ReplyLost);
        house.advance(Duration::from_secs(86_400));
        let other = house.mail_to(&["ann@contoso.com"]).await;
        house
            .message_in(&other.message_id, MessageState::Sent)
            .await;
        let mail = house.sandbox.mail();
        assert_eq!(mail.iter().filter(|mail| mail.rcpt_to == [LOST]).count(), 3);
    });
}

/// A message of which one recipient is UNCERTAIN while the other waits to be tried again.
async fn half_uncertain(house: &House, lost: &str, other: &str) -> v1::Message {
    let request = v1::SendRequest {
        on_uncertain: OnUncertain::Hold.into(),
        ..text_to(&[lost, other])
    };
    let message = house.deferred(request).await;
    let outcomes: Vec<_> = message.recipients.iter().map(|r| r.outcome()).collect();
    assert_eq!(
        outcomes,
        [RecipientOutcome::Uncertain, RecipientOutcome::Pending]
    );
    message
}

#[test]
fn an_uncertain_recipient_is_not_forgotten_when_the_others_end() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let cancelled = half_uncertain(&house, LOST, "greylist@contoso.com").await;
        let request = v1::CancelMessageRequest {
            message_id: cancelled.message_id.clone(),
        };
        let answer = house.mail().cancel_message(request).await.unwrap();
        let cancelled = answer.into_inner().message.unwrap();

        let lost = "drop-after-dot+two@contoso.com";
        let waiting = half_uncertain(&house, lost, "greylist+two@contoso.com").await;
        house.suspend("adele").await;
        house.advance(Duration::from_secs(86_400));
        let expired = house
            .message_in(&waiting.message_id, MessageState::Uncertain)
            .await;
        for (message, end) in [
            (cancelled, RecipientOutcome::Cancelled),
            (expired, RecipientOutcome::Expired),
        ] {
            assert_eq!(message.state(), MessageState::Uncertain);
            assert!(message.end_time.is_some());
            let outcomes: Vec<_> = message.recipients.iter().map(|r| r.outcome()).collect();
            assert_eq!(outcomes, [RecipientOutcome::Uncertain, end]);
        }
    });
}
