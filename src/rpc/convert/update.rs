//! UpdateService: the stored settings, overlaid with the fields that the mask names, and parsed by
//! the parser of CreateService.

use std::collections::BTreeSet;

use super::service::{Secrets, parse};
use super::service_view::{parse_etag, settings};
use super::violations::Violations;
use crate::model::service::{Auth, Service, ServiceConfig};
use crate::model::update::{SecretChange, SecretsChange};
use crate::model::{Error, ServiceId};
use crate::rpc::proto::v1;
use crate::rpc::proto::v1::service::Auth as ProtoAuth;

/// More paths than the API has fields.
const PATHS_MAX: usize = 100;

/// The service that an update names, and the revision it must have.
///
/// # Errors
/// [`Error::Invalid`] without a valid `service.service_id`; [`Error::Conflict`] where the etag is
/// none of ours.
pub fn update_target(
    request: &v1::UpdateServiceRequest,
) -> Result<(ServiceId, Option<u64>), Error> {
    let service = request.service.as_ref();
    let text = service.map_or("", |service| &service.service_id);
    let id: ServiceId = text
        .parse()
        .map_err(|rule: String| Error::invalid("service.service_id", rule))?;
    let etag = service.map_or("", |service| &service.etag);
    let revision = parse_etag(etag, &format!("service {id}"))?;
    Ok((id, revision))
}

/// The new settings, and what becomes of the secrets.
///
/// Secrets of the request count where the mask names them or a message that holds them. An empty
/// one is left as it is by the message's path and cleared by its own.
///
/// # Errors
/// [`Error::Invalid`] for a mask that is empty or names anything but mutable fields, and for what
/// [`super::create_service`] refuses.
pub fn apply_update(
    current: &Service,
    request: v1::UpdateServiceRequest,
) -> Result<(ServiceConfig, SecretsChange), Error> {
    let mut found = Violations::default();
    let from = request.service.unwrap_or_default();
    let mut merged = settings(current.config.clone());
    let paths = mask(request.update_mask.unwrap_or_default().paths, &mut found);
    // In this order a message comes before the fields in it.
    for path in &paths {
        if !overlay(path, &from, &mut merged) {
            found.add(
                "update_mask",
                format!("names {path:?}, which is no field of Service that can be set"),
            );
        }
    }
    if !found.is_empty() {
        return found.finish(None);
    }
    let parsed = parse(merged, Secrets::MayBeStored, &mut found);
    let (mut config, mut secrets) = found.finish(parsed)?;
    clear_named(&paths, &mut secrets);
    keep_hints(current, &mut config, &secrets);
    Ok((config, secrets))
}

fn mask(paths: Vec<String>, found: &mut Violations) -> BTreeSet<String> {
    if paths.is_empty() {
        found.add("update_mask", "is required");
    } else if paths.len() > PATHS_MAX {
        found.add(
            "update_mask",
            format!("must have at most {PATHS_MAX} paths"),
        );
        return BTreeSet::new();
    }
    let paths: BTreeSet<String> = paths.into_iter().collect();
    let roots: BTreeSet<&str> = paths
        .iter()
        .filter_map(|path| path.split('.').next())
        .filter(|root| ["oauth2", "password", "none"].contains(root))
        .collect();
    if roots.len() > 1 {
        found.add("update_mask", "must name one of oauth2, password and none");
    }
    paths
}

/// A secret that its own path names and that the request does not bring.
fn clear_named(paths: &BTreeSet<String>, secrets: &mut SecretsChange) {
    for (path, change) in [
        ("oauth2.client_secret", &mut secrets.client_secret),
        ("oauth2.next_client_secret", &mut secrets.next_client_secret),
        ("password.password", &mut secrets.password),
    ] {
        if paths.contains(path) && *change == SecretChange::Keep {
            *change = SecretChange::Clear;
        }
    }
}

/// What stays stored is hinted at as before.
fn keep_hints(current: &Service, config: &mut ServiceConfig, secrets: &SecretsChange) {
    if let (Some(old), Auth::OAuth2(new)) = (current.config.oauth2(), &mut config.auth) {
        if secrets.client_secret == SecretChange::Keep {
            new.client_secret_hint.clone_from(&old.client_secret_hint);
        }
        if secrets.next_client_secret == SecretChange::Keep {
            new.next_client_secret_hint
                .clone_from(&old.next_client_secret_hint);
        }
    }
}

/// Copies the named fields of one message; false where it has no such field.
macro_rules! copy_field {
    ($name:expr, $from:expr => $to:expr, { $($field:ident),* $(,)? }) => {
        match $name {
            $(stringify!($field) => {
                $to.$field = $from.$field.clone();
                true
            })*
            _ => false,
        }
    };
}

fn overlay(path: &str, from: &v1::Service, to: &mut v1::Service) -> bool {
    match path.split_once('.') {
        None => match path {
            "oauth2" | "password" | "none" => overlay_auth(path, from, to),
            _ => copy_field!(path, from => to, { display_name, smtp, sender, delivery, labels }),
        },
        Some(("smtp", name)) => {
            let from = from.smtp.clone().unwrap_or_default();
            let to = to.smtp.get_or_insert_default();
            copy_field!(name, from => to, { host, port, tls })
        }
        Some(("sender", name)) => {
            let from = from.sender.clone().unwrap_or_default();
            let to = to.sender.get_or_insert_default();
            copy_field!(name, from => to, { address, name, reply_to, allowed_addresses })
        }
        Some(("delivery", name)) => {
            let from = from.delivery.unwrap_or_default();
            let to = to.delivery.get_or_insert_default();
            copy_field!(name, from => to, {
                max_connections, messages_per_minute, recipients_per_day,
                recipients_per_message, max_message_bytes, on_uncertain,
            })
        }
        Some(("oauth2", name)) => overlay_oauth2(name, from, to),
        Some(("password", name)) => overlay_password(name, from, to),
        Some(_) => false,
    }
}

/// Switches to the kind that the path names; where the request does not bring it, clears it.
fn overlay_auth(path: &str, from: &v1::Service, to: &mut v1::Service) -> bool {
    let kind = |auth: &ProtoAuth| match auth {
        ProtoAuth::Oauth2(_) => "oauth2",
        ProtoAuth::Password(_) => "password",
        ProtoAuth::None(_) => "none",
    };
    if from.auth.as_ref().map(kind) == Some(path) {
        to.auth.clone_from(&from.auth);
    } else if to.auth.as_ref().map(kind) == Some(path) {
        to.auth = None;
    }
    true
}

/// A field of a message that neither side has is cleared already.
fn overlay_oauth2(name: &str, from: &v1::Service, to: &mut v1::Service) -> bool {
    let oauth2 = |auth: &Option<ProtoAuth>| match auth {
        Some(ProtoAuth::Oauth2(oauth2)) => Some((**oauth2).clone()),
        _ => None,
    };
    let (source, target) = (oauth2(&from.auth), oauth2(&to.auth));
    let is_unset = source.is_none() && target.is_none();
    let mut target = target.unwrap_or_default();
    let is_known = copy_oauth2(name, &source.unwrap_or_default(), &mut target);
    if !is_unset {
        to.auth = Some(ProtoAuth::Oauth2(Box::new(target)));
    }
    is_known
}

fn copy_oauth2(name: &str, from: &v1::OAuth2, to: &mut v1::OAuth2) -> bool {
    if let Some(name) = name.strip_prefix("custom.") {
        let is_unset = from.custom.is_none() && to.custom.is_none();
        let from = from.custom.clone().unwrap_or_default();
        let mut custom = to.custom.take().unwrap_or_default();
        let is_known = copy_field!(name, from => custom, {
            authorization_endpoint, token_endpoint, revocation_endpoint, scope_separator,
            client_auth, disable_pkce, extra_authorize_params, issuer, sasl_mechanism,
            disable_openid,
        });
        to.custom = (!is_unset).then_some(custom);
        return is_known;
    }
    copy_field!(name, from => to, {
        provider, login_email, consent_email, client_id, client_secret, next_client_secret,
        client_secret_expire_time, tenant_id, cloud, grant, scopes, custom,
    })
}

fn overlay_password(name: &str, from: &v1::Service, to: &mut v1::Service) -> bool {
    let password = |auth: &Option<ProtoAuth>| match auth {
        Some(ProtoAuth::Password(password)) => Some(password.clone()),
        _ => None,
    };
    let (source, target) = (password(&from.auth), password(&to.auth));
    let is_unset = source.is_none() && target.is_none();
    let mut target = target.unwrap_or_default();
    let source = source.unwrap_or_default();
    let is_known = copy_field!(name, source => target, { username, password });
    if !is_unset {
        to.auth = Some(ProtoAuth::Password(target));
    }
    is_known
}
