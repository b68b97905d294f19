//! A provider's refusal, and what it means: try again, ask the person again, or mend the settings.
//!
//! Microsoft's numbers decide where we know them, and `error` where we don't (its rule: numbers are
//! for diagnosis and may change). Sources: RFC 6749 §5.2; Microsoft "authentication and
//! authorization error codes". It deliberately has no remedies and no links: the catalogue has, by
//! number; `error_uri` is never kept.

use std::fmt;
use std::time::Duration;

use crate::egress::http::HttpError;
use crate::model::Secret;

const DESCRIPTION_MAX_BYTES: usize = 2048;
const NAME_MAX_BYTES: usize = 128;
const CODES_MAX: usize = 16;

/// What went wrong between us and a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderError {
    /// None where no answer came, and in a redirect.
    pub http_status: Option<u16>,
    /// The OAuth error, `invalid_grant`; empty where the answer holds none. At most 128 bytes.
    pub error: String,
    /// The provider's text or, where it gave none, ours. At most 2 KiB on one line, our secrets cut
    /// out; not to be trusted otherwise.
    pub description: String,
    /// Microsoft's AADSTS numbers, at most 16; empty for others.
    pub codes: Vec<u32>,
    /// Microsoft's `suberror`, or `error_subcode` of a redirect. At most 128 bytes.
    pub suberror: String,
    /// How long the provider wants us to wait; at most a day. Only its form in seconds is read.
    pub retry_after: Option<Duration>,
    pub kind: ErrorKind,
}

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ErrorKind {
    /// No answer: connection, TLS, time, size. The description is the [`HttpError`]'s text.
    Transport,
    /// The request was not sent: our egress policy, or a URL that leads nowhere.
    Denied,
    /// HTTP 429.
    Throttled,
    /// HTTP 5xx, whatever its body says.
    Server,
    /// An OAuth error.
    Refused,
    /// An answer that is neither a token nor an OAuth error.
    Protocol,
}

/// What Microsoft's number asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Wait; the grant lives.
    Retry,
    /// An operator mends the settings; the grant may live.
    Configuration,
    /// A person signs in again, perhaps after an admin mended the account.
    Authorize,
}

impl ProviderError {
    /// Whether the same request may succeed later though nobody does anything.
    pub fn is_transient(&self) -> bool {
        match self.kind {
            ErrorKind::Transport | ErrorKind::Throttled | ErrorKind::Server => true,
            ErrorKind::Denied | ErrorKind::Protocol => false,
            ErrorKind::Refused => match self.class() {
                Some(class) => class == Class::Retry,
                None => matches!(
                    self.error.as_str(),
                    "temporarily_unavailable" | "server_error"
                ),
            },
        }
    }

    /// Whether the refresh token is worth nothing any more and a person must authorize again.
    /// `invalid_client` and everything that an operator mends leave the grant alive.
    pub fn kills_grant(&self) -> bool {
        if self.kind != ErrorKind::Refused {
            return false;
        }
        match self.class() {
            Some(class) => class == Class::Authorize,
            None => matches!(
                self.error.as_str(),
                "invalid_grant"
                    | "interaction_required"
                    | "login_required"
                    | "consent_required"
                    | "access_denied"
            ),
        }
    }

    /// Whether the client secret was refused, or missed, so that the next one, if there is one, may do.
    pub fn blames_secret(&self) -> bool {
        let of_secret = |code: &u32| matches!(code, 70002 | 7000215 | 7000218 | 7000222);
        self.kind == ErrorKind::Refused
            && match self.codes.is_empty() {
                true => self.error == "invalid_client",
                false => self.codes.iter().any(of_secret),
            }
    }

    /// No answer came.
    pub(super) fn transport(error: &HttpError) -> Self {
        let kind = match error {
            HttpError::BadUrl | HttpError::Denied(_) => ErrorKind::Denied,
            HttpError::Dial(_)
            | HttpError::Tls(_)
            | HttpError::Timeout
            | HttpError::TooLarge
            | HttpError::Protocol(_) => ErrorKind::Transport,
        };
        Self::ours(kind, &error.to_string())
    }

    /// The answer, or the request, makes no sense.
    pub(super) fn protocol(description: impl AsRef<str>) -> Self {
        Self::ours(ErrorKind::Protocol, description.as_ref())
    }

    /// An OAuth error with its texts as they came; the rest is the caller's to fill in.
    pub(super) fn refused(
        error: &str,
        description: &str,
        suberror: &str,
        sent: &[&Secret],
    ) -> Self {
        let description = redact(description, sent);
        Self {
            http_status: None,
            error: one_line(error, NAME_MAX_BYTES),
            codes: codes_in(&description),
            description: one_line(&description, DESCRIPTION_MAX_BYTES),
            suberror: one_line(suberror, NAME_MAX_BYTES),
            retry_after: None,
            kind: ErrorKind::Refused,
        }
    }

    /// Replaces the numbers found in the text by those the provider listed.
    pub(super) fn list_codes(&mut self, listed: impl Iterator<Item = u32>) {
        let listed: Vec<u32> = listed.take(CODES_MAX).collect();
        if !listed.is_empty() {
            self.codes = listed;
        }
    }

    fn ours(kind: ErrorKind, description: &str) -> Self {
        Self {
            kind,
            ..Self::refused("", description, "", &[])
        }
    }

    /// Of several numbers the one that spares the grant longest counts.
    fn class(&self) -> Option<Class> {
        let known: Vec<Class> = self.codes.iter().copied().filter_map(class_of).collect();
        [Class::Retry, Class::Configuration, Class::Authorize]
            .into_iter()
            .find(|class| known.contains(class))
    }
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.error.is_empty() {
            write!(f, "{}: ", self.error)?;
        }
        f.write_str(&self.description)
    }
}

impl std::error::Error for ProviderError {}

/// The classes of facts/providers.md §2, U counted as A. 9002313 (malformed request, or a cut
/// refresh token) is left out: its `error` tells which.
fn class_of(code: u32) -> Option<Class> {
    match code {
        50033 | 50087 | 50196 | 70012 | 90006 | 90012 | 90024 | 90033 | 90055 | 90090 => {
            Some(Class::Retry)
        }
        28000 | 28002 | 28003 | 50011 | 50059 | 50128 | 50147 | 50194 | 65002 | 70001 | 70002
        | 70011 | 90002 | 90014 | 90023 | 90036 | 90038 | 90124 | 90130 | 500011 | 500021
        | 500113 | 650052 | 650056 | 650057 | 700005 | 700011 | 700016 | 700022 | 700025
        | 900144 | 7000112 | 7000215 | 7000218 | 7000222 | 9001023 | 9002332 => {
            Some(Class::Configuration)
        }
        50020 | 50034 | 50053 | 50055 | 50057 | 50058 | 50072 | 50074 | 50076 | 50078 | 50079
        | 50089 | 50105 | 50126 | 50158 | 50173 | 53000 | 53003 | 54005 | 65001 | 65004 | 70000
        | 70008 | 70043 | 90072 | 90094 | 90095 | 500200 | 501481 | 530003 | 530032 | 530034
        | 530035 | 700082 | 700084 => Some(Class::Authorize),
        _ => None,
    }
}

/// The numbers of `AADSTS…` in a text.
fn codes_in(text: &str) -> Vec<u32> {
    let digits = |rest: &str| {
        let end = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        rest[..end].parse().ok()
    };
    let after = text.split("AADSTS").skip(1);
    after.filter_map(digits).take(CODES_MAX).collect()
}

/// Cut at `max_bytes`, control characters replaced by spaces.
pub(super) fn one_line(text: &str, max_bytes: usize) -> String {
    let visible = |c: char| if c.is_control() { ' ' } else { c };
    let mut end = max_bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let line: String = text[..end].chars().map(visible).collect();
    line.trim().to_owned()
}

/// A provider may repeat what it was sent.
fn redact(text: &str, sent: &[&Secret]) -> String {
    let secrets = sent.iter().map(|secret| secret.expose());
    let long = secrets.filter(|secret| secret.len() >= 4);
    long.fold(text.to_owned(), |text, secret| {
        text.replace(secret, "[secret]")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(error: &str, codes: &[u32]) -> ProviderError {
        let mut refused = ProviderError::refused(error, "", "", &[]);
        refused.list_codes(codes.iter().copied());
        refused
    }

    #[test]
    fn numbers_decide_and_unknown_ones_leave_it_to_the_error() {
        // error, numbers, transient, kills the grant
        for (error, codes, transient, kills) in [
            ("invalid_grant", &[50196][..], true, false),
            ("invalid_grant", &[50173], false, true),
            ("invalid_grant", &[700082], false, true),
            ("invalid_grant", &[700005], false, false),
            ("invalid_grant", &[99_999_999], false, true),
            ("invalid_grant", &[], false, true),
            ("invalid_grant", &[9002313], false, true),
            ("invalid_request", &[9002313], false, false),
            ("invalid_client", &[7000222], false, false),
            ("invalid_client", &[], false, false),
            ("unauthorized_client", &[700016], false, false),
            ("invalid_request", &[90033], true, false),
            ("temporarily_unavailable", &[], true, false),
            ("server_error", &[], true, false),
            ("server_error", &[90036], false, false),
            ("interaction_required", &[50076], false, true),
            ("login_required", &[], false, true),
            ("consent_required", &[], false, true),
            ("unheard_of", &[530032], false, true),
            ("unheard_of", &[], false, false),
            ("invalid_grant", &[50173, 50196], true, false),
        ] {
            let refused = refused(error, codes);
            assert_eq!(refused.is_transient(), transient, "{error} {codes:?}");
            assert_eq!(refused.kills_grant(), kills, "{error} {codes:?}");
        }
    }

    #[test]
    fn only_a_refused_secret_asks_for_the_next_one() {
        assert!(refused("invalid_client", &[]).blames_secret());
        assert!(refused("invalid_client", &[7000222]).blames_secret());
        assert!(refused("invalid_client", &[7000218]).blames_secret());
        assert!(!refused("invalid_client", &[650052]).blames_secret());
        assert!(!refused("invalid_grant", &[50173]).blames_secret());
    }

    #[test]
    fn the_providers_text_is_cut_flattened_and_rid_of_what_we_sent() {
        let secret = Secret::new("hunter2-hunter2");
        let text = format!(
            "AADSTS70011: bad\r\n hunter2-hunter2\u{1b}[31m {}",
            "ü".repeat(4000)
        );
        let error = ProviderError::refused("x", &text, "", &[&secret]);
        assert!(error.description.len() <= DESCRIPTION_MAX_BYTES);
        assert!(!error.description.contains(char::is_control));
        assert!(
            error
                .description
                .starts_with("AADSTS70011: bad   [secret] [31m ü")
        );
        assert_eq!(error.codes, [70011]);
    }
}
