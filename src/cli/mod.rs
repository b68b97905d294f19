//! The command line: serve, demo, sandbox, what an operator does for a server, and what its admins and
//! senders do by gRPC.

mod access_keys;
mod admin_key;
mod again;
mod authorize;
mod backup;
mod check;
mod client;
mod completions;
mod demo;
mod doctor;
mod follow;
mod messages;
mod print;
mod printable;
mod profile;
mod remote;
mod remote_error;
mod restore;
mod rotate_key;
mod sandbox;
mod send;
mod serve;
mod services;
mod test;
mod watch;

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

/// What commands exit with.
pub const EXIT_CODES: [(u8, &str); 12] = [
    (0, "It is done."),
    (1, "It failed in a way that has no number of its own."),
    (
        USAGE,
        "The command line or a file that it names is wrong; nothing was done.",
    ),
    (FOLDER_IN_USE, "Another process has the data folder."),
    (FOLDER_TOO_NEW, "A newer version wrote the data folder."),
    (STORE_FAILED, "The disk failed."),
    (
        NOT_REACHED,
        "The server can't be reached, or can't answer now: try again.",
    ),
    (
        NOT_ALLOWED,
        "The access key is missing, wrong, or may not do this.",
    ),
    (NOT_FOUND, "What the command names isn't there."),
    (
        REFUSED,
        "The server refused: a wrong value, a taken name, or a state that forbids it.",
    ),
    (TOO_MUCH, "The outbox or a quota is full: try later."),
    (
        ANSWER_IS_NO,
        "It was done, and the answer is no: a failed test, mail that was not sent, a consent that failed or that nobody gave, something the doctor found.",
    ),
];

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
    /// Create, change, list and delete the services that send
    Services(services::Services),
    /// Let whoever owns a mailbox consent, and wait until they have
    Authorize(authorize::Authorize),
    /// Send a test message and show each step; a passed test makes the service ready
    Test(test::Test),
    /// Send a message, or one to each row of a CSV file
    Send(Box<send::Send>),
    /// Watch what becomes of messages and services
    Watch(watch::Watch),
    /// List, show, retry, cancel and resolve messages
    Messages(messages::Messages),
    /// Make, list and revoke access keys
    Keys(access_keys::Keys),
    /// Look into one service, and say what to do
    Doctor(doctor::Doctor),
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
    /// Print a script by which a shell completes these commands
    Completions(completions::Completions),
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
            Command::Services(services) => services.run().await,
            Command::Authorize(authorize) => authorize.run().await,
            Command::Test(test) => test.run().await,
            Command::Send(send) => send.run().await,
            Command::Watch(watch) => watch.run().await,
            Command::Messages(messages) => messages.run().await,
            Command::Keys(keys) => keys.run().await,
            Command::Doctor(doctor) => doctor.run().await,
            Command::Check(check) => check.run().await,
            Command::Backup(backup) => backup.run().await,
            Command::Restore(restore) => restore.run().await,
            Command::RotateKey(rotate) => rotate.run().await,
            Command::Sandbox(sandbox) => sandbox.run().await,
            Command::AdminKey(admin_key) => admin_key.run().await,
            Command::Completions(completions) => completions.run(),
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
    Config::load(file, &variables()).map_err(|error| Failed::new(USAGE, error.to_string()))
}

/// A file that the command line names can't be used.
fn wrong_file(path: &Path, why: impl fmt::Display) -> Failed {
    Failed::new(USAGE, format!("{}: {why}", path.display()))
}

/// Exit codes that a program may tell apart; everything else is 1. They are listed in [`EXIT_CODES`].
const USAGE: u8 = 2;
const NOT_REACHED: u8 = 6;
const NOT_ALLOWED: u8 = 7;
const NOT_FOUND: u8 = 8;
const REFUSED: u8 = 9;
const TOO_MUCH: u8 = 10;
const ANSWER_IS_NO: u8 = 11;
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
