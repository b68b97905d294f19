//! `Egress::http`. No proxy variable is read: the command line reads the environment and hands on
//! the variables that are the configuration's, the client knows only the dialler. `tests/demo.rs`
//! runs the real program with all of them set.

use http::Request;
use mailwright::egress::http::HttpError;
use std::time::Duration;

use crate::peer::{Peer, answer};
use crate::{egress, manual_env, plain_egress};

fn get(url: &str) -> Request<Vec<u8>> {
    Request::get(url).body(Vec::new()).unwrap()
}

#[tokio::test]
async fn a_request_carries_host_and_path_and_asks_for_no_second() {
    let mut peer = Peer::new(vec![answer("200 OK", &["X-A: b"], "hello")]).await;
    let url = format!("{}/a/b?c=%20d", peer.base());
    let post = Request::post(url).body(b"x=y".to_vec()).unwrap();
    let got = plain_egress().http(post).await.unwrap();
    assert_eq!(
        (got.status().as_u16(), &got.body()[..]),
        (200, &b"hello"[..])
    );
    assert_eq!(got.headers()["x-a"], "b");

    let asked = peer.asked().await;
    assert!(
        asked.head.starts_with("POST /a/b?c=%20d HTTP/1.1\r\n"),
        "{}",
        asked.head
    );
    assert_eq!(
        asked.header("host").unwrap(),
        format!("127.0.0.1:{}", peer.port)
    );
    assert_eq!(asked.header("connection"), Some("close"));
    assert_eq!(asked.header("origin"), None);
    assert_eq!(asked.body, "x=y");
}

#[tokio::test]
async fn a_redirect_is_returned_and_not_followed() {
    let redirect = answer("302 Found", &["Location: /elsewhere"], "");
    let mut peer = Peer::new(vec![redirect, answer("200 OK", &[], "")]).await;
    let got = plain_egress().http(get(&peer.base())).await.unwrap();
    assert_eq!(
        (
            got.status().as_u16(),
            got.headers()["location"].to_str().unwrap()
        ),
        (302, "/elsewhere")
    );
    peer.asked().await;
    assert!(!peer.was_asked_more());
}

#[tokio::test]
async fn an_answer_is_read_in_chunks_or_to_the_end() {
    let chunked =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    let to_the_end = b"HTTP/1.0 200 OK\r\n\r\nabcde";
    for bytes in [&chunked[..], &to_the_end[..]] {
        let peer = Peer::new(vec![bytes.to_vec()]).await;
        let got = plain_egress().http(get(&peer.base())).await.unwrap();
        assert_eq!(got.body(), b"abcde");
    }
}

#[tokio::test]
async fn an_oversized_answer_is_not_read_to_its_end() {
    let body = "b".repeat(256 * 1024 + 1);
    let unbounded = format!("HTTP/1.1 200 OK\r\n\r\n{body}").into_bytes();
    let headers = format!("X-A: {}", "h".repeat(70 * 1024));
    for bytes in [
        answer("200 OK", &[], &body),
        unbounded,
        answer("200 OK", &[&headers], ""),
    ] {
        let peer = Peer::new(vec![bytes]).await;
        let got = plain_egress().http(get(&peer.base())).await;
        assert_eq!(got.unwrap_err(), HttpError::TooLarge);
    }
    let peer = Peer::new(vec![answer("200 OK", &[], &body[1..])]).await;
    let got = plain_egress().http(get(&peer.base())).await.unwrap();
    assert_eq!(got.body().len(), 256 * 1024);
}

#[tokio::test]
async fn what_is_not_http_or_ends_early_is_a_protocol_error() {
    for bytes in [
        &b"220 smtp.example.com ESMTP\r\n"[..],
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
    ] {
        let peer = Peer::new(vec![bytes.to_vec()]).await;
        let got = plain_egress().http(get(&peer.base())).await;
        assert!(matches!(got, Err(HttpError::Protocol(_))), "{got:?}");
    }
}

#[tokio::test]
async fn a_peer_that_never_answers_is_given_up_after_thirty_seconds() {
    let mut peer = Peer::new(vec![Vec::new()]).await;
    let env = manual_env();
    let out = egress(&env, None);
    let url = peer.base();
    let call = tokio::spawn(async move { out.http(get(&url)).await });
    peer.asked().await;
    env.advance(Duration::from_secs(29));
    tokio::task::yield_now().await;
    assert!(!call.is_finished());
    env.advance(Duration::from_secs(1));
    assert_eq!(call.await.unwrap().unwrap_err(), HttpError::Timeout);
}

#[tokio::test]
async fn nobody_listening_and_a_forbidden_address_are_told_apart() {
    let unused = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = unused.local_addr().unwrap().port();
    drop(unused);
    let got = plain_egress()
        .http(get(&format!("http://127.0.0.1:{port}/")))
        .await;
    assert!(matches!(got, Err(HttpError::Dial(_))), "{got:?}");
    let got = plain_egress().http(get("http://example.com/")).await;
    assert!(matches!(got, Err(HttpError::Denied(_))), "{got:?}");
}

#[tokio::test]
async fn https_is_spoken_to_a_certificate_that_is_trusted_and_to_no_other() {
    let good = || vec![answer("200 OK", &[], "sealed")];
    let (peer, ca) = Peer::with_tls(good()).await;
    let url = format!("https://localhost:{}/", peer.port);
    let got = egress(&manual_env(), Some(&ca))
        .http(get(&url))
        .await
        .unwrap();
    assert_eq!(got.body(), b"sealed");

    let (mut peer, _) = Peer::with_tls(good()).await;
    let url = format!("https://localhost:{}/", peer.port);
    let got = plain_egress().http(get(&url)).await;
    assert!(matches!(got, Err(HttpError::Tls(_))), "{got:?}");
    assert!(!peer.was_asked_more());
}
