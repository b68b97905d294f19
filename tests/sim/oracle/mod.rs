//! What must hold once everything has ended, whatever the seed let happen.

mod feed;
mod mail;
mod promises;

use std::sync::Arc;

use mailwright::model::event::Event;
use mailwright::model::message::FullMessage;
use mailwright::model::state::MessageState;
use mailwright::store::{MessageFilter, ServiceFilter, ServiceRow, Store};

use crate::house::Lasting;

/// Everything that is stored at the end.
pub struct Evidence {
    /// With attempts, each with the place of its newest event.
    pub messages: Vec<(FullMessage, u64)>,
    pub events: Vec<Event>,
    pub services: Vec<ServiceRow>,
}

impl Evidence {
    pub async fn gather(lasting: &Lasting) -> Self {
        let store = &lasting.kept;
        let all = MessageFilter::default();
        let mut messages = Vec::new();
        for (listed, _) in store.messages(&all, None, usize::MAX).await.unwrap() {
            let found = store.message(&listed.message.id).await.unwrap();
            messages.push(found.expect("what is listed is there"));
        }
        let services = ServiceFilter::default();
        Self {
            messages,
            events: store.events_after(0, usize::MAX).await.unwrap(),
            services: store.services(&services, None, usize::MAX).await.unwrap(),
        }
    }

    /// What has not ended, a line each.
    pub async fn unfinished(lasting: &Lasting) -> Vec<String> {
        let filter = MessageFilter {
            states: vec![
                MessageState::Queued,
                MessageState::Sending,
                MessageState::Held,
            ],
            ..MessageFilter::default()
        };
        let found = lasting.kept.messages(&filter, None, usize::MAX).await;
        let lines = found.unwrap().into_iter().map(|(full, _)| {
            let message = full.message;
            let problem = message.problem.map(|problem| problem.reason);
            let next = message.next_attempt_time;
            format!(
                "{} is {}, next {next:?}, {problem:?}",
                message.id, message.state
            )
        });
        lines.collect()
    }
}

/// Checks everything; what is broken is told to the world.
pub fn check(lasting: &Arc<Lasting>, evidence: &Evidence) {
    mail::check(&lasting.world, &evidence.messages);
    feed::check(lasting, evidence);
    promises::check(lasting, evidence);
}
