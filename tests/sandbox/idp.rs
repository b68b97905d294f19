//! The identity provider: authorize, consent, tokens, and each refusal's code.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use mailwright::sandbox::{
    App, CLIENT_ID, CLIENT_SECRET, FABRIKAM_TENANT_ID, TENANT_ID, TokenRefusal,
};
use sha2::{Digest, Sha256};

use crate::support::{CALLBACK, SMTP_SCOPE, World, authorize_path, query, text};

const ADELE: &str = "adele@contoso.com";

#[tokio::test]
async fn consent_gives_a_code_and_the_code_a_token() {
    let world = World::start().await;
    let path = authorize_path("organizations", &[("login_hint", ADELE)]);
    let page = world.get(&path).await;
    assert!(
        page.body
            .contains("value=\"adele@contoso.com\" required checked")
    );
    let back = world.consent(&path, ADELE, "accept").await;
    assert!(back.starts_with(CALLBACK));
    let params = query(&back);
    let names: Vec<_> = params.keys().map(String::as_str).collect();
    assert_eq!(names, ["code", "session_state", "state"]);
    assert_eq!(params["state"], "st&te");

    let answer = world.redeem(&params["code"]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let body = answer.json();
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_in"], 3599);
    assert_eq!(body["scope"], "https://outlook.office.com/SMTP.Send");
    assert!(body["refresh_token"].is_string());
    let size = text(&body, "access_token").len();
    assert!((1_500..=2_500).contains(&size), "{size}");
    let claims = claims(&text(&body, "id_token"));
    assert_eq!(claims["preferred_username"], ADELE);
    assert_eq!(claims["tid"], TENANT_ID);
    assert_eq!(claims["aud"], CLIENT_ID);
}

#[tokio::test]
async fn cancelling_and_declining_come_back_as_errors() {
    let world = World::start().await;
    let path = authorize_path("organizations", &[]);
    let cancelled = query(&world.consent(&path, ADELE, "cancel").await);
    assert_eq!(cancelled["error"], "access_denied");
    assert_eq!(cancelled["error_subcode"], "cancel");
    assert_eq!(cancelled["state"], "st&te");
    assert!(!cancelled.contains_key("error_description"));
    let declined = query(&world.consent(&path, ADELE, "decline").await);
    assert!(declined["error_description"].starts_with("AADSTS65004: "));
}

#[tokio::test]
async fn wrong_app_tenant_or_redirect_is_never_redirected() {
    let world = World::start().await;
    let evil = [("redirect_uri", "https://evil.example/oauth2/callback")];
    let unknown = [("client_id", "11111111-2222-3333-4444-555555555555")];
    for (path, code) in [
        (authorize_path("organizations", &evil), "AADSTS50011"),
        (authorize_path("organizations", &unknown), "AADSTS700016"),
        (authorize_path("nowhere.example", &[]), "AADSTS90002"),
    ] {
        let page = world.get(&path).await;
        assert_eq!(page.status, 400);
        assert!(!page.headers.contains_key("location"));
        assert!(page.body.contains(code), "{}", page.body);
    }
    let single = |app: &mut App| app.multi_tenant = false;
    world.sandbox.control().alter_app(CLIENT_ID, single);
    let page = world.get(&authorize_path("organizations", &[])).await;
    assert!(page.body.contains("AADSTS50194"));
    let page = world.get(&authorize_path(FABRIKAM_TENANT_ID, &[])).await;
    assert!(page.body.contains("AADSTS700016"));
    let page = world.get(&authorize_path("contoso.com", &[])).await;
    assert_eq!(page.status, 200);
}

#[tokio::test]
async fn a_ticket_works_once() {
    let world = World::start().await;
    let page = world.get(&authorize_path("organizations", &[])).await;
    let ticket = page.body.split("name=\"ticket\" value=\"").nth(1);
    let ticket = ticket.and_then(|rest| rest.split('"').next());
    let form = [
        ("ticket", ticket.expect("has a ticket")),
        ("account", ADELE),
        ("decision", "accept"),
    ];
    let path = "/organizations/oauth2/v2.0/authorize";
    assert_eq!(world.post(path, &form).await.status, 302);
    assert_eq!(world.post(path, &form).await.status, 400);
}

#[tokio::test]
async fn a_code_is_for_one_use_one_tenant_one_uri_and_ten_minutes() {
    let world = World::start().await;
    let code = world.code(ADELE, SMTP_SCOPE).await;
    let redeem = |redirect_uri| {
        [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", redirect_uri),
        ]
    };
    let other = world.token(TENANT_ID, &redeem(CALLBACK)).await;
    assert_eq!(other.failure(), (700_005, "invalid_grant".to_owned()));
    let other = redeem("http://localhost/oauth2/callback");
    assert_eq!(world.token("organizations", &other).await.status, 400);
    let first = world.redeem(&code).await;
    assert_eq!(first.status, 200);
    let again = world.redeem(&code).await;
    assert_eq!(again.failure(), (54005, "invalid_grant".to_owned()));
    let bought = text(&first.json(), "refresh_token");
    assert_eq!(world.refresh(&bought).await.failure().0, 50173);
    let late = world.code(ADELE, SMTP_SCOPE).await;
    world.pass(600);
    assert_eq!(world.redeem(&late).await.failure().0, 70008);
}

#[tokio::test]
async fn the_verifier_must_match_the_challenge() {
    let world = World::start().await;
    let verifier = "v".repeat(43);
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
    let pkce = [
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
    ];
    let path = authorize_path("organizations", &pkce);
    let back = world.consent(&path, ADELE, "accept").await;
    let code = query(&back)["code"].clone();
    let form = |verifier| {
        [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", CALLBACK),
            ("code_verifier", verifier),
        ]
    };
    let wrong = world.token("organizations", &form("wrong")).await;
    assert_eq!(wrong.failure().0, 501_481);
    assert_eq!(world.redeem(&code).await.failure().0, 501_481);
    let right = world.token("organizations", &form(&verifier)).await;
    assert_eq!(right.status, 200, "{}", right.body);
}

#[tokio::test]
async fn errors_have_entras_shape() {
    let world = World::start().await;
    world.sandbox.control().expire_secret(CLIENT_ID);
    let answer = world.refresh("whatever").await;
    assert_eq!(answer.status, 401);
    let body = answer.json();
    let description = text(&body, "error_description");
    let lines: Vec<_> = description.split("\r\n").collect();
    assert_eq!(
        lines[0],
        format!(
            "AADSTS7000222: The provided client secret keys for app '{CLIENT_ID}' are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds."
        )
    );
    assert_eq!(lines[1], format!("Trace ID: {}", text(&body, "trace_id")));
    assert!(lines[2].starts_with("Correlation ID: "));
    assert_eq!(lines[3], "Timestamp: 2025-08-04 11:15:30Z");
    assert_eq!(body["timestamp"], "2025-08-04 11:15:30Z");
    assert_eq!(body["error"], "invalid_client");
    assert!(text(&body, "error_uri").ends_with("/error?code=7000222"));
}

#[tokio::test]
async fn a_second_secret_takes_over_from_an_expired_one() {
    let world = World::start().await;
    let control = world.sandbox.control();
    control.expire_secret(CLIENT_ID);
    control.add_secret(CLIENT_ID, "the next one");
    let attempt = |secret| [("client_id", CLIENT_ID), ("client_secret", secret)];
    for (secret, code) in [
        (CLIENT_SECRET, 7_000_222),
        ("never seen", 7_000_215),
        ("", 7_000_218),
        ("the next one", 9_002_313),
    ] {
        let rest = [("grant_type", "refresh_token"), ("refresh_token", "x")];
        let form = [attempt(secret), rest].concat();
        let answer = world.post("/organizations/oauth2/v2.0/token", &form).await;
        assert_eq!(answer.failure().0, code);
    }
}

#[tokio::test]
async fn basic_client_authentication_is_form_decoded() {
    let world = World::start().await;
    world.sandbox.control().add_secret(CLIENT_ID, "a b:c+d");
    let code = world.code(ADELE, SMTP_SCOPE).await;
    let credentials = STANDARD.encode(format!("{CLIENT_ID}:a+b%3Ac%2Bd"));
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("authorization", &format!("Basic {credentials}")),
    ];
    let body = format!(
        "grant_type=authorization_code&code={code}&redirect_uri=http%3A%2F%2Flocalhost%3A8080%2Foauth2%2Fcallback"
    );
    let path = "/organizations/oauth2/v2.0/token";
    let answer = world.http("POST", path, &headers, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[tokio::test]
async fn a_public_client_must_not_send_a_secret() {
    let world = World::start().await;
    let public = |app: &mut App| app.public = true;
    world.sandbox.control().alter_app(CLIENT_ID, public);
    let answer = world.refresh("whatever").await;
    assert_eq!(answer.failure(), (700_025, "invalid_client".to_owned()));
}

#[tokio::test]
async fn a_refresh_gives_a_new_token_and_leaves_the_old_one_alive() {
    let world = World::start().await;
    let code = world.code(ADELE, SMTP_SCOPE).await;
    let first = text(&world.redeem(&code).await.json(), "refresh_token");
    let second = text(&world.refresh(&first).await.json(), "refresh_token");
    assert_ne!(first, second);
    assert_eq!(world.refresh(&first).await.status, 200);
    let control = world.sandbox.control();
    assert_eq!(control.stats().refresh_tokens_issued, 3);
    control.revoke_refresh_tokens(ADELE);
    let revoked = world.refresh(&second).await;
    assert_eq!(revoked.failure(), (50173, "invalid_grant".to_owned()));
}

#[tokio::test]
async fn strict_rotation_revokes_the_family_on_reuse() {
    let world = World::start().await;
    world.sandbox.control().strict_rotation(true);
    let code = world.code(ADELE, SMTP_SCOPE).await;
    let first = text(&world.redeem(&code).await.json(), "refresh_token");
    let second = text(&world.refresh(&first).await.json(), "refresh_token");
    assert_eq!(world.refresh(&first).await.failure().0, 50173);
    assert_eq!(world.refresh(&second).await.failure().0, 50173);
}

#[tokio::test]
async fn an_idle_refresh_token_expires_after_ninety_days() {
    let world = World::start().await;
    let code = world.code(ADELE, SMTP_SCOPE).await;
    let token = text(&world.redeem(&code).await.json(), "refresh_token");
    world.pass(90 * 86_400);
    assert_eq!(world.refresh(&token).await.failure().0, 700_082);
}

#[tokio::test]
async fn withdrawn_consent_and_disabled_accounts_end_refreshes() {
    let world = World::start().await;
    let control = world.sandbox.control();
    let code = world.code(ADELE, SMTP_SCOPE).await;
    let token = text(&world.redeem(&code).await.json(), "refresh_token");
    control.withdraw_consent(CLIENT_ID, ADELE);
    let answer = world.refresh(&token).await;
    assert_eq!(answer.failure().0, 65001);
    assert_eq!(answer.json()["suberror"], "consent_required");
    control.alter_account(ADELE, |account| account.enabled = false);
    assert_eq!(world.refresh(&token).await.failure().0, 50057);
}

#[tokio::test]
async fn the_first_scope_decides_the_audience() {
    let world = World::start().await;
    for (scope, audience) in [
        ("SMTP.Send offline_access", "https://graph.microsoft.com"),
        (
            "Mail.Read https://outlook.office.com/SMTP.Send",
            "https://graph.microsoft.com",
        ),
        (
            "https://outlook.office.com/SMTP.Send Mail.Read",
            "https://outlook.office.com",
        ),
        (
            "offline_access https://outlook.office365.com/SMTP.Send",
            "https://outlook.office365.com",
        ),
    ] {
        let code = world.code(ADELE, scope).await;
        let body = world.redeem(&code).await.json();
        assert_eq!(claims(&text(&body, "access_token"))["aud"], audience);
        let offline = scope.contains("offline_access");
        assert_eq!(body.get("refresh_token").is_some(), offline);
        assert!(body.get("id_token").is_none());
    }
    let path = authorize_path("organizations", &[("scope", "Nonsense.Nothing")]);
    let answer = world.get(&path).await;
    assert_eq!(query(&answer.headers["location"])["error"], "invalid_scope");
}

#[tokio::test]
async fn app_only_needs_a_tenant_and_gets_roles_by_admin_consent() {
    let world = World::start().await;
    let form = [
        ("grant_type", "client_credentials"),
        ("scope", "https://outlook.office365.com/.default"),
    ];
    let common = world.token("common", &form).await;
    assert_eq!(common.failure().0, 9_001_023);
    let before = world.token(TENANT_ID, &form).await.json();
    assert!(
        claims(&text(&before, "access_token"))
            .get("roles")
            .is_none()
    );
    assert!(before.get("refresh_token").is_none());

    let path = format!(
        "/organizations/v2.0/adminconsent?client_id={CLIENT_ID}&scope=https%3A%2F%2Foutlook.office365.com%2F.default&redirect_uri={CALLBACK}&state=s"
    );
    let refused = query(&world.consent(&path, ADELE, "cancel").await);
    assert_eq!(refused["error"], "consent_required");
    assert_eq!(refused["admin_consent"], "True");
    let given = query(&world.consent(&path, ADELE, "accept").await);
    assert_eq!(given["admin_consent"], "True");
    assert_eq!(given["tenant"], TENANT_ID);
    let after = world.token("contoso.com", &form).await.json();
    let roles = &claims(&text(&after, "access_token"))["roles"];
    assert_eq!(roles[0], "SMTP.SendAsApp");
}

#[tokio::test]
async fn token_requests_are_refused_on_demand() {
    let world = World::start().await;
    let control = world.sandbox.control();
    control.refuse_next_token_requests(1, TokenRefusal::TooManyRequests);
    let answer = world.refresh("x").await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (429, "Too Many Requests")
    );
    assert_eq!(answer.headers["retry-after"], "60");
    control.refuse_next_token_requests(1, TokenRefusal::Unavailable);
    let answer = world.refresh("x").await;
    assert_eq!(answer.status, 503);
    assert!(answer.body.starts_with("<!DOCTYPE html>"));
    assert!(!answer.headers.contains_key("retry-after"));
    control.refuse_next_token_requests(1, TokenRefusal::ClientLoop);
    let answer = world.refresh("x").await;
    assert_eq!(answer.failure(), (50196, "invalid_grant".to_owned()));
    assert_eq!(world.refresh("x").await.failure().0, 9_002_313);
    assert_eq!(control.stats().token_requests("refresh_token"), 4);
}

#[tokio::test]
async fn an_account_of_another_tenant_is_told_so() {
    let world = World::start().await;
    let path = authorize_path(FABRIKAM_TENANT_ID, &[]);
    let page = world.get(&path).await;
    let ticket = page.body.split("name=\"ticket\" value=\"").nth(1);
    let ticket = ticket.and_then(|rest| rest.split('"').next());
    let form = [
        ("ticket", ticket.expect("has a ticket")),
        ("account", ADELE),
        ("decision", "accept"),
    ];
    let path = format!("/{FABRIKAM_TENANT_ID}/oauth2/v2.0/authorize");
    let answer = world.post(&path, &form).await;
    assert!(answer.body.contains("AADSTS50020"), "{}", answer.body);
}

#[tokio::test]
async fn revocation_and_metadata_serve_generic_clients() {
    let world = World::start().await;
    let metadata = world
        .get("/common/v2.0/.well-known/openid-configuration")
        .await
        .json();
    let authority = world.sandbox.authority();
    let revoke = text(&metadata, "revocation_endpoint");
    let path = revoke
        .strip_prefix(&authority)
        .expect("is at the authority");
    let code = world.code(ADELE, SMTP_SCOPE).await;
    let token = text(&world.redeem(&code).await.json(), "refresh_token");
    let form = [
        ("client_id", CLIENT_ID),
        ("client_secret", CLIENT_SECRET),
        ("token", token.as_str()),
    ];
    assert_eq!(world.post(path, &form).await.status, 200);
    assert_eq!(world.refresh(&token).await.failure().0, 50173);
}

#[tokio::test]
async fn lifetime_and_omitted_rotation_are_settable() {
    let world = World::start().await;
    let control = world.sandbox.control();
    control.token_lifetime(Duration::from_secs(600));
    control.omit_rotated_refresh_token(true);
    let code = world.code(ADELE, SMTP_SCOPE).await;
    let body = world.redeem(&code).await.json();
    assert_eq!(body["expires_in"], 600);
    let again = world.refresh(&text(&body, "refresh_token")).await.json();
    assert!(again.get("refresh_token").is_none());
}

fn claims(token: &str) -> serde_json::Value {
    let part = token.split('.').nth(1).expect("is a JWT");
    let bytes = URL_SAFE_NO_PAD.decode(part).expect("is base64url");
    serde_json::from_slice(&bytes).expect("is JSON")
}

#[tokio::test]
async fn a_consent_is_spoilt_as_providers_and_people_spoil_it() {
    let world = World::start().await;
    let control = world.sandbox.control();
    control.untick(Some("SMTP.Send"));
    let code = world.code(ADELE, SMTP_SCOPE).await;
    let answer = world.redeem(&code).await.json();
    assert_eq!(text(&answer, "scope"), "openid");
    control.untick(None);

    control.graph_tokens(true);
    control.omit_refresh_token(true);
    control.id_token_claim("upn", Some(serde_json::Value::Null));
    control.id_token_claim("tid", Some(serde_json::json!("elsewhere")));
    let code = world.code(ADELE, SMTP_SCOPE).await;
    let answer = world.redeem(&code).await.json();
    assert_eq!(
        text(&answer, "scope"),
        "https://graph.microsoft.com/SMTP.Send"
    );
    assert!(answer.get("refresh_token").is_none());
    let id = claims(&text(&answer, "id_token"));
    assert!(id.get("upn").is_none());
    assert_eq!(
        (&id["tid"], &id["email"]),
        (&"elsewhere".into(), &ADELE.into())
    );
    control.omit_scope(true);
    let code = world.code(ADELE, SMTP_SCOPE).await;
    let answer = world.redeem(&code).await.json();
    assert!(answer.get("scope").is_none());
}
