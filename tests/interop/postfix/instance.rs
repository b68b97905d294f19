//! A Postfix of this test alone: its own configuration, queue and ports, in the foreground.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

use super::super::certificate::Certificate;
use super::super::child::Program;
use super::super::house::make_readable_folder;
use super::super::letter::RECIPIENTS;
use super::super::sink::Sink;

/// Debian's; /usr/sbin is not in everybody's PATH.
const PROGRAM: &str = "/usr/sbin/postfix";

/// Postfix takes no message larger than this.
pub const SIZE_MAX: usize = 200_000;

/// Stops it when standard input ends, however the test does.
const FOREGROUND: &str = r#""$0" -c "$1" start-fg & read -r _; "$0" -c "$1" abort; wait"#;

/// A running relay that passes on to its sink.
pub struct Postfix {
    /// Offers SIZE.
    pub port: u16,
    /// Doesn't.
    pub no_size_port: u16,
    // Stopped before its sink, which it may still talk to.
    _program: Program,
    pub sink: Sink,
}

impl Postfix {
    pub async fn start(folder: &Path, tls: &Certificate) -> Self {
        assert!(
            Path::new(PROGRAM).exists(),
            "{PROGRAM} is missing: run `make test`, which installs it and then runs all tests"
        );
        let user = std::fs::metadata("/proc/self").unwrap().uid();
        assert_eq!(
            user, 0,
            "Postfix runs for root alone: run `make test` as root"
        );
        let sink = Sink::open(folder).await;
        let [port, no_size_port] = [free_port(), free_port()];
        let at = |port: u16| format!("{}:{port}", own_address());
        let recipients = RECIPIENTS.map(|address| format!("{address}=known"));
        let folder = folder.join("postfix");
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let words = [
            ("FOLDER", text(&folder)),
            ("RECIPIENTS", recipients.join(", ")),
            ("SINK", sink.port.to_string()),
            ("SIZE_MAX", SIZE_MAX.to_string()),
            ("KEY", text(&tls.key)),
            ("CERTIFICATE", text(&tls.certificate)),
            ("RELAY", at(port)),
            ("NO_SIZE", at(no_size_port)),
        ];
        let configuration = folder.join("etc");
        for name in ["", "etc", "queue"] {
            make_readable_folder(&folder.join(name));
        }
        for (name, template) in [
            ("main.cf", include_str!("main.cf")),
            ("master.cf", include_str!("master.cf")),
        ] {
            std::fs::write(configuration.join(name), fill_in(template, &words)).unwrap();
        }
        let mut command = Command::new("sh");
        command
            .args(["-c", FOREGROUND, PROGRAM])
            .arg(&configuration);
        let mut program = Program::start(command.process_group(0));
        program.line("daemon started").await;
        Self {
            port,
            no_size_port,
            _program: program,
            sink,
        }
    }
}

/// A loopback address of this process alone: no other takes its ports.
pub fn own_address() -> Ipv4Addr {
    let id = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 128 | (id[1] & 63), id[2], id[3])
}

/// One that is free, and given to no other test.
fn free_port() -> u16 {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    loop {
        let listener = TcpListener::bind((own_address(), 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        if GIVEN.lock().unwrap().insert(port) {
            return port;
        }
    }
}

/// The template with each `@WORD@` replaced; its comments are left out.
fn fill_in(template: &str, words: &[(&str, String)]) -> String {
    let lines = template.lines().filter(|line| !line.starts_with('#'));
    let mut text = lines.fold(String::new(), |text, line| text + line + "\n");
    for (word, value) in words {
        text = text.replace(&format!("@{word}@"), value);
    }
    text
}
