//! How tests and the demo change the world and look at its counters.
//!
//! Every switch takes effect at once for what comes next; nothing here waits, except `wait_until`,
//! which is level-triggered and never sleeps. Addresses are compared without case.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::idp::TokenRefusal;
use super::shared::Shared;
use super::world::{Account, App, RateLimit, Secret};

/// A handle on the running sandbox; clones are the same handle.
#[derive(Clone)]
pub struct Control {
    pub(super) shared: Arc<Shared>,
}

/// What happened so far, and what is open now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Requests at the token endpoint by grant type, refused ones included.
    pub token_requests: BTreeMap<String, u64>,
    /// Those answered with an error.
    pub token_errors: u64,
    /// Those that wait now because of `hold_token_replies`.
    pub token_requests_held: u64,
    /// Access tokens issued.
    pub access_tokens_issued: u64,
    /// Refresh tokens issued, rotated ones included.
    pub refresh_tokens_issued: u64,
    /// SMTP connections accepted.
    pub connections: u64,
    /// SMTP connections open now.
    pub connections_open: u64,
    /// AUTH commands that were answered.
    pub auths: u64,
    /// AUTH commands answered 235.
    pub auths_accepted: u64,
    /// Sessions ended by QUIT.
    pub quits: u64,
    /// Messages taken, whether or not the client heard of it.
    pub delivered: u64,
    /// Messages accepted beyond the minute's rate (`RateLimit::CarriedOver`).
    pub carried_over: u64,
    /// MAIL commands refused for the minute's rate (`RateLimit::Rejected`).
    pub rate_refused: u64,
    /// Messages refused for too many concurrent submissions, `throttle@` not included.
    pub concurrency_refused: u64,
    /// Replies that are held back now (`hold_data_reply`, `slow@` and its like).
    pub held: u64,
    /// Replies that were ever held back.
    pub held_total: u64,
    /// By authenticated mailbox; "" is the relay without AUTH.
    pub mailboxes: BTreeMap<String, MailboxStats>,
}

impl Stats {
    /// A mailbox's counters; zeros if it was never used.
    pub fn mailbox(&self, email: &str) -> MailboxStats {
        self.mailboxes
            .get(&email.to_lowercase())
            .copied()
            .unwrap_or_default()
    }

    /// Token requests of one grant type.
    pub fn token_requests(&self, grant_type: &str) -> u64 {
        self.token_requests
            .get(grant_type)
            .copied()
            .unwrap_or_default()
    }
}

/// One mailbox's counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MailboxStats {
    /// AUTHs accepted.
    pub auths: u64,
    /// Authenticated connections open now.
    pub connections_open: u64,
    /// The most that were ever open at once.
    pub connections_max: u64,
    /// Submissions under way now, from 354 to the final reply.
    pub submissions_open: u64,
    /// The most that were ever under way at once.
    pub submissions_max: u64,
}

/// The identity provider's side.
impl Control {
    /// Every code, token and PKCE verifier that is known here: what nobody else may show or keep as
    /// it is.
    pub fn secrets(&self) -> BTreeSet<String> {
        self.shared.read(|world| {
            let codes = world.codes.keys();
            codes
                .chain(world.refresh_tokens.keys())
                .chain(world.access_tokens.keys())
                .chain(&world.verifiers)
                .cloned()
                .collect()
        })
    }

    /// Adds an application registration or replaces the one with this client id.
    pub fn put_app(&self, app: App) {
        self.shared
            .update(|world| world.apps.insert(app.client_id.clone(), app));
    }

    /// Changes an application registration; false if there is none.
    pub fn alter_app(&self, client_id: &str, change: impl FnOnce(&mut App)) -> bool {
        self.shared
            .update(|world| world.apps.get_mut(client_id).map(change).is_some())
    }

    /// Adds an account or replaces the one with this address.
    pub fn put_account(&self, account: Account) {
        self.shared
            .update(|world| world.accounts.insert(account.email.to_lowercase(), account));
    }

    /// Changes an account; false if there is none.
    pub fn alter_account(&self, email: &str, change: impl FnOnce(&mut Account)) -> bool {
        let email = email.to_lowercase();
        self.shared
            .update(|world| world.accounts.get_mut(&email).map(change).is_some())
    }

    /// Adds a second (third…) client secret; all are accepted. False if there is no such app.
    pub fn add_secret(&self, client_id: &str, value: &str) -> bool {
        self.alter_app(client_id, |app| {
            app.secrets.push(Secret {
                value: value.to_owned(),
                expires: None,
            });
        })
    }

    /// Lets all secrets an application has now expire (7000222). False if there is no such app.
    pub fn expire_secret(&self, client_id: &str) -> bool {
        let now = self.shared.now();
        self.alter_app(client_id, |app| {
            for secret in &mut app.secrets {
                secret.expires = Some(secret.expires.map_or(now, |at| at.min(now)));
            }
        })
    }

    /// Gives a tenant's (GUID) admin consent for app-only submission. False if there is no such app.
    pub fn admin_consent(&self, client_id: &str, tenant: &str) -> bool {
        self.alter_app(client_id, |app| {
            app.admin_consent.insert(tenant.to_lowercase());
        })
    }

    /// Removes what a user consented to: the next refresh fails with 65001.
    pub fn withdraw_consent(&self, client_id: &str, email: &str) {
        let key = (client_id.to_owned(), email.to_lowercase());
        self.shared.update(|world| world.consents.remove(&key));
    }

    /// "Revoke all sessions" of a user: refresh tokens issued so far fail with 50173.
    pub fn revoke_refresh_tokens(&self, email: &str) {
        let now = self.shared.now();
        let email = email.to_lowercase();
        self.shared.update(|world| {
            for token in world.refresh_tokens.values_mut() {
                if token.user == email {
                    token.revoked.get_or_insert(now);
                }
            }
        });
    }

    /// Ends all access tokens of a user (or all app-only ones of a client id) now.
    pub fn expire_access_tokens(&self, user_or_client_id: &str) {
        let now = self.shared.now();
        let wanted = user_or_client_id.to_lowercase();
        self.shared.update(|world| {
            for token in world.access_tokens.values_mut() {
                if token.user.as_ref().unwrap_or(&token.client_id) == &wanted {
                    token.expires = now;
                }
            }
        });
    }

    /// `expires_in` of the access tokens issued from now on (default 3599 s, at most a year).
    pub fn token_lifetime(&self, lifetime: Duration) {
        let lifetime = lifetime.min(Duration::from_secs(365 * 86_400));
        self.shared.update(|world| world.token_lifetime = lifetime);
    }

    /// A used refresh token is dead, and using it again revokes its whole family (not Microsoft).
    pub fn strict_rotation(&self, on: bool) {
        self.shared.update(|world| world.strict_rotation = on);
    }

    /// Refresh answers hold no `refresh_token` (as Google's).
    pub fn omit_rotated_refresh_token(&self, on: bool) {
        self.shared.update(|world| world.omit_rotated = on);
    }

    /// No answer holds a `refresh_token`, as if `offline_access` had not been asked.
    pub fn omit_refresh_token(&self, on: bool) {
        self.shared.update(|world| world.omit_refresh = on);
    }

    /// Answers hold no `scope` (RFC 6749 section 5.1 allows it where all was granted).
    pub fn omit_scope(&self, on: bool) {
        self.shared.update(|world| world.omit_scope = on);
    }

    /// Users leave this permission (`SMTP.Send`) unticked when they consent: tokens, and the `scope` of
    /// their answers, lack it. `None` ends it.
    pub fn untick(&self, permission: Option<&str>) {
        self.shared.update(|world| {
            world.unticked = permission.map(str::to_lowercase).into_iter().collect();
        });
    }

    /// Users' tokens are for Microsoft Graph, whatever was asked.
    pub fn graph_tokens(&self, on: bool) {
        self.shared.update(|world| world.graph_tokens = on);
    }

    /// Id tokens have this value in this claim; null leaves the claim out, `None` ends it.
    pub fn id_token_claim(&self, name: &str, value: Option<Value>) {
        self.shared.update(|world| match value {
            Some(value) => world.id_claims.insert(name.to_owned(), value),
            None => world.id_claims.remove(name),
        });
    }

    /// The next `n` token requests are refused in this way, before anything is looked at.
    pub fn refuse_next_token_requests(&self, n: usize, kind: TokenRefusal) {
        self.shared.update(|world| {
            world
                .refusals
                .extend(std::iter::repeat_n(kind, n.min(10_000)));
        });
    }

    /// While on, token requests wait before they are looked at.
    pub fn hold_token_replies(&self, on: bool) {
        self.shared.update(|world| world.hold_tokens = on);
    }
}

/// The SMTP server's side.
impl Control {
    /// `SmtpClientAuthenticationDisabled` of a mailbox; false means on, whatever the tenant says.
    /// False if there is no such mailbox.
    pub fn smtp_auth_disabled_mailbox(&self, email: &str, disabled: bool) -> bool {
        self.alter_account(email, |account| account.smtp_auth_disabled = Some(disabled))
    }

    /// `SmtpClientAuthenticationDisabled` of all tenants; a mailbox's own setting wins.
    pub fn smtp_auth_disabled_tenant(&self, disabled: bool) {
        self.shared.update(|world| {
            for tenant in &mut world.tenants {
                tenant.smtp_auth_disabled = disabled;
            }
        });
    }

    /// Any AUTH as this mailbox gets this reply (a full line, such as `454 4.7.0 …`); `None` ends it.
    /// In it `{line}` becomes the AUTH line as it came, and `{secret}` the token or password.
    pub fn auth_reply(&self, mailbox: &str, reply: Option<&str>) {
        let mailbox = mailbox.to_lowercase();
        self.shared
            .update(|world| set(&mut world.auth_replies, mailbox, reply));
    }

    /// DATA of this mailbox gets this reply in place of the 354 (as Google's daily limit); `None` ends
    /// it.
    pub fn data_reply(&self, mailbox: &str, reply: Option<&str>) {
        let mailbox = mailbox.to_lowercase();
        self.shared
            .update(|world| set(&mut world.data_replies, mailbox, reply));
    }

    /// Any message of this mailbox gets this final reply and isn't taken; `None` ends it.
    pub fn submission_reply(&self, mailbox: &str, reply: Option<&str>) {
        let mailbox = mailbox.to_lowercase();
        self.shared
            .update(|world| set(&mut world.submission_replies, mailbox, reply));
    }

    /// Recipients outside the accepted domains get 550 5.7.54 at RCPT.
    pub fn external_recipients_refused(&self, on: bool) {
        self.shared.update(|world| world.external_refused = on);
    }

    /// Concurrent submissions a mailbox may have (default 3); beyond it the final reply is 432.
    pub fn concurrent_submissions(&self, max: u64) {
        self.shared.update(|world| world.submissions_max = max);
    }

    /// Messages a minute and mailbox (default `CarriedOver(30)`).
    pub fn rate_limit(&self, rate: RateLimit) {
        self.shared.update(|world| world.rate = rate);
    }

    /// Recipients of one transaction (default 500); more get 452 4.5.3.
    pub fn recipients_per_message(&self, max: usize) {
        self.shared.update(|world| world.recipients_max = max);
    }

    /// Whether EHLO offers PIPELINING (default on): without, a client waits for each reply.
    pub fn pipelining(&self, on: bool) {
        self.shared.update(|world| world.pipelining = on);
    }

    /// How often `throttle@` refuses before it accepts (default 1), by mailbox and recipient.
    pub fn throttle_times(&self, times: u32) {
        self.shared.update(|world| world.throttle_times = times);
    }

    /// How often `drop-after-dot@` takes a message without a reply before it answers (default 1), by
    /// mailbox and recipient.
    pub fn drop_after_dot_times(&self, times: u32) {
        self.shared
            .update(|world| world.drop_after_dot_times = times);
    }

    /// While on, every final reply is held back after the message was taken.
    pub fn hold_data_reply(&self, on: bool) {
        self.shared.update(|world| world.hold_replies = on);
    }

    /// Lets go the replies that are held back now, those of `slow@`, `slow-data@` and `slow-rcpt@`
    /// included.
    pub fn release(&self) {
        self.shared.update(|world| world.releases += 1);
    }
}

/// What happened.
impl Control {
    /// The counters now.
    pub fn stats(&self) -> Stats {
        self.shared.read(|world| world.stats.clone())
    }

    /// Returns the counters as soon as they satisfy the condition.
    pub async fn wait_until(&self, condition: impl Fn(&Stats) -> bool) -> Stats {
        let ready = || Some(self.stats()).filter(|stats| condition(stats));
        self.shared.wait_for(ready).await
    }
}

fn set(replies: &mut BTreeMap<String, String>, mailbox: String, reply: Option<&str>) {
    match reply {
        Some(reply) => replies.insert(mailbox, reply.trim_end().to_owned()),
        None => replies.remove(&mailbox),
    };
}
