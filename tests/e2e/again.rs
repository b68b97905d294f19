//! What a person does about mail that has ended: send it again, or say what became of it.

use std::time::Duration;

use mailwright::rpc::proto::v1::{
    self, MessageState, OnUncertain, Reason, RecipientOutcome, Resolution,
};
use prost_types::Timestamp;
use tonic::{Code, Status};

use super::fault::{invalid, refused};
use super::harness::{House, START, run};
use super::requests::{ADELE, ALEX, text_to};

const LOST: &str = "drop-after-dot@contoso.com";
const DAY: i64 = 86_400;

fn at(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp {
        seconds: START + seconds,
        nanos: 0,
    })
}

async fn retry_until(
    house: &House,
    id: &str,
    expire_time: Option<Timestamp>,
) -> Result<v1::Message, Status> {
    let request = v1::RetryMessageRequest {
        message_id: id.into(),
        expire_time,
    };
    let answer = house.mail().retry_message(request).await?;
    Ok(answer.into_inner().message.unwrap())
}

async fn retry(house: &House, id: &str) -> Result<v1::Message, Status> {
    retry_until(house, id, None).await
}

async fn resolve(house: &House, id: &str, word: Resolution) -> Result<v1::Message, Status> {
    let request = v1::ResolveMessageRequest {
        message_id: id.into(),
        resolution: word.into(),
    };
    let answer = house.mail().resolve_message(request).await?;
    Ok(answer.into_inner().message.unwrap())
}

fn outcomes(message: &v1::Message) -> Vec<RecipientOutcome> {
    message.recipients.iter().map(|r| r.outcome()).collect()
}

/// A message that is UNCERTAIN for its first recipient.
async fn uncertain(house: &House, to: &[&str]) -> v1::Message {
    let sent = house.send(v1::SendRequest {
        on_uncertain: OnUncertain::Hold.into(),
        ..text_to(to)
    });
    let id = sent.await.message_id;
    house.message_in(&id, MessageState::Uncertain).await
}

fn mail_for(house: &House, recipient: &str) -> Vec<Vec<u8>> {
    let all = house.sandbox.mail().into_iter();
    all.filter(|mail| mail.rcpt_to.iter().any(|to| to == recipient))
        .map(|mail| mail.content)
        .collect()
}

#[test]
fn a_failed_message_is_sent_again_with_the_same_bytes_to_those_who_lack_it() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        house.control().external_recipients_refused(true);
        let sent = house.mail_to(&["ann@contoso.com", "bob@elsewhere.example"]);
        let id = sent.await.message_id;
        let partial = house.message_in(&id, MessageState::Partial).await;

        house.control().external_recipients_refused(false);
        house.advance(Duration::from_secs(3_600));
        let mut feed = house.watch(&partial.cursor).await;
        let queued = retry(&house, &id).await.unwrap();
        assert_eq!(queued.state(), MessageState::Queued);
        assert_eq!(queued.expire_time, at(3_600 + DAY));
        assert_eq!(
            (queued.end_time, queued.next_attempt_time),
            (None, at(3_600))
        );
        let expected = [RecipientOutcome::Accepted, RecipientOutcome::Pending];
        assert_eq!(outcomes(&queued), expected);
        feed.message(&id, MessageState::Queued).await;
        let sent = house.message_in(&id, MessageState::Sent).await;
        assert_eq!(sent.attempts.len(), 2);
        assert_eq!(sent.attempts[1].recipients, ["bob@elsewhere.example"]);
        assert_eq!(sent.problem, None);
        let copies = ["ann@contoso.com", "bob@elsewhere.example"].map(|to| mail_for(&house, to));
        assert_eq!((copies[0].len(), copies[1].len()), (1, 1));
        assert_eq!(copies[0], copies[1], "the same bytes");
        refused(
            retry(&house, &id).await,
            Code::FailedPrecondition,
            "WRONG_STATE",
        );
    });
}

#[test]
fn an_expired_message_gets_a_new_time_and_a_repeat_finds_it_queued() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        house.suspend("adele").await;
        let held = v1::SendRequest {
            expire_time: at(60),
            ..text_to(&[ALEX])
        };
        let id = house.send(held).await.message_id;
        house.advance(Duration::from_secs(60));
        house.message_in(&id, MessageState::Expired).await;

        for bad in [at(60), at(0), at(60 + 32 * DAY + 1)] {
            invalid(retry_until(&house, &id, bad).await, &["expire_time"]);
        }
        let held = retry_until(&house, &id, at(600)).await.unwrap();
        assert_eq!(held.state(), MessageState::Held, "its service is suspended");
        assert_eq!(held.problem.unwrap().reason(), Reason::ServiceSuspended);
        assert_eq!(held.expire_time, at(600));
        let again = retry(&house, &id).await;
        refused(again, Code::FailedPrecondition, "WRONG_STATE");
        house.advance(Duration::from_secs(540));
        house.message_in(&id, MessageState::Expired).await;

        house.resume("adele").await;
        retry(&house, &id).await.unwrap();
        house.message_in(&id, MessageState::Sent).await;
    });
}

#[test]
fn an_uncertain_message_is_sent_again_by_a_persons_word_alone() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let held = uncertain(&house, &[LOST]).await;
        let id = &held.message_id;
        retry(&house, id).await.unwrap();
        let sent = house.message_in(id, MessageState::Sent).await;
        assert!(sent.attempts[0].uncertain && !sent.attempts[1].uncertain);
        let copies = mail_for(&house, LOST);
        assert_eq!(copies.len(), 2);
        assert_eq!(copies[0], copies[1]);
    });
}

#[test]
fn a_persons_word_ends_an_uncertain_message_without_sending() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let lost = uncertain(&house, &[LOST]).await.message_id;
        let sent = resolve(&house, &lost, Resolution::Sent).await.unwrap();
        assert_eq!(sent.state(), MessageState::Sent);
        assert_eq!(outcomes(&sent), [RecipientOutcome::Accepted]);
        assert_eq!((&sent.problem, &sent.recipients[0].reply), (&None, &None));
        let again = resolve(&house, &lost, Resolution::Sent).await.unwrap();
        assert_eq!(again, sent, "a repeat changes nothing");
        let other = resolve(&house, &lost, Resolution::Failed).await;
        refused(other, Code::FailedPrecondition, "WRONG_STATE");
        let gone = retry(&house, &lost).await;
        refused(gone, Code::FailedPrecondition, "WRONG_STATE");

        let lost = "drop-after-dot+two@contoso.com";
        let id = uncertain(&house, &[lost, "refused@contoso.com"])
            .await
            .message_id;
        let failed = resolve(&house, &id, Resolution::Failed).await.unwrap();
        assert_eq!(failed.state(), MessageState::Failed);
        assert_eq!(outcomes(&failed), [RecipientOutcome::Refused; 2]);
        assert_eq!(failed.recipients[1].reply.as_ref().unwrap().code, 550);
        assert_eq!(mail_for(&house, lost).len(), 1);
        retry(&house, &id).await.unwrap();
        house.message_in(&id, MessageState::Partial).await;
        assert_eq!(mail_for(&house, lost).len(), 2);
    });
}

#[test]
fn what_nobody_can_decide_or_send_again_is_refused_and_named() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let test = house.test("adele", "refused@contoso.com").await;
        assert!(!test.passed);
        let id = test.message_id;
        let fault = refused(
            retry(&house, &id).await,
            Code::FailedPrecondition,
            "WRONG_STATE",
        );
        assert!(fault.message.contains("bytes"), "{}", fault.message);
        let undecided = resolve(&house, &id, Resolution::Unspecified).await;
        invalid(undecided, &["resolution"]);
        let sent = resolve(&house, &id, Resolution::Sent).await;
        refused(sent, Code::FailedPrecondition, "WRONG_STATE");
        let both = v1::ResolveMessageRequest {
            message_id: "?".into(),
            resolution: 77,
        };
        let answer = house.mail().resolve_message(both).await;
        invalid(answer, &["message_id", "resolution"]);
        let both = v1::RetryMessageRequest {
            message_id: String::new(),
            expire_time: Some(Timestamp {
                seconds: 0,
                nanos: -1,
            }),
        };
        let answer = house.mail().retry_message(both).await;
        invalid(answer, &["message_id", "expire_time"]);
        let missing = mailwright::model::MessageId::generate(house.env.now(), [7; 10]);
        let missing = missing.to_string();
        let answer = retry(&house, &missing).await;
        refused(answer, Code::NotFound, "MESSAGE_NOT_FOUND");
        let answer = resolve(&house, &missing, Resolution::Sent).await;
        refused(answer, Code::NotFound, "MESSAGE_NOT_FOUND");
    });
}

#[test]
fn what_is_uncertain_outlives_its_service_and_is_decided_all_the_same() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let id = uncertain(&house, &[LOST]).await.message_id;
        let delete = v1::DeleteServiceRequest {
            service_id: "adele".into(),
            ..v1::DeleteServiceRequest::default()
        };
        house.admin().delete_service(delete).await.unwrap();
        let fault = refused(
            retry(&house, &id).await,
            Code::FailedPrecondition,
            "WRONG_STATE",
        );
        assert!(fault.message.contains("deleted"), "{}", fault.message);
        let taken = house.try_create("adele", house.service(ADELE)).await;
        refused(taken, Code::AlreadyExists, "SERVICE_EXISTS");
        let sent = resolve(&house, &id, Resolution::Sent).await.unwrap();
        assert_eq!(sent.state(), MessageState::Sent);
    });
}
