//! What went wrong, who mends it, and how.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// One explained failure, as every door shows it: RPC errors, tests, problems, attempts, pages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// The machine's name for it.
    pub reason: Reason,
    /// The provider's own code, `AADSTS7000222` or `535 5.7.139`; empty where it gave none.
    pub provider_code: String,
    /// What it affects.
    pub scope: Scope,
    /// One sentence: what happened.
    pub summary: String,
    /// One or two sentences: what to do.
    pub remedy: String,
    /// Commands to run, ready to paste.
    pub commands: Vec<String>,
    /// A page that explains it; from our catalogue, never from the provider's answer.
    pub help_url: String,
    /// Who can mend it.
    pub fixed_by: FixedBy,
    /// Whether trying again unchanged can help.
    pub retryable: bool,
    /// The provider's text, redacted of secrets and cut at 2 KiB.
    pub provider_text: String,
    /// Since when it has been so, where that is known.
    pub since: Option<Timestamp>,
}

/// What a failure affects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Scope {
    Recipient,
    Message,
    Mailbox,
    Tenant,
    Server,
}

/// Who can mend a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FixedBy {
    Caller,
    ServiceAdmin,
    TenantAdmin,
    Recipient,
    Provider,
    Nobody,
}

macro_rules! reasons {
    ($($name:ident = $text:literal),* $(,)?) => {
        /// The machine's name for a failure; `ErrorInfo.reason` carries its text.
        /// `diagnosis.proto` documents each.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
        pub enum Reason { $($name),* }

        impl Reason {
            /// All of them, in the order of `diagnosis.proto`.
            pub const ALL: &'static [Reason] = &[$(Reason::$name),*];

            /// `CLIENT_SECRET_EXPIRED`.
            pub fn as_str(self) -> &'static str {
                match self { $(Reason::$name => $text),* }
            }
        }
    };
}

reasons! {
    InvalidField = "INVALID_FIELD",
    UndecodableRequest = "UNDECODABLE_REQUEST",
    RequestTooLarge = "REQUEST_TOO_LARGE",
    ServiceNotFound = "SERVICE_NOT_FOUND",
    ServiceExists = "SERVICE_EXISTS",
    MessageNotFound = "MESSAGE_NOT_FOUND",
    RequestIdReused = "REQUEST_ID_REUSED",
    EtagMismatch = "ETAG_MISMATCH",
    ServiceHasPendingMail = "SERVICE_HAS_PENDING_MAIL",
    ServiceNotTested = "SERVICE_NOT_TESTED",
    ServiceNotAuthorized = "SERVICE_NOT_AUTHORIZED",
    ServiceSuspended = "SERVICE_SUSPENDED",
    WrongState = "WRONG_STATE",
    AuthorizationNotFound = "AUTHORIZATION_NOT_FOUND",
    ConsentDenied = "CONSENT_DENIED",
    WrongAccount = "WRONG_ACCOUNT",
    NoRefreshToken = "NO_REFRESH_TOKEN",
    MissingScope = "MISSING_SCOPE",
    WrongAudience = "WRONG_AUDIENCE",
    GrantDead = "GRANT_DEAD",
    ConsentRequired = "CONSENT_REQUIRED",
    MfaRequired = "MFA_REQUIRED",
    ConditionalAccess = "CONDITIONAL_ACCESS",
    AccountDisabled = "ACCOUNT_DISABLED",
    AccountUnknown = "ACCOUNT_UNKNOWN",
    AccountLocked = "ACCOUNT_LOCKED",
    NotAssigned = "NOT_ASSIGNED",
    AdminConsentRequired = "ADMIN_CONSENT_REQUIRED",
    ClientSecretExpired = "CLIENT_SECRET_EXPIRED",
    ClientSecretInvalid = "CLIENT_SECRET_INVALID",
    ClientSecretMissing = "CLIENT_SECRET_MISSING",
    ClientSecretNotAllowed = "CLIENT_SECRET_NOT_ALLOWED",
    ClientIdUnknown = "CLIENT_ID_UNKNOWN",
    TenantUnknown = "TENANT_UNKNOWN",
    RedirectUriMismatch = "REDIRECT_URI_MISMATCH",
    ScopeInvalid = "SCOPE_INVALID",
    AppConfiguration = "APP_CONFIGURATION",
    ProviderThrottled = "PROVIDER_THROTTLED",
    ProviderUnavailable = "PROVIDER_UNAVAILABLE",
    ProviderProtocol = "PROVIDER_PROTOCOL",
    SmtpAuthDisabledTenant = "SMTP_AUTH_DISABLED_TENANT",
    SmtpAuthDisabledMailbox = "SMTP_AUTH_DISABLED_MAILBOX",
    SmtpAuthRefused = "SMTP_AUTH_REFUSED",
    BasicAuthDisabled = "BASIC_AUTH_DISABLED",
    SendAsDenied = "SEND_AS_DENIED",
    RecipientRefused = "RECIPIENT_REFUSED",
    ExternalRecipientRefused = "EXTERNAL_RECIPIENT_REFUSED",
    MailboxBlocked = "MAILBOX_BLOCKED",
    MailboxFull = "MAILBOX_FULL",
    DailyLimit = "DAILY_LIMIT",
    RateLimited = "RATE_LIMITED",
    ConcurrencyLimited = "CONCURRENCY_LIMITED",
    TenantBlocked = "TENANT_BLOCKED",
    MessageTooLarge = "MESSAGE_TOO_LARGE",
    MessageRefused = "MESSAGE_REFUSED",
    SmtpTransient = "SMTP_TRANSIENT",
    SmtpPermanent = "SMTP_PERMANENT",
    SmtpProtocol = "SMTP_PROTOCOL",
    ConnectionFailed = "CONNECTION_FAILED",
    ConnectionLost = "CONNECTION_LOST",
    ReplyLost = "REPLY_LOST",
    TlsFailed = "TLS_FAILED",
    StarttlsNotOffered = "STARTTLS_NOT_OFFERED",
    MechanismNotOffered = "MECHANISM_NOT_OFFERED",
    ResolveFailed = "RESOLVE_FAILED",
    EgressDenied = "EGRESS_DENIED",
    MessageExpired = "MESSAGE_EXPIRED",
    CursorInvalid = "CURSOR_INVALID",
    CursorOutOfRange = "CURSOR_OUT_OF_RANGE",
    OutboxFull = "OUTBOX_FULL",
    Draining = "DRAINING",
    StoreUnavailable = "STORE_UNAVAILABLE",
    Unauthenticated = "UNAUTHENTICATED",
    PermissionDenied = "PERMISSION_DENIED",
    Unimplemented = "UNIMPLEMENTED",
    Internal = "INTERNAL",
    AccessKeyNotFound = "ACCESS_KEY_NOT_FOUND",
    ClientSecretExpiresSoon = "CLIENT_SECRET_EXPIRES_SOON",
    CallerLimited = "CALLER_LIMITED",
    VaultKeyUnusable = "VAULT_KEY_UNUSABLE",
    DeadlineExceeded = "DEADLINE_EXCEEDED",
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
