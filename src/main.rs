//! Parses the arguments, runs one command.

use std::process::ExitCode;

use clap::Parser;
use mailwright::cli::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    match Cli::parse().run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            eprintln!("mailwright: {failed}");
            failed.exit_code()
        }
    }
}
