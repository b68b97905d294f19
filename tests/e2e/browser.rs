//! As much of a browser as the dialogue needs: one request a connection, forms, redirects by hand.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;
use url::form_urlencoded::Serializer;

/// What came back.
pub struct Page {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

/// Opens a URL of this machine.
pub async fn get(url: &str) -> Page {
    fetch("GET", url, "").await
}

/// Opens the consent page, decides as this account, and gives where the browser is sent then.
pub async fn decide(authorization_url: &str, account: &str, decision: &str) -> String {
    let answer = submit(authorization_url, account, decision).await;
    assert_eq!(answer.status, 302, "{}", answer.body);
    answer.headers["location"].clone()
}

/// As [`decide`], with whatever the provider answers.
pub async fn submit(authorization_url: &str, account: &str, decision: &str) -> Page {
    let page = get(authorization_url).await;
    assert_eq!(page.status, 200, "{}", page.body);
    let action = Url::parse(authorization_url)
        .unwrap()
        .join(&attribute(&page.body, "action=\""))
        .unwrap();
    let form = query(&[
        ("ticket", &attribute(&page.body, "name=\"ticket\" value=\"")),
        ("account", account),
        ("decision", decision),
    ]);
    fetch("POST", action.as_str(), &form).await
}

/// Form-encoded pairs.
pub fn query(pairs: &[(&str, &str)]) -> String {
    Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// The parameters of a URL.
pub fn parameters(url: &str) -> BTreeMap<String, String> {
    Url::parse(url)
        .unwrap()
        .query_pairs()
        .into_owned()
        .collect()
}

/// One request, with this form as its body.
pub async fn fetch(method: &str, url: &str, form: &str) -> Page {
    let url = Url::parse(url).unwrap();
    let port = url.port().unwrap();
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let request = format!(
        "{method} {target} HTTP/1.1\r\nhost: localhost:{port}\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
        form.len()
    );
    let address = (Ipv4Addr::LOCALHOST, port);
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    parse(&String::from_utf8(bytes).unwrap())
}

fn parse(text: &str) -> Page {
    let (head, body) = text.split_once("\r\n\r\n").expect("has a head");
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    Page {
        status: status.and_then(|s| s.parse().ok()).expect("has a status"),
        headers: lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect(),
        body: body.to_owned(),
    }
}

fn attribute(page: &str, before: &str) -> String {
    let rest = page.split(before).nth(1).expect("has the attribute");
    rest.split('"').next().unwrap_or_default().to_owned()
}
