//! S9: who consents, which mailbox logs in and what the mail is from may differ.

use mailwright::rpc::proto::v1::{self, MessageState, Reason, ServiceState};

use super::harness::{House, run};
use super::requests::{ADELE, ALEX, NOREPLY, oauth2, text_to};

fn shared(house: &House) -> v1::Service {
    let mut service = house.service(NOREPLY);
    oauth2(&mut service).consent_email = ADELE.into();
    service
}

#[test]
fn s9_a_person_consents_and_the_shared_mailbox_sends() {
    run(async {
        let house = House::start().await;
        let service = house.ready("adele", shared(&house)).await;
        assert_eq!(service.authorization.unwrap().login, ADELE);
        let sent = house.send(text_to(&[ALEX])).await;
        let message = house.message_in(&sent.message_id, MessageState::Sent).await;
        assert_eq!(message.from.unwrap().address, NOREPLY);
        let mail = house.sandbox.mail().pop().unwrap();
        assert_eq!(
            (mail.mailbox.as_str(), mail.mail_from.as_str()),
            (NOREPLY, NOREPLY)
        );
        let stats = house.control().stats();
        assert!(stats.mailbox(NOREPLY).auths > 0);
        assert_eq!(stats.mailbox(ADELE).auths, 0);
    });
}

#[test]
fn s9_a_person_sends_as_the_shared_mailbox_without_its_login() {
    run(async {
        let house = House::start().await;
        let mut service = house.service(ADELE);
        service.sender.as_mut().unwrap().address = NOREPLY.into();
        house.ready("adele", service).await;
        let mail = house.sandbox.mail().pop().unwrap();
        assert_eq!(
            (mail.mailbox.as_str(), mail.mail_from.as_str()),
            (ADELE, NOREPLY)
        );
    });
}

#[test]
fn s9_without_the_right_to_send_as_the_test_says_so() {
    run(async {
        let house = House::start().await;
        house
            .control()
            .alter_account(NOREPLY, |account| account.send_as.clear());
        let mut service = house.service(ADELE);
        service.sender.as_mut().unwrap().address = NOREPLY.into();
        house.create("adele", service).await;
        house.authorize("adele", ADELE).await;
        let test = house.test("adele", ALEX).await;
        assert!(!test.passed);
        assert_eq!(test.diagnosis.unwrap().reason(), Reason::SendAsDenied);
        assert_eq!(house.get("adele").await.state(), ServiceState::PendingTest);
    });
}

#[test]
fn s9_somebody_else_than_who_was_named_cannot_consent_for_the_shared_mailbox() {
    run(async {
        let house = House::start().await;
        house.create("adele", shared(&house)).await;
        let page = house.authorize("adele", ALEX).await;
        assert_eq!(page.status, 400);
        assert!(page.body.contains(ALEX), "{}", page.body);
    });
}
