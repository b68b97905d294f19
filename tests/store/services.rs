//! Promises about services.

use mailwright::model::message::Outcome;
use mailwright::model::service::ServiceState;
use mailwright::model::state::MessageState;
use mailwright::model::{MailboxKey, ServiceId};
use mailwright::store::{SecretsWrite, ServiceFilter, StoreError};

use crate::fixtures::*;

pub async fn a_created_service_can_be_read_and_is_announced(store: Shared) {
    let service = service("news", "news");
    store
        .create_service(at(1), service.clone(), Some(sealed("secrets")))
        .await
        .unwrap();
    let row = store.service(&svc("news")).await.unwrap().unwrap();
    assert_eq!((&row.service, &row.pause), (&service, &None));
    assert_eq!(row.pending_messages, 0);
    let secrets = store.secrets(&svc("news")).await.unwrap();
    assert_eq!(secrets, Some(sealed("secrets")));

    let events = events(&store, 0).await;
    let changes = service_changes(&events);
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].service, service);
    assert_eq!(
        (changes[0].previous_state, changes[0].deleted),
        (None, false)
    );
    assert_eq!(events[0].time, at(1));
}

pub async fn an_id_is_taken_once(store: Shared) {
    ready(&store, "news").await;
    let again = store
        .create_service(at(1), service("news", "other"), Some(sealed("x")))
        .await;
    assert_eq!(again, Err(StoreError::Exists));
    assert_eq!(store.secrets(&svc("news")).await.unwrap(), None);
}

pub async fn an_id_is_not_reused_while_its_messages_are_kept(store: Shared) {
    ready(&store, "news").await;
    enqueue(&store, 0, message("news", 1)).await;
    store
        .delete_service(at(1), &svc("news"), None, true)
        .await
        .unwrap();
    let again = service("news", "news");
    let taken = store.create_service(at(2), again.clone(), None).await;
    assert_eq!(taken, Err(StoreError::Exists));
    store.trim(at(9), at(2), at(2)).await.unwrap();
    store.create_service(at(9), again, None).await.unwrap();
}

pub async fn services_are_listed_by_id_without_loss_or_repetition(store: Shared) {
    let ids: Vec<ServiceId> = (0..7).map(|n| svc(&format!("svc-{n}"))).collect();
    for id in ids.iter().rev() {
        ready(&store, id.as_str()).await;
    }
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let filter = ServiceFilter::default();
        let page = store.services(&filter, after.as_ref(), 3).await.unwrap();
        assert!(page.len() <= 3);
        let Some(last) = page.last() else { break };
        after = Some(last.service.id.clone());
        seen.extend(page.into_iter().map(|row| row.service.id));
    }
    assert_eq!(seen, ids);
}

pub async fn services_are_filtered_by_state_labels_and_name(store: Shared) {
    ready(&store, "svc-a").await;
    let mut other = service("svc-b", "svc-b");
    other.config.labels = labels("team", "ops");
    other.config.display_name = "Nightly REPORTS".into();
    store.create_service(at(0), other, None).await.unwrap();

    let found = async |filter: ServiceFilter| -> Vec<ServiceId> {
        let rows = store.services(&filter, None, 10).await.unwrap();
        rows.into_iter().map(|row| row.service.id).collect()
    };
    let states = ServiceFilter {
        states: vec![ServiceState::Ready],
        ..Default::default()
    };
    assert_eq!(found(states.clone()).await, [svc("svc-a")]);
    let labelled = ServiceFilter {
        labels: labels("team", "ops"),
        ..Default::default()
    };
    assert_eq!(found(labelled.clone()).await, [svc("svc-b")]);
    let named = ServiceFilter {
        display_name_contains: "ly rePO".into(),
        ..Default::default()
    };
    assert_eq!(found(named).await, [svc("svc-b")]);
    let both = ServiceFilter {
        states: states.states,
        ..labelled
    };
    assert_eq!(found(both).await, []);
    assert_eq!(found(ServiceFilter::default()).await.len(), 2);
}

pub async fn settings_are_replaced_only_at_the_expected_revision(store: Shared) {
    ready(&store, "news").await;
    let mut first = change_of(&store, "news").await;
    let mut second = first.clone();
    first.service.config.display_name = "first".into();
    second.service.config.display_name = "second".into();
    second.secrets = SecretsWrite::Put(sealed("second"));

    let before = newest(&store).await;
    let row = store.replace_service(at(1), first.clone()).await.unwrap();
    assert_eq!(row.service, first.service);
    let events = events(&store, before).await;
    let changes = service_changes(&events);
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].previous_state, Some(ServiceState::Ready));

    let late = store.replace_service(at(1), second).await;
    assert_eq!(late, Err(StoreError::Stale));
    let row = store.service(&svc("news")).await.unwrap().unwrap();
    assert_eq!(row.service.config.display_name, "first");
    assert_eq!(store.secrets(&svc("news")).await.unwrap(), None);
}

pub async fn a_change_of_nothing_else_keeps_the_token(store: Shared) {
    authorized(&store, "news").await;
    let before = store.token(&svc("news")).await.unwrap();
    let change = change_of(&store, "news").await;
    store.replace_service(at(1), change).await.unwrap();
    assert_eq!(store.token(&svc("news")).await.unwrap(), before);
    assert!(before.is_some());
}

pub async fn forgetting_a_token_ends_what_was_begun_for_it(store: Shared) {
    authorized(&store, "news").await;
    let pending = crate::authorizations::pending("news", 1);
    store.begin_authorization(at(1), pending).await.unwrap();
    forget_grant(&store, 2, "news").await;

    assert_eq!(store.token(&svc("news")).await.unwrap(), None);
    let taken = store.take_authorization(at(3), &[1; 32]).await.unwrap();
    assert_eq!(taken, None);
    assert!(
        store
            .claim_refreshes(at(9_999), 9)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        service_state(&store, "news").await,
        ServiceState::PendingAuthorization
    );
}

pub async fn secrets_are_kept_put_and_erased(store: Shared) {
    ready(&store, "news").await;
    let steps = [
        (SecretsWrite::Put(sealed("one")), Some(sealed("one"))),
        (SecretsWrite::Keep, Some(sealed("one"))),
        (SecretsWrite::Put(sealed("two")), Some(sealed("two"))),
        (SecretsWrite::Erase, None),
        (SecretsWrite::Keep, None),
    ];
    for (secrets, expected) in steps {
        let mut change = change_of(&store, "news").await;
        change.secrets = secrets;
        store.replace_service(at(1), change).await.unwrap();
        assert_eq!(store.secrets(&svc("news")).await.unwrap(), expected);
    }
}

pub async fn replacing_settings_keeps_the_times_of_a_refresh(store: Shared) {
    authorized(&store, "news").await;
    let change = change_of(&store, "news").await;
    let mut refreshed = token("news", 1);
    refreshed.authorization.last_refresh_time = Some(at(50));
    store.save_token(at(50), refreshed.clone()).await.unwrap();
    let row = store.replace_service(at(51), change).await.unwrap();
    assert_eq!(row.service.authorization, Some(refreshed.authorization));
}

pub async fn resuming_a_service_releases_its_mail_in_the_same_commit(store: Shared) {
    ready(&store, "news").await;
    suspend(&store, 1, "news", true).await;
    enqueue(&store, 2, message("news", 1)).await;
    let mut later = message("news", 2);
    later.message.send_time = at(500);
    enqueue(&store, 2, later).await;
    assert_eq!(state(&store, 1).await, MessageState::Held);

    let before = newest(&store).await;
    suspend(&store, 10, "news", false).await;
    assert_eq!(state(&store, 1).await, MessageState::Queued);
    assert_eq!(full(&store, 1).await.message.next_attempt_time, at(10));
    assert_eq!(full(&store, 2).await.message.next_attempt_time, at(500));
    let events = events(&store, before).await;
    let released = message_changes(&events);
    assert_eq!(released.len(), 2);
    for change in released {
        assert_eq!(change.previous_state, Some(MessageState::Held));
        assert_eq!(change.message.state, MessageState::Queued);
        assert!(change.recipients.is_empty() && change.attempt.is_none());
    }
}

pub async fn a_service_with_unfinished_mail_is_not_deleted(store: Shared) {
    ready(&store, "news").await;
    enqueue(&store, 0, message("news", 1)).await;
    enqueue(&store, 0, message("news", 2)).await;
    let row = store.service(&svc("news")).await.unwrap().unwrap();
    assert_eq!(row.pending_messages, 2);
    let refused = store.delete_service(at(1), &svc("news"), None, false).await;
    assert_eq!(refused, Err(StoreError::PendingMail(2)));
    assert_eq!(state(&store, 1).await, MessageState::Queued);
    for n in [1, 2] {
        store.cancel_message(at(2), &mid(n)).await.unwrap();
    }
    store
        .delete_service(at(3), &svc("news"), None, false)
        .await
        .unwrap();
}

pub async fn deleting_may_cancel_what_waits_but_not_what_is_being_sent(store: Shared) {
    ready(&store, "news").await;
    enqueue(&store, 0, message("news", 1)).await;
    let claim = claim_one(&store, 0).await;
    enqueue(&store, 0, message("news", 2)).await;
    let refused = store.delete_service(at(1), &svc("news"), None, true).await;
    assert_eq!(refused, Err(StoreError::PendingMail(1)));
    assert_eq!(state(&store, 2).await, MessageState::Queued);

    store.finish(at(2), &claim, accepted(&claim)).await.unwrap();
    suspend(&store, 3, "news", true).await;
    enqueue(&store, 3, message("news", 3)).await;
    store
        .delete_service(at(4), &svc("news"), None, true)
        .await
        .unwrap();
    for n in [2, 3] {
        let full = full(&store, n).await;
        assert_eq!(full.message.state, MessageState::Cancelled);
        assert_eq!(full.recipients[0].outcome, Outcome::Cancelled);
        assert_eq!(store.body(&mid(n)).await.unwrap(), None);
    }
}

pub async fn a_deleted_service_leaves_nothing_but_its_last_event(store: Shared) {
    let mailbox = authorized(&store, "news").await;
    let mut change = change_of(&store, "news").await;
    change.secrets = SecretsWrite::Put(sealed("secrets"));
    let revision = change.service.revision;
    store.replace_service(at(1), change).await.unwrap();
    let pending = crate::authorizations::pending("news", 1);
    store.begin_authorization(at(1), pending).await.unwrap();
    store
        .pause_mailbox(at(1), &mailbox, pause(1, 2))
        .await
        .unwrap();

    let before = newest(&store).await;
    let id = svc("news");
    let stale = store.delete_service(at(2), &id, Some(1), false).await;
    assert_eq!(stale, Err(StoreError::Stale));
    store
        .delete_service(at(2), &id, Some(revision), false)
        .await
        .unwrap();

    assert_eq!(store.service(&id).await.unwrap(), None);
    assert_eq!(store.secrets(&id).await.unwrap(), None);
    assert_eq!(store.token(&id).await.unwrap(), None);
    let taken = store.take_authorization(at(2), &[1; 32]).await.unwrap();
    assert_eq!(taken, None);
    let events = events(&store, before).await;
    let changes = service_changes(&events);
    assert_eq!((events.len(), changes[0].deleted), (1, true));
    assert_eq!(changes[0].previous_state, Some(ServiceState::Blocked));
    assert!(
        store
            .claim_refreshes(at(9_999), 9)
            .await
            .unwrap()
            .is_empty()
    );
}

pub async fn what_is_missing_is_not_found(store: Shared) {
    let id = svc("none");
    let missing = Err(StoreError::NotFound);
    assert_eq!(store.service(&id).await.unwrap(), None);
    assert_eq!(store.secrets(&id).await.unwrap(), None);
    assert_eq!(store.message(&mid(1)).await.unwrap(), None);
    assert_eq!(store.body(&mid(1)).await.unwrap(), None);
    assert_eq!(store.delete_service(at(0), &id, None, true).await, missing);
    assert_eq!(store.cancel_message(at(0), &mid(1)).await, missing);
    let pending = crate::authorizations::pending("none", 1);
    assert_eq!(store.begin_authorization(at(0), pending).await, missing);
    let postponed = store
        .postpone_refresh(at(0), &id, 1, at(1), unavailable())
        .await;
    assert_eq!(postponed, missing);
    let tested = store.record_test(at(0), &id, test(true), None).await;
    assert_eq!(tested.err(), Some(StoreError::NotFound));
    let saved = store.save_token(at(0), token("none", 0)).await;
    assert_eq!(saved, Err(StoreError::NotFound));
    // A tenant's mailbox may be paused before any service of it is known.
    let nobody = MailboxKey::new("smtp.example.com", "nobody");
    store
        .pause_mailbox(at(0), &nobody, pause(0, 1))
        .await
        .unwrap();
    assert_eq!(newest(&store).await, 0);
}
