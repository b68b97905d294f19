//! The vault's keys: wrong ones are refused before anything is written, and new ones take over while
//! the server serves, whatever instant a crash picks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mailwright::rpc::proto::v1::admin_api_client::AdminApiClient;
use mailwright::rpc::proto::v1::mail_api_client::MailApiClient;
use mailwright::rpc::proto::v1::{self, MessageState, ServiceState};

use super::harness::{Folder, channel, run};
use super::process::{ADMIN_KEY, Process, program};
use super::requests::{ADELE, ALEX, oauth2, text_to};
use super::site::{Site, until_nothing_is_under_way};

/// `mailwright` with these variables, and an admin's key.
pub fn mailwright(variables: &[(&str, &str)]) -> Command {
    let mut command = program(variables);
    command.env("MAILWRIGHT_KEY", ADMIN_KEY);
    command
}

/// A key as sources hold it.
fn key(n: u8) -> String {
    STANDARD.encode([n; 32])
}

fn start(folder: &Folder, more: &[(&str, &str)]) -> Result<Process, String> {
    let data = folder.0.join("data");
    let mut variables = vec![("MAILWRIGHT_DATA_FOLDER", data.to_str().unwrap())];
    variables.extend(more);
    Process::try_start(&variables)
}

/// Every file of a folder, but the one that says who has it, and those that the store tidies whenever it
/// is opened: the key is checked before any transaction, not before that.
fn bytes_of(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(path) = open.pop() {
        let is_tidied = path.ends_with("data/rows") || path.ends_with("data/log");
        if is_tidied {
            continue;
        } else if path.is_dir() {
            let entries = std::fs::read_dir(&path).unwrap();
            open.extend(entries.map(|entry| entry.unwrap().path()));
        } else if path.file_name().is_some_and(|name| name != "lock") {
            found.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
    found
}

pub fn rotate(process: &Process) -> Output {
    let address = format!("http://{}", process.grpc);
    mailwright(&[])
        .args(["rotate-key", "--server", &address])
        .output()
        .unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

/// The lines of a key file that are keys.
fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let is_key = |line: &&str| !line.starts_with('#') && !line.is_empty();
    text.lines().filter(is_key).map(str::to_owned).collect()
}

/// What the site has does its work: secrets, token and held body open, and mail goes out.
async fn works(process: &Process, request_id: &str) {
    let connection = channel(process.grpc).await;
    let mut admin = AdminApiClient::new(connection.clone());
    let resume = v1::ResumeServiceRequest {
        service_id: "billing".into(),
    };
    admin.resume_service(resume).await.unwrap();
    let mut mail = MailApiClient::new(connection.clone());
    let sent = mail.send(text(request_id)).await.unwrap().into_inner();
    until_nothing_is_under_way(&connection).await;
    let list = v1::ListMessagesRequest {
        page_size: 500,
        ..Default::default()
    };
    let listed = mail.list_messages(list).await.unwrap().into_inner();
    assert!(
        listed
            .messages
            .iter()
            .any(|m| m.message_id == sent.message_id)
    );
    for message in listed.messages {
        assert_eq!(message.state(), MessageState::Sent, "{message:?}");
    }
}

fn text(request_id: &str) -> v1::SendRequest {
    v1::SendRequest {
        service_id: "billing".into(),
        request_id: request_id.into(),
        ..text_to(&[ALEX])
    }
}

/// Suspends the service and leaves held mail of so many messages.
async fn hold(process: &Process, count: usize) {
    let connection = channel(process.grpc).await;
    let suspend = v1::SuspendServiceRequest {
        service_id: "billing".into(),
    };
    let mut admin = AdminApiClient::new(connection.clone());
    admin.suspend_service(suspend).await.unwrap();
    let mut mail = MailApiClient::new(connection);
    for n in 0..count {
        let held = mail.send(text(&format!("held-{n}"))).await.unwrap();
        assert_eq!(held.into_inner().state(), MessageState::Held);
    }
}

#[test]
fn a_wrong_key_is_refused_before_anything_is_written_even_where_nothing_is_stored() {
    run(async {
        let folder = Folder::new();
        let right = [
            ("MAILWRIGHT_DATA_VAULT_KEY_VARIABLE", "VAULT"),
            ("VAULT", &key(1)),
        ];
        drop(start(&folder, &right).unwrap());
        // sled tidies up once after a process that was killed.
        let wrong = [
            ("MAILWRIGHT_DATA_VAULT_KEY_VARIABLE", "VAULT"),
            ("VAULT", &key(2)),
        ];
        start(&folder, &wrong).err().unwrap();
        let before = bytes_of(&folder.0);
        let told = start(&folder, &wrong).err().unwrap();
        assert!(
            told.contains("not the key") && told.contains("that needs key"),
            "{told}"
        );
        assert!(!told.contains(&key(1)) && !told.contains(&key(2)), "{told}");
        let after = bytes_of(&folder.0);
        assert!(before.keys().eq(after.keys()), "{:?}", after.keys());
        for (path, bytes) in &before {
            assert!(after[path] == *bytes, "{} changed", path.display());
        }
        let both = format!("{}\n{}", key(2), key(1));
        drop(start(&folder, &[right[0], ("VAULT", &both)]).unwrap());
        let told = start(&folder, &right).err().unwrap();
        assert!(
            told.contains("not the key"),
            "the second one seals now: {told}"
        );
    });
}

#[test]
fn a_commands_keys_open_and_its_failure_is_told_without_what_it_printed() {
    run(async {
        let folder = Folder::new();
        let script = folder.0.join("kms");
        let write = |text: &str| {
            use std::os::unix::fs::PermissionsExt;
            std::fs::write(&script, format!("#!/bin/sh\n{text}\n")).unwrap();
            std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
        };
        let variables = [(
            "MAILWRIGHT_DATA_VAULT_KEY_COMMAND",
            script.to_str().unwrap(),
        )];
        write(&format!("echo {}", key(1)));
        drop(start(&folder, &variables).unwrap());
        write(&format!(
            "echo {}; echo access denied by policy >&2; exit 7",
            key(1)
        ));
        let told = start(&folder, &variables).err().unwrap();
        assert!(told.contains("access denied by policy"), "{told}");
        assert!(!told.contains(&key(1)), "{told}");
        assert!(!folder.0.join("data/vault.key").exists());
    });
}

#[test]
fn a_key_is_rotated_while_mail_goes_on_and_the_old_one_can_be_taken_away() {
    run(async {
        let site = Site::new(None).await;
        let process = site.start();
        site.prepare(&process).await;
        let path = site.data.join("vault.key");
        let old = lines(&path);
        hold(&process, 10).await;

        let connection = channel(process.grpc).await;
        let sender = tokio::spawn(async move {
            let mut mail = MailApiClient::new(connection);
            for n in 0..200 {
                mail.send(text(&format!("meanwhile-{n}"))).await.unwrap();
            }
        });
        let output = rotate(&process);
        assert!(output.status.success(), "{}", told(&output));
        sender.await.unwrap();
        let keys = lines(&path);
        assert_eq!((keys.len(), &keys[1]), (2, &old[0]));
        let text = told(&output);
        assert!(text.contains("which the server has made"), "{text}");
        assert!(text.contains("secrets of 1 services, 1 tokens"), "{text}");
        assert!(text.contains("the server needs no longer"), "{text}");
        assert!(
            !text.contains(&keys[0]) && !text.contains(&old[0]),
            "{text}"
        );
        drop(process);

        std::fs::write(&path, &keys[0]).unwrap();
        let process = site.start();
        works(&process, "after").await;
        drop(process);
        std::fs::write(&path, &old[0]).unwrap();
        let told = site.try_start(&[]).err().unwrap();
        assert!(told.contains("not the key"), "{told}");
    });
}

#[test]
fn a_variables_second_key_is_rotated_to_after_a_restart() {
    run(async {
        let site = Site::new(None).await;
        let named = ("MAILWRIGHT_DATA_VAULT_KEY_VARIABLE", "VAULT");
        let process = site.try_start(&[named, ("VAULT", &key(1))]).unwrap();
        site.prepare(&process).await;
        let text = told(&rotate(&process));
        assert!(text.contains("there was nothing to do"), "{text}");
        drop(process);
        let both = format!("{}\n{}", key(2), key(1));
        let process = site.try_start(&[named, ("VAULT", &both)]).unwrap();
        let text = told(&rotate(&process));
        assert!(text.contains("secrets of 1 services, 1 tokens"), "{text}");
        drop(process);
        let process = site.try_start(&[named, ("VAULT", &key(2))]).unwrap();
        works(&process, "after").await;
    });
}

/// Whatever the instant, the next start opens everything, and the next rotation ends what was begun.
#[test]
fn a_rotation_that_is_killed_is_gone_on_with() {
    run(async {
        for place in [
            "keys.apply:1",
            "keys.synced:1",
            "keys.apply:2",
            "keys.synced:2",
            "reseal.apply:1",
            "reseal.synced:1",
            "reseal.synced:2",
            "keys.apply:3",
            "keys.synced:3",
        ] {
            let site = Site::new(None).await;
            let process = site.start();
            site.prepare(&process).await;
            hold(&process, 300).await;
            drop(process);
            let path = site.data.join("vault.key");
            let old = lines(&path);

            let process = site.start_to_abort(Some(place)).unwrap();
            assert!(!rotate(&process).status.success(), "{place}");
            assert!(!process.ended().0.success(), "{place}");
            assert_eq!(lines(&path)[1..], old, "{place}: no key is lost");

            let process = site.start();
            let output = rotate(&process);
            assert!(output.status.success(), "{place}: {}", told(&output));
            drop(process);
            let keys = lines(&path);
            std::fs::write(&path, &keys[0]).unwrap();
            works(&site.start(), "after").await;
        }
    });
}

#[test]
fn a_rotation_without_a_key_that_is_needed_changes_nothing() {
    run(async {
        let site = Site::new(None).await;
        let process = site.start();
        site.prepare(&process).await;
        let path = site.data.join("vault.key");
        let right = std::fs::read(&path).unwrap();
        for wrong in ["", "no key", &key(9)] {
            std::fs::write(&path, wrong).unwrap();
            let output = rotate(&process);
            assert!(!output.status.success());
            let text = told(&output);
            assert!(text.contains("The vault's keys can't be used"), "{text}");
            assert_eq!(std::fs::read(&path).unwrap(), wrong.as_bytes());
        }
        std::fs::write(&path, right).unwrap();
        works(&process, "still").await;
        let mut admin = AdminApiClient::new(channel(process.grpc).await);
        let get = v1::GetServiceRequest {
            service_id: "billing".into(),
        };
        let mut service = admin
            .get_service(get)
            .await
            .unwrap()
            .into_inner()
            .service
            .unwrap();
        assert_eq!(oauth2(&mut service).login_email, ADELE);
        assert_eq!(service.state(), ServiceState::Ready);
    });
}
