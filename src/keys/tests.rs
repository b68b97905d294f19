//! What a key opens, for how long, and what is told of it.

use super::*;
use crate::model::Role;

fn env() -> Env {
    Env::manual(Timestamp::from_unix_seconds(1_754_306_130), 1)
}

fn keep(env: &Env, expire_time: Option<Timestamp>) -> (String, AccessKey) {
    let (secret, key) = Presented::generate(env);
    let rights = Rights {
        roles: [Role::Sender].into(),
        service_ids: ["billing".parse().unwrap()].into(),
    };
    let kept = key.keep(env.now(), "test".into(), rights, expire_time);
    (format!("Bearer {}", secret.expose()), kept)
}

fn who(keys: &Keys, header: &str) -> Result<Caller, Error> {
    keys.identify(Some(header), None).map(Option::unwrap)
}

#[test]
fn a_key_opens_with_its_whole_secret_and_nothing_else() {
    let env = env();
    let keys = Keys::new(env.clone());
    let (header, kept) = keep(&env, None);
    assert!(who(&keys, &header).is_err(), "not yet");
    keys.admit(&kept);
    let caller = who(&keys, &header).unwrap();
    assert_eq!(caller.to_string(), format!("key {}", kept.id));
    assert!(caller.sees(&"billing".parse().unwrap()) && !caller.sees(&"other".parse().unwrap()));
    assert!(who(&keys, &header.replace("Bearer", "bearer")).is_ok());

    let (other, _) = keep(&env, None);
    let swapped = format!("{}{}", &header[..37], &other[37..]);
    for bad in [
        "",
        "Bearer",
        "Bearer ",
        header.trim_start_matches("Bearer "),
        &header.replace("Bearer", "Basic"),
        &header[..header.len() - 1],
        &format!("{header}0"),
        &header.to_uppercase(),
        &header.replace("mw_", "mx_"),
        &swapped,
        &other,
    ] {
        assert!(who(&keys, bad).is_err(), "{bad:?}");
    }
    assert!(keys.identify(None, None).unwrap().is_none());
    assert!(!format!("{kept:?}").contains(&header[37..]));
}

#[test]
fn a_key_and_a_certificate_are_the_keys_caller() {
    let env = env();
    let keys = Keys::new(env.clone());
    let (header, kept) = keep(&env, None);
    keys.admit(&kept);
    let admin = Arc::new(Rights::admin());
    let certificate = Some(("ops.example.com", &admin));
    let caller = keys.identify(Some(&header), certificate).unwrap().unwrap();
    assert_eq!(caller.rights(), &kept.rights);
    assert!(keys.identify(Some("Bearer x"), certificate).is_err());
    let caller = keys.identify(None, certificate).unwrap().unwrap();
    assert_eq!(caller.to_string(), "certificate ops.example.com");
}

#[test]
fn a_key_ends_at_its_time() {
    let env = env();
    let keys = Keys::new(env.clone());
    let (header, kept) = keep(&env, Some(env.now() + Duration::from_secs(60)));
    keys.admit(&kept);
    env.advance(Duration::from_secs(59));
    assert!(who(&keys, &header).is_ok());
    env.advance(Duration::from_secs(1));
    assert!(who(&keys, &header).is_err());
}

#[test]
fn a_revoked_key_opens_nothing_and_tells_whoever_has_a_stream() {
    let env = env();
    let keys = Keys::new(env.clone());
    let (header, kept) = keep(&env, None);
    keys.admit(&kept);
    let caller = who(&keys, &header).unwrap();
    keys.shut_out(&kept.id);
    assert!(who(&keys, &header).is_err());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let ended = runtime.block_on(caller.ended(&env));
    assert!(matches!(ended, Error::Unauthenticated { .. }));
}

#[test]
fn a_use_is_told_once_a_minute_at_most() {
    let env = env();
    let keys = Keys::new(env.clone());
    let (header, kept) = keep(&env, None);
    keys.admit(&kept);
    assert!(keys.uses_to_tell().is_empty());
    who(&keys, &header).unwrap();
    let uses = keys.uses_to_tell();
    assert_eq!(uses, [(kept.id.clone(), env.now())].into());
    keys.uses_are_told(&uses);
    env.advance(Duration::from_secs(59));
    who(&keys, &header).unwrap();
    assert!(keys.uses_to_tell().is_empty());
    env.advance(Duration::from_secs(1));
    who(&keys, &header).unwrap();
    assert_eq!(keys.uses_to_tell().len(), 1);
}

#[test]
fn what_is_not_listed_needs_a_key() {
    assert_eq!(need("/mailwright.v1.AdminAPI/Nothing"), Need::Key);
    assert_eq!(need("/mailwright.v2.MailAPI/Send"), Need::Key);
    assert_eq!(need("/grpc.health.v1.Health/Check"), Need::Nothing);
    assert_eq!(need("/grpc.health.v1.Healthy/Check"), Need::Key);
}
