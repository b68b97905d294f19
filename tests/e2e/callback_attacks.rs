//! Whoever comes without a live state sees a fixed page, whatever the query says.

use std::time::Duration;

use mailwright::rpc::proto::v1::{self, ServiceState};
use tonic::Code;

use super::browser::{self, Page};
use super::fault::refused;
use super::harness::{House, run};
use super::requests::ADELE;

/// The page that nobody's query gets into.
async fn fixed(house: &House) -> String {
    let url = format!("http://localhost:{}/oauth2/callback", house.http.port());
    let page = browser::get(&url).await;
    assert_eq!(page.status, 404);
    page.body
}

async fn is_fixed(house: &House, page: Page) {
    assert_eq!((page.status, page.body), (404, fixed(house).await));
}

#[test]
fn a_forged_state_shows_nothing_of_the_query() {
    run(async {
        let house = House::start().await;
        house.create("adele", house.service(ADELE)).await;
        let newest = house.info().await.newest_cursor;
        let begun = house.begin("adele").await;
        let mut other = begun.state.clone();
        other.replace_range(..1, if other.starts_with('A') { "B" } else { "A" });
        for state in [
            other.as_str(),
            "",
            "x",
            &"s".repeat(20_000),
            "%ff%fe",
            "adele",
        ] {
            let query = browser::query(&[
                ("state", state),
                ("code", "a-code"),
                ("error_description", "call +1 555 0100"),
            ]);
            is_fixed(
                &house,
                browser::get(&format!("{}?{query}", begun.redirect_uri)).await,
            )
            .await;
        }
        assert_eq!(house.info().await.newest_cursor, newest, "nor any event");
        // The live one is not used up by them.
        let back = browser::decide(&begun.authorization_url, ADELE, "accept").await;
        assert_eq!(browser::get(&back).await.status, 200);
    });
}

#[test]
fn our_page_with_somebody_elses_text_shows_nothing_of_it() {
    run(async {
        let house = House::start().await;
        let query = browser::query(&[
            ("error", "invalid_client"),
            (
                "error_description",
                "AADSTS7000222: Your mailbox is locked, call +1 555 0100",
            ),
            ("error_uri", "https://evil.example/"),
            ("state", "Zm9yZ2VkLXN0YXRlLXRoYXQtbG9va3MtcmlnaHQ"),
        ]);
        let url = format!(
            "http://localhost:{}/oauth2/callback?{query}",
            house.http.port()
        );
        let page = browser::get(&url).await;
        for part in ["7000222", "locked", "555", "evil", "invalid_client", "Zm9y"] {
            assert!(!page.body.contains(part), "{part}: {}", page.body);
        }
        is_fixed(&house, page).await;
    });
}

#[test]
fn a_state_is_good_for_one_use() {
    run(async {
        let house = House::start().await;
        house.create("adele", house.service(ADELE)).await;
        let back = house.consent("adele", ADELE).await;
        assert_eq!(browser::get(&back).await.status, 200);
        let before = house.get("adele").await;
        is_fixed(&house, browser::get(&back).await).await;
        assert_eq!(house.get("adele").await, before);

        let refusal = house.begin("adele").await;
        let declined = browser::decide(&refusal.authorization_url, ADELE, "decline").await;
        assert_eq!(browser::get(&declined).await.status, 400);
        let told = house.info().await.newest_cursor;
        is_fixed(&house, browser::get(&declined).await).await;
        assert_eq!(house.info().await.newest_cursor, told, "one event a state");
        assert_eq!(
            house.control().stats().token_requests("authorization_code"),
            1
        );
    });
}

#[test]
fn a_state_is_good_for_ten_minutes() {
    run(async {
        let house = House::start().await;
        house.create("adele", house.service(ADELE)).await;
        let back = house.consent("adele", ADELE).await;
        house.advance(Duration::from_secs(600));
        is_fixed(&house, browser::get(&back).await).await;
        assert_eq!(
            house.get("adele").await.state(),
            ServiceState::PendingAuthorization
        );

        let back = house.consent("adele", ADELE).await;
        house.advance(Duration::from_secs(599));
        assert_eq!(browser::get(&back).await.status, 200);
    });
}

#[test]
fn a_second_begin_ends_the_first() {
    run(async {
        let house = House::start().await;
        house.create("adele", house.service(ADELE)).await;
        let first = house.consent("adele", ADELE).await;
        let second = house.consent("adele", ADELE).await;
        is_fixed(&house, browser::get(&first).await).await;
        assert_eq!(browser::get(&second).await.status, 200);
    });
}

#[test]
fn a_state_dies_with_what_it_was_begun_for() {
    run(async {
        let house = House::start().await;
        house.create("adele", house.service(ADELE)).await;
        let back = house.consent("adele", ADELE).await;
        let moved = v1::Service {
            service_id: "adele".into(),
            smtp: Some(v1::Smtp {
                host: "elsewhere.example".into(),
                ..v1::Smtp::default()
            }),
            ..v1::Service::default()
        };
        house.update(moved, &["smtp.host"]).await.unwrap();
        let page = browser::get(&back).await;
        assert_ne!(page.status, 200, "a grant for another server is not taken");
        let request = v1::DeleteServiceRequest {
            service_id: "adele".into(),
            ..v1::DeleteServiceRequest::default()
        };
        let back = house.consent("adele", ADELE).await;
        house.admin().delete_service(request).await.unwrap();
        is_fixed(&house, browser::get(&back).await).await;
    });
}

#[test]
fn nobody_can_complete_by_rpc_what_was_not_begun() {
    run(async {
        let house = House::start().await;
        let request = v1::CompleteAuthorizeRequest {
            state: "forged".into(),
            code: "code".into(),
            ..v1::CompleteAuthorizeRequest::default()
        };
        let answer = house.admin().complete_authorize(request).await;
        let fault = refused(answer, Code::NotFound, "AUTHORIZATION_NOT_FOUND");
        assert!(!fault.message.contains("forged"), "{fault:?}");
    });
}
