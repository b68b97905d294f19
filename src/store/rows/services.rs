//! Services: create, read, replace, delete.

use std::ops::Bound;

use super::base::Base;
use super::base::Order;
use super::state::State;
use super::tables::{SECRETS, SERVICES, WAITING};
use crate::model::event::{Change, ServiceChange as Changed};
use crate::model::message::Message;
use crate::model::service::Service;
use crate::model::state::MessageState;
use crate::model::{MailboxKey, ServiceId, Timestamp};
use crate::store::{
    Result, Sealed, SecretsWrite, ServiceChange, ServiceFilter, ServiceRow, StoreError,
};

impl<B: Base> State<B> {
    pub fn create_service(
        &mut self,
        now: Timestamp,
        service: Service,
        secrets: Option<Sealed>,
    ) -> Result<()> {
        let id = service.id.clone();
        if self.has(SERVICES, &id)? || self.kept(&id)? > 0 {
            return Err(StoreError::Exists);
        }
        self.admit(&secrets)?;
        if let Some(secrets) = secrets {
            self.put(SECRETS, &id, &secrets);
        }
        self.edit(now, Some(service), None)
    }

    pub fn service(&self, id: &ServiceId) -> Result<Option<ServiceRow>> {
        let service = self.get(SERVICES, id)?;
        service.map(|service| self.service_row(service)).transpose()
    }

    pub fn list_services(
        &self,
        filter: &ServiceFilter,
        after: Option<&ServiceId>,
        limit: usize,
    ) -> Result<Vec<ServiceRow>> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.rows(
            SERVICES,
            (start.cloned(), Bound::Unbounded),
            Order::Ascending,
        )
        .map(|entry| self.service_row(entry?.1))
        .filter(|row| row.as_ref().map_or(true, |row| matches(filter, row)))
        .take(limit)
        .collect()
    }

    pub fn replace_service(&mut self, now: Timestamp, change: ServiceChange) -> Result<ServiceRow> {
        let mut service = change.service;
        let current = self.require_service(&service.id)?.service;
        if current.revision.checked_add(1) != Some(service.revision) {
            return Err(StoreError::Stale);
        }
        let id = service.id.clone();
        match change.secrets {
            SecretsWrite::Keep => {}
            SecretsWrite::Put(sealed) => {
                self.admit([&sealed])?;
                self.put(SECRETS, &id, &sealed);
            }
            SecretsWrite::Erase => self.remove(SECRETS, &id)?,
        }
        if change.forget_token {
            self.forget_token(&id)?;
            self.forget_authorizations(&id)?;
            service.failed_authorization = None;
        } else if service.authorization.is_some() {
            // A refresh may have moved its times since the caller read it, at the same revision.
            service.authorization = current.authorization;
        }
        let mailbox = service.mailbox();
        let pause = change.try_again.then_some((&mailbox, None));
        self.edit(now, Some(service), pause)?;
        if change.try_again {
            self.retry_refresh(now, &id)?;
        }
        self.require_service(&id)
    }

    pub fn delete_service(
        &mut self,
        now: Timestamp,
        id: &ServiceId,
        expected_revision: Option<u64>,
        cancel_pending: bool,
    ) -> Result<()> {
        let row = self.require_service(id)?;
        if expected_revision.is_some_and(|revision| revision != row.service.revision) {
            return Err(StoreError::Stale);
        }
        if !cancel_pending && row.pending_messages > 0 {
            return Err(StoreError::PendingMail(row.pending_messages));
        }
        if row.pending_messages > 0 {
            self.cancel_all(now, id)?;
        }
        self.remove(SECRETS, id)?;
        self.forget_token(id)?;
        self.forget_authorizations(id)?;
        self.forget_notice(&row.service)?;
        self.remove(SERVICES, id)?;
        self.leave_mailbox(&row.service.mailbox(), id)?;
        let change = Changed {
            previous_state: Some(row.state()),
            service: row.service,
            pause: row.pause,
            deleted: true,
        };
        self.emit(now, Change::Service(Box::new(change)))?;
        Ok(())
    }

    /// The mailbox that a service sends through; `NotFound` without the service.
    pub fn mailbox_of(&self, id: &ServiceId) -> Result<MailboxKey> {
        match &*self.shared(SERVICES, id)? {
            Some(service) => Ok(service.mailbox()),
            None => Err(StoreError::NotFound),
        }
    }

    /// A service with its pause, or `NotFound`.
    pub fn require_service(&self, id: &ServiceId) -> Result<ServiceRow> {
        self.service(id)?.ok_or(StoreError::NotFound)
    }

    fn service_row(&self, service: Service) -> Result<ServiceRow> {
        Ok(ServiceRow {
            pause: self.pause_of(&service.mailbox())?,
            pending_messages: self.load_of_service(&service.id)?.messages,
            token_generation: self.generation_of(&service.id)?,
            service,
        })
    }

    fn cancel_all(&mut self, now: Timestamp, id: &ServiceId) -> Result<()> {
        let messages = self
            .keys_under(WAITING, id)
            .map(|key| self.require_message(&key?.2))
            .collect::<Result<Vec<_>>>()?;
        let sending = |message: &&Message| message.state == MessageState::Sending;
        match messages.iter().filter(sending).count() {
            0 => messages
                .into_iter()
                .try_for_each(|message| self.cancel(now, message)),
            count => Err(StoreError::PendingMail(count as u64)),
        }
    }
}

fn matches(filter: &ServiceFilter, row: &ServiceRow) -> bool {
    let config = &row.service.config;
    let wanted = filter.display_name_contains.to_lowercase();
    (filter.ids.is_empty() || filter.ids.contains(&row.service.id))
        && (filter.states.is_empty() || filter.states.contains(&row.state()))
        && config.labels.include(&filter.labels)
        && config.display_name.to_lowercase().contains(&wanted)
}
