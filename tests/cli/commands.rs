//! What all commands have in common: keys, profiles, exit codes, completions.

use super::house::{ALEX, House};
use super::process::{ADMIN_KEY, Process, program};

#[test]
fn a_key_is_made_used_and_revoked() {
    let house = House::start();
    house.create("billing");
    let made = house.json(&[
        "keys",
        "create",
        "invoicing",
        "--role",
        "sender",
        "--service",
        "billing",
    ]);
    let secret = made["secret"].as_str().unwrap();
    let id = made["accessKey"]["accessKeyId"].as_str().unwrap();
    let output = house
        .command(&["services", "list"])
        .env("MAILWRIGHT_KEY", secret)
        .output()
        .unwrap();
    assert!(output.status.success());
    let output = house
        .command(&["keys", "list"])
        .env("MAILWRIGHT_KEY", secret)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(7), "a sender may not");
    assert!(house.ok(&["keys", "list"]).contains("SENDER of billing"));
    house.ok(&["keys", "revoke", id]);
    let output = house
        .command(&["services", "list"])
        .env("MAILWRIGHT_KEY", secret)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(7));
    assert!(house.ok(&["keys", "list"]).contains("REVOKED"));

    let file = house.folder.join("new.key");
    let create = [
        "keys",
        "create",
        "x",
        "--role",
        "watcher",
        "--secret-file",
        file.to_str().unwrap(),
    ];
    let shown = house.ok(&create);
    let kept = std::fs::read_to_string(&file).unwrap();
    assert!(kept.starts_with("mw_") && !shown.contains(&kept), "{shown}");
    let (code, _) = house.fails(&create);
    assert_eq!(code, 2, "a file that is there is not written over");
}

#[test]
fn a_profile_stands_for_flags_and_what_is_wrong_with_it_is_named() {
    let house = House::start();
    let key = house.write("key", ADMIN_KEY);
    let config = house.folder.join(".config/mailwright");
    std::fs::create_dir_all(&config).unwrap();
    let server = format!("http://{}", house.server.grpc);
    let text = format!(
        "default = \"here\"\n[profiles.here]\nserver = \"{server}\"\nkey_file = \"~/key\"\n\
         [profiles.gone]\nserver = \"http://127.0.0.1:1\"\nkey_file = \"{key}\"\n"
    );
    std::fs::write(config.join("config.toml"), &text).unwrap();
    let plain = |arguments: &[&str]| {
        let mut command = program(&[("HOME", house.folder.to_str().unwrap())]);
        command
            .env_remove("XDG_CONFIG_HOME")
            .args(arguments)
            .output()
            .unwrap()
    };
    let output = plain(&["services", "list"]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let (code, said) = house.fails(&["services", "list", "--profile", "gone"]);
    assert!(
        code == 6 && said.contains("127.0.0.1:1"),
        "a profile that is named counts before variables: {said}"
    );
    let (code, said) = house.fails(&["services", "list", "--profile", "nowhere"]);
    assert!(code == 2 && said.contains("here"), "{said}");
    let wrong = text.replace("key_file", "keyfile");
    std::fs::write(config.join("config.toml"), wrong).unwrap();
    let output = plain(&["services", "list"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("keyfile"), "{said}");
}

#[test]
fn without_a_server_or_a_key_the_way_out_is_told() {
    let folder = std::env::temp_dir().join(format!("mailwright-cli-gone-{}", std::process::id()));
    let server = Process::start(&[("MAILWRIGHT_DATA_FOLDER", folder.to_str().unwrap())]);
    let address = format!("http://{}", server.grpc);
    server.terminate();
    assert!(server.ended().0.success());
    std::fs::remove_dir_all(folder).unwrap();
    let mut command = program(&[("MAILWRIGHT_ADDRESS", &address)]);
    let output = command.args(["services", "list"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(6), "{said}");
    assert!(
        said.contains("mailwright serve") && said.contains("--server"),
        "{said}"
    );
    let house = House::start();
    let output = house
        .command(&["services", "list"])
        .env_remove("MAILWRIGHT_KEY")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(7), "{said}");
    assert!(
        said.contains("UNAUTHENTICATED") && said.contains("--key-file"),
        "{said}"
    );
}

#[test]
fn a_check_of_a_folder_without_a_store_warns_that_it_may_be_the_wrong_one() {
    let folder = std::env::temp_dir().join(format!("mailwright-cli-none-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut command = program(&[("MAILWRIGHT_DATA_FOLDER", "data")]);
    let output = command.arg("check").current_dir(&folder).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "a new server has none: {told}");
    let data = folder.join("data");
    for line in [
        format!("WARN  store: no store at {}", data.display()),
        "WARN  the vault key file data/vault.key: it isn't there".to_owned(),
        "set data.folder or MAILWRIGHT_DATA_FOLDER".to_owned(),
    ] {
        assert!(told.contains(&line), "{line}: {told}");
    }
    assert!(!data.exists(), "a check makes nothing");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_file_that_is_missing_or_wrong_is_a_wrong_command_line() {
    let house = House::start();
    let wrong = house.write("wrong", "no = [");
    let send = ["send", "billing", "--to", ALEX];
    let with = |more: &[&'static str]| [&send, more].concat();
    let text = ["--text", "x"];
    let create =
        "services create x --display-name X --from a@b.c --provider microsoft --client-id y";
    let create: Vec<_> = create.split(' ').collect();
    for arguments in [
        with(&["--text-file", "gone"]),
        with(&["--html-file", "gone"]),
        with(&["--text", "x", "--attach", "gone"]),
        [&send[..2], &text, &["--csv", "gone"]].concat(),
        [&send[..2], &["--eml", "gone"]].concat(),
        [&create[..], &["--client-secret-file", "gone"]].concat(),
        vec!["services", "list", "--key-file", "gone"],
        vec![
            "services",
            "list",
            "--server",
            "https://[::1]:1",
            "--ca-file",
            "gone",
        ],
        vec![
            "services",
            "list",
            "--server",
            "https://[::1]:1",
            "--ca-file",
            &wrong,
        ],
        vec!["services", "apply", "-f", "gone"],
        vec!["backup", "--verify", "gone"],
        vec!["backup", "--to", &wrong],
        vec!["restore", "--from", "gone", "--data", "new"],
        vec!["serve", "--config", "gone"],
        vec!["serve", "--config", &wrong],
        vec!["serve", "--config", "gone", "--print-config"],
        vec!["admin-key", "--config", &wrong],
    ] {
        let (code, said) = house.fails(&arguments);
        assert_eq!(code, 2, "{arguments:?}: {said}");
        assert!(said.contains("gone") || said.contains(&wrong), "{said}");
    }
}

#[test]
fn every_shell_gets_its_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = program(&[]).args(["completions", shell]).output().unwrap();
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(
            output.status.success() && script.contains("authorize"),
            "{shell}"
        );
    }
}

#[test]
fn a_private_authority_is_trusted_where_it_is_named_and_only_there() {
    let folder = std::env::temp_dir().join(format!("mailwright-cli-tls-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let data = file("data");
    // All of this test's servers are at one address.
    let first = Process::start(&[("MAILWRIGHT_DATA_FOLDER", &data)]);
    let ip = first.grpc.ip().to_string();
    drop(first);
    let certified = rcgen::generate_simple_self_signed(vec![ip]).unwrap();
    let (certificate, key) = (file("cert.pem"), file("key.pem"));
    std::fs::write(&certificate, certified.cert.pem()).unwrap();
    std::fs::write(&key, certified.signing_key.serialize_pem()).unwrap();
    let server = Process::start(&[
        ("MAILWRIGHT_DATA_FOLDER", &data),
        ("MAILWRIGHT_TLS_CERTIFICATE_FILE", &certificate),
        ("MAILWRIGHT_TLS_KEY_FILE", &key),
    ]);
    let address = format!("https://{}", server.grpc);
    let list = |more: &[&str]| {
        let mut command = program(&[("MAILWRIGHT_KEY", ADMIN_KEY)]);
        command
            .args(["services", "list", "--server", &address])
            .args(more)
            .output()
            .unwrap()
    };
    let output = list(&["--ca-file", &certificate]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let output = list(&[]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(6), "{said}");
    assert!(said.to_lowercase().contains("certificate"), "{said}");
    drop(server);
    std::fs::remove_dir_all(folder).unwrap();
}

/// What the command prints to a terminal.
fn on_a_terminal(house: &House, line: &str, no_color: &str) -> String {
    let mut command = house.on_a_terminal(line);
    let output = command.env("NO_COLOR", no_color).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_terminal_sees_how_fast_a_csv_goes_and_how_long_it_takes() {
    let house = House::start();
    house.ready("billing");
    house.ok(&["services", "suspend", "billing"]);
    let rows: String = (0..2_000)
        .map(|n| format!("someone{n}@contoso.com\n"))
        .collect();
    let file = house.write("rows.csv", &format!("to\n{rows}"));
    let send = format!("send billing --csv {file} --text Hello");
    let shown = on_a_terminal(&house, &send, "1");
    assert!(
        shown.contains("/2000") && shown.contains("/s  ETA "),
        "{shown:?}"
    );
    assert!(shown.contains("accepted       2000"), "{shown:?}");
}

#[test]
fn a_terminal_gets_colour_and_a_live_table_unless_no_color_forbids() {
    let house = House::start();
    house.ready("billing");
    house.ok(&[
        "send",
        "billing",
        "--to",
        "alex@contoso.com",
        "--text",
        "x",
        "--wait",
    ]);
    let coloured = on_a_terminal(&house, "services list", "");
    assert!(coloured.contains("\x1b[32mREADY"), "{coloured:?}");
    let plain = on_a_terminal(&house, "services list", "1");
    assert!(
        plain.contains("READY") && !plain.contains("\x1b[3"),
        "{plain:?}"
    );
    // Created, authorized, tested, and the two messages.
    let live = on_a_terminal(&house, "watch --from oldest --count 7", "1");
    assert!(
        live.contains("\x1b[?7h") && live.contains("A\x1b[J"),
        "drawn over itself: {live:?}"
    );
    let lines = on_a_terminal(&house, "watch --from oldest --count 2 --json", "1");
    assert!(!lines.contains('\x1b'), "{lines:?}");
}
