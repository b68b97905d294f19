//! Another program as a child process, read line by line.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// A running program that ends when its standard input does: also where the test is killed.
pub struct Program {
    child: Child,
    lines: UnboundedReceiver<String>,
    log: Arc<Mutex<String>>,
}

impl Program {
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} does not run ({error}): run `make test`"));
        let (sender, lines) = unbounded_channel();
        let log = Arc::default();
        read(child.stdout.take().unwrap(), sender.clone(), &log);
        read(child.stderr.take().unwrap(), sender, &log);
        Self { child, lines, log }
    }

    /// The next line that holds `text`; those before it are passed over.
    pub async fn line(&mut self, text: &str) -> String {
        loop {
            match self.lines.recv().await {
                Some(line) if line.contains(text) => return line,
                Some(_) => {}
                None => panic!("it ended without {text:?}"),
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // A child that is not there any more has ended as well.
        let _ = self.child.wait();
        if thread::panicking() {
            println!("the other program:\n{}", self.log.lock().unwrap());
        }
    }
}

fn read(from: impl Read + Send + 'static, to: UnboundedSender<String>, log: &Arc<Mutex<String>>) {
    let log = log.clone();
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            *log.lock().unwrap() += &format!("{line}\n");
            // The test may have ended before the program.
            let _ = to.send(line);
        }
    });
}
