//! What a seed meets only with luck: a clock that is set back between two turns of a loop.

use std::time::Duration;

use mailwright::work::sweep;

use crate::house::{Lasting, build};

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_puts_off_no_tidying() {
    let lasting = Lasting::of(1);
    let env = lasting.world.begin_process(0);
    let core = build(&lasting, env.clone(), 0).await;
    let mut next_tidy = env.now();
    let due = sweep::run_once(&core, &mut next_tidy).await.unwrap();
    assert_eq!(due, Some(env.now() + Duration::from_secs(30)));
    env.jump(-3 * 3_600);
    let due = sweep::run_once(&core, &mut next_tidy).await.unwrap();
    assert_eq!(due, Some(env.now() + Duration::from_secs(30)));
}
