//! Which message of a mailbox goes next: by priority, by the caller's share, by time.

use std::collections::BTreeSet;

use super::base::Base;
use super::claims::first_id;
use super::state::State;
use super::tables::{DUE, SHARES, Traffic};
use crate::model::message::{Message, Priority};
use crate::model::schedule::turn_of;
use crate::model::{MailboxKey, MessageId, ServiceId, Timestamp};
use crate::store::Result;

/// What one caller would send next.
struct Head {
    share: u64,
    time: Timestamp,
    message: Message,
}

impl<B: Base> State<B> {
    /// The message that goes next of those that are due in these services of a mailbox.
    ///
    /// The priority whose turn it is goes first. Within it goes the caller who has had the least
    /// since it began to want some (start-time fair queuing), and of that caller the longest due.
    pub(super) fn choose(
        &self,
        now: Timestamp,
        mailbox: &MailboxKey,
        traffic: &Traffic,
        services: &[ServiceId],
    ) -> Result<Option<Message>> {
        for priority in turn_of(traffic.turn) {
            let mut heads = Vec::new();
            for id in services {
                for caller in self.callers(id, priority)? {
                    if let Some((time, message)) = self.head(now, id, priority, &caller)? {
                        let key = (mailbox.clone(), caller);
                        let share = self.get(SHARES, &key)?.unwrap_or(0).max(traffic.share);
                        heads.push(Head {
                            share,
                            time,
                            message,
                        });
                    }
                }
            }
            let first = heads.into_iter().min_by(|a, b| {
                (a.share, a.time, &a.message.id).cmp(&(b.share, b.time, &b.message.id))
            });
            if let Some(head) = first {
                return Ok(Some(head.message));
            }
        }
        Ok(None)
    }

    /// Counts a message that goes towards its caller's share. While one caller is alone, nothing is
    /// counted.
    pub(super) fn count_share(
        &mut self,
        mailbox: &MailboxKey,
        traffic: &mut Traffic,
        message: &Message,
        services: &[ServiceId],
    ) -> Result<()> {
        traffic.turn = traffic.turn.wrapping_add(1);
        let mut callers = BTreeSet::new();
        for id in services {
            callers.extend(self.callers(id, message.priority)?);
        }
        if callers.len() > 1 {
            let key = (mailbox.clone(), message.caller().to_owned());
            let start = self.get(SHARES, &key)?.unwrap_or(0).max(traffic.share);
            traffic.share = start;
            self.put(SHARES, &key, &(start + 1));
        } else if traffic.share > 0 {
            traffic.share = 0;
            let keys: Vec<_> = self.keys_under(SHARES, mailbox).collect::<Result<_>>()?;
            for key in keys {
                self.remove(SHARES, &key)?;
            }
        }
        Ok(())
    }

    /// Whoever has messages queued in a service with this priority.
    pub fn callers(&self, id: &ServiceId, priority: Priority) -> Result<Vec<String>> {
        let mut callers: Vec<String> = Vec::new();
        loop {
            let from = match callers.last() {
                // No message is due at the end of time.
                Some(last) => (
                    id.clone(),
                    priority,
                    last.clone(),
                    Timestamp::MAX,
                    first_id(),
                ),
                None => (
                    id.clone(),
                    priority,
                    String::new(),
                    Timestamp::MIN,
                    first_id(),
                ),
            };
            match self.keys(DUE, from..).next().transpose()? {
                Some((of, at, caller, ..)) if of == *id && at == priority => callers.push(caller),
                _ => return Ok(callers),
            }
        }
    }

    /// The longest due message of a caller that has not expired.
    fn head(
        &self,
        now: Timestamp,
        id: &ServiceId,
        priority: Priority,
        caller: &str,
    ) -> Result<Option<(Timestamp, Message)>> {
        let of = (id.clone(), priority, caller.to_owned());
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

    /// What is due in a service by now, in no order of its own.
    pub fn due_of(&self, id: &ServiceId, now: Timestamp) -> Result<Vec<MessageId>> {
        let mut due = Vec::new();
        for priority in Priority::ALL {
            for caller in self.callers(id, priority)? {
                for key in self.keys_under(DUE, &(id.clone(), priority, caller)) {
                    let (.., time, message) = key?;
                    if time > now {
                        break;
                    }
                    due.push(message);
                }
            }
        }
        Ok(due)
    }

    /// When the next message of a service becomes due, after `now`.
    pub fn next_due_of(&self, id: &ServiceId, now: Timestamp) -> Result<Option<Timestamp>> {
        let mut next: Option<Timestamp> = None;
        for priority in Priority::ALL {
            for caller in self.callers(id, priority)? {
                let of = (id.clone(), priority, caller.clone());
                let from = (of.0, of.1, of.2, super::claims::just_after(now), first_id());
                if let Some((of, at, whose, time, _)) = self.keys(DUE, from..).next().transpose()?
                    && (&of, at, &whose) == (id, priority, &caller)
                {
                    next = next.into_iter().chain([time]).min();
                }
            }
        }
        Ok(next)
    }
}
