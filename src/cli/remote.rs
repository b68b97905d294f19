//! What every client command has: a server, a key, and a way to print.

use std::fs;
use std::io::{self, IsTerminal, Read};
use std::path::Path;

use clap::Args;
use tonic::{Response, Status};

use super::client::{Client, Connected, refused};
use super::print::{Output, Printer};
use super::{Failed, USAGE, wrong_file};
use crate::env::Env;
use crate::model::Secret;
use crate::rpc::proto::v1;

/// Options of every client command.
#[derive(Args)]
pub struct Remote {
    #[command(flatten)]
    client: Client,
    /// How to print
    #[arg(long, short, value_enum, default_value = "human", global = true)]
    output: Output,
}

/// A command under way.
pub struct Session {
    pub connected: Connected,
    pub printer: Printer,
    pub env: Env,
}

impl Remote {
    /// Connects.
    ///
    /// # Errors
    /// When the server can't be reached, or the key can't be read.
    pub async fn open(&self) -> Result<Session, Failed> {
        Ok(Session {
            connected: self.client.connect().await?,
            printer: Printer::new(self.output),
            env: Env::system(),
        })
    }
}

impl Session {
    /// Reads a service.
    ///
    /// # Errors
    /// What the server refused.
    pub async fn service(&self, service_id: &str) -> Result<v1::Service, Failed> {
        let request = v1::GetServiceRequest {
            service_id: service_id.to_owned(),
        };
        let request = self.connected.request(request);
        let answer = answered(self.connected.admin().get_service(request).await)?;
        Ok(answer.service.unwrap_or_default())
    }
}

/// The answer, or why there is none.
///
/// # Errors
/// What the server refused.
pub fn answered<T>(answer: Result<Response<T>, Status>) -> Result<T, Failed> {
    answer
        .map(Response::into_inner)
        .map_err(|status| refused(&status))
}

/// A secret from this file (`-` is standard input), else from this variable; it is on no command
/// line, where `ps` and the shell's history would show it.
///
/// # Errors
/// When the file can't be read.
pub fn secret(file: Option<&Path>, variable: &str) -> Result<Option<Secret>, Failed> {
    let text = match file {
        Some(path) if path == Path::new("-") => {
            let mut text = String::new();
            io::stdin().read_to_string(&mut text)?;
            text
        }
        Some(path) => read(path)?,
        None => match std::env::var(variable) {
            Ok(text) if !text.is_empty() => text,
            _ => return Ok(None),
        },
    };
    Ok(Some(Secret::new(text.trim_end_matches(['\r', '\n']))))
}

/// As [`secret`]; where there is neither, whoever sits at the terminal is asked, without echo.
///
/// # Errors
/// When there is nobody to ask.
pub fn secret_or_ask(file: Option<&Path>, variable: &str, what: &str) -> Result<Secret, Failed> {
    if let Some(secret) = secret(file, variable)? {
        return Ok(secret);
    }
    if !io::stdin().is_terminal() {
        let why = format!("the {what} is missing: give it by a file (see --help) or {variable}");
        return Err(Failed::new(USAGE, why));
    }
    Ok(Secret::new(rpassword::prompt_password(format!(
        "{what}: "
    ))?))
}

/// Reads a file that was named on the command line.
///
/// # Errors
/// That it can't be read, with its name.
pub fn read(path: &Path) -> Result<String, Failed> {
    fs::read_to_string(path).map_err(|error| wrong_file(path, error))
}

/// `key=value`, for labels.
///
/// # Errors
/// When there is no `=`.
pub fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write it as key=value")?;
    Ok((key.to_owned(), value.to_owned()))
}
