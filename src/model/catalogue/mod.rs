//! What failures mean and how they are mended: data (`*.toml`), and the code that looks it up.
//!
//! One catalogue feeds every door. [`local`] explains what this server found itself, [`oauth`] an
//! identity provider's error, and [`super::verdict::judge`] a mail server's reply. A text is a
//! template filled from a [`Subject`]; links come from here alone, never from a provider's answer.
//! It doesn't know what happened before, nor what will be done about it.

mod oauth;
mod redact;
mod render;
pub(super) mod smtp;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::diagnosis::{Diagnosis, FixedBy, Reason, Scope};
use super::service::{Cloud, GrantType, Provider, ServiceConfig};

pub use oauth::oauth;
pub use redact::redact;

/// Whom a diagnosis is about; fills its texts. An empty field is written as a common noun.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The SASL user.
    pub mailbox: String,
    /// Who must sign in.
    pub consent: String,
    /// The address that mail is sent from.
    pub sender: String,
    /// The OAuth 2.0 client id.
    pub client_id: String,
    /// The tenant's GUID or domain, or `organizations`.
    pub tenant: String,
    /// The mail server.
    pub host: String,
    /// Decides whose look-up page is linked.
    pub cloud: Cloud,
    /// The app acts for itself; nobody has signed in.
    pub app_only: bool,
    /// The provider is Google, whose errors have no numbers and remedies of their own.
    pub google: bool,
}

impl Default for Subject {
    fn default() -> Self {
        Self {
            mailbox: String::new(),
            consent: String::new(),
            sender: String::new(),
            client_id: String::new(),
            tenant: String::new(),
            host: String::new(),
            cloud: Cloud::Global,
            app_only: false,
            google: false,
        }
    }
}

impl Subject {
    /// The subject of a service's failures.
    pub fn of(config: &ServiceConfig) -> Self {
        let subject = Self {
            mailbox: config.login().to_owned(),
            sender: config.sender.address.as_str().to_owned(),
            host: config.smtp.host.clone(),
            ..Self::default()
        };
        let Some(oauth2) = config.oauth2() else {
            return subject;
        };
        let tenant = match oauth2.tenant_id.as_str() {
            "" => "organizations",
            tenant => tenant,
        };
        Self {
            consent: oauth2.consent_email().as_str().to_owned(),
            client_id: oauth2.client_id.clone(),
            tenant: tenant.to_owned(),
            cloud: oauth2.cloud,
            app_only: oauth2.grant_type == GrantType::ClientCredentials,
            google: oauth2.provider == Provider::Google,
            ..subject
        }
    }
}

/// Explains what this server found itself. `detail` is shown redacted and on one line.
pub fn local(reason: Reason, subject: &Subject, detail: &str) -> Diagnosis {
    Words::default().diagnosis(reason, subject, detail)
}

/// What a row says of its own; what it leaves out, the reason's table in `local.toml` says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Words {
    scope: Option<Scope>,
    summary: Option<String>,
    remedy: Option<String>,
    commands: Option<Vec<String>>,
    help_url: Option<String>,
    fixed_by: Option<FixedBy>,
    retryable: Option<bool>,
}

/// A reason's table in `local.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Standard {
    scope: Scope,
    fixed_by: FixedBy,
    summary: String,
    remedy: String,
    #[serde(default)]
    commands: Vec<String>,
    #[serde(default)]
    help_url: String,
    #[serde(default)]
    retryable: bool,
}

static STANDARD: LazyLock<BTreeMap<Reason, Standard>> = LazyLock::new(|| {
    toml::from_str(include_str!("local.toml")).expect("local.toml is compiled in and tested")
});

fn standard(reason: Reason) -> &'static Standard {
    STANDARD
        .get(&reason)
        .expect("a test holds that local.toml has every reason")
}

impl Words {
    fn is_retryable(&self, reason: Reason) -> bool {
        self.retryable.unwrap_or(standard(reason).retryable)
    }

    fn diagnosis(&self, reason: Reason, subject: &Subject, detail: &str) -> Diagnosis {
        let standard = standard(reason);
        let detail = render::one_line(detail);
        let prose = |own: &Option<String>, standard: &str| {
            render::prose(own.as_deref().unwrap_or(standard), subject, &detail)
        };
        let commands = self.commands.as_ref().unwrap_or(&standard.commands);
        Diagnosis {
            reason,
            provider_code: String::new(),
            scope: self.scope.unwrap_or(standard.scope),
            summary: prose(&self.summary, &standard.summary),
            remedy: prose(&self.remedy, &standard.remedy),
            commands: commands
                .iter()
                .map(|command| render::powershell(command, subject))
                .collect(),
            help_url: self
                .help_url
                .clone()
                .unwrap_or_else(|| standard.help_url.clone()),
            fixed_by: self.fixed_by.unwrap_or(standard.fixed_by),
            retryable: self.is_retryable(reason),
            provider_text: String::new(),
            since: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_table() {
        for reason in Reason::ALL {
            assert!(STANDARD.contains_key(reason), "{reason}");
        }
        assert_eq!(STANDARD.len(), Reason::ALL.len());
    }

    #[test]
    fn every_reason_renders_with_and_without_detail() {
        for &reason in Reason::ALL {
            for detail in ["", "it was so.", "{mailbox}\r\nsecond line"] {
                let said = local(reason, &Subject::default(), detail);
                render::tests::assert_well_said(&said);
                if reason != Reason::Internal {
                    let shown = render::one_line(detail);
                    assert!(said.summary.contains(&shown), "{}", said.summary);
                }
            }
        }
    }
}
