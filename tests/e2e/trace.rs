//! A message's way as spans of its caller's trace, told to a collector over a real socket, and never
//! at the expense of the mail.

use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::routing::post;
use mailwright::rpc::proto::v1::{self, MessageState};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind};
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_stream::StreamExt as _;
use tonic::Request;

use super::harness::{House, run};
use super::requests::text_to;
use super::site::Site;

const ALEX: &str = "alex@contoso.com";
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

/// A collector that takes all that it is told.
struct Collector {
    endpoint: String,
    spans: UnboundedReceiver<Span>,
    resources: Arc<Mutex<Vec<String>>>,
}

impl Collector {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (sender, spans) = unbounded_channel();
        let resources = Arc::<Mutex<Vec<String>>>::default();
        let seen = resources.clone();
        let take = async move |body: Bytes| {
            let told = ExportTraceServiceRequest::decode(body).unwrap();
            for of_one in told.resource_spans {
                for attribute in of_one.resource.unwrap().attributes {
                    seen.lock().unwrap().push(format!("{attribute:?}"));
                }
                for span in of_one.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                    sender.send(span).unwrap();
                }
            }
        };
        let router = axum::Router::new().route("/v1/traces", post(take));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            endpoint,
            spans,
            resources,
        }
    }

    /// The next span of this name that says this of itself; those before it are passed over.
    async fn span(&mut self, name: &str, key: &str, value: &str) -> Span {
        loop {
            let span = self.spans.recv().await.unwrap();
            if span.name == name && attribute(&span, key) == value {
                return span;
            }
        }
    }
}

fn attribute<'a>(span: &'a Span, key: &str) -> &'a str {
    let found = span
        .attributes
        .iter()
        .find(|attribute| attribute.key == key);
    match found.and_then(|attribute| attribute.value.as_ref()?.value.as_ref()) {
        Some(Value::StringValue(text)) => text,
        _ => "",
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn traced<T>(message: T, traceparent: &str) -> Request<T> {
    let mut request = Request::new(message);
    let headers = request.metadata_mut();
    headers.insert("traceparent", traceparent.parse().unwrap());
    headers.insert("tracestate", "congo=t61rcWkgMzE".parse().unwrap());
    request
}

fn sampled() -> String {
    format!("00-{TRACE}-{PARENT}-01")
}

async fn house(endpoint: &str) -> House {
    let house = House::with(|config| endpoint.clone_into(&mut config.trace.otlp_endpoint)).await;
    house.ready_service().await;
    house
}

const ID: &str = "mailwright.message_id";

#[test]
fn the_call_and_the_delivery_are_spans_of_the_callers_trace() {
    run(async {
        let mut collector = Collector::start().await;
        let house = house(&collector.endpoint).await;
        let request = v1::SendRequest {
            request_id: "invoice-7".into(),
            ..text_to(&[ALEX])
        };
        let sent = house
            .mail()
            .send(traced(request, &sampled()))
            .await
            .unwrap();
        let id = sent.into_inner().message_id;
        house.message_in(&id, MessageState::Sent).await;

        let send = collector.span("send", ID, &id).await;
        assert_eq!(hex(&send.trace_id), TRACE);
        assert_eq!(hex(&send.parent_span_id), PARENT);
        assert_eq!(send.kind(), SpanKind::Server);
        assert_eq!(attribute(&send, "mailwright.request_id"), "invoice-7");
        assert!(send.status.is_none());

        let deliver = collector.span("deliver", ID, &id).await;
        assert_eq!(deliver.trace_id, send.trace_id);
        assert_eq!(deliver.parent_span_id, send.span_id);
        assert_eq!(deliver.kind(), SpanKind::Client);
        assert_eq!(attribute(&deliver, "mailwright.service_id"), "adele");
        assert_eq!(attribute(&deliver, "mailwright.attempt"), "1");
        assert_eq!(attribute(&deliver, "mailwright.verdict"), "accepted");
        for span in [&send, &deliver] {
            assert_eq!(span.trace_state, "congo=t61rcWkgMzE");
            assert!(span.start_time_unix_nano > 0);
            assert!(!format!("{span:?}").contains('@'), "{span:?}");
        }
        let resources = collector.resources.lock().unwrap().concat();
        assert!(resources.contains("service.name"), "{resources}");
    });
}

#[test]
fn requests_of_a_stream_are_spans_below_its_caller() {
    run(async {
        let mut collector = Collector::start().await;
        let house = house(&collector.endpoint).await;
        let request = v1::SendStreamRequest {
            tag: "1".into(),
            request: Some(text_to(&[ALEX])),
        };
        let stream = traced(tokio_stream::iter([request]), &sampled());
        let mut answers = house.mail().send_stream(stream).await.unwrap().into_inner();
        let answer = answers.next().await.unwrap().unwrap();
        let Some(v1::send_stream_response::Result::Accepted(accepted)) = answer.result else {
            panic!("{answer:?}");
        };
        let send = collector.span("send", ID, &accepted.message_id).await;
        assert_eq!(hex(&send.trace_id), TRACE);
        assert_eq!(hex(&send.parent_span_id), PARENT);
    });
}

#[test]
fn a_caller_that_does_not_trace_begins_one_and_one_that_wants_none_has_none() {
    run(async {
        let mut collector = Collector::start().await;
        let house = house(&collector.endpoint).await;
        let unsampled = sampled().replace("-01", "-00");
        let mut mail = house.mail();
        let unseen = mail.send(traced(text_to(&[ALEX]), &unsampled)).await;
        let unseen = unseen.unwrap().into_inner().message_id;
        house.message_in(&unseen, MessageState::Sent).await;
        let bad = traced(text_to(&["refused@contoso.com"]), "00-zz");
        let id = mail.send(bad).await.unwrap().into_inner().message_id;
        house.message_in(&id, MessageState::Failed).await;

        let mut seen = Vec::new();
        let deliver = loop {
            let span = collector.spans.recv().await.unwrap();
            seen.push(attribute(&span, ID).to_owned());
            if span.name == "deliver" && attribute(&span, ID) == id {
                break span;
            }
        };
        assert!(!seen.contains(&unseen), "{seen:?}");
        assert_ne!(hex(&deliver.trace_id), TRACE);
        assert_eq!(deliver.status.unwrap().code, 2);
        // Refused before the store was asked: no message, but a span that says why.
        let nobody = v1::SendRequest {
            service_id: "nobody".into(),
            ..text_to(&[ALEX])
        };
        house.try_send(nobody).await.unwrap_err();
        let failed = collector
            .span("send", "mailwright.service_id", "nobody")
            .await;
        assert!(failed.parent_span_id.is_empty());
        assert_eq!(failed.status.unwrap().message, "SERVICE_NOT_FOUND");
    });
}

#[test]
fn a_collector_that_never_answers_holds_no_mail_up() {
    run(async {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let house = house(&format!("http://{}", silent.local_addr().unwrap())).await;
        for n in 0..5 {
            let sent = house.mail_to(&[&format!("ann{n}@contoso.com")]).await;
            house.advance(std::time::Duration::from_secs(3));
            house.message_in(&sent.message_id, MessageState::Sent).await;
        }
        assert_eq!(house.sandbox.mail().len(), 6);
    });
}

#[test]
fn log_lines_of_a_delivery_carry_the_message_and_its_trace() {
    run(async {
        let site = Site::new(None).await;
        let process = site.start_with(&[("MAILWRIGHT_LOG_FORMAT", "json")]);
        site.prepare(&process).await;
        let channel = super::harness::channel(process.grpc).await;
        let mut mail = v1::mail_api_client::MailApiClient::new(channel.clone());
        let request = v1::SendRequest {
            service_id: "billing".into(),
            ..text_to(&[ALEX])
        };
        let sent = mail.send(traced(request, &sampled())).await.unwrap();
        let id = sent.into_inner().message_id;
        super::site::until_nothing_is_under_way(&channel).await;
        process.terminate();
        let (_, log) = tokio::task::spawn_blocking(|| process.ended())
            .await
            .unwrap();
        let lines = log.lines().filter(|line| line.starts_with('{'));
        let lines = lines.map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let ended = lines
            .filter(|line| line["message"] == "an attempt ended")
            .find(|line| line["span"]["message_id"] == id.as_str());
        let ended = ended.unwrap_or_else(|| panic!("{log}"));
        assert_eq!(ended["span"]["trace_id"], TRACE);
        assert_eq!(ended["span"]["attempt"], 1);
        assert_eq!(ended["verdict"], "accepted");
        assert!(!log.contains(ALEX), "{log}");
    });
}
