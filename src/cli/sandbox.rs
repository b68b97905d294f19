//! `mailwright sandbox`: the stand-in for Entra and Exchange Online, and for Google, on its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::Failed;
use crate::env::Env;
use crate::sandbox::{
    CLIENT_ID, CLIENT_SECRET, GOOGLE_CLIENT_ID, GOOGLE_CLIENT_SECRET, Options, Sandbox, TENANT_ID,
};

/// Options of `sandbox`.
#[derive(Args)]
pub struct SandboxCommand {
    /// Where the identity provider listens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8025")]
    http: SocketAddr,
    /// Where the SMTP server listens, with STARTTLS
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:2587")]
    smtp: SocketAddr,
    /// Where the SMTP server listens, with TLS from the first byte
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:2465")]
    smtps: SocketAddr,
    /// Write the sandbox's CA certificate here, for egress.extra_ca_file
    #[arg(long, value_name = "FILE", default_value = "sandbox-ca.pem")]
    ca: PathBuf,
}

impl SandboxCommand {
    /// Runs until interrupted.
    ///
    /// # Errors
    /// When an address is taken or the certificate can't be written.
    pub async fn run(self) -> Result<(), Failed> {
        let sandbox =
            Sandbox::start(options(&Env::system(), self.http, self.smtp, self.smtps)).await?;
        std::fs::write(&self.ca, sandbox.ca_pem())?;
        println!(
            "The sandbox stands in for Microsoft Entra and Exchange Online, and for Google.\n"
        );
        println!("  start page and mail   {}/", sandbox.authority());
        println!("  SMTP with STARTTLS    {}", sandbox.smtp_addr());
        println!("  SMTP with TLS         {}", sandbox.smtps_addr());
        println!("  client ID             {CLIENT_ID}");
        println!("  client secret         {CLIENT_SECRET}");
        println!("  tenant ID             {TENANT_ID}");
        println!(
            "  mailboxes             adele@contoso.com alex@contoso.com noreply@contoso.com (shared)\n"
        );
        println!("  Google's authority    {}", sandbox.google_authority());
        println!("  Google's SMTP         {}", sandbox.google_smtp_addr());
        println!("  Google's client ID    {GOOGLE_CLIENT_ID}");
        println!("  its secret            {GOOGLE_CLIENT_SECRET}");
        println!("  Google's mailbox      grace@cymbal.example\n");
        println!("A server that sends through it:\n");
        println!(
            "  MAILWRIGHT_OAUTH_MICROSOFT_AUTHORITY={} \\",
            sandbox.authority()
        );
        println!(
            "  MAILWRIGHT_OAUTH_GOOGLE_AUTHORITY={} \\",
            sandbox.google_authority()
        );
        println!("  MAILWRIGHT_EGRESS_ALLOW=127.0.0.0/8,::1/128 \\");
        println!("  MAILWRIGHT_EGRESS_EXTRA_CA_FILE={} \\", self.ca.display());
        println!("  mailwright serve\n");
        super::interrupted()?.await;
        Ok(())
    }
}

/// A sandbox on these addresses that takes time and randomness from `env`.
pub(super) fn options(env: &Env, http: SocketAddr, smtp: SocketAddr, smtps: SocketAddr) -> Options {
    let (clock, random) = (env.clone(), env.clone());
    Options {
        http,
        smtp,
        smtps,
        now: Arc::new(move || clock.now().to_system()),
        random: Arc::new(move |bytes| random.fill(bytes)),
    }
}
