//! No secret is shown: neither what a busy server says at its most talkative, nor what it keeps, has
//! one of those that went through it.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use mailwright::rpc::proto::v1::admin_api_client::AdminApiClient;
use mailwright::rpc::proto::v1::mail_api_client::MailApiClient;
use mailwright::rpc::proto::v1::{self, MessageState};
use mailwright::sandbox::{CLIENT_ID, CLIENT_SECRET};

use super::harness::{Channel, channel, run};
use super::process::Process;
use super::requests::{ADELE, ALEX, addresses, oauth2};
use super::site::{Site, until_nothing_is_under_way};
use super::vault_keys::{mailwright, rotate};

const NEXT_SECRET: &str = "Nxt8Q~the-secret-that-follows-0002";
const PASSWORD: &str = "correct horse battery staple";
const BODY: &str = "Your salary is confidential, dear recipient";
const SUBJECT: &str = "Subject-that-is-nobodys-business";
const BAD_CODE: &str = "0.AXQA-a-code-that-was-made-up";

/// What a run leaves behind: all that was logged, and the states of its authorizations.
#[derive(Default)]
struct Traces {
    log: String,
    states: Vec<String>,
}

impl Traces {
    fn start(site: &Site) -> Process {
        let level = ("MAILWRIGHT_LOG_LEVEL", "mailwright=trace,info");
        site.try_start(&[level]).unwrap()
    }

    fn stop(&mut self, process: Process) {
        process.terminate();
        let (status, log) = process.ended();
        assert!(status.success(), "{log}");
        self.log += &log;
    }
}

/// A run that passes each way of a secret.
async fn busy_run(site: &Site) -> Traces {
    let mut traces = Traces::default();
    let process = Traces::start(site);
    site.prepare(&process).await;
    let connection = channel(process.grpc).await;
    let mut admin = AdminApiClient::new(connection.clone());
    let get = v1::GetServiceRequest {
        service_id: "billing".into(),
    };
    let answer = admin.get_service(get).await.unwrap().into_inner();
    let mut service = answer.service.unwrap();
    oauth2(&mut service).next_client_secret = NEXT_SECRET.into();
    update(&mut admin, service, "oauth2.next_client_secret").await;
    let mut mail = MailApiClient::new(connection.clone());
    for to in [ALEX, "refused@contoso.com"] {
        mail.send(letter("billing", to)).await.unwrap();
    }
    until_nothing_is_under_way(&connection).await;
    traces.stop(process);

    // New sessions show new tokens: refreshed once, and once more with the secret that follows.
    let control = site.sandbox.control();
    for round in 0..2 {
        control.expire_access_tokens(ADELE);
        if round == 1 {
            control.expire_secret(CLIENT_ID);
            control.add_secret(CLIENT_ID, NEXT_SECRET);
        }
        let process = Traces::start(site);
        let connection = channel(process.grpc).await;
        let mut mail = MailApiClient::new(connection.clone());
        mail.send(letter("billing", ALEX)).await.unwrap();
        until_nothing_is_under_way(&connection).await;
        traces.stop(process);
    }
    let process = Traces::start(site);
    let connection = channel(process.grpc).await;
    let mut admin = AdminApiClient::new(connection.clone());
    traces.states = failures(site, &mut admin).await;
    assert!(rotate(&process).status.success());
    let mut mail = MailApiClient::new(connection.clone());
    mail.send(letter("billing", ALEX)).await.unwrap();
    until_nothing_is_under_way(&connection).await;
    suspended_mail(&mut admin, &mut mail).await;
    traces.stop(process);
    traces
}

/// A made-up code, an authorization that nobody finishes, and a password that is refused.
async fn failures(site: &Site, admin: &mut AdminApiClient<Channel>) -> Vec<String> {
    let mut states = Vec::new();
    for code in [BAD_CODE, ""] {
        let begin = v1::BeginAuthorizeRequest {
            service_id: "billing".into(),
            ..Default::default()
        };
        let begun = admin.begin_authorize(begin).await.unwrap().into_inner();
        states.push(begun.state.clone());
        let complete = v1::CompleteAuthorizeRequest {
            state: begun.state,
            code: code.into(),
            ..Default::default()
        };
        if !code.is_empty() {
            admin.complete_authorize(complete).await.unwrap_err();
        }
    }
    password_service(site, admin).await;
    states
}

/// Mail that waits, so that its body is still on the disk.
async fn suspended_mail(admin: &mut AdminApiClient<Channel>, mail: &mut MailApiClient<Channel>) {
    let suspend = v1::SuspendServiceRequest {
        service_id: "billing".into(),
    };
    admin.suspend_service(suspend).await.unwrap();
    let held = mail.send(letter("billing", ALEX)).await.unwrap();
    assert_eq!(held.into_inner().state(), MessageState::Held);
}

async fn password_service(site: &Site, admin: &mut AdminApiClient<Channel>) {
    let service = v1::Service {
        display_name: "Relay".into(),
        smtp: Some(v1::Smtp {
            host: "localhost".into(),
            port: site.sandbox.smtp_addr().port().into(),
            ..v1::Smtp::default()
        }),
        sender: Some(v1::Sender {
            address: ALEX.into(),
            ..v1::Sender::default()
        }),
        auth: Some(v1::service::Auth::Password(v1::PasswordAuth {
            username: ALEX.into(),
            password: PASSWORD.into(),
        })),
        ..v1::Service::default()
    };
    let create = v1::CreateServiceRequest {
        service_id: "relay".into(),
        service: Some(service),
    };
    admin.create_service(create).await.unwrap();
    let test = v1::SendTestRequest {
        service_id: "relay".into(),
        to: ALEX.into(),
    };
    assert!(!admin.send_test(test).await.unwrap().into_inner().passed);
}

async fn update(admin: &mut AdminApiClient<Channel>, service: v1::Service, path: &str) {
    let update = v1::UpdateServiceRequest {
        service: Some(service),
        update_mask: Some(prost_types::FieldMask {
            paths: vec![path.into()],
        }),
    };
    admin.update_service(update).await.unwrap();
}

fn letter(service_id: &str, to: &str) -> v1::SendRequest {
    let email = v1::Email {
        to: addresses(&[to]),
        subject: SUBJECT.into(),
        text_body: BODY.into(),
        ..v1::Email::default()
    };
    v1::SendRequest {
        service_id: service_id.into(),
        content: Some(v1::send_request::Content::Email(Box::new(email))),
        ..v1::SendRequest::default()
    }
}

/// As itself, and as it travels: in base64, alone and as SASL shows it.
fn spellings(secret: &str) -> Vec<String> {
    let sasl = [
        format!("user={ADELE}\u{1}auth=Bearer {secret}\u{1}\u{1}"),
        format!("\0{ALEX}\0{secret}"),
    ];
    let mut all = vec![secret.to_owned(), URL_SAFE_NO_PAD.encode(secret)];
    all.extend(sasl.iter().map(|text| STANDARD.encode(text)));
    all.push(STANDARD.encode(secret));
    all
}

fn search(place: &str, bytes: &[u8], needles: &[String]) {
    let text = String::from_utf8_lossy(bytes);
    for needle in needles {
        // The needle itself is not shown: it is a secret of a run that may be looked at by anybody.
        assert!(
            !text.contains(needle.as_str()),
            "{place} holds a secret of {} bytes: {}…",
            needle.len(),
            &needle[..4]
        );
    }
}

fn search_folder(folder: &Path, needles: &[String], key_lines: &[String]) -> usize {
    let mut open = vec![folder.to_owned()];
    let mut read = 0;
    while let Some(path) = open.pop() {
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).unwrap();
            open.extend(entries.map(|entry| entry.unwrap().path()));
            continue;
        }
        // It reserves room and holds nothing.
        if path.file_name().is_some_and(|name| name == "reserve") {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        read += bytes.len();
        let place = path.display().to_string();
        search(&place, &bytes, needles);
        if path.file_name().is_some_and(|name| name != "vault.key") {
            search(&place, &bytes, key_lines);
        }
    }
    read
}

#[test]
fn no_secret_of_a_busy_run_is_told_or_kept_as_it_is() {
    run(async {
        let site = Site::new(None).await;
        let Traces { log, states } = busy_run(&site).await;
        for told in ["takes over", "the vault's keys are rotated"] {
            assert!(log.contains(told), "there is something to look at: {log}");
        }

        let issued = site.sandbox.control().secrets();
        assert!(
            issued.len() > 8,
            "codes, tokens, verifiers: {}",
            issued.len()
        );
        let known = [
            CLIENT_SECRET,
            NEXT_SECRET,
            PASSWORD,
            BODY,
            SUBJECT,
            BAD_CODE,
        ];
        let needles: Vec<String> = known
            .iter()
            .map(|text| (*text).to_owned())
            .chain(issued)
            .chain(states)
            .flat_map(|secret| spellings(&secret))
            .collect();
        let keys = std::fs::read_to_string(site.data.join("vault.key")).unwrap();
        let keys: Vec<String> = keys
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(str::to_owned)
            .collect();
        assert_eq!(keys.len(), 2);
        search("the log", log.as_bytes(), &needles);
        search("the log", log.as_bytes(), &keys);
        assert!(search_folder(&site.data, &needles, &keys) > 1_000);

        let data = site.data.to_str().unwrap();
        let printed = mailwright(&[("MAILWRIGHT_DATA_FOLDER", data)])
            .args(["serve", "--print-config"])
            .output()
            .unwrap();
        search("--print-config", &printed.stdout, &keys);
    });
}
