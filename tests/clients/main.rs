//! The clients of four languages play one scenario (`clients/conformance`) against the real program
//! and the sandbox, through kills and restarts, and all get what it says.
//!
//! A runner is a process that asks this one, by a line on stdout, for what a client can't do: restart
//! the server, consent, count what arrived. `make test` builds the runners first.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a test fails by panicking, and its proxy is no part of the server that Egress rules

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use serde_json::Value;

#[path = "../e2e/browser.rs"]
mod browser;
#[path = "../e2e/process.rs"]
mod process;
mod tls;
mod world;

use world::World;

const LANGUAGES: [&str; 4] = ["python", "go", "typescript", "java"];

/// What plays the scenario, and what each language shows its users: a file of Python, a program of Go,
/// a file of TypeScript, a class of Java.
const RUNNER: [&str; 4] = [
    "conformance/runner.py",
    "conformance",
    "conformance/runner.js",
    "conformance.Runner",
];
const EXAMPLE: [&str; 4] = [
    "examples/password_reset.py",
    "password_reset",
    "examples/password_reset.js",
    "examples.PasswordReset",
];

/// Said where a runner is not there.
const MISSING: &str = "`make test` builds the clients, then runs all tests";

#[test]
fn all_clients_get_what_the_scenario_says() {
    let scenario: Value = serde_json::from_slice(&std::fs::read(scenario()).unwrap()).unwrap();
    let steps = scenario["steps"].as_array().unwrap();
    // At once, since they wait more than they work.
    let runs = LANGUAGES.map(|language| {
        thread::spawn(move || {
            World::new(language).play(run(language, RUNNER), run(language, EXAMPLE))
        })
    });
    let results: Vec<_> = LANGUAGES
        .iter()
        .zip(runs)
        .map(|(language, run)| {
            run.join()
                .unwrap_or_else(|_| panic!("{language}: see above"))
        })
        .collect();
    let table = table(steps, &results);
    print!("{table}");
    // `make test` shows it at its end.
    std::fs::write(tools().join("clients.txt"), table).unwrap();
    for (step, row) in steps.iter().enumerate() {
        for (language, outcomes) in LANGUAGES.iter().zip(&results) {
            let (name, expected) = (&row["name"], row["expect"].as_str().unwrap());
            assert_eq!(outcomes[step], expected, "{language}, step {name}");
        }
    }
}

/// A row a step: what was expected, and who got it.
fn table(steps: &[Value], results: &[Vec<String>]) -> String {
    let text = |step: &Value, key: &str| step[key].as_str().unwrap().to_owned();
    let width = |key: &str| {
        let all = steps.iter().map(|step| text(step, key).chars().count());
        all.max().unwrap_or_default()
    };
    let (names, outcomes) = (width("name"), width("expect"));
    let mut table = format!(
        "\n{:names$}  {:outcomes$}  {}\n",
        "step",
        "outcome",
        LANGUAGES.join("  ")
    );
    for (index, step) in steps.iter().enumerate() {
        let (name, expected) = (text(step, "name"), text(step, "expect"));
        table += &format!("{name:names$}  {expected:outcomes$}");
        for (language, outcomes) in LANGUAGES.iter().zip(results) {
            let mark = if outcomes[index] == expected {
                "ok"
            } else {
                "OTHER"
            };
            table += &format!("  {mark:0$}", language.len());
        }
        table.truncate(table.trim_end().len());
        table.push('\n');
    }
    table
}

/// One of these programs, in this language.
fn run(language: &str, [python, go, typescript, java]: [&str; 4]) -> Command {
    let clients = clients();
    let (program, arguments): (PathBuf, Vec<PathBuf>) = match language {
        "python" => (
            tools().join("clients/bin/python"),
            vec![clients.join("python").join(python)],
        ),
        "go" => (clients.join("go/bin").join(go), vec![]),
        "typescript" => (
            "node".into(),
            vec![clients.join("typescript/dist").join(typescript)],
        ),
        _ => (
            "java".into(),
            vec![
                "-cp".into(),
                java_classes().into(),
                format!("io.github.mailwright.{java}").into(),
            ],
        ),
    };
    let mut command = Command::new(program);
    command.args(arguments);
    // Of this folder, whichever one the tools were installed for.
    command.env("PYTHONPATH", clients.join("python/src"));
    command
}

/// What Maven compiled, and the packages that it needs.
fn java_classes() -> String {
    let target = clients().join("java/target");
    let packages = std::fs::read_to_string(target.join("classpath")).expect(MISSING);
    let target = target.display();
    format!("{target}/classes:{target}/test-classes:{packages}")
}

fn scenario() -> PathBuf {
    clients().join("conformance/scenario.json")
}

fn clients() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients")
}

fn tools() -> PathBuf {
    let own = || Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools");
    std::env::var_os("MAILWRIGHT_TOOLS").map_or_else(own, PathBuf::from)
}
