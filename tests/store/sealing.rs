//! What the vault's keys sealed: what is taken, what is replaced, and that all of it is found.

use std::collections::BTreeMap;

use mailwright::model::secret::KeyId;
use mailwright::store::{Place, Reseal, Sealed, SecretsWrite, StoreError, VaultKey, VaultKeys};

use super::fixtures::{
    Shared, accepted, at, authorized, change_of, claim_one, message, mid, newest, ready, service,
    svc, token,
};

/// What key number `n` sealed.
fn by(n: u8, text: &str) -> Sealed {
    Sealed([&[n; 4], text.as_bytes()].concat())
}

/// Keys by number, and whether each is closed.
fn keys(known: &[(u8, bool)]) -> VaultKeys {
    let key = |(n, closed): &(u8, bool)| {
        let proof = by(*n, "proof");
        (
            KeyId([*n; 4]),
            VaultKey {
                proof,
                closed: *closed,
            },
        )
    };
    VaultKeys {
        keys: known.iter().map(key).collect::<BTreeMap<_, _>>(),
    }
}

fn body_by(n: u8, number: u32) -> mailwright::store::NewMessage {
    let mut new = message("svc", number);
    new.message.body_key = by(n, "body key").0;
    new
}

pub async fn only_what_a_known_key_sealed_is_taken(store: Shared) {
    assert_eq!(store.vault_keys().await.unwrap(), None);
    authorized(&store, "svc").await;
    let known = keys(&[(1, true), (2, false)]);
    store.put_vault_keys(known.clone()).await.unwrap();
    assert_eq!(store.vault_keys().await.unwrap(), Some(known));
    let before = newest(&store).await;

    let retired = Err(StoreError::KeyRetired);
    for n in [1, 3] {
        let create = service("new", "new");
        let created = store.create_service(at(1), create, Some(by(n, "s"))).await;
        assert_eq!(created, retired);
        let mut change = change_of(&store, "svc").await;
        change.secrets = SecretsWrite::Put(by(n, "s"));
        let replaced = store.replace_service(at(1), change).await;
        assert_eq!(replaced.map(|_| ()), retired);
        let mut new = token("svc", 1);
        new.sealed = by(n, "t");
        assert_eq!(store.save_token(at(1), new).await.map(|_| ()), retired);
        let enqueued = store.enqueue(at(1), body_by(n, 1)).await;
        assert_eq!(enqueued.map(|_| ()), retired);
    }
    assert_eq!(newest(&store).await, before, "nothing happened");
    let mut new = token("svc", 1);
    new.sealed = by(2, "t");
    assert_eq!(store.save_token(at(1), new).await, Ok(2));
    assert!(store.enqueue(at(1), body_by(2, 1)).await.is_ok());
}

pub async fn everything_sealed_is_found_in_order_whatever_the_page(store: Shared) {
    for id in ["aaa", "bbb"] {
        let sealed = Some(by(1, id));
        store
            .create_service(at(0), service(id, id), sealed)
            .await
            .unwrap();
    }
    authorized(&store, "svc").await;
    for n in 1..=3 {
        store.enqueue(at(0), body_by(1, n)).await.unwrap();
    }
    let all = store.sealed_after(None, 100).await.unwrap();
    let expected = [
        Place::Secrets(svc("aaa")),
        Place::Secrets(svc("bbb")),
        Place::Token(svc("svc"), 1),
        Place::BodyKey(mid(1)),
        Place::BodyKey(mid(2)),
        Place::BodyKey(mid(3)),
    ];
    assert!(all.iter().map(|(place, _)| place).eq(&expected));
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = store.sealed_after(after.as_ref(), 2).await.unwrap();
        let Some((last, _)) = page.last() else { break };
        after = Some(last.clone());
        found.extend(page);
    }
    assert_eq!(found, all);
}

pub async fn what_changed_meanwhile_is_not_replaced(store: Shared) {
    ready(&store, "svc").await;
    authorized(&store, "tok").await;
    store.enqueue(at(0), body_by(1, 1)).await.unwrap();
    let mut later = body_by(1, 2);
    later.message.send_time = at(500);
    store.enqueue(at(0), later).await.unwrap();
    let before = store.sealed_after(None, 100).await.unwrap();
    // A token is renewed, and a message is sent, between reading and replacing.
    let mut new = token("tok", 1);
    new.sealed = by(2, "newer");
    store.save_token(at(1), new).await.unwrap();
    let claim = claim_one(&store, 1).await;
    store.finish(at(1), &claim, accepted(&claim)).await.unwrap();
    let events = newest(&store).await;
    let reseal = |(place, old): (Place, Sealed)| Reseal {
        place,
        old,
        new: by(2, "resealed"),
    };
    let replaced = store.reseal(before.into_iter().map(reseal).collect()).await;
    assert_eq!(replaced, Ok(1), "the other message's key alone");
    assert_eq!(
        store.token(&svc("tok")).await.unwrap().unwrap().sealed,
        by(2, "newer")
    );
    assert_eq!(newest(&store).await, events, "it is no event");
    let after = store.sealed_after(None, 100).await.unwrap();
    assert!(after.contains(&(Place::BodyKey(mid(1)), Sealed(Vec::new()))));
    assert!(after.contains(&(Place::BodyKey(mid(2)), by(2, "resealed"))));
}
