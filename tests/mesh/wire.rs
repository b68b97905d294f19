//! A call without a gRPC library: what such a library would do by itself, only the other side does.

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;

use super::process::ADMIN_KEY;
use super::proxy::Proxy;

/// What came back.
pub struct Answer {
    pub head: HeaderMap,
    pub body: Bytes,
    /// None where the head ended the stream, or the body did.
    pub trailers: Option<HeaderMap>,
}

/// One call with this `grpc-timeout`, and nobody who counts it on this side.
pub async fn call(proxy: &Proxy, path: &str, message: &impl Message, timeout: &str) -> Answer {
    let io = TokioIo::new(proxy.dial().await);
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io)
        .await
        .unwrap();
    tokio::spawn(connection);
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.encoded_len()).unwrap());
    message.encode(&mut frame).unwrap();
    let request = Request::post(format!("https://localhost{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("authorization", format!("Bearer {ADMIN_KEY}"))
        .header("grpc-timeout", timeout)
        .body(Full::new(frame.freeze()))
        .unwrap();
    let (head, body) = sender.send_request(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap();
    Answer {
        head: head.headers,
        trailers: body.trailers().cloned(),
        body: body.to_bytes(),
    }
}
