//! `~/.config/mailwright/config.toml`: servers by name, so that commands need no flags.
//!
//! It holds no secret, only the names of files that do.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::{Failed, wrong_file};

/// One server of the file.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Its address: `https://mail.example.com:50051`.
    pub server: Option<String>,
    /// A file with the access key; `~/` is the home folder.
    pub key_file: Option<PathBuf>,
    /// Certificates to trust beside the public ones, in PEM.
    pub ca_file: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// The profile where none is named.
    default: Option<String>,
    #[serde(default)]
    profiles: BTreeMap<String, Profile>,
}

impl Profile {
    /// The profile of this name.
    ///
    /// # Errors
    /// When the file has none, or can't be read.
    pub fn named(name: &str) -> Result<Self, Failed> {
        let (path, mut file) = read()?;
        let found = file.profiles.remove(name).map(Self::at_home);
        found.ok_or_else(|| {
            let known: Vec<_> = file.profiles.keys().map(String::as_str).collect();
            let known = match known.is_empty() {
                true => "none".to_owned(),
                false => known.join(", "),
            };
            wrong_file(&path, format!("no profile {name:?}; it has {known}"))
        })
    }

    /// The file's `default`; an empty profile where it names none.
    ///
    /// # Errors
    /// When the file is wrong.
    pub fn usual() -> Result<Self, Failed> {
        match read()?.1.default {
            Some(name) => Self::named(&name),
            None => Ok(Self::default()),
        }
    }

    fn at_home(mut self) -> Self {
        for path in [&mut self.key_file, &mut self.ca_file]
            .into_iter()
            .flatten()
        {
            if let (Ok(rest), Some(home)) = (path.strip_prefix("~"), std::env::var_os("HOME")) {
                *path = PathBuf::from(home).join(rest);
            }
        }
        self
    }
}

/// The file where there is one.
fn read() -> Result<(PathBuf, File), Failed> {
    let folder = std::env::var_os("XDG_CONFIG_HOME")
        .filter(|folder| !folder.is_empty())
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".config")));
    let path = folder.unwrap_or_default().join("mailwright/config.toml");
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => {
            return Err(wrong_file(&path, error));
        }
    };
    let file = toml::from_str(&text).map_err(|error| wrong_file(&path, error))?;
    Ok((path, file))
}
