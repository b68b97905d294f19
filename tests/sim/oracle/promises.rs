//! What callers were told, against what became of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use mailwright::model::MessageId;
use mailwright::model::message::FullMessage;
use mailwright::model::state::MessageState;

use super::Evidence;
use crate::callers::Letter;
use crate::house::Lasting;
use crate::plan::Act;

pub fn check(lasting: &Arc<Lasting>, evidence: &Evidence) {
    let messages: BTreeMap<_, _> = evidence
        .messages
        .iter()
        .map(|(full, _)| (&full.message.id, full))
        .collect();
    let letters = lasting.ledger.books().letters.clone();
    for (number, letter) in letters.iter().enumerate() {
        let service = lasting.world.plan().sends[number].service;
        let deletes = |(_, act): &(_, Act)| matches!(act, Act::Delete(which) if *which == service);
        let is_deleted = lasting.world.plan().acts.iter().any(deletes);
        let may_be_cancelled = lasting.world.plan().sends[number].cancel_after.is_some();
        let case = (is_deleted, may_be_cancelled);
        for text in check_letter(letter, case, &messages) {
            lasting.world.violated(format!("letter {number}: {text}"));
        }
    }
    let mut requests = BTreeMap::new();
    for full in messages.values() {
        if let Some(request) = &full.message.request_id {
            let key = (&full.message.service_id, request);
            *requests.entry(key).or_insert(0) += 1;
        }
    }
    for ((service, request), count) in requests {
        if count > 1 {
            let text = format!("{service} {request}: {count} messages of one request");
            lasting.world.violated(text);
        }
    }
}

fn check_letter(
    letter: &Letter,
    (is_deleted, may_be_cancelled): (bool, bool),
    messages: &BTreeMap<&MessageId, &FullMessage>,
) -> Vec<String> {
    let mut broken = Vec::new();
    let mut ids = letter.accepted.clone();
    ids.dedup();
    if ids.len() > 1 {
        broken.push(format!("one request became {ids:?}"));
    }
    for id in ids {
        let Some(full) = messages.get(&id) else {
            broken.push(format!("{id} was accepted, and is gone"));
            continue;
        };
        let state = full.message.state;
        if !state.has_ended() {
            broken.push(format!("{id} was accepted, and is {state}"));
        }
        // It isn't sent any more, but a reply to an earlier attempt was lost: nobody knows.
        let may_be_sent = letter.cancelled && full.attempts.iter().any(|attempt| attempt.uncertain);
        let is_cancelled =
            state == MessageState::Cancelled || (may_be_sent && state == MessageState::Uncertain);
        if state == MessageState::Cancelled && !is_deleted && !may_be_cancelled {
            broken.push(format!("{id} is {state}, and nobody asked for it"));
        }
        // Whoever deletes a service may cancel what its caller could not.
        if letter.cancel_over && letter.cancelled != is_cancelled && !is_deleted {
            let told = letter.cancelled;
            broken.push(format!(
                "{id} was told to be cancelled ({told}), and is {state}"
            ));
        }
    }
    broken
}
