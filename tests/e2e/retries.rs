//! Refusals and broken conversations: what is tried again, what is not, and what is told of it.

use std::time::Duration;

use mailwright::rpc::proto::v1::{
    self, AttemptPhase, MessageState, Reason, RecipientOutcome, ServiceState,
};

use super::harness::{House, run};
use super::requests::{ADELE, ALEX, request, text_email, text_to};

/// Mail beside the test's.
fn mail_for(house: &House, recipient: &str) -> usize {
    let all = house.sandbox.mail();
    all.iter()
        .filter(|mail| mail.rcpt_to.iter().any(|to| to == recipient))
        .count()
}

#[test]
fn one_refused_recipient_leaves_the_others_accepted() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let sent = house
            .mail_to(&["refused@contoso.com", "ann@contoso.com"])
            .await;
        let message = house
            .message_in(&sent.message_id, MessageState::Partial)
            .await;
        let [refused, accepted] = &message.recipients[..] else {
            panic!("{message:?}")
        };
        assert_eq!(refused.outcome(), RecipientOutcome::Refused);
        let reply = refused.reply.as_ref().unwrap();
        assert_eq!((reply.code, reply.enhanced_code.as_str()), (550, "5.4.1"));
        assert!(reply.text.contains("Access denied"), "{reply:?}");
        let diagnosis = refused.diagnosis.as_ref().unwrap();
        assert_eq!(diagnosis.reason(), Reason::RecipientRefused);
        assert_eq!(accepted.outcome(), RecipientOutcome::Accepted);
        assert_eq!(accepted.diagnosis, None);
        assert_eq!(mail_for(&house, "ann@contoso.com"), 1);
        assert_eq!(message.attempts.len(), 1);
        assert!(message.end_time.is_some());
    });
}

#[test]
fn a_message_whose_every_recipient_is_refused_has_failed() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let sent = house.mail_to(&["refused@contoso.com"]).await;
        let message = house
            .message_in(&sent.message_id, MessageState::Failed)
            .await;
        assert_eq!(message.problem.unwrap().reason(), Reason::RecipientRefused);
        assert_eq!(house.get("adele").await.state(), ServiceState::Ready);
    });
}

#[test]
fn a_greylisted_recipient_is_tried_again_alone() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let to = ["greylist@contoso.com", "ann@contoso.com"];
        let message = house.deferred(text_to(&to)).await;
        let outcomes: Vec<_> = message.recipients.iter().map(|r| r.outcome()).collect();
        assert_eq!(
            outcomes,
            [RecipientOutcome::Pending, RecipientOutcome::Accepted]
        );
        assert_eq!(message.recipients[0].reply.as_ref().unwrap().code, 450);
        let sent = house.next_attempt(&message, MessageState::Sent).await;
        assert_eq!(sent.attempts.len(), 2);
        assert_eq!(sent.attempts[1].recipients, ["greylist@contoso.com"]);
        assert_eq!(mail_for(&house, "ann@contoso.com"), 1);
        assert_eq!(mail_for(&house, "greylist@contoso.com"), 1);
        assert_eq!(sent.problem, None);
    });
}

#[test]
fn a_connection_lost_before_the_dot_is_tried_again_and_delivers_once() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        // The second is more than the sockets hold: the client is still writing when it ends.
        for (name, lines) in [
            ("drop-before-dot@contoso.com", 1),
            ("drop-mid-body@contoso.com", 100_000),
        ] {
            let line = "0123456789012345678901234567890123456789012345678901234567\r\n";
            let email = v1::Email {
                text_body: line.repeat(lines),
                ..text_email(&[name])
            };
            let message = house.deferred(request(email)).await;
            let [attempt] = &message.attempts[..] else {
                panic!("{message:?}")
            };
            assert!(!attempt.uncertain);
            assert_eq!(attempt.phase(), AttemptPhase::Data);
            assert_eq!(
                attempt.diagnosis.as_ref().unwrap().reason(),
                Reason::ConnectionLost
            );
            assert_eq!(mail_for(&house, name), 0);
            let sent = house.next_attempt(&message, MessageState::Sent).await;
            assert_eq!(sent.attempts.len(), 2);
            assert_eq!(mail_for(&house, name), 1);
        }
    });
}

#[test]
fn a_throttled_message_is_tried_again() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let message = house.deferred(text_to(&["throttle@contoso.com"])).await;
        let attempt = &message.attempts[0];
        assert_eq!(attempt.reply.as_ref().unwrap().code, 432);
        assert_eq!(
            attempt.diagnosis.as_ref().unwrap().reason(),
            Reason::ConcurrencyLimited
        );
        assert!(!attempt.uncertain);
        house.next_attempt(&message, MessageState::Sent).await;
        assert_eq!(mail_for(&house, "throttle@contoso.com"), 1);
        assert_eq!(house.get("adele").await.state(), ServiceState::Ready);
    });
}

#[test]
fn a_refusal_of_four_kibibytes_is_a_clear_refusal_cut_for_people() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let sent = house.mail_to(&["long-refusal@contoso.com"]).await;
        // Exchange's spam control: the mailbox is blocked, the message is not at fault.
        let message = house.message_in(&sent.message_id, MessageState::Held).await;
        let [attempt] = &message.attempts[..] else {
            panic!("{message:?}")
        };
        assert!(!attempt.uncertain);
        assert_eq!(attempt.phase(), AttemptPhase::Finished);
        let reply = attempt.reply.as_ref().unwrap();
        assert_eq!((reply.code, reply.enhanced_code.as_str()), (554, "5.2.0"));
        let length = reply.text.len();
        assert!((1_000..=2_048).contains(&length), "{length}");
        let diagnosis = message.problem.unwrap();
        assert_eq!(diagnosis.reason(), Reason::MailboxBlocked);
        assert!(!diagnosis.summary.is_empty() && diagnosis.provider_text.len() <= 2_048);
        assert_eq!(mail_for(&house, "long-refusal@contoso.com"), 0);
    });
}

#[test]
fn a_mailbox_that_may_not_send_holds_its_mail_and_probes() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        house.control().submission_reply(
            ADELE,
            Some("550 5.1.8 Access denied, bad outbound sender AS(42004)"),
        );
        let sent = house.mail_to(&[ALEX]).await;
        let held = house.message_in(&sent.message_id, MessageState::Held).await;
        assert_eq!(held.problem.unwrap().reason(), Reason::MailboxBlocked);
        let service = house.get("adele").await;
        assert_eq!(service.state(), ServiceState::Blocked);
        assert_eq!(service.problem.unwrap().reason(), Reason::MailboxBlocked);
        let more = house.mail_to(&[ALEX]).await;
        assert_eq!(more.state(), MessageState::Held);
        assert_eq!(more.problem.unwrap().reason(), Reason::MailboxBlocked);

        house.control().submission_reply(ADELE, None);
        house.advance(Duration::from_secs(60));
        for id in [sent.message_id, more.message_id] {
            house.message_in(&id, MessageState::Sent).await;
        }
        assert_eq!(house.get("adele").await.state(), ServiceState::Ready);
    });
}

#[test]
fn a_login_that_is_refused_waits_for_a_person_and_resume_tries_at_once() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        house.advance(Duration::from_secs(300)); // parked sessions are gone
        house.control().smtp_auth_disabled_mailbox(ADELE, true);
        let sent = house.mail_to(&[ALEX]).await;
        let held = house.message_in(&sent.message_id, MessageState::Held).await;
        assert_eq!(
            held.problem.unwrap().reason(),
            Reason::SmtpAuthDisabledMailbox
        );
        assert_eq!(house.get("adele").await.state(), ServiceState::Blocked);
        house.control().smtp_auth_disabled_mailbox(ADELE, false);
        house.resume("adele").await;
        house.message_in(&sent.message_id, MessageState::Sent).await;
    });
}

#[test]
fn more_mail_than_the_mailbox_has_connections_for_stays_within_them() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        house.control().hold_data_reply(true);
        let mut ids = Vec::new();
        for n in 0..6 {
            let to = format!("user{n}@contoso.com");
            ids.push(house.mail_to(&[&to]).await.message_id);
        }
        house.control().wait_until(|stats| stats.held == 3).await;
        house.control().hold_data_reply(false);
        for id in ids {
            house.message_in(&id, MessageState::Sent).await;
        }
        let stats = house.control().stats();
        assert_eq!(stats.mailbox(ADELE).connections_max, 3);
        assert_eq!(stats.concurrency_refused, 0);
    });
}
