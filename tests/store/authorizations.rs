//! Promises about authorizations and tokens.

use mailwright::model::service::{Auth, Grant, ServiceState};
use mailwright::model::state::MessageState;
use mailwright::model::{Reason, Timestamp};
use mailwright::store::{PendingAuthorization, Promotion, SecretsWrite, StoreError};

use crate::fixtures::*;

/// An authorization that expires at 600 seconds; `n` stands for its state.
pub fn pending(service: &str, n: u8) -> PendingAuthorization {
    PendingAuthorization {
        state_hash: [n; 32],
        service_id: svc(service),
        sealed_verifier: sealed("verifier"),
        redirect_uri: "https://mail.example.com/oauth2/callback".into(),
        return_url: String::new(),
        expire_time: at(600),
    }
}

pub async fn a_pending_authorization_is_taken_once(store: Shared) {
    ready(&store, "news").await;
    let begun = pending("news", 1);
    store
        .begin_authorization(at(0), begun.clone())
        .await
        .unwrap();
    assert_eq!(store.take_authorization(at(1), &[2; 32]).await, Ok(None));
    let taken = store.take_authorization(at(1), &[1; 32]).await;
    assert_eq!(taken, Ok(Some(begun)));
    assert_eq!(store.take_authorization(at(1), &[1; 32]).await, Ok(None));
}

pub async fn a_failed_authorization_is_told_until_one_is_granted(store: Shared) {
    authorized(&store, "news").await;
    let id = svc("news");
    let kept = async || store.service(&id).await.unwrap().unwrap().service;
    let before = newest(&store).await;
    let denied = diagnosis(Reason::ConsentDenied);
    let failed = store.fail_authorization(at(5), &id, denied.clone()).await;
    failed.unwrap();
    let shown = kept().await.failed_authorization.unwrap();
    assert_eq!((shown.reason, shown.since), (denied.reason, Some(at(5))));
    let events = events(&store, before).await;
    let changes = service_changes(&events);
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].service.failed_authorization, Some(shown));

    store.save_token(at(6), token("news", 1)).await.unwrap();
    assert!(kept().await.failed_authorization.is_some(), "by a refresh");
    let mut granted = token("news", 2);
    granted.authorization.authorize_time = at(7);
    store.save_token(at(7), granted).await.unwrap();
    assert_eq!(kept().await.failed_authorization, None);

    let gone = svc("gone");
    let failed = store.fail_authorization(at(8), &gone, denied).await;
    assert_eq!(failed, Err(StoreError::NotFound));
}

pub async fn a_new_authorization_ends_earlier_ones_of_its_service_alone(store: Shared) {
    ready(&store, "news").await;
    ready(&store, "other").await;
    for begun in [pending("news", 1), pending("other", 2), pending("news", 3)] {
        store.begin_authorization(at(0), begun).await.unwrap();
    }
    let taken = async |n| {
        let taken = store.take_authorization(at(1), &[n; 32]).await.unwrap();
        taken.is_some()
    };
    assert!(!taken(1).await);
    assert!(taken(2).await);
    assert!(taken(3).await);
}

pub async fn an_expired_authorization_is_not_taken(store: Shared) {
    ready(&store, "news").await;
    store
        .begin_authorization(at(0), pending("news", 1))
        .await
        .unwrap();
    assert_eq!(store.take_authorization(at(600), &[1; 32]).await, Ok(None));
}

pub async fn a_token_makes_the_grant_live_and_releases_mail(store: Shared) {
    create_tested(&store, oauth_service("news", "news")).await;
    enqueue(&store, 1, message("news", 1)).await;
    assert_eq!(state(&store, 1).await, MessageState::Held);
    let before = newest(&store).await;
    assert_eq!(store.save_token(at(2), token("news", 0)).await, Ok(1));

    let row = store.service(&svc("news")).await.unwrap().unwrap();
    assert_eq!(row.service.grant, Grant::Live);
    assert_eq!(
        row.service.authorization,
        Some(token("news", 0).authorization)
    );
    let kept = store.token(&svc("news")).await.unwrap().unwrap();
    assert_eq!(
        (kept.generation, kept.failures, kept.claimed),
        (1, 0, false)
    );
    assert_eq!(kept.sealed, sealed("token"));
    assert_eq!(state(&store, 1).await, MessageState::Queued);
    let events = events(&store, before).await;
    let changes = service_changes(&events);
    assert_eq!(
        changes[0].previous_state,
        Some(ServiceState::PendingAuthorization)
    );
    assert_eq!((changes.len(), message_changes(&events).len()), (1, 1));
}

pub async fn a_token_is_saved_only_after_the_one_it_follows(store: Shared) {
    create_tested(&store, oauth_service("news", "news")).await;
    let ahead = store.save_token(at(0), token("news", 1)).await;
    assert_eq!(ahead, Err(StoreError::Stale));
    assert_eq!(store.save_token(at(0), token("news", 0)).await, Ok(1));
    let again = store.save_token(at(0), token("news", 0)).await;
    assert_eq!(again, Err(StoreError::Stale));
    assert_eq!(store.save_token(at(0), token("news", 1)).await, Ok(2));
}

pub async fn generations_grow_across_authorizations_and_services(store: Shared) {
    let generation = async || {
        let row = store.service(&svc("news")).await.unwrap().unwrap();
        row.token_generation
    };
    create_tested(&store, oauth_service("news", "news")).await;
    assert_eq!(generation().await, 0);
    store.save_token(at(0), token("news", 0)).await.unwrap();
    assert_eq!(generation().await, 1);
    forget_grant(&store, 1, "news").await;
    let late = store.save_token(at(2), token("news", 1)).await;
    assert_eq!(late, Err(StoreError::Stale), "a refresh of the old grant");
    let first = generation().await;
    assert!(first >= 1);
    let saved = store.save_token(at(2), token("news", first)).await;
    assert_eq!(saved, Ok(first + 1), "sealed as the one after");

    let id = svc("news");
    store.delete_service(at(3), &id, None, false).await.unwrap();
    create_tested(&store, oauth_service("news", "news")).await;
    let late = store.save_token(at(4), token("news", first + 1)).await;
    assert_eq!(late, Err(StoreError::Stale), "of the deleted service");
    let second = generation().await;
    let saved = store.save_token(at(4), token("news", second)).await;
    assert_eq!(saved, Ok(second + 1));
}

pub async fn an_authorization_under_way_ends_when_its_grant_is_forgotten(store: Shared) {
    create_tested(&store, oauth_service("news", "news")).await;
    forget_grant(&store, 1, "news").await;
    let late = store.save_token(at(2), token("news", 0)).await;
    assert_eq!(late, Err(StoreError::Stale), "for the settings before");
}

pub async fn a_refresh_that_changes_only_times_is_no_event(store: Shared) {
    authorized(&store, "news").await;
    let before = newest(&store).await;
    let old = store.service(&svc("news")).await.unwrap().unwrap().service;
    let mut refreshed = token("news", 1);
    refreshed.authorization.access_token_expire_time = at(9_000);
    refreshed.authorization.last_refresh_time = Some(at(50));
    refreshed.authorization.next_refresh_time = Some(at(8_000));
    store.save_token(at(50), refreshed.clone()).await.unwrap();

    let new = store.service(&svc("news")).await.unwrap().unwrap().service;
    assert_eq!(new.authorization, Some(refreshed.authorization));
    assert_eq!(new.revision, old.revision);
    assert_eq!(newest(&store).await, before);

    let mut renewed = token("news", 2);
    renewed.authorization.authorize_time = at(60);
    store.save_token(at(60), renewed).await.unwrap();
    assert_eq!(newest(&store).await, before + 1);
}

pub async fn a_refresh_is_claimed_once_when_it_is_due(store: Shared) {
    for id in ["svc-a", "svc-b", "svc-c"] {
        authorized(&store, id).await;
    }
    let claim = async |now, limit| store.claim_refreshes(at(now), limit).await.unwrap();
    assert!(claim(2_999, 9).await.is_empty());
    assert_eq!(claim(3_000, 2).await, [svc("svc-a"), svc("svc-b")]);
    assert_eq!(claim(3_000, 9).await, [svc("svc-c")]);
    assert!(claim(3_001, 9).await.is_empty());
    assert!(store.token(&svc("svc-a")).await.unwrap().unwrap().claimed);

    let mut next = token("svc-a", 1);
    next.refresh_time = Some(at(4_000));
    store.save_token(at(3_001), next).await.unwrap();
    assert!(claim(3_999, 9).await.is_empty());
    assert_eq!(claim(4_000, 9).await, [svc("svc-a")]);

    let mut last = token("svc-a", 2);
    last.refresh_time = None;
    store.save_token(at(4_001), last).await.unwrap();
    assert!(claim(99_999, 9).await.is_empty());
}

pub async fn the_longest_due_are_claimed_first(store: Shared) {
    for (id, due) in [("svc-a", 3_000), ("svc-b", 1_000), ("svc-c", 2_000)] {
        create_tested(&store, oauth_service(id, id)).await;
        let mut token = token(id, 0);
        token.refresh_time = Some(at(due));
        store.save_token(at(0), token).await.unwrap();
    }
    let due = async || next_due(&store, 1_500).await;
    assert_eq!(
        due().await,
        Some(at(2_000)),
        "what is due already is no news"
    );
    let claim = async |limit| store.claim_refreshes(at(9_000), limit).await.unwrap();
    assert_eq!(claim(2).await, [svc("svc-b"), svc("svc-c")]);
    assert_eq!(due().await, Some(at(3_000)));
    assert_eq!(claim(2).await, [svc("svc-a")]);
}

pub async fn the_frequencies_of_all_that_is_refreshed_add_up(store: Shared) {
    let all = async || store.refresh_frequency().await.unwrap();
    assert_eq!(all().await, 0);
    for id in ["svc-a", "svc-b", "svc-c"] {
        authorized(&store, id).await;
    }
    assert_eq!(all().await, 1_200);
    let mut slower = token("svc-a", 1);
    slower.frequency = 100;
    store.save_token(at(1), slower).await.unwrap();
    assert_eq!(all().await, 900);
    store.claim_refreshes(at(3_000), 9).await.unwrap();
    assert_eq!(all().await, 900, "under way, it counts as well");
    let (a, b, c) = (svc("svc-a"), svc("svc-b"), svc("svc-c"));
    let postponed = store.postpone_refresh(at(2), &a, 2, at(9), unavailable());
    postponed.await.unwrap();
    assert_eq!(all().await, 900);
    let dead = diagnosis(Reason::GrantDead);
    store.bury_grant(at(3), &b, 1, dead).await.unwrap();
    assert_eq!(all().await, 500);
    store.delete_service(at(4), &c, None, false).await.unwrap();
    forget_grant(&store, 5, "svc-a").await;
    assert_eq!(all().await, 0);
    store.save_token(at(6), token("svc-b", 1)).await.unwrap();
    store.recover(at(7)).await.unwrap();
    assert_eq!(all().await, 400);
}

pub async fn a_postponed_refresh_comes_back_later(store: Shared) {
    authorized(&store, "news").await;
    let id = svc("news");
    for failures in 1..3 {
        let now = 3_000 + 100 * i64::from(failures);
        assert_eq!(
            store.claim_refreshes(at(now), 9).await.unwrap(),
            std::slice::from_ref(&id)
        );
        store
            .postpone_refresh(at(now), &id, 1, at(now + 100), unavailable())
            .await
            .unwrap();
        let token = store.token(&id).await.unwrap().unwrap();
        assert_eq!((token.failures, token.claimed), (failures, false));
        assert_eq!(token.refresh_time, Some(at(now + 100)));
        assert_eq!(token.last_failure, Some(unavailable()));
        let shown = store.service(&id).await.unwrap().unwrap().service;
        let shown = shown.authorization.unwrap().next_refresh_time;
        assert_eq!(shown, Some(at(now + 100)));
        assert!(
            store
                .claim_refreshes(at(now + 99), 9)
                .await
                .unwrap()
                .is_empty()
        );
    }
}

pub async fn trying_again_makes_a_failed_refresh_due(store: Shared) {
    authorized(&store, "news").await;
    let id = svc("news");
    let due = async |now| store.claim_refreshes(at(now), 9).await.unwrap();
    let try_again = async |now| {
        let mut change = change_of(&store, "news").await;
        change.try_again = true;
        store.replace_service(at(now), change).await.unwrap();
    };
    try_again(1).await;
    assert!(due(1).await.is_empty(), "nothing has failed");
    assert_eq!(due(3_000).await.len(), 1);
    store
        .postpone_refresh(at(3_000), &id, 1, at(9_000), unavailable())
        .await
        .unwrap();
    assert!(due(3_001).await.is_empty());
    try_again(3_001).await;
    assert_eq!(due(3_001).await, std::slice::from_ref(&id));
    store
        .postpone_refresh(at(3_002), &id, 1, at(3_010), unavailable())
        .await
        .unwrap();
    assert_eq!(due(3_010).await.len(), 1);
    let under_way = store.token(&id).await.unwrap();
    try_again(3_011).await;
    assert_eq!(store.token(&id).await.unwrap(), under_way);
    assert!(due(3_011).await.is_empty());
}

pub async fn a_new_authorization_may_end_the_pause(store: Shared) {
    let mailbox = authorized(&store, "news").await;
    store
        .pause_mailbox(at(1), &mailbox, pause(1, 600))
        .await
        .unwrap();
    enqueue(&store, 2, message("news", 1)).await;
    store.save_token(at(3), token("news", 1)).await.unwrap();
    assert_eq!(service_state(&store, "news").await, ServiceState::Blocked);
    let mut anew = token("news", 2);
    anew.end_pause = true;
    store.save_token(at(4), anew).await.unwrap();
    assert_eq!(service_state(&store, "news").await, ServiceState::Ready);
    assert_eq!(state(&store, 1).await, MessageState::Queued);
}

pub async fn a_revoked_grant_takes_its_token_and_what_is_under_way_along(store: Shared) {
    authorized(&store, "news").await;
    let id = svc("news");
    let begin = store.begin_authorization(at(1), pending("news", 1));
    begin.await.unwrap();
    let (before, kept) = (newest(&store).await, store.token(&id).await.unwrap());
    assert_eq!(store.forget_grant(at(2), &id).await, Ok(kept));
    assert_eq!(store.token(&id).await, Ok(None));
    assert_eq!(store.take_authorization(at(3), &[1; 32]).await, Ok(None));
    assert!(
        store
            .claim_refreshes(at(9_999), 9)
            .await
            .unwrap()
            .is_empty()
    );
    let late = store.save_token(at(3), token("news", 1)).await;
    assert_eq!(late, Err(StoreError::Stale), "a refresh under way");
    let row = store.service(&id).await.unwrap().unwrap();
    assert_eq!(row.state(), ServiceState::PendingAuthorization);
    assert_eq!(row.service.authorization, None);
    let told = events(&store, before).await;
    let changes = service_changes(&told);
    assert_eq!((told.len(), changes.len()), (1, 1));
    assert_eq!(changes[0].previous_state, Some(ServiceState::Ready));

    // Again: only what was begun since ends.
    let begin = store.begin_authorization(at(4), pending("news", 2));
    begin.await.unwrap();
    assert_eq!(store.forget_grant(at(5), &id).await, Ok(None));
    assert_eq!(store.take_authorization(at(6), &[2; 32]).await, Ok(None));
    assert_eq!(newest(&store).await, before + 1);
    let none = store.forget_grant(at(6), &svc("nobody")).await;
    assert_eq!(none, Err(StoreError::NotFound));
}

/// A service whose two client secrets are stored, and the promotion of the second.
async fn two_secrets(store: &Shared) -> Promotion {
    authorized(store, "news").await;
    let mut change = change_of(store, "news").await;
    if let Auth::OAuth2(oauth2) = &mut change.service.config.auth {
        oauth2.client_secret_hint = "old".into();
        oauth2.next_client_secret_hint = "new".into();
        oauth2.client_secret_expire_time = Some(at(5_000));
    }
    change.secrets = SecretsWrite::Put(sealed("both"));
    store.replace_service(at(1), change).await.unwrap();
    Promotion {
        seen: sealed("both"),
        secrets: sealed("the second"),
        client_secret_hint: "new".into(),
    }
}

/// The client secret's hint, the next one's, and when the first expires.
async fn shown(store: &Shared) -> (String, String, Option<Timestamp>) {
    let service = store.service(&svc("news")).await.unwrap().unwrap().service;
    let oauth2 = service.config.oauth2().unwrap().clone();
    let time = oauth2.client_secret_expire_time;
    (
        oauth2.client_secret_hint,
        oauth2.next_client_secret_hint,
        time,
    )
}

pub async fn a_client_secret_is_promoted_with_the_token_that_it_bought(store: Shared) {
    let promotion = two_secrets(&store).await;
    let (id, before) = (svc("news"), newest(&store).await);
    let mut late = token("news", 0);
    late.promotion = Some(promotion.clone());
    assert_eq!(
        store.save_token(at(2), late.clone()).await,
        Err(StoreError::Stale)
    );
    assert_eq!(store.secrets(&id).await, Ok(Some(sealed("both"))));

    late.expected_generation = 1;
    assert_eq!(store.save_token(at(2), late).await, Ok(2));
    assert_eq!(store.secrets(&id).await, Ok(Some(sealed("the second"))));
    assert_eq!(shown(&store).await, ("new".into(), String::new(), None));
    let events = events(&store, before).await;
    assert_eq!(service_changes(&events).len(), 1);
}

pub async fn no_secret_is_promoted_over_those_that_were_set_meanwhile(store: Shared) {
    let promotion = two_secrets(&store).await;
    let mut change = change_of(&store, "news").await;
    change.secrets = SecretsWrite::Put(sealed("newer"));
    store.replace_service(at(2), change).await.unwrap();
    let before = shown(&store).await;
    let mut bought = token("news", 1);
    bought.promotion = Some(promotion);
    assert_eq!(store.save_token(at(3), bought).await, Ok(2), "it is kept");
    let kept = store.secrets(&svc("news")).await;
    assert_eq!(kept, Ok(Some(sealed("newer"))));
    assert_eq!(shown(&store).await, before);
}

pub async fn a_dead_grant_is_not_refreshed_but_keeps_its_token(store: Shared) {
    authorized(&store, "news").await;
    let id = svc("news");
    let dead = diagnosis(Reason::GrantDead);
    let before = newest(&store).await;
    store.bury_grant(at(1), &id, 1, dead.clone()).await.unwrap();
    let row = store.service(&id).await.unwrap().unwrap();
    assert_eq!(row.service.grant, Grant::Dead(dead));
    assert_eq!(row.state(), ServiceState::NeedsAuthorization);
    assert!(store.token(&id).await.unwrap().is_some());
    assert!(
        store
            .claim_refreshes(at(9_999), 9)
            .await
            .unwrap()
            .is_empty()
    );
    let events = events(&store, before).await;
    let changes = service_changes(&events);
    assert_eq!(changes[0].previous_state, Some(ServiceState::Ready));
    assert_eq!(store.save_token(at(2), token("news", 1)).await, Ok(2));
    assert_eq!(service_state(&store, "news").await, ServiceState::Ready);
}

pub async fn a_dead_grant_holds_mail_with_its_diagnosis(store: Shared) {
    authorized(&store, "news").await;
    enqueue(&store, 0, message("news", 1)).await;
    let dead = diagnosis(Reason::GrantDead);
    store
        .bury_grant(at(1), &svc("news"), 1, dead)
        .await
        .unwrap();
    assert!(claim(&store, 2).await.is_empty());
    enqueue(&store, 3, message("news", 2)).await;
    for n in [1, 2] {
        let message = full(&store, n).await.message;
        assert_eq!(message.state, MessageState::Held);
        assert_eq!(message.problem.unwrap().reason, Reason::GrantDead);
    }
    store.save_token(at(4), token("news", 1)).await.unwrap();
    assert_eq!(claim(&store, 4).await.len(), 2);
}

pub async fn a_late_refresh_changes_nothing(store: Shared) {
    authorized(&store, "news").await;
    store.save_token(at(1), token("news", 1)).await.unwrap();
    let id = svc("news");
    let (before, row) = (newest(&store).await, store.token(&id).await.unwrap());
    let stale = Err(StoreError::Stale);
    let dead = diagnosis(Reason::GrantDead);
    assert_eq!(
        store
            .postpone_refresh(at(2), &id, 1, at(3), unavailable())
            .await,
        stale.clone()
    );
    assert_eq!(store.bury_grant(at(2), &id, 1, dead.clone()).await, stale);
    let saved = store.save_token(at(2), token("news", 1)).await;
    assert_eq!(saved, Err(StoreError::Stale));
    assert_eq!(store.token(&id).await.unwrap(), row);
    assert_eq!(newest(&store).await, before);

    forget_grant(&store, 3, "news").await;
    assert_eq!(
        store
            .postpone_refresh(at(4), &id, 2, at(5), unavailable())
            .await,
        stale.clone()
    );
    assert_eq!(store.bury_grant(at(4), &id, 2, dead).await, stale);
}
