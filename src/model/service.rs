//! A service: one mailbox at one SMTP host, and the right to send from it.
//!
//! Stored are facts (what the admin set, whether a grant lives, whether a test passed); the state
//! that callers see is computed from them ([`Service::state`]).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::verdict::PauseScope;
use super::{
    Diagnosis, EmailAddress, Labels, MailboxKey, MessageId, Phase, Secret, ServiceId, Timestamp,
};

/// Everything about a service but its secrets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Service {
    pub id: ServiceId,
    /// Counts changes by callers and by ourselves; its text is the etag.
    pub revision: u64,
    /// What the admin set.
    pub config: ServiceConfig,
    pub suspended: bool,
    /// The time of the backup that it came back from, until somebody resumes it.
    pub restore_time: Option<Timestamp>,
    pub grant: Grant,
    /// Facts of the newest authorization; none before the first.
    pub authorization: Option<Authorization>,
    /// Why the newest authorization failed, unless one was granted since.
    pub failed_authorization: Option<Diagnosis>,
    /// Whether a test has passed since something that matters to it changed.
    pub tested: bool,
    pub last_test: Option<LastTest>,
    pub create_time: Timestamp,
    pub update_time: Timestamp,
}

/// What the admin sets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceConfig {
    pub display_name: String,
    pub smtp: SmtpEndpoint,
    pub sender: Sender,
    pub auth: Auth,
    pub delivery: Delivery,
    pub labels: Labels,
}

/// Where mail is handed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmtpEndpoint {
    /// A DNS name or an address literal, lower case.
    pub host: String,
    pub port: u16,
    pub tls: TlsMode,
}

/// How a connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TlsMode {
    /// RFC 3207; a server that doesn't offer it is a failure.
    Starttls,
    /// TLS from the first byte (RFC 8314).
    Implicit,
    /// None; never with credentials.
    Plaintext,
}

/// Who the mail is from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sender {
    pub address: EmailAddress,
    /// Display name; empty for none.
    pub name: String,
    pub reply_to: Option<EmailAddress>,
    /// Further addresses that a message may be from.
    pub allowed_addresses: Vec<EmailAddress>,
}

/// How we prove to the server who we are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Auth {
    OAuth2(OAuth2),
    Password { username: String },
    None,
}

/// An app registration and the mailbox it acts for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OAuth2 {
    pub provider: Provider,
    /// The SASL user: the mailbox whose limits count.
    pub login_email: EmailAddress,
    /// Who must sign in; none means `login_email`.
    pub consent_email: Option<EmailAddress>,
    pub client_id: String,
    /// Last characters of the stored secret; empty when none is stored.
    pub client_secret_hint: String,
    pub next_client_secret_hint: String,
    pub client_secret_expire_time: Option<Timestamp>,
    /// A tenant's GUID or domain; empty means `organizations`.
    pub tenant_id: String,
    pub cloud: Cloud,
    pub grant_type: GrantType,
    /// Overrides the provider's scopes; empty means the provider's.
    pub scopes: Vec<String>,
}

/// An identity provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Provider {
    Microsoft,
    Google,
    Custom(Box<CustomProvider>),
}

/// A provider that the admin describes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CustomProvider {
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    pub revocation_endpoint: String,
    pub scope_separator: String,
    pub client_auth: ClientAuth,
    pub disable_pkce: bool,
    pub extra_authorize_params: BTreeMap<String, String>,
    /// Compared with `iss` (RFC 9207) when not empty.
    pub issuer: String,
    pub sasl_mechanism: SaslMechanism,
    /// Only what `scopes` names is asked; nobody says who signed in.
    pub disable_openid: bool,
}

/// How the client proves itself at the token endpoint (RFC 6749 §2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientAuth {
    Post,
    Basic,
    None,
}

/// How a token is shown to the SMTP server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SaslMechanism {
    Xoauth2,
    /// RFC 7628.
    Oauthbearer,
}

/// A Microsoft cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Cloud {
    Global,
    UsGovHigh,
    UsGovDod,
    China,
}

/// How a token is obtained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum GrantType {
    AuthorizationCode,
    ClientCredentials,
}

/// Limits; none means the provider's known limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    pub max_connections: Option<u32>,
    pub messages_per_minute: Option<u32>,
    pub recipients_per_day: Option<u32>,
    pub recipients_per_message: Option<u32>,
    pub max_message_bytes: Option<u64>,
    pub on_uncertain: OnUncertain,
}

/// What to do with a recipient whose transaction may have been taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnUncertain {
    /// Send the same bytes again.
    #[default]
    Resend,
    /// Wait for a person.
    Hold,
}

/// Limits in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub max_connections: u32,
    pub messages_per_minute: u32,
    pub recipients_per_day: u32,
    pub recipients_per_message: u32,
    pub max_message_bytes: u64,
}

/// The right to act for the mailbox.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Grant {
    None,
    Live,
    /// It died; the diagnosis tells of what.
    Dead(Diagnosis),
}

/// Facts of an authorization, none of them secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authorization {
    /// Who signed in, as the id_token names them; empty when the provider gave none.
    pub login: String,
    pub scopes: Vec<String>,
    pub authorize_time: Timestamp,
    pub access_token_expire_time: Timestamp,
    pub last_refresh_time: Option<Timestamp>,
    pub next_refresh_time: Option<Timestamp>,
}

/// The newest test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LastTest {
    pub time: Timestamp,
    pub to: EmailAddress,
    pub passed: bool,
    /// The test's message, kept as any ended one.
    pub message_id: MessageId,
    pub diagnosis: Option<Diagnosis>,
}

/// Why a mailbox, or its whole tenant, can't send now, and when one message may probe it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pause {
    pub scope: PauseScope,
    pub diagnosis: Diagnosis,
    /// What was refused. A probe that comes further shows that it is over.
    pub phase: Phase,
    pub since: Timestamp,
    pub probe_time: Timestamp,
    /// Probes that failed, for the growing interval.
    pub probes: u32,
    /// When a probe showed that it is over. It is kept, so that one that comes back soon goes on.
    pub end_time: Option<Timestamp>,
}

/// What callers see; computed, never stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ServiceState {
    Suspended,
    PendingAuthorization,
    NeedsAuthorization,
    PendingTest,
    Blocked,
    Ready,
}

impl ServiceState {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Suspended,
        Self::PendingAuthorization,
        Self::NeedsAuthorization,
        Self::PendingTest,
        Self::Blocked,
        Self::Ready,
    ];
}

/// The secrets of a service; sealed wherever they rest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secrets {
    pub client_secret: Option<Secret>,
    pub next_client_secret: Option<Secret>,
    pub password: Option<Secret>,
}

impl Service {
    /// A new service that nobody has authorized or tested.
    pub fn new(id: ServiceId, config: ServiceConfig, now: Timestamp) -> Self {
        Self {
            id,
            revision: 1,
            config,
            suspended: false,
            restore_time: None,
            grant: Grant::None,
            authorization: None,
            failed_authorization: None,
            tested: false,
            last_test: None,
            create_time: now,
            update_time: now,
        }
    }

    /// The state, given what blocks the mailbox.
    pub fn state(&self, pause: Option<&Pause>) -> ServiceState {
        let needs_grant = matches!(self.config.auth, Auth::OAuth2(_));
        match &self.grant {
            _ if self.suspended => ServiceState::Suspended,
            Grant::None if needs_grant => ServiceState::PendingAuthorization,
            Grant::Dead(_) if needs_grant => ServiceState::NeedsAuthorization,
            _ if !self.tested => ServiceState::PendingTest,
            _ if pause.is_some() => ServiceState::Blocked,
            _ => ServiceState::Ready,
        }
    }

    /// The mailbox whose limits its mail counts against.
    pub fn mailbox(&self) -> MailboxKey {
        self.config.mailbox()
    }

    /// Whether a message may be from this address.
    pub fn may_send_from(&self, address: &EmailAddress) -> bool {
        let sender = &self.config.sender;
        std::iter::once(&sender.address)
            .chain(&sender.allowed_addresses)
            .any(|allowed| allowed.same_mailbox(address.as_str()))
    }
}

impl ServiceConfig {
    /// See [`Service::mailbox`].
    pub fn mailbox(&self) -> MailboxKey {
        MailboxKey::new(&self.smtp.host, self.login())
    }

    /// The SASL user; empty without authentication.
    pub fn login(&self) -> &str {
        match &self.auth {
            Auth::OAuth2(oauth2) => oauth2.login_email.as_str(),
            Auth::Password { username } => username,
            Auth::None => "",
        }
    }

    /// The OAuth 2.0 settings, if it uses them.
    pub fn oauth2(&self) -> Option<&OAuth2> {
        match &self.auth {
            Auth::OAuth2(oauth2) => Some(oauth2),
            Auth::Password { .. } | Auth::None => None,
        }
    }

    /// Whether the app acts for itself (RFC 6749 §4.4): nobody signs in, there is no refresh token, and
    /// a token is fetched whenever one is needed.
    ///
    /// That a tenant's admin consented does not follow from having one: Microsoft gives one without
    /// roles as well. The mail server's answer to AUTH is what proves it.
    pub fn is_app_only(&self) -> bool {
        let grant = self.oauth2().map(|oauth2| oauth2.grant_type);
        grant == Some(GrantType::ClientCredentials)
    }

    /// The limits in force: the admin's, else the provider's.
    ///
    /// Exchange Online: 3 connections, 30 messages a minute, 10,000 recipients a day, 500
    /// recipients a message, 35 MB. Gmail over SMTP: 10,000 recipients a day, 100 a message, 35 MB.
    pub fn limits(&self) -> Limits {
        let known = match self.oauth2().map(|oauth2| &oauth2.provider) {
            Some(Provider::Microsoft) => Limits::EXCHANGE_ONLINE,
            Some(Provider::Google) => Limits::GMAIL,
            Some(Provider::Custom(_)) | None => Limits::UNKNOWN,
        };
        let set = &self.delivery;
        Limits {
            max_connections: set.max_connections.unwrap_or(known.max_connections),
            messages_per_minute: set.messages_per_minute.unwrap_or(known.messages_per_minute),
            recipients_per_day: set.recipients_per_day.unwrap_or(known.recipients_per_day),
            recipients_per_message: set
                .recipients_per_message
                .unwrap_or(known.recipients_per_message),
            max_message_bytes: set.max_message_bytes.unwrap_or(known.max_message_bytes),
        }
    }
}

impl Limits {
    /// facts: Exchange Online limits (service description).
    pub const EXCHANGE_ONLINE: Self = Self {
        max_connections: 3,
        messages_per_minute: 30,
        recipients_per_day: 10_000,
        recipients_per_message: 500,
        max_message_bytes: 35 * 1024 * 1024,
    };
    /// Google Workspace Admin Help 166852; connections and rate are not published, so careful ones.
    pub const GMAIL: Self = Self {
        max_connections: 5,
        messages_per_minute: 60,
        recipients_per_day: 10_000,
        recipients_per_message: 100,
        max_message_bytes: 35 * 1024 * 1024,
    };
    /// A server that we know nothing about: RFC 5321 §4.5.3.1.8 lets it stop at 100 recipients.
    pub const UNKNOWN: Self = Self {
        max_connections: 10,
        messages_per_minute: 600,
        recipients_per_day: 1_000_000,
        recipients_per_message: 100,
        max_message_bytes: 35 * 1024 * 1024,
    };

    /// What keeps within both.
    #[must_use]
    pub fn strictest(self, other: Self) -> Self {
        Self {
            max_connections: self.max_connections.min(other.max_connections),
            messages_per_minute: self.messages_per_minute.min(other.messages_per_minute),
            recipients_per_day: self.recipients_per_day.min(other.recipients_per_day),
            recipients_per_message: self
                .recipients_per_message
                .min(other.recipients_per_message),
            max_message_bytes: self.max_message_bytes.min(other.max_message_bytes),
        }
    }
}

impl OAuth2 {
    /// Who must sign in.
    pub fn consent_email(&self) -> &EmailAddress {
        self.consent_email.as_ref().unwrap_or(&self.login_email)
    }
}

#[cfg(test)]
mod tests;
