//! Who the client is: application look-up, client authentication, redirect-URI matching, and the two
//! small codings these need.

use std::collections::BTreeMap;
use std::time::SystemTime;

use axum::http::{HeaderMap, Uri, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Authority;
use super::errors::{Failure, known};
use crate::sandbox::GOOGLE;
use crate::sandbox::world::{App, World};

pub(super) type Params = BTreeMap<String, String>;

/// A parameter that must be there and not empty.
pub(super) fn required<'a>(params: &'a Params, name: &str) -> Result<&'a str, Failure> {
    optional(params, name).ok_or_else(|| {
        Failure::new(
            900_144,
            format!("The request body must contain the following parameter: '{name}'."),
        )
    })
}

/// A parameter that is there and not empty.
pub(super) fn optional<'a>(params: &'a Params, name: &str) -> Option<&'a str> {
    params
        .get(name)
        .map(String::as_str)
        .filter(|value| !value.is_empty())
}

/// The application, if it may be used at this authority.
pub(super) fn find_app(
    world: &World,
    authority: &Authority,
    client_id: &str,
) -> Result<App, Failure> {
    let directory = match authority {
        Authority::Tenant(id) => world.tenant(id).map_or(id.as_str(), |t| t.name.as_str()),
        _ => "Microsoft Accounts",
    };
    let unknown = || {
        Failure::new(
            700_016,
            format!(
                "Application with identifier '{client_id}' was not found in the directory '{directory}'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant."
            ),
        )
    };
    let app = world.apps.get(client_id);
    let app = app.filter(|app| app.home_tenant != GOOGLE);
    let app = app.ok_or_else(unknown)?;
    match authority {
        Authority::Consumers => Err(Failure::new(
            9_002_332,
            format!(
                "Application '{client_id}'({}) is configured for use by Microsoft Entra users only. Please do not use the /consumers endpoint to serve this request.",
                app.name
            ),
        )),
        Authority::Common | Authority::Organizations if !app.multi_tenant => Err(Failure::new(
            50194,
            format!(
                "Application '{client_id}'({}) is not configured as a multi-tenant application. Usage of the /common endpoint is not supported for such apps created after '10/15/2018'. Use a tenant-specific endpoint or configure the application to be multi-tenant.",
                app.name
            ),
        )),
        Authority::Tenant(id) if !app.multi_tenant && *id != app.home_tenant => Err(unknown()),
        _ => Ok(app.clone()),
    }
}

/// Client authentication by the form or by Basic.
pub(super) fn authenticate(
    world: &World,
    authority: &Authority,
    headers: &HeaderMap,
    params: &Params,
    now: SystemTime,
) -> Result<App, Failure> {
    if headers.contains_key(header::ORIGIN) {
        let text = "Cross-origin token redemption is permitted only for the 'Single-Page Application' client-type.";
        return Err(Failure {
            error: "invalid_request",
            ..Failure::new(9_002_326, text)
        });
    }
    let basic = basic(headers)?;
    let (client_id, secret) = match &basic {
        Some((id, secret)) => (id.as_str(), Some(secret.as_str())),
        None => (
            required(params, "client_id")?,
            optional(params, "client_secret"),
        ),
    };
    let app = find_app(world, authority, client_id)?;
    match (app.public, secret.filter(|secret| !secret.is_empty())) {
        (true, None) => Ok(app),
        (true, Some(_)) => Err(known(700_025)),
        (false, None) => Err(known(7_000_218)),
        (false, Some(secret)) => check_secret(&app, secret, now).map(|()| app),
    }
}

fn check_secret(app: &App, secret: &str, now: SystemTime) -> Result<(), Failure> {
    let id = &app.client_id;
    let mut expired = false;
    for known in app.secrets.iter().filter(|known| known.value == secret) {
        if known.expires.is_none_or(|at| now < at) {
            return Ok(());
        }
        expired = true;
    }
    Err(if expired {
        // Number and error are as documented; this sentence is not quoted from the facts that the
        // other texts are from, so nothing may read more of it than the number.
        Failure::new(
            7_000_222,
            format!(
                "The provided client secret keys for app '{id}' are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds."
            ),
        )
    } else {
        Failure::new(
            7_000_215,
            format!(
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{id}'."
            ),
        )
    })
}

/// Id and secret are form-encoded inside Basic (RFC 6749 section 2.3.1).
fn basic(headers: &HeaderMap) -> Result<Option<(String, String)>, Failure> {
    let Some(value) = headers.get(header::AUTHORIZATION) else {
        return Ok(None);
    };
    let decoded = value
        .to_str()
        .ok()
        .and_then(|text| text.strip_prefix("Basic "))
        .and_then(|encoded| STANDARD.decode(encoded.trim()).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| known(9_002_313))?;
    let (id, secret) = decoded.split_once(':').ok_or_else(|| known(9_002_313))?;
    Ok(Some((form_decode(id), form_decode(secret))))
}

/// Whether a redirect URI is registered for the application.
pub(super) fn redirect_allowed(app: &App, redirect_uri: &str) -> bool {
    if app.redirect_uris.iter().any(|known| known == redirect_uri) {
        return true;
    }
    let Ok(uri) = redirect_uri.parse::<Uri>() else {
        return false;
    };
    app.loopback_redirect
        && uri.scheme_str() == Some("http")
        && matches!(uri.host(), Some("localhost" | "127.0.0.1"))
        && uri.path().starts_with("/oauth2/callback")
}

pub(super) fn redirect_mismatch(app: &App, redirect_uri: &str) -> Failure {
    Failure::new(
        50011,
        format!(
            "The redirect URI '{redirect_uri}' specified in the request does not match the redirect URIs configured for the application '{}'. Make sure the redirect URI sent in the request matches one added to your application in the Azure portal. Navigate to https://aka.ms/redirectUriMismatchError to learn more about how to troubleshoot this error.",
            app.client_id
        ),
    )
}

/// Percent-encodes all but RFC 3986's unreserved characters.
pub(super) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn form_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped = (byte == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match escaped {
            Some(value) => {
                out.push(value);
                at += 3;
            }
            None => {
                out.push(if byte == b'+' { b' ' } else { byte });
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
