//! The clients' load programs (`clients/*/conformance/load*`) as child processes, and what they said.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;

use serde_json::Value;
use tokio::sync::watch;

use super::process::ADMIN_KEY;
use super::proxy::Proxy;
use super::{root, tool};

/// What an application saw.
#[derive(Clone, Default)]
pub struct Seen {
    /// Message ids by request id.
    pub accepted: BTreeMap<String, String>,
    /// Cursor, message id and state, in their order.
    pub events: Vec<[String; 3]>,
    /// What it should never see.
    failed: Option<String>,
    ended: bool,
}

pub struct Load {
    pub name: String,
    child: Child,
    seen: watch::Receiver<Seen>,
}

impl Load {
    pub fn start(language: &str, proxy: &Proxy) -> Self {
        let name = format!("{language}-{:?}", proxy.kind);
        let clients = root().join("clients");
        let mut command = match language {
            "python" => {
                let mut command = Command::new(tool("clients/bin/python"));
                command
                    .arg(clients.join("python/conformance/load.py"))
                    .env("PYTHONPATH", clients.join("python/src"));
                command
            }
            _ => Command::new(clients.join("go/bin/load")),
        };
        let mut child = command
            .args([&proxy.at.to_string(), ADMIN_KEY])
            .arg(proxy.ca())
            .arg(&name)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} does not run ({error}): run `make test`"));
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let sender = Arc::new(watch::Sender::new(Seen::default()));
        let seen = sender.subscribe();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                sender.send_modify(|seen| seen.read(&line));
            }
            sender.send_modify(|seen| seen.ended = true);
        });
        Self { name, child, seen }
    }

    /// Returns once it has had this many more messages accepted.
    pub async fn goes_on(&mut self, more: usize) {
        let before = self.seen.borrow().accepted.len();
        self.until(|seen| seen.accepted.len() >= before + more)
            .await;
    }

    /// Lets it stop sending.
    pub fn stop(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Returns once it has stopped, and seen the end of all that it sent.
    pub async fn finish(mut self) -> Seen {
        self.until(|seen| seen.ended).await;
        assert!(self.child.wait().unwrap().success(), "{}", self.name);
        self.seen.borrow().clone()
    }

    async fn until(&mut self, condition: impl Fn(&Seen) -> bool) {
        let enough = |seen: &Seen| condition(seen) || seen.failed.is_some() || seen.ended;
        // The reader says that it has ended before it goes.
        let seen = self.seen.wait_for(enough).await.unwrap();
        assert_eq!(seen.failed, None, "{}", self.name);
        assert!(condition(&seen), "{} has ended", self.name);
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        // One that has ended can't be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Seen {
    fn read(&mut self, line: &str) {
        let said: Value = serde_json::from_str(line).unwrap_or_default();
        let text = |key: &str| said[key].as_str().map(str::to_owned);
        if let (Some(request_id), Some(message_id)) = (text("sent"), text("message_id")) {
            self.accepted.insert(request_id, message_id);
        } else if let (Some(id), Some(state), Some(cursor)) =
            (text("event"), text("state"), text("cursor"))
        {
            self.events.push([cursor, id, state]);
        } else {
            self.failed = Some(line.to_owned());
        }
    }
}
