//! OAuth 2.0 settings: every bound, and every path of a violation.

use super::service::{assert_each_is_refused, assert_each_is_taken, create};
use super::*;

#[test]
fn oauth2_settings_have_bounds() {
    assert_each_is_refused(
        oauth2_service,
        &[
            ("oauth2.provider", |s| oauth2(s).provider = 0),
            ("oauth2.provider", |s| oauth2(s).provider = -1),
            ("oauth2.login_email", |s| oauth2(s).login_email.clear()),
            ("oauth2.login_email", |s| oauth2(s).login_email = "x".into()),
            ("oauth2.consent_email", |s| {
                oauth2(s).consent_email = "x".into()
            }),
            ("oauth2.client_id", |s| oauth2(s).client_id.clear()),
            ("oauth2.client_id", |s| {
                oauth2(s).client_id = "a".repeat(256)
            }),
            ("oauth2.client_id", |s| oauth2(s).client_id = "a\nb".into()),
            ("oauth2.client_secret", |s| {
                oauth2(s).client_secret = "a".repeat(1_025)
            }),
            ("oauth2.client_secret", |s| {
                oauth2(s).client_secret = "a\0".into()
            }),
            ("oauth2.client_secret", |s| {
                oauth2(s).provider = v1::Provider::Google.into();
                oauth2(s).client_secret.clear();
            }),
            ("oauth2.next_client_secret", |s| {
                oauth2(s).next_client_secret = "a".repeat(1_025)
            }),
            ("oauth2.client_secret_expire_time", |s| {
                oauth2(s).client_secret_expire_time = Some(prost_types::Timestamp {
                    seconds: 0,
                    nanos: -1,
                });
            }),
            ("oauth2.tenant_id", |s| oauth2(s).tenant_id = "..".into()),
            ("oauth2.tenant_id", |s| oauth2(s).tenant_id = "a/b".into()),
            ("oauth2.tenant_id", |s| oauth2(s).tenant_id = "a%2f".into()),
            ("oauth2.tenant_id", |s| oauth2(s).tenant_id = "a..b".into()),
            ("oauth2.tenant_id", |s| {
                oauth2(s).tenant_id = "a".repeat(256)
            }),
            ("oauth2.tenant_id", |s| oauth2(s).grant = 2),
            ("oauth2.cloud", |s| oauth2(s).cloud = 5),
            ("oauth2.grant", |s| oauth2(s).grant = 3),
            ("oauth2.grant", |s| {
                oauth2(s).provider = v1::Provider::Google.into();
                oauth2(s).grant = v1::Grant::ClientCredentials.into();
            }),
            ("oauth2.scopes", |s| oauth2(s).scopes = vec!["a".into(); 21]),
            ("oauth2.scopes[0]", |s| {
                oauth2(s).scopes = vec!["a b".into()]
            }),
            ("oauth2.scopes[0]", |s| {
                oauth2(s).scopes = vec!["a".repeat(201)]
            }),
            ("oauth2.scopes[1]", |s| {
                oauth2(s).scopes = vec!["a".into(), String::new()]
            }),
            ("oauth2.custom", |s| {
                oauth2(s).custom = Some(v1::CustomProvider::default())
            }),
            ("oauth2.custom", |s| {
                oauth2(s).provider = v1::Provider::Custom.into()
            }),
        ],
    );
    assert_each_is_taken(
        oauth2_service,
        &[
            |s| oauth2(s).client_secret.clear(),
            |s| oauth2(s).client_secret = "a".repeat(1_024),
            |s| oauth2(s).client_id = "a".repeat(255),
            |s| oauth2(s).tenant_id = "contoso.onmicrosoft.com".into(),
            |s| oauth2(s).tenant_id = "8c8c56a4-0b3f-4b2e-9d5c-0e7f0a6a2d11".into(),
            |s| oauth2(s).scopes = vec!["https://outlook.office.com/SMTP.Send".into(); 20],
        ],
    );
}

#[test]
fn custom_providers_have_bounds() {
    assert_each_is_refused(
        custom_service,
        &[
            ("oauth2.grant", |s| {
                oauth2(s).grant = v1::Grant::ClientCredentials.into();
            }),
            ("oauth2.scopes", |s| oauth2(s).scopes.clear()),
            ("oauth2.client_secret", |s| oauth2(s).client_secret.clear()),
            ("oauth2.custom.authorization_endpoint", |s| {
                custom(s).authorization_endpoint.clear()
            }),
            ("oauth2.custom.token_endpoint", |s| {
                custom(s).token_endpoint.clear()
            }),
            ("oauth2.custom.revocation_endpoint", |s| {
                custom(s).revocation_endpoint = "x".into()
            }),
            ("oauth2.custom.scope_separator", |s| {
                custom(s).scope_separator = ", ".into()
            }),
            ("oauth2.custom.scope_separator", |s| {
                custom(s).scope_separator = "\n".into()
            }),
            ("oauth2.custom.client_auth", |s| custom(s).client_auth = 4),
            ("oauth2.custom.issuer", |s| {
                custom(s).issuer = "a".repeat(2_049)
            }),
            ("oauth2.custom.sasl_mechanism", |s| {
                custom(s).sasl_mechanism = 3
            }),
            ("oauth2.custom.extra_authorize_params", |s| {
                custom(s).extra_authorize_params =
                    (0..21).map(|i| (i.to_string(), String::new())).collect();
            }),
            ("oauth2.custom.extra_authorize_params", |s| {
                custom(s).extra_authorize_params = [("a b".into(), String::new())].into();
            }),
            ("oauth2.custom.extra_authorize_params[\"a\"]", |s| {
                custom(s).extra_authorize_params = [("a".into(), "b".repeat(201))].into();
            }),
        ],
    );
    assert_each_is_taken(
        custom_service,
        &[
            |s| {
                custom(s).client_auth = v1::ClientAuth::None.into();
                oauth2(s).client_secret.clear();
            },
            |s| custom(s).disable_openid = true,
            |s| custom(s).scope_separator = ",".into(),
            |s| {
                custom(s).extra_authorize_params = [
                    ("access_type".into(), "offline".into()),
                    ("prompt".into(), "consent".into()),
                ]
                .into();
            },
        ],
    );
}

#[test]
fn no_parameter_of_the_protocol_can_be_overridden() {
    for name in [
        "client_id",
        "redirect_uri",
        "response_type",
        "state",
        "scope",
        "code_challenge",
        "code_challenge_method",
        "nonce",
        "response_mode",
        "STATE",
        "Redirect_Uri",
        "request_uri",
    ] {
        let mut service = custom_service();
        custom(&mut service).extra_authorize_params = [(name.into(), "x".into())].into();
        let path = format!("service.oauth2.custom.extra_authorize_params[{name:?}]");
        assert_eq!(paths(create(service)), [path]);
    }
}

#[test]
fn endpoints_are_https_and_http_only_to_this_machine() {
    for good in [
        "https://id.example.com/token",
        "https://id.example.com:8443/token?a=b",
        "HTTPS://id.example.com",
        "http://localhost:8080/token",
        "http://127.0.0.1/token",
        "http://[::1]:1/token",
    ] {
        let mut service = custom_service();
        custom(&mut service).token_endpoint = good.into();
        assert_eq!(paths(create(service)), Vec::<String>::new(), "{good}");
    }
    let long = format!("https://a.de/{}", "a".repeat(2_048));
    for bad in [
        "http://id.example.com/token",
        "http://localhost.example.com/",
        "http://127.0.0.1.nip.io/",
        "http://10.0.0.1/",
        "ftp://a.de/",
        "//a.de/",
        "/token",
        "a.de",
        "https://",
        "https:///x",
        "https://user@a.de/",
        "https://a@b@c/",
        "https://a.de/#x",
        "https://a.de/ x",
        "https://ä.de",
        "https://a.de:0/",
        "https://a.de:99999/",
        "https://a.de:/",
        "javascript:alert(1)",
        "https://a.de\\@b.de/",
        "http://127.1/",
        "http://0x7f000001/",
        &long,
    ] {
        let mut service = custom_service();
        custom(&mut service).token_endpoint = bad.into();
        assert_eq!(
            paths(create(service)),
            ["service.oauth2.custom.token_endpoint"],
            "{bad}"
        );
    }
}
