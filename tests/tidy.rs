//! Holds the house rules that neither rustc nor clippy knows, by reading the source text: which
//! module may import which, how long a file may be, and what appears nowhere. It reads tokens, not
//! types: comments and string contents are blanked first, so a rule may be written about freely.

use std::collections::BTreeSet;

#[path = "tidy/source.rs"]
mod source;

use source::{
    File, all_rust_files, blank, crate_paths, files_right_in, lines_with, rust_files, without_tests,
};

/// From the bottom up: a module imports strictly lower ranks and itself, never a neighbour.
const RANKS: [(&str, u8); 20] = [
    ("model", 1),
    ("env", 2),
    ("config", 2),
    ("metrics", 2),
    ("egress", 3),
    ("store", 4),
    ("smtp", 4),
    ("oauth", 4),
    ("vault", 4),
    ("tracer", 4),
    ("keys", 4),
    ("ops", 5),
    ("rpc", 6),
    ("http", 6),
    ("work", 6),
    ("app", 7),
    ("cli", 8),
    ("main", 9),
    // These two are apart: the sandbox stands alone, lib.rs only lists the modules.
    ("sandbox", 0),
    ("lib", 9),
];

const LINES_MAX: usize = 500;

/// Where each client's layer is that is written by hand: the files right in there with this ending.
/// Generated stubs, tests, examples and conformance runners have folders of their own, or end in `_test.go`.
const LAYERS: [(&str, &str); 4] = [
    ("clients/python/src/mailwright", ".py"),
    ("clients/go", ".go"),
    ("clients/typescript/src", ".ts"),
    ("clients/java/src/main/java/io/github/mailwright", ".java"),
];

/// A layer has fewer lines, comments and blank ones counted.
const LAYER_LINES: usize = 150;

const UNFINISHED: [(&str, &str); 5] = [
    ("todo!", "unfinished code doesn't land"),
    ("unimplemented!", "unfinished code doesn't land"),
    ("dbg!", "a left-over of debugging"),
    ("dead_code", "delete what nothing calls"),
    ("#[ignore", "a test that doesn't run proves nothing"),
];

const PRINTING: [&str; 4] = ["println!", "eprintln!", "print!", "eprint!"];

const CLOCKS_AND_CHANCE: [&str; 8] = [
    "SystemTime::now",
    "Instant::now",
    "Utc::now",
    "Local::now",
    "thread_rng",
    "rand::rng",
    "OsRng",
    "getrandom::",
];

const SLEEPS: [&str; 2] = ["thread::sleep", "time::sleep"];

#[test]
fn imports_point_downward_only() {
    let mut findings = Vec::new();
    for file in rust_files("src") {
        let from = file.module();
        let code = file.shipped_code();
        for (line, path) in crate_paths(&code) {
            if let Some(why) = forbidden_import(&from, &path) {
                findings.push(file.at(line, &format!("`{}`: {why}", path.join("::"))));
            }
        }
        let climb = "super::".repeat(file.depth());
        for line in lines_with(&code, &climb) {
            findings.push(file.at(line, "climbs to the crate's root: write `crate::`"));
        }
    }
    report(
        "cli → app → rpc, http, work → ops → store, smtp, oauth, vault, keys, tracer → egress → env, config, metrics → model",
        findings,
    );
}

#[test]
fn every_file_fits_in_500_lines() {
    let findings = all_rust_files()
        .iter()
        .filter(|file| file.text.lines().count() > LINES_MAX)
        .map(|file| file.at(file.text.lines().count(), "too long"))
        .collect();
    report(
        "a file is one idea; split it where the ideas part",
        findings,
    );
}

#[test]
fn every_client_is_under_150_lines_by_hand() {
    let mut findings = Vec::new();
    for (folder, ending) in LAYERS {
        let files = files_right_in(folder, ending);
        let lines = |file: &File| file.text.lines().count();
        let total: usize = files.iter().map(lines).sum();
        if total == 0 || total >= LAYER_LINES {
            findings.push(format!("{folder}: {total} lines"));
        }
    }
    report(
        "a client is generated stubs and what everyone would write around them, short enough to be read whole",
        findings,
    );
}

#[test]
fn nothing_unfinished_or_switched_off() {
    let mut findings = Vec::new();
    for file in all_rust_files() {
        let code = blank(&file.text);
        for (pattern, why) in UNFINISHED {
            for line in lines_with(&code, pattern) {
                findings.push(file.at(line, &format!("`{pattern}`: {why}")));
            }
        }
    }
    report("what lands is finished", findings);
}

#[test]
fn only_the_command_line_prints() {
    let mut findings = Vec::new();
    let mut files = rust_files("src");
    files.push(File::read("build.rs"));
    for file in files {
        if ["cli", "main"].contains(&file.module().as_str()) {
            continue;
        }
        let code = file.shipped_code();
        for pattern in PRINTING {
            for line in lines_with(&code, pattern) {
                let text = file.text.lines().nth(line - 1).unwrap_or_default();
                let tells_cargo = file.name == "build.rs" && text.contains("\"cargo:");
                if !tells_cargo {
                    findings.push(file.at(line, &format!("`{pattern}`")));
                }
            }
        }
    }
    report(
        "a server speaks by tracing; only cli and main own the terminal",
        findings,
    );
}

#[test]
fn tests_never_sleep() {
    let mut findings = Vec::new();
    let mut files = rust_files("tests");
    files.extend(rust_files("src"));
    for file in files.iter().filter(|file| file.name != "src/env.rs") {
        let code = blank(&file.text);
        for pattern in SLEEPS {
            for line in lines_with(&code, pattern) {
                findings.push(file.at(line, &format!("`{pattern}`")));
            }
        }
    }
    report(
        "a sleep is slow where it works and flaky where it doesn't: wait for the thing itself, by Env",
        findings,
    );
}

#[test]
fn only_env_reads_clocks_and_chance() {
    let mut findings = Vec::new();
    for file in rust_files("src") {
        if file.name == "src/env.rs" {
            continue;
        }
        let code = blank(&file.text);
        for pattern in CLOCKS_AND_CHANCE {
            for line in lines_with(&code, pattern) {
                findings.push(file.at(line, &format!("`{pattern}`")));
            }
        }
    }
    report(
        "time and randomness are handed in (Env; closures in the sandbox), so that tests hold them",
        findings,
    );
}

#[test]
fn every_module_says_what_it_is() {
    let findings = rust_files("src")
        .iter()
        .filter(|file| {
            let included =
                file.name == "src/lib.rs" && file.text.starts_with("#![doc = include_str!");
            !file.text.starts_with("//!") && !included
        })
        .map(|file| file.at(1, "doesn't start with `//!`"))
        .collect();
    report(
        "a module opens with what it is, promises, and doesn't know",
        findings,
    );
}

#[test]
fn every_configuration_key_is_explained() {
    let file = File::read("src/config.default.toml");
    let mut findings = Vec::new();
    let mut above = "";
    for (index, line) in file.text.lines().enumerate() {
        let starts_a_key = line.starts_with(|c: char| c.is_ascii_lowercase()) && line.contains('=');
        if starts_a_key && !above.starts_with('#') {
            findings.push(file.at(index + 1, line));
        }
        above = line;
    }
    report(
        "the default configuration is its own manual: a comment stands right above each key",
        findings,
    );
}

#[test]
fn the_readme_opens_with_the_demo_and_names_the_tests() {
    let file = File::read("README.md");
    let demo = file.text.find("cargo run --release -- demo");
    let tests = file.text.find("make test");
    let in_order = matches!((demo, tests), (Some(demo), Some(tests)) if demo < tests);
    let findings = if in_order {
        Vec::new()
    } else {
        vec![file.at(1, "`cargo run --release -- demo`, then `make test`")]
    };
    report(
        "a newcomer sees it work first, then how it is proved",
        findings,
    );
}

#[test]
fn the_architecture_names_every_module() {
    let file = File::read("ARCHITECTURE.md");
    let modules: BTreeSet<String> = rust_files("src").iter().map(File::module).collect();
    let findings = modules
        .iter()
        .filter(|module| {
            let spelled = [
                format!("{module}/"),
                format!("{module}.rs"),
                format!("`{module}`"),
            ];
            !spelled
                .iter()
                .any(|name| !lines_with(&file.text, name).is_empty())
        })
        .map(|module| file.at(1, &format!("doesn't name `{module}`")))
        .collect();
    report(
        "who reads ARCHITECTURE.md finds their way in src/",
        findings,
    );
}

#[test]
fn the_rules_see_code_and_nothing_else() {
    let code = blank(
        "let a = \"todo!\"; // crate::rpc\nlet b = r#\"\"crate::ops\"#; /* /* crate::x */ */\nlet c = '\"'; crate::vault::open::<'a>();",
    );
    assert_eq!(
        crate_paths(&code),
        [(3, vec!["vault".to_owned(), "open".to_owned()])]
    );
    assert!(lines_with(&code, "todo!").is_empty());

    let code = without_tests(
        "#[cfg(test)]\nuse crate::app;\n#[cfg(test)]\nmod tests { fn f() { crate::cli::run() } }\nuse crate::{env, ops::{self, send}};",
    );
    let paths: Vec<String> = crate_paths(&code)
        .iter()
        .map(|(_, path)| path.join("::"))
        .collect();
    assert_eq!(paths, ["env", "ops::self", "ops::send"]);
}

#[test]
fn the_import_rule_knows_up_from_down() {
    let allowed = |from: &str, to: &str| {
        let path: Vec<String> = to.split("::").map(str::to_owned).collect();
        forbidden_import(from, &path).is_none()
    };
    assert!(allowed("ops", "store::Store") && allowed("env", "model::Timestamp"));
    assert!(
        allowed("cli", "sandbox")
            && allowed("cli", "rpc::proto")
            && allowed("sandbox", "sandbox::world")
    );
    assert!(!allowed("store", "ops") && !allowed("smtp", "oauth") && !allowed("model", "env"));
    assert!(
        !allowed("app", "rpc::proto") && !allowed("app", "sandbox") && !allowed("sandbox", "model")
    );
    assert!(!allowed("ops", "helpers"));
}

/// Why `from` may not name `crate::path`, if it may not.
fn forbidden_import(from: &str, path: &[String]) -> Option<String> {
    let to = path[0].as_str();
    let rank = |module: &str| {
        RANKS
            .iter()
            .find(|(name, _)| *name == module)
            .map(|(_, rank)| *rank)
    };
    let (Some(own), Some(other)) = (rank(from), rank(to)) else {
        return Some(format!("`{from}` or `{to}` has no rank in tests/tidy.rs"));
    };
    if from == to || from == "lib" {
        None
    } else if from == "sandbox" {
        Some("the sandbox imports nothing of ours, else the catalogue would be tested against itself".to_owned())
    } else if to == "sandbox" {
        (from != "cli").then(|| "only cli and tests know the sandbox".to_owned())
    } else if path.get(1).is_some_and(|name| name == "proto") && to == "rpc" && from != "cli" {
        Some("generated types stop at rpc".to_owned())
    } else if own <= other {
        Some(format!(
            "`{from}` (rank {own}) may not import `{to}` (rank {other})"
        ))
    } else {
        None
    }
}

fn report(reason: &str, findings: Vec<String>) {
    assert!(
        findings.is_empty(),
        "{reason}\n  {}\n",
        findings.join("\n  ")
    );
}
