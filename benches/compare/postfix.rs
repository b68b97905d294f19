//! Postfix as a relay with a queue: its own configuration, folder and port, in the foreground.

use std::fs::{self, Permissions};
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::{Program, timed};

/// Debian's; /usr/sbin is not in everybody's PATH.
const PROGRAM: &str = "/usr/sbin/postfix";
const POSTSUPER: &str = "/usr/sbin/postsuper";

/// Stops it when standard input ends, however this program does.
const FOREGROUND: &str = r#""$0" -c "$1" start-fg & read -r _; "$0" -c "$1" abort; wait"#;

/// What is taken is put on hold, which syncs it, and nothing else happens to it.
pub struct Postfix {
    pub at: SocketAddr,
    configuration: PathBuf,
    // Stopped before its folder goes.
    _program: Program,
}

impl Postfix {
    /// Passes on to `sink` over so many connections, once it is released.
    pub fn start(folder: &Path, at: SocketAddr, sink: SocketAddr, connections: usize) -> Self {
        let configuration = folder.join("etc");
        for name in ["", "etc", "queue"] {
            let path = folder.join(name);
            fs::create_dir_all(&path).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        }
        let words = [
            ("FOLDER", folder.to_str().unwrap().to_owned()),
            ("LISTEN", at.to_string()),
            ("SINK", format!("[{}]:{}", sink.ip(), sink.port())),
            ("CONNECTIONS", connections.to_string()),
        ];
        for (name, template) in [
            ("main.cf", include_str!("postfix/main.cf")),
            ("master.cf", include_str!("postfix/master.cf")),
        ] {
            let fill = |text: String, (word, value): &(&str, String)| {
                text.replace(&format!("@{word}@"), value)
            };
            let text = words.iter().fold(template.to_owned(), fill);
            fs::write(configuration.join(name), text).unwrap();
        }
        let mut command = Command::new("sh");
        command
            .args(["-c", FOREGROUND, PROGRAM])
            .arg(&configuration);
        let program = Program::shell(command.process_group(0), &folder.join("log"));
        Self {
            at,
            configuration,
            _program: program.says("daemon started").listens(at),
        }
    }

    /// Lets everything go that is held.
    pub fn release(&self) {
        self.super_user("-H");
        // What `postqueue -f` says, which waits itself: all that is deferred, whenever it would be due.
        let queue = self.configuration.with_file_name("queue");
        let mut manager = UnixStream::connect(queue.join("public/qmgr")).unwrap();
        manager.write_all(b"FAD").unwrap();
    }

    /// Throws away everything.
    pub fn clear(&self) {
        self.super_user("-d");
    }

    fn super_user(&self, what: &str) {
        let mut command = Command::new(POSTSUPER);
        command.arg("-c").arg(&self.configuration);
        timed(command.args([what, "ALL"]));
    }
}
