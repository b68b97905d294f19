//! The outbox: what has been accepted and has not ended, counted as it changes, and bounded where
//! it grows.
//!
//! Counts are kept by service, so that they go along when a service moves to another mailbox, and
//! in all. Without a row, nothing waits.

use super::base::Base;
use super::state::State;
use super::tables::{KEPT, OUTBOX, PENDING, UNCERTAIN, WAITING};
use crate::model::message::Message;
use crate::model::state::MessageState;
use crate::model::{MailboxKey, ServiceId};
use crate::store::{Full, Load, OutboxBounds, Result, StoreError};

impl<B: Base> State<B> {
    /// Refuses a message of `bytes` that its mailbox, or the outbox, has no room for.
    pub(super) fn require_room(
        &self,
        mailbox: &MailboxKey,
        bytes: u64,
        bounds: &OutboxBounds,
    ) -> Result<()> {
        let all = self.get(OUTBOX, &())?.unwrap_or_default();
        // A mailbox has no more than all of them have: most of the time nobody needs to add up.
        if !bounds.mailbox.have_room(all, bytes) {
            let load = self.load_of(mailbox)?;
            if !bounds.mailbox.have_room(load, bytes) {
                return Err(StoreError::Full(Full {
                    mailbox: Some(mailbox.clone()),
                    load,
                    most: bounds.mailbox,
                }));
            }
        }
        if !bounds.all.have_room(all, bytes) {
            return Err(StoreError::Full(Full {
                mailbox: None,
                load: all,
                most: bounds.all,
            }));
        }
        Ok(())
    }

    /// Counts a message that begins or ceases to wait, for its mailbox or for a person.
    pub(super) fn count(&mut self, old: Option<&Message>, new: &Message) -> Result<()> {
        self.count_uncertain(old, new)?;
        if old.is_none() {
            let kept = self.kept(&new.service_id)?;
            self.put(KEPT, &new.service_id, &(kept + 1));
        }
        let waited = old.is_some_and(|old| old.end_time.is_none());
        let waits = new.end_time.is_none();
        if waited == waits {
            return Ok(());
        }
        let id = &new.service_id;
        let load = self.load_of_service(id)?.changed(waits, new.size_bytes);
        match load.messages {
            0 => self.remove(PENDING, id)?,
            _ => self.put(PENDING, id, &load),
        }
        let place = (id.clone(), new.send_time, new.id.clone());
        match waits {
            true => self.enter(old.is_none(), WAITING, &place, &()),
            false => self.remove(WAITING, &place)?,
        }
        let all = self.get(OUTBOX, &())?.unwrap_or_default();
        match all.changed(waits, new.size_bytes) {
            Load { messages: 0, .. } => self.remove(OUTBOX, &()),
            all => {
                self.put(OUTBOX, &(), &all);
                Ok(())
            }
        }
    }

    /// How many messages of a service are kept, also of one that is deleted.
    pub(super) fn kept(&self, id: &ServiceId) -> Result<u64> {
        Ok(self.get(KEPT, id)?.unwrap_or_default())
    }

    /// Counts a message that is kept no longer.
    pub(super) fn count_forgotten(&mut self, id: &ServiceId) -> Result<()> {
        match self.kept(id)?.saturating_sub(1) {
            0 => self.remove(KEPT, id),
            kept => {
                self.put(KEPT, id, &kept);
                Ok(())
            }
        }
    }

    fn count_uncertain(&mut self, old: Option<&Message>, new: &Message) -> Result<()> {
        let was = old.is_some_and(|old| old.state == MessageState::Uncertain);
        let count = match (was, new.state == MessageState::Uncertain) {
            (false, true) => self.uncertain()? + 1,
            (true, false) => self.uncertain()?.saturating_sub(1),
            _ => return Ok(()),
        };
        self.put(UNCERTAIN, &(), &count);
        Ok(())
    }

    /// How many messages wait for a person's word.
    pub(super) fn uncertain(&self) -> Result<u64> {
        Ok(self.get(UNCERTAIN, &())?.unwrap_or_default())
    }

    fn load_of(&self, mailbox: &MailboxKey) -> Result<Load> {
        let mut sum = Load::default();
        for id in self.services_on(mailbox)? {
            let load = self.load_of_service(&id)?;
            sum.messages += load.messages;
            sum.bytes += load.bytes;
        }
        Ok(sum)
    }

    /// What waits in a service.
    pub(super) fn load_of_service(&self, id: &ServiceId) -> Result<Load> {
        Ok(self.get(PENDING, id)?.unwrap_or_default())
    }
}

impl Load {
    /// With one message more, or one less.
    fn changed(self, more: bool, bytes: u64) -> Self {
        let change = |count: u64, by: u64| match more {
            true => count.saturating_add(by),
            false => count.saturating_sub(by),
        };
        Self {
            messages: change(self.messages, 1),
            bytes: change(self.bytes, bytes),
        }
    }

    /// Whether this bounds what `load` is with one message more.
    fn have_room(self, load: Self, bytes: u64) -> bool {
        let load = load.changed(true, bytes);
        load.messages <= self.messages && load.bytes <= self.bytes
    }
}
