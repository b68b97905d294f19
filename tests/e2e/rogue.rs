//! A token endpoint that answers with whatever a test wants, and tells what it was asked.

use std::collections::BTreeMap;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use url::form_urlencoded;

pub struct Rogue {
    /// `http://127.0.0.1:…`
    pub base: String,
    requests: mpsc::UnboundedReceiver<BTreeMap<String, String>>,
}

impl Rogue {
    /// Gives every connection these bytes; one that `holds` closes none.
    pub async fn start(answer: String, holds: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (asked, requests) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let form = read_form(&mut stream).await;
                // Who closes early has seen enough, and a test that has ended asks no more.
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = asked.send(form);
                if holds {
                    held.push(stream);
                }
            }
        });
        Self { base, requests }
    }

    /// With this status and JSON.
    pub async fn json(status: &str, body: &str) -> Self {
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\n");
        Self::start(
            format!("{head}content-length: {length}\r\n\r\n{body}"),
            false,
        )
        .await
    }

    /// The form of the next request.
    pub async fn asked(&mut self) -> BTreeMap<String, String> {
        self.requests.recv().await.unwrap()
    }

    /// Whether a request came that no test step has looked at.
    pub fn was_asked(&mut self) -> bool {
        self.requests.try_recv().is_ok()
    }
}

async fn read_form(stream: &mut TcpStream) -> BTreeMap<String, String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("content-length").then_some(value)
            });
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                let pairs = form_urlencoded::parse(body.as_bytes());
                return pairs.into_owned().collect();
            }
        }
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return BTreeMap::new();
        }
    }
}
