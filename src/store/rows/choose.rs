//! Which message of a mailbox goes next: by priority, by the caller's share, by time.

use std::collections::BTreeSet;

use super::base::{Base, Order};
use super::claims::{first_id, just_after};
use super::state::State;
use super::tables::{DUE, LATER, SHARES, Traffic};
use crate::model::message::{Message, Priority};
use crate::model::schedule::turn_of;
use crate::model::{MailboxKey, MessageId, ServiceId, Timestamp};
use crate::store::Result;

/// So many callers of a service are looked at for one message; of more, others the next time.
const CALLERS_AT_ONCE: usize = 64;

/// So many shares are looked at when one is counted, whether they still say anything.
const SWEPT_AT_ONCE: usize = 4;

/// The first that a caller has queued, due or not.
#[derive(Clone)]
struct First {
    caller: String,
    time: Timestamp,
    message: MessageId,
}

/// What one caller would send next.
struct Head {
    share: u64,
    time: Timestamp,
    message: Message,
}

impl<B: Base> State<B> {
    /// The message that goes next of those that are due in these services of a mailbox, and whether
    /// other callers want the same.
    ///
    /// The priority whose turn it is goes first. Within it goes the caller who has had the least
    /// since it began to want some (start-time fair queuing), and of that caller the longest due.
    pub(super) fn choose(
        &self,
        now: Timestamp,
        mailbox: &MailboxKey,
        traffic: &Traffic,
        services: &[ServiceId],
    ) -> Result<Option<(Message, bool)>> {
        for priority in turn_of(traffic.turn) {
            let least = traffic.shares[priority as usize];
            let mut heads: Vec<Head> = Vec::new();
            for id in services {
                for first in self.callers(id, priority, &traffic.place)? {
                    if let Some((time, message)) = self.head(now, id, priority, &first)? {
                        let key = (mailbox.clone(), priority, first.caller);
                        let share = self.get(SHARES, &key)?.unwrap_or(0).max(least);
                        heads.push(Head {
                            share,
                            time,
                            message,
                        });
                    }
                }
            }
            let callers = heads.iter().map(|head| head.message.caller());
            let contested = callers.collect::<BTreeSet<_>>().len() > 1;
            let first = heads.into_iter().min_by(|a, b| {
                (a.share, a.time, &a.message.id).cmp(&(b.share, b.time, &b.message.id))
            });
            if let Some(head) = first {
                return Ok(Some((head.message, contested)));
            }
        }
        Ok(None)
    }

    /// Counts a message that goes towards its caller's share. While one caller is alone with its
    /// priority, nothing is counted.
    pub(super) fn count_share(
        &mut self,
        mailbox: &MailboxKey,
        traffic: &mut Traffic,
        message: &Message,
        contested: bool,
    ) -> Result<()> {
        let priority = message.priority;
        traffic.turn = traffic.turn.wrapping_add(1);
        traffic.place = message.caller().to_owned();
        let least = &mut traffic.shares[priority as usize];
        let of = (mailbox.clone(), priority);
        if contested {
            let key = (of.0, of.1, traffic.place.clone());
            *least = self.get(SHARES, &key)?.unwrap_or(0).max(*least);
            self.put(SHARES, &key, &(*least + 1));
            let (from, least) = (key, *least);
            self.sweep_shares(from, least)
        } else if *least > 0 {
            *least = 0;
            let keys: Vec<_> = self.keys_under(SHARES, &of).collect::<Result<_>>()?;
            keys.iter().try_for_each(|key| self.remove(SHARES, key))
        } else {
            Ok(())
        }
    }

    /// Removes some shares, from a place on, that say no more than none.
    fn sweep_shares(&mut self, from: (MailboxKey, Priority, String), least: u64) -> Result<()> {
        let some: Vec<_> = self
            .rows(SHARES, from.clone().., Order::Ascending)
            .take(SWEPT_AT_ONCE)
            .collect::<Result<_>>()?;
        for (key, share) in some {
            if (&key.0, key.1) == (&from.0, from.1) && share <= least {
                self.remove(SHARES, &key)?;
            }
        }
        Ok(())
    }

    /// The first message of each who has some queued in a service with this priority: of those behind
    /// `place` in the order of their names, then of those up to it, no more than are looked at.
    fn callers(&self, id: &ServiceId, priority: Priority, place: &str) -> Result<Vec<First>> {
        let mut callers = Vec::new();
        let Some(first) = self.caller_behind(id, priority, None)? else {
            return Ok(callers);
        };
        let mut next = match first.caller.as_str() > place {
            true => Some(first.clone()),
            false => self.caller_behind(id, priority, Some(place))?,
        };
        while let Some(one) = next.filter(|_| callers.len() < CALLERS_AT_ONCE) {
            next = self.caller_behind(id, priority, Some(&one.caller))?;
            callers.push(one);
        }
        next = Some(first);
        while let Some(one) = next.filter(|one| one.caller.as_str() <= place)
            && callers.len() < CALLERS_AT_ONCE
        {
            next = match one.caller == place {
                true => None,
                false => self.caller_behind(id, priority, Some(&one.caller))?,
            };
            callers.push(one);
        }
        Ok(callers)
    }

    /// The first message of the next caller with messages queued, by name.
    fn caller_behind(
        &self,
        id: &ServiceId,
        priority: Priority,
        place: Option<&str>,
    ) -> Result<Option<First>> {
        // No message is due at the end of time.
        let (name, time) = place.map_or(("", Timestamp::MIN), |name| (name, Timestamp::MAX));
        let from = (id.clone(), priority, name.to_owned(), time, first_id());
        let key = self.keys(DUE, from..).next().transpose()?;
        Ok(key.filter(|(of, at, ..)| of == id && *at == priority).map(
            |(_, _, caller, time, message)| First {
                caller,
                time,
                message,
            },
        ))
    }

    /// The longest due message of a caller that has not expired.
    fn head(
        &self,
        now: Timestamp,
        id: &ServiceId,
        priority: Priority,
        first: &First,
    ) -> Result<Option<(Timestamp, Message)>> {
        if first.time > now {
            return Ok(None);
        }
        let message = self.require_message(&first.message)?;
        if message.expire_time > now {
            return Ok(Some((first.time, message)));
        }
        let of = (id.clone(), priority, first.caller.clone());
        for key in self.keys_under(DUE, &of) {
            let (.., time, message) = key?;
            if time > now {
                break;
            }
            let message = self.require_message(&message)?;
            if message.expire_time > now {
                return Ok(Some((time, message)));
            }
        }
        Ok(None)
    }

    /// What is due in a service by now, at most `limit`, in no order of its own.
    pub fn due_of(&self, id: &ServiceId, now: Timestamp, limit: usize) -> Result<Vec<MessageId>> {
        let mut due = Vec::new();
        for priority in Priority::ALL {
            let mut last = None;
            while due.len() < limit
                && let Some(First { caller, .. }) =
                    self.caller_behind(id, priority, last.as_deref())?
            {
                let left = limit - due.len();
                let of = (id.clone(), priority, caller.clone());
                for key in self.keys_under(DUE, &of).take(left) {
                    let (.., time, message) = key?;
                    if time > now {
                        break;
                    }
                    due.push(message);
                }
                last = Some(caller);
            }
        }
        Ok(due)
    }

    /// When the next message of a service becomes due, after `now`.
    pub fn next_due_of(&self, id: &ServiceId, now: Timestamp) -> Result<Option<Timestamp>> {
        let from = (id.clone(), just_after(now), first_id());
        let key = self.keys(LATER, from..).next().transpose()?;
        Ok(key.filter(|(of, ..)| of == id).map(|(_, time, _)| time))
    }

    /// When the last message of a service becomes due that was not due at once.
    pub fn last_due_of(&self, id: &ServiceId) -> Result<Option<Timestamp>> {
        let all =
            (id.clone(), Timestamp::MIN, first_id())..(id.clone(), Timestamp::MAX, first_id());
        let row = self.rows(LATER, all, Order::Descending).next();
        Ok(row.transpose()?.map(|((_, time, _), ())| time))
    }
}
