//! Authorizations under way, and tokens. What changes a token is fenced by its generation.

use super::base::{Base, Order};
use super::mailboxes::touched;
use super::state::State;
use super::tables::{
    AUTHORIZATIONS, GENERATIONS, REFRESH_FREQUENCY, REFRESHES, SECRETS, SERVICES, TOKENS,
};
use crate::model::service::{Auth, Authorization, Grant, Service};
use crate::model::{Diagnosis, ServiceId, Timestamp};
use crate::store::{NewToken, PendingAuthorization, Promotion, Result, StoreError, TokenRow};

impl<B: Base> State<B> {
    pub fn begin_authorization(&mut self, pending: PendingAuthorization) -> Result<()> {
        self.require_service(&pending.service_id)?;
        self.admit([&pending.sealed_verifier])?;
        self.forget_authorizations(&pending.service_id)?;
        self.put(AUTHORIZATIONS, &pending.state_hash, &pending);
        Ok(())
    }

    pub fn take_authorization(
        &mut self,
        now: Timestamp,
        state_hash: &[u8; 32],
    ) -> Result<Option<PendingAuthorization>> {
        let pending = self.get(AUTHORIZATIONS, state_hash)?;
        self.remove(AUTHORIZATIONS, state_hash)?;
        Ok(pending.filter(|pending| now < pending.expire_time))
    }

    pub fn fail_authorization(
        &mut self,
        now: Timestamp,
        id: &ServiceId,
        failure: Diagnosis,
    ) -> Result<()> {
        let mut service = self.require_service(id)?.service;
        service.failed_authorization = Some(Diagnosis {
            since: Some(now),
            ..failure
        });
        self.edit(now, Some(touched(service, now)), None)
    }

    /// A refresh that changes nothing but times is no news: neither revision nor event.
    pub fn save_token(&mut self, now: Timestamp, token: NewToken) -> Result<u64> {
        let id = token.service_id;
        let old = self.require_service(&id)?.service;
        if self.generation_of(&id)? != token.expected_generation {
            return Err(StoreError::Stale);
        }
        let promoted = token.promotion.iter().map(|promotion| &promotion.secrets);
        self.admit(promoted.chain([&token.sealed]))?;
        let generation = self.next_generation(&id)?;
        let row = TokenRow {
            generation,
            sealed: token.sealed,
            refresh_time: token.refresh_time,
            claimed: false,
            failures: 0,
            last_failure: None,
            frequency: token.frequency,
        };
        self.put_token(&id, &row)?;
        let is_refresh = same_but_times(&old, &token.authorization);
        let mut news = old.grant != Grant::Live || !is_refresh;
        let failed_authorization = old.failed_authorization.clone().filter(|_| is_refresh);
        let mut service = Service {
            grant: Grant::Live,
            authorization: Some(token.authorization),
            failed_authorization,
            ..old
        };
        if let Some(promotion) = token.promotion {
            news |= self.promote(&mut service, promotion)?;
        }
        let mailbox = service.mailbox();
        let pause = token.end_pause.then_some((&mailbox, None));
        if news || pause.is_some() {
            self.edit(now, Some(touched(service, now)), pause)?;
        } else {
            self.put_service(&service)?;
        }
        Ok(generation)
    }

    pub fn claim_refreshes(&mut self, now: Timestamp, limit: usize) -> Result<Vec<ServiceId>> {
        let due: Vec<ServiceId> = self
            .keys(REFRESHES, ..)
            .take_while(|key| key.as_ref().map_or(true, |(time, _)| *time <= now))
            .take(limit)
            .map(|key| Ok(key?.1))
            .collect::<Result<_>>()?;
        for id in &due {
            if let Some(mut token) = self.get(TOKENS, id)? {
                token.claimed = true;
                self.put_token(id, &token)?;
            }
        }
        Ok(due)
    }

    pub fn refresh_frequency(&self) -> Result<u64> {
        Ok(self.get(REFRESH_FREQUENCY, &())?.unwrap_or(0))
    }

    pub fn postpone_refresh(
        &mut self,
        id: &ServiceId,
        generation: u64,
        refresh_time: Timestamp,
        failure: Diagnosis,
    ) -> Result<()> {
        let mut token = self.newest_token(id, generation)?;
        token.claimed = false;
        token.failures = token.failures.saturating_add(1);
        token.last_failure = Some(failure);
        token.refresh_time = Some(refresh_time);
        self.put_token(id, &token)?;
        let service = self.require_service(id)?.service;
        self.put_service(&next_refresh(service, Some(refresh_time)))
    }

    pub fn bury_grant(
        &mut self,
        now: Timestamp,
        id: &ServiceId,
        generation: u64,
        diagnosis: Diagnosis,
    ) -> Result<()> {
        let mut token = self.newest_token(id, generation)?;
        token.claimed = false;
        token.refresh_time = None;
        self.put_token(id, &token)?;
        let mut service = next_refresh(self.require_service(id)?.service, None);
        service.grant = Grant::Dead(diagnosis);
        self.edit(now, Some(touched(service, now)), None)
    }

    pub fn forget_grant(&mut self, now: Timestamp, id: &ServiceId) -> Result<Option<TokenRow>> {
        let old = self.require_service(id)?.service;
        let token = self.get(TOKENS, id)?;
        self.forget_token(id)?;
        self.forget_authorizations(id)?;
        if old.grant != Grant::None || old.authorization.is_some() {
            let service = Service {
                grant: Grant::None,
                authorization: None,
                failed_authorization: None,
                ..old
            };
            self.edit(now, Some(touched(service, now)), None)?;
        }
        Ok(token)
    }

    /// Makes a refresh due that failed and waits.
    pub fn retry_refresh(&mut self, now: Timestamp, id: &ServiceId) -> Result<()> {
        match self.get(TOKENS, id)? {
            Some(mut token) if token.failures > 0 && !token.claimed => {
                token.failures = 0;
                token.refresh_time = token.refresh_time.map(|time| time.min(now));
                self.put_token(id, &token)
            }
            _ => Ok(()),
        }
    }

    /// Ends all refreshes under way: their process is gone.
    pub fn unclaim_refreshes(&mut self) -> Result<()> {
        let claimed = self
            .rows(TOKENS, .., Order::Ascending)
            .filter(|entry| entry.as_ref().map_or(true, |(_, token)| token.claimed))
            .collect::<Result<Vec<_>>>()?;
        for (id, mut token) in claimed {
            token.claimed = false;
            self.put_token(&id, &token)?;
        }
        Ok(())
    }

    /// Removes a token, if there is one, and ends whatever is under way to renew or replace it.
    pub fn forget_token(&mut self, id: &ServiceId) -> Result<()> {
        self.count_refreshes(id, None)?;
        self.unlist_refresh(id)?;
        self.remove(TOKENS, id)?;
        self.next_generation(id)?;
        Ok(())
    }

    /// The newest generation of a service; 0 before the first.
    pub fn generation_of(&self, id: &ServiceId) -> Result<u64> {
        Ok(self.get(GENERATIONS, id)?.unwrap_or(0))
    }

    /// Ends what was begun for a service.
    pub fn forget_authorizations(&mut self, id: &ServiceId) -> Result<()> {
        self.remove_authorizations(|pending| pending.service_id == *id)
    }

    /// Removes the authorizations for which `gone` holds.
    pub fn remove_authorizations(
        &mut self,
        gone: impl Fn(&PendingAuthorization) -> bool,
    ) -> Result<()> {
        let pending = self
            .rows(AUTHORIZATIONS, .., Order::Ascending)
            .map(|entry| Ok(entry?.1))
            .collect::<Result<Vec<_>>>()?;
        for pending in pending.iter().filter(|pending| gone(pending)) {
            self.remove(AUTHORIZATIONS, &pending.state_hash)?;
        }
        Ok(())
    }

    /// Puts the next client secret in the place of the client secret, unless an admin has set others
    /// meanwhile; whether it did. When the new one expires, nobody has said.
    fn promote(&mut self, service: &mut Service, promotion: Promotion) -> Result<bool> {
        let Auth::OAuth2(oauth2) = &mut service.config.auth else {
            return Ok(false);
        };
        if self.get(SECRETS, &service.id)? != Some(promotion.seen) {
            return Ok(false);
        }
        self.put(SECRETS, &service.id, &promotion.secrets);
        oauth2.client_secret_hint = promotion.client_secret_hint;
        oauth2.next_client_secret_hint = String::new();
        oauth2.client_secret_expire_time = None;
        Ok(true)
    }

    fn next_generation(&mut self, id: &ServiceId) -> Result<u64> {
        let generation = self.generation_of(id)? + 1;
        self.put(GENERATIONS, id, &generation);
        Ok(generation)
    }

    fn newest_token(&self, id: &ServiceId, generation: u64) -> Result<TokenRow> {
        if !self.has(SERVICES, id)? {
            return Err(StoreError::NotFound);
        }
        let token = self.get(TOKENS, id)?;
        token
            .filter(|token| token.generation == generation)
            .ok_or(StoreError::Stale)
    }

    fn put_token(&mut self, id: &ServiceId, token: &TokenRow) -> Result<()> {
        self.count_refreshes(id, Some(token))?;
        self.unlist_refresh(id)?;
        if let (Some(time), false) = (token.refresh_time, token.claimed) {
            self.put(REFRESHES, &(time, id.clone()), &());
        }
        self.put(TOKENS, id, token);
        Ok(())
    }

    /// Keeps the sum of frequencies, where `token` replaces what there is.
    fn count_refreshes(&mut self, id: &ServiceId, token: Option<&TokenRow>) -> Result<()> {
        let of = |token: &TokenRow| token.refresh_time.map_or(0, |_| token.frequency);
        let old = self.get(TOKENS, id)?.as_ref().map_or(0, of);
        let new = token.map_or(0, of);
        if old != new {
            let others = self.refresh_frequency()?.saturating_sub(old);
            self.put(REFRESH_FREQUENCY, &(), &others.saturating_add(new));
        }
        Ok(())
    }

    fn unlist_refresh(&mut self, id: &ServiceId) -> Result<()> {
        if let Some(time) = self.get(TOKENS, id)?.and_then(|token| token.refresh_time) {
            self.remove(REFRESHES, &(time, id.clone()))?;
        }
        Ok(())
    }
}

fn next_refresh(mut service: Service, time: Option<Timestamp>) -> Service {
    if let Some(authorization) = &mut service.authorization {
        authorization.next_refresh_time = time;
    }
    service
}

fn same_but_times(service: &Service, new: &Authorization) -> bool {
    service.authorization.as_ref().is_some_and(|old| {
        (&old.login, &old.scopes, old.authorize_time)
            == (&new.login, &new.scopes, new.authorize_time)
    })
}
