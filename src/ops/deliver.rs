//! One transaction: from a claim to its recorded end.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{SemaphorePermit, watch};
use tracing::Instrument;
use zeroize::Zeroizing;

use super::outcome::Judge;
use super::token;
use super::{Core, tally};
use crate::env::Elapsed;
use crate::model::message::Finished;
use crate::model::secret::Sealed;
use crate::model::state::MessageState;
use crate::model::verdict::{Then, judge};
use crate::model::{EmailAddress, Error, Phase};
use crate::smtp::{
    Credential, Envelope, Failure, FailureKind, Lease, RecipientReply, Target, Transcript,
};
use crate::store::{Claimed, StoreError};
use crate::tracer::Kind;

/// A store that fails is asked again after this long.
const STORE_RETRY: Duration = Duration::from_secs(1);

/// A dialogue takes no longer than this up to the final dot, and the body's own time.
const BEFORE_DOT_MAX: Duration = Duration::from_secs(30 * 60);

/// The slowest line over which a body still gets through: 35 MiB in 19 minutes more.
const SLOWEST_BYTES_PER_SECOND: u64 = 32 * 1024;

/// Delivers what was claimed, and whatever is claimed in the commits that record how each ended, until
/// there is nothing more, or `stop` is set.
pub async fn deliver(core: &Arc<Core>, claimed: Claimed, stop: &watch::Receiver<bool>) {
    let mut next = Some(claimed);
    while let Some(claimed) = next {
        let id = claimed.claim.message_id.clone();
        let (recorded, claimed) = deliver_one(core, claimed, stop).await;
        if let Err(error) = recorded {
            tracing::error!(message = %id, ?error, "the end of a delivery was not recorded");
        }
        next = claimed;
    }
}

/// Delivers what was claimed, and records how it ended, however long the store takes; what was claimed
/// next.
///
/// # Errors
/// When the claim is not ours any more, or the store is damaged: it stays open until
/// [`crate::store::Store::recover`] ends it.
async fn deliver_one(
    core: &Arc<Core>,
    claimed: Claimed,
    stop: &watch::Receiver<bool>,
) -> (Result<(), StoreError>, Option<Claimed>) {
    let message = &claimed.message.message;
    let mut span = core
        .tracer
        .begin("deliver", Kind::Client, message.trace.clone());
    span.set("mailwright.message_id", &message.id);
    span.set("mailwright.service_id", &message.service_id);
    span.set("mailwright.attempt", claimed.claim.attempt);
    let logged = tracing::info_span!(
        "deliver",
        message_id = %message.id,
        service_id = %message.service_id,
        attempt = claimed.claim.attempt,
        trace_id = span.trace_id(),
    );
    let delivered = async {
        let finished = transact_unharmed(core, &claimed).await;
        // In this order the two share a commit.
        let (state, next) = tokio::join!(record(core, &claimed, &finished), claim_next(core, stop));
        let (verdict, reason) = (tally::verdict(&finished), tally::reason(&finished));
        span.set("mailwright.verdict", verdict);
        if !reason.is_empty() {
            span.fail(reason);
        }
        let recorded = state.map(|state| {
            tally::count(&core.metrics, core.env.now(), message, &finished, state);
            tracing::info!(verdict, reason, %state, "an attempt ended");
        });
        (recorded, next)
    };
    delivered.instrument(logged).await
}

/// Claims what may go in place of what has just ended.
async fn claim_next(core: &Core, stop: &watch::Receiver<bool>) -> Option<Claimed> {
    if *stop.borrow() {
        return None;
    }
    // Where that fails, the loop tries again, and says so.
    let claimed = core.store.claim_due(core.env.now(), 1).await;
    claimed.ok()?.pop()
}

/// Records how it ended; the state that it left.
async fn record(
    core: &Core,
    claimed: &Claimed,
    finished: &Finished,
) -> Result<MessageState, StoreError> {
    loop {
        match core
            .store
            .finish(core.env.now(), &claimed.claim, finished.clone())
            .await
        {
            Err(StoreError::Unavailable(why)) => {
                tracing::warn!(why, "how it ended is not recorded yet");
                core.env.sleep(STORE_RETRY).await;
            }
            done => return done,
        }
    }
}

/// What the server had said of the recipients when the final dot went out; nothing before that.
type Dotted = OnceLock<Vec<RecipientReply>>;

/// As [`transact`]; a panic in it is a bug that must not keep the claim. Behind the final dot, it is a
/// reply that was lost.
async fn transact_unharmed(core: &Arc<Core>, claimed: &Claimed) -> Finished {
    let dotted = Arc::new(Dotted::new());
    let (task_core, task_claimed, task_dotted) = (core.clone(), claimed.clone(), dotted.clone());
    let task = async move { transact(&task_core, &task_claimed, &task_dotted).await };
    let task = tokio::spawn(task.in_current_span());
    let ended = match task.await {
        Ok(finished) => return finished,
        Err(ended) => ended,
    };
    let judge = Judge::new(core, claimed);
    match dotted.get() {
        None => judge.interrupted(Phase::Resolve, &Error::Internal(ended.to_string())),
        Some(replies) => {
            tracing::error!(%ended, "a delivery was interrupted behind its final dot");
            let failure = Failure {
                phase: Phase::DotSent,
                kind: FailureKind::Lost("the delivery was interrupted".into()),
                recipients: Vec::new(),
            };
            judge.reply_lost(replies, &failure)
        }
    }
}

/// The dialogue, and what it came to. All of it but the final dot has its time: a server that
/// answers each step within the minutes that RFC 5321 gives it could keep a message for hours.
async fn transact(core: &Arc<Core>, claimed: &Claimed, dotted: &Dotted) -> Finished {
    let judge = Judge::new(core, claimed);
    let message = &claimed.message.message;
    let left = message.expire_time.since(core.env.now());
    let mut progress = Progress::default();
    let ready = match left.is_zero() {
        true => Err(Elapsed),
        false => {
            let limit = left.min(before_dot_max(message.size_bytes));
            let preparing = prepare(core, claimed, &judge, &mut progress);
            core.env.timeout(limit, preparing).await
        }
    };
    match ready {
        Ok(Prepared::Ended(finished)) => *finished,
        // The last instant at which it is certain that nothing is sent late.
        Ok(Prepared::Ready(lease)) if core.env.now() < message.expire_time => {
            send_dot(&judge, lease, dotted.get_or_init(|| progress.replies)).await
        }
        Ok(Prepared::Ready(_)) | Err(Elapsed) => {
            judge.out_of_time(progress.transcript.reached(), &progress.replies)
        }
    }
}

/// How long a dialogue may take up to the final dot.
fn before_dot_max(size_bytes: u64) -> Duration {
    BEFORE_DOT_MAX + Duration::from_secs(size_bytes / SLOWEST_BYTES_PER_SECOND)
}

/// How far a dialogue has come, for whoever must end it half-way.
#[derive(Default)]
struct Progress {
    transcript: Transcript,
    /// What the server said of the recipients, once all of them were named.
    replies: Vec<RecipientReply>,
}

enum Prepared {
    /// There is no dot to send.
    Ended(Box<Finished>),
    /// All but the dot is sent, and that it may go out is durable.
    Ready(Box<Lease>),
}

impl From<Finished> for Prepared {
    fn from(finished: Finished) -> Self {
        Self::Ended(Box::new(finished))
    }
}

/// The dialogue up to the final dot. It may be dropped at any point: then nothing was sent.
async fn prepare(
    core: &Arc<Core>,
    claimed: &Claimed,
    judge: &Judge<'_>,
    progress: &mut Progress,
) -> Prepared {
    let mut not_before = 0;
    loop {
        let (credential, generation) =
            match token::credential(core, &claimed.service, not_before).await {
                Ok(credential) => credential,
                Err(reason) => return judge.no_credential(reason).into(),
            };
        let login = (&credential, generation);
        let refused = match converse(core, claimed, judge, login, progress).await {
            Ok(prepared) => return prepared,
            Err(TokenRefused(failure)) => failure,
        };
        // A fresh token decides whether the refusal was for the old one's age (facts 3.3).
        if not_before > 0 || claimed.service.config.oauth2().is_none() {
            return judge.login_refused(&refused).into();
        }
        not_before = generation + 1;
    }
}

/// The body, once there is room for it in memory.
async fn body<'a>(
    core: &'a Core,
    claimed: &Claimed,
    judge: &Judge<'_>,
) -> Result<(SemaphorePermit<'a>, Zeroizing<Vec<u8>>), Finished> {
    let id = &claimed.claim.message_id;
    let message = &claimed.message.message;
    let room = core.room_for(message.size_bytes).await;
    let sealed = match core.store.body(id).await {
        Ok(Some(sealed)) => sealed,
        Ok(None) => return Err(judge.broken("the body is gone")),
        Err(error) => return Err(judge.interrupted(Phase::MailFrom, &error.into())),
    };
    let key = Sealed(message.body_key.clone());
    match core.vault.open_body(id, &key, &sealed) {
        Ok(body) => Ok((room, body)),
        Err(_) => {
            let error = Error::Internal("a body does not open with this vault key".into());
            Err(judge.interrupted(Phase::MailFrom, &error))
        }
    }
}

/// AUTH was refused in a way that a fresh token may mend.
struct TokenRefused(Failure);

/// One dialogue, on a parked session or, if that turns out to be closed, on another.
async fn converse(
    core: &Core,
    claimed: &Claimed,
    judge: &Judge<'_>,
    (credential, generation): (&Credential, u64),
    progress: &mut Progress,
) -> Result<Prepared, TokenRefused> {
    let config = &claimed.service.config;
    let target = Target {
        service_id: claimed.service.id.clone(),
        mailbox: config.mailbox(),
        endpoint: config.smtp.clone(),
    };
    let to = recipients(claimed);
    loop {
        progress.transcript = Transcript::default();
        let transcript = &mut progress.transcript;
        let limit = claimed.max_connections;
        let mut lease = match core
            .pool
            .checkout(&target, generation, credential, limit, transcript)
            .await
        {
            Ok(lease) => lease,
            Err(failure) if asks_for_fresh_token(&failure, judge) => {
                return Err(TokenRefused(failure));
            }
            Err(failure) => return Ok(judge.not_connected(&failure).into()),
        };
        // Only now: a server that doesn't even answer must not keep memory from the others.
        let (_room, body) = match body(core, claimed, judge).await {
            Ok(body) => body,
            Err(finished) => return Ok(finished.into()),
        };
        let envelope = Envelope::of(&claimed.message.message.from, &to, &body);
        return Ok(match lease.begin(&envelope, transcript).await {
            Ok(replies) => {
                progress.replies = replies;
                hand_over(core, claimed, judge, lease, &body, progress).await
            }
            Err(failure) if lease.is_reused() && was_closed(&failure) => continue,
            Err(failure) => judge.failed(&failure).into(),
        });
    }
}

/// The body. The dot waits until its phase is durable, which happens meanwhile.
async fn hand_over(
    core: &Core,
    claimed: &Claimed,
    judge: &Judge<'_>,
    mut lease: Lease,
    body: &[u8],
    progress: &mut Progress,
) -> Prepared {
    let replies = &progress.replies;
    if !replies.iter().any(RecipientReply::is_accepted) {
        tokio::spawn(lease.park());
        return judge.answered(replies, None).into();
    }
    let (marked, sent) = tokio::join!(
        core.store.mark_dot(core.env.now(), &claimed.claim),
        lease.body(body, &mut progress.transcript)
    );
    if let Err(mut failure) = sent {
        failure.recipients.clone_from(replies);
        return judge.failed(&failure).into();
    }
    if let Err(error) = marked {
        return judge.interrupted(Phase::Data, &error.into()).into();
    }
    Prepared::Ready(Box::new(lease))
}

/// The final dot, and the reply to it.
async fn send_dot(
    judge: &Judge<'_>,
    mut lease: Box<Lease>,
    replies: &[RecipientReply],
) -> Finished {
    match lease.finish(&mut Transcript::default()).await {
        Ok(reply) => {
            // What the server took is recorded before anything else is said to it.
            tokio::spawn(lease.park());
            judge.answered(replies, Some(&reply))
        }
        Err(failure) if failure.may_have_been_taken() => judge.reply_lost(replies, &failure),
        Err(mut failure) => {
            failure.recipients = replies.to_vec();
            judge.failed(&failure)
        }
    }
}

fn recipients(claimed: &Claimed) -> Vec<EmailAddress> {
    let all = &claimed.message.recipients;
    claimed
        .claim
        .recipients
        .iter()
        .filter_map(|index| all.get(*index as usize))
        .map(|r| r.address.clone())
        .collect()
}

fn asks_for_fresh_token(failure: &Failure, judged: &Judge<'_>) -> bool {
    failure.phase == Phase::Authenticate
        && failure.reply().is_some_and(|reply| {
            judge(reply, failure.phase, judged.subject()).then == Then::Reauthenticate
        })
}

/// Whether a parked session turned out to be closed before anything of this message was said.
fn was_closed(failure: &Failure) -> bool {
    failure.phase == Phase::MailFrom
        && match &failure.kind {
            FailureKind::Lost(_) => true,
            FailureKind::Reply(reply) => reply.code == 421,
            _ => false,
        }
}
