//! Mail by SendStream as fast as it goes or at a rate, and sinks that take it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use mailwright::rpc::proto::v1::send_stream_response::Result::Accepted;
use mailwright::rpc::proto::v1::{SendRequest, SendStreamRequest};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

use crate::program::{Program, free_port};
use crate::server::Server;
use crate::sink;

/// Streams that mail comes by where nothing else is said.
pub const STREAMS: usize = 4;

/// Nothing waits for a stream beyond what the server lets it have under way.
pub const NOTHING_WAITS: usize = 1;

/// Streams that are open.
pub struct Flow {
    senders: Vec<mpsc::Sender<SendStreamRequest>>,
    answers: JoinSet<usize>,
}

impl Flow {
    /// So many, each on a connection of its own, for each of which so many messages may wait here.
    pub async fn open(server: &Server, streams: usize, waiting: usize) -> Self {
        let (mut senders, mut answers) = (Vec::new(), JoinSet::new());
        for _ in 0..streams {
            let (sender, requests) = mpsc::channel(waiting);
            let mut client = server.mail().await;
            senders.push(sender);
            answers.spawn(async move {
                let requests = ReceiverStream::new(requests);
                let answers = client.send_stream(requests).await.unwrap();
                let (mut answers, mut accepted) = (answers.into_inner(), 0);
                while let Some(answer) = answers.next().await {
                    let answer = answer.unwrap();
                    assert!(matches!(answer.result, Some(Accepted(_))), "{answer:?}");
                    accepted += 1;
                }
                accepted
            });
        }
        Self { senders, answers }
    }

    /// The n-th message, from a task.
    pub async fn send(&self, n: usize, request: SendRequest) {
        let sender = &self.senders[n % self.senders.len()];
        sender.send(tagged(n, request)).await.unwrap();
    }

    /// As [`Flow::send`], from a thread.
    pub fn send_blocking(&self, n: usize, request: SendRequest) {
        let sender = &self.senders[n % self.senders.len()];
        sender.blocking_send(tagged(n, request)).unwrap();
    }

    /// Returns when all is accepted that was sent; how much that was.
    pub async fn close(self) -> usize {
        drop(self.senders);
        self.answers.join_all().await.into_iter().sum()
    }
}

fn tagged(n: usize, request: SendRequest) -> SendStreamRequest {
    SendStreamRequest {
        tag: n.to_string(),
        request: Some(request),
    }
}

/// Sends so many as fast as they are taken; how long it took until all were accepted.
pub async fn send_all(
    server: &Server,
    total: usize,
    request: impl Fn(usize) -> SendRequest,
) -> Duration {
    let flow = Flow::open(server, STREAMS, NOTHING_WAITS).await;
    let begin = Instant::now();
    for n in 0..total {
        flow.send(n, request(n)).await;
    }
    assert_eq!(flow.close().await, total);
    begin.elapsed()
}

/// Postfix's smtp-sink, one a mailbox: without a login, a mailbox is a host.
pub struct Sinks {
    pub addresses: Vec<SocketAddr>,
    _programs: Vec<Program>,
}

impl Sinks {
    /// So many, on loopback addresses of their own.
    pub fn start(count: u8, folder: &Path) -> Self {
        let (mut addresses, mut programs) = (Vec::new(), Vec::new());
        for n in 1..=count {
            let host = Ipv4Addr::new(127, 0, 1, n);
            let at = SocketAddr::from((host, free_port(host)));
            let log = folder.join(format!("sink-{n}.log"));
            programs.push(sink::smtp_sink(&log, at, None));
            addresses.push(at);
        }
        Self {
            addresses,
            _programs: programs,
        }
    }
}

/// The n-th host whose mail never leaves in a run: each is a mailbox of its own.
pub fn nth_host(n: usize) -> Ipv4Addr {
    let [_, high, middle, low] = u32::try_from(n).unwrap().to_be_bytes();
    Ipv4Addr::new(127, 1 + high, middle, low)
}
