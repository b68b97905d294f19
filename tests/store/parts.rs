//! Promises about messages with more recipients than one transaction may hold.

use mailwright::model::message::{Claim, Finished, Next, Outcome};

use crate::fixtures::*;

/// A message of so many recipients, in a service whose transactions hold so many.
async fn parted(store: &Shared, recipients: u32, at_most: u32) {
    let mut small = service("news", "news");
    small.config.delivery.recipients_per_message = Some(at_most);
    create_tested(store, small).await;
    enqueue(store, 0, to_many(message("news", 1), recipients)).await;
}

/// The first recipient of the claim is to be tried again at 500, the others are accepted.
fn all_but_first(claim: &Claim) -> Finished {
    let mut finished = accepted(claim);
    finished.recipients[0].outcome = Outcome::Pending;
    finished.next = Next::At {
        time: at(500),
        spends: true,
    };
    finished
}

pub async fn the_least_tried_recipients_go_first(store: Shared) {
    parted(&store, 3, 1).await;
    let mut tried = Vec::new();
    for n in 0..6 {
        let claim = claim_one(&store, n).await;
        tried.extend(claim.recipients.clone());
        let later = deferred(&claim, n + 1, true);
        store.finish(at(n), &claim, later).await.unwrap();
    }
    assert_eq!(tried, [0, 1, 2, 0, 1, 2]);
}

pub async fn a_round_goes_on_at_once_and_then_waits(store: Shared) {
    parted(&store, 4, 2).await;
    let first = claim_one(&store, 0).await;
    assert_eq!(first.recipients, [0, 1]);
    let finished = all_but_first(&first);
    store.finish(at(1), &first, finished).await.unwrap();
    let second = claim_one(&store, 1).await;
    assert_eq!(second.recipients, [2, 3]);
    assert_eq!(full(&store, 1).await.message.deferrals, 0);
    let finished = Finished {
        next: all_but_first(&second).next,
        ..accepted(&second)
    };
    store.finish(at(2), &second, finished).await.unwrap();
    let message = full(&store, 1).await.message;
    assert_eq!((message.next_attempt_time, message.deferrals), (at(500), 1));
    assert_eq!(claim_one(&store, 500).await.recipients, [0]);
}

pub async fn a_round_waits_where_nothing_was_decided(store: Shared) {
    parted(&store, 4, 2).await;
    let claim = claim_one(&store, 0).await;
    let later = deferred(&claim, 500, true);
    store.finish(at(1), &claim, later).await.unwrap();
    let message = full(&store, 1).await.message;
    assert_eq!((message.next_attempt_time, message.deferrals), (at(500), 1));
    assert_eq!(claim_one(&store, 500).await.recipients, [2, 3]);
}
