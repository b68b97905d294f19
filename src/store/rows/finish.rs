//! How claims end: with an outcome, or with their process.

use super::base::Base;
use super::messages::ended;
use super::progress::Report;
use super::state::{State, corrupt};
use super::tables::{CLAIMS, ClaimRow, PAUSES};
use crate::model::message::{
    Attempt, Claim, Finished, MailboxVerdict, Message, Next, Outcome, Recipient, RecipientResult,
};
use crate::model::schedule::probe_interval;
use crate::model::service::{OnUncertain, Pause, ServiceState};
use crate::model::state::{Event, settled};
use crate::model::{Phase, Timestamp};
use crate::store::Result;

impl<B: Base> State<B> {
    /// What it tells of the mailbox counts first: it decides whether the service can send by now.
    pub fn finish(&mut self, now: Timestamp, claim: &Claim, finished: Finished) -> Result<()> {
        let (mut message, mut attempt) = self.fenced(claim)?;
        let row = self
            .get(CLAIMS, &message.id)?
            .ok_or_else(|| corrupt(format!("message {:?} lacks its claim", message.id)))?;
        self.judge_mailbox(now, &row, finished.mailbox)?;

        let old = self.recipients_of(&message.id)?;
        let mut new = old.clone();
        for result in finished.recipients.iter().cloned() {
            apply(now, &mut new, &attempt, result)?;
        }
        let failed = finished.recipients.iter().rev();
        if let Some(problem) = finished
            .diagnosis
            .clone()
            .or_else(|| failed.filter_map(|result| result.diagnosis.clone()).next())
        {
            message.problem = Some(problem);
        }
        attempt.end_time = Some(now);
        attempt.phase = finished.phase;
        attempt.reply = finished.reply;
        attempt.diagnosis = finished.diagnosis;
        attempt.uncertain = finished.uncertain;

        let event = match settled(&new) {
            Some(state) => Event::Settle(state),
            None if message.expire_time <= now => {
                for recipient in new.iter_mut().filter(|r| r.outcome == Outcome::Pending) {
                    *recipient = ended(recipient.clone(), Outcome::Expired, now);
                }
                Event::Expire
            }
            None => self.defer(now, &mut message, &attempt, &new, finished.next)?,
        };
        self.end_claim(now, message, event, attempt, changed(&old, new))
    }

    /// Ends all claims.
    pub fn recover(&mut self, now: Timestamp) -> Result<()> {
        self.recount()?;
        self.unclaim_refreshes()?;
        let ids = self.keys(CLAIMS, ..).collect::<Result<Vec<_>>>()?;
        for id in ids {
            let mut message = self.require_message(&id)?;
            let mut attempt = self.attempt(&message)?;
            attempt.end_time = Some(now);
            attempt.uncertain = attempt.phase >= Phase::DotSent;
            let old = self.recipients_of(&id)?;
            let mut new = old.clone();
            if attempt.uncertain && message.on_uncertain == OnUncertain::Hold {
                for index in &attempt.recipients {
                    let recipient = named(&mut new, *index)?;
                    *recipient = ended(recipient.clone(), Outcome::Uncertain, now);
                }
            }
            message.next_attempt_time = now;
            let event = settled(&new).map_or(Event::Defer, Event::Settle);
            self.end_claim(now, message, event, attempt, changed(&old, new))?;
        }
        Ok(())
    }

    fn end_claim(
        &mut self,
        now: Timestamp,
        message: Message,
        event: Event,
        attempt: Attempt,
        recipients: Vec<(u32, Recipient)>,
    ) -> Result<()> {
        let report = Report {
            recipients,
            attempt: Some((message.attempts, attempt)),
        };
        self.advance(now, message, event, report)?;
        Ok(())
    }

    /// What comes after, for the recipients that are still pending: those of the claim wait as
    /// `next` tells; without any, the others are due.
    fn defer(
        &self,
        now: Timestamp,
        message: &mut Message,
        attempt: &Attempt,
        recipients: &[Recipient],
        next: Next,
    ) -> Result<Event> {
        let tried_again = (0..).zip(recipients).any(|(index, recipient)| {
            recipient.outcome == Outcome::Pending && attempt.recipients.contains(&index)
        });
        message.next_attempt_time = now;
        let row = self.require_service(&message.service_id)?;
        if let Next::At { time, spends } = next
            && tried_again
        {
            message.deferrals += u32::from(spends);
            message.next_attempt_time = now.max(time);
        }
        if row.state() == ServiceState::Ready {
            return Ok(Event::Defer);
        }
        message.next_attempt_time = now;
        message.problem = row.problem().or(message.problem.take());
        Ok(Event::Hold)
    }

    fn judge_mailbox(
        &mut self,
        now: Timestamp,
        claim: &ClaimRow,
        verdict: MailboxVerdict,
    ) -> Result<()> {
        match verdict {
            MailboxVerdict::Silent => Ok(()),
            MailboxVerdict::Works => self.edit(now, None, Some((&claim.mailbox, None))),
            MailboxVerdict::Paused(pause) => {
                let standing = self.get(PAUSES, &claim.mailbox)?;
                let pause = prolonged(now, pause, standing, claim.probe);
                self.edit(now, None, Some((&claim.mailbox, Some(pause))))
            }
        }
    }
}

/// A pause that stands keeps its beginning, and counts a failed probe. The next probe comes when
/// both the verdict and the growing interval allow it.
fn prolonged(now: Timestamp, pause: Pause, standing: Option<Pause>, probe: bool) -> Pause {
    let (since, probes) = standing.map_or((pause.since, pause.probes), |standing| {
        let failed = u32::from(probe);
        (standing.since, standing.probes.saturating_add(failed))
    });
    Pause {
        probe_time: pause.probe_time.max(now + probe_interval(probes)),
        since,
        probes,
        ..pause
    }
}

fn apply(
    now: Timestamp,
    recipients: &mut [Recipient],
    attempt: &Attempt,
    result: RecipientResult,
) -> Result<()> {
    if !attempt.recipients.contains(&result.index) {
        return Err(corrupt(format!(
            "recipient {} is not of this claim",
            result.index
        )));
    }
    let recipient = named(recipients, result.index)?;
    *recipient = Recipient {
        address: recipient.address.clone(),
        outcome: result.outcome,
        reply: result.reply,
        diagnosis: result.diagnosis,
        update_time: now,
    };
    Ok(())
}

fn named(recipients: &mut [Recipient], index: u32) -> Result<&mut Recipient> {
    recipients
        .get_mut(index as usize)
        .ok_or_else(|| corrupt(format!("there is no recipient {index}")))
}

fn changed(old: &[Recipient], new: Vec<Recipient>) -> Vec<(u32, Recipient)> {
    (0..)
        .zip(new)
        .zip(old)
        .filter(|((_, new), old)| new != *old)
        .map(|(row, _)| row)
        .collect()
}
