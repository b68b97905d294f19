//! `mailwright serve`: the server.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::Failed;
use crate::app::{App, Listeners};
use crate::config::Config;
use crate::env::Env;
use crate::store::sled::{OpenError, Options, SledStore};

/// Options of `serve`.
#[derive(Args)]
pub struct Serve {
    /// A configuration file (TOML); MAILWRIGHT_* variables override it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the configuration in force, then exit
    #[arg(long)]
    print_config: bool,
}

impl Serve {
    /// Serves until SIGTERM or SIGINT, then drains.
    ///
    /// # Errors
    /// When the configuration, a file or an address can't be used.
    pub async fn run(self) -> Result<(), Failed> {
        let variables = super::variables();
        if self.print_config {
            print!("{}", Config::print(self.config.as_deref(), &variables)?);
            return Ok(());
        }
        let config = Config::load(self.config.as_deref(), &variables)?;
        super::log_to_stderr(&config.log.level)?;
        raise_open_files();
        let env = Env::system();
        let listeners = Listeners::bind(&config).await?;
        let store = Arc::new(open_store(&config, &env)?);
        let (grpc, http) = (listeners.grpc.local_addr()?, listeners.http.local_addr()?);
        let app = App::build(config, listeners, store.clone(), env).await?;
        tracing::info!(%grpc, %http, "serving");
        let stopped = async {
            if let Err(error) = super::interrupted().await {
                tracing::error!(%error, "can't wait for signals");
            }
        };
        tokio::select! {
            biased;
            // What it did not sync was not acknowledged: the next start finds all the rest.
            why = store.failed() => return Err(Failed::new(STORE_FAILED, format!("the store failed: {why}"))),
            ended = app.run_until(stopped) => ended?,
        }
        store.close();
        tracing::info!("stopped");
        Ok(())
    }
}

/// Lets the process open as many files as it may: each connection takes one, and the usual soft
/// limit of 1024 is there for programs that use select(2).
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "can't raise the number of open files");
    }
}

/// Exit codes that a supervisor may tell apart; everything else is 1.
const FOLDER_IN_USE: u8 = 3;
const FOLDER_TOO_NEW: u8 = 4;
const STORE_FAILED: u8 = 5;

fn open_store(config: &Config, env: &Env) -> Result<SledStore, Failed> {
    SledStore::open(&config.data.folder, env, Options::default()).map_err(|error| {
        let code = match error {
            OpenError::Owned { .. } => FOLDER_IN_USE,
            OpenError::TooNew { .. } => FOLDER_TOO_NEW,
            OpenError::Failed(_) => 1,
        };
        Failed::new(code, format!("{}: {error}", config.data.folder.display()))
    })
}
