//! Access keys: create, list, revoke, and when they were used. A key is no event of the feed.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use super::base::{Base, Order};
use super::state::State;
use super::tables::{ACCESS_KEYS, MESSAGES, SERVICES};
use crate::model::{AccessKey, AccessKeyId, MessageId, ServiceId, Timestamp};
use crate::store::{ACCESS_KEYS_MAX, Result, StoreError};

impl<B: Base> State<B> {
    pub fn create_access_key(&mut self, now: Timestamp, key: AccessKey) -> Result<()> {
        if self.has(ACCESS_KEYS, &key.id)? {
            return Err(StoreError::Exists);
        }
        for id in &key.rights.service_ids {
            if !self.has(SERVICES, id)? {
                return Err(StoreError::NoService(id.clone()));
            }
        }
        self.make_room_for_a_key(now)?;
        self.put(ACCESS_KEYS, &key.id, &key);
        Ok(())
    }

    pub fn access_keys(&self, after: Option<&AccessKeyId>, limit: usize) -> Result<Vec<AccessKey>> {
        let end = after.map_or(Bound::Unbounded, Bound::Excluded);
        let older = (Bound::Unbounded, end.cloned());
        self.rows(ACCESS_KEYS, older, Order::Descending)
            .map(|row| Ok(row?.1))
            .take(limit)
            .collect()
    }

    pub fn revoke_access_key(&mut self, now: Timestamp, id: &AccessKeyId) -> Result<AccessKey> {
        let key = self.get(ACCESS_KEYS, id)?;
        let mut key = key.ok_or(StoreError::NotFound)?;
        if key.revoke_time.is_some() {
            return Ok(key);
        }
        let is_admin = |key: &AccessKey| key.is_admin() && key.is_live(now);
        if is_admin(&key) {
            let keys = self.access_keys(None, usize::MAX)?;
            if !keys.iter().any(|other| other.id != *id && is_admin(other)) {
                return Err(StoreError::LastAdmin);
            }
        }
        key.revoke_time = Some(now);
        self.put(ACCESS_KEYS, id, &key);
        Ok(key)
    }

    pub fn record_key_uses(&mut self, uses: &BTreeMap<AccessKeyId, Timestamp>) -> Result<()> {
        for (id, time) in uses {
            if let Some(mut key) = self.get(ACCESS_KEYS, id)?
                && key.last_use_time.is_none_or(|last| last < *time)
            {
                key.last_use_time = Some(*time);
                self.put(ACCESS_KEYS, id, &key);
            }
        }
        Ok(())
    }

    pub fn is_message_of(&self, id: &MessageId, services: &BTreeSet<ServiceId>) -> Result<bool> {
        let row = self.get(MESSAGES, id)?;
        Ok(row.is_some_and(|row| services.contains(&row.message.service_id)))
    }

    fn make_room_for_a_key(&mut self, now: Timestamp) -> Result<()> {
        let keys = self.access_keys(None, usize::MAX)?;
        let excess = (keys.len() + 1).saturating_sub(ACCESS_KEYS_MAX);
        let mut oldest_ended = keys.iter().rev().filter(|key| !key.is_live(now));
        for _ in 0..excess {
            let key = oldest_ended.next().ok_or(StoreError::TooManyKeys)?;
            self.remove(ACCESS_KEYS, &key.id)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::access::SecretHash;
    use crate::model::{Rights, Role};

    fn key(n: usize, expire_time: Option<Timestamp>) -> AccessKey {
        let time = Timestamp::from_unix_seconds(i64::try_from(n).unwrap());
        AccessKey {
            id: AccessKeyId::generate(time, [0; 10]),
            display_name: n.to_string(),
            rights: Rights {
                roles: [Role::Sender].into(),
                service_ids: BTreeSet::new(),
            },
            secret_hash: SecretHash([0; 32]),
            create_time: time,
            expire_time,
            revoke_time: None,
            last_use_time: None,
        }
    }

    #[test]
    fn keys_that_have_ended_make_room_the_oldest_first() {
        let now = Timestamp::from_unix_seconds(1_000_000);
        let mut state = State::over(BTreeMap::<Vec<u8>, Vec<u8>>::new());
        for n in 0..ACCESS_KEYS_MAX {
            let end = [400, 500].contains(&n).then_some(now);
            let key = key(n, end);
            state.put(ACCESS_KEYS, &key.id, &key);
        }
        for gone in [400, 500] {
            let next = key(ACCESS_KEYS_MAX + gone, None);
            state.create_access_key(now, next).unwrap();
            assert!(!state.has(ACCESS_KEYS, &key(gone, None).id).unwrap());
        }
        let full = state.create_access_key(now, key(2 * ACCESS_KEYS_MAX, None));
        assert_eq!(full, Err(StoreError::TooManyKeys));
        let kept = state.access_keys(None, usize::MAX).unwrap();
        assert_eq!(kept.len(), ACCESS_KEYS_MAX);
    }
}
