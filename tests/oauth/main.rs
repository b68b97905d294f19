//! OAuth over real loopback sockets, against a peer that says exactly what a test wants.

#![allow(clippy::disallowed_methods)] // tests dial their peers without an egress policy
#![allow(clippy::unwrap_used)] // a test that can't go on has failed

mod http;
mod peer;
mod token;
mod url;

use std::collections::BTreeMap;

use mailwright::egress::Egress;
use mailwright::env::Env;
use mailwright::model::service::{
    ClientAuth, Cloud, CustomProvider, GrantType, OAuth2, Provider, SaslMechanism,
};
use mailwright::model::{Secret, Timestamp};
use mailwright::oauth::{Client, Endpoints, ProviderOverrides};

/// A clock that only a test moves.
fn manual_env() -> Env {
    Env::manual(Timestamp::from_unix_seconds(1_800_000_000), 1)
}

/// The way out to this machine, trusting a CA beside the public ones.
fn egress(env: &Env, ca_pem: Option<&str>) -> Egress {
    let allow = ["127.0.0.0/8", "::1/128"].map(|network| network.parse().unwrap());
    Egress::new(env.clone(), allow.to_vec(), ca_pem.map(str::as_bytes), None).unwrap()
}

fn plain_egress() -> Egress {
    egress(&manual_env(), None)
}

fn oauth2(provider: Provider) -> OAuth2 {
    OAuth2 {
        provider,
        login_email: "shared@example.com".parse().unwrap(),
        consent_email: Some("ann+test@example.com".parse().unwrap()),
        client_id: "app-1".to_owned(),
        client_secret_hint: String::new(),
        next_client_secret_hint: String::new(),
        client_secret_expire_time: None,
        tenant_id: String::new(),
        cloud: Cloud::Global,
        grant_type: GrantType::AuthorizationCode,
        scopes: Vec::new(),
    }
}

fn custom(base: &str) -> CustomProvider {
    CustomProvider {
        authorization_endpoint: format!("{base}/authorize?x=1"),
        token_endpoint: format!("{base}/token"),
        revocation_endpoint: format!("{base}/revoke"),
        scope_separator: String::new(),
        client_auth: ClientAuth::Post,
        disable_pkce: false,
        extra_authorize_params: BTreeMap::new(),
        issuer: String::new(),
        sasl_mechanism: SaslMechanism::Xoauth2,
        disable_openid: false,
    }
}

/// Microsoft's endpoints, all at `base`.
fn microsoft_at(base: &str) -> Endpoints {
    let overrides = ProviderOverrides {
        microsoft_authority: Some(base.to_owned()),
        ..ProviderOverrides::default()
    };
    Endpoints::of(&oauth2(Provider::Microsoft), &overrides).unwrap()
}

fn custom_at(custom: CustomProvider) -> Endpoints {
    let oauth2 = oauth2(Provider::Custom(Box::new(custom)));
    Endpoints::of(&oauth2, &ProviderOverrides::default()).unwrap()
}

fn client<'a>(endpoints: &'a Endpoints, secret: &'a Secret) -> Client<'a> {
    Client {
        id: "app-1",
        secret: Some(secret),
        endpoints,
    }
}
