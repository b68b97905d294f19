//! The vault's keys: opening the vault at the start, and rotating while the server serves.
//!
//! The store knows which keys may have sealed what it holds. A key is made known there before it
//! seals anything, and forgotten only when nothing that it sealed is left: whatever instant a crash
//! picks, the source holds every key that is needed, and the next start or rotation goes on.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Core, Result, authorize, secrets, to_its_end, token};
use crate::config::Config;
use crate::env::Env;
use crate::model::catalogue::{self, Subject};
use crate::model::secret::{KeyId, Sealed};
use crate::model::{Error, Reason};
use crate::store::{Place, Reseal, Store, VaultKey, VaultKeys};
use crate::vault::{self, CannotOpen, KeyRing, Source, SourceError, Vault};

/// Values that one transaction replaces at most: mail goes on between two.
const PAGE: usize = 256;

/// What a rotation did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// The key that seals now.
    pub key_id: KeyId,
    /// Whether the server made it.
    pub made: bool,
    pub resealed: Resealed,
    /// Keys of the source that nothing in the store needs any more.
    pub unused: Vec<KeyId>,
    /// Values that do not open, so that they stay as they are; the log names them.
    pub unreadable: u64,
    /// Where the keys come from, for people.
    pub source: String,
}

/// How many values older keys had sealed, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resealed {
    pub secrets: u64,
    pub tokens: u64,
    pub authorizations: u64,
    pub messages: u64,
}

/// Reads the keys and checks that they open what is stored, before anything is written. In a new
/// store, a key file that isn't there is made.
///
/// # Errors
/// What is wrong, for a person.
pub async fn open_vault(
    store: &dyn Store,
    config: &Config,
    env: &Env,
) -> std::result::Result<Vault, String> {
    let from_store = |error| Error::from(error).to_string();
    let known = store.vault_keys().await.map_err(from_store)?;
    let source = Source::of(config);
    let ring = match source.read(env).await {
        Err(SourceError::Missing(_)) if known.is_none() => source.make(env),
        Err(error @ SourceError::Missing(_)) => {
            return Err(format!(
                "{error}, and the store holds records sealed by it: bring the file back"
            ));
        }
        read => read,
    }
    .map_err(|error| error.to_string())?;
    let known = known.unwrap_or_default();
    check(&ring, &known).map_err(|why| {
        format!(
            "{source}: it is not the key that sealed what is stored ({why}); nothing was written"
        )
    })?;
    let keys = with_first(known.clone(), &ring, env);
    if keys != known {
        store.put_vault_keys(keys).await.map_err(from_store)?;
    }
    Ok(Vault::new(ring, env.clone()))
}

/// Whether the ring holds every key that the store may need.
///
/// # Errors
/// Which one is missing, for a person.
pub fn check(ring: &KeyRing, known: &VaultKeys) -> std::result::Result<(), String> {
    for (id, key) in &known.keys {
        match vault::check_proof(ring, &key.proof) {
            Ok(()) => {}
            Err(CannotOpen::UnknownKey(_)) => {
                let held: Vec<_> = ring.ids().iter().map(KeyId::to_string).collect();
                return Err(format!(
                    "that needs key {id}, and here is {}",
                    held.join(", ")
                ));
            }
            Err(CannotOpen::Damaged) => {
                return Err(format!("the key {id} here is another one of the same id"));
            }
        }
    }
    Ok(())
}

/// Reads the source anew, and seals everything by its first key that an older one sealed. Where all
/// is sealed by the first one already, a new one is put first, if the source is a file. Safe to
/// repeat: a rotation that was cut off is gone on with.
///
/// # Errors
/// `State` where the source can't be used or lacks a key that is needed; those of the store.
pub async fn rotate(core: &Arc<Core>) -> Result<Rotated> {
    let core = core.clone();
    let seen = core.vault.ring().first().id();
    to_its_end(async move {
        let _turn = core.rotating.lock().await;
        rotate_in_turn(&core, seen).await
    })
    .await
}

/// `seen` is the key that sealed when the caller came: one that waited for another's rotation wants
/// no second new key.
async fn rotate_in_turn(core: &Core, seen: KeyId) -> Result<Rotated> {
    let source = Source::of(&core.config);
    let known = core.store.vault_keys().await?.unwrap_or_default();
    let mut ring = source
        .read(&core.env)
        .await
        .map_err(|error| unusable(&error.to_string()))?;
    check(&ring, &known).map_err(|why| unusable(&format!("{source}: {why}")))?;
    let first = ring.first().id();
    let is_done = known.keys.keys().eq([&first]);
    let made = is_done && first == seen && matches!(source, Source::File(_));
    if made {
        ring = source
            .put_first(&core.env)
            .map_err(|error| unusable(&error.to_string()))?;
    }
    let first = ring.first().id();
    tracing::info!(key = %first, made, "rotating the vault's keys");
    let mut keys = with_first(known, &ring, &core.env);
    core.store.put_vault_keys(keys.clone()).await?;
    core.vault.replace(ring.clone());
    // What others have sealed before and store only now is refused, and sealed anew by them: behind
    // this, nothing sealed by an older key appears anywhere.
    for (_, key) in keys.keys.iter_mut().filter(|(id, _)| **id != first) {
        key.closed = true;
    }
    core.store.put_vault_keys(keys.clone()).await?;
    let (resealed, unreadable, stuck) = reseal_all(core, first).await?;
    keys.keys.retain(|id, _| *id == first || stuck.contains(id));
    core.store.put_vault_keys(keys.clone()).await?;
    let mut unused = ring.ids();
    unused.retain(|id| !keys.keys.contains_key(id));
    tracing::info!(key = %first, ?resealed, unreadable, ?unused, "the vault's keys are rotated");
    Ok(Rotated {
        key_id: first,
        made,
        resealed,
        unused,
        unreadable,
        source: source.to_string(),
    })
}

/// Seals everything by the first key; what it did, how many values don't open, and whose they are.
async fn reseal_all(core: &Core, first: KeyId) -> Result<(Resealed, u64, BTreeSet<KeyId>)> {
    let (mut done, mut unreadable) = (Resealed::default(), 0);
    let mut stuck = BTreeSet::new();
    let mut after = None;
    loop {
        let page = core.store.sealed_after(after.as_ref(), PAGE).await?;
        let Some((last, _)) = page.last() else {
            return Ok((done, unreadable, stuck));
        };
        after = Some(last.clone());
        let mut values = Vec::new();
        for (place, old) in page {
            let Some(id) = old.key_id().filter(|id| *id != first) else {
                continue;
            };
            match resealed(core, &place, &old) {
                Ok(new) => {
                    done.count(&place);
                    values.push(Reseal { place, old, new });
                }
                Err(error) => {
                    tracing::error!(?place, %error, "a value can't be sealed anew");
                    unreadable += 1;
                    stuck.insert(id);
                }
            }
        }
        if !values.is_empty() {
            core.store.reseal(values).await?;
        }
    }
}

fn resealed(core: &Core, place: &Place, old: &Sealed) -> std::result::Result<Sealed, CannotOpen> {
    let vault = &core.vault;
    match place {
        Place::Secrets(id) => vault.reseal(&secrets::identity(id), old),
        Place::Token(id, generation) => vault.reseal(&token::token_identity(id, *generation), old),
        Place::Verifier(hash) => vault.reseal(&authorize::verifier_identity(hash), old),
        Place::BodyKey(id) => vault.reseal_body_key(id, old),
    }
}

impl Resealed {
    fn count(&mut self, place: &Place) {
        *match place {
            Place::Secrets(_) => &mut self.secrets,
            Place::Token(..) => &mut self.tokens,
            Place::Verifier(_) => &mut self.authorizations,
            Place::BodyKey(_) => &mut self.messages,
        } += 1;
    }
}

/// The keys with the ring's first one among them, which may seal.
fn with_first(mut keys: VaultKeys, ring: &KeyRing, env: &Env) -> VaultKeys {
    let new = || VaultKey {
        proof: vault::proof(ring.first(), env),
        closed: false,
    };
    let first = keys.keys.entry(ring.first().id()).or_insert_with(new);
    first.closed = false;
    keys
}

fn unusable(detail: &str) -> Error {
    let diagnosis = catalogue::local(Reason::VaultKeyUnusable, &Subject::default(), detail);
    Error::state("vault", diagnosis)
}
