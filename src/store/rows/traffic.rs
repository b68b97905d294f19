//! What goes out of a mailbox: what was handed out, what waits, and when to look at it again.

use std::time::Duration;

use super::base::Base;
use super::progress::is_later;
use super::state::State;
use super::tables::{Queued, SERVICES, SHARES, TRAFFIC, Traffic, WAKES};
use crate::model::message::{Attempt, Message, Priority};
use crate::model::pace::Pace;
use crate::model::service::Limits;
use crate::model::state::MessageState;
use crate::model::{MailboxKey, Phase, ServiceId, Timestamp};
use crate::store::{Budget, Exhausted, Result, StoreError, Turn};

/// How long a claim of a mailbox without services is waited for between two looks.
const PATIENCE: Duration = Duration::from_secs(60 * 60);

/// A test takes a place in the row of a busy mailbox, if it comes within this time.
const TEST_PATIENCE: Duration = Duration::from_secs(30);

impl<B: Base> State<B> {
    pub(super) fn traffic(&self, mailbox: &MailboxKey) -> Result<Traffic> {
        Ok(self.get(TRAFFIC, mailbox)?.unwrap_or_default())
    }

    pub(super) fn put_traffic(&mut self, mailbox: &MailboxKey, traffic: &Traffic) {
        self.put(TRAFFIC, mailbox, traffic);
    }

    /// Has the mailbox looked at by `time`.
    pub fn wake_by(&mut self, mailbox: &MailboxKey, time: Timestamp) -> Result<()> {
        let wake = self.traffic(mailbox)?.wake;
        if wake.is_none_or(|wake| time < wake) {
            self.wake_at(mailbox, Some(time))?;
        }
        Ok(())
    }

    /// Has the mailbox looked at then, and no earlier.
    pub fn wake_at(&mut self, mailbox: &MailboxKey, time: Option<Timestamp>) -> Result<()> {
        let mut traffic = self.traffic(mailbox)?;
        if traffic.wake == time {
            return Ok(());
        }
        if let Some(old) = traffic.wake {
            self.remove(WAKES, &(old, mailbox.clone()))?;
        }
        if let Some(new) = time {
            self.put(WAKES, &(new, mailbox.clone()), &());
        }
        traffic.wake = time;
        self.put_traffic(mailbox, &traffic);
        Ok(())
    }

    /// The mailbox that is to be looked at first, by now.
    pub fn first_awake(&self, now: Timestamp) -> Result<Option<MailboxKey>> {
        match self.keys(WAKES, ..).next().transpose()? {
            Some((time, mailbox)) if time <= now => Ok(Some(mailbox)),
            _ => Ok(None),
        }
    }

    /// The limits of a mailbox: the strictest of its services.
    pub fn limits_of(&self, mailbox: &MailboxKey) -> Result<Limits> {
        let mut limits = None;
        for id in self.services_on(mailbox)? {
            let service = self.shared(SERVICES, &id)?;
            let service = Option::as_ref(&service).ok_or(StoreError::NotFound)?;
            let of_one = service.config.limits();
            limits = Some(limits.map_or(of_one, |all: Limits| all.strictest(of_one)));
        }
        Ok(limits.unwrap_or(Limits::UNKNOWN))
    }

    /// Takes back what a transaction did not come to spend: before its dot nobody was written to.
    pub fn refund(&mut self, mailbox: &MailboxKey, attempt: &Attempt) -> Result<()> {
        if attempt.phase < Phase::DotSent {
            let mut traffic = self.traffic(mailbox)?;
            let recipients = u32::try_from(attempt.recipients.len()).unwrap_or(u32::MAX);
            traffic.pace.refund(attempt.start_time, recipients);
            self.put_traffic(mailbox, &traffic);
        }
        Ok(())
    }

    /// Counts a message that is due at once among what waits, or no longer.
    pub fn count_queued(&mut self, message: &Message, waits: bool) -> Result<()> {
        if message.state != MessageState::Queued || is_later(message) {
            return Ok(());
        }
        let mailbox = self.mailbox_of(&message.service_id)?;
        let mut traffic = self.traffic(&mailbox)?;
        let queued = &mut traffic.queued[message.priority as usize];
        let recipients = u64::from(message.recipient_count);
        *queued = if waits {
            Queued {
                messages: queued.messages + 1,
                recipients: queued.recipients + recipients,
            }
        } else {
            Queued {
                messages: queued.messages.saturating_sub(1),
                recipients: queued.recipients.saturating_sub(recipients),
            }
        };
        self.put_traffic(&mailbox, &traffic);
        Ok(())
    }

    /// When a message that has just been queued can be expected to go: behind what waits in its
    /// mailbox with its priority or a higher one.
    pub fn estimate(&self, now: Timestamp, message: &Message) -> Result<Timestamp> {
        let mailbox = self.mailbox_of(&message.service_id)?;
        let traffic = self.traffic(&mailbox)?;
        let mut ahead = traffic.waiting(message.priority);
        if message.next_attempt_time > now {
            ahead.messages += 1;
            ahead.recipients += u64::from(message.recipient_count);
        }
        let limits = self.limits_of(&mailbox)?;
        let time = traffic
            .pace
            .time_of(now, &limits, ahead.messages, ahead.recipients);
        Ok(time.max(message.next_attempt_time))
    }

    /// What the mailbox of a service may still send.
    pub fn budget(&self, now: Timestamp, id: &ServiceId) -> Result<Option<Budget>> {
        let Some(row) = self.service(id)? else {
            return Ok(None);
        };
        let mailbox = row.service.mailbox();
        let (limits, traffic) = (self.limits_of(&mailbox)?, self.traffic(&mailbox)?);
        let waiting = traffic.waiting(Priority::Bulk);
        let drained = traffic
            .pace
            .time_of(now, &limits, waiting.messages, waiting.recipients);
        let last = self.last_due_of(id)?;
        Ok(Some(Budget {
            minute_remaining: traffic.pace.minute_room(now, &limits),
            day_remaining: traffic.pace.day_room(now, &limits),
            drain_time: last.map_or(drained, |last| last.max(drained)),
        }))
    }

    /// Counts a message that goes past the queue, if the mailbox soon has room for it.
    pub fn begin_test(
        &mut self,
        now: Timestamp,
        id: &ServiceId,
    ) -> Result<std::result::Result<Turn, Exhausted>> {
        let mailbox = self.mailbox_of(id)?;
        let limits = self.limits_of(&mailbox)?;
        let mut traffic = self.traffic(&mailbox)?;
        let (message, day) = (
            traffic.pace.message_time(now, &limits),
            traffic.pace.day_time(now, &limits, 1),
        );
        if day > now {
            return Ok(Err(Exhausted::Day(day)));
        }
        if message > now + TEST_PATIENCE {
            return Ok(Err(Exhausted::Minute(message)));
        }
        traffic.pace.spend(now, &limits, 1);
        self.put_traffic(&mailbox, &traffic);
        Ok(Ok(Turn {
            time: message.max(now),
            max_connections: limits.max_connections.max(1),
        }))
    }

    /// Counts a transaction that did not come as far as a message, or one that did.
    pub fn count_failure(&mut self, mailbox: &MailboxKey, failed: bool) -> Result<u32> {
        let mut traffic = self.traffic(mailbox)?;
        let failures = if failed {
            traffic.failures.saturating_add(1)
        } else {
            0
        };
        if failures != traffic.failures {
            traffic.failures = failures;
            self.put_traffic(mailbox, &traffic);
        }
        Ok(failures)
    }

    /// Changes the pace of a mailbox.
    pub fn adjust(
        &mut self,
        mailbox: &MailboxKey,
        change: impl FnOnce(&mut Pace, &Limits, u32),
    ) -> Result<()> {
        let limits = self.limits_of(mailbox)?;
        let mut traffic = self.traffic(mailbox)?;
        change(&mut traffic.pace, &limits, traffic.claims);
        self.put_traffic(mailbox, &traffic);
        Ok(())
    }

    /// Forgets the traffic of a mailbox that no service is on any more, once it limits nothing; when
    /// to look again.
    pub fn forget_traffic(
        &mut self,
        now: Timestamp,
        mailbox: &MailboxKey,
    ) -> Result<Option<Timestamp>> {
        let traffic = self.traffic(mailbox)?;
        let over = traffic.pace.over_time().max(match traffic.claims {
            0 => now,
            _ => now + PATIENCE,
        });
        if over > now {
            return Ok(Some(over));
        }
        self.wake_at(mailbox, None)?;
        self.remove(TRAFFIC, mailbox)?;
        let shares: Vec<_> = self.keys_under(SHARES, mailbox).collect::<Result<_>>()?;
        for key in &shares {
            self.remove(SHARES, key)?;
        }
        Ok(None)
    }
}

impl Traffic {
    /// What waits with this priority or a higher one.
    fn waiting(&self, priority: Priority) -> Queued {
        let ahead = &self.queued[..=priority as usize];
        ahead.iter().fold(Queued::default(), |sum, queued| Queued {
            messages: sum.messages + queued.messages,
            recipients: sum.recipients + queued.recipients,
        })
    }
}
