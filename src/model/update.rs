//! Changing a service: which settings drop the grant, ask for a new test, or erase credentials.
//!
//! Stored credentials never travel to a new address: whoever moves a service brings its secrets
//! anew, or it loses them.

use super::service::{Auth, Cloud, Grant, Provider, Secrets, Service, ServiceConfig};
use super::{Secret, Timestamp};

/// What an admin's update leads to.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    pub service: Service,
    /// The token must go.
    pub forget_grant: bool,
    /// The service moves: of its secrets, only what the request brings is known at the new address.
    pub erase_secrets: bool,
}

/// Applies an admin's new settings by the update rules of the API.
pub fn update(
    current: &Service,
    config: ServiceConfig,
    secrets: &SecretsChange,
    stored: &Secrets,
    now: Timestamp,
) -> Update {
    let old = &current.config;
    let erase_secrets =
        old.smtp != config.smtp || identity_host(&old.auth) != identity_host(&config.auth);
    let forget_grant = erase_secrets && !secrets.proves(stored)
        || grant_terms(&old.auth) != grant_terms(&config.auth);
    let kind_changes = std::mem::discriminant(&old.auth) != std::mem::discriminant(&config.auth);
    let retest =
        old.smtp != config.smtp || old.sender.address != config.sender.address || kind_changes;

    let mut service = Service {
        config,
        update_time: now,
        revision: current.revision + 1,
        ..current.clone()
    };
    if forget_grant {
        service.grant = Grant::None;
        service.authorization = None;
    }
    if retest {
        service.tested = false;
    }
    if client_secret_changes(erase_secrets, secrets, stored) {
        forget_expiry(&current.config.auth, &mut service.config.auth);
    }
    Update {
        service,
        forget_grant,
        erase_secrets,
    }
}

fn client_secret_changes(erased: bool, change: &SecretsChange, stored: &Secrets) -> bool {
    let mut secret = stored.client_secret.clone().filter(|_| !erased);
    change.client_secret.clone().apply(&mut secret);
    secret != stored.client_secret
}

/// When a secret expires says nothing of the next one.
fn forget_expiry(old: &Auth, new: &mut Auth) {
    if let (Auth::OAuth2(old), Auth::OAuth2(new)) = (old, new)
        && old.client_secret_expire_time == new.client_secret_expire_time
    {
        new.client_secret_expire_time = None;
    }
}

/// What a request does to one secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SecretChange {
    #[default]
    Keep,
    Set(Secret),
    Clear,
}

/// What a request does to a service's secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretsChange {
    pub client_secret: SecretChange,
    pub next_client_secret: SecretChange,
    pub password: SecretChange,
}

impl SecretChange {
    fn apply(self, secret: &mut Option<Secret>) {
        match self {
            Self::Keep => {}
            Self::Set(new) => *secret = Some(new),
            Self::Clear => *secret = None,
        }
    }
}

impl SecretsChange {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the request shows that its caller knows the stored client secret, and so may take
    /// along the grant that was given to it. A made-up secret shows nothing.
    fn proves(&self, stored: &Secrets) -> bool {
        match (&self.client_secret, &stored.client_secret) {
            (SecretChange::Set(brought), Some(stored)) => brought == stored,
            _ => false,
        }
    }

    /// Applies the change to the secrets.
    pub fn apply(self, secrets: &mut Secrets) {
        self.client_secret.apply(&mut secrets.client_secret);
        self.next_client_secret
            .apply(&mut secrets.next_client_secret);
        self.password.apply(&mut secrets.password);
    }
}

/// Where the secrets are shown to an identity provider: a change of it is a change of address.
fn identity_host(auth: &Auth) -> Option<(&Provider, Cloud)> {
    match auth {
        Auth::OAuth2(oauth2) => Some((&oauth2.provider, oauth2.cloud)),
        Auth::Password { .. } | Auth::None => None,
    }
}

/// What a grant was given for: a change of any of it needs a new one.
fn grant_terms(auth: &Auth) -> Option<impl PartialEq + '_> {
    match auth {
        Auth::OAuth2(o) => Some((
            &o.provider,
            &o.login_email,
            &o.client_id,
            &o.tenant_id,
            o.cloud,
            o.grant_type,
            &o.scopes,
        )),
        Auth::Password { .. } | Auth::None => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::service::{Delivery, GrantType, OAuth2, Sender, SmtpEndpoint, TlsMode};
    use crate::model::{Labels, ServiceId};

    fn config(host: &str, port: u16, auth: Auth) -> ServiceConfig {
        ServiceConfig {
            display_name: "Billing".into(),
            smtp: SmtpEndpoint {
                host: host.into(),
                port,
                tls: TlsMode::Starttls,
            },
            sender: Sender {
                address: "a@example.com".parse().unwrap(),
                name: String::new(),
                reply_to: None,
                allowed_addresses: Vec::new(),
            },
            auth,
            delivery: Delivery::default(),
            labels: Labels::default(),
        }
    }

    fn oauth2(provider: Provider, client_id: &str, cloud: Cloud) -> Auth {
        Auth::OAuth2(OAuth2 {
            provider,
            login_email: "a@example.com".parse().unwrap(),
            consent_email: None,
            client_id: client_id.into(),
            client_secret_hint: String::new(),
            next_client_secret_hint: String::new(),
            client_secret_expire_time: None,
            tenant_id: String::new(),
            cloud,
            grant_type: GrantType::AuthorizationCode,
            scopes: Vec::new(),
        })
    }

    fn any_auth() -> impl Strategy<Value = Auth> {
        let provider = prop_oneof![Just(Provider::Microsoft), Just(Provider::Google)];
        let cloud = prop_oneof![Just(Cloud::Global), Just(Cloud::China)];
        prop_oneof![
            4 => (provider, "[ab]", cloud).prop_map(|(p, id, cloud)| oauth2(p, &id, cloud)),
            1 => "[ab]".prop_map(|username| Auth::Password { username }),
            1 => Just(Auth::None),
        ]
    }

    fn any_config() -> impl Strategy<Value = ServiceConfig> {
        ("[ab]\\.example", 1u16..3, any_auth())
            .prop_map(|(host, port, auth)| config(&host, port, auth))
    }

    fn authorized(config: ServiceConfig) -> Service {
        let id: ServiceId = "billing".parse().unwrap();
        let mut service = Service::new(id, config, Timestamp::default());
        service.grant = Grant::Live;
        service.tested = true;
        service
    }

    fn any_change() -> impl Strategy<Value = SecretsChange> {
        let one = || {
            prop_oneof![
                Just(SecretChange::Keep),
                Just(SecretChange::Set(Secret::new("new")))
            ]
        };
        (one(), one(), one()).prop_map(|(client_secret, next_client_secret, password)| {
            SecretsChange {
                client_secret,
                next_client_secret,
                password,
            }
        })
    }

    proptest! {
        #[test]
        fn nothing_stored_is_usable_at_a_new_address(
            old in any_config(), new in any_config(), change in any_change(), known: bool,
        ) {
            let current = authorized(old.clone());
            let stored = Secrets {
                client_secret: known.then(|| Secret::new("new")),
                ..Secrets::default()
            };
            let proves = known && change.client_secret != SecretChange::Keep;
            let result = update(&current, new.clone(), &change, &stored, Timestamp::default());
            if old.smtp != new.smtp {
                prop_assert!(result.erase_secrets && !result.service.tested);
            }
            if old.smtp != new.smtp && !proves {
                prop_assert!(result.forget_grant);
                prop_assert_eq!(&result.service.grant, &Grant::None);
            }
            if old == new {
                prop_assert!(!result.erase_secrets && !result.forget_grant);
                prop_assert!(result.service.tested);
            }
            prop_assert_eq!(result.service.revision, current.revision + 1);
        }
    }

    #[test]
    fn another_client_needs_a_new_grant_and_keeps_the_secrets() {
        let current = authorized(config(
            "a.example",
            587,
            oauth2(Provider::Microsoft, "a", Cloud::Global),
        ));
        let other = config(
            "a.example",
            587,
            oauth2(Provider::Microsoft, "b", Cloud::Global),
        );
        let result = update(
            &current,
            other,
            &SecretsChange::default(),
            &Secrets::default(),
            Timestamp::default(),
        );
        assert!(result.forget_grant && !result.erase_secrets && result.service.tested);
    }

    #[test]
    fn a_client_secret_that_changes_takes_its_date_along() {
        let dated = |seconds| {
            let mut auth = oauth2(Provider::Microsoft, "a", Cloud::Global);
            if let Auth::OAuth2(oauth2) = &mut auth {
                oauth2.client_secret_expire_time = Some(Timestamp::from_unix_seconds(seconds));
            }
            config("a.example", 587, auth)
        };
        let date = |asked, brought| {
            let change = SecretsChange {
                client_secret: brought,
                ..SecretsChange::default()
            };
            let stored = Secrets {
                client_secret: Some(Secret::new("old")),
                ..Secrets::default()
            };
            let current = authorized(dated(1));
            let result = update(
                &current,
                dated(asked),
                &change,
                &stored,
                Timestamp::default(),
            );
            let time = result
                .service
                .config
                .oauth2()
                .unwrap()
                .client_secret_expire_time;
            time.map(|time| time.unix_micros() / 1_000_000)
        };
        let set = |secret| SecretChange::Set(Secret::new(secret));
        assert_eq!(date(1, SecretChange::Keep), Some(1));
        assert_eq!(date(1, set("old")), Some(1));
        assert_eq!(date(1, set("new")), None);
        assert_eq!(date(2, set("new")), Some(2));
        assert_eq!(date(1, SecretChange::Clear), None);
    }

    #[test]
    fn a_new_name_and_a_new_secret_change_nothing_else() {
        let current = authorized(config(
            "a.example",
            587,
            oauth2(Provider::Microsoft, "a", Cloud::Global),
        ));
        let mut named = current.config.clone();
        named.display_name = "Invoices".into();
        let change = SecretsChange {
            client_secret: SecretChange::Set(Secret::new("new")),
            ..SecretsChange::default()
        };
        let result = update(
            &current,
            named,
            &change,
            &Secrets::default(),
            Timestamp::default(),
        );
        assert!(!result.forget_grant && !result.erase_secrets && result.service.tested);
        assert_eq!(result.service.grant, Grant::Live);
    }
}
