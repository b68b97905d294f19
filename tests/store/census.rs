//! Promises about what a store tells of itself as a whole.

use mailwright::model::message::{Finished, Outcome};
use mailwright::model::service::{Auth, ServiceState};
use mailwright::store::{Counted, Load, Resolution, Totals};

use crate::fixtures::*;

async fn counted(store: &Shared) -> Vec<Counted> {
    store.count_services(None, 100).await.unwrap()
}

async fn totals(store: &Shared) -> Totals {
    store.totals().await.unwrap()
}

pub async fn what_waits_is_counted_by_service_with_the_oldest_send_time(store: Shared) {
    ready(&store, "bills").await;
    ready(&store, "news").await;
    for (n, send_time) in [(1, 30), (2, 10), (3, 20)] {
        let mut new = message("news", n);
        new.message.send_time = at(send_time);
        enqueue(&store, 5, new).await;
    }
    let [bills, news] = counted(&store).await.try_into().unwrap();
    assert_eq!((bills.id, bills.waiting_since), (svc("bills"), None));
    assert_eq!(
        (news.waiting.messages, news.waiting_since),
        (3, Some(at(10)))
    );
    assert_eq!(totals(&store).await.waiting, news.waiting);

    let first = claim_one(&store, 10).await;
    assert_eq!(
        counted(&store).await[1].waiting_since,
        Some(at(10)),
        "it is under way"
    );
    store
        .finish(at(11), &first, accepted(&first))
        .await
        .unwrap();
    assert_eq!(counted(&store).await[1].waiting_since, Some(at(20)));
    store.cancel_message(at(12), &mid(3)).await.unwrap();
    assert_eq!(counted(&store).await[1].waiting_since, Some(at(30)));
    store.cancel_message(at(12), &mid(1)).await.unwrap();
    let news = counted(&store).await.remove(1);
    assert_eq!((news.waiting, news.waiting_since), (Load::default(), None));
    assert_eq!(totals(&store).await, Totals::default());
}

pub async fn what_is_uncertain_is_counted_until_a_person_has_spoken(store: Shared) {
    ready(&store, "news").await;
    for n in 1..=3 {
        enqueue(&store, 0, message("news", n)).await;
        let claim = claim_one(&store, i64::from(n) * 60).await;
        let lost = Finished {
            uncertain: true,
            ..ended(&claim, Outcome::Uncertain)
        };
        store.finish(at(200), &claim, lost).await.unwrap();
        assert_eq!(totals(&store).await.uncertain, u64::from(n));
    }
    let sent = Resolution::Sent;
    store.resolve_message(at(201), &mid(1), sent).await.unwrap();
    store.resolve_message(at(202), &mid(1), sent).await.unwrap();
    assert_eq!(totals(&store).await.uncertain, 2);
    store
        .retry_message(at(203), &mid(2), at(900))
        .await
        .unwrap();
    assert_eq!(totals(&store).await.uncertain, 1);
    assert_eq!(totals(&store).await.waiting.messages, 1);
}

pub async fn a_page_tells_states_and_the_expiry_of_secrets_behind_a_service(store: Shared) {
    ready(&store, "aaa").await;
    suspend(&store, 1, "aaa", true).await;
    let mut app = oauth_service("bbb", "bbb");
    if let Auth::OAuth2(oauth2) = &mut app.config.auth {
        oauth2.client_secret_expire_time = Some(at(900));
    }
    store.create_service(at(1), app, None).await.unwrap();
    ready(&store, "ccc").await;
    let page = store.count_services(Some(&svc("aaa")), 1).await.unwrap();
    let [bbb] = page.try_into().unwrap();
    assert_eq!(bbb.secret_expire_time, Some(at(900)));
    assert_eq!(bbb.state, ServiceState::PendingAuthorization);
    let states: Vec<_> = counted(&store)
        .await
        .into_iter()
        .map(|one| one.state)
        .collect();
    assert_eq!(states[0], ServiceState::Suspended);
    assert_eq!(states[2], ServiceState::Ready);
}
