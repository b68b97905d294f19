//! The real binary as a process of its own, ended by its own handle.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

/// An admin's key: what [`provide_key`] leaves in a data folder, the first start there takes.
pub const ADMIN_KEY: &str =
    "mw_01k1qd3mkg0123456789abcdef_0123456789abcdefghjkmnpqrstvwxyz0123456789abcdefghjkmnpq";

/// A variable with which a process gets no key from us.
pub const UNKEYED: &str = "UNKEYED";

/// A running `mailwright serve`.
pub struct Process {
    pub grpc: SocketAddr,
    child: Child,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Process {
    /// Starts it with these variables beside its addresses; returns when it serves.
    pub fn start(variables: &[(&str, &str)]) -> Self {
        Self::try_start(variables).unwrap_or_else(|log| panic!("it ended:\n{log}"))
    }

    /// As [`Process::start`]; where it ends before it serves, what it logged.
    pub fn try_start(variables: &[(&str, &str)]) -> Result<Self, String> {
        Self::start_at(free(), variables)
    }

    /// As [`Process::try_start`], at this address for gRPC.
    pub fn start_at(grpc: SocketAddr, variables: &[(&str, &str)]) -> Result<Self, String> {
        let taken = TcpListener::bind(grpc).unwrap();
        let http = free();
        drop(taken);
        let variable = |name: &str| variables.iter().find(|v| v.0 == name).map(|v| v.1);
        if let Some(folder) = variable("MAILWRIGHT_DATA_FOLDER")
            && variable(UNKEYED).is_none()
        {
            provide_key(Path::new(folder));
        }
        let mut child = command(variables)
            .env("MAILWRIGHT_SERVER_GRPC_LISTEN", grpc.to_string())
            .env("MAILWRIGHT_SERVER_HTTP_LISTEN", http.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let log = Arc::new(Mutex::new(String::new()));
        let mut serves = false;
        for line in lines.by_ref().map_while(Result::ok) {
            serves = line.contains("serving");
            *log.lock().unwrap() += &format!("{line}\n");
            if serves {
                break;
            }
        }
        if !serves {
            // It has closed its output, and ends or has ended.
            child.wait().unwrap();
            return Err(log.lock().unwrap().clone());
        }
        let kept = log.clone();
        let reader = thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                *kept.lock().unwrap() += &format!("{line}\n");
            }
        });
        Ok(Self {
            grpc,
            child,
            log,
            reader: Some(reader),
        })
    }

    /// Its id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// SIGTERM, as a supervisor sends it.
    pub fn terminate(&self) {
        let id = self.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().unwrap();
        assert!(sent.success());
    }

    /// SIGKILL; whether it had aborted before.
    pub fn kill(&mut self) -> bool {
        // Fails where it has ended already.
        let _ = self.child.kill();
        let status = self.child.wait();
        status.is_ok_and(|status| status.signal() == Some(6))
    }

    /// Waits until it has ended; its status and all that it logged.
    pub fn ended(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        self.reader.take().unwrap().join().unwrap();
        let log = self.log.lock().unwrap().clone();
        (status, log)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Leaves [`ADMIN_KEY`] in a data folder that has no key yet.
pub fn provide_key(folder: &Path) {
    let file = folder.join("admin.key");
    if !file.exists() {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(file, ADMIN_KEY).unwrap();
    }
}

/// `mailwright serve` with these variables and no others of ours.
pub fn command(variables: &[(&str, &str)]) -> Command {
    let mut command = program(variables);
    command.arg("serve");
    command
}

/// `mailwright` with these variables and no others of ours.
pub fn program(variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mailwright"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("MAILWRIGHT_") {
            command.env_remove(name);
        }
    }
    command
        // Whoever wants to scrape says where.
        .env("MAILWRIGHT_METRICS_LISTEN", "127.0.0.1:0")
        .envs(variables.iter().copied())
        .stdin(Stdio::null());
    command
}

/// A free port, on a loopback address of this process alone: what is free stays free.
pub fn free() -> SocketAddr {
    let id = std::process::id().to_be_bytes();
    let own = Ipv4Addr::new(127, 64 | (id[1] & 63), id[2], id[3]);
    let listener = TcpListener::bind((own, 0)).unwrap();
    listener.local_addr().unwrap()
}
