//! What is told of the store as a whole. Counts are rows that are kept as they change; of services
//! a page is read at a time, each by a few rows, however much waits in it.

use std::ops::Bound;

use super::base::{Base, Order};
use super::state::State;
use super::tables::{OUTBOX, SERVICES, WAITING};
use crate::model::ServiceId;
use crate::store::{Counted, Result, Totals};

impl<B: Base> State<B> {
    pub fn totals(&self) -> Result<Totals> {
        Ok(Totals {
            waiting: self.get(OUTBOX, &())?.unwrap_or_default(),
            uncertain: self.uncertain()?,
        })
    }

    pub fn count_services(&self, after: Option<&ServiceId>, limit: usize) -> Result<Vec<Counted>> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let range = (start.cloned(), Bound::Unbounded);
        let services = self.rows(SERVICES, range, Order::Ascending).take(limit);
        let counted = services.map(|entry| {
            let (id, service) = entry?;
            let pause = self.pause_of(&service.mailbox())?;
            let waiting = self.load_of_service(&id)?;
            let oldest = match waiting.messages {
                0 => None,
                _ => self.keys_under(WAITING, &id).next().transpose()?,
            };
            let oauth2 = service.config.oauth2();
            Ok(Counted {
                state: service.state(pause.as_ref()),
                secret_expire_time: oauth2.and_then(|oauth2| oauth2.client_secret_expire_time),
                waiting_since: oldest.map(|(_, time, _)| time),
                waiting,
                id,
            })
        });
        counted.collect()
    }
}
