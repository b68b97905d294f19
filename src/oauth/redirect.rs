//! What the provider's page sends back through the browser (RFC 6749 §4.1.2, RFC 9207, Microsoft's
//! admin consent). Everything in it was in the hands of whoever owns the browser.
//!
//! It promises bounds and that `error` outranks everything else. Whether the state is ours, and
//! whose it is, it doesn't know.

use std::fmt;

use super::failure::one_line;
use super::{Endpoints, ProviderError};
use crate::model::Secret;

const STATE_MAX_BYTES: usize = 512;
const CODE_MAX_BYTES: usize = 8 * 1024;
const NAME_MAX_BYTES: usize = 128;
const TEXT_MAX_BYTES: usize = 2048;

/// The answer's parameters, the first of each name. A state, code or issuer longer than its bound
/// counts as absent; texts are cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redirect {
    /// At most 512 bytes.
    pub state: Option<Secret>,
    /// At most 8 KiB; opaque.
    pub code: Option<Secret>,
    /// Empty for none; at most 128 bytes.
    pub error: String,
    /// At most 2 KiB on one line; never to be trusted.
    pub error_description: String,
    /// `cancel` where the person pressed Cancel; at most 128 bytes.
    pub error_subcode: String,
    /// At most 512 bytes; see [`check_issuer`].
    pub iss: Option<String>,
    /// Microsoft sets it on a refused admin consent too.
    pub admin_consent: bool,
    /// For the log alone: anybody can write it. At most 128 bytes.
    pub tenant: String,
}

/// What a redirect means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The provider or the person said no.
    Refused(ProviderError),
    /// A code to exchange.
    Code(Secret),
    /// A tenant's admin consented; there is no code.
    AdminConsent,
    /// Nothing that an authorization ends with.
    Nothing,
}

/// The answer doesn't come from the issuer that was asked (RFC 9207 §2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IssuerMismatch;

impl Redirect {
    /// Reads decoded query pairs; unknown names are ignored, `error_uri` among them.
    pub fn from_pairs<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: AsRef<str>,
        V: AsRef<str>,
    {
        let mut redirect = Self::default();
        for (name, value) in pairs {
            redirect.take(name.as_ref(), value.as_ref());
        }
        redirect
    }

    /// What it means; `error` is looked at first.
    pub fn outcome(&self) -> Outcome {
        if !self.error.is_empty() {
            let (description, subcode) = (&self.error_description, &self.error_subcode);
            return Outcome::Refused(ProviderError::refused(
                &self.error,
                description,
                subcode,
                &[],
            ));
        }
        match &self.code {
            Some(code) => Outcome::Code(code.clone()),
            None if self.admin_consent => Outcome::AdminConsent,
            None => Outcome::Nothing,
        }
    }

    fn take(&mut self, name: &str, value: &str) {
        match name {
            "state" => take_whole(&mut self.state, value, STATE_MAX_BYTES, Secret::new),
            "code" => take_whole(&mut self.code, value, CODE_MAX_BYTES, Secret::new),
            "iss" => take_whole(&mut self.iss, value, STATE_MAX_BYTES, str::to_owned),
            "error" => take_cut(&mut self.error, value, NAME_MAX_BYTES),
            "error_description" => take_cut(&mut self.error_description, value, TEXT_MAX_BYTES),
            "error_subcode" => take_cut(&mut self.error_subcode, value, NAME_MAX_BYTES),
            "tenant" => take_cut(&mut self.tenant, value, NAME_MAX_BYTES),
            "admin_consent" => self.admin_consent |= value.eq_ignore_ascii_case("true"),
            _ => {}
        }
    }
}

/// Whether the redirect comes from the issuer that the admin named: exactly so, and an absent `iss`
/// is no match. Without a named issuer everything passes.
///
/// # Errors
/// [`IssuerMismatch`].
pub fn check_issuer(redirect: &Redirect, endpoints: &Endpoints) -> Result<(), IssuerMismatch> {
    match &endpoints.issuer {
        Some(issuer) if redirect.iss.as_ref() != Some(issuer) => Err(IssuerMismatch),
        _ => Ok(()),
    }
}

impl fmt::Display for IssuerMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer does not come from the configured issuer")
    }
}

impl std::error::Error for IssuerMismatch {}

fn take_whole<'v, T>(
    place: &mut Option<T>,
    value: &'v str,
    max_bytes: usize,
    make: impl FnOnce(&'v str) -> T,
) {
    if place.is_none() && !value.is_empty() && value.len() <= max_bytes {
        *place = Some(make(value));
    }
}

fn take_cut(place: &mut String, value: &str, max_bytes: usize) {
    if place.is_empty() {
        *place = one_line(value, max_bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::ErrorKind;

    #[test]
    fn an_error_outranks_code_and_admin_consent() {
        let redirect = Redirect::from_pairs([
            ("admin_consent", "True"),
            ("code", "0.AX"),
            ("error_description", "AADSTS65004: declined\r\nTrace ID: 1"),
            ("error_uri", "https://evil.example/"),
            ("error", "consent_required"),
            ("tenant", "t"),
        ]);
        let Outcome::Refused(error) = redirect.outcome() else {
            panic!("not refused");
        };
        assert_eq!((error.kind, error.http_status), (ErrorKind::Refused, None));
        assert_eq!(error.codes, [65004]);
        assert_eq!(error.description, "AADSTS65004: declined  Trace ID: 1");
    }

    #[test]
    fn the_first_of_a_name_counts_and_too_long_is_absent() {
        let long = "s".repeat(STATE_MAX_BYTES + 1);
        let redirect =
            Redirect::from_pairs([("state", long.as_str()), ("code", "one"), ("code", "two")]);
        assert_eq!(redirect.state, None);
        assert_eq!(redirect.outcome(), Outcome::Code(Secret::new("one")));
        let consent = Redirect::from_pairs([("admin_consent", "True")]);
        assert_eq!(consent.outcome(), Outcome::AdminConsent);
        assert_eq!(
            Redirect::from_pairs([("x", "y")]).outcome(),
            Outcome::Nothing
        );
    }
}
