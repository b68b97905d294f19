//! Where a person is sent, provider by provider.

use std::collections::BTreeMap;

use mailwright::model::Secret;
use mailwright::model::service::{Cloud, GrantType, OAuth2, Provider};
use mailwright::oauth::providers::smtp_host;
use mailwright::oauth::{
    Endpoints, ProviderOverrides, Redirect, authorization_url, check_issuer, code_verifier,
    new_state,
};
use oauth2::url::Url;

use crate::{custom, custom_at, oauth2};

const REDIRECT: &str = "https://mail.example.com/oauth2/callback";

fn endpoints(oauth2: &OAuth2) -> Endpoints {
    Endpoints::of(oauth2, &ProviderOverrides::default()).unwrap()
}

fn url_of(oauth2: &OAuth2) -> (String, BTreeMap<String, String>) {
    let verifier = Secret::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    let state = Secret::new("state-1");
    let url = authorization_url(oauth2, &endpoints(oauth2), REDIRECT, &state, &verifier).unwrap();
    let url = Url::parse(&url).unwrap();
    let pairs: Vec<_> = url.query_pairs().into_owned().collect();
    let params: BTreeMap<_, _> = pairs.iter().cloned().collect();
    assert_eq!(
        pairs.len(),
        params.len(),
        "a parameter is there twice: {url}"
    );
    let mut page = url.clone();
    page.set_query(None);
    (page.into(), params)
}

#[test]
fn microsoft_is_asked_for_smtp_send_first_with_pkce_and_a_hint() {
    let (page, params) = url_of(&oauth2(Provider::Microsoft));
    assert_eq!(
        page,
        "https://login.microsoftonline.com/organizations/oauth2/v2.0/authorize"
    );
    let expected = [
        ("client_id", "app-1"),
        // RFC 7636 appendix B
        (
            "code_challenge",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        ),
        ("code_challenge_method", "S256"),
        ("login_hint", "ann+test@example.com"),
        ("redirect_uri", REDIRECT),
        ("response_type", "code"),
        (
            "scope",
            "https://outlook.office.com/SMTP.Send offline_access openid profile email",
        ),
        ("state", "state-1"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(params, BTreeMap::from(expected));
}

#[test]
fn each_cloud_has_its_own_authority_scope_and_host() {
    for (cloud, authority, scope, host) in [
        (
            Cloud::Global,
            "login.microsoftonline.com",
            "https://outlook.office.com/SMTP.Send",
            Some("smtp.office365.com"),
        ),
        (
            Cloud::UsGovHigh,
            "login.microsoftonline.us",
            "https://outlook.office365.us/SMTP.Send",
            Some("smtp.office365.us"),
        ),
        (
            Cloud::UsGovDod,
            "login.microsoftonline.us",
            "https://outlook.office365.us/SMTP.Send",
            None,
        ),
        (
            Cloud::China,
            "login.partner.microsoftonline.cn",
            "https://partner.outlook.cn/SMTP.Send",
            Some("smtp.partner.outlook.cn"),
        ),
    ] {
        let oauth2 = OAuth2 {
            cloud,
            tenant_id: "contoso.com".to_owned(),
            ..oauth2(Provider::Microsoft)
        };
        let endpoints = endpoints(&oauth2);
        assert_eq!(
            endpoints.token.as_str(),
            format!("https://{authority}/contoso.com/oauth2/v2.0/token")
        );
        assert_eq!(
            (endpoints.scopes[0].as_str(), smtp_host(&oauth2)),
            (scope, host)
        );
    }
}

#[test]
fn the_sandbox_takes_the_place_of_every_cloud() {
    let overrides = ProviderOverrides {
        microsoft_authority: Some("http://127.0.0.1:8025/".to_owned()),
        ..ProviderOverrides::default()
    };
    let china = OAuth2 {
        cloud: Cloud::China,
        ..oauth2(Provider::Microsoft)
    };
    let endpoints = Endpoints::of(&china, &overrides).unwrap();
    assert_eq!(
        endpoints.token.as_str(),
        "http://127.0.0.1:8025/organizations/oauth2/v2.0/token"
    );
    assert_eq!(endpoints.scopes[0], "https://partner.outlook.cn/SMTP.Send");
}

#[test]
fn google_is_asked_for_offline_access_with_consent() {
    let (page, params) = url_of(&oauth2(Provider::Google));
    assert_eq!(page, "https://accounts.google.com/o/oauth2/v2/auth");
    assert_eq!(params["scope"], "https://mail.google.com/ openid email");
    assert_eq!(
        (params["access_type"].as_str(), params["prompt"].as_str()),
        ("offline", "consent")
    );
    assert_eq!(params["code_challenge_method"], "S256");
}

#[test]
fn overridden_scopes_replace_the_mail_scope_and_a_token_asks_for_one_resource() {
    let scopes = [
        "openid",
        "https://outlook.office365.com/SMTP.Send",
        "https://graph.microsoft.com/Mail.Send",
    ];
    let scopes = scopes.map(str::to_owned).to_vec();
    let microsoft = OAuth2 {
        scopes,
        ..oauth2(Provider::Microsoft)
    };
    let endpoints = endpoints(&microsoft);
    assert_eq!(
        endpoints.scopes.join(" "),
        "https://outlook.office365.com/SMTP.Send https://graph.microsoft.com/Mail.Send offline_access openid profile email"
    );
    assert_eq!(
        endpoints.token_scopes.join(" "),
        "https://outlook.office365.com/SMTP.Send offline_access openid profile email"
    );
    // Whatever is asked beside it and in whichever order, the token is not for Graph.
    for (given, of_token) in [
        (
            "Mail.Read https://outlook.office.com/SMTP.Send",
            "https://outlook.office.com/SMTP.Send",
        ),
        (
            "https://graph.microsoft.com/Mail.Send https://outlook.office.com/Mail.Send",
            "https://outlook.office.com/Mail.Send",
        ),
        (
            "SMTP.Send https://graph.microsoft.com/User.Read",
            "SMTP.Send https://graph.microsoft.com/User.Read",
        ),
    ] {
        let oauth2 = OAuth2 {
            scopes: given.split(' ').map(str::to_owned).collect(),
            ..microsoft.clone()
        };
        let endpoints = Endpoints::of(&oauth2, &ProviderOverrides::default()).unwrap();
        let sign_in = "offline_access openid profile email";
        assert_eq!(endpoints.scopes.join(" "), format!("{given} {sign_in}"));
        assert_eq!(
            endpoints.token_scopes.join(" "),
            format!("{of_token} {sign_in}")
        );
    }
}

#[test]
fn a_custom_provider_gets_what_the_admin_gave_and_is_asked_who_signed_in() {
    let base = "https://id.example.com";
    let plain = oauth2(Provider::Custom(Box::new(custom(base))));
    let (_, params) = url_of(&plain);
    assert!(!params.contains_key("scope"));
    assert_eq!(params["x"], "1");
    assert_eq!(params["code_challenge_method"], "S256");
    for (given, asked) in [
        (
            "mail.send offline_access",
            "mail.send offline_access openid profile email",
        ),
        // An admin who names one of them has chosen.
        ("mail.send email", "mail.send email"),
    ] {
        let oauth2 = OAuth2 {
            scopes: given.split(' ').map(str::to_owned).collect(),
            ..plain.clone()
        };
        assert_eq!(url_of(&oauth2).1["scope"], asked);
    }

    let mut settings = custom(base);
    settings.disable_openid = true;
    let alone = OAuth2 {
        scopes: vec!["mail:smtp".to_owned()],
        ..oauth2(Provider::Custom(Box::new(settings)))
    };
    assert_eq!(url_of(&alone).1["scope"], "mail:smtp");

    let mut settings = custom(base);
    settings.scope_separator = ",".to_owned();
    settings.disable_pkce = true;
    settings.extra_authorize_params = [("login_hint".to_owned(), "someone".to_owned())].into();
    let scopes = vec!["ZohoMail.messages.CREATE".to_owned(), "b".to_owned()];
    let commas = OAuth2 {
        scopes,
        ..oauth2(Provider::Custom(Box::new(settings)))
    };
    let (_, params) = url_of(&commas);
    assert_eq!(params["scope"], "ZohoMail.messages.CREATE,b");
    assert_eq!(params["login_hint"], "someone");
    assert!(!params.contains_key("code_challenge"));
}

#[test]
fn an_app_without_a_user_goes_to_the_admin_consent_page_of_its_tenant() {
    let app = OAuth2 {
        grant_type: GrantType::ClientCredentials,
        tenant_id: "contoso.com".to_owned(),
        ..oauth2(Provider::Microsoft)
    };
    let (page, params) = url_of(&app);
    assert_eq!(
        page,
        "https://login.microsoftonline.com/contoso.com/v2.0/adminconsent"
    );
    assert_eq!(params["scope"], "https://outlook.office365.com/.default");
    assert_eq!((params.len(), params["state"].as_str()), (4, "state-1"));

    for tenant in ["", "common", "Organizations"] {
        let app = OAuth2 {
            tenant_id: tenant.to_owned(),
            ..app.clone()
        };
        let refused = Endpoints::of(&app, &ProviderOverrides::default()).unwrap_err();
        assert_eq!(refused.field, "oauth2.tenant_id", "{tenant}");
    }
    let google = OAuth2 {
        provider: Provider::Google,
        ..app
    };
    let refused = Endpoints::of(&google, &ProviderOverrides::default()).unwrap_err();
    assert_eq!(refused.field, "oauth2.grant");
}

#[test]
fn settings_that_lead_elsewhere_are_refused_by_field() {
    let refused = |oauth2: &OAuth2| {
        Endpoints::of(oauth2, &ProviderOverrides::default())
            .unwrap_err()
            .field
    };
    for tenant in ["../x", "a/b", "a?b", "a#b", "..", "tenant@evil"] {
        let oauth2 = OAuth2 {
            tenant_id: tenant.to_owned(),
            ..oauth2(Provider::Microsoft)
        };
        assert_eq!(refused(&oauth2), "oauth2.tenant_id", "{tenant}");
    }
    for url in [
        "",
        "/token",
        "http://id.example.com/t",
        "https://u:p@id.example.com/t",
        "https://id.example.com/t#f",
        "javascript:alert(1)",
    ] {
        let mut settings = custom("https://id.example.com");
        settings.token_endpoint = url.to_owned();
        let oauth2 = oauth2(Provider::Custom(Box::new(settings)));
        assert_eq!(refused(&oauth2), "oauth2.custom.token_endpoint", "{url}");
    }
    let mut settings = custom("https://id.example.com");
    settings.extra_authorize_params = [("state".to_owned(), "x".to_owned())].into();
    let oauth2 = oauth2(Provider::Custom(Box::new(settings)));
    assert_eq!(refused(&oauth2), "oauth2.custom.extra_authorize_params");
}

#[test]
fn a_named_issuer_must_be_the_one_that_answers() {
    let mut settings = custom("https://id.example.com");
    let from = |iss: &str| Redirect::from_pairs([("code", "c"), ("iss", iss)]);
    assert!(check_issuer(&from("https://evil.example"), &custom_at(settings.clone())).is_ok());

    settings.issuer = "https://id.example.com".to_owned();
    let endpoints = custom_at(settings);
    assert!(check_issuer(&from("https://id.example.com"), &endpoints).is_ok());
    for wrong in ["https://id.example.com/", "https://evil.example", ""] {
        assert!(check_issuer(&from(wrong), &endpoints).is_err(), "{wrong}");
    }
}

#[test]
fn state_and_verifier_are_the_random_bytes_handed_in() {
    assert_eq!(new_state([0xff; 32]).expose(), "_".repeat(42) + "8");
    assert_eq!(code_verifier([0; 32]).expose(), "A".repeat(43));
    let microsoft = oauth2(Provider::Microsoft);
    let short = Secret::new("short");
    assert!(
        authorization_url(&microsoft, &endpoints(&microsoft), REDIRECT, &short, &short).is_err()
    );
}
