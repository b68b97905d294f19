//! The command line: serve, demo, sandbox, and what an operator does for a server.

mod admin_key;
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
use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::config::{Config, Log, LogFormat};
use crate::env::Env;
use crate::metrics::Metrics;
use crate::store::sled::{OpenError, Options, SledStore};

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
    /// Make one more access key for an admin, while the server is stopped
    AdminKey(admin_key::AdminKey),
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
            Command::AdminKey(admin_key) => admin_key.run().await,
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

/// The variables of this process.
fn variables() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// The configuration in force.
fn config(file: Option<&Path>) -> Result<Config, Failed> {
    Ok(Config::load(file, &variables())?)
}

/// Exit codes that a supervisor may tell apart; everything else is 1.
const FOLDER_IN_USE: u8 = 3;
const FOLDER_TOO_NEW: u8 = 4;
const STORE_FAILED: u8 = 5;

/// Opens the store of the data folder.
fn open_store(config: &Config, env: &Env, metrics: &Metrics) -> Result<SledStore, Failed> {
    SledStore::open(&config.data.folder, env, metrics, Options::default()).map_err(|error| {
        let code = match error {
            OpenError::Owned { .. } => FOLDER_IN_USE,
            OpenError::TooNew { .. } => FOLDER_TOO_NEW,
            OpenError::Failed(_) => 1,
        };
        Failed::new(code, format!("{}: {error}", config.data.folder.display()))
    })
}

/// Logs go to stderr: stdout belongs to what a command prints.
fn log_to_stderr(log: &Log) -> Result<(), Failed> {
    let filter = EnvFilter::try_new(&log.level)?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    match log.format {
        LogFormat::Human => lines
            .with_ansi(io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
            .init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
    Ok(())
}

/// Ends at SIGTERM or SIGINT; either is heard from this call on, not from the first poll.
fn interrupted() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            biased;
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
