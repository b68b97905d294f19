//! What is a setting, and what is none.

use super::*;

fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn the_defaults_are_valid_and_local() {
    let config = Config::defaults();
    assert!(config.server.grpc_listen.ip().is_loopback());
    assert!(config.egress.allow.is_empty());
    assert_eq!(config.vault_key_file(), Path::new("data/vault.key"));
}

#[test]
fn a_variable_overrides_the_file_and_the_file_the_default() {
    let path = std::env::temp_dir().join(format!("mailwright-config-{}.toml", std::process::id()));
    std::fs::write(
        &path,
        "[server]\ndrain_grace_seconds = 5\nheartbeat_seconds = 7\n",
    )
    .unwrap();
    let given = variables(&[
        ("MAILWRIGHT_SERVER_HEARTBEAT_SECONDS", "9"),
        ("MAILWRIGHT_EGRESS_ALLOW", "127.0.0.0/8, ::1/128"),
        ("HOME", "/x"),
    ]);
    let config = Config::load(Some(&path), &given).unwrap();
    assert_eq!(config.server.drain_grace_seconds, 5);
    assert_eq!(config.server.heartbeat_seconds, 9);
    assert_eq!(config.egress.allow, ["127.0.0.0/8", "::1/128"]);
    assert!(
        Config::print(Some(&path), &given)
            .unwrap()
            .contains("heartbeat_seconds = 9")
    );
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn keys_come_from_one_place_and_one_that_is_set_by_mistake_is_not_shown() {
    let key = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
    let given = variables(&[("MAILWRIGHT_DATA_VAULT_KEY_VARIABLE", key)]);
    for told in [
        Config::load(None, &given).unwrap_err().to_string(),
        Config::print(None, &given).unwrap_err().to_string(),
    ] {
        assert!(!told.contains("AQEB"), "{told}");
    }
    let two = variables(&[
        ("MAILWRIGHT_DATA_VAULT_KEY_VARIABLE", "VAULT_KEY"),
        ("MAILWRIGHT_DATA_VAULT_KEY_COMMAND", "kms,decrypt"),
    ]);
    assert!(Config::load(None, &two).is_err());
}

#[test]
fn what_kubernetes_sets_for_a_service_of_our_name_is_let_be() {
    let given = variables(&[
        ("MAILWRIGHT_PORT", "tcp://10.0.0.1:50051"),
        ("MAILWRIGHT_SERVICE_HOST", "10.0.0.1"),
    ]);
    assert!(Config::load(None, &given).is_ok());
}

#[test]
fn a_typing_error_is_no_setting() {
    for (name, value) in [
        ("MAILWRIGHT_SERVER_GRPC_LISTN", "x"),
        ("MAILWRIGHT_SERVER_GRPC_LISTEN", "here"),
        ("MAILWRIGHT_SERVER_DRAIN_GRACE_SECONDS", "soon"),
        ("MAILWRIGHT_SERVER_DRAIN_GRACE_SECONDS", "-1"),
        ("MAILWRIGHT_SERVER_PUBLIC_URL", "https://x.example/"),
        ("MAILWRIGHT_SERVER_RETURN_URL_PREFIXES", "https://x.example"),
        ("MAILWRIGHT_DELIVERY_MAX_IN_FLIGHT", "0"),
        ("MAILWRIGHT_OUTBOX_TOTAL_MESSAGES", "0"),
        ("MAILWRIGHT_OUTBOX_MAILBOX_BYTES", "36700159"),
        ("MAILWRIGHT_EGRESS_LOCAL_ADDRESS", "eth0"),
        ("MAILWRIGHT_DATA_VAULT_KEY_VARIABLE", "c2VjcmV0="),
        ("MAILWRIGHT_SERVER_GRPC_LISTEN", "0.0.0.0:50051"),
        ("MAILWRIGHT_SERVER_ALLOW_PLAINTEXT", "yes"),
        ("MAILWRIGHT_TLS_CERTIFICATE_FILE", "x.pem"),
        ("MAILWRIGHT_TLS_CLIENT_CA_FILE", "x.pem"),
        ("MAILWRIGHT_METRICS_LISTEN", "9464"),
        ("MAILWRIGHT_LOG_FORMAT", "xml"),
        ("MAILWRIGHT_TRACE_OTLP_ENDPOINT", "collector"),
    ] {
        let error = Config::load(None, &variables(&[(name, value)]));
        assert!(error.is_err(), "{name}={value}");
    }
    let path =
        std::env::temp_dir().join(format!("mailwright-config-bad-{}.toml", std::process::id()));
    for text in [
        "[server]\nport = 1",
        "[smtp]\nx = 1",
        "[server]\ngrpc_listen = 5",
        "nonsense",
    ] {
        std::fs::write(&path, text).unwrap();
        assert!(
            Config::load(Some(&path), &BTreeMap::new()).is_err(),
            "{text}"
        );
    }
    std::fs::remove_file(&path).unwrap();
}
