//! A census of all services: how many are in which state, and which few stand out.
//!
//! It reads a page of services at a time and lets others run in between, keeps only the services that
//! it will name, and is taken no more often than costs a twentieth of the time: with a thousand
//! services at each scrape, with a hundred thousand every half minute or so. How much waits in a
//! service makes no difference.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::Core;
use crate::model::service::ServiceState;
use crate::model::{ServiceId, Timestamp};
use crate::store::{Counted, StoreError};

/// Services that are read at once.
const PAGE: usize = 32;

/// A census is as good as new for so many times as long as it took.
const FRESH: u32 = 20;

/// What was found.
#[derive(Debug)]
pub(super) struct Census {
    pub states: BTreeMap<ServiceState, u64>,
    /// Those with the most mail that waits.
    pub deepest: Ranking<Reverse<u64>>,
    /// What waits in all others.
    pub other_messages: u64,
    /// Those whose mail waits the longest, by its send time.
    pub oldest: Ranking<Timestamp>,
    /// The oldest mail of all others.
    pub other_oldest: Option<Timestamp>,
    /// Those whose client secret expires first.
    pub expiring: Ranking<Timestamp>,
    /// Those that can't send: first those for which mail waits.
    pub unusable: Ranking<(Reverse<u64>, ServiceState)>,
}

/// The newest census.
#[derive(Default)]
pub(super) struct Latest(Option<Taken>);

struct Taken {
    census: Arc<Census>,
    /// Both on the monotonic clock.
    ended: Duration,
    took: Duration,
}

/// The first few by a rank.
#[derive(Debug)]
pub(super) struct Ranking<R> {
    most: usize,
    kept: BTreeSet<(R, ServiceId)>,
}

/// The newest census, or a new one where it is too old. Who comes while one is taken waits for it.
///
/// # Errors
/// Those of the store.
pub(super) async fn latest(core: &Core) -> Result<Arc<Census>, StoreError> {
    let mut latest = core.census.lock().await;
    let began = core.env.monotonic();
    if let Some(taken) = &latest.0
        && began.saturating_sub(taken.ended) < taken.took * FRESH
    {
        return Ok(taken.census.clone());
    }
    let census = Arc::new(take(core).await?);
    let ended = core.env.monotonic();
    let took = ended.saturating_sub(began);
    latest.0 = Some(Taken {
        census: census.clone(),
        ended,
        took,
    });
    Ok(census)
}

async fn take(core: &Core) -> Result<Census, StoreError> {
    let mut census = Census::of_nothing(core.config.metrics.services as usize);
    let mut after = None;
    loop {
        let page = core.store.count_services(after.as_ref(), PAGE).await?;
        let is_last = page.len() < PAGE;
        after = page.last().map(|counted| counted.id.clone());
        page.into_iter().for_each(|counted| census.add(counted));
        if is_last {
            return Ok(census);
        }
        tokio::task::yield_now().await;
    }
}

impl Census {
    fn of_nothing(most: usize) -> Self {
        Self {
            states: BTreeMap::new(),
            deepest: Ranking::of(most),
            other_messages: 0,
            oldest: Ranking::of(most),
            other_oldest: None,
            expiring: Ranking::of(most),
            unusable: Ranking::of(most),
        }
    }

    fn add(&mut self, counted: Counted) {
        let Counted { id, state, .. } = counted;
        *self.states.entry(state).or_default() += 1;
        let depth = Reverse(counted.waiting.messages);
        if depth.0 > 0
            && let Some((Reverse(messages), _)) = self.deepest.rank(depth, &id)
        {
            self.other_messages += messages;
        }
        if let Some(since) = counted.waiting_since
            && let Some((left, _)) = self.oldest.rank(since, &id)
        {
            self.other_oldest = self.other_oldest.into_iter().chain([left]).min();
        }
        if let Some(time) = counted.secret_expire_time {
            self.expiring.rank(time, &id);
        }
        if state != ServiceState::Ready {
            self.unusable.rank((depth, state), &id);
        }
    }
}

impl<R: Ord> Ranking<R> {
    fn of(most: usize) -> Self {
        Self {
            most,
            kept: BTreeSet::new(),
        }
    }

    /// Ranks a service; who is not among the first any more.
    fn rank(&mut self, rank: R, id: &ServiceId) -> Option<(R, ServiceId)> {
        self.kept.insert((rank, id.clone()));
        if self.kept.len() > self.most {
            self.kept.pop_last()
        } else {
            None
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &(R, ServiceId)> {
        self.kept.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Load;

    fn counted(id: &str, messages: u64, since: Option<i64>) -> Counted {
        Counted {
            id: id.parse().unwrap(),
            state: ServiceState::Ready,
            waiting: Load { messages, bytes: 1 },
            waiting_since: since.map(Timestamp::from_unix_seconds),
            secret_expire_time: None,
        }
    }

    #[test]
    fn only_the_first_few_are_named_and_nothing_is_left_out_of_the_sum() {
        let mut census = Census::of_nothing(2);
        for (id, messages, since) in [
            ("svc-a", 5, Some(50)),
            ("svc-b", 7, Some(10)),
            ("svc-c", 0, None),
            ("svc-d", 6, Some(30)),
            ("svc-e", 1, Some(40)),
        ] {
            census.add(counted(id, messages, since));
        }
        let names: Vec<_> = census.deepest.iter().map(|(_, id)| id.as_str()).collect();
        assert_eq!(names, ["svc-b", "svc-d"]);
        assert_eq!(census.other_messages, 6);
        let names: Vec<_> = census.oldest.iter().map(|(_, id)| id.as_str()).collect();
        assert_eq!(names, ["svc-b", "svc-d"]);
        assert_eq!(census.other_oldest, Some(Timestamp::from_unix_seconds(40)));
        assert_eq!(census.states[&ServiceState::Ready], 5);
    }
}
