//! Everything the sandbox knows: tenants, applications, accounts, grants, tokens, switches and counters.
//!
//! Plain data and the questions that need nothing else; it knows neither HTTP nor SMTP, nor who waits.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::control::{MailboxStats, Stats};
use super::idp::TokenRefusal;
use super::{
    CLIENT_ID, CLIENT_SECRET, FABRIKAM_TENANT_ID, GOOGLE, GOOGLE_CLIENT_ID, GOOGLE_CLIENT_SECRET,
    TENANT_ID,
};

/// A directory of an organization.
#[derive(Clone, Debug)]
pub(super) struct Tenant {
    pub id: String,
    pub name: String,
    /// Accepted domains, lower case; the first is the default.
    pub domains: Vec<String>,
    pub smtp_auth_disabled: bool,
}

/// A client secret of an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// What the client sends.
    pub value: String,
    /// From when on it is refused with 7000222; `None` never ends.
    pub expires: Option<SystemTime>,
}

/// An application registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// The application (client) id.
    pub client_id: String,
    /// Shown on the consent page.
    pub name: String,
    /// The tenant it is registered in (GUID).
    pub home_tenant: String,
    /// Whether other tenants' users may sign in.
    pub multi_tenant: bool,
    /// A public client (native platform): a secret is refused with 700025.
    pub public: bool,
    /// All that are accepted side by side.
    pub secrets: Vec<Secret>,
    /// `http://localhost` or `http://127.0.0.1` with any port and a path starting `/oauth2/callback`.
    pub loopback_redirect: bool,
    /// Further redirect URIs, compared exactly.
    pub redirect_uris: Vec<String>,
    /// Tenants (GUID) whose administrator consented to `SMTP.SendAsApp`.
    pub admin_consent: BTreeSet<String>,
    /// Mailboxes its service principal has FullAccess to (app-only submission).
    pub mailboxes: BTreeSet<String>,
}

impl App {
    /// A confidential multi-tenant application of Contoso with one secret that never expires.
    pub fn new(client_id: &str, secret: &str) -> Self {
        Self {
            client_id: client_id.to_owned(),
            name: "Mailwright".to_owned(),
            home_tenant: TENANT_ID.to_owned(),
            multi_tenant: true,
            public: false,
            secrets: vec![Secret {
                value: secret.to_owned(),
                expires: None,
            }],
            loopback_redirect: true,
            redirect_uris: Vec::new(),
            admin_consent: BTreeSet::new(),
            mailboxes: BTreeSet::new(),
        }
    }
}

/// A user or a shared mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// User principal name and primary address, lower case.
    pub email: String,
    /// GUID of its tenant.
    pub tenant: String,
    /// A shared mailbox has no sign-in of its own.
    pub shared: bool,
    /// A disabled account can't sign in or refresh (50057).
    pub enabled: bool,
    /// Without one (the default) basic authentication is disabled.
    pub password: Option<String>,
    /// The mailbox's own switch; `None` follows the tenant.
    pub smtp_auth_disabled: Option<bool>,
    /// Users whose token may authenticate as this mailbox (FullAccess).
    pub full_access: BTreeSet<String>,
    /// Users or mailboxes that may send as this address (SendAs).
    pub send_as: BTreeSet<String>,
}

impl Account {
    /// An enabled user without password or further rights.
    pub fn new(email: &str, tenant: &str) -> Self {
        Self {
            email: email.to_lowercase(),
            tenant: tenant.to_owned(),
            shared: false,
            enabled: true,
            password: None,
            smtp_auth_disabled: None,
            full_access: BTreeSet::new(),
            send_as: BTreeSet::new(),
        }
    }
}

/// How many messages a mailbox may submit in a minute, and what happens beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RateLimit {
    /// No limit.
    Off,
    /// More are accepted and counted as carried over to the following minutes.
    CarriedOver(usize),
    /// More are refused at MAIL with 421 4.4.2 and the connection is closed.
    Rejected(usize),
}

/// An authorization request that waits for the user's decision.
#[derive(Clone, Debug)]
pub(super) struct Ticket {
    pub tenant: String,
    pub client_id: String,
    pub redirect_uri: String,
    pub scopes: Vec<String>,
    pub state: Option<String>,
    pub fragment: bool,
    pub nonce: Option<String>,
    pub challenge: Option<(String, bool)>,
    pub admin: bool,
    /// `prompt=consent`.
    pub consent_anew: bool,
    pub issued: SystemTime,
}

/// An authorization code; it stays after its redemption so that reuse is told apart.
#[derive(Clone, Debug)]
pub(super) struct Code {
    pub ticket: Ticket,
    pub user: String,
    pub issued: SystemTime,
    pub redeemed: bool,
}

/// A refresh token.
#[derive(Clone, Debug)]
pub(super) struct RefreshToken {
    pub client_id: String,
    pub user: String,
    pub scopes: Vec<String>,
    pub nonce: Option<String>,
    pub issued: SystemTime,
    pub revoked: Option<SystemTime>,
    /// The authorization it descends from: strict rotation revokes all of one family.
    pub family: String,
}

/// What an access token allows.
#[derive(Clone, Debug)]
pub(super) struct AccessToken {
    pub audience: String,
    pub scopes: Vec<String>,
    /// The user, or `None` for an app-only token.
    pub user: Option<String>,
    pub client_id: String,
    pub tenant: String,
    pub roles: Vec<String>,
    pub expires: SystemTime,
}

/// The state and its switches.
pub(super) struct World {
    pub tenants: Vec<Tenant>,
    pub apps: BTreeMap<String, App>,
    pub accounts: BTreeMap<String, Account>,
    /// Delegated consent by (client id, user): full scope names.
    pub consents: BTreeMap<(String, String), BTreeSet<String>>,
    pub tickets: BTreeMap<String, Ticket>,
    pub codes: BTreeMap<String, Code>,
    pub refresh_tokens: BTreeMap<String, RefreshToken>,
    pub access_tokens: BTreeMap<String, AccessToken>,
    /// The PKCE verifiers that were shown.
    pub verifiers: BTreeSet<String>,
    pub token_lifetime: Duration,
    pub strict_rotation: bool,
    pub omit_rotated: bool,
    /// Permissions that users leave unticked, lower case.
    pub unticked: BTreeSet<String>,
    pub graph_tokens: bool,
    pub omit_refresh: bool,
    pub omit_scope: bool,
    /// What id tokens say in place of the truth; null leaves a claim out.
    pub id_claims: BTreeMap<String, Value>,
    pub refusals: VecDeque<TokenRefusal>,
    pub hold_tokens: bool,
    pub hold_replies: bool,
    /// Grows with every release; a held reply waits for a larger one.
    pub releases: u64,
    pub external_refused: bool,
    pub submissions_max: u64,
    pub rate: RateLimit,
    pub recipients_max: usize,
    pub pipelining: bool,
    pub throttle_times: u32,
    pub drop_after_dot_times: u32,
    pub auth_replies: BTreeMap<String, String>,
    pub data_replies: BTreeMap<String, String>,
    pub submission_replies: BTreeMap<String, String>,
    /// How often a fault has struck, by (fault, mailbox, recipient).
    pub struck: BTreeMap<(String, String, String), u32>,
    /// When each mailbox submitted within the last minute.
    pub submitted: BTreeMap<String, VecDeque<SystemTime>>,
    pub stats: Stats,
}

impl World {
    pub fn new() -> Self {
        let mut world = Self {
            tenants: tenants(),
            apps: BTreeMap::new(),
            accounts: BTreeMap::new(),
            consents: BTreeMap::new(),
            tickets: BTreeMap::new(),
            codes: BTreeMap::new(),
            refresh_tokens: BTreeMap::new(),
            access_tokens: BTreeMap::new(),
            verifiers: BTreeSet::new(),
            token_lifetime: Duration::from_secs(3599),
            strict_rotation: false,
            omit_rotated: false,
            unticked: BTreeSet::new(),
            graph_tokens: false,
            omit_refresh: false,
            omit_scope: false,
            id_claims: BTreeMap::new(),
            refusals: VecDeque::new(),
            hold_tokens: false,
            hold_replies: false,
            releases: 0,
            external_refused: false,
            submissions_max: 3,
            rate: RateLimit::CarriedOver(30),
            recipients_max: 500,
            pipelining: true,
            throttle_times: 1,
            drop_after_dot_times: 1,
            auth_replies: BTreeMap::new(),
            data_replies: BTreeMap::new(),
            submission_replies: BTreeMap::new(),
            struck: BTreeMap::new(),
            submitted: BTreeMap::new(),
            stats: Stats::default(),
        };
        let mut app = App::new(CLIENT_ID, CLIENT_SECRET);
        app.mailboxes.insert("noreply@contoso.com".to_owned());
        world.apps.insert(app.client_id.clone(), app);
        let mut google = App::new(GOOGLE_CLIENT_ID, GOOGLE_CLIENT_SECRET);
        google.home_tenant = GOOGLE.to_owned();
        google.multi_tenant = false;
        world.apps.insert(google.client_id.clone(), google);
        let mut noreply = Account::new("noreply@contoso.com", TENANT_ID);
        noreply.shared = true;
        noreply.full_access.insert("adele@contoso.com".to_owned());
        noreply.send_as.insert("adele@contoso.com".to_owned());
        for account in [
            Account::new("adele@contoso.com", TENANT_ID),
            Account::new("alex@contoso.com", TENANT_ID),
            noreply,
            Account::new("megan@fabrikam.com", FABRIKAM_TENANT_ID),
            Account::new("grace@cymbal.example", GOOGLE),
        ] {
            world.accounts.insert(account.email.clone(), account);
        }
        world
    }

    /// The tenant with this GUID or accepted domain.
    pub fn tenant(&self, id_or_domain: &str) -> Option<&Tenant> {
        let wanted = id_or_domain.to_lowercase();
        self.tenants
            .iter()
            .find(|tenant| tenant.id == wanted || tenant.domains.contains(&wanted))
    }

    /// Whether an address belongs to an accepted domain of any tenant here.
    pub fn is_internal(&self, address: &str) -> bool {
        let domain = address.rsplit('@').next().unwrap_or_default();
        self.tenant(domain).is_some_and(|t| t.id != domain)
    }

    /// A mailbox's counters.
    pub fn mailbox_stats(&mut self, mailbox: &str) -> &mut MailboxStats {
        let mailboxes = &mut self.stats.mailboxes;
        mailboxes.entry(mailbox.to_owned()).or_default()
    }

    /// Counts one strike of a fault; true while it has struck at most `times` times.
    pub fn strikes(&mut self, fault: &str, mailbox: &str, recipient: &str, times: u32) -> bool {
        let key = (fault.to_owned(), mailbox.to_owned(), recipient.to_owned());
        let count = self.struck.entry(key).or_default();
        if *count >= times {
            return false;
        }
        *count += 1;
        true
    }
}

fn tenants() -> Vec<Tenant> {
    let tenant = |id: &str, name: &str, domains: [&str; 2]| Tenant {
        id: id.to_owned(),
        name: name.to_owned(),
        domains: domains.map(str::to_owned).to_vec(),
        smtp_auth_disabled: false,
    };
    vec![
        tenant(
            TENANT_ID,
            "Contoso",
            ["contoso.com", "contoso.onmicrosoft.com"],
        ),
        tenant(
            FABRIKAM_TENANT_ID,
            "Fabrikam",
            ["fabrikam.com", "fabrikam.onmicrosoft.com"],
        ),
    ]
}
