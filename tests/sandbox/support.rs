//! A browser, an OAuth client and an SMTP client, each as small as the dialogues need.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mailwright::sandbox::{CLIENT_ID, CLIENT_SECRET, Options, Sandbox};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

pub const CALLBACK: &str = "http://localhost:8080/oauth2/callback";
pub const SMTP_SCOPE: &str = "https://outlook.office.com/SMTP.Send offline_access openid";

/// A sandbox and the clock it runs by.
pub struct World {
    pub sandbox: Sandbox,
    seconds: Arc<AtomicU64>,
}

impl World {
    pub async fn start() -> Self {
        let seconds = Arc::new(AtomicU64::new(1_754_306_130));
        let (clock, drawn) = (Arc::clone(&seconds), AtomicU64::new(0));
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let sandbox = Sandbox::start(Options {
            http: any,
            smtp: any,
            smtps: any,
            now: Arc::new(move || {
                SystemTime::UNIX_EPOCH + Duration::from_secs(clock.load(Ordering::SeqCst))
            }),
            random: Arc::new(move |bytes| {
                for chunk in bytes.chunks_mut(32) {
                    let n = drawn.fetch_add(1, Ordering::SeqCst);
                    chunk.copy_from_slice(&Sha256::digest(n.to_be_bytes())[..chunk.len()]);
                }
            }),
        })
        .await
        .expect("the sandbox starts");
        Self { sandbox, seconds }
    }

    pub fn pass(&self, seconds: u64) {
        self.seconds.fetch_add(seconds, Ordering::SeqCst);
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.http("GET", path, &[], "").await
    }

    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        self.http("POST", path, &[FORM], &encode(form)).await
    }

    pub async fn http(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let address = self.sandbox.authority().replace("http://", "");
        let mut stream = TcpStream::connect(&address).await.expect("connects");
        let headers: String = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.expect("sends");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.expect("reads");
        Answer::parse(&String::from_utf8_lossy(&bytes))
    }

    /// Goes through the consent page and gives what the browser is redirected to.
    pub async fn consent(&self, path: &str, account: &str, decision: &str) -> String {
        let page = self.get(path).await;
        assert_eq!(page.status, 200, "{}", page.body);
        let action = attribute(&page.body, "action=\"");
        let ticket = attribute(&page.body, "name=\"ticket\" value=\"");
        let form = [
            ("ticket", ticket.as_str()),
            ("account", account),
            ("decision", decision),
        ];
        let answer = self.post(&action, &form).await;
        assert_eq!(answer.status, 302, "{}", answer.body);
        answer.headers["location"].clone()
    }

    /// A code for adele or whoever, from `organizations`.
    pub async fn code(&self, account: &str, scope: &str) -> String {
        let path = authorize_path("organizations", &[("scope", scope)]);
        let back = self.consent(&path, account, "accept").await;
        query(&back)["code"].clone()
    }

    pub async fn redeem(&self, code: &str) -> Answer {
        self.token(
            "organizations",
            &[
                ("grant_type", "authorization_code"),
                ("code", code),
                ("redirect_uri", CALLBACK),
            ],
        )
        .await
    }

    pub async fn refresh(&self, token: &str) -> Answer {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.token("organizations", &form).await
    }

    /// A token request of the preregistered application.
    pub async fn token(&self, tenant: &str, form: &[(&str, &str)]) -> Answer {
        let client = [("client_id", CLIENT_ID), ("client_secret", CLIENT_SECRET)];
        let form = [client.as_slice(), form].concat();
        self.post(&format!("/{tenant}/oauth2/v2.0/token"), &form)
            .await
    }

    /// A fresh access token for submission.
    pub async fn access_token(&self, account: &str) -> String {
        let code = self.code(account, SMTP_SCOPE).await;
        let answer = self.redeem(&code).await.json();
        text(&answer, "access_token")
    }

    /// A session that is greeted, over TLS and said EHLO.
    pub async fn secure(&self) -> Smtp {
        let mut smtp = Smtp::connect(self.sandbox.smtp_addr()).await;
        assert!(smtp.read().await.starts_with("220 "));
        smtp.ask("EHLO client.example").await;
        smtp.ask("STARTTLS").await;
        let mut smtp = smtp.tls(self.sandbox.ca_pem()).await;
        smtp.ask("EHLO client.example").await;
        smtp
    }

    /// A session authenticated as `mailbox`.
    pub async fn login(&self, mailbox: &str) -> Smtp {
        let token = self.access_token(mailbox).await;
        let mut smtp = self.secure().await;
        let reply = smtp.ask(&xoauth2(mailbox, &token)).await;
        assert_eq!(reply, "235 2.7.0 Authentication successful");
        smtp
    }
}

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// An HTTP answer.
pub struct Answer {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Answer {
    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").expect("has a head");
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        Self {
            status: status.and_then(|s| s.parse().ok()).expect("has a status"),
            headers: lines
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
                .collect(),
            body: body.to_owned(),
        }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("is JSON")
    }

    /// The only error code, and the error.
    pub fn failure(&self) -> (u64, String) {
        let body = self.json();
        let code = body["error_codes"][0].as_u64().expect("has a code");
        (code, text(&body, "error"))
    }
}

pub fn text(value: &Value, name: &str) -> String {
    value[name].as_str().expect("is a string").to_owned()
}

/// An authorize request with what Entra wants, and these parameters beside or instead.
pub fn authorize_path(tenant: &str, more: &[(&str, &str)]) -> String {
    let mut params = BTreeMap::from([
        ("client_id", CLIENT_ID),
        ("response_type", "code"),
        ("redirect_uri", CALLBACK),
        ("scope", SMTP_SCOPE),
        ("state", "st&te"),
    ]);
    params.extend(more.iter().copied());
    let params: Vec<_> = params.into_iter().collect();
    format!("/{tenant}/oauth2/v2.0/authorize?{}", encode(&params))
}

/// What a URL's query says.
pub fn query(url: &str) -> BTreeMap<String, String> {
    let query = url.split(['?', '#']).nth(1).unwrap_or_default();
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), decode(value)))
        .collect()
}

pub fn encode(pairs: &[(&str, &str)]) -> String {
    let escape = |text: &str| -> String {
        text.bytes()
            .map(|b| {
                if b.is_ascii_alphanumeric() {
                    char::from(b).to_string()
                } else {
                    format!("%{b:02X}")
                }
            })
            .collect()
    };
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={}", escape(value)))
        .collect();
    pairs.join("&")
}

fn decode(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).expect("is hexadecimal"));
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).expect("is UTF-8")
}

fn attribute(page: &str, before: &str) -> String {
    let rest = page.split(before).nth(1).expect("has the attribute");
    rest.split('"').next().unwrap_or_default().to_owned()
}

trait Duplex: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> Duplex for T {}

/// A raw SMTP client.
pub struct Smtp {
    stream: Pin<Box<dyn Duplex>>,
    buffer: Vec<u8>,
}

impl Smtp {
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("connects");
        Self {
            stream: Box::pin(stream),
            buffer: Vec::new(),
        }
    }

    pub async fn tls(self, ca_pem: &str) -> Self {
        assert!(
            self.buffer.is_empty(),
            "nothing may follow the STARTTLS reply"
        );
        let mut roots = RootCertStore::empty();
        let ca = CertificateDer::from_pem_slice(ca_pem.as_bytes()).expect("is PEM");
        roots.add(ca).expect("is a CA");
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring knows the versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").expect("is a name");
        let connector = TlsConnector::from(Arc::new(config));
        let tls = connector.connect(name, self.stream).await;
        Self {
            stream: Box::pin(tls.expect("shakes hands")),
            buffer: Vec::new(),
        }
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("sends");
        self.stream.flush().await.expect("flushes");
    }

    /// One whole reply, lines joined by LF; empty at the connection's end.
    pub async fn read(&mut self) -> String {
        let mut lines = Vec::new();
        loop {
            while let Some(end) = self.buffer.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line)
                    .trim_end_matches("\r\n")
                    .to_owned();
                let last = line.as_bytes().get(3) != Some(&b'-');
                lines.push(line);
                if last {
                    return lines.join("\n");
                }
            }
            if !matches!(self.stream.read_buf(&mut self.buffer).await, Ok(1..)) {
                return String::new();
            }
        }
    }

    pub async fn ask(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n").as_bytes()).await;
        self.read().await
    }

    /// A whole transaction; the last reply.
    pub async fn mail(&mut self, from: &str, to: &str) -> String {
        let mail = self.ask(&format!("MAIL FROM:<{from}>")).await;
        if !mail.starts_with("250") {
            return mail;
        }
        let rcpt = self.ask(&format!("RCPT TO:<{to}>")).await;
        if !rcpt.starts_with("250") {
            return rcpt;
        }
        let data = self.ask("DATA").await;
        if !data.starts_with("354") {
            return data;
        }
        self.send(message(from).as_bytes()).await;
        self.read().await
    }
}

pub fn message(from: &str) -> String {
    format!("From: <{from}>\r\nSubject: Hello\r\n\r\nText\r\n.\r\n")
}

pub fn xoauth2(user: &str, token: &str) -> String {
    format!("AUTH XOAUTH2 {}", bearer(user, token))
}

pub fn bearer(user: &str, token: &str) -> String {
    STANDARD.encode(format!("user={user}\x01auth=Bearer {token}\x01\x01"))
}
