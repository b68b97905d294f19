//! Reads what a token or revocation endpoint answered, as leniently as providers need it and as
//! boundedly as strangers deserve.
//!
//! The status comes first: whatever a 429 or a 5xx carries in its body, it is throttling or a
//! server's failure, never a dead grant.

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{Response, StatusCode};
use serde_json::{Map, Value};
use zeroize::Zeroize;

use super::failure::one_line;
use super::{ErrorKind, ProviderError};
use crate::egress::http::HttpError;
use crate::model::Secret;

const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 60 * 60);
const SCOPES_MAX: usize = 64;
const SCOPE_MAX_BYTES: usize = 512;
/// An AUTH line has 12,288 octets (RFC 4954 §4), and base64 takes a third more than the token.
const ACCESS_TOKEN_MAX_BYTES: usize = 9_000;

/// A token, as the provider gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenAnswer {
    /// Printable ASCII, at most 9,000 bytes.
    pub access_token: Secret,
    /// None where the provider gave none or an empty one: the old one stays.
    pub refresh_token: Option<Secret>,
    /// From now; none where the provider doesn't say.
    pub expires_in: Option<Duration>,
    /// What was granted; empty means what was asked (RFC 6749 §5.1).
    pub scopes: Vec<String>,
    /// See [`super::Identity`].
    pub id_token: Option<Secret>,
}

/// Reads a token endpoint's answer; `sent` is cut out of its texts.
pub(super) fn read_token(
    answer: Result<Response<Vec<u8>>, HttpError>,
    sent: &[&Secret],
) -> Result<TokenAnswer, ProviderError> {
    let answer = answer.map_err(|error| ProviderError::transport(&error))?;
    let (status, retry_after) = (answer.status(), retry_after(&answer));
    let mut fields = fields(answer.into_body());
    if status.is_success()
        && let Some(access_token) = take_text(&mut fields, "access_token")
    {
        return token(Secret::new(access_token), fields);
    }
    Err(failure(status, retry_after, &fields, sent))
}

/// Reads a revocation endpoint's answer: 200 says all (RFC 7009 §2.2).
pub(super) fn read_revocation(
    answer: Result<Response<Vec<u8>>, HttpError>,
    sent: &[&Secret],
) -> Result<(), ProviderError> {
    let answer = answer.map_err(|error| ProviderError::transport(&error))?;
    let (status, retry_after) = (answer.status(), retry_after(&answer));
    if status.is_success() {
        return Ok(());
    }
    Err(failure(
        status,
        retry_after,
        &fields(answer.into_body()),
        sent,
    ))
}

fn token(access_token: Secret, mut fields: Fields) -> Result<TokenAnswer, ProviderError> {
    let text = access_token.expose();
    // Anything else could end the SASL message early (RFC 6749 appendix A.12 allows no more).
    if text.len() > ACCESS_TOKEN_MAX_BYTES
        || !text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
    {
        return Err(ProviderError::protocol(
            "the access token is longer than 9,000 bytes or not printable ASCII",
        ));
    }
    let token_type = take_text(&mut fields, "token_type").unwrap_or_else(|| "Bearer".to_owned());
    if !token_type.eq_ignore_ascii_case("bearer") {
        let token_type = one_line(&token_type, 32);
        return Err(ProviderError::protocol(format!(
            "the token's type is {token_type:?}, not Bearer"
        )));
    }
    Ok(TokenAnswer {
        access_token,
        refresh_token: take_text(&mut fields, "refresh_token").map(Secret::new),
        expires_in: fields.get("expires_in").and_then(seconds),
        scopes: scopes(fields.get("scope")),
        id_token: take_text(&mut fields, "id_token").map(Secret::new),
    })
}

fn failure(
    status: StatusCode,
    retry_after: Option<Duration>,
    fields: &Fields,
    sent: &[&Secret],
) -> ProviderError {
    let text = |name| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    let (error, description) = (text("error"), text("error_description"));
    let kind = match status {
        StatusCode::TOO_MANY_REQUESTS => ErrorKind::Throttled,
        _ if status.is_server_error() => ErrorKind::Server,
        _ if error.is_empty() => ErrorKind::Protocol,
        _ => ErrorKind::Refused,
    };
    let description = match (description, error) {
        ("", "") => unexplained(status),
        _ => description.to_owned(),
    };
    let mut failure = ProviderError::refused(error, &description, text("suberror"), sent);
    if let Some(Value::Array(codes)) = fields.get("error_codes") {
        failure.list_codes(
            codes
                .iter()
                .filter_map(number)
                .filter_map(|n| u32::try_from(n).ok()),
        );
    }
    ProviderError {
        http_status: Some(status.as_u16()),
        retry_after,
        kind,
        ..failure
    }
}

fn unexplained(status: StatusCode) -> String {
    let number = status.as_u16();
    match number {
        200..300 => format!("the provider answered HTTP {number} without a token"),
        300..400 => format!("the provider answered HTTP {number}; redirects are not followed"),
        _ => format!("the provider answered HTTP {number} without an OAuth error"),
    }
}

type Fields = Map<String, Value>;

/// The body's fields; none where it is no JSON object.
fn fields(mut body: Vec<u8>) -> Fields {
    let fields = serde_json::from_slice(&body).unwrap_or_default();
    body.zeroize();
    fields
}

/// Takes a text that isn't empty, so that a secret is moved and not copied.
fn take_text(fields: &mut Fields, name: &str) -> Option<String> {
    match fields.remove(name) {
        Some(Value::String(text)) if !text.is_empty() => Some(text),
        _ => None,
    }
}

/// Some providers write numbers as text.
fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn seconds(value: &Value) -> Option<Duration> {
    let fraction = || Duration::try_from_secs_f64(value.as_f64()?).ok();
    number(value).map(Duration::from_secs).or_else(fraction)
}

fn scopes(value: Option<&Value>) -> Vec<String> {
    let words: Vec<&str> = match value {
        // Zoho and others put commas between them.
        Some(Value::String(text)) => text.split([' ', ',']).collect(),
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let proper = |word: &&str| !word.is_empty() && word.len() <= SCOPE_MAX_BYTES;
    let proper = words.into_iter().filter(proper).take(SCOPES_MAX);
    proper.map(|word| one_line(word, SCOPE_MAX_BYTES)).collect()
}

fn retry_after(answer: &Response<Vec<u8>>) -> Option<Duration> {
    let text = answer.headers().get(RETRY_AFTER)?.to_str().ok()?;
    let seconds = text.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(status: u16, body: &str) -> Result<TokenAnswer, ProviderError> {
        let answer = Response::builder().status(status);
        read_token(Ok(answer.body(body.as_bytes().to_vec()).unwrap()), &[])
    }

    #[test]
    fn what_is_missing_or_odd_in_a_good_answer_does_not_spoil_it() {
        for (body, seconds) in [
            (r#"{"access_token":"a"}"#, None),
            (r#"{"access_token":"a","expires_in":"3599"}"#, Some(3599)),
            (
                r#"{"access_token":"a","expires_in":3599.0,"token_type":"BEARER"}"#,
                Some(3599),
            ),
            (r#"{"access_token":"a","expires_in":-5}"#, None),
            (
                r#"{"access_token":"a","expires_in":[],"scope":7,"refresh_token":""}"#,
                None,
            ),
            (
                r#"{"access_token":"a","id_token":null,"refresh_token":null}"#,
                None,
            ),
        ] {
            let token = read(200, body).unwrap();
            assert_eq!(token.expires_in, seconds.map(Duration::from_secs), "{body}");
            assert_eq!(
                (token.refresh_token, token.id_token),
                (None, None),
                "{body}"
            );
        }
        let commas = read(200, r#"{"access_token":"a","scope":"x.y,z"}"#).unwrap();
        assert_eq!(commas.scopes, ["x.y", "z"]);
    }

    #[test]
    fn a_token_that_smtp_cannot_carry_is_refused() {
        let long = format!(r#"{{"access_token":"{}"}}"#, "a".repeat(9_001));
        for body in [
            r#"{"access_token":"a\u0001b"}"#,
            r#"{"access_token":"ä"}"#,
            r#"{"access_token":"a","token_type":"mac"}"#,
            &long,
        ] {
            assert_eq!(
                read(200, body).unwrap_err().kind,
                ErrorKind::Protocol,
                "{body}"
            );
        }
    }

    #[test]
    fn the_status_outranks_the_body() {
        let dead = r#"{"error":"invalid_grant","error_codes":["50173"]}"#;
        for (status, kind, kills) in [
            (400, ErrorKind::Refused, true),
            (200, ErrorKind::Refused, true),
            (429, ErrorKind::Throttled, false),
            (500, ErrorKind::Server, false),
        ] {
            let error = read(status, dead).unwrap_err();
            assert_eq!((error.kind, error.kills_grant()), (kind, kills), "{status}");
            assert_eq!(
                (error.http_status, &error.codes[..]),
                (Some(status), &[50173][..])
            );
        }
        assert_eq!(read(200, "<html>").unwrap_err().kind, ErrorKind::Protocol);
        assert_eq!(read(302, "").unwrap_err().kind, ErrorKind::Protocol);
    }

    proptest! {
        #[test]
        fn no_body_makes_the_reader_panic(status in 100u16..600, body in any::<Vec<u8>>(), json in "\\{\"(error|access_token|expires_in|error_codes)\":(\"\\PC*\"|-?[0-9]{1,30}|\\[[0-9,]*\\])\\}") {
            let answer = |body: Vec<u8>| Response::builder().status(status).body(body).unwrap();
            let _ = read_token(Ok(answer(body)), &[]);
            if let Err(error) = read_token(Ok(answer(json.into_bytes())), &[]) {
                prop_assert!(error.error.len() <= 128 && error.description.len() <= 2048);
            }
        }
    }
}
