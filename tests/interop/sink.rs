//! The server of `server.py`, and what it took.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::arrived::{Arrived, python};
use super::certificate::Certificate;
use super::child::Program;

/// A running aiosmtpd on 127.0.0.1.
pub struct Sink {
    pub port: u16,
    program: Program,
    folder: PathBuf,
}

/// The login that a server asks for.
pub enum Login<'a> {
    /// Any bearer token of this user.
    Xoauth2(&'a str),
    /// A JWT of this user, signed by this issuer.
    Jwt(&'a str, &'a str),
    /// By this mechanism, this user and password.
    Password(&'a str, &'a str, &'a str),
}

impl Sink {
    /// Takes whatever comes, neither encrypted nor authenticated.
    pub async fn open(folder: &Path) -> Self {
        Self::start(folder, &[]).await
    }

    /// Takes mail only after STARTTLS and AUTH.
    pub async fn guarded(folder: &Path, tls: &Certificate, login: &Login<'_>) -> Self {
        let (cert, key) = (path(&tls.certificate), path(&tls.key));
        let mut arguments = vec!["--cert", &cert, "--key", &key];
        arguments.extend(match *login {
            Login::Xoauth2(user) => vec!["--auth", "XOAUTH2", "--login", user],
            Login::Jwt(user, issuer) => {
                vec!["--auth", "XOAUTH2", "--login", user, "--issuer", issuer]
            }
            Login::Password(mechanism, user, password) => {
                vec!["--auth", mechanism, "--login", user, "--password", password]
            }
        });
        Self::start(folder, &arguments).await
    }

    async fn start(parent: &Path, arguments: &[&str]) -> Self {
        let folder = parent.join("taken");
        std::fs::create_dir(&folder).unwrap();
        let mut command = Command::new(python());
        command
            .arg(script("server.py"))
            .arg(&folder)
            .args(arguments);
        let mut program = Program::start(&mut command);
        let line = program.line("port ").await;
        Self {
            port: line["port ".len()..].parse().unwrap(),
            program,
            folder,
        }
    }

    /// The next message, as soon as it is there.
    pub async fn next(&mut self) -> (Value, Arrived) {
        let line = self.program.line("took ").await;
        let name = &line["took ".len()..];
        let envelope = std::fs::read(self.folder.join(format!("{name}.json"))).unwrap();
        let arrived = Arrived::parse(&self.folder.join(format!("{name}.eml")));
        (serde_json::from_slice(&envelope).unwrap(), arrived)
    }
}

/// A script of this folder.
pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/interop")
        .join(name)
}

fn path(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}
