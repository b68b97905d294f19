//! Services, authorization, tests, the doctor.

use std::io::{BufRead, BufReader, Read};

use mailwright::sandbox::{CLIENT_ID, CLIENT_SECRET};
use serde_json::Value;

use super::house::{ALEX, House, spawn};
use super::process::program;

#[test]
fn a_service_goes_from_nothing_to_ready_and_away() {
    let house = House::start();
    house.create("billing");
    let shown = house.json(&["services", "show", "billing"]);
    assert_eq!(
        shown["service"]["state"],
        "SERVICE_STATE_PENDING_AUTHORIZATION"
    );
    assert_eq!(
        shown["service"]["oauth2"]["loginEmail"],
        "adele@contoso.com"
    );

    // Whoever waits for the consent sees it happen.
    let mut waiting = spawn(house.command(&["authorize", "billing"]));
    let lines = BufReader::new(waiting.stdout.take().unwrap()).lines();
    let mut lines = lines.map_while(Result::ok);
    let url = lines.find(|line| line.trim().starts_with("http")).unwrap();
    house.consent(url.trim());
    assert!(waiting.wait().unwrap().success());
    let rest = lines.collect::<Vec<_>>().join("\n");
    assert!(
        rest.contains("Authorized.") && rest.contains("mailwright test billing"),
        "{rest}"
    );

    let table = house.ok(&["test", "billing", "--to", ALEX]);
    for step in ["RESOLVE", "TLS", "AUTHENTICATE", "FINAL_REPLY", "Passed"] {
        assert!(table.contains(step), "{table}");
    }
    let listed = house.ok(&["services", "list", "--state", "ready"]);
    assert!(
        listed.contains("billing") && listed.contains("READY"),
        "{listed}"
    );
    assert!(!listed.contains('\x1b'), "no colour for a pipe: {listed}");

    house.ok(&[
        "services",
        "update",
        "billing",
        "--display-name",
        "Invoices",
        "--label",
        "a=b",
    ]);
    let shown = house.json(&["services", "show", "billing"]);
    assert_eq!(shown["service"]["displayName"], "Invoices");
    assert_eq!(shown["service"]["labels"]["a"], "b");
    assert!(
        house
            .ok(&["services", "suspend", "billing"])
            .contains("SUSPENDED")
    );
    assert!(
        house
            .ok(&["services", "resume", "billing"])
            .contains("READY")
    );
    let revoked = house.json(&["services", "revoke-authorization", "billing"]);
    assert_eq!(
        revoked["service"]["state"],
        "SERVICE_STATE_PENDING_AUTHORIZATION"
    );
    house.ok(&["services", "delete", "billing"]);
    let (code, said) = house.fails(&["services", "show", "billing"]);
    assert_eq!(code, 8, "{said}");
    assert!(said.contains("SERVICE_NOT_FOUND"), "{said}");
}

#[test]
fn whoever_waits_for_a_consent_is_told_at_once_that_it_failed_and_why() {
    let house = House::start();
    house.create("billing");
    for json in [false, true] {
        let mut command = house.command(&["authorize", "billing"]);
        if json {
            command.args(["--output", "json"]);
        }
        let mut waiting = spawn(command);
        // Where a program reads standard output, the page is named beside it.
        let told: Box<dyn Read> = match json {
            true => Box::new(waiting.stderr.take().unwrap()),
            false => Box::new(waiting.stdout.take().unwrap()),
        };
        let mut lines = BufReader::new(told).lines().map_while(Result::ok);
        let line = lines.find(|line| line.contains("http")).unwrap();
        house.decline(&line[line.find("http").unwrap()..]);
        assert_eq!(waiting.wait().unwrap().code(), Some(11));
        let mut said = lines.collect::<Vec<_>>().join("\n");
        if json {
            assert!(said.contains("mailwright authorize billing"), "{said}");
            said.clear();
            let mut answer = waiting.stdout.take().unwrap();
            answer.read_to_string(&mut said).unwrap();
            let answer: Value = serde_json::from_str(&said).unwrap();
            let failure = &answer["service"]["failedAuthorization"];
            assert_eq!(failure["reason"], "REASON_CONSENT_DENIED", "{said}");
        } else {
            assert!(
                said.contains("Not authorized.") && said.contains("remedy"),
                "{said}"
            );
        }
        assert!(said.contains("AADSTS65004"), "{said}");
        assert!(
            said.contains("https://login.microsoftonline.com/error"),
            "{said}"
        );
    }
    let shown = house.ok(&["services", "show", "billing"]);
    assert!(shown.contains("CONSENT_DENIED"), "{shown}");
    let begun = house.json(&["authorize", "billing", "--no-wait"]);
    house.consent(begun["authorizationUrl"].as_str().unwrap());
    let shown = house.ok(&["services", "show", "billing"]);
    assert!(!shown.contains("CONSENT_DENIED"), "{shown}");
}

#[test]
fn what_the_server_refuses_is_told_with_its_reason_and_exit_code() {
    let house = House::start();
    house.create("billing");
    let wrong = [
        "services",
        "update",
        "billing",
        "--from",
        "nobody",
        "--messages-per-minute",
        "0",
    ];
    let (code, said) = house.fails(&wrong);
    assert_eq!(code, 9, "{said}");
    assert!(
        said.contains("service.sender.address") && said.contains("messages_per_minute"),
        "{said}"
    );
    let (code, said) = house.fails(&["services", "update", "billing"]);
    assert_eq!(code, 2, "a variable is no change: {said}");
}

#[test]
fn a_test_that_fails_is_told_step_by_step_and_so_is_the_doctor() {
    let house = House::start();
    house.ready("billing");
    let healthy = house.json(&["doctor", "billing", "--to", ALEX]);
    let verdict = |what: &str| {
        let all = healthy["findings"].as_array().unwrap();
        let found = all.iter().find(|finding| finding["what"] == what);
        found.unwrap_or_else(|| panic!("no {what}: {healthy}"))["verdict"].clone()
    };
    for what in [
        "server",
        "state",
        "DNS",
        "TLS",
        "login",
        "token",
        "scopes",
        "budget",
        "last test",
    ] {
        assert_eq!(verdict(what), "ok", "{what}");
    }
    assert_eq!(verdict("client secret"), "WARN");

    house
        .sandbox
        .control()
        .smtp_auth_disabled_mailbox("adele@contoso.com", true);
    let output = house.run(&["test", "billing", "--to", ALEX]);
    let table = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(11));
    assert!(
        table.contains("SMTP_AUTH_DISABLED_MAILBOX") && table.contains("remedy"),
        "{table}"
    );
    let output = house.run(&["doctor", "billing"]);
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(11), "{told}");
    assert!(
        told.contains("FAIL  last test") && told.contains("Set-CASMailbox"),
        "{told}"
    );
}

#[test]
fn an_apply_twice_changes_nothing() {
    let house = House::start();
    let port = house.sandbox.smtp_addr().port();
    let yaml = format!(
        "service_id: billing\nservice:\n  display_name: Billing\n  smtp: {{host: localhost, port: {port}}}\n  \
         sender:\n    address: adele@contoso.com\n  oauth2:\n    provider: PROVIDER_MICROSOFT\n    \
         login_email: adele@contoso.com\n    client_id: {CLIENT_ID}\n    client_secret: {CLIENT_SECRET}\n  \
         delivery: {{messages_per_minute: 20}}\n  labels: {{team: finance}}\n"
    );
    let file = house.write("billing.yaml", &yaml);
    let apply = ["services", "apply", "-f", &file];
    let outcome = |arguments: &[&str]| house.json(arguments)["results"][0].clone();
    let dry = outcome(&["services", "apply", "-f", &file, "--dry-run"]);
    assert_eq!(dry["outcome"], "would be created");
    assert_eq!(outcome(&apply)["outcome"], "created");
    let before = house.json(&["services", "show", "billing"]);
    assert_eq!(outcome(&apply)["outcome"], "unchanged");
    assert_eq!(house.json(&["services", "show", "billing"]), before);

    house.write(
        "billing.yaml",
        &yaml.replace("finance", "sales").replace(": 20", ": 25"),
    );
    let changed = outcome(&apply);
    assert_eq!(changed["outcome"], "updated");
    let paths = changed["paths"].to_string();
    assert!(
        paths.contains("labels") && paths.contains("delivery.messages_per_minute"),
        "{paths}"
    );
    assert_eq!(changed["paths"].as_array().unwrap().len(), 2);
    assert_eq!(outcome(&apply)["outcome"], "unchanged");

    house.write(
        "billing.yaml",
        &yaml.replace("display_name", "displey_name"),
    );
    let (code, said) = house.fails(&apply);
    assert!(code == 2 && said.contains("displey_name"), "{said}");
}

#[test]
fn a_file_with_a_wrong_value_is_told_by_its_name_and_the_place() {
    let house = House::start();
    let port = house.sandbox.smtp_addr().port();
    let yaml = format!(
        "service_id: billing\nservice:\n  display_name: Billing\n  smtp: {{host: localhost, port: {port}}}\n  \
         sender: {{address: adele@contoso.com}}\n  none: {{}}\n  delivery: {{messages_per_minute: 20}}\n"
    );
    let file = house.write("billing.yaml", &yaml);
    let apply = ["services", "apply", "-f", &file];
    let refused = |from: &str, to: &str, code: i32, place: &str| {
        assert!(yaml.contains(from));
        house.write("billing.yaml", &yaml.replace(from, to));
        let (exit, said) = house.fails(&apply);
        assert_eq!(exit, code, "{said}");
        assert!(
            said.contains("billing.yaml") && said.contains(place),
            "{said}"
        );
        assert_eq!(house.fails(&["services", "show", "billing"]).0, 8, "{said}");
    };
    // What no server need be asked about: nothing was done.
    refused("smtp: {host", "smtp: {hots", 2, "service.smtp");
    refused(
        ": 20}",
        ": twenty}",
        2,
        "service.delivery.messages_per_minute",
    );
    refused(
        ": 20}",
        ": 20000000000}",
        2,
        "service.delivery.messages_per_minute",
    );
    refused("none: {}", "none: yes", 2, "service.none");
    refused("  smtp: {", "  smtp: [", 2, "line 4");
    refused("service_id: billing\n", "", 2, "service_id");
    // What the server knows.
    refused(": 20}", ": -1}", 9, "delivery.messages_per_minute");
    refused("adele@", "adele", 9, "sender.address");
    house.write("billing.yaml", &yaml);
    house.ok(&apply);
}

#[test]
fn secrets_come_by_file_or_variable_and_never_by_an_argument() {
    let house = House::start();
    let (code, said) = house.fails(&["services", "create", "x", "--client-secret", "s"]);
    assert!(code == 2 && said.contains("--client-secret-file"), "{said}");
    let help = String::from_utf8(
        program(&[])
            .args(["services", "create", "--help"])
            .output()
            .unwrap()
            .stdout,
    );
    assert!(help.unwrap().contains("MAILWRIGHT_CLIENT_SECRET"));
    // Without a terminal nobody can be asked.
    let create = [
        "services",
        "create",
        "billing",
        "--display-name",
        "Billing",
        "--from",
        "adele@contoso.com",
        "--provider",
        "microsoft",
        "--client-id",
        CLIENT_ID,
    ];
    let output = house
        .command(&create)
        .env_remove("MAILWRIGHT_CLIENT_SECRET")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let file = house.write("secret", &format!("{CLIENT_SECRET}\n"));
    let mut create = create.to_vec();
    create.extend(["--client-secret-file", &file]);
    let output = house
        .command(&create)
        .env_remove("MAILWRIGHT_CLIENT_SECRET")
        .output()
        .unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && shown.contains("…001"), "{shown}");
    assert!(!shown.contains(CLIENT_SECRET));
}
