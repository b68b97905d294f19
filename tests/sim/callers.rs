//! Applications, admins and watchers: what they call, what they were told, and what they do when
//! they were told nothing. A process that dies takes its callers' connections along; they call
//! again, or never learn what became of it.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use mailwright::model::event::{Change, Cursor, Event};
use mailwright::model::send::SendInput;
use mailwright::model::service::Grant;
use mailwright::model::{Error, MessageId};
use mailwright::ops::feed::{self, Filter, Start};
use mailwright::ops::{Core, messages, send, services};
use tokio::task::JoinSet;

use crate::admin;
use crate::dice::Dice;
use crate::house::Lasting;
use crate::letters;
use crate::plan::Plan;

/// What callers know, whatever happens to the process.
pub struct Ledger(Mutex<Books>);

pub struct Books {
    pub letters: Vec<Letter>,
    pub acts_done: Vec<bool>,
    pub set_up: bool,
    /// Connections that each service may have.
    pub limits: Vec<u32>,
    /// What the watcher saw.
    pub watched: Vec<Event>,
}

/// A message, as its caller knows it.
#[derive(Clone, Default)]
pub struct Letter {
    /// What was sent; a repeated call sends the same.
    pub input: Option<SendInput>,
    pub calls: u32,
    /// A call is under way; if its process dies, nobody knows what became of it.
    pub calling: bool,
    /// Every answer.
    pub accepted: Vec<MessageId>,
    /// There is no answer to come any more.
    pub over: bool,
    pub cancel_over: bool,
    pub cancelled: bool,
}

impl Ledger {
    pub fn new(plan: &Plan) -> Self {
        Self(Mutex::new(Books {
            letters: vec![Letter::default(); plan.sends.len()],
            acts_done: vec![false; plan.acts.len()],
            set_up: false,
            limits: plan.services.iter().map(|s| s.max_connections).collect(),
            watched: Vec::new(),
        }))
    }

    pub fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().expect("nothing panics while it writes")
    }
}

/// Makes all calls of the plan that are not over; returns when they are.
pub async fn call(lasting: &Arc<Lasting>, core: &Arc<Core>) {
    admin::set_up(lasting, core).await;
    let mut calls = JoinSet::new();
    for number in 0..lasting.world.plan().sends.len() {
        calls.spawn(write_letter(lasting.clone(), core.clone(), number));
    }
    for number in 0..lasting.world.plan().acts.len() {
        calls.spawn(admin::act(lasting.clone(), core.clone(), number));
    }
    while let Some(ended) = calls.join_next().await {
        ended.expect("callers don't panic");
    }
}

/// Ends what keeps services from sending; with `all`, whatever an admin could end by hand.
pub async fn mend(lasting: &Arc<Lasting>, core: &Arc<Core>, all: bool) {
    for (number, service) in lasting.world.plan().services.iter().enumerate() {
        let id = service.id.parse().unwrap();
        let Ok(found) = services::get(core, &id).await else {
            continue;
        };
        if service.provider.is_some() && found.service.grant != Grant::Live {
            admin::authorize(lasting, core, number).await.unwrap();
        }
        if all || found.service.suspended {
            services::resume(core, &id).await.unwrap();
        }
    }
}

async fn write_letter(lasting: Arc<Lasting>, core: Arc<Core>, number: usize) {
    let (world, plan) = (&lasting.world, &lasting.world.plan().sends[number]);
    let mut dice = Dice::new(world.plan().seed, "caller", number as u64);
    world.until(plan.at).await;
    {
        let letter = &mut lasting.ledger.books().letters[number];
        // Without a request id nobody dares to repeat a call that was cut off.
        letter.over |= letter.calling && plan.request_id.is_none();
    }
    while !lasting.ledger.books().letters[number].over {
        send_once(&lasting, &core, number).await;
        core.env.sleep(dice.seconds(1, 30)).await;
    }
    if let Some(after) = plan.cancel_after {
        world.until(plan.at + after).await;
        cancel(&lasting, &core, number).await;
    }
}

async fn send_once(lasting: &Arc<Lasting>, core: &Arc<Core>, number: usize) {
    let (world, plan) = (&lasting.world, &lasting.world.plan().sends[number]);
    let input = {
        let letter = &mut lasting.ledger.books().letters[number];
        (letter.calling, letter.calls) = (true, letter.calls + 1);
        let write = || letters::write(world.plan(), number, core.env.now());
        letter.input.get_or_insert_with(write).clone()
    };
    let call = send::send(core, input);
    let answer = match plan.hangs_up_after {
        // The first call only: a caller has to be patient at last.
        Some(after) if lasting.ledger.books().letters[number].calls == 1 => {
            core.env.timeout(after, call).await
        }
        _ => Ok(call.await),
    };
    let who = format!("letter {number}");
    let letter = &mut lasting.ledger.books().letters[number];
    letter.calling = false;
    match answer {
        Ok(Ok(accepted)) => {
            let id = accepted.message.id;
            world.note(
                &who,
                format!("accepted as {id}, known: {}", accepted.deduplicated),
            );
            letter.accepted.push(id);
            letter.over = !(plan.repeats && plan.request_id.is_some()) || letter.accepted.len() > 1;
        }
        Ok(Err(Error::Unavailable { .. })) | Err(_) => {
            world.note(&who, "unavailable, or hung up");
            letter.over = plan.request_id.is_none();
        }
        Ok(Err(error)) => {
            world.note(&who, format!("refused: {error:?}"));
            letter.over = true;
        }
    }
}

async fn cancel(lasting: &Arc<Lasting>, core: &Arc<Core>, number: usize) {
    let letter = lasting.ledger.books().letters[number].clone();
    let Some(id) = letter.accepted.first().filter(|_| !letter.cancel_over) else {
        return;
    };
    for _ in 0..20 {
        let answer = messages::cancel(core, id).await;
        let cancelled = match answer {
            Ok(_) => Some(true),
            // Nothing, or not what was asked for: it is asked again.
            Err(Error::Unavailable { .. }) => None,
            Err(_) => Some(false),
        };
        if let Some(cancelled) = cancelled {
            let letter = &mut lasting.ledger.books().letters[number];
            (letter.cancelled, letter.cancel_over) = (cancelled, true);
            let text = format!("cancelled: {cancelled}");
            return lasting.world.note(&format!("letter {number}"), text);
        }
        core.env.sleep(Duration::from_secs(2)).await;
    }
}

/// Follows the log from where it stood when the last process died.
pub async fn watch(lasting: Arc<Lasting>, core: Arc<Core>) {
    loop {
        match follow(&lasting, &core).await {
            Err(Error::Unavailable { .. }) => core.env.sleep(Duration::from_secs(1)).await,
            Err(error) => return lasting.world.violated(format!("the feed broke: {error:?}")),
            Ok(never) => match never {},
        }
    }
}

async fn follow(lasting: &Arc<Lasting>, core: &Arc<Core>) -> Result<Infallible, Error> {
    let seen = lasting
        .ledger
        .books()
        .watched
        .last()
        .map(|event| event.sequence);
    let start = match seen {
        Some(sequence) => Start::Cursor(Cursor {
            epoch: core.store.bounds().await?.epoch,
            sequence,
        }),
        None => Start::Oldest,
    };
    let mut watch = feed::watch(core, start, Filter::default()).await?;
    loop {
        let note = |event| lasting.ledger.books().watched.push(event);
        watch.next(16, note).await?;
    }
}

/// What an event says, on one line.
pub fn describe(event: &Event) -> String {
    let what = match &event.change {
        Change::Message(change) => {
            let outcomes: Vec<_> = change.recipients.iter().map(|r| r.outcome).collect();
            let attempt = change.attempt.as_ref().map(|attempt| {
                let reply = attempt.reply.as_ref().map(ToString::to_string);
                let (phase, lost) = (attempt.phase, attempt.uncertain);
                format!("{phase:?} {:?} lost: {lost} {reply:?}", attempt.recipients)
            });
            let (id, next) = (&change.message.id, change.message.next_attempt_time);
            let (before, after) = (change.previous_state, change.message.state);
            format!("{id} {before:?} -> {after:?}, next {next:?}, {outcomes:?}, {attempt:?}")
        }
        Change::Service(change) => {
            let state = change.service.state(change.pause.as_ref());
            let probe = change.pause.as_ref().map(|pause| pause.probe_time);
            let (id, before) = (&change.service.id, change.previous_state);
            format!("{id} {before:?} -> {state:?}, probe {probe:?}")
        }
    };
    format!("{} {:?} {what}", event.sequence, event.time)
}
