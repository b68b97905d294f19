//! `mailwright serve`: the server.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{Failed, STORE_FAILED, USAGE};
use crate::app::{App, Listeners};
use crate::config::Config;
use crate::env::Env;
use crate::metrics::Metrics;

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
        if self.print_config {
            let printed = Config::print(self.config.as_deref(), &super::variables());
            print!(
                "{}",
                printed.map_err(|error| Failed::new(USAGE, error.to_string()))?
            );
            return Ok(());
        }
        let config = super::config(self.config.as_deref())?;
        super::log_to_stderr(&config.log)?;
        raise_open_files();
        let env = Env::system();
        let listeners = Listeners::bind(&config).await?;
        let metrics = Metrics::new();
        let store = Arc::new(super::open_store(&config, &env, &metrics)?);
        let (grpc, http) = (listeners.grpc.local_addr()?, listeners.http.local_addr()?);
        let metrics_at = listeners.metrics.as_ref().map(|at| at.local_addr());
        let metrics_at = metrics_at.transpose()?.map(|at| at.to_string());
        let app = App::build(config, listeners, store.clone(), env, metrics).await?;
        let stopped = super::interrupted()?;
        tracing::info!(%grpc, %http, metrics = metrics_at, "serving");
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
