//! The vault's keys, and what they sealed: which values are taken, and their replacement by the same
//! values under another key.

use std::ops::Bound;

use super::base::{Base, Order};
use super::state::State;
use super::tables::{AUTHORIZATIONS, MESSAGES, SECRETS, TOKENS, VAULT_KEYS};
use crate::store::sealing::{Place, Reseal, VaultKeys};
use crate::store::{Result, Sealed, StoreError};

impl<B: Base> State<B> {
    pub fn vault_keys(&self) -> Result<Option<VaultKeys>> {
        self.get(VAULT_KEYS, &())
    }

    pub fn put_vault_keys(&mut self, keys: &VaultKeys) -> Result<()> {
        self.put(VAULT_KEYS, &(), keys);
        Ok(())
    }

    /// `KeyRetired` where the key that sealed a value is not one of those that may. A store that
    /// was told of no keys takes all.
    pub fn admit<'a>(&self, sealed: impl IntoIterator<Item = &'a Sealed>) -> Result<()> {
        let Some(keys) = self.vault_keys()? else {
            return Ok(());
        };
        match sealed.into_iter().all(|sealed| keys.admit(sealed)) {
            true => Ok(()),
            false => Err(StoreError::KeyRetired),
        }
    }

    /// Sealed values in the order of their places, behind `after`, at most `limit`.
    pub fn sealed_after(
        &self,
        after: Option<&Place>,
        limit: usize,
    ) -> Result<Vec<(Place, Sealed)>> {
        let secrets = match after {
            None => Some(Bound::Unbounded),
            Some(Place::Secrets(id)) => Some(Bound::Excluded(id.clone())),
            Some(_) => None,
        };
        let tokens = match after {
            None | Some(Place::Secrets(_)) => Some(Bound::Unbounded),
            Some(Place::Token(id, _)) => Some(Bound::Excluded(id.clone())),
            Some(_) => None,
        };
        let verifiers = match after {
            Some(Place::Verifier(hash)) => Some(Bound::Excluded(*hash)),
            Some(Place::BodyKey(_)) => None,
            _ => Some(Bound::Unbounded),
        };
        let body_keys = match after {
            Some(Place::BodyKey(id)) => Bound::Excluded(id.clone()),
            _ => Bound::Unbounded,
        };
        let secrets = secrets.into_iter().flat_map(|start| {
            self.rows(SECRETS, (start, Bound::Unbounded), Order::Ascending)
                .map(|row| row.map(|(id, sealed)| (Place::Secrets(id), sealed)))
        });
        let tokens = tokens.into_iter().flat_map(|start| {
            self.rows(TOKENS, (start, Bound::Unbounded), Order::Ascending)
                .map(|row| row.map(|(id, row)| (Place::Token(id, row.generation), row.sealed)))
        });
        let verifiers = verifiers.into_iter().flat_map(|start| {
            self.rows(AUTHORIZATIONS, (start, Bound::Unbounded), Order::Ascending)
                .map(|row| row.map(|(hash, row)| (Place::Verifier(hash), row.sealed_verifier)))
        });
        let body_keys = self
            .rows(MESSAGES, (body_keys, Bound::Unbounded), Order::Ascending)
            .map(|row| row.map(|(id, row)| (Place::BodyKey(id), Sealed(row.message.body_key))));
        secrets
            .chain(tokens)
            .chain(verifiers)
            .chain(body_keys)
            .take(limit)
            .collect()
    }

    /// Replaces what still is as it was; how many that were.
    pub fn reseal(&mut self, values: Vec<Reseal>) -> Result<usize> {
        self.admit(values.iter().map(|value| &value.new))?;
        let mut replaced = 0;
        for Reseal { place, old, new } in values {
            replaced += usize::from(self.reseal_one(place, &old, new)?);
        }
        Ok(replaced)
    }

    fn reseal_one(&mut self, place: Place, old: &Sealed, new: Sealed) -> Result<bool> {
        match place {
            Place::Secrets(id) => {
                let is_old = self.get(SECRETS, &id)?.as_ref() == Some(old);
                if is_old {
                    self.put(SECRETS, &id, &new);
                }
                Ok(is_old)
            }
            Place::Token(id, _) => {
                let row = self.get(TOKENS, &id)?.filter(|row| row.sealed == *old);
                // Its generation and times are as they were, so no index changes.
                let Some(mut row) = row else {
                    return Ok(false);
                };
                row.sealed = new;
                self.put(TOKENS, &id, &row);
                Ok(true)
            }
            Place::Verifier(hash) => {
                let row = self.get(AUTHORIZATIONS, &hash)?;
                let Some(mut row) = row.filter(|row| row.sealed_verifier == *old) else {
                    return Ok(false);
                };
                row.sealed_verifier = new;
                self.put(AUTHORIZATIONS, &hash, &row);
                Ok(true)
            }
            Place::BodyKey(id) => {
                let row = self.get(MESSAGES, &id)?;
                let Some(mut row) = row.filter(|row| row.message.body_key == old.0) else {
                    return Ok(false);
                };
                row.message.body_key = new.0;
                self.put(MESSAGES, &id, &row);
                Ok(true)
            }
        }
    }
}
