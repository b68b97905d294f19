//! DATA and BDAT: the transfer, Exchange's judgement after the final dot, and the final reply.

use std::io;
use std::time::SystemTime;

use mail_parser::MessageParser;

use super::House;
use super::faults::{Fault, strikes};
use super::replies;
use super::session::{Next, Session, Transaction, recent_submissions, reply};
use super::wire::{Body, MESSAGE_MAX, Wire};
use crate::sandbox::Delivered;
use crate::sandbox::shared::Leave;
use crate::sandbox::world::{RateLimit, World};

/// How far into a message its header is looked for.
const HEADER_MAX: usize = 256 * 1024;

/// A submission under way; it is counted until this is dropped.
struct Submission {
    /// Beyond the mailbox's concurrent submissions when it started.
    excess: bool,
    _open: Leave,
}

/// What becomes of a message.
enum Verdict {
    Refuse(String),
    Take { drop: bool, slow: bool },
}

/// DATA.
pub(super) async fn data(session: &mut Session, wire: &mut Wire) -> io::Result<Next> {
    match &session.transaction {
        None => return Ok(reply(replies::NEED_MAIL)),
        Some(transaction) if transaction.rcpt_to.is_empty() => {
            return Ok(reply(replies::NEED_RCPT));
        }
        Some(transaction) if transaction.chunks.is_some() => {
            return Ok(reply(replies::BAD_SEQUENCE));
        }
        Some(_) => {}
    }
    let submission = begin(session);
    if struck(session, Fault::DropBeforeDot) {
        return Ok(Next::Drop);
    }
    if struck(session, Fault::DataRefused) {
        session.transaction = None;
        return Ok(reply(replies::DATA_REFUSED));
    }
    let mailbox = session.mailbox();
    let said = |world: &World| world.data_replies.get(mailbox).cloned();
    if let Some(reply) = session.shared.read(said) {
        session.transaction = None;
        return Ok(Next::Reply(reply));
    }
    if struck(session, Fault::SlowData) && !held(session, wire, true).await {
        return Ok(Next::Drop);
    }
    let go_ahead = session.words(replies::START_INPUT.to_owned());
    wire.reply(&go_ahead).await?;
    if struck(session, Fault::DropMidBody) {
        wire.peek().await?;
        return Ok(Next::Drop);
    }
    match wire.message().await? {
        None => Ok(Next::Drop),
        Some(Body::TooLarge) => {
            session.transaction = None;
            Ok(reply(replies::TOO_LARGE))
        }
        Some(Body::Whole(content)) => finish(session, wire, content, submission).await,
    }
}

/// BDAT (RFC 3030).
pub(super) async fn bdat(
    session: &mut Session,
    wire: &mut Wire,
    size: usize,
    last: bool,
) -> io::Result<Next> {
    let so_far = session.transaction.as_ref().map_or(0, |transaction| {
        transaction.chunks.as_ref().map_or(0, Vec::len)
    });
    let refusal = match &session.transaction {
        None => Some(replies::NEED_MAIL),
        Some(transaction) if transaction.rcpt_to.is_empty() => Some(replies::NEED_RCPT),
        Some(_) if so_far.saturating_add(size) > MESSAGE_MAX => Some(replies::TOO_LARGE),
        Some(_) => None,
    };
    let Some(chunk) = wire.exactly(size, refusal.is_none()).await? else {
        return Ok(Next::Drop);
    };
    if let Some(refusal) = refusal {
        session.transaction = None;
        return Ok(reply(refusal));
    }
    let Some(transaction) = &mut session.transaction else {
        return Ok(reply(replies::NEED_MAIL));
    };
    let chunks = transaction.chunks.get_or_insert_default();
    chunks.extend_from_slice(&chunk);
    if !last {
        return Ok(Next::Reply(format!(
            "250 2.6.0 CHUNK received OK, {size} octets"
        )));
    }
    let content = std::mem::take(chunks);
    let submission = begin(session);
    if struck(session, Fault::DropBeforeDot) || struck(session, Fault::DropMidBody) {
        return Ok(Next::Drop);
    }
    finish(session, wire, content, submission).await
}

fn begin(session: &Session) -> Submission {
    let mailbox = session.mailbox().to_owned();
    let excess = session.shared.update(|world| {
        let max = world.submissions_max;
        let stats = world.mailbox_stats(&mailbox);
        stats.submissions_open += 1;
        stats.submissions_max = stats.submissions_max.max(stats.submissions_open);
        stats.submissions_open > max && !mailbox.is_empty()
    });
    let open = Leave::new(&session.shared, move |world| {
        world.mailbox_stats(&mailbox).submissions_open -= 1;
    });
    Submission {
        excess,
        _open: open,
    }
}

fn struck(session: &Session, fault: Fault) -> bool {
    let recipients = recipients(session);
    session
        .shared
        .update(|world| strikes(world, fault, session.mailbox(), recipients))
}

fn recipients(session: &Session) -> &[String] {
    session
        .transaction
        .as_ref()
        .map_or(&[], |transaction| &transaction.rcpt_to)
}

async fn finish(
    session: &mut Session,
    wire: &mut Wire,
    content: Vec<u8>,
    submission: Submission,
) -> io::Result<Next> {
    let transaction = session.transaction.take().unwrap_or_default();
    let now = session.shared.now();
    let authors = authors(&content);
    let bare_lf = has_bare_lf(&content);
    let shared = session.shared.clone();
    let verdict = shared.update(|world| {
        if submission.excess {
            world.stats.concurrency_refused += 1;
            return Verdict::Refuse(replies::too_concurrent());
        }
        let refusal = refusal(world, session, &transaction, authors.as_deref(), bare_lf);
        refusal.map_or_else(|| take(world, session, &transaction, now), Verdict::Refuse)
    });
    let (drop_it, slow) = match verdict {
        Verdict::Refuse(text) => return Ok(Next::Reply(text)),
        Verdict::Take { drop, slow } => (drop, slow),
    };
    shared.deliver(Delivered {
        mailbox: session.mailbox().to_owned(),
        mail_from: transaction.mail_from,
        rcpt_to: transaction.rcpt_to,
        content,
        tls: session.tls,
    });
    if drop_it || !held(session, wire, slow).await {
        return Ok(Next::Drop);
    }
    // The submission has ended before the client can know it has.
    drop(submission);
    let accepted = session.words(replies::accepted(&shared));
    wire.reply(&accepted).await?;
    Ok(Next::Continue)
}

/// Why the message is refused, in Exchange's order: limits, mailbox, content, rights.
fn refusal(
    world: &mut World,
    session: &Session,
    transaction: &Transaction,
    authors: Option<&[String]>,
    bare_lf: bool,
) -> Option<String> {
    let (mailbox, recipients) = (session.mailbox(), &transaction.rcpt_to);
    if strikes(world, Fault::Throttle, mailbox, recipients) {
        return Some(replies::too_concurrent());
    }
    if let Some(text) = world.submission_replies.get(mailbox) {
        return Some(text.clone());
    }
    if session.login.as_ref().is_some_and(|login| login.no_access) {
        return Some(replies::logon_failure());
    }
    if bare_lf {
        return Some(replies::BARE_LF.to_owned());
    }
    let Some(authors) = authors else {
        return Some(replies::NO_FROM.to_owned());
    };
    // Gmail writes its own From in place of one that it doesn't know.
    if let Some(login) = session
        .login
        .as_ref()
        .filter(|_| session.house == House::Exchange)
    {
        let senders = authors.iter().chain([&transaction.mail_from]);
        for sender in senders.map(|sender| sender.to_lowercase()) {
            let rights = world.accounts.get(&sender).map(|account| &account.send_as);
            let allowed = sender == login.mailbox
                || rights.is_some_and(|rights| {
                    rights.contains(&login.mailbox) || rights.contains(&login.user)
                });
            if !allowed {
                return Some(replies::send_as_denied(&login.mailbox, &sender));
            }
        }
    }
    if strikes(world, Fault::SendAsDenied, mailbox, recipients) {
        let from = &transaction.mail_from;
        return Some(replies::send_as_denied(mailbox, from));
    }
    strikes(world, Fault::LongRefusal, mailbox, recipients).then(replies::long_refusal)
}

fn take(
    world: &mut World,
    session: &Session,
    transaction: &Transaction,
    now: SystemTime,
) -> Verdict {
    let (mailbox, recipients) = (session.mailbox(), &transaction.rcpt_to);
    let recent = recent_submissions(world, mailbox, now);
    if matches!(world.rate, RateLimit::CarriedOver(max) if recent >= max) {
        world.stats.carried_over += 1;
    }
    if world.rate != RateLimit::Off {
        let times = world.submitted.entry(mailbox.to_owned()).or_default();
        times.push_back(now);
    }
    Verdict::Take {
        drop: strikes(world, Fault::DropAfterDot, mailbox, recipients),
        slow: strikes(world, Fault::Slow, mailbox, recipients),
    }
}

/// Waits while a reply is held back; false if the client has gone meanwhile.
pub(super) async fn held(session: &Session, wire: &mut Wire, slow: bool) -> bool {
    let shared = &session.shared;
    let waits = shared.update(|world| {
        let waits = slow || world.hold_replies;
        world.stats.held += u64::from(waits);
        world.stats.held_total += u64::from(waits);
        waits.then_some(world.releases)
    });
    let Some(before) = waits else {
        return true;
    };
    let _held = Leave::new(shared, |world| world.stats.held -= 1);
    let released = || {
        shared
            .read(|world| (world.releases > before || (!slow && !world.hold_replies)).then_some(()))
    };
    tokio::select! {
        biased;
        () = shared.wait_for(released) => true,
        () = wire.gone() => false,
    }
}

/// The From header's addresses; `None` if there is none that can be read.
fn authors(content: &[u8]) -> Option<Vec<String>> {
    let header = &content[..content.len().min(HEADER_MAX)];
    let message = MessageParser::default().parse_headers(header)?;
    let authors: Vec<_> = message
        .from()?
        .iter()
        .filter_map(|author| author.address().map(str::to_owned))
        .collect();
    Some(authors).filter(|authors| !authors.is_empty())
}

/// The subject, for a list of messages.
pub(in crate::sandbox) fn subject(content: &[u8]) -> Option<String> {
    let header = &content[..content.len().min(HEADER_MAX)];
    let message = MessageParser::default().parse_headers(header)?;
    message.subject().map(str::to_owned)
}

fn has_bare_lf(content: &[u8]) -> bool {
    content
        .iter()
        .zip(std::iter::once(&0).chain(content))
        .any(|(byte, before)| *byte == b'\n' && *before != b'\r')
}
