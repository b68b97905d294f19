//! The command line: serve, demo, sandbox, and what an operator asks of a server.

mod backup;
mod check;
mod client;
mod demo;
mod restore;
mod rotate_key;
mod sandbox;
mod serve;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, IsTerminal};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// A self-hosted email-sending service: OAuth2 mailboxes behind one gRPC API.
#[derive(Parser)]
#[command(name = "mailwright", version, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server
    Serve(serve::Serve),
    /// Show the whole job in this one process: create, authorize, test, send, watch
    Demo(demo::Demo),
    /// Look at configuration, keys, store, clock, disk and ways out, also while the server runs
    Check(check::Check),
    /// Copy everything that a running server keeps into a file, or verify such a file
    Backup(backup::Backup),
    /// Make a data folder of a backup
    Restore(restore::Restore),
    /// Seal everything by a new vault key, while the server serves
    RotateKey(rotate_key::RotateKey),
    /// Run the stand-in for Entra and Exchange Online, to try and to test against
    Sandbox(sandbox::SandboxCommand),
}

impl Cli {
    /// Runs the command.
    ///
    /// # Errors
    /// What to print before exiting with a code other than 0.
    pub async fn run(self) -> Result<(), Failed> {
        match self.command {
            Command::Serve(serve) => serve.run().await,
            Command::Demo(demo) => demo.run().await,
            Command::Check(check) => check.run().await,
            Command::Backup(backup) => backup.run().await,
            Command::Restore(restore) => restore.run().await,
            Command::RotateKey(rotate) => rotate.run().await,
            Command::Sandbox(sandbox) => sandbox.run().await,
        }
    }
}

/// Why a command failed, for a person, and the exit code that tells a program.
#[derive(Debug)]
pub struct Failed {
    code: u8,
    why: String,
}

impl Failed {
    fn new(code: u8, why: impl Into<String>) -> Self {
        let why = why.into();
        Self { code, why }
    }

    /// What to exit with: 1, unless a supervisor may want to tell it apart.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl<E: std::error::Error> From<E> for Failed {
    fn from(error: E) -> Self {
        Self::new(1, error.to_string())
    }
}

/// The process's variables, as far as they are text.
fn variables() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// Logs go to stderr: stdout belongs to what a command prints.
fn log_to_stderr(level: &str) -> Result<(), Failed> {
    let filter = EnvFilter::try_new(level)?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
        .init();
    Ok(())
}

/// Ends at SIGTERM or SIGINT.
async fn interrupted() -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        biased;
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
