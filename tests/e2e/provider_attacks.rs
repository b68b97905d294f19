//! A hostile provider, and somebody who brings one authorization's answer to another: no code is
//! shown to whom it is not for, nothing is stored, and what was granted before stays in use.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use mailwright::rpc::proto::v1::{self, ServiceState};
use mailwright::sandbox::CLIENT_SECRET;
use sha2::{Digest, Sha256};
use tokio::task::JoinSet;
use tonic::Code;

use super::authorization::complete;
use super::browser;
use super::callback::custom;
use super::fault::refused;
use super::harness::{House, run};
use super::requests::{ADELE, ALEX, oauth2};
use super::rogue::Rogue;

/// A service whose codes are redeemed there; people consent at the sandbox.
fn redeemed_at(house: &House, rogue: &Rogue) -> v1::Service {
    let mut service = custom(house);
    let settings = oauth2(&mut service).custom.as_mut().unwrap();
    settings.token_endpoint = format!("{}/token", rogue.base);
    service
}

fn redemptions(house: &House) -> u64 {
    house.control().stats().token_requests("authorization_code")
}

async fn is_pending(house: &House, id: &str) -> bool {
    let service = house.get(id).await;
    service.state() == ServiceState::PendingAuthorization && service.authorization.is_none()
}

#[test]
fn of_many_that_come_back_at_once_with_one_state_one_gets_in() {
    run(async {
        let house = House::start().await;
        house.create("adele", house.service(ADELE)).await;
        let back = house.consent("adele", ADELE).await;
        house.control().hold_token_replies(true);
        let mut calls = JoinSet::new();
        for _ in 0..8 {
            let back = back.clone();
            calls.spawn(async move { browser::get(&back).await.status });
        }
        for _ in 0..7 {
            assert_eq!(calls.join_next().await.unwrap().unwrap(), 404);
        }
        house.control().hold_token_replies(false);
        assert_eq!(calls.join_next().await.unwrap().unwrap(), 200);
        assert_eq!(redemptions(&house), 1);
        assert!(house.test("adele", ALEX).await.passed);
    });
}

#[test]
fn a_code_of_another_authorization_is_worth_nothing() {
    run(async {
        let house = House::start().await;
        house.create("adele", house.service(ADELE)).await;
        house.create("other", house.service(ADELE)).await;
        let foreign = browser::parameters(&house.consent("other", ADELE).await);
        let begun = house.begin("adele").await;
        let query = browser::query(&[("state", &begun.state), ("code", &foreign["code"])]);
        let page = browser::get(&format!("{}?{query}", begun.redirect_uri)).await;
        assert_eq!(page.status, 400);
        // The verifier is that of the authorization whose state it is.
        assert!(page.body.contains("AADSTS501481"), "{}", page.body);
        assert!(is_pending(&house, "adele").await && is_pending(&house, "other").await);
    });
}

#[test]
fn a_code_is_never_shown_to_another_provider() {
    run(async {
        let house = House::start().await;
        let mut rogue = Rogue::json("200 OK", r#"{"access_token":"a"}"#).await;
        house.create("honest", custom(&house)).await;
        house.create("hostile", redeemed_at(&house, &rogue)).await;
        // The hostile provider sends its visitor on to the honest one, with its own state.
        let code = browser::parameters(&house.consent("honest", ADELE).await)["code"].clone();
        let (honest, hostile) = (house.begin("honest").await, house.begin("hostile").await);
        for (uri, state) in [
            (&honest.redirect_uri, &hostile.state),
            (&hostile.redirect_uri, &honest.state),
        ] {
            let query = browser::query(&[("state", state), ("code", &code)]);
            assert_eq!(browser::get(&format!("{uri}?{query}")).await.status, 404);
        }
        // Nor by a platform that owns the page and tells where the browser came back.
        let hostile = house.begin("hostile").await.state;
        let query = browser::query(&[("state", &hostile), ("code", &code)]);
        let back = format!("{}?{query}", honest.redirect_uri);
        let answer = complete(&house, &back).await;
        refused(answer, Code::NotFound, "AUTHORIZATION_NOT_FOUND");
        assert!(!rogue.was_asked());
        assert_eq!(redemptions(&house), 0);
        assert!(is_pending(&house, "honest").await && is_pending(&house, "hostile").await);
    });
}

#[test]
fn a_custom_provider_gets_pkce_and_the_very_redirect_uri() {
    run(async {
        let house = House::start().await;
        let mut rogue = Rogue::json("400 Bad Request", r#"{"error":"invalid_grant"}"#).await;
        house.create("adele", redeemed_at(&house, &rogue)).await;
        let begun = house.begin("adele").await;
        let asked = browser::parameters(&begun.authorization_url);
        assert_eq!(asked["code_challenge_method"], "S256");
        let back = browser::decide(&begun.authorization_url, ADELE, "accept").await;
        assert_eq!(browser::get(&back).await.status, 400);
        let form = rogue.asked().await;
        let challenge = Sha256::digest(form["code_verifier"].as_bytes());
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(challenge);
        assert_eq!(challenge, asked["code_challenge"]);
        assert_eq!(form["redirect_uri"], begun.redirect_uri);
        assert_eq!(form["code"], browser::parameters(&back)["code"]);

        let mut without = redeemed_at(&house, &rogue);
        oauth2(&mut without).custom.as_mut().unwrap().disable_pkce = true;
        house.create("without", without).await;
        let back = house.consent("without", ADELE).await;
        assert_eq!(browser::get(&back).await.status, 400);
        assert!(!rogue.asked().await.contains_key("code_verifier"));
    });
}

#[test]
fn a_token_endpoint_that_points_elsewhere_is_not_followed() {
    run(async {
        let house = House::start().await;
        let mut elsewhere = Rogue::json("200 OK", r#"{"access_token":"a"}"#).await;
        for status in ["302 Found", "307 Temporary Redirect"] {
            let location = format!("location: {}/token", elsewhere.base);
            let answer = format!("HTTP/1.1 {status}\r\n{location}\r\ncontent-length: 0\r\n\r\n");
            let rogue = Rogue::start(answer, false).await;
            let id = format!("service-{}", &status[..3]);
            house.create(&id, redeemed_at(&house, &rogue)).await;
            let back = house.consent(&id, ADELE).await;
            let answer = complete(&house, &back).await;
            let fault = refused(answer, Code::FailedPrecondition, "PROVIDER_PROTOCOL");
            assert!(
                fault.message.contains("redirects are not followed"),
                "{fault:?}"
            );
            assert!(is_pending(&house, &id).await);
        }
        assert!(!elsewhere.was_asked());
    });
}

#[test]
fn an_answer_without_end_is_given_up() {
    run(async {
        let house = House::start().await;
        let body = format!(r#"{{"access_token":"{}"}}"#, "a".repeat(1024 * 1024));
        let rogue = Rogue::json("200 OK", &body).await;
        house.create("adele", redeemed_at(&house, &rogue)).await;
        let back = house.consent("adele", ADELE).await;
        assert_eq!(browser::get(&back).await.status, 503);
        assert!(is_pending(&house, "adele").await);
    });
}

#[test]
fn a_token_endpoint_that_never_ends_its_answer_holds_nobody_else() {
    run(async {
        let house = House::start().await;
        let begun = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"access_token\":";
        for (id, answer) in [("silent", ""), ("endless", begun)] {
            let mut rogue = Rogue::start(answer.to_owned(), true).await;
            house.create(id, redeemed_at(&house, &rogue)).await;
            let back = house.consent(id, ADELE).await;
            let slow = tokio::spawn(async move { browser::get(&back).await.status });
            rogue.asked().await;
            // Another mailbox is authorized meanwhile.
            let other = format!("{id}-other");
            house.create(&other, house.service(ALEX)).await;
            assert_eq!(house.authorize(&other, ALEX).await.status, 200);
            assert!(!slow.is_finished());
            house.advance(Duration::from_secs(30));
            assert_eq!(slow.await.unwrap(), 503);
            assert!(is_pending(&house, id).await);
        }
    });
}

#[test]
fn a_hostile_error_is_text_without_links_and_without_our_secret() {
    run(async {
        let house = House::start().await;
        let body = format!(
            r#"{{"error":"<b>x</b>","error_description":"<script>1</script> {CLIENT_SECRET}\r\nSet-Cookie: a=b","error_uri":"https://evil.example/"}}"#
        );
        let rogue = Rogue::json("400 Bad Request", &body).await;
        house.create("adele", redeemed_at(&house, &rogue)).await;
        let back = house.consent("adele", ADELE).await;
        let page = browser::get(&back).await;
        assert_eq!(page.status, 400);
        assert!(page.body.contains("&lt;script&gt;"), "{}", page.body);
        for part in ["<script", "<b>x", "evil.example", CLIENT_SECRET] {
            assert!(!page.body.contains(part), "{part}: {}", page.body);
        }
        assert!(!page.headers.contains_key("set-cookie"));
        let back = house.consent("adele", ADELE).await;
        let status = complete(&house, &back).await.unwrap_err();
        let said = format!("{status:?}");
        assert!(
            !said.contains(CLIENT_SECRET) && !said.contains("evil.example"),
            "{said}"
        );
    });
}

#[test]
fn a_line_end_in_the_query_begins_no_header() {
    run(async {
        let house = House::with(|config| {
            config.server.return_url_prefixes = vec!["https://admin.example.com/".into()];
        })
        .await;
        house.create("adele", house.service(ADELE)).await;
        let split = "x\r\nx-evil: 1\r\n\r\n<script>1</script>";
        let begun = house.begin("adele").await;
        for query in [
            browser::query(&[("state", split), ("code", split)]),
            browser::query(&[
                ("state", &begun.state),
                ("error", split),
                ("error_description", split),
                ("error_subcode", split),
                ("iss", split),
            ]),
        ] {
            let page = browser::get(&format!("{}?{query}", begun.redirect_uri)).await;
            assert!(!page.headers.contains_key("x-evil"), "{:?}", page.headers);
            assert!(page.headers.contains_key("content-security-policy"));
            assert!(!page.body.contains("<script"), "{}", page.body);
        }
        let request = v1::BeginAuthorizeRequest {
            service_id: "adele".into(),
            return_url: format!("https://admin.example.com/{split}"),
        };
        let answer = house.admin().begin_authorize(request).await;
        super::fault::invalid(answer, &["return_url"]);
    });
}
