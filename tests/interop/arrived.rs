//! A message that came, as Python's `email` package reads it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::sink::script;

/// The fields that `parse.py` prints.
#[derive(Debug)]
pub struct Arrived(pub Value);

impl Arrived {
    /// A message that Python finds fault with fails the test here.
    pub fn parse(file: &Path) -> Self {
        let output = Command::new(python())
            .arg(script("parse.py"))
            .arg(file)
            .output()
            .unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{complaint}");
        let fields: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(fields["defects"], Value::Array(Vec::new()));
        assert_eq!(fields["bare_line_ends"], 0);
        let longest = fields["longest_line"].as_u64().unwrap();
        assert!(longest <= 998, "RFC 5322 §2.1.1, but {longest} octets");
        Self(fields)
    }
}

/// The interpreter that `make tools` set up.
pub fn python() -> PathBuf {
    tool("venv/bin/python")
}

/// What `make tools` set up at this place.
pub fn tool(path: &str) -> PathBuf {
    let tools = match std::env::var_os("MAILWRIGHT_TOOLS") {
        Some(tools) => PathBuf::from(tools),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools"),
    };
    let tool = tools.join(path);
    assert!(
        tool.exists(),
        "{} is missing: run `make test`, which installs it and then runs all tests",
        tool.display()
    );
    tool
}
