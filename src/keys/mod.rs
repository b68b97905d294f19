//! Access keys: who calls, what it may call, and when that ends. The one place that decides.
//!
//! A key reads `mw_<id>_<secret>`. The secret is 280 random bits, so its SHA-256 is all that is
//! kept: nobody can guess so many bits however fast the hash is, and slow hashes are for passwords
//! that people choose. What is refused costs a bounded look, one hash at most, and a line of the log
//! a minute at most, however often it is tried.
//!
//! Which services a caller may see is in its [`Rights`]; whoever answers a call asks [`Caller::sees`].
//! Nothing here knows gRPC, or where keys are kept.

pub mod file;
mod rpcs;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::watch;

use crate::env::Env;
use crate::model::access::SecretHash;
use crate::model::ids::base32;
use crate::model::{AccessKey, AccessKeyId, Error, Rights, Secret, ServiceId, Timestamp};

pub use rpcs::{Need, need};

/// Characters of a secret, five bits each.
const SECRET_CHARS: usize = 56;

/// What a secret is drawn from: as many bits as its characters hold.
const SECRET_BYTES: usize = SECRET_CHARS * 5 / 8;

/// Refusals are logged together, this often at most.
const REFUSALS_EVERY: Duration = Duration::from_secs(60);

/// A use is told to the store once it is so much newer than the last one told.
const USE_EVERY: Duration = Duration::from_secs(60);

/// A key in the form that its owner has.
pub struct Presented {
    id: AccessKeyId,
    hash: SecretHash,
}

/// All keys that are live, and who calls by them.
pub struct Keys {
    env: Env,
    known: RwLock<BTreeMap<AccessKeyId, Arc<Known>>>,
    refusals: Mutex<Refusals>,
    /// Held while keys are created and revoked, so that what is here follows what is kept.
    pub changing: tokio::sync::Mutex<()>,
}

struct Known {
    id: AccessKeyId,
    rights: Arc<Rights>,
    hash: SecretHash,
    expire_time: Option<Timestamp>,
    revoked: watch::Sender<bool>,
    /// Microseconds since 1970.
    last_use: AtomicI64,
    /// As far as the store knows.
    told_use: AtomicI64,
}

#[derive(Default)]
struct Refusals {
    count: u64,
    next_log: Duration,
}

/// Somebody who has shown who it is.
#[derive(Clone)]
pub struct Caller {
    who: Arc<str>,
    rights: Arc<Rights>,
    key: Option<Arc<Known>>,
}

impl Presented {
    /// A new key: what its owner is told once, and what is kept.
    pub fn generate(env: &Env) -> (Secret, Self) {
        let id = AccessKeyId::generate(env.now(), env.random());
        let secret = base32(&env.random::<SECRET_BYTES>());
        let hash = hash(&secret);
        (Secret::new(format!("mw_{id}_{secret}")), Self { id, hash })
    }

    /// Reads a key; none where it is not written as one.
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix("mw_")?.split_once('_')?;
        let is_secret =
            secret.len() == SECRET_CHARS && secret.bytes().all(|b| b.is_ascii_alphanumeric());
        Some(Self {
            id: id.parse().ok()?,
            hash: is_secret.then(|| hash(secret))?,
        })
    }

    /// What is kept of it.
    pub fn keep(
        self,
        now: Timestamp,
        display_name: String,
        rights: Rights,
        expire_time: Option<Timestamp>,
    ) -> AccessKey {
        AccessKey {
            id: self.id,
            display_name,
            rights,
            secret_hash: self.hash,
            create_time: now,
            expire_time,
            revoke_time: None,
            last_use_time: None,
        }
    }
}

fn hash(secret: &str) -> SecretHash {
    SecretHash(Sha256::digest(secret.as_bytes()).into())
}

impl Keys {
    /// None yet.
    pub fn new(env: Env) -> Self {
        Self {
            env,
            known: RwLock::default(),
            refusals: Mutex::default(),
            changing: tokio::sync::Mutex::default(),
        }
    }

    /// Lets a key in from now on, and forgets those that have expired.
    pub fn admit(&self, key: &AccessKey) {
        let now = self.env.now();
        let mut known = self.known.write().expect("no code panics with this lock");
        known.retain(|_, key| key.is_live(now));
        if key.is_live(now) {
            known.insert(key.id.clone(), Arc::new(Known::new(key)));
        }
    }

    /// Refuses a key from now on, and ends its streams.
    pub fn shut_out(&self, id: &AccessKeyId) {
        let mut known = self.known.write().expect("no code panics with this lock");
        if let Some(key) = known.remove(id) {
            key.revoked.send_replace(true);
        }
    }

    /// Who calls: by the `authorization` header where there is one, else by the certificate.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for a header that is no live key; none of either is nobody.
    pub fn identify(
        &self,
        authorization: Option<&str>,
        certificate: Option<(&str, &Arc<Rights>)>,
    ) -> Result<Option<Caller>, Error> {
        let Some(value) = authorization else {
            return Ok(certificate.map(|(name, rights)| Caller {
                who: format!("certificate {name}").into(),
                rights: rights.clone(),
                key: None,
            }));
        };
        match bearer(value)
            .and_then(Presented::parse)
            .and_then(|key| self.find(&key))
        {
            Some(key) => Ok(Some(Caller::by(key, self.env.now()))),
            None => {
                self.count_refusal();
                Err(not_live())
            }
        }
    }

    /// Whether it may call this RPC, by its path.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for nobody, [`Error::PermissionDenied`] without the role.
    pub fn authorize(&self, path: &str, caller: Option<&Caller>) -> Result<(), Error> {
        match (need(path), caller) {
            (Need::Nothing, _) | (Need::Key, Some(_)) => Ok(()),
            (Need::Roles(roles), Some(caller))
                if roles.iter().any(|role| caller.rights.roles.contains(role)) =>
            {
                Ok(())
            }
            (Need::Roles(roles), Some(_)) => {
                let names: Vec<_> = roles.iter().map(|role| role.as_str()).collect();
                Err(Error::PermissionDenied {
                    description: format!("the call needs one of the roles {}", names.join(", ")),
                })
            }
            (_, None) => {
                self.count_refusal();
                Err(Error::Unauthenticated {
                    description:
                        "the call needs an access key in its metadata: \"authorization: Bearer KEY\""
                            .into(),
                })
            }
        }
    }

    /// When keys were last used, of those whose use the store doesn't know.
    pub fn uses_to_tell(&self) -> BTreeMap<AccessKeyId, Timestamp> {
        let least = i64::try_from(USE_EVERY.as_micros()).unwrap_or(i64::MAX);
        let known = self.known.read().expect("no code panics with this lock");
        let mut uses = BTreeMap::new();
        for (id, key) in known.iter() {
            let last = key.last_use.load(Ordering::Relaxed);
            let told = key.told_use.load(Ordering::Relaxed);
            if last > 0 && (told == 0 || last - told >= least) {
                uses.insert(id.clone(), Timestamp::from_unix_micros(last));
            }
        }
        uses
    }

    /// The store knows these uses now.
    pub fn uses_are_told(&self, uses: &BTreeMap<AccessKeyId, Timestamp>) {
        let known = self.known.read().expect("no code panics with this lock");
        for (id, time) in uses {
            if let Some(key) = known.get(id) {
                key.told_use.store(time.unix_micros(), Ordering::Relaxed);
            }
        }
    }

    fn find(&self, presented: &Presented) -> Option<Arc<Known>> {
        let known = self.known.read().expect("no code panics with this lock");
        let key = known.get(&presented.id)?;
        let is_same: bool = key.hash.0.ct_eq(&presented.hash.0).into();
        (is_same && key.is_live(self.env.now())).then(|| key.clone())
    }

    fn count_refusal(&self) {
        let now = self.env.monotonic();
        let mut refusals = self.refusals.lock().expect("counting does not panic");
        refusals.count += 1;
        if now >= refusals.next_log {
            tracing::warn!(calls = refusals.count, "calls without a live access key");
            refusals.count = 0;
            refusals.next_log = now + REFUSALS_EVERY;
        }
    }
}

impl Known {
    fn new(key: &AccessKey) -> Self {
        let last_use = key.last_use_time.map_or(0, Timestamp::unix_micros);
        Self {
            id: key.id.clone(),
            rights: Arc::new(key.rights.clone()),
            hash: key.secret_hash.clone(),
            expire_time: key.expire_time,
            revoked: watch::Sender::new(false),
            last_use: AtomicI64::new(last_use),
            told_use: AtomicI64::new(last_use),
        }
    }

    fn is_live(&self, now: Timestamp) -> bool {
        self.expire_time.is_none_or(|end| now < end)
    }
}

impl Caller {
    fn by(key: Arc<Known>, now: Timestamp) -> Self {
        key.last_use.fetch_max(now.unix_micros(), Ordering::Relaxed);
        Self {
            who: format!("key {}", key.id).into(),
            rights: key.rights.clone(),
            key: Some(key),
        }
    }

    /// What it may do.
    pub fn rights(&self) -> &Rights {
        &self.rights
    }

    /// Whether a service and its messages exist for this caller.
    pub fn sees(&self, service: &ServiceId) -> bool {
        self.rights.see(service)
    }

    /// Returns, with why, once its key has been revoked or has expired. A certificate was judged when
    /// its connection was made.
    pub async fn ended(&self, env: &Env) -> Error {
        let Some(key) = &self.key else {
            return std::future::pending().await;
        };
        let mut revoked = key.revoked.subscribe();
        tokio::select! {
            biased;
            // The sender lives in the key.
            _ = revoked.wait_for(|revoked| *revoked) => {}
            () = env.sleep_until(key.expire_time.unwrap_or(Timestamp::MAX)) => {}
        }
        not_live()
    }
}

/// Who it is, for the log.
impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.who)
    }
}

fn not_live() -> Error {
    Error::Unauthenticated {
        description: "the access key is not known, has expired, or was revoked".into(),
    }
}

/// The token of `Bearer TOKEN` (RFC 6750 §2.1); the scheme is read without case (RFC 9110 §11.1).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim_start())
}

#[cfg(test)]
mod tests;
