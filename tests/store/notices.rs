//! Promises about notices of a client secret's expiry.

use mailwright::model::Reason;
use mailwright::model::service::{Auth, Service, ServiceState};

use crate::fixtures::*;

const DAY: i64 = 24 * 3_600;
const EXPIRY: i64 = 100 * DAY;

fn expiring_at(mut service: Service, time: Option<i64>) -> Service {
    if let Auth::OAuth2(oauth2) = &mut service.config.auth {
        oauth2.client_secret_expire_time = time.map(at);
    }
    service
}

/// READY, with a client secret that expires at [`EXPIRY`].
async fn expiring(store: &Shared, id: &str) {
    create_tested(store, expiring_at(oauth_service(id, id), Some(EXPIRY))).await;
    store.save_token(at(0), token(id, 0)).await.unwrap();
}

async fn expire_at(store: &Shared, now: i64, time: Option<i64>) {
    let mut change = change_of(store, "news").await;
    change.service = expiring_at(change.service, time);
    store.replace_service(at(now), change).await.unwrap();
}

async fn given(store: &Shared, now: i64) -> usize {
    let before = newest(store).await;
    while store.give_notice(at(now), 1).await.unwrap() == 1 {}
    let events = events(store, before).await;
    for change in service_changes(&events) {
        assert_eq!(change.previous_state, Some(ServiceState::Ready));
        assert!(!change.deleted);
    }
    events.len()
}

pub async fn notice_is_given_once_at_each_time(store: Shared) {
    expiring(&store, "news").await;
    store.claim_refreshes(at(3_000), 9).await.unwrap();
    for days in [70, 93, 99] {
        let time = days * DAY;
        assert_eq!(next_due(&store, time - 1).await, Some(at(time)));
        assert_eq!(given(&store, time - 1).await, 0);
        assert_eq!(given(&store, time).await, 1);
        store.recover(at(time)).await.unwrap();
        store.claim_refreshes(at(time), 9).await.unwrap();
        assert_eq!(given(&store, time + 1).await, 0, "and not after a restart");
    }
    assert_eq!(next_due(&store, 99 * DAY).await, None);
    assert_eq!(given(&store, EXPIRY + DAY).await, 0);
}

pub async fn notices_that_pass_together_are_one(store: Shared) {
    expiring(&store, "news").await;
    expiring(&store, "more").await;
    assert_eq!(given(&store, 98 * DAY).await, 2);
    assert_eq!(given(&store, 99 * DAY).await, 2);
}

pub async fn a_forecast_is_no_state_and_no_problem_of_mail(store: Shared) {
    expiring(&store, "news").await;
    let now = 71 * DAY;
    given(&store, now).await;
    let row = store.service(&svc("news")).await.unwrap().unwrap();
    assert_eq!((row.state(), row.problem()), (ServiceState::Ready, None));
    let forecast = row.forecast(at(now)).unwrap();
    assert_eq!(forecast.reason, Reason::ClientSecretExpiresSoon);
    assert_eq!(forecast.since, Some(at(70 * DAY)));
    assert!(forecast.summary.contains(&at(EXPIRY).to_string()));
    assert_eq!(row.forecast(at(70 * DAY - 1)), None);
    assert!(row.forecast(at(EXPIRY)).unwrap().summary.contains("passed"));
    enqueue(&store, now, message("news", 1)).await;
    assert_eq!(full(&store, 1).await.message.problem, None);
}

pub async fn a_new_expiry_moves_the_notices(store: Shared) {
    expiring(&store, "news").await;
    store.claim_refreshes(at(3_000), 9).await.unwrap();
    expire_at(&store, 71 * DAY, Some(200 * DAY)).await;
    assert_eq!(given(&store, 100 * DAY).await, 0);
    assert_eq!(next_due(&store, 100 * DAY).await, Some(at(170 * DAY)));
    // What a change shows at once needs no notice behind it.
    expire_at(&store, 100 * DAY, Some(105 * DAY)).await;
    assert_eq!(given(&store, 100 * DAY).await, 0);
    assert_eq!(given(&store, 104 * DAY).await, 1);
    expire_at(&store, 104 * DAY, None).await;
    assert_eq!(next_due(&store, 104 * DAY).await, None);
}

pub async fn nobody_hears_of_a_service_that_cannot_send_or_is_gone(store: Shared) {
    expiring(&store, "news").await;
    expiring(&store, "gone").await;
    let id = svc("gone");
    store.delete_service(at(1), &id, None, false).await.unwrap();
    suspend(&store, 1, "news", true).await;
    assert_eq!(given(&store, 93 * DAY).await, 0);
    suspend(&store, 94 * DAY, "news", false).await;
    assert_eq!(given(&store, 99 * DAY).await, 1);
}
