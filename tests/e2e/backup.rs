//! Backups: made while mail goes on, verified, and brought back to a server that sends again.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use mailwright::rpc::proto::v1::admin_api_client::AdminApiClient;
use mailwright::rpc::proto::v1::mail_api_client::MailApiClient;
use mailwright::rpc::proto::v1::status_api_client::StatusApiClient;
use mailwright::rpc::proto::v1::watch_status_response::Event;
use mailwright::rpc::proto::v1::{self, MessageState, ServiceState};
use tonic::Code;

use super::harness::{Channel, channel, run};
use super::process::Process;
use super::requests::{ALEX, text_to};
use super::site::{Site, until_nothing_is_under_way};
use super::vault_keys::mailwright;

fn run_with(arguments: &[&str]) -> Output {
    mailwright(&[]).args(arguments).output().unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

fn backup(process: &Process, to: &Path) -> Output {
    let server = format!("http://{}", process.grpc);
    run_with(&["backup", "--to", to.to_str().unwrap(), "--server", &server])
}

fn restore(from: &Path, data: &Path) -> Output {
    let (from, data) = (from.to_str().unwrap(), data.to_str().unwrap());
    run_with(&["restore", "--from", from, "--data", data])
}

fn letter(request_id: &str, body: &str) -> v1::SendRequest {
    let mut request = v1::SendRequest {
        service_id: "billing".into(),
        request_id: request_id.into(),
        ..text_to(&[ALEX])
    };
    if let Some(v1::send_request::Content::Email(email)) = &mut request.content {
        email.text_body = body.into();
    }
    request
}

async fn suspend(connection: &Channel) {
    let suspend = v1::SuspendServiceRequest {
        service_id: "billing".into(),
    };
    let mut admin = AdminApiClient::new(connection.clone());
    admin.suspend_service(suspend).await.unwrap();
}

async fn resume(connection: &Channel) {
    let resume = v1::ResumeServiceRequest {
        service_id: "billing".into(),
    };
    let mut admin = AdminApiClient::new(connection.clone());
    admin.resume_service(resume).await.unwrap();
}

async fn service(connection: &Channel) -> v1::Service {
    let get = v1::GetServiceRequest {
        service_id: "billing".into(),
    };
    let mut admin = AdminApiClient::new(connection.clone());
    admin
        .get_service(get)
        .await
        .unwrap()
        .into_inner()
        .service
        .unwrap()
}

async fn messages(connection: &Channel) -> Vec<v1::Message> {
    let mut mail = MailApiClient::new(connection.clone());
    let (mut all, mut page_token) = (Vec::new(), String::new());
    loop {
        let list = v1::ListMessagesRequest {
            page_size: 500,
            page_token,
            ..Default::default()
        };
        let page = mail.list_messages(list).await.unwrap().into_inner();
        all.extend(page.messages);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return all;
        }
    }
}

/// A site with held mail, one letter of it large, and a backup of it.
async fn backed_up() -> (Site, PathBuf, String) {
    let site = Site::new(None).await;
    let process = site.start();
    site.prepare(&process).await;
    let connection = channel(process.grpc).await;
    suspend(&connection).await;
    let mut mail = MailApiClient::new(connection.clone());
    let mut cursor = String::new();
    for (n, size) in [10, 1_000, 10_000, 3_000_000].into_iter().enumerate() {
        let body = "word ".repeat(size / 5);
        let held = mail
            .send(letter(&format!("held-{n}"), &body))
            .await
            .unwrap();
        cursor = held.into_inner().cursor;
    }
    let file = site.data.with_file_name("all.backup");
    let output = backup(&process, &file);
    assert!(output.status.success(), "{}", told(&output));
    (site, file, cursor)
}

#[test]
fn what_was_backed_up_is_there_again_suspended_and_goes_out_once_resumed() {
    run(async {
        let (mut site, file, cursor) = backed_up().await;
        let verified = run_with(&["backup", "--verify", file.to_str().unwrap()]);
        assert!(told(&verified).contains(": whole;"), "{}", told(&verified));
        let old = site.data.clone();
        site.data = old.with_file_name("restored");
        let output = restore(&file, &site.data);
        let text = told(&output);
        assert!(output.status.success(), "{text}");
        assert!(text.contains("1 services and 5 messages"), "{text}");
        assert!(text.contains("4 messages had not ended"), "{text}");

        let refused = site.try_start(&[]).err().unwrap();
        assert!(
            refused.contains("vault key file") && refused.contains("missing"),
            "{refused}"
        );
        std::fs::copy(old.join("vault.key"), site.data.join("vault.key")).unwrap();
        let process = site.start();
        let connection = channel(process.grpc).await;
        let restored = service(&connection).await;
        assert_eq!(restored.state(), ServiceState::Suspended);
        let problem = restored.problem.unwrap();
        assert!(
            problem.summary.contains("restored from a backup"),
            "{problem:?}"
        );
        assert!(
            problem.remedy.contains("may have been sent since"),
            "{problem:?}"
        );

        let watch = v1::WatchStatusRequest {
            start: Some(v1::watch_status_request::Start::Cursor(cursor)),
            ..Default::default()
        };
        let mut status = StatusApiClient::new(connection.clone());
        let refused = status.watch_status(watch).await.unwrap_err();
        assert_eq!(
            refused.code(),
            Code::OutOfRange,
            "the past may be another one"
        );

        let known = MailApiClient::new(connection.clone())
            .send(letter("held-0", &"word ".repeat(2)))
            .await
            .unwrap();
        assert!(known.into_inner().deduplicated, "its request ids are known");
        resume(&connection).await;
        until_nothing_is_under_way(&connection).await;
        for message in messages(&connection).await {
            assert_eq!(message.state(), MessageState::Sent, "{message:?}");
        }
        assert_eq!(service(&connection).await.state(), ServiceState::Ready);
    });
}

#[test]
fn a_damaged_backup_and_a_folder_in_use_are_refused_untouched() {
    run(async {
        let (site, file, _) = backed_up().await;
        let bytes = std::fs::read(&file).unwrap();
        let target = site.data.with_file_name("restored");
        for (bad, why) in [
            (&bytes[..bytes.len() - 1], "cut off"),
            (&bytes[..100], "cut off"),
            (b"nonsense that is long enough", "no backup"),
        ] {
            let damaged = file.with_extension("damaged");
            std::fs::write(&damaged, bad).unwrap();
            let output = restore(&damaged, &target);
            assert!(
                !output.status.success() && told(&output).contains(why),
                "{}",
                told(&output)
            );
            assert!(!target.exists());
        }
        let mut flipped = bytes.clone();
        flipped[bytes.len() / 2] ^= 1;
        let damaged = file.with_extension("damaged");
        std::fs::write(&damaged, flipped).unwrap();
        assert!(!restore(&damaged, &target).status.success());
        assert!(!target.exists());

        let output = restore(&file, &site.data);
        assert!(told(&output).contains("not empty"), "{}", told(&output));
        // A restore that is killed leaves nothing that could be served.
        let (from, data) = (file.to_str().unwrap(), target.to_str().unwrap());
        let killed = mailwright(&[("FAILPOINT", "paste.synced")])
            .args(["restore", "--from", from, "--data", data])
            .status()
            .unwrap();
        assert!(!killed.success());
        let variables = [("MAILWRIGHT_DATA_FOLDER", data)];
        let told = Process::try_start(&variables).err().unwrap();
        assert!(told.contains("did not end"), "{told}");
    });
}

/// What a backup holds is of one instant: no event without its message, no message without its body,
/// nothing missing that was acknowledged before it began.
#[test]
fn a_backup_among_many_senders_is_of_one_instant() {
    run(async {
        let mut site = Site::new(None).await;
        let process = site.start();
        site.prepare(&process).await;
        let (stop, acknowledged) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicUsize::new(0)),
        );
        let mut senders = Vec::new();
        for sender in 0..8 {
            let mut mail = MailApiClient::new(channel(process.grpc).await);
            let (stop, acknowledged) = (stop.clone(), acknowledged.clone());
            senders.push(tokio::spawn(async move {
                let mut n = 0;
                while !stop.load(Ordering::Relaxed) {
                    n += 1;
                    let body = "word ".repeat(1 + n % 7 * 300);
                    mail.send(letter(&format!("{sender}-{n}"), &body))
                        .await
                        .unwrap();
                    acknowledged.fetch_add(1, Ordering::Relaxed);
                }
            }));
        }
        while acknowledged.load(Ordering::Relaxed) < 300 {
            tokio::task::yield_now().await;
        }
        let before = acknowledged.load(Ordering::Relaxed);
        let file = site.data.with_file_name("busy.backup");
        let (address, path) = (format!("http://{}", process.grpc), file.clone());
        let output = tokio::task::spawn_blocking(move || {
            run_with(&[
                "backup",
                "--to",
                path.to_str().unwrap(),
                "--server",
                &address,
            ])
        })
        .await
        .unwrap();
        assert!(output.status.success(), "{}", told(&output));
        let meanwhile = acknowledged.load(Ordering::Relaxed) - before;
        stop.store(true, Ordering::Relaxed);
        for sender in senders {
            sender.await.unwrap();
        }
        assert!(meanwhile > 0, "mail goes on");
        drop(process);

        let old = site.data.clone();
        site.data = old.with_file_name("restored");
        let output = restore(&file, &site.data);
        assert!(output.status.success(), "{}", told(&output));
        std::fs::copy(old.join("vault.key"), site.data.join("vault.key")).unwrap();
        let process = site.start();
        let connection = channel(process.grpc).await;
        let found = messages(&connection).await;
        assert!(found.len() > before, "{} of {before}", found.len());
        every_event_is_there(&connection, found.len()).await;
        resume(&connection).await;
        until_nothing_is_under_way(&connection).await;
        for message in messages(&connection).await {
            assert_eq!(message.state(), MessageState::Sent, "{message:?}");
        }
    });
}

/// The log tells of every message's acceptance.
async fn every_event_is_there(connection: &Channel, count: usize) {
    let position = v1::WatchPosition::Oldest.into();
    let watch = v1::WatchStatusRequest {
        start: Some(v1::watch_status_request::Start::Position(position)),
        kinds: vec![v1::EventKind::Message.into()],
        ..Default::default()
    };
    let mut status = StatusApiClient::new(connection.clone());
    let mut feed = status.watch_status(watch).await.unwrap().into_inner();
    let mut told = std::collections::BTreeSet::new();
    while let Some(Event::Message(event)) = feed.message().await.unwrap().unwrap().event {
        told.insert(event.message.unwrap().message_id);
    }
    assert_eq!(told.len(), count);
}

#[test]
fn check_tells_what_is_right_and_wrong_with_and_without_a_server() {
    run(async {
        let site = Site::new(None).await;
        let process = site.start();
        site.prepare(&process).await;
        let check = |more: &[(&str, &str)]| {
            let mut variables = vec![
                ("MAILWRIGHT_DATA_FOLDER", site.data.to_str().unwrap()),
                ("MAILWRIGHT_EGRESS_ALLOW", "127.0.0.0/8,::1/128"),
            ];
            variables.extend(more);
            mailwright(&variables).arg("check").output().unwrap()
        };
        let address = format!("http://{}", process.grpc);
        let output = check(&[("MAILWRIGHT_ADDRESS", &address)]);
        let text = told(&output);
        assert!(output.status.success(), "{text}");
        assert!(text.contains("in use by process"), "{text}");
        assert!(text.contains("service billing: it can send"), "{text}");
        drop(process);

        let authority = site.sandbox.authority();
        let authority = ("MAILWRIGHT_OAUTH_MICROSOFT_AUTHORITY", authority.as_str());
        let output = check(&[authority]);
        let text = told(&output);
        assert!(output.status.success(), "{text}");
        for line in [
            "they open what is stored",
            "no server has it",
            "may be dialled",
            "ok    clock",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
        let output = check(&[authority, ("MAILWRIGHT_EGRESS_ALLOW", "")]);
        assert!(told(&output).contains("not allowed by the egress policy"));
        assert_eq!(output.status.code(), Some(1));

        let key = site.data.join("vault.key");
        let right = std::fs::read(&key).unwrap();
        std::fs::write(&key, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap();
        let output = check(&[authority]);
        assert!(
            told(&output).contains("bring the right key back"),
            "{}",
            told(&output)
        );
        assert_eq!(output.status.code(), Some(1));
        std::fs::write(&key, right).unwrap();
        assert!(check(&[authority]).status.success());
    });
}
