//! AUTH: XOAUTH2 as Exchange takes it, LOGIN and PLAIN for accounts with a password; at Google's
//! server its 334 error challenge, and OAUTHBEARER.

use std::io;
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::replies::{self, AuthRefusal};
use super::session::{Next, Session, reply};
use super::wire::{Line, Wire};
use super::{House, Mode};
use crate::sandbox::idp::{google, is_exchange};
use crate::sandbox::shared::Leave;
use crate::sandbox::world::{Account, World};

/// `{"status":"401","schemes":"bearer mac","scope":"https://mail.google.com/"}` and a line feed.
const GOOGLE_CHALLENGE: &str = "eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiYmVhcmVyIG1hYyIsInNjb3BlIjoiaHR0cHM6Ly9tYWlsLmdvb2dsZS5jb20vIn0K";
const BEARER_CHALLENGE: &str = r#"{"status":"invalid_token","scope":"https://mail.google.com/"}"#;

/// Who is authenticated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Login {
    /// The SASL user: whose limits count.
    pub mailbox: String,
    /// The token's user, or the mailbox itself.
    pub user: String,
    /// App-only without FullAccess: AUTH passes and every submission fails.
    pub no_access: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mechanism {
    XOAuth2,
    OAuthBearer,
    Login,
    Plain,
}

enum Refused {
    Why(AuthRefusal),
    With(String),
}

/// The whole exchange that an AUTH command starts.
pub(super) async fn auth(session: &mut Session, wire: &mut Wire, line: &[u8]) -> io::Result<Next> {
    if !session.greeted {
        return Ok(reply(replies::HELLO_FIRST));
    }
    if !session.tls || matches!(session.mode, Mode::Plain) {
        return Ok(reply(replies::UNKNOWN_AUTH));
    }
    if session.login.is_some() || session.transaction.is_some() {
        return Ok(reply(replies::BAD_SEQUENCE));
    }
    let line = String::from_utf8_lossy(line);
    let mut words = line.split_ascii_whitespace().skip(1);
    let Some(mechanism) = words.next().and_then(|name| offered(session, name)) else {
        return Ok(reply(replies::UNKNOWN_AUTH));
    };
    let initial = words.next().map(str::to_owned);
    let first_prompt = match mechanism {
        Mechanism::Login => "VXNlcm5hbWU6",
        _ => "",
    };
    let Some(first) = response(wire, initial, first_prompt).await? else {
        return Ok(reply(replies::INVALID_ARGUMENTS));
    };
    let credentials = match mechanism {
        Mechanism::XOAuth2 => xoauth2(&first),
        Mechanism::OAuthBearer => oauthbearer(&first),
        Mechanism::Plain => plain(&first),
        Mechanism::Login => response(wire, None, "UGFzc3dvcmQ6")
            .await?
            .map(|password| (first, password)),
    };
    let bearer = matches!(mechanism, Mechanism::XOAuth2 | Mechanism::OAuthBearer);
    let now = session.shared.now();
    let house = session.house;
    let verdict = session.shared.update(|world| {
        let verdict = match &credentials {
            Some((user, secret)) => {
                judge(world, house, &user.to_lowercase(), (secret, bearer), now)
            }
            None if bearer => Err(Refused::Why(AuthRefusal::Token)),
            None => Err(Refused::Why(AuthRefusal::Password)),
        };
        world.stats.auths += 1;
        verdict
    });
    match verdict {
        Ok(login) => {
            enter(session, login);
            Ok(reply(replies::AUTHENTICATED))
        }
        Err(Refused::With(text)) => {
            let secret = credentials.map_or_else(String::new, |(_, secret)| secret);
            let text = text.replace("{line}", &line).replace("{secret}", &secret);
            Ok(Next::Reply(text))
        }
        Err(Refused::Why(_)) if house == House::Google => {
            google_failure(session, wire, mechanism).await
        }
        Err(Refused::Why(why)) => Ok(Next::Reply(replies::unauthenticated(&session.shared, why))),
    }
}

fn offered(session: &Session, name: &str) -> Option<Mechanism> {
    let google = session.house == House::Google;
    let password = session
        .shared
        .read(|world| world.accounts.values().any(|a| a.password.is_some()));
    match name.to_ascii_uppercase().as_str() {
        "XOAUTH2" => Some(Mechanism::XOAuth2),
        "LOGIN" => Some(Mechanism::Login),
        "PLAIN" if password || google => Some(Mechanism::Plain),
        "OAUTHBEARER" if google => Some(Mechanism::OAuthBearer),
        _ => None,
    }
}

/// The initial response, or the answer to a prompt; `None` if it is cancelled or no base64.
async fn response(
    wire: &mut Wire,
    initial: Option<String>,
    prompt: &str,
) -> io::Result<Option<String>> {
    let encoded = match initial {
        Some(initial) if initial == "=" => String::new(),
        Some(initial) => initial,
        None => {
            wire.reply(&format!("334 {prompt}")).await?;
            match wire.line().await? {
                Some(Line::Text(line)) => String::from_utf8_lossy(&line).into_owned(),
                Some(Line::TooLong) => return Ok(None),
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
    };
    let decoded = STANDARD.decode(encoded.trim()).ok();
    Ok(decoded.and_then(|bytes| String::from_utf8(bytes).ok()))
}

/// `user=<address>^Aauth=Bearer <token>^A^A`.
fn xoauth2(text: &str) -> Option<(String, String)> {
    let (user, auth) = text
        .strip_prefix("user=")?
        .strip_suffix("\x01\x01")?
        .split_once('\x01')?;
    let token = auth.strip_prefix("auth=Bearer ")?;
    Some((user.to_owned(), token.to_owned()))
}

/// RFC 7628 section 3.1.
fn oauthbearer(text: &str) -> Option<(String, String)> {
    let mut parts = text.strip_suffix("\x01\x01")?.split('\x01');
    let user = parts.next()?.strip_prefix("n,a=")?.strip_suffix(',')?;
    let token = parts.find_map(|part| part.strip_prefix("auth=Bearer "))?;
    let user = user.replace("=2C", ",").replace("=3D", "=");
    Some((user, token.to_owned()))
}

/// RFC 4616; the authorization identity is not used.
fn plain(text: &str) -> Option<(String, String)> {
    let mut parts = text.splitn(3, '\0').skip(1);
    Some((parts.next()?.to_owned(), parts.next()?.to_owned()))
}

fn judge(
    world: &World,
    house: House,
    mailbox: &str,
    (secret, bearer): (&str, bool),
    now: SystemTime,
) -> Result<Login, Refused> {
    if let Some(text) = world.auth_replies.get(mailbox) {
        return Err(Refused::With(text.clone()));
    }
    let login = if bearer {
        judge_token(world, house, mailbox, secret, now)
    } else {
        judge_password(world, mailbox, secret)
    }
    .map_err(Refused::Why)?;
    match world.accounts.get(mailbox) {
        Some(account) => check_switches(world, account).map_err(Refused::Why)?,
        None => return Err(Refused::Why(AuthRefusal::Token)),
    }
    Ok(login)
}

fn judge_token(
    world: &World,
    house: House,
    mailbox: &str,
    token: &str,
    now: SystemTime,
) -> Result<Login, AuthRefusal> {
    let token = world.access_tokens.get(token).ok_or(AuthRefusal::Token)?;
    let account = world.accounts.get(mailbox).ok_or(AuthRefusal::Token)?;
    let is_for_us = match house {
        House::Exchange => is_exchange(&token.audience),
        House::Google => token.audience == google::MAIL,
    };
    if now >= token.expires || !is_for_us {
        return Err(AuthRefusal::Token);
    }
    let Some(user) = &token.user else {
        if token.roles.is_empty() || account.tenant != token.tenant {
            return Err(AuthRefusal::Token);
        }
        let app = world.apps.get(&token.client_id);
        return Ok(Login {
            mailbox: mailbox.to_owned(),
            user: token.client_id.clone(),
            no_access: !app.is_some_and(|app| app.mailboxes.contains(mailbox)),
        });
    };
    let scoped = house == House::Google
        || token
            .scopes
            .iter()
            .any(|scope| matches!(scope.as_str(), "exchange/smtp.send" | "exchange/.default"));
    if !scoped || (user != mailbox && !account.full_access.contains(user)) {
        return Err(AuthRefusal::Token);
    }
    Ok(Login {
        mailbox: mailbox.to_owned(),
        user: user.clone(),
        no_access: false,
    })
}

fn judge_password(world: &World, mailbox: &str, password: &str) -> Result<Login, AuthRefusal> {
    let known = world.accounts.get(mailbox).map(|a| a.password.as_deref());
    match known {
        Some(Some(known)) if known == password => Ok(Login {
            mailbox: mailbox.to_owned(),
            user: mailbox.to_owned(),
            no_access: false,
        }),
        Some(None) => Err(AuthRefusal::Basic),
        _ => Err(AuthRefusal::Password),
    }
}

/// `SmtpClientAuthenticationDisabled`: the mailbox's value wins, and OAuth clients are hit too.
fn check_switches(world: &World, account: &Account) -> Result<(), AuthRefusal> {
    let tenant = world.tenant(&account.tenant);
    match account.smtp_auth_disabled {
        Some(true) => Err(AuthRefusal::Mailbox),
        None if tenant.is_some_and(|tenant| tenant.smtp_auth_disabled) => Err(AuthRefusal::Tenant),
        _ => Ok(()),
    }
}

fn enter(session: &mut Session, login: Login) {
    session.shared.update(|world| {
        world.stats.auths_accepted += 1;
        let stats = world.mailbox_stats(&login.mailbox);
        stats.auths += 1;
        stats.connections_open += 1;
        stats.connections_max = stats.connections_max.max(stats.connections_open);
    });
    let mailbox = login.mailbox.clone();
    session.open = Some(Leave::new(&session.shared, move |world| {
        world.mailbox_stats(&mailbox).connections_open -= 1;
    }));
    session.login = Some(login);
}

/// The error challenge, the client's empty (XOAUTH2) or 0x01 (OAUTHBEARER) answer, then 535.
async fn google_failure(
    session: &Session,
    wire: &mut Wire,
    mechanism: Mechanism,
) -> io::Result<Next> {
    let (challenge, expected) = match mechanism {
        Mechanism::XOAuth2 => (GOOGLE_CHALLENGE.to_owned(), ""),
        Mechanism::OAuthBearer => (STANDARD.encode(BEARER_CHALLENGE), "AQ=="),
        Mechanism::Login | Mechanism::Plain => return Ok(google_refusal(session)),
    };
    wire.reply(&format!("334 {challenge}")).await?;
    match wire.line().await? {
        Some(Line::Text(line)) if line == expected.as_bytes() => Ok(google_refusal(session)),
        Some(_) => Ok(reply(replies::INVALID_ARGUMENTS)),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn google_refusal(session: &Session) -> Next {
    let id = session.shared.random_hex::<8>();
    Next::Reply(format!(
        "535-5.7.8 Username and Password not accepted. Learn more at\r\n535 5.7.8  https://support.google.com/mail/?p=BadCredentials {id} - gsmtp"
    ))
}
