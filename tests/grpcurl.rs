//! A client that knows nothing of this repository: grpcurl against the real binary, by reflection.
#![allow(clippy::unwrap_used)] // a test fails by panicking

use std::process::{Command, Output};

use serde_json::{Value, json};

#[path = "e2e/process.rs"]
mod process;

use process::{ADMIN_KEY, Process};

const APIS: [&str; 3] = [
    "mailwright.v1.AdminAPI",
    "mailwright.v1.MailAPI",
    "mailwright.v1.StatusAPI",
];

#[test]
fn grpcurl_lists_describes_creates_reads_and_checks_the_health() {
    let folder = std::env::temp_dir().join(format!("mailwright-grpcurl-{}", std::process::id()));
    let process = Process::start(&[("MAILWRIGHT_DATA_FOLDER", folder.to_str().unwrap())]);
    let at = process.grpc.to_string();

    let listed = text(&grpcurl(&[&at, "list"]));
    for name in APIS.into_iter().chain(["grpc.health.v1.Health"]) {
        assert!(listed.lines().any(|line| line == name), "{listed}");
    }
    let described = text(&grpcurl(&[&at, "describe", APIS[0]]));
    assert!(described.contains("rpc CreateService"), "{described}");
    assert!(
        described.contains("Registers a service."),
        "comments come along: {described}"
    );

    creates_and_reads(&at);
    for name in [""].into_iter().chain(APIS) {
        let health = call(
            &at,
            "grpc.health.v1.Health/Check",
            &json!({ "service": name }),
        );
        assert_eq!(health["status"], "SERVING", "{name}");
    }

    process.terminate();
    let (status, log) = process.ended();
    assert_eq!(status.code(), Some(0), "{log}");
    std::fs::remove_dir_all(folder).unwrap();
}

fn creates_and_reads(at: &str) {
    let service = json!({
        "service_id": "billing",
        "service": {
            "display_name": "Billing",
            "smtp": { "host": "smtp.office365.com" },
            "sender": { "address": "billing@contoso.com", "name": "Contoso Billing" },
            "oauth2": {
                "provider": "PROVIDER_MICROSOFT",
                "login_email": "billing@contoso.com",
                "client_id": "6f2d4b1e-8c3a-4e57-9b0d-1a2c3e4f5a6b",
                "client_secret": "never-shown-again"
            }
        }
    });
    let created = call(at, "mailwright.v1.AdminAPI/CreateService", &service);
    assert_eq!(
        created["service"]["state"],
        "SERVICE_STATE_PENDING_AUTHORIZATION"
    );
    assert_eq!(created["service"]["oauth2"]["clientSecretHint"], "ain");
    assert!(!created.to_string().contains("never-shown"), "{created}");
    let id = json!({ "service_id": "billing" });
    let read = call(at, "mailwright.v1.AdminAPI/GetService", &id);
    assert_eq!(read, created);
    assert_eq!(read["service"]["smtp"]["port"], 587);

    let again = request(at, "mailwright.v1.AdminAPI/CreateService", &service);
    let refusal = String::from_utf8(again.stderr).unwrap();
    assert!(!again.status.success());
    assert!(
        refusal.contains("AlreadyExists") && refusal.contains("SERVICE_EXISTS"),
        "{refusal}"
    );
}

/// Calls a method with a JSON body; its JSON answer.
fn call(at: &str, method: &str, body: &Value) -> Value {
    serde_json::from_str(&text(&request(at, method, body))).unwrap()
}

fn request(at: &str, method: &str, body: &Value) -> Output {
    let key = format!("authorization: Bearer {ADMIN_KEY}");
    grpcurl(&["-H", &key, "-d", &body.to_string(), at, method])
}

fn text(output: &Output) -> String {
    let refusal = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{refusal}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The grpcurl that `make tools` installed, else the one in PATH.
fn grpcurl(arguments: &[&str]) -> Output {
    let program = match std::env::var("MAILWRIGHT_TOOLS") {
        Ok(tools) => format!("{tools}/bin/grpcurl"),
        Err(_) => "grpcurl".to_owned(),
    };
    let output = Command::new(&program)
        .args(["-plaintext", "-max-time", "30"])
        .args(arguments)
        .output();
    match output {
        Ok(output) => output,
        Err(error) => {
            panic!("{program} does not run ({error}): `make test` installs it, then runs all tests")
        }
    }
}
