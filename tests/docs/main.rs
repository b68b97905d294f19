//! Holds what is written for users against what the product says: the reference pages are rendered
//! from the configuration, the descriptors and the catalogue, every link leads somewhere, and the
//! files under `deploy/` fit the configuration. `make docs` writes the pages anew.

mod api;
mod cli;
mod configuration;
mod deploy;
mod diagnoses;
mod links;
mod markdown;

use std::{env, fs, path::PathBuf};

#[test]
fn every_configuration_key_is_on_its_page() {
    is_current("docs/configuration.md", &configuration::page());
}

#[test]
fn every_command_is_on_its_page() {
    is_current("docs/cli.md", &cli::page());
}

#[test]
fn every_rpc_is_on_its_page() {
    is_current("docs/api.md", &api::page());
}

#[test]
fn every_diagnosis_is_on_its_page() {
    is_current("docs/diagnoses.md", &diagnoses::page());
}

/// Writes the page where `UPDATE` is set, else holds the file against it.
fn is_current(name: &str, page: &str) {
    let path = root().join(name);
    if env::var_os("UPDATE").is_some() {
        fs::write(path, page).expect("docs/ can be written");
        return;
    }
    let written = fs::read_to_string(path).unwrap_or_default();
    let differs = written
        .lines()
        .zip(page.lines())
        .position(|(old, new)| old != new)
        .map_or_else(|| "its end".to_owned(), |at| format!("line {}", at + 1));
    assert!(
        written == page,
        "{name} is not what `make docs` writes, from {differs} on"
    );
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Reads a file of the repository.
fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}
