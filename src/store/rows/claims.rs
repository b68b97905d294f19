//! Giving out what is due: hold what can't be sent, probe what is paused, claim what may go.

use std::time::Duration;

use super::base::Base;
use super::progress::Report;
use super::state::{State, corrupt};
use super::tables::{ATTEMPTS, CLAIMS, ClaimRow, HELD, MESSAGES};
use crate::model::message::{Attempt, Claim, Message};
use crate::model::schedule::probe_interval;
use crate::model::service::{Limits, Pause, ServiceState};
use crate::model::state::{Event, MessageState};
use crate::model::{MailboxKey, MessageId, Phase, ServiceId, Timestamp};
use crate::store::{Claimed, Result, StoreError};

/// How many messages of a mailbox go from QUEUED to HELD, or back, in one commit.
pub const MOVED_AT_ONCE: usize = 1_000;

/// When to look again at what can't be read: others must not wait for it.
pub(super) const DAMAGED_WAIT: Duration = Duration::from_secs(3_600);

/// When to look again for what only a clock that went back holds up.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

impl<B: Base> State<B> {
    /// Looks at the mailboxes whose time has come, the longest waiting first.
    pub fn claim_due(&mut self, now: Timestamp, limit: usize) -> Result<Vec<Claimed>> {
        let mut claimed = Vec::new();
        while claimed.len() < limit
            && let Some(mailbox) = self.first_awake(now)?
        {
            match self.look_at(now, &mailbox, limit, &mut claimed) {
                Ok(true) => {}
                Ok(false) => break,
                Err(StoreError::Corrupt(why)) => {
                    tracing::error!(why, "a mailbox has to wait for what can't be read");
                    // What others were to be given goes back, too: this commit wakes whoever claims.
                    self.roll_back();
                    self.wake_at(&mailbox, Some(now + DAMAGED_WAIT))?;
                    return Ok(Vec::new());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(claimed)
    }

    /// Claims of one mailbox; whether others have their turn in this commit, too.
    fn look_at(
        &mut self,
        now: Timestamp,
        mailbox: &MailboxKey,
        limit: usize,
        claimed: &mut Vec<Claimed>,
    ) -> Result<bool> {
        if !self.move_some(now, mailbox)? {
            // This commit wakes whoever claims, and others get their turn meanwhile.
            self.wake_at(mailbox, Some(now))?;
            return Ok(false);
        }
        let wake = self.serve(now, mailbox, limit, claimed)?;
        self.wake_at(mailbox, wake)?;
        Ok(true)
    }

    /// Claims what a mailbox may send now; when to look at it again, if time alone can change that.
    fn serve(
        &mut self,
        now: Timestamp,
        mailbox: &MailboxKey,
        limit: usize,
        claimed: &mut Vec<Claimed>,
    ) -> Result<Option<Timestamp>> {
        if self.services_on(mailbox)?.is_empty() {
            return self.forget_traffic(now, mailbox);
        }
        let mut ready = Vec::new();
        for id in self.services_on(mailbox)? {
            if self.require_service(&id)?.state() == ServiceState::Ready {
                ready.push(id);
            }
        }
        let next = match self.pause_of(mailbox)? {
            Some(pause) => self.probe_in_time(now, mailbox, pause, claimed)?,
            None => self.give_out(now, mailbox, &ready, limit, claimed)?,
        };
        let mut next_due = next;
        for id in self.services_on(mailbox)? {
            let due = self.next_due_of(&id, now)?;
            next_due = next_due.into_iter().chain(due).min();
        }
        Ok(next_due)
    }

    /// Claims while there is something due, and room for it; when there is room again.
    fn give_out(
        &mut self,
        now: Timestamp,
        mailbox: &MailboxKey,
        ready: &[ServiceId],
        limit: usize,
        claimed: &mut Vec<Claimed>,
    ) -> Result<Option<Timestamp>> {
        let limits = self.limits_of(mailbox)?;
        loop {
            let mut traffic = self.traffic(mailbox)?;
            let pace = &traffic.pace;
            if traffic.claims >= pace.connections(now, &limits) {
                // A claim that ends wakes the mailbox, too.
                return Ok(pace.next_connection_time(now, &limits));
            }
            let Some((message, contested)) = self.choose(now, mailbox, &traffic, ready)? else {
                // What was due at once and is not any more: the clock went back.
                let waits = traffic.queued.iter().any(|queued| queued.messages > 0);
                return Ok(waits.then(|| now + LOOK_AGAIN));
            };
            if claimed.len() == limit {
                return Ok(Some(now));
            }
            let pace = &traffic.pace;
            let (time, day) = (
                pace.message_time(now, &limits),
                pace.day_time(now, &limits, 1),
            );
            if time.max(day) > now {
                return Ok(Some(time.max(day)));
            }
            self.count_share(mailbox, &mut traffic, &message, contested)?;
            self.put_traffic(mailbox, &traffic);
            claimed.push(self.claim(now, message, &limits, false)?);
        }
    }

    pub fn mark_dot(&mut self, claim: &Claim) -> Result<()> {
        let (_, mut attempt) = self.fenced(claim)?;
        attempt.phase = Phase::DotSent;
        let key = (claim.message_id.clone(), claim.attempt);
        self.put(ATTEMPTS, &key, &attempt);
        Ok(())
    }

    /// The message and the attempt of a claim that still holds; `Stale` when it doesn't.
    pub fn fenced(&self, claim: &Claim) -> Result<(Message, Attempt)> {
        let message = self
            .get(MESSAGES, &claim.message_id)?
            .map(|row| row.message)
            .filter(|message| message.state == MessageState::Sending)
            .filter(|message| message.attempts == claim.attempt)
            .ok_or(StoreError::Stale)?;
        let attempt = self.attempt(&message)?;
        Ok((message, attempt))
    }

    /// The newest attempt of a message.
    pub fn attempt(&self, message: &Message) -> Result<Attempt> {
        self.get(ATTEMPTS, &(message.id.clone(), message.attempts))?
            .ok_or_else(|| corrupt(format!("message {:?} lacks its attempt", message.id)))
    }

    /// Claims the message that probes a paused mailbox, once it is time; when it is.
    fn probe_in_time(
        &mut self,
        now: Timestamp,
        mailbox: &MailboxKey,
        pause: Pause,
        claimed: &mut Vec<Claimed>,
    ) -> Result<Option<Timestamp>> {
        let limits = self.limits_of(mailbox)?;
        let traffic = self.traffic(mailbox)?;
        let held = self.longest_held(mailbox, now)?;
        let Some(message) = held.filter(|_| traffic.claims == 0) else {
            return Ok(None);
        };
        let pace = &traffic.pace;
        let time = [
            pause.probe_time,
            message.next_attempt_time,
            pace.message_time(now, &limits),
            pace.day_time(now, &limits, 1),
        ];
        match time.into_iter().max().filter(|time| *time > now) {
            Some(later) => Ok(Some(later)),
            None => {
                claimed.push(self.probe(now, mailbox, pause, message, &limits)?);
                Ok(None)
            }
        }
    }

    /// The longest held message whose service lacks nothing but the mailbox.
    fn longest_held(&self, mailbox: &MailboxKey, now: Timestamp) -> Result<Option<Message>> {
        let mut longest: Option<Message> = None;
        for id in self.services_on(mailbox)? {
            if self.require_service(&id)?.service.state(None) != ServiceState::Ready {
                continue;
            }
            for key in self.keys_under(HELD, &id) {
                let message = self.require_message(&key?.2)?;
                if message.expire_time > now {
                    let held = |m: &Message| (m.next_attempt_time, m.id.clone());
                    longest = longest.into_iter().chain([message]).min_by_key(held);
                    break;
                }
            }
        }
        Ok(longest)
    }

    /// Holds what is due in services of a mailbox that can't send, and releases what is held in those
    /// that can: some of it. Whether nothing is left.
    fn move_some(&mut self, now: Timestamp, mailbox: &MailboxKey) -> Result<bool> {
        let mut left = MOVED_AT_ONCE;
        for id in self.services_on(mailbox)? {
            let row = self.require_service(&id)?;
            if row.state() == ServiceState::Ready {
                left -= self.release(now, &id, left)?;
            } else {
                let due = self.due_of(&id, now, left)?;
                left -= due.len();
                for message in due {
                    let mut message = self.require_message(&message)?;
                    message.next_attempt_time = now;
                    message.problem = row.problem().or(message.problem);
                    self.advance(now, message, Event::Hold, Report::default())?;
                }
            }
            if left == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn probe(
        &mut self,
        now: Timestamp,
        mailbox: &MailboxKey,
        mut pause: Pause,
        mut message: Message,
        limits: &Limits,
    ) -> Result<Claimed> {
        // A probe that never comes back must not be followed by another at once.
        pause.probe_time = now + probe_interval(pause.probes);
        self.edit(now, None, Some((mailbox, Some(pause))))?;
        message.next_attempt_time = now;
        let released = self.advance(now, message, Event::Release, Report::default())?;
        self.claim(now, released.message, limits, true)
    }

    fn claim(
        &mut self,
        now: Timestamp,
        mut message: Message,
        limits: &Limits,
        probe: bool,
    ) -> Result<Claimed> {
        let row = self.require_service(&message.service_id)?;
        let mailbox = row.service.mailbox();
        let mut traffic = self.traffic(&mailbox)?;
        let own = row.service.config.limits().recipients_per_message.max(1);
        let at_most = own.min(traffic.pace.day_room(now, limits));
        let recipients = self.next_part(&message.id, at_most as usize)?;
        let count = u32::try_from(recipients.len()).unwrap_or(u32::MAX);
        traffic.pace.spend(now, limits, count);
        traffic.claims += 1;
        self.put_traffic(&mailbox, &traffic);
        message.attempts += 1;
        let claim = Claim {
            message_id: message.id.clone(),
            service_id: message.service_id.clone(),
            mailbox,
            attempt: message.attempts,
            recipients: recipients.clone(),
            probe,
        };
        let attempt = Attempt {
            start_time: now,
            end_time: None,
            phase: Phase::Resolve,
            recipients,
            reply: None,
            diagnosis: None,
            uncertain: false,
        };
        let report = Report {
            attempt: Some((claim.attempt, attempt)),
            ..Report::default()
        };
        let claimed = self.advance(now, message, Event::Claim, report)?;
        let held = ClaimRow {
            mailbox: claim.mailbox.clone(),
            probe,
        };
        self.add(CLAIMS, &claim.message_id, &held);
        Ok(Claimed {
            max_connections: limits.max_connections.max(1),
            claim,
            message: self.full(claimed)?.0,
            service: row.service,
            pause: row.pause,
        })
    }
}

/// The instant after `time`.
pub(super) fn just_after(time: Timestamp) -> Timestamp {
    time + Duration::from_micros(1)
}

/// The id before all others, for the start of a range.
pub(super) fn first_id() -> MessageId {
    MessageId::generate(Timestamp::default(), [0; 10])
}
