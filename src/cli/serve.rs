//! `mailwright serve`: the server.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::Failed;
use crate::app::{App, Listeners};
use crate::config::Config;
use crate::env::Env;
use crate::store::memory::MemoryStore;

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
        let variables: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        if self.print_config {
            print!("{}", Config::print(self.config.as_deref(), &variables)?);
            return Ok(());
        }
        let config = Config::load(self.config.as_deref(), &variables)?;
        super::log_to_stderr(&config.log.level)?;
        let env = Env::system();
        let listeners = Listeners::bind(&config).await?;
        let store = Arc::new(MemoryStore::new(u64::from_le_bytes(env.random())));
        let (grpc, http) = (listeners.grpc.local_addr()?, listeners.http.local_addr()?);
        let app = App::build(config, listeners, store, env).await?;
        tracing::warn!(
            "this version keeps everything in memory: what is accepted is lost when the process ends"
        );
        tracing::info!(%grpc, %http, "serving");
        let stopped = async {
            if let Err(error) = super::interrupted().await {
                tracing::error!(%error, "can't wait for signals");
            }
        };
        app.run_until(stopped).await?;
        tracing::info!("stopped");
        Ok(())
    }
}
