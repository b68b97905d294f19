//! The log: no holes, no jumps, and what is read is what it says last.

use std::collections::BTreeMap;
use std::sync::Arc;

use mailwright::model::event::{Change, MessageChange, ServiceChange};
use mailwright::model::message::{Message, Recipient};
use mailwright::model::service::ServiceState;
use mailwright::model::state::{Event, MessageState};
use mailwright::model::{MessageId, ServiceId};

use super::Evidence;
use crate::house::Lasting;
use crate::world::World;

/// What the log has told up to a place.
#[derive(Default)]
struct Told {
    messages: BTreeMap<MessageId, (Message, u64)>,
    recipients: BTreeMap<String, Recipient>,
    services: BTreeMap<ServiceId, ServiceState>,
}

pub fn check(lasting: &Arc<Lasting>, evidence: &Evidence) {
    let world = &lasting.world;
    let mut told = Told::default();
    for (place, event) in (1..).zip(&evidence.events) {
        if event.sequence != place {
            world.violated(format!("event {} stands at place {place}", event.sequence));
        }
        match &event.change {
            Change::Message(change) => told.message(world, place, change),
            Change::Service(change) => told.service(world, place, change),
        }
    }
    told.matches_what_is_read(world, evidence);
    let watched = &lasting.ledger.books().watched;
    if watched[..] != evidence.events[..watched.len().min(evidence.events.len())] {
        world.violated("the watcher saw another log");
    }
}

impl Told {
    fn message(&mut self, world: &World, place: u64, change: &MessageChange) {
        let id = &change.message.id;
        let before = self.messages.get(id).map(|(message, _)| message.state);
        let (claimed, after) = (change.previous_state, change.message.state);
        if before != claimed {
            world.violated(format!(
                "event {place}: {id} was {before:?}, not {claimed:?}"
            ));
        }
        if !is_legal(before, after) {
            world.violated(format!("event {place}: {id} from {before:?} to {after:?}"));
        }
        if after == MessageState::Held && change.message.problem.is_none() {
            world.violated(format!("event {place}: {id} is held for no reason"));
        }
        let message = (change.message.clone(), place);
        self.messages.insert(id.clone(), message);
        for recipient in &change.recipients {
            let key = format!("{id} {}", recipient.address);
            self.recipients.insert(key, recipient.clone());
        }
    }

    fn service(&mut self, world: &World, place: u64, change: &ServiceChange) {
        let id = &change.service.id;
        let before = self.services.get(id).copied();
        if before != change.previous_state {
            let claimed = change.previous_state;
            world.violated(format!(
                "event {place}: {id} was {before:?}, not {claimed:?}"
            ));
        }
        let state = change.service.state(change.pause.as_ref());
        match change.deleted {
            true => self.services.remove(id),
            false => self.services.insert(id.clone(), state),
        };
    }

    fn matches_what_is_read(&self, world: &World, evidence: &Evidence) {
        for (full, place) in &evidence.messages {
            let id = &full.message.id;
            let read = Message {
                body_key: Vec::new(),
                ..full.message.clone()
            };
            if self.messages.get(id) != Some(&(read, *place)) {
                world.violated(format!("{id} reads differently from its last event"));
            }
            for recipient in &full.recipients {
                let key = format!("{id} {}", recipient.address);
                let never_told = recipient.update_time == full.message.create_time;
                match self.recipients.get(&key) {
                    Some(told) if told == recipient => {}
                    None if never_told => {}
                    _ => world.violated(format!("{key} reads differently from its last event")),
                }
            }
        }
        for row in &evidence.services {
            let id = &row.service.id;
            if self.services.get(id) != Some(&row.state()) {
                world.violated(format!("{id} reads differently from its last event"));
            }
            if row.pending_messages > 0 {
                world.violated(format!("{id} counts {} pending", row.pending_messages));
            }
        }
    }
}

fn is_legal(before: Option<MessageState>, after: MessageState) -> bool {
    let Some(before) = before else {
        // A test is kept when it has ended.
        return matches!(
            after,
            MessageState::Queued | MessageState::Held | MessageState::Sent | MessageState::Failed
        );
    };
    let plain = [
        Event::Claim,
        Event::Hold,
        Event::Release,
        Event::Defer,
        Event::Expire,
        Event::Cancel,
    ];
    let mut events = plain
        .into_iter()
        .chain(MessageState::ALL.map(Event::Settle));
    events.any(|event| before.after(event) == Some(after))
}
