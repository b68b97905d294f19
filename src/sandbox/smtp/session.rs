//! One SMTP session: which command may come when, and what Exchange answers.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use smtp_proto::{Error, Request};

use super::auth::{self, Login};
use super::faults::{self, RcptFault};
use super::wire::{Line, MESSAGE_MAX, Wire};
use super::{House, Mode, google, replies, submit};
use crate::sandbox::shared::{Leave, Shared};
use crate::sandbox::world::{RateLimit, World};

/// Protocol errors after which the server hangs up.
const ERRORS_MAX: u32 = 10;
const MINUTE: Duration = Duration::from_secs(60);

/// What the server knows of a session.
pub(super) struct Session {
    pub shared: Arc<Shared>,
    pub mode: Mode,
    pub house: House,
    pub tls: bool,
    pub greeted: bool,
    pub login: Option<Login>,
    pub transaction: Option<Transaction>,
    /// Counts the authenticated connection while it is open.
    pub open: Option<Leave>,
    peer: IpAddr,
    errors: u32,
}

/// From MAIL to the final reply.
#[derive(Default)]
pub(super) struct Transaction {
    pub mail_from: String,
    pub rcpt_to: Vec<String>,
    /// Chunks of BDAT so far, once there was one.
    pub chunks: Option<Vec<u8>>,
}

/// How a session goes on after a command.
pub(super) enum Next {
    Reply(String),
    /// It was answered already.
    Continue,
    StartTls,
    /// After a last reply.
    Close(String),
    /// Without a word.
    Drop,
}

/// Serves one connection until it ends.
pub(super) async fn run(
    wire: Wire,
    mode: Mode,
    house: House,
    peer: IpAddr,
    shared: Arc<Shared>,
) -> io::Result<()> {
    let mut wire = match &mode {
        Mode::Implicit(acceptor) => wire.into_tls(acceptor).await?,
        Mode::StartTls(_) | Mode::Plain => wire,
    };
    let mut session = Session {
        tls: wire.is_tls(),
        shared,
        mode,
        house,
        greeted: false,
        login: None,
        transaction: None,
        open: None,
        peer,
        errors: 0,
    };
    let greeting = replies::greeting(&session.shared);
    wire.reply(&session.words(greeting)).await?;
    while let Some(line) = wire.line().await? {
        let next = match line {
            Line::TooLong => Next::Reply(replies::COMMAND_TOO_LONG.to_owned()),
            Line::Text(line) => session.command(&mut wire, &line).await?,
        };
        match next {
            Next::Reply(reply) => {
                let reply = session.words(reply);
                wire.reply(&reply).await?;
                if session.counts_too_many(&reply) {
                    wire.reply(replies::TOO_MANY_ERRORS).await?;
                    return wire.close().await;
                }
            }
            Next::Continue => {}
            Next::StartTls => {
                let Mode::StartTls(acceptor) = &session.mode else {
                    return Ok(());
                };
                let ready = session.words(replies::TLS_READY.to_owned());
                wire.reply(&ready).await?;
                wire = wire.into_tls(acceptor).await?;
                session.forget();
            }
            Next::Close(reply) => {
                wire.reply(&session.words(reply)).await?;
                return wire.close().await;
            }
            Next::Drop => return Ok(()),
        }
    }
    Ok(())
}

impl Session {
    /// The mailbox, "" without AUTH.
    pub fn mailbox(&self) -> &str {
        self.login.as_ref().map_or("", |login| &login.mailbox)
    }

    /// A reply as this house words it.
    pub fn words(&self, reply: String) -> String {
        match self.house {
            House::Exchange => reply,
            House::Google => google::words(&self.shared, &reply),
        }
    }

    async fn command(&mut self, wire: &mut Wire, line: &[u8]) -> io::Result<Next> {
        let word = line.split(|b| *b == b' ').next().unwrap_or_default();
        if word.eq_ignore_ascii_case(b"AUTH") {
            return auth::auth(self, wire, line).await;
        }
        let ended = [line, b"\r\n"].concat();
        let request = match Request::parse(&mut ended.iter()) {
            Ok(request) => request,
            Err(Error::UnknownCommand | Error::NeedsMoreData { .. }) => {
                let word: String = String::from_utf8_lossy(word)
                    .chars()
                    .filter(char::is_ascii_graphic)
                    .take(40)
                    .collect();
                return Ok(Next::Reply(replies::unrecognized(&self.shared, &word)));
            }
            Err(_) => return Ok(reply(replies::INVALID_ARGUMENTS)),
        };
        Ok(match request {
            Request::Ehlo { .. } => self.hello(true),
            Request::Helo { .. } => self.hello(false),
            Request::StartTls => self.start_tls(),
            Request::Mail { from } => self.mail(&from.address, from.size),
            Request::Rcpt { to } => {
                if faults::waits_at_rcpt(&to.address) && !submit::held(self, wire, true).await {
                    return Ok(Next::Drop);
                }
                self.rcpt(&to.address)
            }
            Request::Data => return submit::data(self, wire).await,
            Request::Bdat {
                chunk_size,
                is_last,
            } => return submit::bdat(self, wire, chunk_size, is_last).await,
            Request::Rset => {
                self.transaction = None;
                reply(replies::RESET)
            }
            Request::Noop { .. } => reply("250 2.0.0 OK"),
            Request::Vrfy { .. } => reply("252 2.1.5 Cannot VRFY user"),
            Request::Quit => {
                self.shared.update(|world| world.stats.quits += 1);
                Next::Close(replies::BYE.to_owned())
            }
            other => Next::Reply(replies::unrecognized(&self.shared, other.name())),
        })
    }

    fn hello(&mut self, extended: bool) -> Next {
        self.greeted = true;
        self.transaction = None;
        if !extended {
            return Next::Reply(format!(
                "250 {}.outlook.office365.com Hello [{}]",
                replies::HOST,
                self.peer
            ));
        }
        let (password, pipelining) = self.shared.read(|world| {
            let password = world.accounts.values().any(|a| a.password.is_some());
            (password, world.pipelining)
        });
        if self.house == House::Google {
            return Next::Reply(google::hello(self.peer, self.tls, pipelining));
        }
        let security = match (&self.mode, self.tls) {
            (Mode::Plain, _) => None,
            (Mode::StartTls(_), false) => Some("STARTTLS"),
            _ if password => Some("AUTH LOGIN PLAIN XOAUTH2"),
            _ => Some("AUTH LOGIN XOAUTH2"),
        };
        Next::Reply(replies::hello(self.peer, pipelining, security))
    }

    fn start_tls(&self) -> Next {
        match (&self.mode, self.tls) {
            (Mode::StartTls(_), false) if self.greeted => Next::StartTls,
            (Mode::StartTls(_), false) => reply(replies::HELLO_FIRST),
            _ => reply(replies::BAD_SEQUENCE),
        }
    }

    fn mail(&mut self, from: &str, size: usize) -> Next {
        if !self.greeted {
            return reply(replies::HELLO_FIRST);
        }
        if !matches!(self.mode, Mode::Plain) {
            if !self.tls {
                return Next::Reply(replies::starttls_required(&self.shared));
            }
            if self.login.is_none() {
                return reply(replies::NOT_AUTHENTICATED);
            }
        }
        if self.transaction.is_some() {
            return reply(replies::SENDER_GIVEN);
        }
        if size > MESSAGE_MAX {
            return reply(replies::TOO_LARGE);
        }
        let now = self.shared.now();
        let too_fast = self.shared.update(|world| {
            let recent = recent_submissions(world, self.mailbox(), now);
            let too_fast = matches!(world.rate, RateLimit::Rejected(max) if recent >= max);
            world.stats.rate_refused += u64::from(too_fast);
            too_fast
        });
        if too_fast {
            return Next::Close(replies::TOO_FAST.to_owned());
        }
        self.transaction = Some(Transaction {
            mail_from: from.to_owned(),
            ..Transaction::default()
        });
        reply(replies::SENDER_OK)
    }

    fn rcpt(&mut self, to: &str) -> Next {
        let mailbox = self.mailbox().to_owned();
        let Some(transaction) = &mut self.transaction else {
            return reply(replies::NEED_MAIL);
        };
        if transaction.chunks.is_some() {
            return reply(replies::BAD_SEQUENCE);
        }
        let (address, already) = (to.to_lowercase(), transaction.rcpt_to.len());
        let refusal = self.shared.update(|world| {
            if already >= world.recipients_max {
                return Some(replies::TOO_MANY_RECIPIENTS);
            }
            if world.external_refused && !world.is_internal(&address) {
                return Some(replies::EXTERNAL_REFUSED);
            }
            faults::at_rcpt(world, &mailbox, &address).map(|fault| match fault {
                RcptFault::Refused => replies::RECIPIENT_REFUSED,
                RcptFault::Greylisted => replies::GREYLISTED,
            })
        });
        if let Some(refusal) = refusal {
            return reply(refusal);
        }
        transaction.rcpt_to.push(to.to_owned());
        reply(replies::RECIPIENT_OK)
    }

    /// RFC 3207 section 4.2: what was learned in plaintext is forgotten.
    fn forget(&mut self) {
        self.tls = true;
        self.greeted = false;
        self.transaction = None;
    }

    fn counts_too_many(&mut self, reply: &str) -> bool {
        if reply.starts_with("50") {
            self.errors += 1;
        }
        self.errors >= ERRORS_MAX
    }
}

/// How many messages a mailbox submitted within the last minute.
pub(super) fn recent_submissions(
    world: &mut World,
    mailbox: &str,
    now: std::time::SystemTime,
) -> usize {
    let times = world.submitted.entry(mailbox.to_owned()).or_default();
    while times.front().is_some_and(|at| *at + MINUTE <= now) {
        times.pop_front();
    }
    times.len()
}

pub(super) fn reply(text: &str) -> Next {
    Next::Reply(text.to_owned())
}
