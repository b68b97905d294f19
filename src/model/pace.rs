//! How much a mailbox may send now: messages a minute, recipients a day, connections.
//!
//! Pure arithmetic over what has gone out; it is kept with the mailbox, so that a restart neither
//! bursts nor forgets the day. It counts what was handed out, not what was taken: a provider counts
//! refusals, too.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Timestamp;
use super::service::Limits;

const MINUTE: Duration = Duration::from_secs(60);
const TICK: Duration = Duration::from_micros(1);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a mailbox stays at fewer connections before it tries one more.
const CROWD_RECOVERY: Duration = Duration::from_secs(5 * 60);

/// What has gone out of one mailbox.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pace {
    /// The theoretical arrival time of the next message (GCRA, ITU-T I.371).
    next: Timestamp,
    /// Recipients by hour, the oldest first, of no more than 25 hours.
    hours: Vec<Hour>,
    crowd: Option<Crowd>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Hour {
    start: Timestamp,
    recipients: u32,
}

/// The provider saw more connections than it allows, ours and those of other programs together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Crowd {
    most: u32,
    since: Timestamp,
}

impl Pace {
    /// When the next message may go.
    ///
    /// In any minute no more than `messages_per_minute` go. After a rest a tenth of them may go at
    /// once, as far as connections allow; further ones are spread evenly.
    pub fn message_time(&self, now: Timestamp, limits: &Limits) -> Timestamp {
        self.arrival(now, limits).before(slack(limits))
    }

    /// How many recipients may be written to now. The day is the last 24 to 25 hours.
    pub fn day_room(&self, now: Timestamp, limits: &Limits) -> u32 {
        let used = u32::try_from(self.day_used(now)).unwrap_or(u32::MAX);
        limits.recipients_per_day.saturating_sub(used)
    }

    /// When `recipients` more may be written to, at the latest if nothing else is sent.
    pub fn day_time(&self, now: Timestamp, limits: &Limits, recipients: u64) -> Timestamp {
        let limit = u64::from(limits.recipients_per_day.max(1));
        // What is sent from now on comes back a day later, so whole days' worth are a day each.
        let days = recipients.saturating_sub(1) / limit;
        let rest = recipients - days * limit;
        let mut too_many = (self.day_used(now) + rest).saturating_sub(limit);
        let mut time = now;
        for hour in self.day(now) {
            if too_many == 0 {
                break;
            }
            time = hour.start + HOUR + DAY;
            too_many = too_many.saturating_sub(u64::from(hour.recipients));
        }
        time + DAY.saturating_mul(u32::try_from(days).unwrap_or(u32::MAX))
    }

    fn day_used(&self, now: Timestamp) -> u64 {
        self.day(now).map(|hour| u64::from(hour.recipients)).sum()
    }

    /// How many connections the mailbox may have now.
    pub fn connections(&self, now: Timestamp, limits: &Limits) -> u32 {
        let most = limits.max_connections.max(1);
        self.crowd.map_or(most, |crowd| {
            let recovered = now.since(crowd.since).as_secs() / CROWD_RECOVERY.as_secs();
            let recovered = u32::try_from(recovered).unwrap_or(u32::MAX);
            crowd.most.saturating_add(recovered).min(most)
        })
    }

    /// When one more connection than now is allowed; none at the limit.
    pub fn next_connection_time(&self, now: Timestamp, limits: &Limits) -> Option<Timestamp> {
        let crowd = self.crowd?;
        let allowed = self.connections(now, limits);
        let steps = allowed.checked_sub(crowd.most)?.saturating_add(1);
        (allowed < limits.max_connections).then(|| crowd.since + CROWD_RECOVERY * steps)
    }

    /// Counts one message to so many recipients.
    pub fn spend(&mut self, now: Timestamp, limits: &Limits, recipients: u32) {
        self.next = self.arrival(now, limits).max(now) + interval(limits);
        let start = hour_of(now);
        self.hours = self.day(now).copied().collect();
        match self.hours.iter_mut().find(|hour| hour.start == start) {
            Some(hour) => hour.recipients = hour.recipients.saturating_add(recipients),
            None => self.hours.push(Hour { start, recipients }),
        }
    }

    /// Takes recipients back who were counted at `then` and whom the provider never got to count.
    pub fn refund(&mut self, then: Timestamp, recipients: u32) {
        let start = hour_of(then);
        for hour in self.hours.iter_mut().filter(|hour| hour.start == start) {
            hour.recipients = hour.recipients.saturating_sub(recipients);
        }
    }

    /// The provider said that `in_use` connections are too many.
    pub fn crowded(&mut self, now: Timestamp, limits: &Limits, in_use: u32) {
        let most = in_use.saturating_sub(1).min(self.connections(now, limits));
        self.crowd = Some(Crowd {
            most: most.max(1),
            since: now,
        });
    }

    /// The provider said that messages come too fast: none goes for a minute.
    pub fn slow_down(&mut self, now: Timestamp, limits: &Limits) {
        self.next = now + MINUTE + slack(limits);
    }

    /// When `messages` more to `recipients` in all will have gone, if nothing else stands in the way.
    pub fn time_of(
        &self,
        now: Timestamp,
        limits: &Limits,
        messages: u64,
        recipients: u64,
    ) -> Timestamp {
        let waits = u32::try_from(messages.saturating_sub(1)).unwrap_or(u32::MAX);
        let evenly = self.first(now, limits) + interval(limits).saturating_mul(waits);
        evenly.max(now).max(self.day_time(now, limits, recipients))
    }

    /// How many messages may go before a minute is over.
    pub fn minute_room(&self, now: Timestamp, limits: &Limits) -> u32 {
        let left = (now + MINUTE).since(self.first(now, limits)).as_micros();
        match interval(limits).as_micros() {
            0 => limits.messages_per_minute,
            interval => u32::try_from(left.div_ceil(interval)).unwrap_or(u32::MAX),
        }
    }

    /// When nothing of it limits anything any more.
    pub fn over_time(&self) -> Timestamp {
        let day = self.hours.iter().map(|hour| hour.start + HOUR + DAY);
        let crowd = self.crowd.map(|crowd| crowd.since + DAY);
        day.chain(crowd)
            .chain([self.next])
            .max()
            .unwrap_or(self.next)
    }

    /// The theoretical arrival time; one that only a clock that went back can have left is now.
    fn arrival(&self, now: Timestamp, limits: &Limits) -> Timestamp {
        let latest = now + MINUTE + slack(limits) + interval(limits);
        if self.next > latest { now } else { self.next }
    }

    /// The message time, but no earlier than that of a mailbox that has rested.
    fn first(&self, now: Timestamp, limits: &Limits) -> Timestamp {
        self.arrival(now, limits).max(now).before(slack(limits))
    }

    /// The hours that still count. One from the future, before a clock went back, does, too.
    fn day(&self, now: Timestamp) -> impl Iterator<Item = &Hour> {
        let counts = move |hour: &&Hour| hour.start + HOUR + DAY > now;
        self.hours.iter().filter(counts)
    }
}

/// How many messages may go at once after a rest.
fn burst(limits: &Limits) -> u32 {
    (limits.messages_per_minute / 10).max(1)
}

/// How much earlier than evenly spread a message may go.
fn slack(limits: &Limits) -> Duration {
    interval(limits) * (burst(limits) - 1)
}

/// The time between two messages, so that a burst and what follows keep within the minute.
fn interval(limits: &Limits) -> Duration {
    let evenly = limits.messages_per_minute.max(1) - burst(limits) + 1;
    match Duration::from_micros(60_000_000u64.div_ceil(u64::from(evenly))) {
        // More than a timestamp can tell apart.
        TICK if evenly > 60_000_000 => Duration::ZERO,
        interval => interval,
    }
}

fn hour_of(time: Timestamp) -> Timestamp {
    let hour = i64::try_from(HOUR.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_unix_micros(time.unix_micros().div_euclid(hour) * hour)
}

#[cfg(test)]
mod tests;
