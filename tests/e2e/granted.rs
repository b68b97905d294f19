//! What somebody comes back with is looked at before it is stored: a grant that could not send is
//! named at once, and the one before it stays in use.

use std::time::Duration;

use mailwright::rpc::proto::v1::{MessageState, ServiceState};
use mailwright::sandbox::{FABRIKAM_TENANT_ID, TENANT_ID};
use serde_json::{Value, json};
use tonic::Code;

use super::authorization::complete;
use super::browser;
use super::callback::custom;
use super::fault::{Fault, refused};
use super::harness::{House, run};
use super::requests::{ADELE, ALEX, oauth2};

/// Authorizes "adele", which is ready, once more by the page and once by the RPC. Both are refused
/// for this reason, nothing changes, and what was granted before still sends. The refusal.
async fn keeps_the_old_grant(house: &House, account: &str, reason: &str) -> Fault {
    let before = house.get("adele").await;
    assert_eq!(before.state(), ServiceState::Ready);
    let page = house.authorize("adele", account).await;
    assert_eq!(page.status, 400, "{}", page.body);
    assert!(page.body.contains("What to do"), "{}", page.body);
    let back = house.consent("adele", account).await;
    let answer = complete(house, &back).await;
    let fault = refused(answer, Code::FailedPrecondition, reason);
    let lead = lead(&page.body);
    assert!(fault.message.starts_with(&lead), "{fault:?}: {lead}");
    house.only_failed_to_authorize(before).await;
    house.advance(Duration::from_secs(300)); // parked sessions are gone
    let sent = house.mail_to(&[ALEX]).await;
    house.message_in(&sent.message_id, MessageState::Sent).await;
    fault
}

/// The sentence that the page begins with.
fn lead(page: &str) -> String {
    let rest = page.split("<p class=\"lead\">").nth(1).unwrap();
    let lead = rest.split("</p>").next().unwrap();
    lead.replace("&#39;", "'").replace("&quot;", "\"")
}

#[test]
fn another_account_than_the_one_named() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let fault = keeps_the_old_grant(&house, ALEX, "WRONG_ACCOUNT").await;
        assert!(fault.message.contains(ALEX), "{fault:?}");
    });
}

#[test]
fn any_name_in_the_id_token_will_do_and_without_one_the_login_proves_it() {
    run(async {
        let house = House::start().await;
        house.create("adele", house.service(ADELE)).await;
        let names = ["preferred_username", "upn", "email"];
        for kept in names {
            for name in names {
                let value = match name == kept {
                    true => json!("Adele@Contoso.COM"),
                    false => Value::Null,
                };
                house.control().id_token_claim(name, Some(value));
            }
            let page = house.authorize("adele", ADELE).await;
            assert_eq!(page.status, 200, "{kept}: {}", page.body);
        }
        for name in names {
            house.control().id_token_claim(name, Some(Value::Null));
        }
        let page = house.authorize("adele", ADELE).await;
        assert!(
            page.body.contains("did not say who signed in"),
            "{}",
            page.body
        );
        let mut service = custom(&house);
        let settings = oauth2(&mut service);
        settings.scopes.push("email".into()); // and thus no openid
        house.create("custom", service).await;
        let page = house.authorize("custom", ALEX).await;
        assert!(
            page.body.contains("did not say who signed in"),
            "{}",
            page.body
        );
        assert!(!house.test("custom", ALEX).await.passed);
    });
}

#[test]
fn an_account_of_another_tenant() {
    run(async {
        let house = House::start().await;
        let mut service = house.service(ADELE);
        oauth2(&mut service).tenant_id = TENANT_ID.to_uppercase();
        house.ready("adele", service).await;
        let tid = Some(json!(FABRIKAM_TENANT_ID));
        house.control().id_token_claim("tid", tid);
        let fault = keeps_the_old_grant(&house, ADELE, "WRONG_ACCOUNT").await;
        assert!(fault.message.contains(FABRIKAM_TENANT_ID), "{fault:?}");
    });
}

#[test]
fn a_permission_to_send_that_was_left_unticked() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        house.control().untick(Some("SMTP.Send"));
        let fault = keeps_the_old_grant(&house, ADELE, "MISSING_SCOPE").await;
        assert!(fault.message.contains("SMTP.Send"), "{fault:?}");
    });
}

#[test]
fn a_scope_of_a_custom_provider_that_was_not_granted() {
    run(async {
        let house = House::start().await;
        let mut service = custom(&house);
        let imap = "https://outlook.office.com/IMAP.AccessAsUser.All";
        oauth2(&mut service).scopes.push(imap.into());
        house.ready("adele", service).await;
        house.control().untick(Some("IMAP.AccessAsUser.All"));
        let fault = keeps_the_old_grant(&house, ADELE, "MISSING_SCOPE").await;
        assert!(fault.message.contains(imap), "{fault:?}");
    });
}

#[test]
fn a_token_for_graph() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        house.control().graph_tokens(true);
        let fault = keeps_the_old_grant(&house, ADELE, "WRONG_AUDIENCE").await;
        assert!(fault.message.contains("graph.microsoft.com"), "{fault:?}");
    });
}

#[test]
fn a_bare_scope_that_means_graph_is_named_and_an_address_beside_graphs_is_enough() {
    run(async {
        let house = House::start().await;
        let mut service = house.service(ADELE);
        oauth2(&mut service).scopes = vec!["SMTP.Send".into()];
        house.create("bare", service.clone()).await;
        let back = house.consent("bare", ADELE).await;
        let answer = complete(&house, &back).await;
        refused(answer, Code::FailedPrecondition, "WRONG_AUDIENCE");
        let state = house.get("bare").await.state();
        assert_eq!(state, ServiceState::PendingAuthorization);

        let both = ["Mail.Read", "https://outlook.office.com/SMTP.Send"];
        oauth2(&mut service).scopes = both.map(str::to_owned).to_vec();
        let ready = house.ready("adele", service).await;
        let granted = ready.authorization.unwrap().scopes;
        assert_eq!(granted, ["https://outlook.office.com/SMTP.Send"]);
        // And so it stays when the token is renewed.
        house.advance(Duration::from_secs(3_600));
        house
            .control()
            .wait_until(|stats| stats.token_requests("refresh_token") == 1)
            .await;
        assert!(house.test("adele", ALEX).await.passed);
    });
}

#[test]
fn access_without_a_refresh_token() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        house.control().omit_refresh_token(true);
        keeps_the_old_grant(&house, ADELE, "NO_REFRESH_TOKEN").await;
    });
}

#[test]
fn an_id_token_of_another_issuer() {
    run(async {
        let house = House::start().await;
        let issuer = format!("{}/{TENANT_ID}/v2.0", house.sandbox.authority());
        let mut service = custom(&house);
        let settings = oauth2(&mut service).custom.as_mut().unwrap();
        settings.issuer = issuer.clone();
        house.create("adele", service).await;
        let iss = browser::query(&[("iss", &issuer)]);
        let back = house.consent("adele", ADELE).await;
        let page = browser::get(&format!("{back}&{iss}")).await;
        assert_eq!(page.status, 200, "{}", page.body);
        assert!(house.test("adele", ALEX).await.passed);

        let before = house.get("adele").await;
        for other in [json!("https://evil.example"), Value::Null] {
            house.control().id_token_claim("iss", Some(other));
            let back = house.consent("adele", ADELE).await;
            let answer = complete(&house, &format!("{back}&{iss}")).await;
            refused(answer, Code::FailedPrecondition, "PROVIDER_PROTOCOL");
            house.only_failed_to_authorize(before.clone()).await;
        }
        house.advance(Duration::from_secs(300));
        assert!(house.test("adele", ALEX).await.passed);
    });
}

#[test]
fn a_custom_provider_is_asked_who_signed_in() {
    run(async {
        let house = House::start().await;
        house.create("adele", custom(&house)).await;
        let page = house.authorize("adele", ADELE).await;
        assert!(
            page.body.contains("Signed in as <b>adele@contoso.com</b>"),
            "{}",
            page.body
        );
        assert!(house.test("adele", ALEX).await.passed);
        assert_eq!(house.get("adele").await.state(), ServiceState::Ready);
        keeps_the_old_grant(&house, ALEX, "WRONG_ACCOUNT").await;
    });
}

#[test]
fn an_answer_that_names_no_scopes_means_those_that_were_asked() {
    run(async {
        let house = House::start().await;
        house.control().omit_scope(true);
        let ready = house.ready_service().await;
        let scopes = ready.authorization.unwrap().scopes;
        assert_eq!(scopes[0], "https://outlook.office.com/SMTP.Send");
    });
}
