//! The newest events, read from the store once for all watchers, and who waits for which of them.
//!
//! A thousand watchers that each read the log after each commit would leave no time to those who
//! send. Here one reader takes the events in and wakes whom they concern, and only a few of those
//! go on at a time, so that whoever sends never queues behind all of them. It promises that a
//! watcher that was told "nothing for you up to here" has missed nothing. What is no longer, or not
//! yet, here is in the store; how that is read, it doesn't know.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::feed::Filter;
use crate::model::event::Event;
use crate::store::encode;

/// What the newest events take at most, as the store encodes them.
const BYTES_MAX: usize = 4 * 1024 * 1024;

/// Watchers that are told something at the same time. Telling waits for nothing, so two keep two
/// processors busy, and more would only stand in the way of those who send.
const TURNS: usize = 2;

/// The newest events and the watchers.
#[derive(Default)]
pub(super) struct Recent {
    state: Mutex<State>,
    /// Fires when there is somebody to read for.
    wanted: Notify,
}

#[derive(Default)]
struct State {
    /// Without holes; the last one is `newest`.
    events: VecDeque<Kept>,
    bytes: usize,
    /// The place up to which events were taken in.
    newest: u64,
    watchers: BTreeMap<u64, Watcher>,
    last_id: u64,
    /// Watchers that wait for their turn, and perhaps some that have gone.
    line: VecDeque<u64>,
    /// Watchers whose turn it is.
    called: usize,
}

struct Kept {
    event: Arc<Event>,
    bytes: usize,
}

struct Watcher {
    filter: Arc<Filter>,
    /// There may be something for it behind its place.
    due: bool,
    at: At,
    call: Arc<Notify>,
}

/// Where a watcher is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// With its client, which may be slow.
    Client,
    /// Waiting for something to be due.
    Rest,
    /// Waiting for its turn.
    Line,
    /// It is its turn.
    Turn,
}

/// What there is behind a place.
#[derive(Debug, PartialEq)]
pub(super) enum Behind {
    /// These, whether they pass the filter or not.
    Events(Vec<Arc<Event>>),
    /// Nothing that passes the filter, up to this place.
    NothingUpTo(u64),
    /// It is not here: ask the store.
    Elsewhere,
}

/// One watcher among the others; it is forgotten with this.
pub(super) struct Ticket {
    recent: Arc<Recent>,
    id: u64,
    call: Arc<Notify>,
}

impl Recent {
    /// Adds a watcher. `newest` is the end of the log as it was a moment ago.
    pub(super) fn join(self: &Arc<Self>, filter: Arc<Filter>, newest: u64) -> Ticket {
        let mut state = self.lock();
        if state.watchers.is_empty() {
            // Nobody read meanwhile.
            state.restart(newest);
        }
        state.last_id += 1;
        let (id, call) = (state.last_id, Arc::new(Notify::new()));
        let watcher = Watcher {
            filter,
            due: true,
            at: At::Client,
            call: call.clone(),
        };
        state.watchers.insert(id, watcher);
        drop(state);
        self.wanted.notify_one();
        Ticket {
            recent: self.clone(),
            id,
            call,
        }
    }

    /// Behind which place events are wanted; nowhere when nobody watches.
    pub(super) fn wanted_behind(&self) -> Option<u64> {
        let state = self.lock();
        (!state.watchers.is_empty()).then_some(state.newest)
    }

    /// Returns when somebody has come to watch.
    pub(super) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// Takes in what follows, and wakes whom it concerns.
    pub(super) fn take_in(&self, events: Vec<Event>) {
        let events: Vec<Kept> = events.into_iter().map(Kept::new).collect();
        let mut state = self.lock();
        for kept in events {
            if kept.event.sequence == state.newest + 1 {
                state.take_in(kept);
            }
        }
    }

    /// Begins anew at this place, and lets everybody ask the store for what is before it.
    pub(super) fn restart(&self, newest: u64) {
        let mut state = self.lock();
        state.restart(newest);
        state.wake(|_| true);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// Waits until something is due for this watcher and it is its turn. If this is given up, the
    /// next call goes on with it.
    pub(super) async fn turn(&self) {
        // A call may be left over from a turn that was given up.
        while !self.line_up(false) {
            self.call.notified().await;
        }
    }

    /// Lets it be this watcher's turn though nothing is due.
    pub(super) fn ask(&self) {
        self.line_up(true);
    }

    /// Ends the turn. With `more`, something is still due.
    pub(super) fn done(&self, more: bool) {
        let mut state = self.recent.lock();
        if let Some(watcher) = state.watchers.get_mut(&self.id) {
            watcher.due |= more;
            if std::mem::replace(&mut watcher.at, At::Client) == At::Turn {
                state.called -= 1;
            }
        }
        state.call();
    }

    /// Whether it is this watcher's turn; if not, it gets into the line where there is a reason to.
    fn line_up(&self, asks: bool) -> bool {
        let mut state = self.recent.lock();
        let Some(watcher) = state.watchers.get_mut(&self.id) else {
            return true;
        };
        match watcher.at {
            At::Turn => return true,
            At::Line => return false,
            At::Client | At::Rest if watcher.due || asks => watcher.at = At::Line,
            At::Client | At::Rest => {
                watcher.at = At::Rest;
                return false;
            }
        }
        state.line.push_back(self.id);
        state.call();
        false
    }

    /// What there is for this watcher behind `place`, at most `limit`. `known` is a place that the
    /// store has reached, though the reader may not have.
    pub(super) fn behind(&self, place: u64, known: u64, limit: usize) -> Behind {
        let mut state = self.recent.lock();
        let (newest, kept) = (state.newest, state.events.len() as u64);
        let Some(watcher) = state.watchers.get_mut(&self.id) else {
            return Behind::Elsewhere;
        };
        if place >= newest {
            watcher.due = false;
            return match place < known {
                true => Behind::Elsewhere,
                false => Behind::NothingUpTo(place),
            };
        }
        if !watcher.due {
            return Behind::NothingUpTo(newest);
        }
        let behind = newest - place;
        if behind > kept {
            return Behind::Elsewhere;
        }
        watcher.due = behind > limit as u64;
        let from = state.events.range((kept - behind) as usize..);
        let events = from.take(limit).map(|kept| kept.event.clone());
        Behind::Events(events.collect())
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.done(false);
        self.recent.lock().watchers.remove(&self.id);
    }
}

impl State {
    fn restart(&mut self, newest: u64) {
        self.events.clear();
        self.bytes = 0;
        self.newest = newest;
    }

    fn take_in(&mut self, kept: Kept) {
        self.newest = kept.event.sequence;
        self.wake(|filter| filter.passes(&kept.event));
        self.bytes += kept.bytes;
        self.events.push_back(kept);
        while self.bytes > BYTES_MAX {
            let Some(oldest) = self.events.pop_front() else {
                break;
            };
            self.bytes -= oldest.bytes;
        }
    }

    /// Something is due for those whose filter `concerns` it.
    fn wake(&mut self, concerns: impl Fn(&Filter) -> bool) {
        for (id, watcher) in &mut self.watchers {
            if !watcher.due && concerns(&watcher.filter) {
                watcher.due = true;
                if watcher.at == At::Rest {
                    watcher.at = At::Line;
                    self.line.push_back(*id);
                }
            }
        }
        self.call();
    }

    /// Calls the first of the line, as many as may be told something at the same time.
    fn call(&mut self) {
        while self.called < TURNS {
            let Some(id) = self.line.pop_front() else {
                break;
            };
            if let Some(watcher) = self.watchers.get_mut(&id)
                && watcher.at == At::Line
            {
                watcher.at = At::Turn;
                watcher.call.notify_one();
                self.called += 1;
            }
        }
    }
}

impl Kept {
    fn new(event: Event) -> Self {
        Self {
            bytes: encode(&event).len(),
            event: Arc::new(event),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use proptest::prelude::*;

    use super::*;
    use crate::model::event::{Change, ServiceChange};
    use crate::model::service::{
        Auth, Delivery, Sender, Service, ServiceConfig, SmtpEndpoint, TlsMode,
    };
    use crate::model::{Labels, ServiceId, Timestamp};

    /// An event of the service `s-0`, `s-1` or `s-2`, by turns.
    fn event(sequence: u64) -> Event {
        let config = ServiceConfig {
            display_name: String::new(),
            smtp: SmtpEndpoint {
                host: "smtp.example.com".into(),
                port: 587,
                tls: TlsMode::Starttls,
            },
            sender: Sender {
                address: "a@example.com".parse().unwrap(),
                name: String::new(),
                reply_to: None,
                allowed_addresses: Vec::new(),
            },
            auth: Auth::None,
            delivery: Delivery::default(),
            labels: Labels::default(),
        };
        let change = ServiceChange {
            service: Service::new(id(sequence), config, Timestamp::default()),
            pause: None,
            previous_state: None,
            deleted: false,
        };
        Event {
            sequence,
            time: Timestamp::default(),
            change: Change::Service(Box::new(change)),
        }
    }

    fn id(n: u64) -> ServiceId {
        format!("s-{}-x", n % 3).parse().unwrap()
    }

    fn of(n: u64) -> Arc<Filter> {
        Arc::new(Filter {
            service_ids: vec![id(n)],
            ..Filter::default()
        })
    }

    /// Whether it is this watcher's turn now.
    fn called(ticket: &Ticket) -> bool {
        let mut turn = pin!(ticket.turn());
        turn.as_mut().poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(())
    }

    #[test]
    fn only_a_few_have_their_turn_and_the_others_follow() {
        let recent = Arc::new(Recent::default());
        let mut crowd: Vec<Ticket> = (0..20).map(|n| recent.join(of(n), 0)).collect();
        let turns = |crowd: &[Ticket]| crowd.iter().filter(|ticket| called(ticket)).count();
        assert_eq!(turns(&crowd), TURNS);
        for ticket in &crowd[..TURNS] {
            ticket.behind(0, 0, 9);
            ticket.done(false);
        }
        assert_eq!(turns(&crowd), TURNS, "the next ones");
        assert!(!called(&crowd[0]), "nothing is due");
        // Whoever goes away gives its turn up.
        crowd.drain(TURNS..2 * TURNS);
        assert_eq!(turns(&crowd), TURNS);
        recent.take_in(vec![event(1)]);
        assert!(!called(&crowd[0]) && !called(&crowd[1]));
        crowd.drain(2..);
        assert!(!called(&crowd[0]) && called(&crowd[1]), "it concerns s-1");
        crowd[0].ask();
        assert!(called(&crowd[0]), "it wanted to know");
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_rest_is_elsewhere() {
        let recent = Arc::new(Recent::default());
        let ticket = recent.join(Arc::default(), 0);
        assert_eq!(recent.wanted_behind(), Some(0));
        let bytes = encode(&event(1)).len() as u64;
        let count = BYTES_MAX as u64 / bytes + 1_000;
        recent.take_in((1..=count).map(event).collect());
        assert!(recent.lock().bytes <= BYTES_MAX);
        assert_eq!(ticket.behind(0, count, 9), Behind::Elsewhere);
        let Behind::Events(events) = ticket.behind(count - 3, count, 2) else {
            panic!("the newest are here");
        };
        let sequences: Vec<u64> = events.iter().map(|event| event.sequence).collect();
        assert_eq!(sequences, [count - 2, count - 1]);
        drop(ticket);
        assert_eq!(recent.wanted_behind(), None);
    }

    proptest! {
        /// Each step takes some events in, and lets the watcher of s-1 read if it is its turn.
        #[test]
        fn a_watcher_misses_nothing(steps in prop::collection::vec((0u64..5, any::<bool>(), 1usize..4), 1..40)) {
            let recent = Arc::new(Recent::default());
            let ticket = recent.join(of(1), 0);
            let (mut newest, mut place, mut seen) = (0, 0, Vec::new());
            for (count, reads, limit) in steps.into_iter().chain([(0, true, 999), (0, true, 999)]) {
                recent.take_in((newest + 1..=newest + count).map(event).collect());
                newest += count;
                if !reads || !called(&ticket) {
                    continue;
                }
                let more = match ticket.behind(place, place, limit) {
                    Behind::NothingUpTo(end) => {
                        place = end;
                        false
                    }
                    Behind::Events(events) => {
                        let passes = |event: &&Arc<Event>| of(1).passes(event);
                        seen.extend(events.iter().filter(passes).map(|event| event.sequence));
                        place = events.last().unwrap().sequence;
                        events.len() == limit
                    }
                    Behind::Elsewhere => panic!("all of it is here"),
                };
                ticket.done(more);
            }
            let expected: Vec<u64> = (1..=newest).filter(|n| n % 3 == 1).collect();
            prop_assert_eq!(seen, expected);
        }
    }
}
