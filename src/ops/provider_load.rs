//! How much identity providers are asked: how often all of them together, and how many requests
//! are unanswered at one of them.
//!
//! It promises that the refreshes of the supervisor come evenly, at one and a half times their mean
//! however many are due (after a night, an outage, a clock that jumped), and that a provider that
//! doesn't answer keeps nobody else waiting. It doesn't know whose token it is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::model::schedule::FREQUENCY_SPAN;

/// Refreshes may come this often whatever their mean is.
const SLOWEST: Duration = Duration::from_secs(1);

/// After a rest so many refreshes may come at once, or what [`BURST`] would bring.
const BURST_MIN: u32 = 8;
const BURST: Duration = Duration::from_secs(5);

/// What deliveries asked for ahead of the supervisor holds it up for no longer than this.
const DEBT_MAX: Duration = Duration::from_secs(60);

/// Requests to one provider that have no answer yet.
const AT_ONCE_MAX: u32 = 64;

/// As many of them at a provider that leaves requests unanswered.
const AT_ONCE_MIN: u32 = 2;

/// Counts what providers are asked. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct ProviderLoad {
    pace: Arc<Mutex<Pace>>,
    endpoints: Arc<Mutex<BTreeMap<String, Endpoint>>>,
}

impl ProviderLoad {
    /// Room for at most `max` requests at this monotonic time, where all tokens are refreshed
    /// `frequency` times in [`FREQUENCY_SPAN`]; else how long to wait for some.
    pub fn tickets(&self, now: Duration, frequency: u64, max: usize) -> (Vec<Ticket>, Duration) {
        let mut pace = lock(&self.pace);
        pace.interval = interval(frequency);
        let tickets = (0..pace.room(now).min(max))
            .map(|_| {
                pace.next = pace.next.max(now) + pace.interval;
                self.ticket(pace.interval)
            })
            .collect();
        (tickets, pace.wait(now))
    }

    /// A request that somebody's mail waits for: it goes now, and the supervisor later.
    pub fn urgent(&self, now: Duration) -> Ticket {
        let mut pace = lock(&self.pace);
        pace.next = (pace.next.max(now) + pace.interval).min(now + DEBT_MAX);
        self.ticket(pace.interval)
    }

    /// Waits for a place at a provider, by the authority of its URL. None where it leaves requests
    /// unanswered and enough are: whoever wants one more would only wait.
    pub async fn visit(&self, authority: &str) -> Option<Visit> {
        let places = {
            let mut endpoints = lock(&self.endpoints);
            let endpoint = endpoints.entry(authority.to_owned()).or_default();
            endpoint.visitors += 1;
            endpoint.places.clone()
        };
        // It counts as a visitor from here on, however this ends.
        let mut visit = Visit {
            load: self.clone(),
            authority: authority.to_owned(),
            place: None,
        };
        let place = places.acquire_owned().await;
        visit.place = Some(place.expect("this semaphore is never closed"));
        let endpoints = lock(&self.endpoints);
        let fits = endpoints.get(authority)?.fits();
        drop(endpoints);
        fits.then_some(visit)
    }

    fn ticket(&self, cost: Duration) -> Ticket {
        Ticket {
            pace: self.pace.clone(),
            cost,
        }
    }
}

/// The right to one request; dropped, it is given back.
pub struct Ticket {
    pace: Arc<Mutex<Pace>>,
    cost: Duration,
}

impl Ticket {
    /// The request goes out.
    pub(super) fn spend(mut self) {
        self.cost = Duration::ZERO;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut pace = lock(&self.pace);
        pace.next = pace.next.saturating_sub(self.cost);
    }
}

/// When requests may go (GCRA, ITU-T I.371), on the monotonic clock.
#[derive(Default)]
struct Pace {
    /// The theoretical arrival time of the next one.
    next: Duration,
    interval: Duration,
}

impl Pace {
    fn burst(&self) -> Duration {
        BURST.max(self.interval * BURST_MIN)
    }

    fn room(&self, now: Duration) -> usize {
        let time = (now + self.burst()).saturating_sub(self.next.max(now));
        let room = time.as_nanos() / self.interval.as_nanos().max(1);
        usize::try_from(room).unwrap_or(usize::MAX)
    }

    fn wait(&self, now: Duration) -> Duration {
        (self.next + self.interval).saturating_sub(now + self.burst())
    }
}

/// Between two refreshes: two thirds of the mean.
fn interval(frequency: u64) -> Duration {
    let mean = FREQUENCY_SPAN.as_secs_f64() / (frequency.max(1) as f64);
    SLOWEST.min(Duration::from_secs_f64(mean / 1.5))
}

/// One provider's token endpoint, while somebody asks there or it leaves requests unanswered.
struct Endpoint {
    places: Arc<Semaphore>,
    /// How many may be unanswered at once.
    window: u32,
    /// Who has a place or waits for one.
    visitors: u32,
}

impl Default for Endpoint {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(AT_ONCE_MAX as usize)),
            window: AT_ONCE_MAX,
            visitors: 0,
        }
    }
}

impl Endpoint {
    /// Whether those who have a place are no more than the window.
    fn fits(&self) -> bool {
        self.places.available_permits() + self.window as usize >= AT_ONCE_MAX as usize
    }
}

/// A place at a provider.
pub(super) struct Visit {
    load: ProviderLoad,
    authority: String,
    place: Option<OwnedSemaphorePermit>,
}

impl Visit {
    /// How it went: half as many at once at a provider that was silent, one more where it spoke.
    pub fn ended(self, answered: bool) {
        if let Some(endpoint) = lock(&self.load.endpoints).get_mut(&self.authority) {
            endpoint.window = match answered {
                true => (endpoint.window + 1).min(AT_ONCE_MAX),
                false => (endpoint.window / 2).max(AT_ONCE_MIN),
            };
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.place = None;
        let mut endpoints = lock(&self.load.endpoints);
        if let Some(endpoint) = endpoints.get_mut(&self.authority) {
            endpoint.visitors -= 1;
            if endpoint.visitors == 0 && endpoint.window == AT_ONCE_MAX {
                endpoints.remove(&self.authority);
            }
        }
    }
}

/// Each change below is whole before anything can panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    /// Of tokens that are refreshed so often in a minute.
    fn frequency(a_minute: u64) -> u64 {
        a_minute * FREQUENCY_SPAN.as_secs() / 60
    }

    /// How many of many that are due are let through from `now` on, for a minute.
    fn minute_from(load: &ProviderLoad, now: Duration, a_minute: u64) -> usize {
        let mut spent = 0;
        for second in 0..60 {
            let now = now + Duration::from_secs(second);
            let (tickets, _) = load.tickets(now, frequency(a_minute), usize::MAX);
            spent += tickets.len();
            tickets.into_iter().for_each(Ticket::spend);
        }
        spent
    }

    #[test]
    fn however_many_are_due_no_minute_has_twice_the_mean() {
        for a_minute in [40, 100, 1_905, 100_000] {
            let load = ProviderLoad::default();
            let first = minute_from(&load, 10 * MINUTE, a_minute) as u64;
            let later = minute_from(&load, 11 * MINUTE, a_minute) as u64;
            assert!(first <= 2 * a_minute && first > a_minute, "{first}");
            assert!(later.abs_diff(a_minute * 3 / 2) <= 1, "{later}");
        }
        let few = minute_from(&ProviderLoad::default(), MINUTE, 1);
        assert_eq!(few, 8 + 59);
    }

    #[test]
    fn a_ticket_that_is_not_spent_serves_again_and_urgent_ones_come_first() {
        let load = ProviderLoad::default();
        let all = |now| load.tickets(now, 1, usize::MAX);
        assert_eq!(all(MINUTE).0.len(), 8);
        let (tickets, wait) = all(MINUTE);
        assert_eq!((tickets.len(), wait), (8, SLOWEST));
        drop(tickets);
        load.urgent(MINUTE).spend();
        drop(load.urgent(MINUTE));
        assert_eq!(all(MINUTE).0.len(), 7);
        for _ in 0..1_000 {
            load.urgent(MINUTE).spend();
        }
        assert_eq!(all(MINUTE).0.len(), 0);
        assert!(!all(2 * MINUTE).0.is_empty(), "a debt has its bound");
    }

    #[tokio::test]
    async fn a_provider_that_is_silent_gets_few_requests_until_it_speaks() {
        let load = ProviderLoad::default();
        let mut visits = Vec::new();
        for _ in 0..AT_ONCE_MAX {
            visits.push(load.visit("silent.example").await.unwrap());
        }
        let waits = load.visit("silent.example");
        tokio::pin!(waits);
        assert!(futures_are_pending(&mut waits).await);
        assert!(load.visit("other.example").await.is_some());
        for visit in visits {
            visit.ended(false);
        }
        let first = waits.await.unwrap();
        let second = load.visit("silent.example").await.unwrap();
        assert!(load.visit("silent.example").await.is_none());
        assert!(load.visit("other.example").await.is_some());
        first.ended(true);
        let _third = load.visit("silent.example").await.unwrap();
        let _fourth = load.visit("silent.example").await.unwrap();
        second.ended(true);
        assert!(lock(&load.endpoints).contains_key("silent.example"));
        assert!(!lock(&load.endpoints).contains_key("other.example"));
    }

    async fn futures_are_pending(waits: &mut (impl Future + Unpin)) -> bool {
        let polled = std::future::poll_fn(|cx| {
            std::task::Poll::Ready(std::pin::Pin::new(&mut *waits).poll(cx).is_pending())
        });
        polled.await
    }
}
