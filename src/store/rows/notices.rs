//! Notices: services that can send, and tell when that will end. Each service has at most one row,
//! at the next time of which nothing was told yet; telling moves it on in the same commit.

use super::base::Base;
use super::state::State;
use super::tables::{NOTICES, SERVICES};
use crate::model::event::{Change, ServiceChange};
use crate::model::problem::notices;
use crate::model::service::Service;
use crate::model::{ServiceId, Timestamp};
use crate::store::Result;

impl<B: Base> State<B> {
    pub fn give_notice(&mut self, now: Timestamp, limit: usize) -> Result<usize> {
        let due = self
            .keys(NOTICES, ..)
            .take_while(|key| key.as_ref().map_or(true, |(time, _)| *time <= now))
            .take(limit)
            .collect::<Result<Vec<(Timestamp, ServiceId)>>>()?;
        for key in &due {
            self.remove(NOTICES, key)?;
            let row = self.require_service(&key.1)?;
            self.list_notice(now, &row.service);
            if row.forecast(now).is_some() {
                let change = ServiceChange {
                    previous_state: Some(row.state()),
                    service: row.service,
                    pause: row.pause,
                    deleted: false,
                };
                self.emit(now, Change::Service(Box::new(change)))?;
            }
        }
        Ok(due.len())
    }

    /// For a service that is about to be written: what it shows from now on needs no notice.
    pub(super) fn plan_notice(&mut self, now: Timestamp, service: &Service) -> Result<()> {
        let old: Option<Service> = self.get(SERVICES, &service.id)?;
        if old.iter().flat_map(notices).eq(notices(service)) {
            return Ok(());
        }
        if let Some(old) = old {
            self.forget_notice(&old)?;
        }
        self.list_notice(now, service);
        Ok(())
    }

    pub(super) fn forget_notice(&mut self, service: &Service) -> Result<()> {
        for time in notices(service) {
            self.remove(NOTICES, &(time, service.id.clone()))?;
        }
        Ok(())
    }

    fn list_notice(&mut self, now: Timestamp, service: &Service) {
        if let Some(time) = notices(service).find(|time| *time > now) {
            self.put(NOTICES, &(time, service.id.clone()), &());
        }
    }
}
