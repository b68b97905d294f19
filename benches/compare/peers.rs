//! What one would send with instead: each a program of its own that hands `count` messages over.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::Bench;
use crate::disk::rate;
use crate::machine;
use crate::program::timed;
use crate::server::{FROM, TO};

pub const SMTP_SOURCE: &str = "/usr/sbin/smtp-source";

/// What is to be sent, where to, over how many connections.
#[derive(Clone, Copy)]
pub struct Load<'a> {
    pub at: SocketAddr,
    pub connections: usize,
    pub bytes: usize,
    pub count: usize,
    /// The authority of the server's certificate, where STARTTLS and AUTH are asked for.
    pub authority: Option<&'a Path>,
    /// Whether to log in.
    pub logs_in: bool,
}

/// Postfix's generator: no TLS, no pipelining, nothing kept. Messages a second.
pub fn smtp_source(load: Load<'_>) -> f64 {
    /// The head that it writes.
    const HEAD: usize = 130;
    let number = |n: usize| n.to_string();
    let mut command = Command::new(SMTP_SOURCE);
    command
        .args(["-d", "-s", &number(load.connections)])
        .args(["-m", &number(load.count)])
        .args(["-l", &number(load.bytes.saturating_sub(HEAD))])
        .args(["-f", FROM, "-t", TO])
        .arg(format!("inet:{}", load.at));
    rate(load.count, timed(&mut command))
}

/// nodemailer's pool; messages a second, from the first call to the last answer.
pub fn nodemailer(bench: &Bench, load: Load<'_>) -> f64 {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/compare/nodemailer.mjs");
    let mut command = Command::new("node");
    command
        .arg(script)
        .arg(bench.tools.join("nodemailer/node_modules"))
        .arg(asked(load).to_string());
    told(&mut command, load.count)
}

/// lettre's own pool; messages a second, from the first call to the last answer.
pub fn lettre(bench: &Bench, load: Load<'_>) -> f64 {
    let mut command = Command::new(lettre_program(bench));
    command.arg(asked(load).to_string());
    told(&mut command, load.count)
}

/// The peers' versions.
pub fn versions(bench: &Bench) -> Vec<String> {
    let package = bench
        .tools
        .join("nodemailer/node_modules/nodemailer/package.json");
    let package = std::fs::read_to_string(&package)
        .unwrap_or_else(|error| panic!("{}: {error}: make tools-bench", package.display()));
    let package: Value = serde_json::from_str(&package).unwrap();
    vec![
        format!("mailwright {}", env!("CARGO_PKG_VERSION")),
        machine::debian("postfix"),
        format!("nodemailer {}", package["version"].as_str().unwrap()),
        format!("Node.js {}", machine::version("node", &["--version"])),
        machine::version(lettre_program(bench), &["--version"]),
    ]
}

fn lettre_program(bench: &Bench) -> PathBuf {
    bench.tools.join("bin/lettre-pool")
}

fn asked(load: Load<'_>) -> Value {
    json!({
        "host": if load.authority.is_some() { "localhost".into() } else { load.at.ip().to_string() },
        "port": load.at.port(),
        "connections": load.connections,
        "count": load.count,
        "bytes": load.bytes,
        "authority": load.authority,
        "logs_in": load.logs_in,
        "from": FROM,
        "to": TO,
    })
}

/// Runs a program that prints how many seconds it took; messages a second.
fn told(command: &mut Command, count: usize) -> f64 {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output();
    let output = output
        .unwrap_or_else(|error| panic!("{command:?} does not run ({error}): make tools-bench"));
    let said = String::from_utf8_lossy(&output.stdout);
    let seconds = said.trim().parse();
    let seconds: f64 = seconds.unwrap_or_else(|_| panic!("{command:?}: {said}"));
    rate(count, Duration::from_secs_f64(seconds))
}
