//! The HTTP side of the sandbox: the identity provider's routes, the control endpoint, the delivered
//! mail, and an index page that tells what this is.
//!
//! The control endpoint is a thin JSON layer over [`Control`] and decides nothing itself.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::control::{Control, Stats};
use super::idp::{self, TokenRefusal};
use super::pages::{self, escape};
use super::shared::Shared;
use super::world::RateLimit;
use super::{CLIENT_ID, CLIENT_SECRET, GOOGLE_CLIENT_ID, GOOGLE_CLIENT_SECRET, TENANT_ID, smtp};

/// Where the servers listen.
#[derive(Clone, Copy)]
pub(super) struct Addresses {
    pub http: SocketAddr,
    pub smtp: SocketAddr,
    pub smtps: SocketAddr,
    pub plain: SocketAddr,
    pub google: SocketAddr,
}

impl Addresses {
    pub fn authority(&self) -> String {
        format!("http://{}", self.http)
    }
}

/// What the handlers share.
pub(super) struct Site {
    control: Control,
    addresses: Addresses,
    ca_pem: String,
}

impl Site {
    pub fn new(control: Control, addresses: Addresses, ca_pem: String) -> Self {
        Self {
            control,
            addresses,
            ca_pem,
        }
    }

    pub fn shared(&self) -> &Arc<Shared> {
        &self.control.shared
    }

    pub fn authority(&self) -> String {
        self.addresses.authority()
    }
}

/// Serves until `stopped`'s sender is gone.
pub(super) async fn serve(listener: TcpListener, site: Site, mut stopped: watch::Receiver<()>) {
    let router = Router::new()
        .route("/", get(index))
        .route("/sandbox/control", get(stats).post(control))
        .route("/sandbox/mail", get(mail_list))
        .route("/sandbox/mail/{n}", get(mail_raw))
        .route("/sandbox/ca.pem", get(ca))
        .merge(idp::routes())
        .with_state(Arc::new(site));
    let stop = async move { while stopped.changed().await.is_ok() {} };
    // axum retries failed accepts itself and never returns an error.
    let _ = axum::serve(listener, router)
        .with_graceful_shutdown(stop)
        .await;
}

/// One switch, as `{"action": "expire_secret", "client_id": "…"}`.
#[derive(Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
enum Command {
    AddSecret {
        client_id: String,
        value: String,
    },
    ExpireSecret {
        client_id: String,
    },
    AdminConsent {
        client_id: String,
        tenant: String,
    },
    WithdrawConsent {
        client_id: String,
        email: String,
    },
    RevokeRefreshTokens {
        email: String,
    },
    ExpireAccessTokens {
        of: String,
    },
    TokenLifetime {
        seconds: u64,
    },
    StrictRotation {
        on: bool,
    },
    RefuseNextTokenRequests {
        n: usize,
        kind: TokenRefusal,
    },
    SmtpAuthDisabledMailbox {
        email: String,
        disabled: bool,
    },
    SmtpAuthDisabledTenant {
        disabled: bool,
    },
    AuthReply {
        mailbox: String,
        reply: Option<String>,
    },
    DataReply {
        mailbox: String,
        reply: Option<String>,
    },
    SubmissionReply {
        mailbox: String,
        reply: Option<String>,
    },
    Password {
        email: String,
        password: Option<String>,
    },
    ExternalRecipientsRefused {
        on: bool,
    },
    ConcurrentSubmissions {
        max: u64,
    },
    RateLimit {
        rate: RateLimit,
    },
    RecipientsPerMessage {
        max: usize,
    },
    ThrottleTimes {
        times: u32,
    },
    DropAfterDotTimes {
        times: u32,
    },
    Pipelining {
        on: bool,
    },
    HoldDataReply {
        on: bool,
    },
    Release,
}

impl Command {
    /// False if the app or account that is named doesn't exist.
    fn apply(self, to: &Control) -> bool {
        match self {
            Self::AddSecret { client_id, value } => return to.add_secret(&client_id, &value),
            Self::ExpireSecret { client_id } => return to.expire_secret(&client_id),
            Self::AdminConsent { client_id, tenant } => {
                return to.admin_consent(&client_id, &tenant);
            }
            Self::WithdrawConsent { client_id, email } => to.withdraw_consent(&client_id, &email),
            Self::RevokeRefreshTokens { email } => to.revoke_refresh_tokens(&email),
            Self::ExpireAccessTokens { of } => to.expire_access_tokens(&of),
            Self::TokenLifetime { seconds } => {
                to.token_lifetime(Duration::from_secs(seconds));
            }
            Self::StrictRotation { on } => to.strict_rotation(on),
            Self::RefuseNextTokenRequests { n, kind } => to.refuse_next_token_requests(n, kind),
            Self::SmtpAuthDisabledMailbox { email, disabled } => {
                return to.smtp_auth_disabled_mailbox(&email, disabled);
            }
            Self::SmtpAuthDisabledTenant { disabled } => to.smtp_auth_disabled_tenant(disabled),
            Self::AuthReply { mailbox, reply } => to.auth_reply(&mailbox, reply.as_deref()),
            Self::DataReply { mailbox, reply } => to.data_reply(&mailbox, reply.as_deref()),
            Self::SubmissionReply { mailbox, reply } => {
                to.submission_reply(&mailbox, reply.as_deref());
            }
            Self::Password { email, password } => {
                return to.alter_account(&email, |account| account.password = password);
            }
            Self::ExternalRecipientsRefused { on } => to.external_recipients_refused(on),
            Self::ConcurrentSubmissions { max } => to.concurrent_submissions(max),
            Self::RateLimit { rate } => to.rate_limit(rate),
            Self::RecipientsPerMessage { max } => to.recipients_per_message(max),
            Self::ThrottleTimes { times } => to.throttle_times(times),
            Self::DropAfterDotTimes { times } => to.drop_after_dot_times(times),
            Self::Pipelining { on } => to.pipelining(on),
            Self::HoldDataReply { on } => to.hold_data_reply(on),
            Self::Release => to.release(),
        }
        true
    }
}

async fn control(State(site): State<Arc<Site>>, Json(command): Json<Command>) -> Response {
    if command.apply(&site.control) {
        Json(site.control.stats()).into_response()
    } else {
        let body = json!({"error": "no such app or account"});
        (StatusCode::NOT_FOUND, Json(body)).into_response()
    }
}

async fn stats(State(site): State<Arc<Site>>) -> Json<Stats> {
    Json(site.control.stats())
}

async fn ca(State(site): State<Arc<Site>>) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/x-pem-file")];
    (headers, site.ca_pem.clone()).into_response()
}

async fn mail_list(State(site): State<Arc<Site>>) -> Json<Vec<Value>> {
    Json(site.shared().mail(|mail| {
        mail.iter()
            .enumerate()
            .map(|(n, delivered)| {
                json!({
                    "n": n,
                    "mailbox": delivered.mailbox,
                    "mail_from": delivered.mail_from,
                    "rcpt_to": delivered.rcpt_to,
                    "subject": smtp::subject(&delivered.content),
                    "size": delivered.content.len(),
                    "tls": delivered.tls,
                })
            })
            .collect()
    }))
}

async fn mail_raw(State(site): State<Arc<Site>>, Path(n): Path<usize>) -> Response {
    let content = site
        .shared()
        .mail(|mail| mail.get(n).map(|delivered| delivered.content.clone()));
    match content {
        // Plain text, so that no browser runs what somebody mailed.
        Some(content) => (
            [
                (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            ],
            content,
        )
            .into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn index(State(site): State<Arc<Site>>) -> Response {
    let accounts: String = site.shared().read(|world| {
        world
            .accounts
            .values()
            .map(|account| {
                let kind = if account.shared {
                    "shared mailbox"
                } else {
                    "user"
                };
                let may: Vec<_> = account.send_as.iter().map(|a| escape(a)).collect();
                format!(
                    "<tr><td>{}</td><td>{kind}</td><td>{}</td></tr>\n",
                    escape(&account.email),
                    may.join(", ")
                )
            })
            .collect()
    });
    let faults: String = smtp::FAULTS
        .iter()
        .map(|(name, what)| format!("<tr><td>{name}@…</td><td>{}</td></tr>\n", escape(what)))
        .collect();
    let at = &site.addresses;
    let body = format!(
        "<p>A stand-in for Microsoft Entra and Exchange Online, and for Google. Mail sent here goes nowhere: read it under \
         <a href=\"/sandbox/mail\">/sandbox/mail</a>. Counters: <a href=\"/sandbox/control\">/sandbox/control</a> \
         (POST changes the world).</p>\n<table>\n\
         <tr><th>Authority</th><td>{authority}</td></tr>\n\
         <tr><th>SMTP, STARTTLS</th><td>{smtp}</td></tr>\n<tr><th>SMTP, implicit TLS</th><td>{smtps}</td></tr>\n\
         <tr><th>SMTP relay, plain</th><td>{plain}</td></tr>\n\
         <tr><th>Google's authority</th><td>{authority}/google</td></tr>\n<tr><th>Google's SMTP</th><td>{google}</td></tr>\n\
         <tr><th>Google's client ID</th><td>{GOOGLE_CLIENT_ID}</td></tr>\n<tr><th>Its secret</th><td>{GOOGLE_CLIENT_SECRET}</td></tr>\n\
         <tr><th>CA certificate</th><td><a href=\"/sandbox/ca.pem\">/sandbox/ca.pem</a></td></tr>\n\
         <tr><th>Client ID</th><td>{CLIENT_ID}</td></tr>\n<tr><th>Client secret</th><td>{CLIENT_SECRET}</td></tr>\n\
         <tr><th>Tenant (Contoso)</th><td>{TENANT_ID}</td></tr>\n</table>\n\
         <h2>Accounts</h2>\n<table>\n<tr><th>Address</th><th>Kind</th><th>May be sent as by</th></tr>\n{accounts}</table>\n\
         <h2>Faults, by the recipient's local part</h2>\n<table>\n{faults}</table>\n\
         <p>A suffix (<code>greylist+2@…</code>) makes another recipient of the same fault.</p>\n",
        authority = at.authority(),
        smtp = at.smtp,
        smtps = at.smtps,
        plain = at.plain,
        google = at.google,
    );
    pages::html(StatusCode::OK, &pages::layout(pages::SANDBOX, &body))
}
