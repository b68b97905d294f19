//! As much of a browser as a consent needs.

use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::form_urlencoded::Serializer;
use url::{Position, Url};

/// Opens the authorization URL, consents as this account and follows the way back to our callback.
pub async fn consent(authorization_url: &str, account: &str) {
    let url = Url::parse(authorization_url).unwrap();
    let page = fetch("GET", &url, "").await;
    let form = Serializer::new(String::new())
        .append_pair("ticket", between(&page, "name=\"ticket\" value=\"", "\""))
        .append_pair("account", account)
        .append_pair("decision", "accept")
        .finish();
    let action = url.join(between(&page, "action=\"", "\"")).unwrap();
    let answer = fetch("POST", &action, &form).await;
    land(&answer).await;
}

/// Opens the authorization URL of a provider that asks nothing, and follows the way back.
pub async fn open(authorization_url: &str) {
    let answer = fetch("GET", &Url::parse(authorization_url).unwrap(), "").await;
    land(&answer).await;
}

async fn land(answer: &str) {
    let head = answer.replace("Location: ", "location: ");
    let back = Url::parse(between(&head, "location: ", "\r\n")).unwrap();
    let landed = fetch("GET", &back, "").await;
    assert!(landed.starts_with("HTTP/1.1 200 "), "{landed}");
}

async fn fetch(method: &str, url: &Url, form: &str) -> String {
    let port = url.port().unwrap();
    let target = &url[Position::BeforePath..Position::AfterQuery];
    let request = format!(
        "{method} {target} HTTP/1.1\r\nhost: localhost:{port}\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
        form.len()
    );
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        .await
        .unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let found = text
        .split_once(before)
        .and_then(|(_, rest)| rest.split_once(after));
    found.unwrap_or_else(|| panic!("no {before:?} in {text}")).0
}
