//! Promises about access keys.

use std::collections::{BTreeMap, BTreeSet};

use mailwright::model::access::SecretHash;
use mailwright::model::{AccessKey, AccessKeyId, Rights, Role};
use mailwright::store::StoreError;

use crate::fixtures::*;

fn id(n: u32) -> AccessKeyId {
    parse(mid(n).as_str())
}

fn key(n: u32, role: Role, services: &[&str]) -> AccessKey {
    AccessKey {
        id: id(n),
        display_name: format!("key {n}"),
        rights: Rights {
            roles: BTreeSet::from([role]),
            service_ids: services.iter().map(|id| svc(id)).collect(),
        },
        secret_hash: SecretHash([7; 32]),
        create_time: at(0),
        expire_time: None,
        revoke_time: None,
        last_use_time: None,
    }
}

pub async fn keys_are_kept_and_listed_newest_first(store: Shared) {
    ready(&store, "news").await;
    let keys = [1, 2, 3].map(|n| key(n, Role::Sender, &["news"]));
    let place = store.bounds().await.unwrap().newest;
    for key in &keys {
        store.create_access_key(at(1), key.clone()).await.unwrap();
    }
    let [first, second, third] = keys;
    let listed = store.access_keys(None, 2).await.unwrap();
    assert_eq!(listed, [third, second.clone()]);
    let listed = store.access_keys(Some(&second.id), 9).await.unwrap();
    assert_eq!(listed, std::slice::from_ref(&first));
    assert_eq!(store.bounds().await.unwrap().newest, place, "no event");

    let again = store.create_access_key(at(1), first).await;
    assert_eq!(again, Err(StoreError::Exists));
    let nowhere = key(4, Role::Sender, &["news", "none"]);
    let nowhere = store.create_access_key(at(1), nowhere).await;
    assert_eq!(nowhere, Err(StoreError::NoService(svc("none"))));
}

pub async fn a_key_is_revoked_once(store: Shared) {
    let sender = key(1, Role::Sender, &[]);
    store.create_access_key(at(1), sender).await.unwrap();
    let revoked = store.revoke_access_key(at(2), &id(1)).await.unwrap();
    assert_eq!(revoked.revoke_time, Some(at(2)));
    let again = store.revoke_access_key(at(3), &id(1)).await.unwrap();
    assert_eq!(again, revoked);
    let none = store.revoke_access_key(at(3), &id(2)).await;
    assert_eq!(none, Err(StoreError::NotFound));
}

pub async fn the_last_live_admin_is_not_revoked(store: Shared) {
    let short = AccessKey {
        expire_time: Some(at(10)),
        ..key(2, Role::Admin, &[])
    };
    for key in [key(1, Role::Admin, &[]), short, key(3, Role::Sender, &[])] {
        store.create_access_key(at(1), key).await.unwrap();
    }
    let last = store.revoke_access_key(at(10), &id(1)).await;
    assert_eq!(last, Err(StoreError::LastAdmin));
    // One that has ended is nobody's way in.
    store.revoke_access_key(at(10), &id(2)).await.unwrap();
    store
        .create_access_key(at(11), key(4, Role::Admin, &[]))
        .await
        .unwrap();
    store.revoke_access_key(at(12), &id(1)).await.unwrap();
    let last = store.revoke_access_key(at(12), &id(4)).await;
    assert_eq!(last, Err(StoreError::LastAdmin));
}

pub async fn uses_go_forward_only(store: Shared) {
    store
        .create_access_key(at(1), key(1, Role::Sender, &[]))
        .await
        .unwrap();
    for (time, kept) in [(5, 5), (4, 5), (6, 6)] {
        let uses = BTreeMap::from([(id(1), at(time)), (id(2), at(time))]);
        store.record_key_uses(uses).await.unwrap();
        let listed = store.access_keys(None, 9).await.unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].last_use_time, Some(at(kept)));
    }
}

pub async fn a_message_is_of_its_own_service_alone(store: Shared) {
    ready(&store, "news").await;
    ready(&store, "other").await;
    enqueue(&store, 0, message("news", 1)).await;
    for (n, services, is) in [
        (1, vec!["news"], true),
        (1, vec!["other", "news"], true),
        (1, vec!["other", "none"], false),
        (1, vec![], false),
        (2, vec!["news"], false),
    ] {
        let services: BTreeSet<_> = services.into_iter().map(svc).collect();
        assert_eq!(store.is_message_of(&mid(n), &services).await, Ok(is));
    }
}
