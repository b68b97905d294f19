//! Who signed in, as the id_token says, and for diagnosis what an access token is good for.
//!
//! Signatures are not verified: the token came straight from the token endpoint over TLS, where
//! OpenID Connect Core §3.1.3.7 point 6 lets that stand for the signature. Nothing here may be used
//! on a token that came any other way, and no right follows from it: that the person owns the
//! mailbox is proved by AUTH.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::failure::one_line;
use crate::model::{EmailAddress, Secret};

const TOKEN_MAX_BYTES: usize = 64 * 1024;
/// An address has 320 bytes at most, an issuer's URL is shorter.
const CLAIM_MAX_BYTES: usize = 512;

/// The claims that name a person. Each is empty where the token has none, and one line of at most
/// 512 bytes otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    pub preferred_username: String,
    pub upn: String,
    pub email: String,
    /// Microsoft's `tid`.
    pub tenant_id: String,
    /// `iss`.
    pub issuer: String,
}

impl Identity {
    /// Reads an id_token's claims; none where it is no JWT with a JSON payload of at most 64 KiB.
    pub fn from_id_token(id_token: &Secret) -> Option<Self> {
        let claims = claims(id_token)?;
        let text = |name| {
            let text = claims.get(name).and_then(Value::as_str).unwrap_or_default();
            one_line(text, CLAIM_MAX_BYTES)
        };
        Some(Self {
            preferred_username: text("preferred_username"),
            upn: text("upn"),
            email: text("email"),
            tenant_id: text("tid"),
            issuer: text("iss"),
        })
    }

    /// Whether one of the three names is this address, without regard to case.
    pub fn names(&self, address: &EmailAddress) -> bool {
        self.all().iter().any(|name| address.same_mailbox(name))
    }

    /// The name to show: the first of the three that there is, or nothing.
    pub fn login(&self) -> &str {
        let mut names = self.all().into_iter();
        names.find(|name| !name.is_empty()).unwrap_or_default()
    }

    fn all(&self) -> [&str; 3] {
        [&self.preferred_username, &self.upn, &self.email]
    }
}

/// What an access token is good for, where it happens to be readable: `https://outlook.office.com`,
/// where a Graph token would say so. For diagnosis alone: such tokens are opaque to a client.
pub fn audience(access_token: &Secret) -> Option<String> {
    let claims = claims(access_token)?;
    let audience = match claims.get("aud")? {
        Value::Array(audiences) => audiences.first()?.as_str()?,
        other => other.as_str()?,
    };
    Some(one_line(audience, CLAIM_MAX_BYTES))
}

fn claims(token: &Secret) -> Option<Map<String, Value>> {
    let token = token.expose();
    if token.len() > TOKEN_MAX_BYTES {
        return None;
    }
    let payload = token.split('.').nth(1)?.trim_end_matches('=');
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn jwt(payload: &str) -> Secret {
        let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        Secret::new(format!("{}.{}.", part(r#"{"alg":"none"}"#), part(payload)))
    }

    fn address(text: &str) -> EmailAddress {
        text.parse().unwrap()
    }

    #[test]
    fn any_of_the_three_names_will_do_in_any_case() {
        for claim in ["preferred_username", "upn", "email"] {
            let token = jwt(&format!(r#"{{"{claim}":"Ann@Example.COM","tid":"t-1"}}"#));
            let identity = Identity::from_id_token(&token).unwrap();
            assert!(identity.names(&address("ann@example.com")), "{claim}");
            assert!(!identity.names(&address("bob@example.com")), "{claim}");
            assert_eq!(
                (identity.login(), identity.tenant_id.as_str()),
                ("Ann@Example.COM", "t-1")
            );
        }
    }

    #[test]
    fn claims_of_the_wrong_kind_are_absent() {
        let identity = Identity::from_id_token(&jwt(r#"{"email":["a@b.de"],"upn":7}"#)).unwrap();
        assert_eq!(identity, Identity::default());
        for bad in [
            "",
            ".",
            "a.b",
            "a.!.c",
            "EwBwA8l6BAAU",
            "a.bnVsbA.c",
            "a.W10.c",
        ] {
            assert_eq!(Identity::from_id_token(&Secret::new(bad)), None, "{bad}");
        }
        let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
        assert_eq!(
            Identity::from_id_token(&jwt(&format!(r#"{{"x":{deep}}}"#))),
            None
        );
    }

    #[test]
    fn the_audience_shows_where_it_can_be_read() {
        let graph = jwt(r#"{"aud":"https://graph.microsoft.com"}"#);
        assert_eq!(
            audience(&graph).as_deref(),
            Some("https://graph.microsoft.com")
        );
        assert_eq!(audience(&jwt(r#"{"aud":["x","y"]}"#)).as_deref(), Some("x"));
        assert_eq!(audience(&Secret::new("EwBwA8l6BAAU")), None);
    }

    proptest! {
        #[test]
        fn no_token_makes_the_reader_panic(raw in "\\PC{0,200}", payload in any::<Vec<u8>>()) {
            let hostile = format!("e30.{}.", BASE64_URL_SAFE_NO_PAD.encode(payload));
            for token in [raw.clone(), format!("a.{raw}.b"), hostile] {
                let token = Secret::new(token);
                let _ = (Identity::from_id_token(&token), audience(&token));
            }
        }

        #[test]
        fn a_hostile_name_is_bounded_and_names_nobody(name in "\\PC{0,2000}") {
            let claims = serde_json::json!({ "email": name, "upn": name.repeat(3) });
            let identity = Identity::from_id_token(&jwt(&claims.to_string())).unwrap();
            prop_assert!(identity.email.len() <= CLAIM_MAX_BYTES && identity.upn.len() <= CLAIM_MAX_BYTES);
            prop_assert!(!identity.names(&address("ann@example.com")));
        }
    }
}
