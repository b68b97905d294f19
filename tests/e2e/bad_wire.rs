//! Bytes that are no request, requests beyond the limits, and methods that are none.

use std::collections::BTreeSet;

use mailwright::rpc::proto::FILE_DESCRIPTOR_SET;
use mailwright::rpc::proto::v1::{self, MessageState};
use prost::Message;
use prost::bytes::BufMut;
use prost_types::{FileDescriptorSet, MethodDescriptorProto};
use tonic::client::Grpc;
use tonic::codec::{Codec, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;

use super::fault::refused;
use super::harness::{House, run};
use super::requests::{ALEX, request, text_email, text_to};
use super::send_stream::Stream;

/// The first fields of any request, where text need not be UTF-8.
#[derive(Clone, PartialEq, prost::Message)]
struct Raw {
    #[prost(bytes = "vec", tag = "1")]
    first: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    second: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    third: Vec<u8>,
}

/// Every method, and the number of a field that is text or a message.
const METHODS: [(&str, u8); 24] = [
    ("AdminAPI/CreateService", 1),
    ("AdminAPI/GetService", 1),
    ("AdminAPI/ListServices", 3),
    ("AdminAPI/UpdateService", 1),
    ("AdminAPI/DeleteService", 1),
    ("AdminAPI/SuspendService", 1),
    ("AdminAPI/ResumeService", 1),
    ("AdminAPI/BeginAuthorize", 1),
    ("AdminAPI/CompleteAuthorize", 1),
    ("AdminAPI/RevokeAuthorization", 1),
    ("AdminAPI/SendTest", 1),
    ("AdminAPI/CreateAccessKey", 1),
    ("AdminAPI/ListAccessKeys", 2),
    ("AdminAPI/RevokeAccessKey", 1),
    ("MailAPI/Send", 1),
    ("MailAPI/GetMessage", 1),
    ("MailAPI/ListMessages", 1),
    ("MailAPI/CancelMessage", 1),
    ("MailAPI/RetryMessage", 1),
    ("MailAPI/ResolveMessage", 1),
    ("StatusAPI/WatchStatus", 1),
    ("StatusAPI/WatchStatus", 3),
    ("MailAPI/ListMessages", 3),
    ("AdminAPI/CreateService", 2),
];

/// Methods whose request has no field: only its bytes can be wrong.
const WITHOUT_FIELDS: [&str; 3] = [
    "AdminAPI/GetServerInfo",
    "AdminAPI/RotateVaultKey",
    "AdminAPI/ExportBackup",
];

/// A field whose length goes beyond the end.
const CUT_SHORT: [u8; 3] = [0x0a, 0x7f, 0x00];

/// Bytes as they are, whatever they say.
#[derive(Default)]
struct Wire;

impl Encoder for Wire {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, bytes: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&bytes);
        Ok(())
    }
}

impl Codec for Wire {
    type Encode = Vec<u8>;
    type Decode = Raw;
    type Encoder = Self;
    type Decoder = <ProstCodec<Raw, Raw> as Codec>::Decoder;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstCodec::<Raw, Raw>::default().decoder()
    }
}

async fn call(house: &House, method: &str, raw: Raw) -> Result<Raw, Status> {
    call_bytes(house, method, raw.encode_to_vec()).await
}

async fn call_bytes(house: &House, method: &str, bytes: Vec<u8>) -> Result<Raw, Status> {
    let mut grpc = Grpc::new(house.channel());
    grpc.ready().await.unwrap();
    let path = format!("/mailwright.v1.{method}");
    let path = PathAndQuery::try_from(path).unwrap();
    let answer = grpc.unary(Request::new(bytes), path, Wire).await?;
    Ok(answer.into_inner())
}

#[test]
fn bytes_that_are_no_message_are_undecodable_at_every_rpc() {
    run(async {
        let house = House::start().await;
        let methods = METHODS.iter().map(|(method, _)| *method);
        for method in methods.chain(WITHOUT_FIELDS) {
            println!("{method}");
            let answer = call_bytes(&house, method, CUT_SHORT.to_vec()).await;
            refused(answer, Code::InvalidArgument, "UNDECODABLE_REQUEST");
        }
    });
}

#[test]
fn no_rpc_is_left_out() {
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    let services = set.file.iter().flat_map(|file| &file.service);
    let all = services.flat_map(|service| {
        let name = |rpc: &MethodDescriptorProto| format!("{}/{}", service.name(), rpc.name());
        // A stream's requests are read one by one: send_stream.rs has those.
        let unary = service.method.iter().filter(|rpc| !rpc.client_streaming());
        unary.map(name).collect::<Vec<_>>()
    });
    let tried = METHODS.iter().map(|(method, _)| *method);
    let tried = tried.chain(WITHOUT_FIELDS).map(str::to_owned);
    assert_eq!(tried.collect::<BTreeSet<_>>(), all.collect());
}

#[test]
fn text_that_is_not_utf8_is_undecodable_at_every_rpc() {
    run(async {
        let house = House::start().await;
        for (method, field) in METHODS {
            let mut raw = Raw::default();
            let place = match field {
                1 => &mut raw.first,
                2 => &mut raw.second,
                _ => &mut raw.third,
            };
            *place = vec![0xff, 0xfe, 0x80];
            println!("{method} {field}");
            let answer = call(&house, method, raw).await;
            refused(answer, Code::InvalidArgument, "UNDECODABLE_REQUEST");
        }
    });
}

#[test]
fn a_method_that_is_none_says_so_with_its_reason() {
    run(async {
        let house = House::start().await;
        for method in ["AdminAPI/Nothing", "NoAPI/Send"] {
            let answer = call(&house, method, Raw::default()).await;
            refused(answer, Code::Unimplemented, "UNIMPLEMENTED");
        }
    });
}

#[test]
fn a_request_of_a_hundred_megabytes_is_refused_and_the_server_goes_on() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let email = v1::Email {
            attachments: vec![v1::Attachment {
                filename: "big.bin".into(),
                content: vec![7; 100_000_000].into(),
                ..v1::Attachment::default()
            }],
            ..text_email(&[ALEX])
        };
        let answer = house.try_send(request(email)).await;
        refused(answer, Code::ResourceExhausted, "REQUEST_TOO_LARGE");
        let mut service = house.service(ALEX);
        service.display_name = "x".repeat(2_000_000);
        let answer = house.try_create("big", service).await;
        refused(answer, Code::ResourceExhausted, "REQUEST_TOO_LARGE");
        let watch = v1::WatchStatusRequest {
            service_ids: vec!["x".repeat(2_000_000)],
            ..v1::WatchStatusRequest::default()
        };
        let answer = house.status().watch_status(watch).await;
        refused(answer, Code::ResourceExhausted, "REQUEST_TOO_LARGE");
        let sent = house.send(text_to(&[ALEX])).await;
        house.message_in(&sent.message_id, MessageState::Sent).await;
    });
}

#[test]
fn a_hundred_megabytes_end_their_stream_and_no_other() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let mut other = Stream::open(&house).await;
        let mut stream = Stream::open(&house).await;
        let email = v1::Email {
            text_body: "x".repeat(100_000_000),
            ..text_email(&[ALEX])
        };
        stream.send("small", text_to(&[ALEX])).await;
        stream.send("big", request(email)).await;
        let (answers, end) = stream.rest().await;
        assert_eq!(answers.keys().collect::<Vec<_>>(), ["small"]);
        refused(end, Code::ResourceExhausted, "REQUEST_TOO_LARGE");
        other.send("another", text_to(&[ALEX])).await;
        other.close();
        let (answers, end) = other.rest().await;
        end.unwrap();
        assert_eq!(answers.len(), 1);
    });
}

#[test]
fn a_message_over_the_services_limit_is_too_large() {
    run(async {
        let house = House::start().await;
        let mut service = house.service(super::requests::ADELE);
        service.delivery = Some(v1::Delivery {
            max_message_bytes: Some(10_000),
            ..v1::Delivery::default()
        });
        house.ready("adele", service).await;
        let email = v1::Email {
            text_body: "x ".repeat(10_000),
            ..text_email(&[ALEX])
        };
        let answer = house.try_send(request(email)).await;
        let fault = refused(answer, Code::InvalidArgument, "MESSAGE_TOO_LARGE");
        assert_eq!(fault.fields, ["email"], "{fault:?}");
    });
}
