//! Old rows go in parts, so that mail never waits long behind them.

use super::*;

#[tokio::test]
async fn much_that_is_old_goes_in_many_small_transactions() {
    let folder = folder::fresh();
    lives(&folder, async |store| {
        ready(store, "news").await;
        for n in 1..=8 {
            enqueue(store, 0, to_many(message("news", n), 1_000)).await;
            store.cancel_message(at(1), &mid(n)).await.unwrap();
        }
        let commits = || *store.changed().borrow();
        let before = commits();
        store.trim(at(99), at(99), at(99)).await.unwrap();
        let parts = commits() - before;
        assert!(parts >= 4, "8,000 recipients went in {parts} transactions");
        for n in 1..=8 {
            assert_eq!(store.message(&mid(n)).await, Ok(None));
        }
        let bounds = store.bounds().await.unwrap();
        assert_eq!(bounds.oldest, bounds.newest);
    })
    .await;
    // Nothing but the service and what the store says of itself.
    assert!(raw(&folder).len() < 20, "{}", raw(&folder).len());
}
