//! Postfix as a relay without AUTH.

mod instance;

use std::collections::BTreeSet;

use mailwright::rpc::proto::v1::service::Auth;
use mailwright::rpc::proto::v1::{
    self, AttemptPhase, MessageState, NoAuth, Reason, RecipientOutcome, TlsMode,
};
use serde_json::{Value, json};

pub use instance::own_address;

use super::house::{House, run};
use super::letter::{ADELE, ALEX, RECIPIENTS, assert_is_the_letter, letter, note, service};
use instance::{Postfix, SIZE_MAX};

/// A server and a Postfix beside it.
async fn beside() -> (House, Postfix) {
    let house = House::start().await;
    let postfix = Postfix::start(&house.folder.0, &house.tls).await;
    (house, postfix)
}

/// Makes a service ready that sends by this port of Postfix.
async fn ready(house: &House, postfix: &mut Postfix, id: &str, port: u16, tls: TlsMode) {
    let host = own_address().to_string();
    let relay = service(&host, port, tls, Auth::None(NoAuth {}));
    house.create(id, relay).await;
    house.prove(id, ALEX).await;
    postfix.sink.next().await;
}

#[test]
fn a_letter_that_postfix_relays_arrives_field_by_field() {
    run(async {
        let (house, mut postfix) = beside().await;
        for (id, tls, protocol) in [
            ("plaintext", TlsMode::Plaintext, "ESMTP"),
            ("starttls", TlsMode::Starttls, "ESMTPS"),
        ] {
            let port = postfix.port;
            ready(&house, &mut postfix, id, port, tls).await;
            let message = house.send(id, letter()).await;
            let (envelope, arrived) = postfix.sink.next().await;
            assert_is_the_letter(&arrived, &message);
            assert_eq!(envelope["mail_from"], ADELE);
            assert_eq!(sorted(&envelope["rcpt_to"]), BTreeSet::from(RECIPIENTS));
            let trace = arrived.0["received"][0].as_str().unwrap();
            let with = format!("by relay.example.com (Postfix) with {protocol} id");
            assert!(trace.contains(&with), "{trace}");
            let encrypted = trace.contains("(using TLSv1.3 with cipher");
            assert_eq!(encrypted, tls == TlsMode::Starttls, "{trace}");
        }
    });
}

#[test]
fn a_recipient_that_postfix_does_not_know_is_refused_and_the_other_gets_it() {
    run(async {
        let (house, mut postfix) = beside().await;
        let port = postfix.port;
        ready(&house, &mut postfix, "relay", port, TlsMode::Plaintext).await;
        let nobody = "nobody@contoso.com";
        let message = house.send("relay", note(&[nobody, ALEX])).await;
        assert_eq!(message.state(), MessageState::Partial, "{message:#?}");
        let [refused, accepted] = &message.recipients[..] else {
            panic!("{message:#?}")
        };
        assert_eq!(accepted.outcome(), RecipientOutcome::Accepted);
        assert_eq!(refused.address, nobody);
        assert_eq!(refused.outcome(), RecipientOutcome::Refused);
        let reply = refused.reply.clone().unwrap();
        assert_eq!((reply.code, reply.enhanced_code.as_str()), (550, "5.1.1"));
        assert!(reply.text.contains("User unknown in relay recipient table"));
        let diagnosis = refused.diagnosis.clone().unwrap();
        assert_eq!(diagnosis.reason(), Reason::RecipientRefused);
        assert_eq!(diagnosis.scope(), v1::Scope::Recipient);

        let (envelope, arrived) = postfix.sink.next().await;
        assert_eq!(envelope["rcpt_to"], json!([ALEX]));
        assert_eq!(arrived.0["to"], json!([["", nobody], ["", ALEX]]));
    });
}

#[test]
fn a_message_over_the_limit_of_postfix_is_too_large_whether_it_tells_the_limit_or_not() {
    run(async {
        let (house, mut postfix) = beside().await;
        for (id, port, phase) in [
            ("told", postfix.port, AttemptPhase::MailFrom),
            ("untold", postfix.no_size_port, AttemptPhase::Finished),
        ] {
            ready(&house, &mut postfix, id, port, TlsMode::Plaintext).await;
            let mut large = note(&[ALEX]);
            large.attachments = vec![v1::Attachment {
                filename: "large.bin".into(),
                content: vec![b'x'; SIZE_MAX].into(),
                ..v1::Attachment::default()
            }];
            let message = house.send(id, large).await;
            assert_eq!(message.state(), MessageState::Failed, "{message:#?}");
            let [attempt] = &message.attempts[..] else {
                panic!("{message:#?}")
            };
            assert_eq!((attempt.phase(), attempt.uncertain), (phase, false));
            let diagnosis = attempt.diagnosis.clone().unwrap();
            assert_eq!(diagnosis.reason(), Reason::MessageTooLarge);
            assert_eq!(diagnosis.provider_code, "552 5.3.4");

            // The refusal was this message's alone.
            let message = house.send(id, note(&[ALEX])).await;
            assert_eq!(message.state(), MessageState::Sent);
            postfix.sink.next().await;
        }
    });
}

/// Postfix keeps no order among recipients.
fn sorted(addresses: &Value) -> BTreeSet<&str> {
    let all = addresses.as_array().unwrap().iter();
    all.map(|address| address.as_str().unwrap()).collect()
}
