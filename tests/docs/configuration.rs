//! The page of every configuration key, out of the comments of `config.default.toml`.

use std::fmt::Write as _;

use mailwright::config::DEFAULTS;

use crate::markdown;

const INTRODUCTION: &str = "
`mailwright serve --config FILE` reads a file; `mailwright serve --print-config` prints what is in force.
";

/// Renders the page.
pub fn page() -> String {
    let mut page = markdown::head("Configuration", "src/config.default.toml");
    page.push_str(INTRODUCTION);
    let mut section = "";
    let mut comment = Vec::new();
    for line in DEFAULTS.lines() {
        if let Some(text) = line.strip_prefix('#') {
            comment.push(text.strip_prefix(' ').unwrap_or(text));
        } else if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
            write_text(&mut page, &format!("## {section}"));
            write_text(&mut page, &paragraphs(&comment));
            comment.clear();
        } else if let Some((key, value)) = line.split_once(" = ") {
            write_key(&mut page, section, key, value, &paragraphs(&comment));
            comment.clear();
        } else if section.is_empty() && !comment.is_empty() {
            // What the file says of itself.
            write_text(&mut page, &paragraphs(&comment));
            comment.clear();
        }
    }
    page
}

fn write_key(page: &mut String, section: &str, key: &str, value: &str, comment: &str) {
    let variable = format!("MAILWRIGHT_{section}_{key}").to_uppercase();
    write_text(page, &format!("### {section}.{key}"));
    write_text(page, &format!("Default `{value}`, variable `{variable}`."));
    write_text(page, comment);
}

fn write_text(page: &mut String, text: &str) {
    if !text.is_empty() {
        writeln!(page, "\n{text}").expect("a String takes all");
    }
}

fn paragraphs(lines: &[&str]) -> String {
    markdown::prose(lines.join("\n").trim())
}
