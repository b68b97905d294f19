//! `mailwright admin-key`: a way in for whoever runs the server and has lost the keys.

use std::path::PathBuf;

use clap::Args;

use super::{Failed, config, open_store};
use crate::env::Env;
use crate::keys;
use crate::metrics::Metrics;
use crate::ops::access_keys::write_admin_key;
use crate::store::Store;

/// Options of `admin-key`.
#[derive(Args)]
pub struct AdminKey {
    /// The server's configuration file (TOML); MAILWRIGHT_* variables override it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl AdminKey {
    /// Makes one more access key with ROLE_ADMIN, in a file of the data folder. The server must be
    /// stopped: it reads keys when it starts, and has the folder for itself.
    ///
    /// # Errors
    /// When the folder is not there or in use, or the file can't be written.
    pub async fn run(self) -> Result<(), Failed> {
        let config = config(self.config.as_deref())?;
        let folder = &config.data.folder;
        if !folder.is_dir() {
            let why = format!("there is no data folder {}", folder.display());
            return Err(Failed::new(1, why));
        }
        let env = Env::system();
        let store = open_store(&config, &env, &Metrics::new())?;
        let path = keys::file::path(folder);
        let made = write_admin_key(&store as &dyn Store, &env, &path).await;
        store.close();
        let key = made?;
        println!(
            "{} holds the access key {}, with ROLE_ADMIN. Revoke those that were lost.",
            path.display(),
            key.id
        );
        Ok(())
    }
}
