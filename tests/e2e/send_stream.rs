//! Many requests over one stream: each is answered by its tag, whatever becomes of the others.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mailwright::rpc::proto::v1::send_stream_response::Result as Outcome;
use mailwright::rpc::proto::v1::{self, MessageState, Reason, Scope};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Request, Status, Streaming};

use super::fault::refused;
use super::harness::{House, run};
use super::requests::{ALEX, request, text_email, text_to};

/// A stream as its client holds it.
pub struct Stream {
    requests: Option<mpsc::Sender<v1::SendStreamRequest>>,
    answers: Streaming<v1::SendStreamResponse>,
}

impl Stream {
    pub async fn open(house: &House) -> Self {
        let (requests, outgoing) = mpsc::channel(1);
        let outgoing = ReceiverStream::new(outgoing);
        let answers = house.mail().send_stream(outgoing).await.unwrap();
        Self {
            requests: Some(requests),
            answers: answers.into_inner(),
        }
    }

    pub async fn send(&self, tag: &str, request: v1::SendRequest) {
        let request = tagged(tag, request);
        self.requests.as_ref().unwrap().send(request).await.unwrap();
    }

    /// Sends nothing more.
    pub fn close(&mut self) {
        self.requests = None;
    }

    pub async fn next(&mut self) -> Result<Option<(String, Outcome)>, Status> {
        let answer = self.answers.message().await?;
        Ok(answer.map(|answer| (answer.tag, answer.result.unwrap())))
    }

    /// The answers that are left, by tag, and how the stream ends.
    pub async fn rest(&mut self) -> (BTreeMap<String, Outcome>, Result<(), Status>) {
        let mut all = BTreeMap::new();
        loop {
            match self.next().await {
                Ok(Some((tag, outcome))) => assert!(all.insert(tag, outcome).is_none()),
                Ok(None) => return (all, Ok(())),
                Err(status) => return (all, Err(status)),
            }
        }
    }
}

pub fn tagged(tag: &str, request: v1::SendRequest) -> v1::SendStreamRequest {
    v1::SendStreamRequest {
        tag: tag.into(),
        request: Some(request),
    }
}

fn numbered(id: &str) -> v1::SendRequest {
    v1::SendRequest {
        request_id: id.into(),
        ..text_to(&[ALEX])
    }
}

fn accepted(outcome: &Outcome) -> &v1::SendResponse {
    match outcome {
        Outcome::Accepted(response) => response,
        Outcome::Error(error) => panic!("refused: {error:?}"),
    }
}

/// Code, reason, violated fields and whether a repeat may help.
fn error(outcome: &Outcome) -> (Code, Reason, Vec<&str>, bool) {
    match outcome {
        Outcome::Accepted(response) => panic!("accepted: {response:?}"),
        Outcome::Error(error) => {
            let violations = error.violations.iter();
            (
                error.code.into(),
                error.diagnosis.as_ref().unwrap().reason(),
                violations.map(|found| found.field.as_str()).collect(),
                error.retry_delay.is_some(),
            )
        }
    }
}

#[test]
fn each_request_is_answered_by_its_tag_and_the_stream_ends_with_ok() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        house.suspend("adele").await;
        let mut stream = Stream::open(&house).await;
        for n in 0..300 {
            stream.send(&format!("tag {n}"), text_to(&[ALEX])).await;
            if n >= 100 {
                let (_, outcome) = stream.next().await.unwrap().unwrap();
                assert_eq!(accepted(&outcome).state(), MessageState::Held);
            }
        }
        stream.close();
        let (answers, end) = stream.rest().await;
        end.unwrap();
        assert_eq!(answers.len(), 100);
        let ids: BTreeSet<_> = answers.values().map(|a| &accepted(a).message_id).collect();
        assert_eq!(ids.len(), 100);
        let first = accepted(answers.values().next().unwrap());
        assert_eq!(
            house.message(&first.message_id).await.state(),
            MessageState::Held
        );
        assert_eq!(
            first.problem.as_ref().unwrap().reason(),
            Reason::ServiceSuspended
        );
    });
}

#[test]
fn an_empty_stream_ends_with_ok() {
    run(async {
        let house = House::start().await;
        let mut stream = Stream::open(&house).await;
        stream.close();
        let (answers, end) = stream.rest().await;
        assert!(answers.is_empty() && end.is_ok());
    });
}

#[test]
fn what_is_refused_does_not_end_the_stream() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        house.create("untested", house.service(ALEX)).await;
        let mut stream = Stream::open(&house).await;
        let of = |id: &str| v1::SendRequest {
            service_id: id.into(),
            ..text_to(&[ALEX])
        };
        stream.send("bad", request(v1::Email::default())).await;
        stream.send("missing", of("nothing")).await;
        stream.send("untested", of("untested")).await;
        let large = v1::Email {
            text_body: "x".repeat(37_000_000),
            ..text_email(&[ALEX])
        };
        stream.send("large", request(large)).await;
        stream.send(&"é".repeat(101), text_to(&[ALEX])).await;
        let empty = v1::SendStreamRequest {
            tag: "empty".into(),
            request: None,
        };
        stream.requests.as_ref().unwrap().send(empty).await.unwrap();
        stream.send("good", text_to(&[ALEX])).await;
        stream.close();
        let (answers, end) = stream.rest().await;
        end.unwrap();
        let bad = vec!["email.to", "email.text_body"];
        let expected = [
            ("bad", Code::InvalidArgument, Reason::InvalidField, bad),
            ("missing", Code::NotFound, Reason::ServiceNotFound, vec![]),
            (
                "untested",
                Code::FailedPrecondition,
                Reason::ServiceNotAuthorized,
                vec![],
            ),
            (
                "large",
                Code::InvalidArgument,
                Reason::MessageTooLarge,
                vec!["email"],
            ),
            (
                &"é".repeat(100),
                Code::InvalidArgument,
                Reason::InvalidField,
                vec!["tag"],
            ),
            (
                "empty",
                Code::InvalidArgument,
                Reason::InvalidField,
                vec!["request"],
            ),
        ];
        assert_eq!(answers.len(), expected.len() + 1);
        for (tag, code, reason, fields) in expected {
            assert_eq!(error(&answers[tag]), (code, reason, fields, false), "{tag}");
        }
        let sent = accepted(&answers["good"]).message_id.clone();
        house.message_in(&sent, MessageState::Sent).await;
    });
}

#[test]
fn a_request_id_is_one_message_however_often_the_stream_has_it() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let mut stream = Stream::open(&house).await;
        for n in 0..64 {
            stream.send(&n.to_string(), numbered("order-1")).await;
        }
        let other = v1::SendRequest {
            priority: v1::Priority::High.into(),
            ..numbered("order-1")
        };
        let (tag, outcome) = stream.next().await.unwrap().unwrap();
        let id = accepted(&outcome).message_id.clone();
        stream.send("other", other).await;
        stream.close();
        let (mut answers, end) = stream.rest().await;
        end.unwrap();
        let (code, reason, ..) = error(&answers.remove("other").unwrap());
        assert_eq!(
            (code, reason),
            (Code::AlreadyExists, Reason::RequestIdReused)
        );
        answers.insert(tag, outcome);
        assert_eq!(answers.len(), 64);
        assert!(
            answers
                .values()
                .all(|answer| accepted(answer).message_id == id)
        );
        let new = answers
            .values()
            .filter(|answer| !accepted(answer).deduplicated);
        assert_eq!(new.count(), 1);
        house.message_in(&id, MessageState::Sent).await;
        assert_eq!(house.sandbox.mail().len(), 2, "the test and the message");
    });
}

#[test]
fn a_request_over_the_decoding_limit_ends_the_stream_after_the_answers() {
    run(async {
        let house = House::with(|config| config.server.max_request_bytes = 1_000_000).await;
        house.ready_service().await;
        let mut stream = Stream::open(&house).await;
        stream.send("one", text_to(&[ALEX])).await;
        stream.send("two", text_to(&[ALEX])).await;
        let large = v1::Email {
            text_body: "x".repeat(2_000_000),
            ..text_email(&[ALEX])
        };
        stream.send("large", request(large)).await;
        let (answers, end) = stream.rest().await;
        refused(end, Code::ResourceExhausted, "REQUEST_TOO_LARGE");
        let tags: Vec<_> = answers.keys().map(String::as_str).collect();
        assert_eq!(tags, ["one", "two"]);
        answers.values().for_each(|answer| _ = accepted(answer));
    });
}

/// A request whose tag need not be UTF-8.
#[derive(Clone, PartialEq, prost::Message)]
struct Raw {
    #[prost(bytes = "vec", tag = "1")]
    tag: Vec<u8>,
    #[prost(message, optional, tag = "2")]
    request: Option<v1::SendRequest>,
}

#[test]
fn a_request_that_cannot_be_decoded_ends_the_stream_after_the_answers() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let tags: [&[u8]; 3] = [b"one", b"two", &[0xff, 0xfe]];
        let requests = tags.map(|tag| Raw {
            tag: tag.into(),
            request: Some(text_to(&[ALEX])),
        });
        let mut grpc = tonic::client::Grpc::new(house.channel());
        grpc.ready().await.unwrap();
        let path = PathAndQuery::from_static("/mailwright.v1.MailAPI/SendStream");
        let codec = tonic_prost::ProstCodec::<Raw, v1::SendStreamResponse>::default();
        let requests = Request::new(tokio_stream::iter(requests));
        let answers = grpc.streaming(requests, path, codec).await.unwrap();
        let mut stream = Stream {
            requests: None,
            answers: answers.into_inner(),
        };
        let (answers, end) = stream.rest().await;
        refused(end, Code::InvalidArgument, "UNDECODABLE_REQUEST");
        assert_eq!(answers.len(), 2);
    });
}

#[test]
fn a_drain_answers_what_was_read_and_sends_the_client_away() {
    run(async {
        let mut house = House::start().await;
        house.ready_service().await;
        let mut stream = Stream::open(&house).await;
        stream.send("one", text_to(&[ALEX])).await;
        let (tag, outcome) = stream.next().await.unwrap().unwrap();
        assert_eq!(tag, "one");
        accepted(&outcome);
        house.begin_stop();
        let (answers, end) = stream.rest().await;
        assert!(answers.is_empty());
        let details = tonic_types::StatusExt::get_error_details(end.as_ref().unwrap_err());
        assert!(details.retry_info().unwrap().retry_delay.is_some());
        refused(end, Code::Unavailable, "DRAINING");
        drop(stream);
        house.stopped().await;
    });
}

#[test]
fn a_client_that_never_stops_sending_does_not_hold_the_stop_up() {
    run(async {
        let mut house = House::start().await;
        let mut stream = Stream::open(&house).await;
        house.begin_stop();
        let (_, end) = stream.rest().await;
        refused(end, Code::Unavailable, "DRAINING");
        let env = house.env.clone();
        let time_passes = async {
            loop {
                env.advance(Duration::from_millis(10));
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            _ = house.stopped() => {}
            () = time_passes => {}
        }
    });
}

#[test]
fn a_drain_while_requests_pour_in_leaves_no_answer_out() {
    run(async {
        let mut house = House::start().await;
        house.ready_service().await;
        house.suspend("adele").await;
        let mut stream = Stream::open(&house).await;
        let requests = stream.requests.take().unwrap();
        let pours = tokio::spawn(async move {
            let mut n = 0;
            while requests
                .send(tagged(&n.to_string(), text_to(&[ALEX])))
                .await
                .is_ok()
            {
                n += 1;
            }
        });
        let mut answered = BTreeSet::new();
        while answered.len() < 50 {
            answered.insert(stream.next().await.unwrap().unwrap().0);
        }
        house.begin_stop();
        let (answers, end) = stream.rest().await;
        refused(end, Code::Unavailable, "DRAINING");
        answers.values().for_each(|answer| _ = accepted(answer));
        answered.extend(answers.into_keys());
        // Requests are read in order, and all that were read are answered: no tag is missing.
        let last = answered
            .iter()
            .map(|tag| tag.parse::<usize>().unwrap())
            .max();
        assert_eq!(answered.len(), last.unwrap() + 1);
        // Only now does the client stop sending.
        pours.abort();
        drop(stream);
        house.stopped().await;
    });
}

#[test]
fn a_stream_that_is_cancelled_midway_loses_nothing_that_was_answered() {
    run(async {
        let mut house = House::start().await;
        house.ready_service().await;
        house.suspend("adele").await;
        let mut stream = Stream::open(&house).await;
        for n in 0..40 {
            stream
                .send(&n.to_string(), numbered(&format!("order-{n}")))
                .await;
        }
        let (tag, outcome) = stream.next().await.unwrap().unwrap();
        let first = accepted(&outcome).message_id.clone();
        drop(stream);
        let mut again = Stream::open(&house).await;
        for n in 0..40 {
            again
                .send(&n.to_string(), numbered(&format!("order-{n}")))
                .await;
        }
        again.close();
        let (answers, end) = again.rest().await;
        end.unwrap();
        let known = accepted(&answers[&tag]);
        assert!(known.deduplicated && known.message_id == first);
        let ids: BTreeSet<_> = answers.values().map(|a| &accepted(a).message_id).collect();
        assert_eq!(ids.len(), 40);
        // What was cancelled holds nothing up.
        house.begin_stop();
        house.stopped().await;
    });
}

#[test]
fn a_stream_says_how_far_a_failure_reaches_and_when_to_repeat() {
    run(async {
        let house = House::with(|config| config.outbox.mailbox_messages = 2).await;
        house.ready_service().await;
        house.suspend("adele").await;
        let mut stream = Stream::open(&house).await;
        for n in 0..5 {
            stream.send(&n.to_string(), text_to(&[ALEX])).await;
        }
        stream.close();
        let (answers, end) = stream.rest().await;
        end.unwrap();
        let refusals = answers.values().filter_map(|answer| match answer {
            Outcome::Error(error) => Some(error),
            Outcome::Accepted(_) => None,
        });
        let mut count = 0;
        for refusal in refusals {
            count += 1;
            assert_eq!(Code::from(refusal.code), Code::ResourceExhausted);
            let diagnosis = refusal.diagnosis.as_ref().unwrap();
            assert_eq!(diagnosis.reason(), Reason::OutboxFull);
            assert_eq!(diagnosis.scope(), Scope::Mailbox);
            assert!(diagnosis.retryable);
            assert!(refusal.retry_delay.unwrap().seconds > 0);
        }
        assert_eq!(count, 3);
    });
}
