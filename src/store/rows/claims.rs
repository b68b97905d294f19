//! Giving out what is due: hold what can't be sent, probe what is paused, claim what may go.

use std::collections::BTreeMap;
use std::time::Duration;

use super::base::{Base, Order};
use super::progress::Report;
use super::state::{State, corrupt};
use super::tables::{ATTEMPTS, CLAIMS, ClaimRow, DUE, HELD, MESSAGES, PAUSES, PENDING};
use crate::model::message::{Attempt, Claim, Message, Outcome, Priority};
use crate::model::schedule::probe_interval;
use crate::model::service::ServiceState;
use crate::model::state::{Event, MessageState};
use crate::model::{MailboxKey, MessageId, Phase, ServiceId, Timestamp};
use crate::store::{Claimed, Result, StoreError};

const PRIORITIES: [Priority; 3] = [Priority::High, Priority::Normal, Priority::Bulk];

/// A message that may be claimed, in the order in which it goes.
type Candidate = (Priority, Timestamp, MessageId, MailboxKey);

impl<B: Base> State<B> {
    pub fn claim_due(&mut self, now: Timestamp, limit: usize) -> Result<Vec<Claimed>> {
        let ready = self.hold_due(now)?;
        let mut claimed = Vec::new();
        for (time, mailbox, id) in self.probes(now)? {
            if time <= now && claimed.len() < limit {
                claimed.push(self.probe(now, &mailbox, &id)?);
            }
        }
        let claims = self.claims_by_mailbox()?;
        let mut rooms = BTreeMap::new();
        let mut candidates = Vec::new();
        for id in ready {
            self.gather(now, &id, limit, &claims, &mut rooms, &mut candidates)?;
        }
        candidates.sort();
        for (.., id, mailbox) in candidates {
            let room = rooms.entry(mailbox).or_default();
            if claimed.len() < limit && *room > 0 {
                *room -= 1;
                let message = self.require_message(&id)?;
                claimed.push(self.claim(now, message, false)?);
            }
        }
        Ok(claimed)
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

    /// The message that each paused mailbox without a claim would probe with, and when it could:
    /// the longest held one whose service lacks nothing else.
    pub fn probes(&self, now: Timestamp) -> Result<Vec<(Timestamp, MailboxKey, MessageId)>> {
        let mut probes = Vec::new();
        let claims = self.claims_by_mailbox()?;
        for entry in self.rows(PAUSES, .., Order::Ascending) {
            let (mailbox, pause) = entry?;
            if !claims.contains_key(&mailbox)
                && let Some((since, id)) = self.longest_held(&mailbox, now)?
            {
                probes.push((since.max(pause.probe_time), mailbox, id));
            }
        }
        Ok(probes)
    }

    fn longest_held(
        &self,
        mailbox: &MailboxKey,
        now: Timestamp,
    ) -> Result<Option<(Timestamp, MessageId)>> {
        let mut longest = None;
        for id in self.services_on(mailbox)? {
            if self.require_service(&id)?.service.state(None) != ServiceState::Ready {
                continue;
            }
            for key in self.keys_under(HELD, &id) {
                let (_, since, message) = key?;
                if self.require_message(&message)?.expire_time > now {
                    longest = longest.into_iter().chain([(since, message)]).min();
                    break;
                }
            }
        }
        Ok(longest)
    }

    /// Holds what is due in services that can't send; returns those that can.
    fn hold_due(&mut self, now: Timestamp) -> Result<Vec<ServiceId>> {
        let mut ready = Vec::new();
        let ids = self.keys(PENDING, ..).collect::<Result<Vec<_>>>()?;
        for id in ids {
            let row = self
                .service(&id)?
                .ok_or_else(|| corrupt(format!("unfinished mail of no service {id:?}")))?;
            if row.state() == ServiceState::Ready {
                ready.push(id);
                continue;
            }
            for (_, _, message) in self.due_of(&id, now).collect::<Result<Vec<_>>>()? {
                let mut message = self.require_message(&message)?;
                message.next_attempt_time = now;
                message.problem = row.problem().or(message.problem);
                self.advance(now, message, Event::Hold, Report::default())?;
            }
        }
        Ok(ready)
    }

    fn probe(&mut self, now: Timestamp, mailbox: &MailboxKey, id: &MessageId) -> Result<Claimed> {
        let mut pause = self
            .get(PAUSES, mailbox)?
            .ok_or_else(|| corrupt(format!("mailbox {mailbox:?} lacks its pause")))?;
        // A probe that never comes back must not be followed by another at once.
        pause.probe_time = now + probe_interval(pause.probes);
        self.edit(now, None, Some((mailbox, Some(pause))))?;
        let mut message = self.require_message(id)?;
        message.next_attempt_time = now;
        let message = self.advance(now, message, Event::Release, Report::default())?;
        self.claim(now, message, true)
    }

    /// Adds what is due in a service, no more than its mailbox has room for.
    fn gather(
        &self,
        now: Timestamp,
        id: &ServiceId,
        limit: usize,
        claims: &BTreeMap<MailboxKey, usize>,
        rooms: &mut BTreeMap<MailboxKey, usize>,
        candidates: &mut Vec<Candidate>,
    ) -> Result<()> {
        let mailbox = self.require_service(id)?.service.mailbox();
        let room = match rooms.get(&mailbox) {
            Some(room) => *room,
            None => {
                let taken = claims.get(&mailbox).copied().unwrap_or(0);
                let most = self.most_connections_of(&mailbox)? as usize;
                most.saturating_sub(taken)
            }
        };
        rooms.insert(mailbox.clone(), room);
        let mut found = 0;
        for due in self.due_of(id, now) {
            let (priority, time, message) = due?;
            if found == room.min(limit) {
                break;
            }
            if self.require_message(&message)?.expire_time > now {
                candidates.push((priority, time, message, mailbox.clone()));
                found += 1;
            }
        }
        Ok(())
    }

    fn claim(&mut self, now: Timestamp, mut message: Message, probe: bool) -> Result<Claimed> {
        let row = self.require_service(&message.service_id)?;
        let at_most = row.service.config.limits().recipients_per_message.max(1);
        let recipients: Vec<u32> = (0..)
            .zip(self.recipients_of(&message.id)?)
            .filter(|(_, recipient)| recipient.outcome == Outcome::Pending)
            .map(|(index, _)| index)
            .take(at_most as usize)
            .collect();
        message.attempts += 1;
        let claim = Claim {
            message_id: message.id.clone(),
            service_id: message.service_id.clone(),
            mailbox: row.service.mailbox(),
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
            recipients: Vec::new(),
            attempt: Some((claim.attempt, attempt)),
        };
        let message = self.advance(now, message, Event::Claim, report)?;
        let held = ClaimRow {
            mailbox: claim.mailbox.clone(),
            probe,
        };
        self.put(CLAIMS, &message.id, &held);
        Ok(Claimed {
            max_connections: self.most_connections_of(&claim.mailbox)?,
            claim,
            message: self.full(message)?,
            service: row.service,
            pause: row.pause,
        })
    }

    /// What is due in a service, high priority first, then the longest due.
    fn due_of(
        &self,
        id: &ServiceId,
        now: Timestamp,
    ) -> impl Iterator<Item = Result<(Priority, Timestamp, MessageId)>> {
        PRIORITIES.into_iter().flat_map(move |priority| {
            self.keys_under(DUE, &(id.clone(), priority))
                .take_while(move |key| key.as_ref().map_or(true, |(_, _, time, _)| *time <= now))
                .map(|key| key.map(|(_, at, time, message)| (at, time, message)))
        })
    }

    /// When the next message of a service becomes due, after `now`.
    pub fn next_due_of(&self, id: &ServiceId, now: Timestamp) -> Result<Option<Timestamp>> {
        let mut next = None;
        for priority in PRIORITIES {
            let from = (id.clone(), priority, just_after(now), first_id());
            if let Some(key) = self.keys(DUE, from..).next() {
                let (of, at, time, _) = key?;
                if of == *id && at == priority {
                    next = next.into_iter().chain([time]).min();
                }
            }
        }
        Ok(next)
    }

    /// How many connections, and so claims, a mailbox may have at once: the strictest of its services
    /// counts.
    fn most_connections_of(&self, mailbox: &MailboxKey) -> Result<u32> {
        let mut most = u32::MAX;
        for id in self.services_on(mailbox)? {
            let service = self.require_service(&id)?.service;
            most = most.min(service.config.limits().max_connections.max(1));
        }
        Ok(most)
    }

    /// The claims that have not ended, counted by mailbox.
    fn claims_by_mailbox(&self) -> Result<BTreeMap<MailboxKey, usize>> {
        let mut counts = BTreeMap::new();
        for entry in self.rows(CLAIMS, .., Order::Ascending) {
            *counts.entry(entry?.1.mailbox).or_default() += 1;
        }
        Ok(counts)
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
