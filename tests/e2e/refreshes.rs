//! Tokens are renewed without anybody noticing, and a provider in trouble is left in peace.

use std::time::Duration;

use mailwright::rpc::proto::v1::{MessageState, Reason, ServiceState};
use mailwright::sandbox::TokenRefusal;

use super::harness::{House, run};
use super::requests::{ADELE, ALEX};

fn refreshes(house: &House) -> u64 {
    house.control().stats().token_requests("refresh_token")
}

#[test]
fn a_refresh_that_waits_says_why_and_asks_nobody() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        house.advance(Duration::from_secs(300)); // parked sessions are gone
        house.control().expire_access_tokens(ADELE);
        house
            .control()
            .refuse_next_token_requests(1, TokenRefusal::TooManyRequests);
        for _ in 0..2 {
            let test = house.test("adele", ALEX).await;
            let diagnosis = test.diagnosis.unwrap();
            assert_eq!(diagnosis.reason(), Reason::ProviderThrottled);
            assert_eq!(refreshes(&house), 1);
        }
        // What was asked for, a minute, and up to a quarter of it.
        house.advance(Duration::from_secs(75));
        assert!(house.test("adele", ALEX).await.passed);
        assert_eq!(refreshes(&house), 2);
    });
}

#[test]
fn a_login_that_a_fresh_token_does_not_mend_is_a_problem_and_no_loop() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        house.advance(Duration::from_secs(300));
        let refusal = "535 5.7.3 Authentication unsuccessful";
        house.control().auth_reply(ADELE, Some(refusal));
        let sent = house.mail_to(&[ALEX]).await;
        house.message_in(&sent.message_id, MessageState::Held).await;
        let service = house.get("adele").await;
        assert_eq!(service.state(), ServiceState::Blocked);
        assert!(service.problem.unwrap().provider_code.starts_with("535"));
        let auths = house.control().stats().auths;
        let more = house.mail_to(&[ALEX]).await;
        assert_eq!(more.state(), MessageState::Held);
        house.advance(Duration::from_secs(600));
        assert_eq!(refreshes(&house), 1);
        assert_eq!(house.control().stats().auths, auths);

        house.control().auth_reply(ADELE, None);
        assert!(house.test("adele", ALEX).await.passed);
        for id in [sent.message_id, more.message_id] {
            house.message_in(&id, MessageState::Sent).await;
        }
        assert_eq!(refreshes(&house), 1, "the token was good");
    });
}

#[test]
fn a_session_ends_its_message_while_its_token_is_replaced() {
    run(async {
        let house = House::start().await;
        house.control().token_lifetime(Duration::from_secs(600));
        house.ready_service().await;
        house.control().hold_data_reply(true);
        let sent = house.mail_to(&[ALEX]).await;
        house.control().wait_until(|stats| stats.held == 1).await;
        let before = house.control().stats();
        let last_refresh = async || {
            let service = house.get("adele").await;
            service.authorization.unwrap().last_refresh_time
        };
        let first = last_refresh().await;
        // 80 % of the lifetime, and less than the reply may take.
        house.advance(Duration::from_secs(480));
        while last_refresh().await == first {}
        house.control().hold_data_reply(false);
        house.control().release();
        house.message_in(&sent.message_id, MessageState::Sent).await;
        let stats = house.control().stats();
        assert_eq!(stats.auths, before.auths, "on the session it began with");

        let next = house.mail_to(&[ALEX]).await;
        house.message_in(&next.message_id, MessageState::Sent).await;
        let stats = house.control().stats();
        assert_eq!(stats.auths, before.auths + 1, "with the new token");
        assert_eq!(stats.delivered, before.delivered + 1);
    });
}
