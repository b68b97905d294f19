//! A peer that follows a script, line by line, over a loopback socket.
//!
//! `S: text` says a line, `S> text` says text without a line end, `C: prefix` hears a line that
//! must begin so, `BODY` hears a message up to its final dot, `TLS` shakes hands, `HANG` tells the
//! test that the peer won't go on, `STALL` reads no more, `CLOSE` closes. After the last line it listens until the client
//! closes.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Wire for S {}

/// A peer at work on one connection.
pub struct Peer {
    pub port: u16,
    /// Told at each `HANG`.
    pub hanging: Arc<Notify>,
    task: JoinHandle<Vec<String>>,
}

impl Peer {
    /// Follows the script with the first connection that comes.
    pub async fn follow(script: &str, acceptor: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let hanging = Arc::new(Notify::new());
        let (script, signal) = (script.to_owned(), Arc::clone(&hanging));
        let task = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            // Each line must leave at once: tests count on it having arrived.
            stream.set_nodelay(true).unwrap();
            let mut talk = Talk {
                stream: Box::new(stream),
                heard: Vec::new(),
            };
            for step in script.lines().map(str::trim).filter(|s| !s.is_empty()) {
                match step {
                    "CLOSE" => return talk.heard,
                    "HANG" => signal.notify_one(),
                    "STALL" => std::future::pending().await,
                    "TLS" => {
                        let acceptor = acceptor.as_ref().expect("the script needs TLS");
                        match acceptor.accept(talk.stream).await {
                            Ok(stream) => talk.stream = Box::new(stream),
                            Err(_) => return talk.heard,
                        }
                    }
                    "BODY" => talk.hear_until("\r\n.\r\n").await,
                    _ => talk.line(step).await,
                }
            }
            let mut rest = Vec::new();
            let _ = talk.stream.read_to_end(&mut rest).await;
            talk.heard.push(String::from_utf8_lossy(&rest).into_owned());
            talk.heard
        });
        Self {
            port,
            hanging,
            task,
        }
    }

    /// All that it heard: lines without their ends, bodies whole, and last what came unasked.
    pub async fn heard(self) -> Vec<String> {
        self.task.await.unwrap()
    }
}

struct Talk {
    stream: Box<dyn Wire>,
    heard: Vec<String>,
}

impl Talk {
    async fn line(&mut self, step: &str) {
        let (who, text) = step.split_at(2);
        let text = text.trim_start();
        match who {
            "S:" => self.say(&format!("{text}\r\n")).await,
            "S>" => self.say(&text.replace("\\r\\n", "\r\n")).await,
            "C:" => {
                self.hear_until("\r\n").await;
                let line = self.heard.last().unwrap();
                assert!(line.starts_with(text), "heard {line:?}, expected {text:?}");
            }
            _ => panic!("no step: {step}"),
        }
    }

    async fn say(&mut self, text: &str) {
        // The client may have left already.
        let _ = self.stream.write_all(text.as_bytes()).await;
        let _ = self.stream.flush().await;
    }

    async fn hear_until(&mut self, end: &str) {
        let mut bytes = Vec::new();
        while !bytes.ends_with(end.as_bytes()) {
            match self.stream.read_u8().await {
                Ok(byte) => bytes.push(byte),
                Err(_) => panic!(
                    "the client closed after {:?}",
                    String::from_utf8_lossy(&bytes)
                ),
            }
        }
        let text = String::from_utf8(bytes).unwrap();
        self.heard.push(text.trim_end_matches("\r\n").to_owned());
    }
}
