//! The token endpoint's answers, good and bad.

use std::time::Duration;

use mailwright::model::Secret;
use mailwright::model::service::{ClientAuth, GrantType, OAuth2, Provider};
use mailwright::oauth::{
    Client, Endpoints, ErrorKind, ProviderError, ProviderOverrides, TokenAnswer,
    client_credentials, exchange_code, refresh, revoke,
};

use crate::peer::{Asked, Peer, answer, json};
use crate::{client, custom, custom_at, egress, manual_env, microsoft_at, oauth2, plain_egress};

const REDIRECT: &str = "https://mail.example.com/oauth2/callback";
const GOOD: &str = r#"{"token_type":"Bearer","scope":"https://outlook.office.com/SMTP.Send openid",
    "expires_in":3599,"ext_expires_in":3599,"access_token":"eyJ.new","refresh_token":"0.AX-new",
    "id_token":"a.e30.c"}"#;

/// Refreshes at Microsoft against one answer.
async fn refreshed(bytes: Vec<u8>) -> (Result<TokenAnswer, ProviderError>, Asked) {
    let mut peer = Peer::new(vec![bytes]).await;
    let (endpoints, out) = (microsoft_at(&peer.base()), plain_egress());
    let (secret, old) = (Secret::new("s3cret&value"), Secret::new("0.AX-old"));
    let result = refresh(&client(&endpoints, &secret), &old, async |request| {
        out.http(request).await
    })
    .await;
    (result, peer.asked().await)
}

async fn refused(bytes: Vec<u8>) -> ProviderError {
    refreshed(bytes).await.0.unwrap_err()
}

#[tokio::test]
async fn a_code_is_exchanged_with_secret_and_verifier() {
    let mut peer = Peer::new(vec![json("200 OK", GOOD)]).await;
    let endpoints = microsoft_at(&peer.base());
    // On a task of its own, as a server does it.
    let token = tokio::spawn(async move {
        let (secret, out) = (Secret::new("s3cret&value"), plain_egress());
        let client = client(&endpoints, &secret);
        let (code, verifier) = (Secret::new("the code"), Secret::new("v".repeat(43)));
        exchange_code(&client, &code, REDIRECT, &verifier, |request| {
            out.http(request)
        })
        .await
    });
    let token = token.await.unwrap().unwrap();
    assert_eq!(token.access_token.expose(), "eyJ.new");
    assert_eq!(token.refresh_token.unwrap().expose(), "0.AX-new");
    assert_eq!(token.expires_in, Some(Duration::from_secs(3599)));
    assert_eq!(
        token.scopes,
        ["https://outlook.office.com/SMTP.Send", "openid"]
    );
    assert_eq!(token.id_token.unwrap().expose(), "a.e30.c");

    let asked = peer.asked().await;
    assert!(
        asked
            .head
            .starts_with("POST /organizations/oauth2/v2.0/token HTTP/1.1")
    );
    assert_eq!(asked.header("authorization"), None);
    for (name, value) in [
        ("grant_type", "authorization_code"),
        ("code", "the code"),
        ("redirect_uri", REDIRECT),
        ("client_id", "app-1"),
        ("client_secret", "s3cret&value"),
        ("code_verifier", &"v".repeat(43)),
        (
            "scope",
            "https://outlook.office.com/SMTP.Send offline_access openid profile email",
        ),
    ] {
        assert_eq!(asked.field(name).as_deref(), Some(value), "{name}");
    }
}

#[tokio::test]
async fn a_refresh_asks_for_one_resource_and_brings_the_rotated_token() {
    let (token, asked) = refreshed(json("200 OK", GOOD)).await;
    assert_eq!(token.unwrap().refresh_token.unwrap().expose(), "0.AX-new");
    assert_eq!(asked.field("grant_type").unwrap(), "refresh_token");
    assert_eq!(asked.field("refresh_token").unwrap(), "0.AX-old");
    let scope = "https://outlook.office.com/SMTP.Send offline_access openid profile email";
    assert_eq!(asked.field("scope").unwrap(), scope);
}

#[tokio::test]
async fn without_a_new_refresh_token_the_old_one_stays() {
    for body in [
        r#"{"access_token":"a"}"#,
        r#"{"access_token":"a","refresh_token":""}"#,
    ] {
        let (token, _) = refreshed(json("200 OK", body)).await;
        assert_eq!(token.unwrap().refresh_token, None);
    }
}

#[tokio::test]
async fn a_good_answer_may_lack_its_type_and_write_numbers_as_text() {
    let body = r#"{"access_token":"a","expires_in":"3599"}"#;
    let (token, _) = refreshed(answer("200 OK", &["Content-Type: text/plain"], body)).await;
    assert_eq!(token.unwrap().expires_in, Some(Duration::from_secs(3599)));
}

#[tokio::test]
async fn a_503_in_html_keeps_its_status_and_spares_the_grant() {
    let html = answer(
        "503 Service Unavailable",
        &["Content-Type: text/html"],
        "<html>busy</html>",
    );
    let error = refused(html).await;
    assert_eq!(
        (error.http_status, error.kind),
        (Some(503), ErrorKind::Server)
    );
    assert!(error.is_transient() && !error.kills_grant());
    assert!(!error.description.contains("html"), "{}", error.description);
}

#[tokio::test]
async fn a_429_in_plain_text_tells_how_long_to_wait() {
    let headers = ["Content-Type: text/plain", "Retry-After: 60"];
    let error = refused(answer(
        "429 Too Many Requests",
        &headers,
        "Too Many Requests",
    ))
    .await;
    assert_eq!(
        (error.http_status, error.kind),
        (Some(429), ErrorKind::Throttled)
    );
    assert_eq!(error.retry_after, Some(Duration::from_secs(60)));
    assert!(error.is_transient() && !error.kills_grant());
}

#[tokio::test]
async fn a_client_loop_looks_like_a_dead_grant_and_is_none() {
    let body = r#"{"error":"invalid_grant","error_codes":[50196],
        "error_description":"AADSTS50196: The server terminated an operation because it encountered a loop."}"#;
    let error = refused(json("400 Bad Request", body)).await;
    assert_eq!(error.kind, ErrorKind::Refused);
    assert!(error.is_transient() && !error.kills_grant());
}

#[tokio::test]
async fn an_expired_secret_is_configuration_and_spares_the_grant() {
    let body = r#"{"error":"invalid_client","error_codes":[7000222],
        "error_description":"AADSTS7000222: The provided client secret keys for app 'app-1' are expired.\r\nTrace ID: 1"}"#;
    let error = refused(json("401 Unauthorized", body)).await;
    assert!(!error.is_transient() && !error.kills_grant() && error.blames_secret());
    assert_eq!(
        (error.codes.as_slice(), error.error.as_str()),
        (&[7000222][..], "invalid_client")
    );
    assert!(!error.description.contains('\r'));
}

#[tokio::test]
async fn a_revoked_grant_is_dead() {
    let body = r#"{"error":"invalid_grant","suberror":"bad_token","error_codes":[50173],
        "error_description":"AADSTS50173: The provided grant has expired due to it being revoked. 0.AX-old"}"#;
    let error = refused(json("400 Bad Request", body)).await;
    assert!(error.kills_grant() && !error.is_transient() && !error.blames_secret());
    assert_eq!(error.suberror, "bad_token");
    assert!(
        error.description.ends_with("revoked. [secret]"),
        "{}",
        error.description
    );

    let google =
        r#"{"error":"invalid_grant","error_description":"Token has been expired or revoked."}"#;
    assert!(refused(json("400 Bad Request", google)).await.kills_grant());
}

#[tokio::test]
async fn an_answer_too_large_or_redirected_spares_the_grant() {
    let error = refused(json("200 OK", &" ".repeat(300_000))).await;
    assert_eq!(error.kind, ErrorKind::Transport);
    assert!(error.is_transient() && !error.kills_grant());

    let error = refused(answer(
        "307 Temporary Redirect",
        &["Location: https://evil.example/"],
        "",
    ))
    .await;
    assert_eq!(
        (error.kind, error.http_status),
        (ErrorKind::Protocol, Some(307))
    );
    assert!(!error.is_transient() && !error.kills_grant());
}

#[tokio::test]
async fn an_endpoint_that_never_answers_is_a_transient_failure() {
    let mut peer = Peer::new(vec![Vec::new()]).await;
    let (env, endpoints) = (manual_env(), microsoft_at(&peer.base()));
    let out = egress(&env, None);
    let call = tokio::spawn(async move {
        let (secret, old) = (Secret::new("secret"), Secret::new("old"));
        refresh(&client(&endpoints, &secret), &old, |request| {
            out.http(request)
        })
        .await
    });
    peer.asked().await;
    env.advance(Duration::from_secs(30));
    let error = call.await.unwrap().unwrap_err();
    assert_eq!(
        (error.kind, error.http_status),
        (ErrorKind::Transport, None)
    );
    assert!(error.is_transient() && !error.kills_grant());
}

#[tokio::test]
async fn basic_authentication_encodes_id_and_secret_before_joining_them() {
    let asked = asked_with(ClientAuth::Basic).await;
    // base64 of `app%3A1:p%25+%C3%BC%3A%2F` (RFC 6749 §2.3.1)
    assert_eq!(
        asked.header("authorization"),
        Some("Basic YXBwJTNBMTpwJTI1KyVDMyVCQyUzQSUyRg==")
    );
    assert_eq!(
        (asked.field("client_id"), asked.field("client_secret")),
        (None, None)
    );
}

#[tokio::test]
async fn a_public_client_sends_its_id_and_no_secret() {
    let asked = asked_with(ClientAuth::None).await;
    assert_eq!(asked.header("authorization"), None);
    assert_eq!(asked.field("client_id").as_deref(), Some("app:1"));
    assert_eq!(
        (asked.field("client_secret"), asked.field("scope")),
        (None, None)
    );
}

async fn asked_with(client_auth: ClientAuth) -> Asked {
    let mut peer = Peer::new(vec![json("200 OK", GOOD)]).await;
    let mut settings = custom(&peer.base());
    settings.client_auth = client_auth;
    let (endpoints, out, secret) = (custom_at(settings), plain_egress(), Secret::new("p% ü:/"));
    let client = Client {
        id: "app:1",
        secret: Some(&secret),
        endpoints: &endpoints,
    };
    let http = |request| out.http(request);
    refresh(&client, &Secret::new("old"), http).await.unwrap();
    peer.asked().await
}

#[tokio::test]
async fn an_app_buys_its_token_at_its_tenant() {
    let mut peer = Peer::new(vec![json(
        "200 OK",
        r#"{"access_token":"a","expires_in":3599}"#,
    )])
    .await;
    let app = OAuth2 {
        grant_type: GrantType::ClientCredentials,
        tenant_id: "contoso.com".to_owned(),
        ..oauth2(Provider::Microsoft)
    };
    let overrides = ProviderOverrides {
        microsoft_authority: Some(peer.base()),
        ..ProviderOverrides::default()
    };
    let (endpoints, out) = (Endpoints::of(&app, &overrides).unwrap(), plain_egress());
    let secret = Secret::new("secret");
    client_credentials(&client(&endpoints, &secret), |request| out.http(request))
        .await
        .unwrap();
    let asked = peer.asked().await;
    assert!(
        asked
            .head
            .starts_with("POST /contoso.com/oauth2/v2.0/token ")
    );
    assert_eq!(asked.field("grant_type").unwrap(), "client_credentials");
    assert_eq!(
        asked.field("scope").unwrap(),
        "https://outlook.office365.com/.default"
    );
}

#[tokio::test]
async fn a_token_is_given_back_where_the_provider_takes_it() {
    let mut peer = Peer::new(vec![answer("200 OK", &[], ""), answer("503 Busy", &[], "")]).await;
    let (endpoints, out) = (custom_at(custom(&peer.base())), plain_egress());
    let (secret, token) = (Secret::new("secret"), Secret::new("0.AX-old"));
    let client = client(&endpoints, &secret);
    revoke(&client, &token, |request| out.http(request))
        .await
        .unwrap();
    let asked = peer.asked().await;
    assert!(asked.head.starts_with("POST /revoke HTTP/1.1"));
    assert_eq!(asked.field("token").unwrap(), "0.AX-old");
    assert_eq!(asked.field("token_type_hint").unwrap(), "refresh_token");

    let error = revoke(&client, &token, |request| out.http(request))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Server);
    let microsoft = microsoft_at(&peer.base());
    let client = Client {
        endpoints: &microsoft,
        ..client
    };
    revoke(&client, &token, async |_| unreachable!())
        .await
        .unwrap();
}
