//! The tokens themselves: access tokens that look like Entra's, unsigned id tokens, refresh tokens.
//!
//! An access token is opaque: its meaning is in the world's table, not in its claims.

use std::collections::BTreeMap;
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::sandbox::clock::unix;
use crate::sandbox::shared::{Shared, hex};
use crate::sandbox::world::AccessToken;

/// An access token of about 1.8 kB; unique.
pub(super) fn access_token(shared: &Shared, token: &AccessToken) -> String {
    let header =
        json!({"typ": "JWT", "alg": "RS256", "kid": "sandbox", "nonce": shared.random_hex::<16>()});
    let mut claims = json!({
        "aud": token.audience,
        "iss": format!("https://sts.windows.net/{}/", token.tenant),
        "exp": unix(token.expires),
        "appid": token.client_id,
        "tid": token.tenant,
        "uti": shared.random_hex::<11>(),
        "xms_ftd": shared.random_hex::<320>(),
        "ver": "1.0",
    });
    match &token.user {
        Some(user) => {
            claims["upn"] = json!(user);
            claims["oid"] = json!(object_id(user));
            claims["scp"] = json!(names(&token.scopes));
        }
        None if token.roles.is_empty() => claims["idtyp"] = json!("app"),
        None => claims["roles"] = json!(token.roles),
    }
    let signature = URL_SAFE_NO_PAD.encode(shared.random::<256>());
    format!("{}.{}.{signature}", part(&header), part(&claims))
}

/// What an id token tells.
pub(super) struct Identity<'a> {
    pub user: &'a str,
    pub tenant: &'a str,
    pub client_id: &'a str,
    pub nonce: Option<&'a str>,
    pub issued: SystemTime,
    pub authority: &'a str,
    /// Claims that are not told as they are; null leaves one out.
    pub altered: &'a BTreeMap<String, Value>,
}

/// A well-formed JWT with `alg` `none`.
pub(super) fn id_token(identity: &Identity<'_>) -> String {
    let issued = unix(identity.issued);
    let mut claims = json!({
        "aud": identity.client_id,
        "iss": format!("{}/{}/v2.0", identity.authority, identity.tenant),
        "iat": issued,
        "nbf": issued,
        "exp": issued + 3_600,
        "name": identity.user.split('@').next().unwrap_or_default(),
        "preferred_username": identity.user,
        "upn": identity.user,
        "email": identity.user,
        "tid": identity.tenant,
        "oid": object_id(identity.user),
        "sub": object_id(&format!("{} {}", identity.client_id, identity.user)),
        "ver": "2.0",
    });
    if let Some(nonce) = identity.nonce {
        claims["nonce"] = json!(nonce);
    }
    for (name, value) in identity.altered {
        claims[name] = value.clone();
    }
    unsigned(&claims)
}

/// A JWT with `alg` `none`; claims that are null are left out.
pub(super) fn unsigned(claims: &Value) -> String {
    let mut claims = claims.clone();
    if let Value::Object(claims) = &mut claims {
        claims.retain(|_, value| !value.is_null());
    }
    let header = json!({"typ": "JWT", "alg": "none"});
    format!("{}.{}.", part(&header), part(&claims))
}

/// Of 21 digits, the same at every start.
pub(super) fn number(name: &str) -> String {
    let digits = Sha256::digest(name.as_bytes());
    digits[..21]
        .iter()
        .map(|byte| char::from(b'0' + byte % 10))
        .collect()
}

/// About 1 kB; unique.
pub(super) fn refresh_token(shared: &Shared) -> String {
    format!(
        "1.AX{}.AgABAwEAAAA{}",
        shared.random_hex::<24>(),
        shared.random_hex::<480>()
    )
}

/// RFC 7636 section 4.6.
pub(super) fn verifier_matches(challenge: &str, s256: bool, verifier: &str) -> bool {
    if s256 {
        URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes())) == challenge
    } else {
        verifier == challenge
    }
}

/// A GUID that is the same at every start.
fn object_id(name: &str) -> String {
    let h = hex(&Sha256::digest(name.as_bytes()));
    format!(
        "{}-{}-{}-{}-{}",
        &h[..8],
        &h[8..12],
        &h[12..16],
        &h[16..20],
        &h[20..32]
    )
}

fn names(scopes: &[String]) -> String {
    let names: Vec<_> = scopes
        .iter()
        .map(|scope| scope.rsplit('/').next().unwrap_or_default())
        .collect();
    names.join(" ")
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}
