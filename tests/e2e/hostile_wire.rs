//! HTTP/2 as no library speaks it: resets without end, headers without end, bodies that don't come on.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use mailwright::rpc::proto::v1;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::{Code, Status};

use super::fault::refused;
use super::harness::{House, run};
use super::process::ADMIN_KEY;
use super::requests::{ALEX, text_to};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Types of frames, and one of their flags (RFC 9113 §6).
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

/// ENHANCE_YOUR_CALM (RFC 9113 §7).
const CALM: u32 = 11;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// `POST https /mailwright.v1.MailAPI/Send`, in HPACK without a table.
fn headers() -> Vec<u8> {
    let mut block = vec![0x83, 0x87];
    for (index, value) in [(4, "/mailwright.v1.MailAPI/Send"), (1, "localhost")] {
        block.extend([index, u8::try_from(value.len()).unwrap()]);
        block.extend(value.as_bytes());
    }
    block
}

/// Says all this; the code of the GOAWAY that comes of it, or none where the connection just ends.
async fn sent_away(address: SocketAddr, bytes: Vec<u8>) -> Option<u32> {
    let (mut read, mut write) = TcpStream::connect(address).await.unwrap().into_split();
    // It is cut off in the middle.
    let said = tokio::spawn(async move {
        let _ = write.write_all(PREFACE).await;
        let _ = write.write_all(&frame(SETTINGS, 0, 0, &[])).await;
        let _ = write.write_all(&bytes).await;
        write
    });
    let mut code = None;
    loop {
        let mut head = [0; 9];
        if read.read_exact(&mut head).await.is_err() {
            break;
        }
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        if read.read_exact(&mut payload).await.is_err() {
            break;
        }
        if head[3] == GOAWAY {
            code = Some(u32::from_be_bytes(payload[4..8].try_into().unwrap()));
        }
    }
    drop(said.await);
    code
}

async fn still_serves(house: &House) {
    let ask = v1::GetServerInfoRequest::default();
    house.admin().get_server_info(ask).await.unwrap();
}

#[test]
fn a_client_that_resets_its_streams_rapidly_is_sent_away() {
    run(async {
        let house = House::start().await;
        let mut bytes = Vec::new();
        for n in 0..10_000_u32 {
            let stream = 2 * n + 1;
            bytes.extend(frame(HEADERS, END_HEADERS, stream, &headers()));
            bytes.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
        }
        assert_eq!(sent_away(house.grpc, bytes).await, Some(CALM));
        still_serves(&house).await;
    });
}

#[test]
fn a_client_that_makes_the_server_reset_its_streams_is_sent_away() {
    run(async {
        let house = House::start().await;
        let mut bytes = Vec::new();
        // A window that grows by nothing is an error of its stream (RFC 9113 §6.9).
        const WINDOW_UPDATE: u8 = 8;
        for n in 0..10_000_u32 {
            let stream = 2 * n + 1;
            bytes.extend(frame(HEADERS, END_HEADERS, stream, &headers()));
            bytes.extend(frame(WINDOW_UPDATE, 0, stream, &0_u32.to_be_bytes()));
        }
        assert!(sent_away(house.grpc, bytes).await.is_some());
        still_serves(&house).await;
    });
}

#[test]
fn headers_without_end_end_the_connection() {
    run(async {
        let house = House::start().await;
        let mut bytes = frame(HEADERS, 0, 1, &headers());
        // Each a field of its own, none of which ends the block: 160 MB in all.
        let field = [vec![0, 1, b'a', 127, 0], vec![b'b'; 127]].concat();
        for _ in 0..10_000 {
            bytes.extend(frame(CONTINUATION, 0, 1, &field.repeat(120)));
        }
        sent_away(house.grpc, bytes).await;
        still_serves(&house).await;
    });
}

#[test]
fn metadata_beyond_the_limit_is_refused_and_costs_only_its_call() {
    run(async {
        let house = House::start().await;
        let mut call = tonic::Request::new(v1::GetServerInfoRequest::default());
        let long = "x".repeat(15 * 1024).parse().unwrap();
        call.metadata_mut().insert("x-long", long);
        house.admin().get_server_info(call).await.unwrap();
        let mut call = tonic::Request::new(v1::GetServerInfoRequest::default());
        let long = "x".repeat(17 * 1024).parse().unwrap();
        call.metadata_mut().insert("x-long", long);
        house.admin().get_server_info(call).await.unwrap_err();
        still_serves(&house).await;
    });
}

/// A connection for requests whose bytes are put together by hand.
pub async fn by_hand(address: SocketAddr) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    client.ready().await.unwrap()
}

/// The head of a call with this key.
pub fn head(method: &str, key: &str) -> http::Request<()> {
    http::Request::post(format!("http://localhost/mailwright.v1.{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("authorization", format!("Bearer {key}"))
        .body(())
        .unwrap()
}

/// A message with its prefix.
fn framed(message: &impl prost::Message) -> Vec<u8> {
    let bytes = message.encode_to_vec();
    let mut framed = vec![0];
    framed.extend(u32::try_from(bytes.len()).unwrap().to_be_bytes());
    framed.extend(bytes);
    framed
}

/// The status of an answer, in its head or behind its body.
pub async fn status(answer: h2::client::ResponseFuture) -> Status {
    let (head, mut body) = answer.await.unwrap().into_parts();
    if let Some(status) = Status::from_header_map(&head.headers) {
        return status;
    }
    while body.data().await.is_some() {}
    let trailers = body.trailers().await.unwrap().unwrap();
    Status::from_header_map(&trailers).unwrap()
}

/// Moves the clock on until the call is answered; by how much at the most.
async fn answered_after(house: &House, answer: h2::client::ResponseFuture) -> (Status, u64) {
    let answer = status(answer);
    tokio::pin!(answer);
    let mut seconds = 0;
    loop {
        tokio::select! {
            biased;
            status = &mut answer => return (status, seconds),
            () = tokio::task::yield_now() => {}
        }
        // What the server does in between takes a moment of its own.
        house.scrape().await;
        house.advance(Duration::from_secs(1));
        seconds += 1;
    }
}

#[test]
fn a_call_whose_deadline_passes_is_told_so() {
    run(async {
        let house = House::on_system_time().await;
        house.ready_service().await;
        let mut client = by_hand(house.grpc).await;
        let mut asked = head("AdminAPI/SendTest", ADMIN_KEY);
        let within = http::HeaderValue::from_static("500m");
        asked.headers_mut().insert("grpc-timeout", within);
        let (answer, mut body) = client.send_request(asked, false).unwrap();
        let test = v1::SendTestRequest {
            service_id: "adele".into(),
            to: "slow-data@contoso.com".into(),
        };
        body.send_data(framed(&test).into(), true).unwrap();
        let answer = Err::<(), _>(status(answer).await);
        refused(answer, Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
        house.control().release();
    });
}

#[test]
fn a_request_that_does_not_come_on_is_refused() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let whole = framed(&text_to(&[ALEX]));
        for sent in [0, 3, 20, whole.len()] {
            let mut client = by_hand(house.grpc).await;
            let (answer, mut body) = client
                .send_request(head("MailAPI/Send", ADMIN_KEY), false)
                .unwrap();
            let part = Bytes::copy_from_slice(&whole[..sent]);
            body.send_data(part, false).unwrap();
            let (status, seconds) = answered_after(&house, answer).await;
            refused(
                Err::<(), _>(status),
                Code::ResourceExhausted,
                "CALLER_LIMITED",
            );
            assert!(seconds >= 30, "after {seconds} s");
        }
        assert!(
            house
                .scrape()
                .await
                .contains("refused_total{what=\"slow_request\"} 4")
        );
        // What comes slowly but comes is taken.
        let mut client = by_hand(house.grpc).await;
        let (answer, mut body) = client
            .send_request(head("MailAPI/Send", ADMIN_KEY), false)
            .unwrap();
        let (last, first) = whole.split_last().unwrap();
        body.send_data(Bytes::copy_from_slice(first), false)
            .unwrap();
        house.scrape().await;
        house.advance(Duration::from_secs(20));
        body.send_data(Bytes::copy_from_slice(&[*last]), true)
            .unwrap();
        assert_eq!(status(answer).await.code(), Code::Ok);
    });
}

#[test]
fn a_stream_may_rest_between_its_requests_and_not_within_one() {
    run(async {
        let house = House::start().await;
        house.ready_service().await;
        let request = framed(&v1::SendStreamRequest {
            tag: "1".into(),
            request: Some(text_to(&[ALEX])),
        });
        let mut client = by_hand(house.grpc).await;
        let (answer, mut body) = client
            .send_request(head("MailAPI/SendStream", ADMIN_KEY), false)
            .unwrap();
        body.send_data(request.clone().into(), false).unwrap();
        let (_, mut answers) = answer.await.unwrap().into_parts();
        assert!(answers.data().await.unwrap().is_ok());
        for _ in 0..10 {
            house.advance(Duration::from_secs(600));
            house.scrape().await;
        }
        body.send_data(request.clone().into(), false).unwrap();
        assert!(answers.data().await.unwrap().is_ok());
        let part = Bytes::copy_from_slice(&request[..9]);
        body.send_data(part, false).unwrap();
        let ended = async {
            while answers.data().await.is_some() {}
            answers.trailers().await.unwrap().unwrap()
        };
        tokio::pin!(ended);
        let trailers = loop {
            tokio::select! {
                biased;
                trailers = &mut ended => break trailers,
                () = tokio::task::yield_now() => {}
            }
            house.scrape().await;
            house.advance(Duration::from_secs(1));
        };
        let status = Status::from_header_map(&trailers).unwrap();
        refused(
            Err::<(), _>(status),
            Code::ResourceExhausted,
            "CALLER_LIMITED",
        );
    });
}
