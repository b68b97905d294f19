//! What makes a service able to send: its row and its mailbox's pause. Every change of either is
//! reported, and releases held mail where it makes a service READY.

use std::collections::BTreeSet;

use super::base::Base;
use super::claims::MOVED_AT_ONCE;
use super::progress::Report;
use super::state::{State, corrupt};
use super::tables::{
    ATTEMPTS, HELD, MAILBOXES, MESSAGES, PAUSES, SERVICES, TENANT_PAUSES, TENANTS, TRAFFIC,
};
use crate::model::event::{Change, ServiceChange};
use crate::model::message::FullMessage;
use crate::model::service::{LastTest, Pause, Service, ServiceState};
use crate::model::state::Event;
use crate::model::verdict::PauseScope;
use crate::model::{MailboxKey, ServiceId, Timestamp};
use crate::store::{Result, ServiceRow, StoreError};

impl<B: Base> State<B> {
    pub fn pause_mailbox(
        &mut self,
        now: Timestamp,
        mailbox: &MailboxKey,
        mut pause: Pause,
    ) -> Result<()> {
        if let Some(standing) = self.kept_pause(mailbox, pause.scope)?
            && standing.end_time.is_none()
        {
            pause.since = standing.since;
        }
        self.edit(now, None, Some((mailbox, Some(pause))))
    }

    /// What keeps a mailbox from sending: a pause of its own, or of its tenant.
    pub fn pause_of(&self, mailbox: &MailboxKey) -> Result<Option<Pause>> {
        for scope in [PauseScope::Mailbox, PauseScope::Tenant] {
            let stands = |pause: &Pause| pause.end_time.is_none();
            if let Some(pause) = self.kept_pause(mailbox, scope)?.filter(stands) {
                return Ok(Some(pause));
            }
        }
        Ok(None)
    }

    /// The pause of this scope, also one that has ended. A mailbox without a tenant is its own.
    pub fn kept_pause(&self, mailbox: &MailboxKey, scope: PauseScope) -> Result<Option<Pause>> {
        if scope == PauseScope::Tenant
            && let Some(tenant) = mailbox.tenant()
        {
            return self.get(TENANT_PAUSES, &tenant);
        }
        self.get(PAUSES, mailbox)
    }

    pub fn record_test(
        &mut self,
        now: Timestamp,
        id: &ServiceId,
        test: LastTest,
        message: Option<FullMessage>,
    ) -> Result<ServiceRow> {
        let mut service = self.require_service(id)?.service;
        if let Some(full) = message {
            self.keep_ended(now, full)?;
        }
        let mailbox = service.mailbox();
        let pause = test.passed.then_some((&mailbox, None));
        service.tested |= test.passed;
        service.last_test = Some(test);
        self.edit(now, Some(touched(service, now)), pause)?;
        self.require_service(id)
    }

    /// Writes a service, or what keeps its mailbox from sending, or both; reports every service
    /// that looks different then, once, and releases the mail of those that became READY. A pause
    /// of none forgets the mailbox's and its tenant's.
    pub fn edit(
        &mut self,
        now: Timestamp,
        service: Option<Service>,
        pause: Option<(&MailboxKey, Option<Pause>)>,
    ) -> Result<()> {
        let mut ids: BTreeSet<ServiceId> = service.iter().map(|s| s.id.clone()).collect();
        if let Some((mailbox, pause)) = &pause {
            ids.extend(self.concerned(mailbox, pause.as_ref())?);
        }
        let before = ids
            .into_iter()
            .map(|id| Ok((self.service(&id)?, id)))
            .collect::<Result<Vec<_>>>()?;
        if let Some((mailbox, pause)) = pause {
            self.put_pause(mailbox, pause)?;
        }
        if let Some(service) = service {
            self.plan_notice(now, &service)?;
            self.put_service(&service)?;
        }
        for (old, id) in before {
            self.report_service(now, old, &id)?;
        }
        Ok(())
    }

    /// The services that a change of pause can concern.
    fn concerned(
        &self,
        mailbox: &MailboxKey,
        pause: Option<&Pause>,
    ) -> Result<BTreeSet<ServiceId>> {
        let mut ids = self.services_on(mailbox)?;
        let scope = pause.map_or(PauseScope::Tenant, |pause| pause.scope);
        let ends = pause.is_none();
        if scope == PauseScope::Tenant
            && let Some(tenant) = mailbox.tenant()
            && (!ends || self.has(TENANT_PAUSES, &tenant)?)
        {
            for key in self.keys_under(TENANTS, &tenant) {
                ids.extend(self.services_on(&key?.1)?);
            }
        }
        Ok(ids)
    }

    fn put_pause(&mut self, mailbox: &MailboxKey, pause: Option<Pause>) -> Result<()> {
        let tenant = mailbox.tenant();
        match (pause, tenant) {
            (Some(pause), Some(tenant)) if pause.scope == PauseScope::Tenant => {
                self.put(TENANT_PAUSES, &tenant, &pause);
            }
            (Some(pause), _) => self.put(PAUSES, mailbox, &pause),
            (None, tenant) => {
                self.remove(PAUSES, mailbox)?;
                if let Some(tenant) = tenant {
                    self.remove(TENANT_PAUSES, &tenant)?;
                }
            }
        }
        Ok(())
    }

    /// Writes a service's row without a report.
    pub fn put_service(&mut self, service: &Service) -> Result<()> {
        let (id, mailbox) = (service.id.clone(), service.mailbox());
        let old: Option<Service> = self.get(SERVICES, &id)?;
        let old = old.map(|old| old.mailbox()).filter(|old| *old != mailbox);
        let queued = match old {
            Some(_) => self.due_of(&id, Timestamp::MAX, usize::MAX)?,
            None => Vec::new(),
        };
        for message in &queued {
            self.count_queued(&self.require_message(message)?, false)?;
        }
        self.put(SERVICES, &id, service);
        if let Some(old) = old {
            self.leave_mailbox(&old, &id)?;
        }
        let mut ids = self.services_on(&mailbox)?;
        if ids.insert(id) {
            self.put(MAILBOXES, &mailbox, &ids);
            if let Some(tenant) = mailbox.tenant() {
                self.put(TENANTS, &(tenant, mailbox), &());
            }
        }
        for message in &queued {
            self.count_queued(&self.require_message(message)?, true)?;
        }
        Ok(())
    }

    /// The services that send through a mailbox.
    pub fn services_on(&self, mailbox: &MailboxKey) -> Result<BTreeSet<ServiceId>> {
        Ok(self.get(MAILBOXES, mailbox)?.unwrap_or_default())
    }

    fn report_service(
        &mut self,
        now: Timestamp,
        old: Option<ServiceRow>,
        id: &ServiceId,
    ) -> Result<()> {
        let new = self.require_service(id)?;
        if old.as_ref() == Some(&new) {
            return Ok(());
        }
        // Others on the mailbox may have waited for this one's limits.
        self.wake_if_pending(&new.service.mailbox(), now)?;
        let (state, previous) = (new.state(), old.map(|old| old.state()));
        let change = ServiceChange {
            service: new.service,
            pause: new.pause,
            previous_state: previous,
            deleted: false,
        };
        self.emit(now, Change::Service(Box::new(change)))?;
        if state == ServiceState::Ready && previous != Some(ServiceState::Ready) {
            self.release(now, id, MOVED_AT_ONCE)?;
        }
        Ok(())
    }

    /// HELD becomes QUEUED, due at once unless its send time is to come, at most `limit`; how many.
    /// What is left follows when the mailbox is looked at.
    pub fn release(&mut self, now: Timestamp, id: &ServiceId, limit: usize) -> Result<usize> {
        let held = self.keys_under(HELD, id).take(limit);
        let held = held.collect::<Result<Vec<_>>>()?;
        for (.., message) in &held {
            let mut message = self.require_message(message)?;
            message.next_attempt_time = now.max(message.send_time);
            self.advance(now, message, Event::Release, Report::default())?;
        }
        Ok(held.len())
    }

    /// A pause that no service is left to probe goes.
    pub fn leave_mailbox(&mut self, mailbox: &MailboxKey, id: &ServiceId) -> Result<()> {
        let mut ids = self.services_on(mailbox)?;
        ids.remove(id);
        if ids.is_empty() {
            self.remove(MAILBOXES, mailbox)?;
            self.remove(PAUSES, mailbox)?;
            if self.has(TRAFFIC, mailbox)? {
                self.wake_at(mailbox, Some(Timestamp::MIN))?;
            }
            if let Some(tenant) = mailbox.tenant() {
                self.remove(TENANTS, &(tenant.clone(), mailbox.clone()))?;
                if self.keys_under(TENANTS, &tenant).next().is_none() {
                    self.remove(TENANT_PAUSES, &tenant)?;
                }
            }
        } else {
            self.wake_if_pending(mailbox, Timestamp::MIN)?;
            self.put(MAILBOXES, &mailbox.clone(), &ids);
        }
        Ok(())
    }

    fn keep_ended(&mut self, now: Timestamp, full: FullMessage) -> Result<()> {
        let message = full.message;
        if self.has(MESSAGES, &message.id)? {
            return Err(StoreError::Exists);
        }
        if !message.state.has_ended() || message.end_time.is_none() {
            return Err(corrupt(format!("test {:?} has not ended", message.id)));
        }
        for (number, attempt) in (1..).zip(&full.attempts) {
            self.put(ATTEMPTS, &(message.id.clone(), number), attempt);
        }
        let report = Report {
            attempt: (1..).zip(full.attempts).last(),
            recipients: (0..).zip(full.recipients).collect(),
            ..Report::default()
        };
        self.report(now, message, None, report)?;
        Ok(())
    }
}

/// A service that we changed ourselves.
pub(super) fn touched(service: Service, now: Timestamp) -> Service {
    Service {
        revision: service.revision + 1,
        update_time: now,
        ..service
    }
}
