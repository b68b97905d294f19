//! Many senders for long, while mail servers, the identity provider and the disk misbehave in turn: all
//! that was acknowledged arrives, once unless its reply was lost, and the process neither grows nor
//! hoards file handles.
//!
//! CI has one short turn; `MINUTES=60` makes it a soak, and prints what it saw.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mail_parser::MessageParser;
use mailwright::env::Env;
use mailwright::rpc::proto::v1::admin_api_client::AdminApiClient;
use mailwright::rpc::proto::v1::mail_api_client::MailApiClient;
use mailwright::rpc::proto::v1::{self, MessageState};
use mailwright::sandbox::TokenRefusal;
use rustix::fs::{FallocateFlags, fallocate, fstatvfs};
use tokio::task::JoinSet;

use super::device;
use super::harness::{Channel, channel, run_within};
use super::hostile_memory::proc_status;
use super::process::Process;
use super::requests::{ADELE, ALEX, NOREPLY};
use super::site::{Site, until_nothing_is_under_way};

const SENDERS: u32 = 64;

/// What they send a second, all together; the variable RATE sets another.
const RATE: u32 = 100;

const SERVICES: [(&str, &str); 2] = [("billing", ADELE), ("news", ALEX)];

/// One in so many goes to a server that takes it and loses its reply.
const LOST: usize = 50;

/// How long a turn's four parts take each: calm, and each of those that misbehave.
const PART: Duration = Duration::from_secs(15);
const PART_IN_CI: Duration = Duration::from_secs(2);

/// What others leave of the disk: so little that no new mail is taken, and what was taken can end. Who takes
/// that as well ends the process (`full_disk`).
const LEFT: u64 = 32 * 1024 * 1024;

/// What memory may grow from a quarter of the time to its end: sled's pages come and go.
const GROWTH_MAX: usize = 160 * 1024 * 1024;

/// What was acknowledged, and how long that took.
#[derive(Default)]
struct Seen {
    /// Message ids by request id.
    acknowledged: BTreeMap<String, String>,
    took: Vec<Duration>,
    refused: BTreeMap<String, u64>,
}

struct Soak {
    env: Env,
    site: Site,
    others: Option<PathBuf>,
    seen: Mutex<Seen>,
    over: AtomicBool,
}

/// A number from outside.
fn variable(name: &str) -> Option<u32> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn nothing_is_lost_and_nothing_grows_while_everything_misbehaves_in_turn() {
    let minutes = variable("MINUTES").unwrap_or(0);
    let (turns, part) = match minutes {
        0 => (1, PART_IN_CI),
        minutes => (minutes, PART),
    };
    let bench = device::bench("a soak on a disk that runs full");
    let disk = bench.as_ref().map(|bench| {
        let image = bench.path("soak.img");
        device::format(&image, 1_000 + u64::from(minutes) * 100, &[]);
        bench.mount(&image, "soak")
    });
    let limit = Duration::from_secs(600) + part * 4 * turns * 2;
    run_within(limit, async move {
        let soak = Soak::start(disk.as_deref()).await;
        soak.run(turns, part).await;
    });
    drop(bench);
}

impl Soak {
    async fn start(disk: Option<&Path>) -> Self {
        Self {
            env: Env::system(),
            site: Site::new(disk.map(|disk| disk.join("data"))).await,
            others: disk.map(|disk| disk.join("others")),
            seen: Mutex::default(),
            over: AtomicBool::new(false),
        }
    }

    async fn run(self, turns: u32, part: Duration) {
        let process = self.site.start();
        for (id, mailbox) in SERVICES {
            self.site.prepare_as(&process, id, mailbox).await;
        }
        let connection = channel(process.grpc).await;
        let soak = std::sync::Arc::new(self);
        let mut senders = JoinSet::new();
        let began = soak.env.monotonic();
        for sender in 0..SENDERS {
            let (soak, own) = (soak.clone(), channel(process.grpc).await);
            senders.spawn(async move { soak.send(own, sender).await });
        }
        let mut quarter = None;
        for turn in 0..turns {
            soak.turn(&connection, part).await;
            if quarter.is_none() && (turn + 1) * 4 >= turns {
                quarter = Some(usage(&process));
            }
            println!("turn {turn}: {}", soak.tells(&process, began));
        }
        soak.over.store(true, Ordering::Relaxed);
        while let Some(ended) = senders.join_next().await {
            ended.unwrap();
        }
        let sent_within = soak.env.monotonic() - began;
        let end = usage(&process);
        soak.mend(&connection).await;
        until_nothing_is_under_way(&connection).await;
        soak.report(sent_within, quarter.unwrap(), end);
        soak.judge(&connection).await;
    }

    /// One part each: calm, mail servers, the identity provider, the disk.
    async fn turn(&self, connection: &Channel, part: Duration) {
        let control = self.site.sandbox.control();
        self.env.sleep(part).await;

        control.hold_data_reply(true);
        control.submission_reply(ADELE, Some("451 4.3.2 Please try again later"));
        self.env.sleep(part).await;
        control.hold_data_reply(false);
        control.submission_reply(ADELE, None);
        control.release();
        self.mend(connection).await;

        control.refuse_next_token_requests(4, TokenRefusal::Unavailable);
        control.expire_access_tokens(ADELE);
        control.hold_token_replies(true);
        self.env.sleep(part).await;
        control.hold_token_replies(false);

        if let Some(others) = &self.others {
            take_all_but(others, LEFT);
            self.env.sleep(part).await;
            std::fs::remove_file(others).unwrap();
        }
        self.mend(connection).await;
    }

    /// What a person does once a server is well again, rather than wait for a probe.
    async fn mend(&self, connection: &Channel) {
        let mut admin = AdminApiClient::new(connection.clone());
        for (id, _) in SERVICES {
            let test = v1::SendTestRequest {
                service_id: id.into(),
                to: NOREPLY.into(),
            };
            // A test that fails leaves it to the next probe.
            let _ = admin.send_test(test).await;
        }
    }

    async fn send(&self, own: Channel, sender: u32) {
        let mut mail = MailApiClient::new(own);
        let every = Duration::from_secs(1) * SENDERS / variable("RATE").unwrap_or(RATE);
        let mut n = 0_usize;
        while !self.over.load(Ordering::Relaxed) {
            let due = self.env.sleep(every);
            let request_id = format!("s{sender}-{n}");
            self.send_one(&mut mail, &request_id, n).await;
            n += 1;
            due.await;
        }
    }

    /// Sends until it is acknowledged, under the same request id.
    async fn send_one(&self, mail: &mut MailApiClient<Channel>, request_id: &str, n: usize) {
        let to = match n % LOST {
            0 => "drop-after-dot@contoso.com",
            _ => NOREPLY,
        };
        let email = v1::Email {
            to: vec![v1::Address {
                address: to.into(),
                name: String::new(),
            }],
            subject: request_id.to_owned(),
            text_body: "x".repeat(1 + n % 7 * 1_000),
            ..v1::Email::default()
        };
        let request = v1::SendRequest {
            service_id: SERVICES[n % SERVICES.len()].0.into(),
            request_id: request_id.to_owned(),
            content: Some(v1::send_request::Content::Email(Box::new(email))),
            ..v1::SendRequest::default()
        };
        loop {
            let began = self.env.monotonic();
            match mail.send(request.clone()).await {
                Ok(answer) => {
                    let mut seen = self.seen.lock().unwrap();
                    seen.took.push(self.env.monotonic() - began);
                    let message_id = answer.into_inner().message_id;
                    seen.acknowledged.insert(request_id.to_owned(), message_id);
                    return;
                }
                Err(status) => {
                    let code = format!("{:?}", status.code());
                    *self.seen.lock().unwrap().refused.entry(code).or_default() += 1;
                }
            }
            self.env.sleep(Duration::from_millis(250)).await;
        }
    }

    fn tells(&self, process: &Process, began: Duration) -> String {
        let (memory, files) = usage(process);
        let seconds = (self.env.monotonic() - began).as_secs();
        let seen = self.seen.lock().unwrap();
        let count = seen.acknowledged.len();
        format!(
            "{seconds} s, {count} acknowledged, {:?} refused, {} MiB, {files} files",
            seen.refused,
            memory / 1024 / 1024
        )
    }

    fn report(&self, within: Duration, quarter: (usize, usize), end: (usize, usize)) {
        let mut seen = self.seen.lock().unwrap();
        seen.took.sort();
        let at = |part: usize| seen.took[seen.took.len() * part / 1000];
        println!(
            "{:.1} sends a second; of Send: median {:?}, p99 {:?}, p99.9 {:?}",
            seen.took.len() as f64 / within.as_secs_f64(),
            at(500),
            at(990),
            at(999)
        );
        let mib = |bytes: usize| bytes / 1024 / 1024;
        println!(
            "memory {} MiB at a quarter, {} at the end; files {} and {}",
            mib(quarter.0),
            mib(end.0),
            quarter.1,
            end.1
        );
        assert!(end.0 < quarter.0 + GROWTH_MAX, "memory grows");
        assert!(end.1 < quarter.1 + 64, "file handles grow");
    }

    /// Holds what arrived against what was acknowledged.
    async fn judge(&self, connection: &Channel) {
        let mut arrived: BTreeMap<String, usize> = BTreeMap::new();
        for delivered in self.site.sandbox.mail() {
            let message = MessageParser::default().parse(&delivered.content).unwrap();
            let subject = message.subject().unwrap_or_default().to_owned();
            *arrived.entry(subject).or_default() += 1;
        }
        let acknowledged = std::mem::take(&mut self.seen.lock().unwrap().acknowledged);
        let mut mail = MailApiClient::new(connection.clone());
        let mut twice = 0;
        for (request_id, message_id) in &acknowledged {
            let times = arrived.get(request_id).copied().unwrap_or_default();
            assert!(times >= 1, "{request_id} ({message_id}) never arrived");
            if times == 1 {
                continue;
            }
            let get = v1::GetMessageRequest {
                message_id: message_id.clone(),
            };
            let message = mail.get_message(get).await.unwrap().into_inner().message;
            let message = message.unwrap();
            let lost = message.attempts.iter().filter(|attempt| attempt.uncertain);
            assert!(times <= 1 + lost.count(), "{request_id}: {message:?}");
            assert_eq!(message.state(), MessageState::Sent, "{message:?}");
            twice += 1;
        }
        println!(
            "{} acknowledged, none lost; {twice} more than once, each with its reply lost",
            acknowledged.len()
        );
        assert!(!acknowledged.is_empty());
    }
}

/// Takes the room that is left on a disk, but for so many bytes.
fn take_all_but(path: &Path, left: u64) {
    let file = std::fs::File::create(path).unwrap();
    let disk = fstatvfs(&file).unwrap();
    let room = disk.f_bavail * disk.f_frsize;
    fallocate(&file, FallocateFlags::empty(), 0, room.saturating_sub(left)).unwrap();
}

/// Resident memory and open files.
fn usage(process: &Process) -> (usize, usize) {
    let files = std::fs::read_dir(format!("/proc/{}/fd", process.id())).unwrap();
    (proc_status(process, "VmRSS"), files.count())
}
