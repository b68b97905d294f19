//! One transaction: from a claim to its recorded end.

use std::sync::Arc;
use std::time::Duration;

use super::Core;
use super::outcome::Judge;
use super::token;
use crate::model::message::Finished;
use crate::model::secret::Sealed;
use crate::model::verdict::{Then, judge};
use crate::model::{EmailAddress, Error, Phase};
use crate::smtp::{
    Credential, Envelope, Failure, FailureKind, Lease, RecipientReply, Target, Transcript,
};
use crate::store::{Claimed, StoreError};

/// A store that fails is asked again after this long.
const STORE_RETRY: Duration = Duration::from_secs(1);

/// Delivers what was claimed, and records how it ended, however long the store takes.
///
/// # Errors
/// When the claim is not ours any more, or the store is damaged: it stays open until
/// [`crate::store::Store::recover`] ends it.
pub async fn deliver_one(core: &Arc<Core>, claimed: Claimed) -> Result<(), StoreError> {
    let finished = transact_unharmed(core, &claimed).await;
    loop {
        match core
            .store
            .finish(core.env.now(), &claimed.claim, finished.clone())
            .await
        {
            Err(StoreError::Unavailable(why)) => {
                tracing::warn!(message = %claimed.claim.message_id, why, "how it ended is not recorded yet");
                core.env.sleep(STORE_RETRY).await;
            }
            done => return done,
        }
    }
}

/// As [`transact`]; a panic in it is a bug that must not keep the claim.
async fn transact_unharmed(core: &Arc<Core>, claimed: &Claimed) -> Finished {
    let (task_core, task_claimed) = (core.clone(), claimed.clone());
    let task = tokio::spawn(async move { transact(&task_core, &task_claimed).await });
    match task.await {
        Ok(finished) => finished,
        Err(ended) => {
            let error = Error::Internal(ended.to_string());
            Judge::new(core, claimed).interrupted(Phase::Resolve, &error)
        }
    }
}

/// The dialogue, and what it came to.
async fn transact(core: &Arc<Core>, claimed: &Claimed) -> Finished {
    let judge = Judge::new(core, claimed);
    let id = &claimed.claim.message_id;
    let key = Sealed(claimed.message.message.body_key.clone());
    let body = match core.store.body(id).await {
        Ok(Some(sealed)) => core.vault.open_body(id, &key, &sealed),
        Ok(None) => return judge.broken("the body is gone"),
        Err(error) => return judge.interrupted(Phase::Resolve, &error.into()),
    };
    let Ok(body) = body else {
        let error = Error::Internal("a body does not open with this vault key".into());
        return judge.interrupted(Phase::Resolve, &error);
    };
    let mut not_before = 0;
    loop {
        let (credential, generation) =
            match token::credential(core, &claimed.service, not_before).await {
                Ok(credential) => credential,
                Err(reason) => return judge.no_credential(reason),
            };
        let refused = match converse(core, claimed, &judge, (&credential, generation), &body).await
        {
            Ended::Done(finished) => return *finished,
            Ended::TokenRefused(failure) => failure,
        };
        // A fresh token decides whether the refusal was for the old one's age (facts 3.3).
        if not_before > 0 || claimed.service.config.oauth2().is_none() {
            return judge.login_refused(&refused);
        }
        not_before = generation + 1;
    }
}

enum Ended {
    Done(Box<Finished>),
    /// AUTH was refused in a way that a fresh token may mend.
    TokenRefused(Failure),
}

/// One dialogue, on a parked session or, if that turns out to be closed, on another.
async fn converse(
    core: &Core,
    claimed: &Claimed,
    judge: &Judge<'_>,
    (credential, generation): (&Credential, u64),
    body: &[u8],
) -> Ended {
    let config = &claimed.service.config;
    let target = Target {
        mailbox: config.mailbox(),
        endpoint: config.smtp.clone(),
    };
    let to = recipients(claimed);
    let envelope = Envelope::of(&claimed.message.message.from, &to, body);
    let done = |finished| Ended::Done(Box::new(finished));
    loop {
        let mut transcript = Transcript::default();
        let limit = claimed.max_connections;
        let mut lease = match core
            .pool
            .checkout(&target, generation, credential, limit, &mut transcript)
            .await
        {
            Ok(lease) => lease,
            Err(failure) if asks_for_fresh_token(&failure, judge) => {
                return Ended::TokenRefused(failure);
            }
            Err(failure) => return done(judge.not_connected(&failure)),
        };
        return match lease.begin(&envelope, &mut transcript).await {
            Ok(replies) => done(hand_over(core, claimed, judge, lease, &replies, body).await),
            Err(failure) if lease.is_reused() && was_closed(&failure) => continue,
            Err(failure) => done(judge.failed(&failure)),
        };
    }
}

/// Body and final dot. The dot waits until its phase is durable, which happens meanwhile.
async fn hand_over(
    core: &Core,
    claimed: &Claimed,
    judge: &Judge<'_>,
    mut lease: Lease,
    replies: &[RecipientReply],
    body: &[u8],
) -> Finished {
    if !replies.iter().any(RecipientReply::is_accepted) {
        tokio::spawn(lease.park());
        return judge.answered(replies, None);
    }
    let mut transcript = Transcript::default();
    let (marked, sent) = tokio::join!(
        core.store.mark_dot(core.env.now(), &claimed.claim),
        lease.body(body, &mut transcript)
    );
    if let Err(failure) = sent {
        return judge.broken_off(replies, &failure);
    }
    if let Err(error) = marked {
        return judge.interrupted(Phase::Data, &error.into());
    }
    match lease.finish(&mut transcript).await {
        Ok(reply) => {
            // What the server took is recorded before anything else is said to it.
            tokio::spawn(lease.park());
            judge.answered(replies, Some(&reply))
        }
        Err(failure) if !failure.may_have_been_taken() => judge.broken_off(replies, &failure),
        Err(failure) => judge.reply_lost(replies, &failure),
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
