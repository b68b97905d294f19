//! What `deploy/` says of the product is so: its configuration loads, whatever stops the process waits
//! longer than it drains, and no RPC is without a word on retries.

use std::collections::BTreeMap;

use mailwright::config::Config;
use serde_json::Value;

use crate::{api, read, root};

#[test]
fn the_configuration_for_kubernetes_is_one_that_serve_takes() {
    let path = root().join("deploy/kubernetes/mailwright.toml");
    let config = Config::load(Some(&path), &BTreeMap::new()).expect("it loads");
    let claim =
        number_after(&read("deploy/kubernetes/statefulset.yaml"), "storage: ") * 1024 * 1024 * 1024;
    // ARCHITECTURE.md: four times what lives, and 160 MiB.
    assert!(config.outbox.total_bytes * 4 + 160 * 1024 * 1024 <= claim);
}

#[test]
fn under_systemd_the_server_and_root_find_one_folder_and_one_key() {
    let installed = "/etc/mailwright/mailwright.toml";
    let path = root().join("deploy/systemd/mailwright.toml");
    let data = Config::load(Some(&path), &BTreeMap::new())
        .expect("it loads")
        .data;
    let unit = read("deploy/systemd/mailwright.service");
    let line = |line: String| assert!(unit.lines().any(|one| one == line), "{line}");
    line(format!(
        "ExecStart=/usr/local/bin/mailwright serve --config {installed}"
    ));
    let below = data.folder.strip_prefix("/var/lib").expect("below it");
    let state = below.parent().expect("in a folder of the unit's").display();
    line(format!("StateDirectory={state}"));
    let key = data.vault_key_file.display();
    line(format!("LoadCredential=vault.key:{key}"));
    assert!(!unit.contains("MAILWRIGHT_DATA_FOLDER"), "a second source");
    let steps = read("deploy/README.md");
    for step in [
        format!("deploy/systemd/mailwright.toml {installed}"),
        format!("vault.key {key}"),
    ] {
        assert!(steps.contains(&step), "{step}");
    }
}

#[test]
fn whatever_stops_the_process_waits_longer_than_it_drains() {
    let drain = u64::from(Config::defaults().server.drain_grace_seconds);
    for (file, before) in [
        (
            "deploy/kubernetes/statefulset.yaml",
            "terminationGracePeriodSeconds: ",
        ),
        ("deploy/systemd/mailwright.service", "TimeoutStopSec="),
        ("deploy/docker/compose.yaml", "stop_grace_period: "),
        ("deploy/README.md", "--stop-timeout "),
    ] {
        let grace = number_after(&read(file), before);
        assert!(
            grace > drain,
            "{file}: {grace} s, and draining takes up to {drain} s"
        );
    }
}

#[test]
fn every_manifest_is_applied() {
    let kustomization = read("deploy/kubernetes/kustomization.yaml");
    for name in [
        "namespace",
        "networkpolicy",
        "poddisruptionbudget",
        "service",
        "statefulset",
    ] {
        assert!(kustomization.contains(&format!("- {name}.yaml")), "{name}");
    }
    let folder = std::fs::read_dir(root().join("deploy/kubernetes")).expect("it is there");
    assert_eq!(
        folder.count(),
        7,
        "a new file is named above, or said to be none"
    );
}

#[test]
fn every_rpc_has_a_word_on_retries() {
    let page = read("deploy/mesh.md");
    for rpc in api::rpcs() {
        assert!(page.contains(&format!("`{rpc}`")), "deploy/mesh.md: {rpc}");
    }
}

/// `Send` apart, of which gRPC can't see whether it has a request id: the clients repeat it themselves.
#[test]
fn the_clients_let_grpc_repeat_what_a_proxy_may_repeat() {
    let page = read("deploy/mesh.md");
    let may = page.lines().filter_map(|line| line.split_once(" | yes: "));
    let mut told: Vec<_> = may
        .flat_map(|(rpcs, _)| rpcs.split('`').skip(1).step_by(2))
        .filter(|name| !["Send", "request_id"].contains(name))
        .collect();
    let config: Value =
        serde_json::from_str(&read("clients/service_config.json")).expect("it is JSON");
    let policies = config["methodConfig"].as_array().expect("a list");
    let mut repeated: Vec<_> = policies
        .iter()
        .filter(|policy| policy.get("retryPolicy").is_some())
        .flat_map(|policy| policy["name"].as_array().expect("a list"))
        .map(|name| name["method"].as_str().expect("never a whole service"))
        .collect();
    told.sort_unstable();
    repeated.sort_unstable();
    assert_eq!(repeated, told);
}

/// The number that follows these words for the first time.
fn number_after(text: &str, before: &str) -> u64 {
    let (_, rest) = text
        .split_once(before)
        .unwrap_or_else(|| panic!("no {before:?}"));
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits
        .parse()
        .unwrap_or_else(|_| panic!("no number after {before:?}"))
}
