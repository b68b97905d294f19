//! Update masks: what they change, and what they refuse.

use super::*;
use crate::model::service::{Auth, Service, ServiceConfig};
use crate::model::update::{SecretChange, SecretsChange};
use crate::model::{Secret, ServiceId, Timestamp};
use crate::rpc::convert::service::create_service;
use crate::rpc::convert::update::{apply_update, update_target};

fn stored(service: v1::Service) -> Service {
    let request = v1::CreateServiceRequest {
        service_id: String::new(),
        service: Some(service),
    };
    let config = create_service(request).unwrap().1;
    Service::new(ServiceId::generate([1; 10]), config, Timestamp::default())
}

fn update(
    current: &Service,
    service: v1::Service,
    paths: &[&str],
) -> Result<(ServiceConfig, SecretsChange), Error> {
    apply_update(
        current,
        v1::UpdateServiceRequest {
            service: Some(service),
            update_mask: Some(prost_types::FieldMask {
                paths: paths.iter().map(ToString::to_string).collect(),
            }),
        },
    )
}

#[test]
fn only_what_the_mask_names_changes() {
    let current = stored(oauth2_service());
    let mut new = oauth2_service();
    new.display_name = "New".into();
    new.smtp.as_mut().unwrap().host = "other.example.com".into();
    oauth2(&mut new).client_secret = "another-client-secret".into();
    let (config, secrets) = update(&current, new, &["display_name"]).unwrap();
    let expected = ServiceConfig {
        display_name: "New".into(),
        ..current.config
    };
    assert_eq!(config, expected);
    assert_eq!(secrets, SecretsChange::default());
}

/// Every path of a mutable field, with a service that has another value there.
#[test]
fn every_mutable_path_changes_its_field_and_no_other() {
    let mut new = custom_service();
    new.display_name = "New".into();
    new.smtp = Some(v1::Smtp {
        host: "new.example.com".into(),
        port: 2525,
        tls: 2,
    });
    new.sender = Some(v1::Sender {
        address: "new@example.com".into(),
        name: "New".into(),
        reply_to: "reply@example.com".into(),
        allowed_addresses: vec!["more@example.com".into()],
    });
    new.delivery = Some(v1::Delivery {
        max_connections: Some(7),
        messages_per_minute: Some(7),
        recipients_per_day: Some(7),
        recipients_per_message: Some(7),
        max_message_bytes: Some(7_000),
        on_uncertain: 2,
    });
    new.labels = [("team".into(), "new".into())].into();
    *oauth2(&mut new) = v1::OAuth2 {
        login_email: "new@example.com".into(),
        consent_email: "consent@example.com".into(),
        client_id: "new".into(),
        client_secret: "the-new-client-secret".into(),
        next_client_secret: "the-next-client-secret".into(),
        client_secret_expire_time: Some(prost_types::Timestamp {
            seconds: 9,
            nanos: 0,
        }),
        tenant_id: "new.example.com".into(),
        cloud: 2,
        scopes: vec!["new".into()],
        ..oauth2(&mut new).clone()
    };
    *custom(&mut new) = v1::CustomProvider {
        authorization_endpoint: "https://new.example.com/a".into(),
        token_endpoint: "https://new.example.com/t".into(),
        revocation_endpoint: "https://new.example.com/r".into(),
        scope_separator: ",".into(),
        client_auth: 2,
        disable_pkce: true,
        extra_authorize_params: [("prompt".into(), "consent".into())].into(),
        issuer: "https://new.example.com".into(),
        sasl_mechanism: 2,
        disable_openid: true,
    };
    let current = stored(custom_service());
    let mut seen = Vec::new();
    for path in [
        "display_name",
        "smtp",
        "smtp.host",
        "smtp.port",
        "smtp.tls",
        "sender",
        "sender.address",
        "sender.name",
        "sender.reply_to",
        "sender.allowed_addresses",
        "delivery",
        "delivery.max_connections",
        "delivery.messages_per_minute",
        "delivery.recipients_per_day",
        "delivery.recipients_per_message",
        "delivery.max_message_bytes",
        "delivery.on_uncertain",
        "labels",
        "oauth2",
        "oauth2.login_email",
        "oauth2.consent_email",
        "oauth2.client_id",
        "oauth2.client_secret",
        "oauth2.next_client_secret",
        "oauth2.client_secret_expire_time",
        "oauth2.tenant_id",
        "oauth2.cloud",
        "oauth2.scopes",
        "oauth2.custom",
        "oauth2.custom.authorization_endpoint",
        "oauth2.custom.token_endpoint",
        "oauth2.custom.revocation_endpoint",
        "oauth2.custom.scope_separator",
        "oauth2.custom.client_auth",
        "oauth2.custom.disable_pkce",
        "oauth2.custom.extra_authorize_params",
        "oauth2.custom.issuer",
        "oauth2.custom.sasl_mechanism",
        "oauth2.custom.disable_openid",
    ] {
        let outcome = update(&current, new.clone(), &[path]).unwrap();
        assert_ne!(
            outcome,
            (current.config.clone(), SecretsChange::default()),
            "{path}"
        );
        assert!(
            !seen.contains(&outcome),
            "{path} changes what an earlier path changes"
        );
        seen.push(outcome);
    }
}

#[test]
fn a_mask_must_name_mutable_fields() {
    let current = stored(oauth2_service());
    assert_eq!(
        paths(update(&current, oauth2_service(), &[])),
        ["update_mask"]
    );
    let without = v1::UpdateServiceRequest {
        service: Some(oauth2_service()),
        update_mask: None,
    };
    assert_eq!(paths(apply_update(&current, without)), ["update_mask"]);
    for path in [
        "",
        "*",
        "service_id",
        "state",
        "etag",
        "redirect_uri",
        "authorization",
        "failed_authorization",
        "problem",
        "last_test",
        "budget",
        "create_time",
        "update_time",
        "auth",
        "displayName",
        "smtp.",
        "smtp.x",
        "smtp.host.x",
        ".smtp",
        "oauth2.client_secret_hint",
        "oauth2.next_client_secret_hint",
        "oauth2.custom.x",
        "oauth2.x",
        "password.x",
        "none.x",
        "labels.team",
        "sender.address.x",
        "delivery.x",
        "service.display_name",
    ] {
        let result = update(&current, oauth2_service(), &[path]);
        assert_eq!(paths(result), ["update_mask"], "{path:?}");
    }
    let both = update(
        &current,
        oauth2_service(),
        &["oauth2.client_id", "password"],
    );
    assert_eq!(paths(both), ["update_mask"]);
    let many: Vec<String> = (0..101).map(|i| i.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(
        paths(update(&current, oauth2_service(), &many)),
        ["update_mask"]
    );
}

#[test]
fn a_path_to_an_unset_field_clears_it_where_it_may_be_empty() {
    let mut full = oauth2_service();
    full.sender.as_mut().unwrap().reply_to = "reply@example.com".into();
    full.delivery = Some(v1::Delivery {
        max_connections: Some(2),
        ..v1::Delivery::default()
    });
    full.labels = [("a".into(), "b".into())].into();
    let current = stored(full);
    let empty = v1::Service::default;
    let (config, _) = update(&current, empty(), &["sender.reply_to"]).unwrap();
    assert_eq!(config.sender.reply_to, None);
    let (config, _) = update(&current, empty(), &["delivery", "labels"]).unwrap();
    assert_eq!(config.delivery.max_connections, None);
    assert!(config.labels.0.is_empty());
    for (path, refused) in [
        ("display_name", "service.display_name"),
        ("smtp", "service.smtp"),
        ("smtp.host", "service.smtp.host"),
        ("sender", "service.sender"),
        ("oauth2", "service.auth"),
        ("oauth2.client_id", "service.oauth2.client_id"),
    ] {
        assert_eq!(paths(update(&current, empty(), &[path])), [refused]);
    }
}

#[test]
fn an_empty_secret_is_kept_by_the_messages_path_and_cleared_by_its_own() {
    let current = stored(oauth2_service());
    let hint = |config: &ServiceConfig| config.oauth2().unwrap().client_secret_hint.clone();
    let mut new = oauth2_service();
    oauth2(&mut new).client_secret.clear();

    let (config, secrets) = update(&current, new.clone(), &["oauth2"]).unwrap();
    assert_eq!(
        (secrets.client_secret, hint(&config).as_str()),
        (SecretChange::Keep, "ent")
    );

    for mask in [
        &["oauth2.client_secret"][..],
        &["oauth2", "oauth2.client_secret"],
    ] {
        let (config, secrets) = update(&current, new.clone(), mask).unwrap();
        assert_eq!(
            (secrets.client_secret, hint(&config).as_str()),
            (SecretChange::Clear, "")
        );
        assert_eq!(secrets.next_client_secret, SecretChange::Keep);
    }

    oauth2(&mut new).client_secret = "the-replacement".into();
    for mask in ["oauth2", "oauth2.client_secret"] {
        let (config, secrets) = update(&current, new.clone(), &[mask]).unwrap();
        assert_eq!(
            secrets.client_secret,
            SecretChange::Set(Secret::new("the-replacement"))
        );
        assert_eq!(hint(&config), "ent");
    }
    let current = stored(password_service());
    let (_, secrets) = update(&current, v1::Service::default(), &["password.password"]).unwrap();
    assert_eq!(secrets.password, SecretChange::Clear);
}

#[test]
fn a_hint_in_the_request_is_not_believed() {
    let current = stored(oauth2_service());
    let mut new = oauth2_service();
    oauth2(&mut new).client_secret.clear();
    oauth2(&mut new).client_secret_hint = "lie".into();
    let (config, _) = update(&current, new, &["oauth2"]).unwrap();
    assert_eq!(config.oauth2().unwrap().client_secret_hint, "ent");
}

#[test]
fn naming_another_kind_of_auth_switches_to_it() {
    let current = stored(oauth2_service());
    let (config, secrets) = update(&current, password_service(), &["password"]).unwrap();
    assert_eq!(
        config.auth,
        Auth::Password {
            username: "robot".into()
        }
    );
    assert_eq!(secrets.password, SecretChange::Set(Secret::new("hunter2")));

    let none = v1::Service {
        auth: Some(v1::service::Auth::None(v1::NoAuth {})),
        ..v1::Service::default()
    };
    assert_eq!(
        update(&current, none, &["none"]).unwrap().0.auth,
        Auth::None
    );

    let by_fields = ["password.username", "password.password"];
    let (config, _) = update(&current, password_service(), &by_fields).unwrap();
    assert_eq!(
        config.auth,
        Auth::Password {
            username: "robot".into()
        }
    );

    let not_brought = update(&current, v1::Service::default(), &["password.username"]).unwrap();
    assert_eq!(not_brought.0, current.config);
}

#[test]
fn the_merged_settings_are_checked_as_a_whole() {
    let current = stored(password_service());
    let mut new = password_service();
    new.smtp.as_mut().unwrap().tls = v1::TlsMode::Plaintext.into();
    assert_eq!(
        paths(update(&current, new, &["smtp.tls"])),
        ["service.smtp.tls"]
    );

    let current = stored(custom_service());
    let mut new = custom_service();
    oauth2(&mut new).provider = v1::Provider::Google.into();
    let alone = update(&current, new.clone(), &["oauth2.provider"]);
    assert_eq!(paths(alone), ["service.oauth2.custom"]);
    oauth2(&mut new).custom = None;
    update(&current, new, &["oauth2.provider", "oauth2.custom"]).unwrap();
}

#[test]
fn an_update_names_its_service_and_perhaps_its_revision() {
    let request = |id: &str, etag: &str| v1::UpdateServiceRequest {
        service: Some(v1::Service {
            service_id: id.into(),
            etag: etag.into(),
            ..v1::Service::default()
        }),
        update_mask: None,
    };
    let id: ServiceId = "crm".parse().unwrap();
    assert_eq!(update_target(&request("crm", "")), Ok((id.clone(), None)));
    assert_eq!(update_target(&request("crm", "r12")), Ok((id, Some(12))));
    for bad in [
        "12",
        "r",
        "r-1",
        "r+1",
        "r1x",
        "x",
        "r99999999999999999999999",
        "W/\"r1\"",
    ] {
        let result = update_target(&request("crm", bad));
        assert!(
            matches!(result, Err(Error::Conflict { .. })),
            "{bad} {result:?}"
        );
    }
    assert_eq!(
        paths(update_target(&request("C", ""))),
        ["service.service_id"]
    );
    assert_eq!(
        paths(update_target(&v1::UpdateServiceRequest::default())),
        ["service.service_id"]
    );
}

#[test]
fn the_grant_changes_where_the_provider_offers_the_other_one() {
    let mut new = oauth2_service();
    oauth2(&mut new).grant = v1::Grant::ClientCredentials.into();
    oauth2(&mut new).tenant_id = "example.com".into();
    let mask = ["oauth2.grant", "oauth2.tenant_id"];
    let (config, _) = update(&stored(oauth2_service()), new.clone(), &mask).unwrap();
    assert!(config.is_app_only());
    let of_custom = update(&stored(custom_service()), new, &mask[..1]);
    assert_eq!(paths(of_custom), ["service.oauth2.grant"]);
}
