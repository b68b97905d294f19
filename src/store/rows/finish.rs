//! How claims end: with an outcome, or with their process.

use std::time::Duration;

use super::base::Base;
use super::messages::{changed, end_pending, ended};
use super::progress::Report;
use super::state::{State, corrupt};
use super::tables::{ATTEMPTS, CLAIMS, ClaimRow};
use crate::model::catalogue::{self, Subject};
use crate::model::message::{
    Attempt, Claim, Finished, MailboxVerdict, Message, Next, Outcome, Recipient, RecipientResult,
};
use crate::model::schedule::probe_interval;
use crate::model::service::{Pause, ServiceState};
use crate::model::state::{Event, MessageState, ended_by, settled};
use crate::model::{Phase, Reason, Timestamp};
use crate::store::Result;

/// A pause that comes back within this time after its probe passed was not over.
const RELAPSE: Duration = Duration::from_secs(60 * 60);

/// So many transactions in a row that no server heard of pause their mailbox.
const UNREACHABLE: u32 = 3;

impl<B: Base> State<B> {
    /// What it tells of the mailbox counts first: it decides whether the service can send by now.
    pub fn finish(
        &mut self,
        now: Timestamp,
        claim: &Claim,
        finished: Finished,
    ) -> Result<MessageState> {
        let (mut message, mut attempt) = self.fenced(claim)?;
        let row = self
            .get(CLAIMS, &message.id)?
            .ok_or_else(|| corrupt(format!("message {:?} lacks its claim", message.id)))?;
        let verdict = self.weighed(&row, finished.phase, finished.mailbox)?;
        self.judge_mailbox(now, &row, verdict)?;

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
        self.refund(&row.mailbox, &attempt)?;

        let event = match settled(&new) {
            Some(state) => Event::Settle(state),
            None if message.expire_time <= now => {
                new = end_pending(new, Outcome::Expired, now);
                ended_by(Event::Expire, &new)
            }
            None => self.defer(now, &mut message, &attempt, &new, finished.next)?,
        };
        self.end_claim(now, message, event, attempt, changed(&old, new))
    }

    /// Ends all claims.
    pub fn recover(&mut self, now: Timestamp) -> Result<()> {
        self.unclaim_refreshes()?;
        let ids = self.keys(CLAIMS, ..).collect::<Result<Vec<_>>>()?;
        for id in ids {
            let mut message = self.require_message(&id)?;
            let mut attempt = self.attempt(&message)?;
            attempt.end_time = Some(now);
            if let Some(row) = self.get(CLAIMS, &id)? {
                self.refund(&row.mailbox, &attempt)?;
            }
            let old = self.recipients_of(&id)?;
            let mut new = old.clone();
            if attempt.phase >= Phase::DotSent {
                self.lose_reply(now, &mut message, &mut attempt, &mut new)?;
            }
            message.next_attempt_time = now;
            let event = settled(&new).map_or(Event::Defer, Event::Settle);
            self.end_claim(now, message, event, attempt, changed(&old, new))?;
        }
        Ok(())
    }

    /// The process died after the final dot: the server may have taken it. It may have refused some
    /// recipients before, but nobody knows that any more.
    fn lose_reply(
        &self,
        now: Timestamp,
        message: &mut Message,
        attempt: &mut Attempt,
        recipients: &mut [Recipient],
    ) -> Result<()> {
        let row = self.service(&message.service_id)?;
        let subject = row.map_or_else(Subject::default, |row| Subject::of(&row.service.config));
        let lost = catalogue::local(Reason::ReplyLost, &subject, "this server was stopped");
        let earlier = self
            .rows_under(ATTEMPTS, &message.id)
            .collect::<Result<Vec<_>>>()?;
        for index in &attempt.recipients {
            let recipient = named(recipients, *index)?;
            if message.on_uncertain.holds(*index, &earlier) {
                *recipient = ended(recipient.clone(), Outcome::Uncertain, now);
            }
            recipient.reply = None;
            recipient.diagnosis = Some(lost.clone());
            recipient.update_time = now;
        }
        attempt.uncertain = true;
        attempt.diagnosis = Some(lost.clone());
        message.problem = Some(lost);
        Ok(())
    }

    fn end_claim(
        &mut self,
        now: Timestamp,
        message: Message,
        event: Event,
        attempt: Attempt,
        recipients: Vec<(u32, Recipient)>,
    ) -> Result<MessageState> {
        let report = Report {
            recipients,
            attempt: Some((message.attempts, attempt)),
            ..Report::default()
        };
        Ok(self.advance(now, message, event, report)?.message.state)
    }

    /// What comes after, for the recipients that are still pending: they wait as `next` tells,
    /// unless the round goes on with those who were tried less.
    fn defer(
        &self,
        now: Timestamp,
        message: &mut Message,
        attempt: &Attempt,
        recipients: &[Recipient],
        next: Next,
    ) -> Result<Event> {
        message.next_attempt_time = now;
        let row = self.require_service(&message.service_id)?;
        if let Next::At { time, spends } = next
            && !self.round_goes_on(&message.id, recipients, &attempt.recipients)?
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

    /// What a transaction really tells of its mailbox: a probe that came further than what was
    /// refused shows that it is over, one that did not has failed, and a server that can't be
    /// reached a few times in a row can't be reached.
    fn weighed(
        &mut self,
        claim: &ClaimRow,
        phase: Phase,
        verdict: MailboxVerdict,
    ) -> Result<MailboxVerdict> {
        let unreachable = matches!(verdict, MailboxVerdict::Unreachable(_));
        let failures = self.count_failure(&claim.mailbox, unreachable)?;
        let standing = self.pause_of(&claim.mailbox)?.filter(|_| claim.probe);
        Ok(match (verdict, standing) {
            (MailboxVerdict::Unreachable(pause), standing)
                if standing.is_some() || failures >= UNREACHABLE =>
            {
                MailboxVerdict::Paused(pause)
            }
            (
                MailboxVerdict::Silent | MailboxVerdict::Crowded | MailboxVerdict::TooFast,
                Some(pause),
            ) => {
                if phase > pause.phase {
                    MailboxVerdict::Works
                } else {
                    MailboxVerdict::Paused(pause)
                }
            }
            (verdict, _) => verdict,
        })
    }

    /// A probe showed that what it was blocked by is over. What began before the pause shows nothing.
    fn end_pause(&mut self, now: Timestamp, claim: &ClaimRow) -> Result<()> {
        let standing = self.pause_of(&claim.mailbox)?;
        let Some(pause) = standing.filter(|_| claim.probe) else {
            return Ok(());
        };
        let ended = Pause {
            end_time: Some(now),
            ..pause
        };
        self.edit(now, None, Some((&claim.mailbox, Some(ended))))
    }

    fn judge_mailbox(
        &mut self,
        now: Timestamp,
        claim: &ClaimRow,
        verdict: MailboxVerdict,
    ) -> Result<()> {
        let mailbox = &claim.mailbox;
        match verdict {
            MailboxVerdict::Silent | MailboxVerdict::Unreachable(_) => Ok(()),
            MailboxVerdict::Works => self.end_pause(now, claim),
            MailboxVerdict::Paused(pause) => {
                let kept = self.kept_pause(mailbox, pause.scope)?;
                let pause = prolonged(now, pause, kept, claim.probe);
                self.edit(now, None, Some((mailbox, Some(pause))))
            }
            MailboxVerdict::Crowded => self.adjust(mailbox, |pace, limits, claims| {
                pace.crowded(now, limits, claims)
            }),
            MailboxVerdict::TooFast => {
                self.adjust(mailbox, |pace, limits, _| pace.slow_down(now, limits))
            }
        }
    }
}

/// A pause that stands keeps its beginning, and counts a failed probe; one that comes back soon after
/// its probe passed goes on counting. The next probe comes when both the verdict and the growing
/// interval allow it.
fn prolonged(now: Timestamp, pause: Pause, kept: Option<Pause>, probe: bool) -> Pause {
    let (since, probes) = match kept {
        Some(standing) if standing.end_time.is_none() => {
            let failed = u32::from(probe);
            (standing.since, standing.probes.saturating_add(failed))
        }
        Some(ended) if ended.end_time.is_some_and(|end| now.since(end) < RELAPSE) => {
            (pause.since, ended.probes.saturating_add(1))
        }
        _ => (pause.since, pause.probes),
    };
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
