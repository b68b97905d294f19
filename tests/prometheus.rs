//! What the real binary tells a scrape: promtool reads it, and everything that the alerts and the
//! dashboard ask for is in it. `make tools` brings promtool; without it these tests fail.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a test fails by panicking, and is no part of the server

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};

use mailwright::rpc::proto::v1::{self, admin_api_client::AdminApiClient};
use serde_json::Value;
use tonic::Request;
use tonic::transport::Endpoint;

#[path = "e2e/process.rs"]
mod process;

use process::{ADMIN_KEY, Process};

const ALERTS: &str = include_str!("../deploy/prometheus/alerts.yml");
const DASHBOARD: &str = include_str!("../deploy/grafana/mailwright.json");
const RUNBOOK: &str = include_str!("../docs/runbook.md");

#[test]
fn promtool_finds_nothing_wrong_with_a_scrape_and_knows_each_name_in_alerts_and_dashboard() {
    let text = scrape();
    let linted = promtool(&["check", "metrics"], &text);
    let said = String::from_utf8_lossy(&linted.stderr).into_owned();
    assert!(linted.status.success() && said.is_empty(), "{said}\n{text}");

    let told = told(&text);
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let mut asked: Vec<String> = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            asked.push(target["expr"].as_str().unwrap().to_owned());
        }
    }
    assert!(asked.len() > 20);
    asked.push(dashboard["templating"].to_string());
    let rules = ALERTS
        .lines()
        .filter_map(|line| line.trim().strip_prefix("expr: "));
    asked.extend(rules.map(str::to_owned));
    for expression in &asked {
        for name in names(expression) {
            assert!(told.contains(&name), "{name} of {expression}");
        }
    }
}

#[test]
fn promtool_takes_the_alerts_and_they_do_what_their_tests_say() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/prometheus");
    for arguments in [
        ["check", "rules", "alerts.yml"],
        ["test", "rules", "alerts.test.yml"],
    ] {
        let mut command = Command::new(program());
        let output = command.current_dir(folder).args(arguments).output();
        let output = output.unwrap_or_else(|error| missing(&error));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn each_alert_has_its_section_in_the_runbook() {
    let sections: BTreeSet<&str> = RUNBOOK
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .collect();
    let after = |start| {
        ALERTS
            .lines()
            .filter_map(move |line| line.trim().split_once(start))
    };
    let alerts: BTreeSet<&str> = after("alert: ").map(|(_, name)| name).collect();
    assert_eq!(alerts, sections);
    let anchors: Vec<_> = after("runbook.md#")
        .map(|(_, anchor)| anchor.to_owned())
        .collect();
    let expected: Vec<_> = after("alert: ")
        .map(|(_, name)| name.to_lowercase())
        .collect();
    assert_eq!(anchors, expected);
}

/// What a process tells that has one service, which nobody has authorized.
fn scrape() -> String {
    let folder = std::env::temp_dir().join(format!("mailwright-scrape-{}", std::process::id()));
    let id = std::process::id().to_be_bytes();
    // On an address of this process alone, what is free stays free.
    let free = TcpListener::bind((Ipv4Addr::new(127, 32 | (id[1] & 31), id[2], id[3]), 0)).unwrap();
    let metrics = free.local_addr().unwrap();
    drop(free);
    let process = Process::start(&[
        ("MAILWRIGHT_DATA_FOLDER", folder.to_str().unwrap()),
        ("MAILWRIGHT_METRICS_LISTEN", &metrics.to_string()),
    ]);
    create_service(process.grpc);
    let text = get(metrics);
    assert!(process.id() > 0);
    process.terminate();
    let (status, log) = process.ended();
    assert_eq!(status.code(), Some(0), "{log}");
    std::fs::remove_dir_all(folder).unwrap();
    text
}

fn create_service(address: SocketAddr) {
    let create = v1::CreateServiceRequest {
        service_id: "billing".into(),
        service: Some(v1::Service {
            display_name: "Billing".into(),
            smtp: Some(v1::Smtp {
                host: "smtp.office365.com".into(),
                ..v1::Smtp::default()
            }),
            sender: Some(v1::Sender {
                address: "billing@contoso.com".into(),
                ..v1::Sender::default()
            }),
            auth: Some(v1::service::Auth::Oauth2(Box::new(v1::OAuth2 {
                provider: v1::Provider::Microsoft.into(),
                login_email: "billing@contoso.com".into(),
                client_id: "6f2d4b1e-8c3a-4e57-9b0d-1a2c3e4f5a6b".into(),
                client_secret: "secret".into(),
                client_secret_expire_time: Some(prost_types::Timestamp {
                    seconds: 4_000_000_000,
                    nanos: 0,
                }),
                ..v1::OAuth2::default()
            }))),
            ..v1::Service::default()
        }),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        let mut admin = AdminApiClient::new(endpoint.connect().await.unwrap());
        let mut create = Request::new(create);
        let bearer = format!("Bearer {ADMIN_KEY}").parse().unwrap();
        create.metadata_mut().insert("authorization", bearer);
        admin.create_service(create).await.unwrap();
    });
}

fn get(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .write_all(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.0 200"), "{head}");
    assert!(head.contains("text/plain; version=0.0.4"), "{head}");
    body.to_owned()
}

/// The names of series that a scrape tells, or would tell once there is something to count.
fn told(text: &str) -> BTreeSet<String> {
    let mut told = BTreeSet::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        match kind {
            "histogram" => {
                told.extend(["_bucket", "_count", "_sum"].map(|end| format!("{name}{end}")))
            }
            _ => drop(told.insert(name.to_owned())),
        }
    }
    told
}

/// The metrics in an expression.
fn names(expression: &str) -> Vec<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = expression.split(|c| !is_part(c));
    let ours = words.filter(|word| word.starts_with("mailwright_") || word.starts_with("process_"));
    ours.map(str::to_owned).collect()
}

fn promtool(arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(program());
    let command = command.args(arguments).stdin(Stdio::piped());
    let spawned = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = spawned.unwrap_or_else(|error| missing(&error));
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap()
}

/// The promtool that `make tools` installed, else the one in PATH.
fn program() -> String {
    match std::env::var("MAILWRIGHT_TOOLS") {
        Ok(tools) => format!("{tools}/bin/promtool"),
        Err(_) => "promtool".to_owned(),
    }
}

fn missing<T>(error: &std::io::Error) -> T {
    panic!("promtool does not run ({error}): `make test` installs it, then runs all tests")
}
