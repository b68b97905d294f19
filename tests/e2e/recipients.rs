//! Messages to many: each recipient has an outcome of its own, and none is mailed twice.

use mailwright::rpc::proto::v1::{self, MessageState, Reason, RecipientOutcome};

use super::harness::{House, run};
use super::requests::{ADELE, request, text_email, text_to};

/// How often each of them was mailed.
fn copies(house: &House, to: &[&str]) -> Vec<usize> {
    let all = house.sandbox.mail();
    let of = |name: &&str| {
        let had = all
            .iter()
            .filter(|mail| mail.rcpt_to.iter().any(|to| to == name));
        had.count()
    };
    to.iter().map(of).collect()
}

async fn ready_with(house: &House, recipients_per_message: i32) {
    let mut service = house.service(ADELE);
    service.delivery = Some(v1::Delivery {
        recipients_per_message: Some(recipients_per_message),
        messages_per_minute: Some(100_000),
        ..v1::Delivery::default()
    });
    house.ready("adele", service).await;
}

const FIVE: [&str; 5] = [
    "ann@contoso.com",
    "bob@contoso.com",
    "cid@contoso.com",
    "dan@contoso.com",
    "eve@contoso.com",
];

#[test]
fn accepted_refused_and_deferred_recipients_of_one_message_each_go_their_way() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let to = [
            "ann@contoso.com",
            "refused@contoso.com",
            "greylist@contoso.com",
        ];
        let message = house.deferred(text_to(&to)).await;
        use RecipientOutcome::{Accepted, Pending, Refused};
        let outcomes = |message: &v1::Message| -> Vec<_> {
            message.recipients.iter().map(|r| r.outcome()).collect()
        };
        assert_eq!(outcomes(&message), [Accepted, Refused, Pending]);
        let replies = message.recipients.iter().map(|r| r.reply.as_ref().unwrap());
        let codes: Vec<_> = replies.map(|reply| reply.code).collect();
        assert_eq!(codes, [250, 550, 450]);
        let ended = house.next_attempt(&message, MessageState::Partial).await;
        assert_eq!(outcomes(&ended), [Accepted, Refused, Accepted]);
        assert_eq!(ended.attempts[1].recipients, ["greylist@contoso.com"]);
        assert_eq!(copies(&house, &to), [1, 0, 1]);
    });
}

#[test]
fn more_recipients_than_a_transaction_holds_are_one_message_in_parts() {
    run(async {
        let house = House::start().await;
        ready_with(&house, 2).await;
        let sent = house.mail_to(&FIVE).await;
        // The clock stands: a part waits for nothing.
        let message = house.message_in(&sent.message_id, MessageState::Sent).await;
        let parts: Vec<_> = message
            .attempts
            .iter()
            .map(|a| a.recipients.len())
            .collect();
        assert_eq!(parts, [2, 2, 1]);
        assert_eq!(copies(&house, &FIVE), [1; 5]);
        let mail = house.sandbox.mail();
        let contents = mail
            .iter()
            .filter(|mail| FIVE.contains(&mail.rcpt_to[0].as_str()));
        let mut contents: Vec<_> = contents.map(|mail| &mail.content).collect();
        contents.dedup();
        assert_eq!(contents.len(), 1, "one message, the same bytes");
    });
}

#[test]
fn what_a_server_takes_no_more_of_goes_on_at_once_and_spends_nothing() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        house.control().recipients_per_message(2);
        let sent = house.mail_to(&FIVE).await;
        let message = house.message_in(&sent.message_id, MessageState::Sent).await;
        let tried: Vec<_> = message
            .attempts
            .iter()
            .map(|a| a.recipients.len())
            .collect();
        assert_eq!(tried, [5, 3, 1]);
        assert_eq!(copies(&house, &FIVE), [1; 5]);
    });
}

#[test]
fn who_was_one_too_many_waits_with_the_deferred_and_spends_nothing_either() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        house.control().recipients_per_message(2);
        let to = [&["greylist@contoso.com"], &FIVE[..4]].concat();
        let message = house.deferred(text_to(&to)).await;
        let waits = message.next_attempt_time != message.update_time;
        assert!(waits, "for the greylist");
        let sent = house.next_attempt(&message, MessageState::Sent).await;
        let tried: Vec<_> = sent.attempts.iter().map(|a| a.recipients.len()).collect();
        assert_eq!(tried, [5, 3, 1]);
        assert_eq!(copies(&house, &to), [1; 5]);
    });
}

#[test]
fn a_deferred_recipient_waits_alone_while_the_other_parts_go() {
    run(async {
        let house = House::start().await;
        ready_with(&house, 1).await;
        house.control().throttle_times(u32::MAX);
        let to = ["throttle@contoso.com", "ann@contoso.com", "bob@contoso.com"];
        let first = house.deferred(text_to(&to)).await;
        let mut feed = house.watch(&first.cursor).await;
        house.advance_to(first.next_attempt_time.unwrap());
        // Not the first one again: the others have not been tried.
        for name in ["ann@contoso.com", "bob@contoso.com"] {
            let sending = feed.message(&first.message_id, MessageState::Sending).await;
            let attempt = &sending.message.unwrap().attempts[0];
            assert_eq!(attempt.recipients, [name]);
            feed.message(&first.message_id, MessageState::Queued).await;
        }
        assert_eq!(copies(&house, &to), [0, 1, 1]);
        let waits = house.message(&first.message_id).await;
        assert_eq!(waits.state(), MessageState::Queued);
        assert_eq!(waits.attempts.len(), 3);
    });
}

#[test]
fn a_refusal_at_data_is_the_answer_of_those_who_had_none() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let to = [
            "refused@contoso.com",
            "data-refused@contoso.com",
            "ann@contoso.com",
        ];
        let sent = house.mail_to(&to).await;
        let message = house
            .message_in(&sent.message_id, MessageState::Failed)
            .await;
        let replies: Vec<_> = message
            .recipients
            .iter()
            .map(|r| r.reply.as_ref().unwrap())
            .map(|reply| (reply.code, reply.enhanced_code.as_str()))
            .collect();
        assert_eq!(replies, [(550, "5.4.1"), (554, "5.7.1"), (554, "5.7.1")]);
        let own = message.recipients[0].diagnosis.as_ref().unwrap();
        assert_eq!(own.reason(), Reason::RecipientRefused);
        assert_eq!(message.attempts[0].reply.as_ref().unwrap().code, 554);
        assert_eq!(
            message.attempts[0]
                .diagnosis
                .as_ref()
                .unwrap()
                .provider_code,
            "554 5.7.1"
        );
    });
}

#[test]
fn a_connection_that_breaks_later_hides_no_refusal() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        // The second is more than the sockets hold: the client is still writing when it ends.
        for (name, lines) in [
            ("drop-before-dot@contoso.com", 1),
            ("drop-mid-body@contoso.com", 100_000),
        ] {
            let email = v1::Email {
                text_body: "0123456789012345678901234567890123456789\r\n".repeat(lines),
                ..text_email(&[name, "refused@contoso.com"])
            };
            let message = house.deferred(request(email)).await;
            let refused = &message.recipients[1];
            assert_eq!(refused.outcome(), RecipientOutcome::Refused, "{name}");
            assert_eq!(refused.reply.as_ref().unwrap().code, 550);
            assert_eq!(message.recipients[0].outcome(), RecipientOutcome::Pending);
            assert_eq!(
                message.attempts[0].diagnosis.as_ref().unwrap().reason(),
                Reason::ConnectionLost
            );
            let ended = house.next_attempt(&message, MessageState::Partial).await;
            assert_eq!(ended.attempts[1].recipients, [name]);
        }
    });
}
