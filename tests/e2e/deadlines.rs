//! No dot goes out late, however patiently a server must be waited for, and behind the dot nobody
//! pretends to know.

use std::time::Duration;

use mailwright::rpc::proto::v1::{
    self, AttemptPhase, MessageState, Reason, RecipientOutcome, StepOutcome, TestStep,
};
use prost_types::Timestamp;

use super::harness::{House, START, run};
use super::requests::{ADELE, ALEX, text_to};

fn expiring(seconds: i64, to: &[&str]) -> v1::SendRequest {
    v1::SendRequest {
        expire_time: Some(Timestamp {
            seconds: START + seconds,
            nanos: 0,
        }),
        ..text_to(to)
    }
}

/// A house whose mail server hears of a step only when the client has read the reply before.
async fn stepwise() -> House {
    let house = House::start().await;
    house.control().pipelining(false);
    house.ready_service().await;
    house
}

fn mailed(house: &House, recipient: &str) -> bool {
    let all = house.sandbox.mail();
    all.iter().any(|mail| mail.rcpt_to == [recipient])
}

/// Sends something else and waits until it has arrived.
async fn something_else_arrives(house: &House) {
    let other = house.mail_to(&["other@contoso.com"]).await;
    house
        .message_in(&other.message_id, MessageState::Sent)
        .await;
}

#[test]
fn a_message_whose_time_comes_before_the_dot_is_never_sent() {
    run(async {
        let house = stepwise().await;
        let to = "slow-data@contoso.com";
        let id = house.send(expiring(60, &[to])).await.message_id;
        house.control().wait_until(|stats| stats.held == 1).await;
        house.advance(Duration::from_secs(60));
        let expired = house.message_in(&id, MessageState::Expired).await;
        assert_eq!(expired.recipients[0].outcome(), RecipientOutcome::Expired);
        let attempt = &expired.attempts[0];
        assert_eq!(attempt.phase(), AttemptPhase::Data);
        assert!(!attempt.uncertain);
        let why = attempt.diagnosis.as_ref().unwrap().reason();
        assert_eq!(why, Reason::MessageExpired);
        house.control().wait_until(|stats| stats.held == 0).await;
        house.control().release();
        something_else_arrives(&house).await;
        assert!(!mailed(&house, to));
    });
}

#[test]
fn a_server_that_is_slow_at_every_step_does_not_keep_a_message_for_hours() {
    run(async {
        let house = stepwise().await;
        let to: Vec<_> = (0..12)
            .map(|n| format!("slow-rcpt+{n}@contoso.com"))
            .collect();
        let to: Vec<_> = to.iter().map(String::as_str).collect();
        let sent = house.send(text_to(&to)).await;
        let mut feed = house.watch(&sent.cursor).await;
        feed.message(&sent.message_id, MessageState::Sending).await;
        // Every reply comes in four minutes, of the five that RFC 5321 gives it.
        for n in 1..8 {
            house
                .control()
                .wait_until(|stats| stats.held_total == n)
                .await;
            house.advance(Duration::from_secs(240));
            house.control().release();
        }
        house
            .control()
            .wait_until(|stats| stats.held_total == 8)
            .await;
        let message = house.message(&sent.message_id).await;
        assert_eq!(
            message.state(),
            MessageState::Sending,
            "28 minutes are not too many"
        );
        house.advance(Duration::from_secs(120));
        feed.message(&sent.message_id, MessageState::Queued).await;
        let message = house.message(&sent.message_id).await;
        let attempt = &message.attempts[0];
        assert_eq!(attempt.phase(), AttemptPhase::RcptTo);
        let why = attempt.diagnosis.as_ref().unwrap().reason();
        assert_eq!(why, Reason::ConnectionLost);
    });
}

#[test]
fn waiting_for_a_connection_ends_with_the_message_too() {
    run(async {
        let house = House::start().await;
        let mut service = house.service(ADELE);
        service.delivery = Some(v1::Delivery {
            max_connections: Some(1),
            ..v1::Delivery::default()
        });
        house.ready("adele", service).await;
        // A test has the only connection.
        let mut admin = house.admin();
        let test = tokio::spawn(async move {
            let request = v1::SendTestRequest {
                service_id: "adele".into(),
                to: "slow@contoso.com".into(),
            };
            admin.send_test(request).await.unwrap().into_inner()
        });
        house.control().wait_until(|stats| stats.held == 1).await;
        let sent = house.send(expiring(60, &[ALEX])).await;
        let mut feed = house.watch(&sent.cursor).await;
        feed.message(&sent.message_id, MessageState::Sending).await;
        house.advance(Duration::from_secs(60));
        feed.message(&sent.message_id, MessageState::Expired).await;
        house.control().release();
        assert!(test.await.unwrap().passed);
        something_else_arrives(&house).await;
        let mail = house.sandbox.mail();
        let came = mail.iter().filter(|mail| mail.rcpt_to == [ALEX]).count();
        assert_eq!(came, 1, "the first test's");
    });
}

#[test]
fn a_dot_without_a_reply_is_uncertain_after_ten_minutes_and_not_before() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let sent = house.send(expiring(300, &["slow@contoso.com"])).await;
        let mut feed = house.watch(&sent.cursor).await;
        feed.message(&sent.message_id, MessageState::Sending).await;
        house.control().wait_until(|stats| stats.held == 1).await;
        house.advance(Duration::from_secs(599));
        something_else_arrives(&house).await;
        let message = house.message(&sent.message_id).await;
        assert_eq!(
            message.state(),
            MessageState::Sending,
            "the dot was in time"
        );
        house.advance(Duration::from_secs(1));
        // Its time is over, so it is not resent; nor is it said that nobody has it.
        feed.message(&sent.message_id, MessageState::Uncertain)
            .await;
        let message = house.message(&sent.message_id).await;
        assert!(message.attempts[0].uncertain);
        assert_eq!(message.attempts[0].phase(), AttemptPhase::DotSent);
        let outcome = message.recipients[0].outcome();
        assert_eq!(outcome, RecipientOutcome::Uncertain);
    });
}

#[test]
fn a_test_that_hears_nothing_behind_the_dot_says_that_it_may_have_been_taken() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let mut admin = house.admin();
        let test = tokio::spawn(async move {
            let request = v1::SendTestRequest {
                service_id: "adele".into(),
                to: "slow@contoso.com".into(),
            };
            admin.send_test(request).await.unwrap().into_inner()
        });
        house.control().wait_until(|stats| stats.held == 1).await;
        house.advance(Duration::from_secs(120));
        let test = test.await.unwrap();
        assert!(!test.passed);
        let diagnosis = test.diagnosis.as_ref().unwrap();
        assert_eq!(diagnosis.reason(), Reason::ReplyLost);
        let summary = &diagnosis.summary;
        assert!(
            summary.contains("the server may have taken it"),
            "{summary}"
        );
        let last = test.steps.last().unwrap();
        assert_eq!(
            (last.step(), last.outcome()),
            (TestStep::FinalReply, StepOutcome::Failed)
        );
        let message = house.message(&test.message_id).await;
        let attempt = &message.attempts[0];
        assert_eq!(attempt.phase(), AttemptPhase::DotSent);
        assert!(attempt.uncertain);
    });
}
