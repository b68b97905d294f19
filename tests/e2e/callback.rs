//! The callback page: what it shows of a live authorization, and how it is guarded.

use mailwright::rpc::proto::v1::{self, ServiceState};
use mailwright::sandbox::{CLIENT_ID, CLIENT_SECRET};
use tonic::{Code, Status};

use super::browser;
use super::fault::{invalid, refused};
use super::harness::{House, run};
use super::requests::{ADELE, oauth2};

/// The sandbox as a provider that Mailwright doesn't know.
pub fn custom(house: &House) -> v1::Service {
    let mut service = house.service(ADELE);
    let endpoint = |name: &str| {
        format!(
            "{}/organizations/oauth2/v2.0/{name}",
            house.sandbox.authority()
        )
    };
    *oauth2(&mut service) = v1::OAuth2 {
        provider: v1::Provider::Custom.into(),
        login_email: ADELE.into(),
        client_id: CLIENT_ID.into(),
        client_secret: CLIENT_SECRET.into(),
        scopes: vec![
            "https://outlook.office.com/SMTP.Send".into(),
            "offline_access".into(),
        ],
        custom: Some(v1::CustomProvider {
            authorization_endpoint: endpoint("authorize"),
            token_endpoint: endpoint("token"),
            ..v1::CustomProvider::default()
        }),
        ..v1::OAuth2::default()
    };
    service
}

async fn begin(house: &House, return_url: &str) -> Result<v1::BeginAuthorizeResponse, Status> {
    let request = v1::BeginAuthorizeRequest {
        service_id: "adele".into(),
        return_url: return_url.into(),
    };
    Ok(house.admin().begin_authorize(request).await?.into_inner())
}

#[test]
fn every_page_is_guarded_by_its_headers() {
    run(async {
        let house = House::start().await;
        house.create("adele", house.service(ADELE)).await;
        let authorized = house.authorize("adele", ADELE).await;
        let base = format!("http://localhost:{}", house.http.port());
        let unknown = browser::get(&format!("{base}/oauth2/callback")).await;
        let nothing = browser::get(&format!("{base}/elsewhere")).await;
        let style = browser::get(&format!("{base}/oauth2/page.css")).await;
        let seen = [&authorized, &unknown, &nothing, &style].map(|page| page.status);
        assert_eq!(seen, [200, 404, 404, 200]);
        for page in [authorized, unknown, nothing, style] {
            let policy = &page.headers["content-security-policy"];
            assert!(policy.starts_with("default-src 'none';"), "{policy}");
            assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"));
            assert_eq!(page.headers["referrer-policy"], "no-referrer");
            assert_eq!(page.headers["cache-control"], "no-store");
            assert_eq!(page.headers["x-content-type-options"], "nosniff");
            assert!(!page.headers.contains_key("set-cookie"));
            assert!(!page.body.contains("<script") && !page.body.contains("style="));
        }
    });
}

#[test]
fn html_in_a_name_and_in_a_providers_text_is_text() {
    run(async {
        let house = House::start().await;
        let mut service = house.service(ADELE);
        service.display_name = "<img src=x onerror=alert(1)>".into();
        house.create("adele", service).await;
        let page = house.authorize("adele", ADELE).await;
        assert!(page.body.contains("&lt;img src=x"), "{}", page.body);
        assert!(!page.body.contains("<img"), "{}", page.body);

        let begun = house.begin("adele").await;
        let query = browser::query(&[
            ("state", &begun.state),
            ("error", "<b>evil</b>"),
            (
                "error_description",
                "<script>alert(\"1\")</script> AADSTS65004: <a href='//evil.example'>x</a>",
            ),
            ("error_subcode", "\"><svg onload=x>"),
            ("error_uri", "https://evil.example/help"),
        ]);
        let page = browser::get(&format!("{}?{query}", begun.redirect_uri)).await;
        assert_eq!(page.status, 400);
        for markup in ["<script", "<b>evil", "<a href='", "<svg"] {
            assert!(!page.body.contains(markup), "{markup}: {}", page.body);
        }
        assert!(page.body.contains("&lt;script&gt;"), "{}", page.body);
    });
}

#[test]
fn an_error_uri_is_never_linked_nor_shown() {
    run(async {
        let house = House::start().await;
        house.create("adele", house.service(ADELE)).await;
        let begun = house.begin("adele").await;
        let query = browser::query(&[
            ("error", "access_denied"),
            ("error_description", "AADSTS65004: User declined."),
            ("error_uri", "https://evil.example/help"),
            ("state", &begun.state),
        ]);
        let page = browser::get(&format!("{}?{query}", begun.redirect_uri)).await;
        assert!(page.body.contains("AADSTS65004"), "{}", page.body);
        assert!(!page.body.contains("evil.example"), "{}", page.body);
        for link in page.body.split("href=\"").skip(1) {
            let ours = [
                "/oauth2/page.css\"",
                "https://learn.microsoft.com/",
                "https://login.microsoftonline.com/",
            ];
            assert!(ours.iter().any(|begin| link.starts_with(begin)), "{link}");
        }
    });
}

#[test]
fn a_return_url_is_linked_only_where_its_prefix_is_configured() {
    run(async {
        let house = House::with(|config| {
            config.server.return_url_prefixes = vec!["https://admin.example.com/".into()];
        })
        .await;
        house.create("adele", house.service(ADELE)).await;
        for foreign in [
            "https://evil.example/",
            "https://admin.example.com.evil.example/",
            "http://admin.example.com/",
            "javascript:alert(1)",
            "https://admin.example.com",
            " https://admin.example.com/",
        ] {
            invalid(begin(&house, foreign).await, &["return_url"]);
        }
        let begun = begin(&house, "https://admin.example.com/done?a=1&b=\"2\"")
            .await
            .unwrap();
        let back = browser::decide(&begun.authorization_url, ADELE, "accept").await;
        let page = browser::get(&back).await;
        let link = "href=\"https://admin.example.com/done?a=1&amp;b=&quot;2&quot;\"";
        assert!(page.body.contains(link), "{}", page.body);

        let house = House::start().await;
        house.create("adele", house.service(ADELE)).await;
        let none = begin(&house, "https://admin.example.com/").await;
        invalid(none, &["return_url"]);
    });
}

#[test]
fn a_custom_provider_has_a_path_of_its_own_and_comes_back_by_no_other() {
    run(async {
        let house = House::start().await;
        house.create("adele", house.service(ADELE)).await;
        let created = house.create("custom", custom(&house)).await;
        let own = format!(
            "http://localhost:{}/oauth2/callback/custom",
            house.http.port()
        );
        assert_eq!(created.redirect_uri, own);
        for wrong in ["/oauth2/callback?", "/oauth2/callback/adele?"] {
            let back = house.consent("custom", ADELE).await;
            assert!(back.starts_with(&own), "{back}");
            let moved = back.replace("/oauth2/callback/custom?", wrong);
            assert_eq!(browser::get(&moved).await.status, 404);
            // The state is used up.
            assert_eq!(browser::get(&back).await.status, 404);
        }
        let back = house.consent("adele", ADELE).await;
        let moved = back.replace("/oauth2/callback?", "/oauth2/callback/custom?");
        assert_eq!(browser::get(&moved).await.status, 404);
        for id in ["adele", "custom"] {
            assert_eq!(
                house.get(id).await.state(),
                ServiceState::PendingAuthorization
            );
        }
        assert_eq!(
            house.control().stats().token_requests("authorization_code"),
            0
        );
        assert_eq!(house.authorize("custom", ADELE).await.status, 200);
        assert!(house.test("custom", ADELE).await.passed);
    });
}

#[test]
fn an_answer_of_another_issuer_than_the_configured_is_refused() {
    run(async {
        let house = House::start().await;
        let mut service = custom(&house);
        let settings = oauth2(&mut service).custom.as_mut().unwrap();
        settings.issuer = "https://issuer.example".into();
        house.create("custom", service).await;
        let page = browser::get(&house.consent("custom", ADELE).await).await;
        assert_eq!(page.status, 400, "{}", page.body);
        let back = house.consent("custom", ADELE).await;
        let page = browser::get(&format!("{back}&iss=https%3A%2F%2Fevil.example")).await;
        assert_eq!(page.status, 400, "{}", page.body);
        assert!(!page.body.contains("evil.example"));
        assert_eq!(
            house.control().stats().token_requests("authorization_code"),
            0
        );
    });
}

#[test]
fn a_service_without_oauth2_has_nothing_to_authorize() {
    run(async {
        let house = House::start().await;
        let mut service = house.service(ADELE);
        service.auth = Some(v1::service::Auth::Password(v1::PasswordAuth {
            username: ADELE.into(),
            password: "secret".into(),
        }));
        house.create("adele", service).await;
        refused(
            begin(&house, "").await,
            Code::FailedPrecondition,
            "WRONG_STATE",
        );
    });
}

#[test]
fn a_head_request_uses_no_authorization_up() {
    run(async {
        let house = House::start().await;
        house.create("adele", house.service(ADELE)).await;
        let back = house.consent("adele", ADELE).await;
        assert_eq!(browser::fetch("HEAD", &back, "").await.status, 200);
        assert_eq!(browser::get(&back).await.status, 200);
    });
}
