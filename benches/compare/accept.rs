//! From Send to the durable answer.

use std::time::{Duration, Instant};

use mailwright::rpc::proto::v1::SendStreamRequest;
use mailwright::rpc::proto::v1::send_stream_response::Result::Accepted;
use tokio::task::JoinSet;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

use crate::Bench;
use crate::disk::rate;
use crate::report::Section;
use crate::server::{Server, letter};

pub fn section(bench: &Bench) -> Section {
    let _ = bench;
    Section::new("accept", "Accept: from Send to the durable answer")
}

/// `total` messages over one stream, 256 of them unanswered; messages a second.
pub async fn stream(
    server: &Server,
    service_id: &str,
    run: &str,
    bytes: usize,
    total: usize,
) -> f64 {
    /// What the server takes on one stream at once.
    const IN_FLIGHT: usize = 256;
    let mut client = server.mail().await;
    let (sender, requests) = tokio::sync::mpsc::channel(IN_FLIGHT);
    let request = |n: usize| SendStreamRequest {
        tag: n.to_string(),
        request: Some(letter(service_id, format!("{run}-{n}"), bytes)),
    };
    let first = IN_FLIGHT.min(total);
    for n in 0..first {
        sender.send(request(n)).await.unwrap();
    }
    let begin = Instant::now();
    let answers = client.send_stream(ReceiverStream::new(requests)).await;
    let mut answers = answers.unwrap().into_inner();
    for answered in 0..total {
        let answer = answers.next().await.unwrap().unwrap();
        assert!(matches!(answer.result, Some(Accepted(_))), "{answer:?}");
        if answered + first < total {
            sender.send(request(answered + first)).await.unwrap();
        }
    }
    rate(total, begin.elapsed())
}

/// `total` calls of Send by so many callers, four connections together; messages a second, and the
/// time that each took.
pub async fn unary(
    server: &Server,
    service_id: &str,
    run: &str,
    callers: usize,
    bytes: usize,
    total: usize,
) -> (f64, Vec<Duration>) {
    let mut connections = Vec::new();
    for _ in 0..callers.min(4) {
        connections.push(server.mail().await);
    }
    let begin = Instant::now();
    let mut calling = JoinSet::new();
    for caller in 0..callers {
        let mut client = connections[caller % connections.len()].clone();
        let (service_id, run) = (service_id.to_owned(), run.to_owned());
        calling.spawn(async move {
            let mut times = Vec::new();
            for n in 0..total / callers {
                let request = letter(&service_id, format!("{run}-{caller}-{n}"), bytes);
                let begin = Instant::now();
                client.send(request).await.unwrap();
                times.push(begin.elapsed());
            }
            times
        });
    }
    let times = calling.join_all().await.concat();
    (rate(times.len(), begin.elapsed()), times)
}
