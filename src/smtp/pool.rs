//! Sessions per mailbox: how many at once, and which may be used again.
//!
//! Connections of one mailbox, in use, parked or on their way out, never exceed the number that the
//! caller allows.
//! A session is handed out again only for the same endpoint and token generation, and only while
//! it is young, little used and quiet. No lock is held while anything waits.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use super::auth::Credential;
use super::failure::Failure;
use super::open::{Settings, Timeouts, connect};
use super::transcript::Transcript;
use super::wire::Session;
use crate::egress::{Connection, Egress};
use crate::env::Env;
use crate::model::service::SmtpEndpoint;
use crate::model::{MailboxKey, ServiceId};

/// Exchange drops idle connections after minutes; nothing is gained by waiting for that.
const IDLE_MAX: Duration = Duration::from_secs(60);
/// Receive connectors end a session after ten minutes.
const AGE_MAX: Duration = Duration::from_secs(9 * 60);
/// Servers that count messages per connection mostly stop at 100 or more.
const TRANSACTIONS_MAX: u32 = 100;

/// The sessions of all mailboxes. Cheap to clone.
#[derive(Clone)]
pub struct Pool(Arc<Shared>);

/// Which server, on behalf of which mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Whose token it is: services of one mailbox count together, and share no session.
    pub service_id: ServiceId,
    pub mailbox: MailboxKey,
    pub endpoint: SmtpEndpoint,
}

/// A session lent to one message. Dropped, it is closed; [`Lease::park`] keeps it.
pub struct Lease {
    /// Before the slot: the connection closes before its place is free.
    session: Session<Connection>,
    slot: Slot,
    origin: Origin,
    reused: bool,
}

struct Shared {
    egress: Egress,
    settings: Settings,
    mailboxes: Mutex<BTreeMap<MailboxKey, Connections>>,
}

/// The connections of one mailbox.
struct Connections {
    /// One permit for each session that may be lent at once.
    permits: Arc<Semaphore>,
    limit: u32,
    /// Permits to take away when they come back, since the limit was lowered.
    surplus: u32,
    lent: u32,
    parked: Vec<Parked>,
    /// What sessions of each service must have come from to be parked.
    generations: BTreeMap<ServiceId, u64>,
    /// Grows with [`Pool::retire`].
    epoch: u64,
}

struct Parked {
    session: Session<Connection>,
    origin: Origin,
    since: Duration,
}

/// A session that was parked and must go. It keeps a place until it is closed: its own, or that of
/// whoever closes it before opening another.
struct Leaving {
    session: Session<Connection>,
    slot: Option<Slot>,
}

#[derive(Clone, PartialEq, Eq)]
struct Origin {
    service_id: ServiceId,
    endpoint: SmtpEndpoint,
    generation: u64,
    epoch: u64,
}

/// The right to have one connection to a mailbox; gives itself back.
struct Slot {
    shared: Arc<Shared>,
    mailbox: MailboxKey,
    permit: Option<OwnedSemaphorePermit>,
}

impl Pool {
    /// An empty pool. `hello_name` is how we name ourselves in EHLO.
    pub fn new(env: Env, egress: Egress, timeouts: Timeouts, hello_name: String) -> Self {
        let settings = Settings {
            env,
            tls: egress.tls(),
            timeouts,
            hello_name,
        };
        Self(Arc::new(Shared {
            egress,
            settings,
            mailboxes: Mutex::default(),
        }))
    }

    /// A session of the token generation, parked or fresh; waits, in turn, while `max_connections`
    /// (at least one) are in use. The newest call's `max_connections` holds for the mailbox. How long
    /// it may wait is the caller's: dropped half-way, it leaves nothing behind.
    ///
    /// # Errors
    /// See [`connect`].
    pub async fn checkout(
        &self,
        target: &Target,
        generation: u64,
        credential: &Credential,
        max_connections: u32,
        transcript: &mut Transcript,
    ) -> Result<Lease, Failure> {
        let permits = self.0.permits(&target.mailbox, max_connections.max(1));
        let permit = permits
            .acquire_owned()
            .await
            .expect("the semaphore of a mailbox is never closed");
        let slot = Slot::take(&self.0, &target.mailbox, permit);
        let (origin, mut parked, stale) = self.0.choose(target, generation);
        quit_all(stale).await;
        if let Some(session) = &mut parked
            && !session.is_quiet().await
        {
            parked = None;
        }
        let reused = parked.is_some();
        let session = match parked {
            Some(session) => session,
            None => {
                let (egress, settings) = (&self.0.egress, &self.0.settings);
                // On the heap, since it is large and most messages need none of it.
                let opened = connect(egress, settings, &target.endpoint, credential, transcript);
                Box::pin(opened).await?
            }
        };
        Ok(Lease {
            session,
            slot,
            origin,
            reused,
        })
    }

    /// Says good-bye to what was parked too long or has grown too old; for a sweep.
    pub async fn close_idle(&self) {
        quit_all(self.0.take_expired()).await;
    }

    /// Says good-bye to the mailbox's parked sessions; those in use follow when they come back.
    pub async fn retire(&self, mailbox: &MailboxKey) {
        let leaving = match self.0.lock().get_mut(mailbox) {
            Some(connections) => {
                connections.epoch += 1;
                connections.send_off(&self.0, mailbox, |_| true)
            }
            None => Vec::new(),
        };
        quit_all(leaving).await;
    }

    /// Connections to all mailboxes: in use (or being opened, or on their way out), and parked.
    pub fn sessions(&self) -> (usize, usize) {
        let mailboxes = self.0.lock();
        mailboxes.values().fold((0, 0), |(lent, parked), of_one| {
            (lent + of_one.lent as usize, parked + of_one.parked.len())
        })
    }

    /// Connections to the mailbox, in use (or being opened) and parked.
    pub fn open_connections(&self, mailbox: &MailboxKey) -> usize {
        self.0.lock().get(mailbox).map_or(0, Connections::open)
    }
}

impl Lease {
    /// Whether the session served before: if it fails at its first command without a refusal, that
    /// says nothing about the server, and a fresh one may be tried at once.
    pub fn is_reused(&self) -> bool {
        self.reused
    }

    /// Keeps the session for the next message if it is fit for that, else says good-bye.
    pub async fn park(self) {
        // The slot first: if this is dropped half-way, the connection closes before it is free.
        let Self {
            slot,
            mut session,
            origin,
            ..
        } = self;
        let now = slot.shared.settings.env.monotonic();
        let fit = session.is_reusable() && !is_worn(&session, now) && slot.is_current(&origin);
        if !fit || session.reset().await.is_err() {
            session.quit().await;
            return;
        }
        if let Some(refused) = slot.park(session, origin) {
            refused.quit().await;
        }
    }
}

impl Deref for Lease {
    type Target = Session<Connection>;

    fn deref(&self) -> &Self::Target {
        &self.session
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.session
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<MailboxKey, Connections>> {
        self.mailboxes
            .lock()
            .expect("nothing panics while it counts connections")
    }

    fn permits(&self, mailbox: &MailboxKey, limit: u32) -> Arc<Semaphore> {
        let mut mailboxes = self.lock();
        let connections = mailboxes
            .entry(mailbox.clone())
            .or_insert_with(|| Connections::new(limit));
        connections.set_limit(limit);
        Arc::clone(&connections.permits)
    }

    /// Takes out the newest parked session that fits, and those that must go: because they don't
    /// fit any more, or to make room for a fresh one.
    fn choose(
        self: &Arc<Self>,
        target: &Target,
        generation: u64,
    ) -> (Origin, Option<Session<Connection>>, Vec<Leaving>) {
        let now = self.settings.env.monotonic();
        let mut mailboxes = self.lock();
        let connections = mailboxes
            .get_mut(&target.mailbox)
            .expect("a mailbox with a lent session is kept");
        let service_id = target.service_id.clone();
        connections
            .generations
            .insert(service_id.clone(), generation);
        let origin = Origin {
            service_id,
            endpoint: target.endpoint.clone(),
            generation,
            epoch: connections.epoch,
        };
        let fits = |parked: &Parked| parked.origin == origin && !parked.is_expired(now);
        let newest = connections.parked.iter().rposition(fits);
        let newest = newest.map(|place| connections.parked.remove(place).session);
        let mut leaving = connections.make_room(fits);
        leaving.extend(connections.send_off(self, &target.mailbox, |parked| {
            let is_ours = parked.origin.service_id == origin.service_id;
            parked.is_expired(now) || (is_ours && parked.origin != origin)
        }));
        (origin, newest, leaving)
    }

    fn take_expired(self: &Arc<Self>) -> Vec<Leaving> {
        let now = self.settings.env.monotonic();
        let mut mailboxes = self.lock();
        let mut expired = Vec::new();
        for (mailbox, connections) in mailboxes.iter_mut() {
            expired.extend(connections.send_off(self, mailbox, |parked| parked.is_expired(now)));
        }
        // Whoever waits or works holds the semaphore too; everyone else begins anew.
        mailboxes.retain(|_, connections| {
            !connections.parked.is_empty() || Arc::strong_count(&connections.permits) > 1
        });
        expired
    }
}

impl Connections {
    fn new(limit: u32) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(limit as usize)),
            limit,
            surplus: 0,
            lent: 0,
            parked: Vec::new(),
            generations: BTreeMap::new(),
            epoch: 0,
        }
    }

    fn set_limit(&mut self, limit: u32) {
        if limit > self.limit {
            let more = limit - self.limit;
            let kept = more.min(self.surplus);
            self.surplus -= kept;
            self.permits.add_permits((more - kept) as usize);
        } else {
            let fewer = self.limit - limit;
            let gone = self.permits.forget_permits(fewer as usize);
            self.surplus += fewer - u32::try_from(gone).unwrap_or(fewer);
        }
        self.limit = limit;
    }

    fn open(&self) -> usize {
        self.lent as usize + self.parked.len()
    }

    /// Takes out what must be closed before whoever holds the newest slot may open a connection:
    /// those that don't fit first, then the oldest.
    fn make_room(&mut self, fits: impl Fn(&Parked) -> bool) -> Vec<Leaving> {
        let excess = self.open().saturating_sub(self.limit as usize);
        let mut leaving = Vec::new();
        for _ in 0..excess.min(self.parked.len()) {
            let place = self.parked.iter().position(|parked| !fits(parked));
            leaving.push(Leaving {
                session: self.parked.remove(place.unwrap_or(0)).session,
                slot: None,
            });
        }
        leaving
    }

    /// Takes out what must go, each with a place of its own. For what there is none, somebody has
    /// been promised the place: it stays, and is closed by whoever needs the room.
    fn send_off(
        &mut self,
        shared: &Arc<Shared>,
        mailbox: &MailboxKey,
        must_go: impl Fn(&Parked) -> bool,
    ) -> Vec<Leaving> {
        let mut leaving = Vec::new();
        for parked in std::mem::take(&mut self.parked) {
            let permits = Arc::clone(&self.permits);
            match must_go(&parked).then(|| permits.try_acquire_owned()) {
                Some(Ok(permit)) => {
                    self.lent += 1;
                    let slot = Slot {
                        shared: Arc::clone(shared),
                        mailbox: mailbox.clone(),
                        permit: Some(permit),
                    };
                    leaving.push(Leaving {
                        session: parked.session,
                        slot: Some(slot),
                    });
                }
                Some(Err(_)) | None => self.parked.push(parked),
            }
        }
        leaving
    }
}

impl Parked {
    fn is_expired(&self, now: Duration) -> bool {
        now.saturating_sub(self.since) >= IDLE_MAX || is_worn(&self.session, now)
    }
}

fn is_worn(session: &Session<Connection>, now: Duration) -> bool {
    session.transactions() >= TRANSACTIONS_MAX || now.saturating_sub(session.opened()) >= AGE_MAX
}

impl Slot {
    fn take(shared: &Arc<Shared>, mailbox: &MailboxKey, permit: OwnedSemaphorePermit) -> Self {
        if let Some(connections) = shared.lock().get_mut(mailbox) {
            connections.lent += 1;
        }
        Self {
            shared: Arc::clone(shared),
            mailbox: mailbox.clone(),
            permit: Some(permit),
        }
    }

    fn is_current(&self, origin: &Origin) -> bool {
        self.shared
            .lock()
            .get(&self.mailbox)
            .is_some_and(|connections| connections.wants(origin))
    }

    /// Parks the session in the same instant as the slot becomes free; gives it back if it has no
    /// place any more.
    fn park(mut self, session: Session<Connection>, origin: Origin) -> Option<Session<Connection>> {
        let shared = Arc::clone(&self.shared);
        let mut mailboxes = shared.lock();
        let connections = mailboxes.get_mut(&self.mailbox)?;
        if !connections.wants(&origin) || connections.open() > connections.limit as usize {
            return Some(session);
        }
        connections.parked.push(Parked {
            session,
            origin,
            since: shared.settings.env.monotonic(),
        });
        self.give_back(connections);
        None
    }

    fn give_back(&mut self, connections: &mut Connections) {
        let Some(permit) = self.permit.take() else {
            return;
        };
        connections.lent -= 1;
        if connections.surplus > 0 {
            connections.surplus -= 1;
            permit.forget();
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let shared = Arc::clone(&self.shared);
        if let Some(connections) = shared.lock().get_mut(&self.mailbox) {
            self.give_back(connections);
        }
    }
}

impl Connections {
    fn wants(&self, origin: &Origin) -> bool {
        let newest = self.generations.get(&origin.service_id);
        newest == Some(&origin.generation) && origin.epoch == self.epoch
    }
}

/// At once, so that a server which is slow to part keeps no other's place.
async fn quit_all(leaving: Vec<Leaving>) {
    let mut partings = JoinSet::new();
    for Leaving { session, slot } in leaving {
        partings.spawn(async move {
            session.quit().await;
            drop(slot);
        });
    }
    while partings.join_next().await.is_some() {}
}
