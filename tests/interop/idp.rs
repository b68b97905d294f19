//! The identity provider of `idp.mjs`.

use std::process::Command;

use super::arrived::tool;
use super::child::Program;
use super::sink::script;

/// A running oauth2-mock-server on 127.0.0.1.
pub struct Idp {
    pub issuer: String,
    program: Program,
}

impl Idp {
    /// Where everybody signs in as this user.
    pub async fn start(login: &str) -> Self {
        let package = "oauth2-mock-server/node_modules/oauth2-mock-server";
        let module = tool(&format!("{package}/dist/index.mjs"));
        let mut command = Command::new("node");
        command.arg(script("idp.mjs")).arg(module).arg(login);
        let mut program = Program::start(&mut command);
        let line = program.line("issuer ").await;
        Self {
            issuer: line["issuer ".len()..].to_owned(),
            program,
        }
    }

    /// The next access token, as soon as it is issued, which must be by this grant.
    pub async fn issued(&mut self, grant_type: &str) -> String {
        let line = self.program.line("issued ").await;
        let issued = line.strip_prefix(&format!("issued {grant_type} "));
        issued.unwrap_or_else(|| panic!("{line}")).to_owned()
    }
}
