//! A bug of our own behind the final dot: what may have been taken is not sent again in silence.

use std::sync::Arc;
use std::time::Duration;

use mailwright::model::message::{FullMessage, Outcome};
use mailwright::model::send::SendInput;
use mailwright::model::service::OnUncertain;
use mailwright::model::state::MessageState;
use mailwright::model::{MessageId, Reason};
use mailwright::ops::{Core, send};
use mailwright::work::{self, Tasks};
use tokio::sync::watch;

use crate::house::{self, Lasting};
use crate::{admin, letters};

/// Claims what is due, and waits for its end.
async fn deliver(core: &Arc<Core>) {
    let (mut tasks, (_stop, stop)) = (Tasks::at_most(8), watch::channel(false));
    work::deliver::run_once(core, &stop, &mut tasks)
        .await
        .unwrap();
    tasks.drain().await;
}

async fn full(core: &Core, id: &MessageId) -> FullMessage {
    core.store.message(id).await.unwrap().unwrap().0
}

/// Sends a letter whose delivery panics behind the dot; how it is then, and how it is an hour later.
async fn panicked(lasting: &Arc<Lasting>, policy: OnUncertain) -> [FullMessage; 2] {
    let world = &lasting.world;
    let env = world.begin_process(0);
    let core = house::build(lasting, env.clone(), 0).await;
    admin::set_up(lasting, &core).await;
    world.heal();
    let input = SendInput {
        send_time: None,
        expire_time: None,
        on_uncertain: Some(policy),
        ..letters::write(world.plan(), 0, env.now())
    };
    let id = send::send(&core, input).await.unwrap().message.id;
    world.mine_dots(true);
    deliver(&core).await;
    let then = full(&core, &id).await;
    world.mine_dots(false);
    env.sleep(Duration::from_secs(3_600)).await;
    deliver(&core).await;
    [then, full(&core, &id).await]
}

/// As [`panicked`], and how many copies there are.
fn run(policy: OnUncertain) -> ([FullMessage; 2], usize) {
    let lasting = Lasting::of(1);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let told = runtime.block_on(panicked(&lasting, policy));
    let is_letter = |to: &String| to.starts_with("letter0-0@");
    let copies = |taken: &[crate::world::records::Taken]| {
        let all = taken.iter().flat_map(|taken| &taken.recipients);
        all.filter(|to| is_letter(to)).count()
    };
    (
        told,
        lasting.world.records(|records| copies(&records.taken)),
    )
}

#[test]
fn a_panic_behind_the_dot_waits_for_a_person_on_hold() {
    let (told, copies) = run(OnUncertain::Hold);
    for full in told {
        assert_eq!(full.message.state, MessageState::Uncertain);
        assert!(full.attempts[0].uncertain && full.attempts.len() == 1);
        assert_eq!(full.recipients[0].outcome, Outcome::Uncertain);
        let reason = full.message.problem.unwrap().reason;
        assert_eq!(reason, Reason::ReplyLost);
    }
    assert_eq!(copies, 1);
}

#[test]
fn a_panic_behind_the_dot_is_told_where_it_is_sent_again() {
    let ([then, later], copies) = run(OnUncertain::Resend);
    assert_eq!(then.message.state, MessageState::Queued);
    assert!(then.attempts[0].uncertain);
    assert_eq!(later.message.state, MessageState::Sent);
    assert_eq!(copies, 2);
}
