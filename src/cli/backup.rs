//! `mailwright backup`: a copy of a running server's data, in one file that is verified.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;
use tonic::Streaming;

use super::client::{Client, refused};
use super::{Failed, wrong_file};
use crate::env::Env;
use crate::rpc::proto::v1;
use crate::store::archive::{self, Manifest};

/// Options of `backup`.
#[derive(Args)]
pub struct Backup {
    /// Where to put it: a file that isn't there yet, or a folder
    #[arg(long, value_name = "PATH", required_unless_present = "verify")]
    to: Option<PathBuf>,
    /// Read this backup and check all of it, instead of making one
    #[arg(long, value_name = "FILE", conflicts_with = "to")]
    verify: Option<PathBuf>,
    #[command(flatten)]
    client: Client,
}

impl Backup {
    /// Makes a backup, or verifies one.
    ///
    /// # Errors
    /// When the server can't be reached or refuses, or the file can't be written or is damaged.
    pub async fn run(self) -> Result<(), Failed> {
        if let Some(path) = &self.verify {
            tell(path, &verify(path)?);
            return Ok(());
        }
        let to = self.to.as_deref().unwrap_or(Path::new("."));
        let path = if to.is_dir() {
            to.join(name())
        } else {
            to.to_owned()
        };
        if path.exists() {
            return Err(wrong_file(&path, "it is there already"));
        }
        let connected = self.client.connect().await?;
        let request = connected.request(v1::ExportBackupRequest {});
        let answer = connected.admin().export_backup(request).await;
        let parts = answer.map_err(|status| refused(&status))?.into_inner();
        let mut partial = path.clone().into_os_string();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let made = match take(parts, &partial).await {
            Ok(()) => verify(&partial),
            Err(error) => Err(error),
        };
        let manifest = match made {
            Ok(manifest) => manifest,
            Err(error) => {
                // It is no backup, and may be gone.
                let _ = fs::remove_file(&partial);
                return Err(error);
            }
        };
        fs::rename(&partial, &path)?;
        sync_folder_of(&path)?;
        tell(&path, &manifest);
        Ok(())
    }
}

/// Reads a backup and checks all of it.
///
/// # Errors
/// When it can't be read, or is no whole backup.
pub fn verify(path: &Path) -> Result<Manifest, Failed> {
    let file = File::open(path).map_err(|error| wrong_file(path, error))?;
    archive::read(&mut BufReader::new(file), |_| Ok(()))
        .map_err(|error| Failed::new(1, format!("{}: {error}", path.display())))
}

async fn take(mut parts: Streaming<v1::ExportBackupResponse>, path: &Path) -> Result<(), Failed> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| Failed::new(1, format!("{}: {error}", path.display())))?;
    while let Some(part) = parts.message().await.map_err(|status| refused(&status))? {
        file.write_all(&part.chunk)?;
    }
    file.sync_all()?;
    Ok(())
}

fn name() -> String {
    let time = Env::system().now().to_string().replace(':', "");
    format!("mailwright-{time}.backup")
}

fn tell(path: &Path, manifest: &Manifest) {
    let keys: Vec<_> = manifest.key_ids.iter().map(ToString::to_string).collect();
    println!(
        "{}: whole; begun {} by version {}, {} rows, events up to {}, SHA-256 {}.",
        path.display(),
        manifest.time,
        manifest.version,
        manifest.row_count(),
        manifest.newest,
        hex(&manifest.sha256),
    );
    println!(
        "Secrets and bodies in it are sealed by vault key {}, which is not in it: keep that apart.",
        keys.join(", ")
    );
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
