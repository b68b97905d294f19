//! What callers can make the real process take: memory, and file handles.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use mailwright::rpc::proto::v1::admin_api_client::AdminApiClient;
use mailwright::rpc::proto::v1::mail_api_client::MailApiClient;
use mailwright::rpc::proto::v1::{self, Role};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use tokio::net::TcpStream;
use tonic::Code;
use tonic::service::interceptor::InterceptedService;

use super::harness::{Bearer, as_admin, bare_channel, channel, lazy_channel, run};
use super::hostile_wire::{by_hand, head, status};
use super::process::{ADMIN_KEY, Process};
use super::requests::{ALEX, text_to};
use super::site::Site;

const MIB: usize = 1024 * 1024;

/// What requests may take, and the process beside them.
const RECEIVING: usize = 128 * MIB;
const BESIDE: usize = 192 * MIB;

/// Of each of the attacker's calls.
const BODY: usize = 40 * MIB;

/// A line of `/proc/ID/status`, in bytes.
pub fn proc_status(process: &Process, name: &str) -> usize {
    let text = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.unwrap().trim_matches([':', ' ', '\t', 'k', 'B']);
    kib.parse::<usize>().unwrap() * 1024
}

/// The ticks of the processor that it has taken, a hundredth of a second each.
fn ticks(process: &Process) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{}/stat", process.id())).unwrap();
    let (_, rest) = text.rsplit_once(')').unwrap();
    let fields: Vec<&str> = rest.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// A call whose body comes as fast as it is taken, and never ends; true once it was refused.
async fn begins_and_never_ends(address: SocketAddr, method: &str) -> bool {
    let mut client = by_hand(address).await;
    let (answer, mut body) = client.send_request(head(method, ADMIN_KEY), false).unwrap();
    let mut prefix = vec![0];
    prefix.extend(u32::try_from(BODY + 1).unwrap().to_be_bytes());
    body.send_data(prefix.into(), false).unwrap();
    let piece = Bytes::from(vec![7; 64 * 1024]);
    let sends = async {
        for _ in 0..BODY / piece.len() {
            body.reserve_capacity(piece.len());
            while body.capacity() < piece.len() {
                match std::future::poll_fn(|context| body.poll_capacity(context)).await {
                    Some(Ok(_)) => {}
                    _ => return,
                }
            }
            if body.send_data(piece.clone(), false).is_err() {
                return;
            }
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        biased;
        status = status(answer) => status.code() == Code::ResourceExhausted,
        () = sends => false,
    }
}

#[test]
fn many_large_requests_at_once_do_not_take_all_memory_and_others_go_on() {
    run(async {
        let site = Site::new(None).await;
        let receiving = RECEIVING.to_string();
        let process = site.start_with(&[("MAILWRIGHT_LIMITS_RECEIVING_BYTES", &receiving)]);
        site.prepare(&process).await;
        let mut admin = AdminApiClient::new(channel(process.grpc).await);
        let key = v1::CreateAccessKeyRequest {
            display_name: "honest".into(),
            roles: vec![Role::Sender.into()],
            ..Default::default()
        };
        let key = admin.create_access_key(key).await.unwrap().into_inner();
        let before = proc_status(&process, "VmRSS");

        let mut attackers = tokio::task::JoinSet::new();
        for n in 0..32 {
            let method = ["MailAPI/Send", "MailAPI/SendStream"][n % 2];
            attackers.spawn(begins_and_never_ends(process.grpc, method));
        }
        // The first that finds no room for ten seconds is refused.
        assert!(attackers.join_next().await.unwrap().unwrap());
        let peak = proc_status(&process, "VmHWM");
        println!("{} MiB before, {} at most", before / MIB, peak / MIB);
        assert!(peak < before + RECEIVING + BESIDE, "{} MiB", peak / MIB);

        let connection = bare_channel(process.grpc).await;
        let honest = InterceptedService::new(connection, Bearer::of(&key.secret));
        let request = v1::SendRequest {
            service_id: "billing".into(),
            ..text_to(&[ALEX])
        };
        MailApiClient::new(honest).send(request).await.unwrap();
    });
}

#[test]
fn without_a_file_handle_left_it_waits_without_spinning_and_then_goes_on() {
    run(async {
        let site = Site::new(None).await;
        let process = site.start();
        site.prepare(&process).await;
        let id = Pid::from_raw(process.id().try_into().unwrap()).unwrap();
        let limit = |current| {
            let limit = Rlimit {
                current: Some(current),
                ..getrlimit(Resource::Nofile)
            };
            prlimit(Some(id), Resource::Nofile, limit).unwrap()
        };
        // None is left, and no connection that could make way.
        let usual = limit(1);
        let mut waiting = Vec::new();
        for _ in 0..8 {
            waiting.push(TcpStream::connect(process.grpc).await.unwrap());
        }
        let before = ticks(&process);
        let mut admin = AdminApiClient::new(lazy_channel(process.grpc));
        let ask = v1::GetServerInfoRequest::default();
        let asked = admin.get_server_info(ask);
        tokio::pin!(asked);
        let early = tokio::time::timeout(Duration::from_secs(3), &mut asked).await;
        assert!(early.is_err(), "there was a handle left");
        let took = ticks(&process) - before;
        assert!(took < 60, "{took} hundredths of a second in three");
        prlimit(Some(id), Resource::Nofile, usual).unwrap();
        asked.await.unwrap();
    });
}

#[test]
fn ten_thousand_connections_that_say_nothing_keep_nobody_out() {
    run(async {
        let site = Site::new(None).await;
        let process = site.start_with(&[("MAILWRIGHT_SERVER_MAX_CONNECTIONS", "256")]);
        let before = proc_status(&process, "VmRSS");
        for _ in 0..10_000 {
            // What is closed at once, by either side, is all the same here.
            drop(TcpStream::connect(process.grpc).await);
        }
        let mut held = Vec::new();
        for _ in 0..600 {
            held.push(TcpStream::connect(process.grpc).await.unwrap());
        }
        let mut admin = AdminApiClient::new(as_admin(bare_channel(process.grpc).await));
        let ask = v1::GetServerInfoRequest::default();
        admin.get_server_info(ask).await.unwrap();
        let files = std::fs::read_dir(format!("/proc/{}/fd", process.id())).unwrap();
        let files = files.count();
        assert!(files < 256 + 64, "{files} files");
        let grown = proc_status(&process, "VmHWM") - before;
        println!("{} KiB more", grown / 1024);
        assert!(grown < 32 * MIB, "{grown}");
    });
}
