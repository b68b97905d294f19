//! What one runner plays in: a sandbox, a server at one address through all its lives, and the
//! answers to what the runner asks.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use mailwright::env::Env;
use mailwright::sandbox::{CLIENT_ID, CLIENT_SECRET, Options, RateLimit, Sandbox};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::browser;
use super::process::Process;
use super::tls::{self, Proxy};

const ADELE: &str = "adele@contoso.com";

pub struct World {
    runtime: Runtime,
    sandbox: Sandbox,
    at: Option<SocketAddr>,
    folder: Folder,
    data: PathBuf,
    server: Option<Process>,
    proxy: Option<Proxy>,
    example: Option<Command>,
}

impl World {
    pub fn new(name: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        let sandbox = runtime.block_on(sandbox());
        let folder = Folder::new(name);
        std::fs::write(folder.0.join("ca.pem"), sandbox.ca_pem()).unwrap();
        let mut world = Self {
            at: None,
            data: folder.0.join("data"),
            runtime,
            sandbox,
            folder,
            server: None,
            proxy: None,
            example: None,
        };
        world.serve();
        world
    }

    /// Answers the runner until it reports; what each step gave.
    pub fn play(mut self, mut runner: Command, example: Command) -> Vec<String> {
        self.example = Some(example);
        let mut child = runner
            .arg(super::scenario())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{runner:?} ({error}): {}", super::MISSING));
        let mut answers = child.stdin.take().unwrap();
        let mut reported = None;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let asked: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
            if asked["do"] == "report" {
                reported = Some(serde_json::from_value(asked["results"].clone()).unwrap());
            }
            writeln!(answers, "{}", self.answer(&asked)).unwrap();
        }
        let status = child.wait().unwrap();
        assert!(status.success(), "{runner:?}: {status}");
        reported.expect("a runner reports before it ends")
    }

    fn answer(&mut self, asked: &Value) -> Value {
        let text = |key: &str| asked[key].as_str().unwrap_or_default();
        match text("do") {
            "start" => return self.introduction(),
            "consent" => return self.consent(text("url")),
            "arrived" => return json!({ "times": self.arrived(text("subject")) }),
            "kill_grant" => self.kill_grant(),
            "example" => self.example(),
            "freeze" => self.proxy.iter().for_each(Proxy::freeze),
            "stop" => self.stop(),
            "serve" => self.serve(),
            "restart" => {
                self.stop();
                self.serve();
            }
            "replace" => self.replace(),
            "new_store" => {
                self.stop();
                self.data = self.folder.0.join("new");
                self.serve();
                return json!({ "key": self.key() });
            }
            "report" => {}
            other => panic!("{other:?} is nothing that clients/conformance/README.md knows"),
        }
        json!({})
    }

    fn introduction(&mut self) -> Value {
        let server = self.at.unwrap();
        let proxy = self.runtime.block_on(tls::start(server));
        let ca = self.folder.0.join("proxy-ca.pem");
        std::fs::write(&ca, &proxy.authority).unwrap();
        let port = proxy.at.port();
        self.proxy = Some(proxy);
        json!({
            "target": server.to_string(),
            "tls_target": format!("localhost:{port}"),
            "ca": ca,
            "key": self.key(),
            "smtp_port": self.sandbox.smtp_addr().port(),
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
        })
    }

    /// The key that the server wrote for its first admin; empty where it asks for none.
    fn key(&self) -> String {
        let key = std::fs::read_to_string(self.data.join("admin.key"));
        key.unwrap_or_default().trim().to_owned()
    }

    fn consent(&self, url: &str) -> Value {
        let back = self.runtime.block_on(browser::decide(url, ADELE, "accept"));
        let back = browser::parameters(&back);
        json!({ "state": back["state"], "code": back["code"] })
    }

    /// It sends, follows its message, and says that it was sent.
    fn example(&mut self) {
        let (at, key) = (self.at.unwrap().to_string(), self.key());
        let example = self.example.as_mut().unwrap();
        let ended = example
            .args([&at, "billing", "alex@contoso.com"])
            .env("MAILWRIGHT_KEY", key)
            .output()
            .unwrap_or_else(|error| panic!("{example:?} ({error}): {}", super::MISSING));
        let said = String::from_utf8_lossy(&ended.stdout);
        assert!(said.contains("sent to alex@contoso.com"), "{ended:?}");
        assert!(ended.status.success(), "{ended:?}");
        assert_eq!(self.arrived("Reset your password"), 1);
    }

    /// No token of adele's is good any more, and no session is left that was opened by one.
    fn kill_grant(&mut self) {
        self.stop();
        self.sandbox.control().revoke_refresh_tokens(ADELE);
        self.sandbox.control().expire_access_tokens(ADELE);
        self.serve();
    }

    fn arrived(&self, subject: &str) -> usize {
        let header = format!("Subject: {subject}\r\n");
        let mails = self.sandbox.mail();
        let with_it = mails
            .iter()
            .filter(|mail| String::from_utf8_lossy(&mail.content).contains(&header));
        with_it.count()
    }

    fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill();
        }
    }

    /// As a supervisor replaces it, with what is under way ended in order.
    fn replace(&mut self) {
        if let Some(server) = self.server.take() {
            server.terminate();
            let (status, log) = server.ended();
            assert!(status.success(), "{log}");
        }
        self.serve();
    }

    fn serve(&mut self) {
        let ca = self.folder.0.join("ca.pem");
        let variables = [
            ("MAILWRIGHT_DATA_FOLDER", self.data.to_str().unwrap()),
            ("MAILWRIGHT_EGRESS_EXTRA_CA_FILE", ca.to_str().unwrap()),
            ("MAILWRIGHT_EGRESS_ALLOW", "127.0.0.0/8,::1/128"),
            (
                "MAILWRIGHT_OAUTH_MICROSOFT_AUTHORITY",
                &self.sandbox.authority(),
            ),
            ("MAILWRIGHT_SERVER_MAX_REQUEST_BYTES", "8388608"),
            ("MAILWRIGHT_SERVER_HEARTBEAT_SECONDS", "1"),
            ("MAILWRIGHT_SERVER_DRAIN_GRACE_SECONDS", "5"),
            ("MAILWRIGHT_OUTBOX_MAILBOX_MESSAGES", "20"),
        ];
        let server = match self.at {
            Some(at) => Process::start_at(at, &variables).unwrap_or_else(|log| panic!("{log}")),
            None => Process::start(&variables),
        };
        self.at = Some(server.grpc);
        self.server = Some(server);
    }
}

async fn sandbox() -> Sandbox {
    let (clock, random) = (Env::system(), Env::system());
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let options = Options {
        http: any,
        smtp: any,
        smtps: any,
        now: Arc::new(move || clock.now().to_system()),
        random: Arc::new(move |bytes| random.fill(bytes)),
    };
    let sandbox = Sandbox::start(options).await.unwrap();
    sandbox.control().rate_limit(RateLimit::Off);
    sandbox
}

/// A folder that is gone with its owner.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let id = std::process::id();
        let folder = std::env::temp_dir().join(format!("mailwright-clients-{name}-{id}"));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What can't be removed is left to the system's own cleaning.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
