//! Where the keys come from: a file, a variable, or what a command prints.
//!
//! Only a file can be written, so only there keys are made: the first one, and each new one that is
//! put first. Errors show where keys come from and a command's stderr, never what was read.

use std::fmt;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use zeroize::Zeroizing;

use super::ring::{Key, KeyRing};
use crate::config::Config;
use crate::env::Env;

/// A command that takes longer is ended: who waits for it is a server that isn't there.
const COMMAND_LIMIT: Duration = Duration::from_secs(30);

/// No source is larger.
const TEXT_MAX_BYTES: usize = 64 * 1024;

/// What an error shows of a command's stderr, in bytes.
const STDERR_MAX_BYTES: usize = 1024;

/// Where keys are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    File(PathBuf),
    /// The variable of this name, as the process was started with it.
    Variable(String),
    /// A program with its arguments, run without a shell; what it prints.
    Command(Vec<String>),
}

/// Why there are no keys.
#[derive(Debug, PartialEq, Eq)]
pub enum SourceError {
    /// The file isn't there.
    Missing(PathBuf),
    /// Anything else, for a person.
    Failed(String),
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(path) => write!(f, "the vault key file {} is missing", path.display()),
            Self::Failed(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for SourceError {}

impl Source {
    /// The one that the configuration names.
    pub fn of(config: &Config) -> Self {
        let data = &config.data;
        if !data.vault_key_command.is_empty() {
            Self::Command(data.vault_key_command.clone())
        } else if !data.vault_key_variable.is_empty() {
            Self::Variable(data.vault_key_variable.clone())
        } else {
            Self::File(config.vault_key_file())
        }
    }

    /// Reads the keys, as they are now.
    ///
    /// # Errors
    /// [`SourceError`]; a command that takes longer than half a minute is ended.
    pub async fn read(&self, env: &Env) -> Result<KeyRing, SourceError> {
        let text = match self {
            Self::File(path) => read_file(path)?,
            Self::Variable(name) => {
                read_variable(name).ok_or_else(|| self.failed("it is not set, or is no text"))?
            }
            Self::Command(command) => run(command, env).await.map_err(|why| self.failed(&why))?,
        };
        KeyRing::parse(&text).map_err(|error| self.failed(&error.to_string()))
    }

    /// Makes the first key.
    ///
    /// # Errors
    /// When the source can't be written, or has something already.
    pub fn make(&self, env: &Env) -> Result<KeyRing, SourceError> {
        let path = self.path()?;
        let key = Key::new(env.random());
        fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .and_then(|file| write_synced(file, &[&key.to_text()], path))
            .map_err(|error| self.failed(&error.to_string()))?;
        Ok(KeyRing::of(key))
    }

    /// Makes a key and puts it first, before those that are there: once this returns, it is durable.
    ///
    /// # Errors
    /// When the source can't be written; it is as it was then.
    pub fn put_first(&self, env: &Env) -> Result<KeyRing, SourceError> {
        let path = self.path()?;
        let key = Key::new(env.random());
        let replace = || {
            // Behind a symbolic link is what is to be replaced, not the link.
            let path = fs::canonicalize(path)?;
            let before = read_file(&path).map_err(io::Error::other)?;
            let mut name = path.clone().into_os_string();
            name.push(".new");
            let new = PathBuf::from(name);
            let file = fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&new)?;
            write_synced(file, &[&key.to_text(), &before], &new)?;
            fs::rename(&new, &path)?;
            sync_folder_of(&path)?;
            read_file(&path).map_err(io::Error::other)
        };
        let text = replace().map_err(|error| {
            self.failed(&format!(
                "no new key can be put first in it: {error}; put one there yourself, then rotate again"
            ))
        })?;
        KeyRing::parse(&text).map_err(|error| self.failed(&error.to_string()))
    }

    fn path(&self) -> Result<&Path, SourceError> {
        match self {
            Self::File(path) => Ok(path),
            Self::Variable(_) | Self::Command(_) => {
                Err(self.failed("no key can be made there: put one there yourself"))
            }
        }
    }

    fn failed(&self, why: &str) -> SourceError {
        SourceError::Failed(format!("{self}: {why}"))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "the vault key file {}", path.display()),
            Self::Variable(name) => write!(f, "the vault key variable {name}"),
            Self::Command(command) => {
                let program = command.first().map_or("", String::as_str);
                write!(f, "the vault key command {program}")
            }
        }
    }
}

fn read_file(path: &Path) -> Result<Zeroizing<String>, SourceError> {
    let failed =
        |why: String| SourceError::Failed(format!("the vault key file {}: {why}", path.display()));
    let file = fs::File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => SourceError::Missing(path.to_owned()),
        _ => failed(error.to_string()),
    })?;
    let bytes = read_bounded(file).map_err(|error| failed(error.to_string()))?;
    text_of(&bytes).ok_or_else(|| failed("it is no text".into()))
}

fn read_variable(name: &str) -> Option<Zeroizing<String>> {
    std::env::var(name).ok().map(Zeroizing::new)
}

/// Reads into memory that never moves, so that no copy stays behind.
fn read_bounded(from: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(TEXT_MAX_BYTES + 1));
    from.take(TEXT_MAX_BYTES as u64 + 1)
        .read_to_end(&mut bytes)?;
    match bytes.len() > TEXT_MAX_BYTES {
        true => Err(io::Error::other("it is longer than any keys are")),
        false => Ok(bytes),
    }
}

fn text_of(bytes: &[u8]) -> Option<Zeroizing<String>> {
    let text = std::str::from_utf8(bytes).ok()?;
    Some(Zeroizing::new(text.to_owned()))
}

/// What a command prints; an error says how it ended, with its stderr.
async fn run(command: &[String], env: &Env) -> Result<Zeroizing<String>, String> {
    let (program, arguments) = command.split_first().ok_or("it is empty")?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // With whatever it starts itself, so that all of it can be ended.
        .process_group(0)
        .spawn()
        .map_err(|error| format!("it can't be run: {error}"))?;
    let group = Pid::from_child(&child);
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let mut ended = tokio::task::spawn_blocking(move || {
        let complaints = std::thread::spawn(move || stderr.map(read_start).unwrap_or_default());
        let printed = stdout.map_or_else(|| Ok(Zeroizing::default()), read_bounded);
        if printed.is_err() {
            // It may go on printing for good.
            end(group);
        }
        let status = child.wait();
        (printed, status, complaints.join().unwrap_or_default())
    });
    let Ok(outcome) = env.timeout(COMMAND_LIMIT, &mut ended).await else {
        end(group);
        return Err(format!(
            "it did not end within {} s",
            COMMAND_LIMIT.as_secs()
        ));
    };
    let (printed, status, complaints) = outcome.map_err(|error| error.to_string())?;
    let printed = printed.map_err(|error| error.to_string())?;
    let status: ExitStatus = status.map_err(|error| error.to_string())?;
    if !status.success() {
        let told = match complaints.is_empty() {
            true => "it said nothing".to_owned(),
            false => format!("it said: {complaints}"),
        };
        return Err(format!("it failed ({status}); {told}"));
    }
    text_of(&printed).ok_or_else(|| "what it prints is no text".into())
}

/// The beginning of what is there to read, on one line; all of it is read.
fn read_start(mut from: impl Read) -> String {
    let mut bytes = Vec::new();
    // What can't be read any more was not said.
    let _ = (&mut from)
        .take(STDERR_MAX_BYTES as u64)
        .read_to_end(&mut bytes);
    let _ = io::copy(&mut from, &mut io::sink());
    let text = String::from_utf8_lossy(&bytes);
    text.trim().replace(|c: char| c.is_control(), " ")
}

fn end(group: Pid) {
    // It may have ended by itself.
    let _ = kill_process_group(group, Signal::KILL);
}

/// Writes and syncs file and folder: a key that a crash takes away would take all secrets along.
fn write_synced(mut file: fs::File, texts: &[&str], path: &Path) -> io::Result<()> {
    for text in texts {
        file.write_all(text.as_bytes())?;
    }
    file.sync_all()?;
    sync_folder_of(path)
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;
    use std::os::unix::fs::PermissionsExt;

    const ONE: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

    fn env() -> Env {
        Env::manual(Timestamp::from_unix_seconds(0), 1)
    }

    fn command(script: &str) -> Source {
        Source::Command(["sh", "-c", script].map(str::to_owned).to_vec())
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn a_key_file_is_private_and_what_is_in_it_stays() {
        let folder = std::env::temp_dir().join(format!("mailwright-vault-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("vault.key");
        let source = Source::File(path.clone());
        assert_eq!(
            source.read(&env()).await.unwrap_err(),
            SourceError::Missing(path.clone())
        );
        let first = source.make(&env()).unwrap();
        assert_eq!(mode(&path), 0o600);
        assert!(source.make(&env()).is_err(), "there is one already");

        let second = source.put_first(&Env::system()).unwrap();
        assert_eq!(second.ids()[1..], first.ids());
        assert_eq!(source.read(&env()).await.unwrap().ids(), second.ids());
        assert_eq!(mode(&path), 0o600);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);

        fs::write(&path, "c2VjcmV0").unwrap();
        let told = source.read(&env()).await.unwrap_err().to_string();
        assert!(told.contains("line 1") && !told.contains("c2Vj"), "{told}");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[tokio::test]
    async fn a_command_prints_keys_and_its_words_are_told_when_it_fails() {
        let ring = command(&format!("echo {ONE}")).read(&env()).await.unwrap();
        assert_eq!(ring.ids(), [Key::new([1; 32]).id()]);
        let failing = format!("echo {ONE}; echo no such key >&2; exit 3");
        let told = command(&failing)
            .read(&env())
            .await
            .unwrap_err()
            .to_string();
        assert!(told.contains("no such key") && told.contains("3"), "{told}");
        assert!(!told.contains("AQEB"), "{told}");
        let told = command("yes").read(&env()).await.unwrap_err().to_string();
        assert!(told.contains("longer"), "{told}");
        let missing = Source::Command(vec!["/nowhere/kms".into()]);
        let told = missing.read(&env()).await.unwrap_err().to_string();
        assert!(told.contains("can't be run"), "{told}");
        assert!(missing.put_first(&env()).is_err());
    }

    #[tokio::test]
    async fn a_command_that_hangs_is_ended_with_all_that_it_started() {
        let env = env();
        let source = command("sleep 1000 & sleep 1000");
        let clock = env.clone();
        let reading = tokio::spawn(async move { source.read(&clock).await });
        while !reading.is_finished() {
            env.advance(COMMAND_LIMIT);
            tokio::task::yield_now().await;
        }
        let told = reading.await.unwrap().unwrap_err().to_string();
        assert!(told.contains("30 s"), "{told}");
        // Dropping the runtime waits for whoever reads what the command prints.
    }

    #[tokio::test]
    async fn a_variable_holds_keys() {
        let told = Source::Variable("MAILWRIGHT_NO_SUCH_VARIABLE".into());
        let told = told.read(&env()).await.unwrap_err().to_string();
        assert!(told.contains("MAILWRIGHT_NO_SUCH_VARIABLE"), "{told}");
    }
}
