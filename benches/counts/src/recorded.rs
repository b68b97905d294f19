//! The counts that are kept in the repository, and how a run compares.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::callgrind::Counted;
use crate::work::MESSAGES;

/// A count may be off by so many percent, either way: one that fell by more is worth recording, or
/// the next one may rise as far again unseen.
const SLACK_PERCENT: u64 = 5;

/// What makes counts differ without any change of ours.
const TOOLS: [(&str, &[&str]); 3] = [
    ("rustc", &["--version"]),
    ("valgrind", &["--version"]),
    ("getconf", &["GNU_LIBC_VERSION"]),
];

/// Compares a run with what is recorded.
///
/// # Errors
/// Where a count is off, with the same tools, or the record can't be read.
pub fn check(counted: Counted) -> Result<(), String> {
    let path = path();
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let record: toml::Table = text.parse().map_err(|error| format!("{error}"))?;
    let tools = tools()?;
    let known = record.get("tools").and_then(toml::Value::as_str);
    let same_tools = known == Some(&tools);
    let mut off = Vec::new();
    for (name, now) in by_name(counted) {
        let before = record.get(name).and_then(toml::Value::as_integer);
        let before = before.and_then(|count| u64::try_from(count).ok());
        let before = before.ok_or_else(|| format!("{}: no count of {name}", path.display()))?;
        #[allow(clippy::cast_precision_loss)] // far below 2^53
        let percent = (now as f64 / before as f64 - 1.0) * 100.0;
        println!("{name}: {now} instructions a message, {before} recorded ({percent:+.1} %)");
        if now.abs_diff(before) * 100 > before * SLACK_PERCENT {
            off.push(format!("{name} {percent:+.1} %"));
        }
    }
    let off = off.join(", ");
    if !same_tools {
        println!("COUNTS ARE NOT COMPARABLE: recorded with {known:?}, this is {tools:?}.");
        println!("Record them anew: make counts RECORD=1");
        return Ok(());
    }
    match off.as_str() {
        "" => Ok(()),
        off => Err(format!(
            "off by more than {SLACK_PERCENT} %: {off}. If that is meant: make counts RECORD=1, and say why in the commit"
        )),
    }
}

/// Writes a run to the record.
///
/// # Errors
/// Where the record can't be written.
pub fn record(counted: Counted) -> Result<(), String> {
    let mut text = format!(
        "# Instructions a message takes, by callgrind; `make counts` holds them to {SLACK_PERCENT} %.\n\
         tools = \"{}\"\n",
        tools()?
    );
    for (name, now) in by_name(counted) {
        println!("{name}: {now} instructions a message");
        text += &format!("{name} = {now}\n");
    }
    let path = path();
    fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
}

fn by_name(counted: Counted) -> [(&'static str, u64); 2] {
    [
        ("accept", counted.accept / u64::from(MESSAGES)),
        ("deliver", counted.deliver / u64::from(MESSAGES)),
    ]
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("counts.toml")
}

fn tools() -> Result<String, String> {
    let mut versions = Vec::new();
    for (program, arguments) in TOOLS {
        let said = Command::new(program).args(arguments).output();
        let said = said.map_err(|error| format!("{program}: {error}"))?;
        versions.push(String::from_utf8_lossy(&said.stdout).trim().to_owned());
    }
    Ok(versions.join(", "))
}
