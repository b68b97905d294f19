//! Over a real socket: raw HTTP/2 requests to a small MailAPI behind the layer.

use std::net::Ipv4Addr;
use std::pin::Pin;

use bytes::Bytes;
use http::HeaderMap;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::Frame;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_stream::{Stream, StreamExt};
use tonic::body::Body;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_types::StatusExt;
use tower::{Service, ServiceExt};

use crate::env::Env;
use crate::model::{Error, Timestamp};
use crate::rpc::error;
use crate::rpc::proto::v1::mail_api_server::{MailApi, MailApiServer};
use crate::rpc::proto::v1::*;

const LIMIT_BYTES: usize = 48 * 1024 * 1024;
const SEND: &str = "/mailwright.v1.MailAPI/Send";
const SEND_STREAM: &str = "/mailwright.v1.MailAPI/SendStream";

/// Answers every Send; GetMessage and ListMessages fail with texts that look like tonic's.
struct Probe;

type Answers = Pin<Box<dyn Stream<Item = Result<SendStreamResponse, Status>> + Send>>;

#[tonic::async_trait]
impl MailApi for Probe {
    type SendStreamStream = Answers;

    async fn send(&self, _: Request<SendRequest>) -> Result<Response<SendResponse>, Status> {
        Ok(Response::new(SendResponse::default()))
    }

    async fn send_stream(
        &self,
        request: Request<Streaming<SendStreamRequest>>,
    ) -> Result<Response<Answers>, Status> {
        let answers = request.into_inner().map(|read| {
            read.map(|request| SendStreamResponse {
                tag: request.tag,
                result: None,
            })
        });
        Ok(Response::new(Box::pin(answers)))
    }

    async fn get_message(
        &self,
        _: Request<GetMessageRequest>,
    ) -> Result<Response<GetMessageResponse>, Status> {
        Err(error::status(&Error::Internal("lost".into()), &env()))
    }

    async fn list_messages(
        &self,
        _: Request<ListMessagesRequest>,
    ) -> Result<Response<ListMessagesResponse>, Status> {
        Err(Status::internal("something else of tonic's"))
    }

    async fn cancel_message(
        &self,
        _: Request<CancelMessageRequest>,
    ) -> Result<Response<CancelMessageResponse>, Status> {
        let text = "failed to decode Protobuf message: of our own";
        Err(Status::with_details(
            Code::Internal,
            text,
            Bytes::from_static(b"\x08\x0d"),
        ))
    }

    async fn retry_message(
        &self,
        _: Request<RetryMessageRequest>,
    ) -> Result<Response<RetryMessageResponse>, Status> {
        Err(error::unimplemented("RetryMessage"))
    }

    async fn resolve_message(
        &self,
        _: Request<ResolveMessageRequest>,
    ) -> Result<Response<ResolveMessageResponse>, Status> {
        Err(Status::cancelled("client cancelled"))
    }
}

fn env() -> Env {
    Env::manual(Timestamp::default(), 1)
}

async fn server() -> Channel {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = Server::builder()
        .layer(super::layer())
        .add_service(MailApiServer::new(Probe).max_decoding_message_size(LIMIT_BYTES))
        .serve_with_incoming(TcpListenerStream::new(listener));
    tokio::spawn(serving);
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    endpoint.connect().await.unwrap()
}

/// Messages answered, and the status in head or trailers.
async fn call(channel: &Channel, path: &str, body: Body) -> (usize, Status) {
    let request = http::Request::post(format!("http://probe{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(body)
        .unwrap();
    let mut channel = channel.clone();
    let response = channel.ready().await.unwrap().call(request).await.unwrap();
    assert_eq!(response.status(), 200);
    let (head, body) = response.into_parts();
    if let Some(status) = Status::from_header_map(&head.headers) {
        return (0, status);
    }
    let collected = body.collect().await.unwrap();
    let trailers: HeaderMap = collected.trailers().cloned().unwrap();
    let mut rest = collected.to_bytes();
    let mut answers = 0;
    while !rest.is_empty() {
        let length = u32::from_be_bytes(rest[1..5].try_into().unwrap());
        rest = rest.slice(5 + usize::try_from(length).unwrap()..);
        answers += 1;
    }
    (answers, Status::from_header_map(&trailers).unwrap())
}

fn frame(message: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0];
    bytes.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    bytes.extend(message);
    bytes
}

fn body(bytes: impl Into<Bytes>) -> Body {
    Body::new(Full::new(bytes.into()))
}

fn assert_ours(status: &Status, code: Code, reason: &str) {
    assert_eq!(status.code(), code, "{status:?}");
    let info = status.get_details_error_info().expect("an ErrorInfo");
    assert_eq!(
        (info.reason.as_str(), info.domain.as_str()),
        (reason, "mailwright.v1")
    );
}

/// A `service_id` (and `tag`) that is not UTF-8.
const NOT_UTF8: &[u8] = b"\x0a\x02\xff\xfe";
/// A string of 100 bytes that ends after 3.
const TRUNCATED: &[u8] = b"\x0a\x64abc";

#[tokio::test]
async fn what_can_not_be_decoded_is_the_callers_fault() {
    let channel = server().await;
    let mut ends_early = frame(b"\x0a\x03abc");
    ends_early.pop();
    let mut bad_flag = frame(b"");
    bad_flag[0] = 7;
    let mut compressed = frame(b"");
    compressed[0] = 1;
    for (what, bytes) in [
        ("not UTF-8", frame(NOT_UTF8)),
        ("truncated message", frame(TRUNCATED)),
        ("group end without a group", frame(b"\x0c")),
        ("truncated frame", ends_early),
        ("truncated prefix", vec![0, 0]),
        ("bad flag", bad_flag),
        ("compressed without an encoding", compressed),
    ] {
        for path in [SEND, SEND_STREAM] {
            let (answers, status) = call(&channel, path, body(bytes.clone())).await;
            assert_eq!(answers, 0, "{what} {path}");
            assert_ours(&status, Code::InvalidArgument, "UNDECODABLE_REQUEST");
        }
    }
    let (_, status) = call(&channel, SEND, Body::new(Empty::new())).await;
    assert_ours(&status, Code::InvalidArgument, "UNDECODABLE_REQUEST");
}

#[tokio::test]
async fn the_message_says_which_field_can_not_be_decoded_and_nothing_of_its_value() {
    let channel = server().await;
    let (_, status) = call(&channel, SEND, body(frame(NOT_UTF8))).await;
    assert_eq!(
        status.message(),
        "failed to decode Protobuf message: SendRequest.service_id: invalid string value: data is \
         not UTF-8 encoded"
    );
}

#[tokio::test]
async fn a_stream_answers_what_came_before_the_undecodable_message() {
    let channel = server().await;
    let good = SendStreamRequest {
        tag: "1".into(),
        request: None,
    };
    let mut bytes = frame(&good.encode_to_vec());
    bytes.extend(frame(NOT_UTF8));
    let (answers, status) = call(&channel, SEND_STREAM, body(bytes)).await;
    assert_eq!(answers, 1);
    assert_ours(&status, Code::InvalidArgument, "UNDECODABLE_REQUEST");
}

#[tokio::test]
async fn a_message_of_100_megabytes_is_too_large() {
    let channel = server().await;
    for path in [SEND, SEND_STREAM] {
        let chunk = Bytes::from_static(&[0; 65_536]);
        let mut prefix = vec![0];
        prefix.extend(100_000_000u32.to_be_bytes());
        let chunks = std::iter::once(Bytes::from(prefix)).chain(std::iter::repeat_n(chunk, 1_526));
        let stream = tokio_stream::iter(chunks.map(|data| Ok::<_, Status>(Frame::data(data))));
        let (_, status) = call(&channel, path, Body::new(StreamBody::new(stream))).await;
        assert_ours(&status, Code::ResourceExhausted, "REQUEST_TOO_LARGE");
        assert!(status.message().contains("100000000"), "{status:?}");
    }
}

#[tokio::test]
async fn unknown_methods_and_services_say_so_with_a_reason() {
    let channel = server().await;
    for path in [
        "/mailwright.v1.MailAPI/Unsend",
        "/mailwright.v2.MailAPI/Send",
        "/nothing",
    ] {
        let (_, status) = call(&channel, path, body(frame(b""))).await;
        assert_ours(&status, Code::Unimplemented, "UNIMPLEMENTED");
        assert!(!status.message().is_empty());
    }
}

#[tokio::test]
async fn statuses_of_our_own_and_the_rest_of_tonics_pass_untouched() {
    let channel = server().await;
    let (_, status) = call(
        &channel,
        "/mailwright.v1.MailAPI/GetMessage",
        body(frame(b"")),
    )
    .await;
    assert_ours(&status, Code::Internal, "INTERNAL");
    let (_, status) = call(
        &channel,
        "/mailwright.v1.MailAPI/RetryMessage",
        body(frame(b"")),
    )
    .await;
    assert_ours(&status, Code::Unimplemented, "UNIMPLEMENTED");
    assert!(status.message().contains("RetryMessage"));

    for (method, code, text) in [
        ("ListMessages", Code::Internal, "something else of tonic's"),
        ("ResolveMessage", Code::Cancelled, "client cancelled"),
        (
            "CancelMessage",
            Code::Internal,
            "failed to decode Protobuf message: of our own",
        ),
    ] {
        let path = format!("/mailwright.v1.MailAPI/{method}");
        let (_, status) = call(&channel, &path, body(frame(b""))).await;
        assert_eq!((status.code(), status.message()), (code, text));
        assert!(status.get_details_error_info().is_none());
    }
    let (answers, status) = call(&channel, SEND, body(frame(b""))).await;
    assert_eq!((answers, status.code()), (1, Code::Ok));
}
