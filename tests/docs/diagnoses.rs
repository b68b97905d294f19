//! The page of every diagnosis with its remedy, out of the catalogue and the comments of the enum
//! `Reason`; and of each code of a provider, which of them it leads to.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use mailwright::model::diagnosis::Reason;
use toml::{Table, Value};

use crate::{api, markdown, read};

const INTRODUCTION: &str = "
Every error, failed test, problem of a service and attempt of a message carries a
[Diagnosis](api.md#diagnosis). Look its `reason` up here, or its `provider_code`:
[codes of Entra](#codes-of-entra) (AADSTS), [errors of OAuth 2.0](#errors-of-oauth-20),
[replies of mail servers](#replies-of-mail-servers).

Words in braces are filled in: `{mailbox}` is the login, `{sender}` the From address, `{consent}` who must
sign in, `{client_id}` and `{tenant}` the app's, `{host}` the mail server, `{detail}` what else is known.
";

/// Renders the page.
pub fn page() -> String {
    let standard = table("local");
    let (oauth, smtp) = (rows("oauth"), rows("smtp"));
    let comments = api::reasons();
    let mut page = markdown::head("Diagnoses", "src/model/catalogue");
    page.push_str(INTRODUCTION);
    page.push_str("\n## Reasons\n");
    for reason in Reason::ALL {
        let name = reason.as_str();
        let row = standard[name].as_table().expect("a test holds that");
        line(&mut page, &format!("### {name}"));
        line(&mut page, &markdown::prose(&comments[name]));
        write_row(&mut page, row);
        let variants = oauth.iter().chain(&smtp);
        for (row, sign) in variants
            .filter(|row| text(row, "reason") == name && says_more(row))
            .map(|row| (row, sign(row)))
        {
            line(&mut page, &format!("Where the provider says {sign}:"));
            write_row(&mut page, row);
        }
    }
    write_codes(&mut page, &oauth);
    write_errors(&mut page, &oauth);
    write_replies(&mut page, &smtp);
    page
}

fn table(name: &str) -> Table {
    read(&format!("src/model/catalogue/{name}.toml"))
        .parse()
        .expect("the catalogue's own tests hold that")
}

fn rows(name: &str) -> Vec<Table> {
    let rows = table(name)["row"].as_array().cloned().unwrap_or_default();
    rows.into_iter()
        .filter_map(|row| row.as_table().cloned())
        .collect()
}

/// What a row says, as far as it says something itself.
fn write_row(page: &mut String, row: &Table) {
    let mut items = Vec::new();
    for (key, what) in [("summary", "What happened"), ("remedy", "What to do")] {
        if !text(row, key).is_empty() {
            items.push(format!("- {what}: {}", markdown::prose(text(row, key))));
        }
    }
    if !text(row, "fixed_by").is_empty() {
        items.push(format!("- Who: `{}`", text(row, "fixed_by")));
    }
    if !text(row, "scope").is_empty() {
        items.push(format!("- How far it reaches: `{}`", text(row, "scope")));
    }
    if !text(row, "help_url").is_empty() {
        items.push(format!(
            "- The provider's page: <{}>",
            text(row, "help_url")
        ));
    }
    if row.get("retryable").and_then(Value::as_bool) == Some(true) {
        items.push("- It passes by itself, and the server tries again.".to_owned());
    }
    line(page, &items.join("\n"));
    let commands = list(row, "commands");
    if !commands.is_empty() {
        line(
            page,
            &format!("```powershell\n{}\n```", commands.join("\n")),
        );
    }
}

fn says_more(row: &Table) -> bool {
    ["summary", "remedy", "commands"]
        .iter()
        .any(|key| row.contains_key(*key))
}

/// By what a row is known.
fn sign(row: &Table) -> String {
    let codes = list(row, "codes").into_iter();
    let mut signs: Vec<String> = codes.map(|code| format!("AADSTS{code}")).collect();
    signs.extend(list(row, "errors"));
    signs.extend(reply(row));
    let sub = match text(row, "subcode") {
        "" => String::new(),
        subcode => format!(" with `{subcode}`"),
    };
    let whose = if row.contains_key("google") {
        " (of Google)"
    } else {
        ""
    };
    match signs.len() {
        0 => "anything else".to_owned(),
        _ => format!("`{}`{sub}{whose}", signs.join("`, `")),
    }
}

/// `535 5.7.139`, with the words that tell it from its like.
fn reply(row: &Table) -> Option<String> {
    let code = row.get("code").and_then(Value::as_integer);
    let words: Vec<String> = list(row, "contains")
        .iter()
        .map(|words| format!("…{words}…"))
        .collect();
    let mut parts: Vec<String> = code.map(|code| code.to_string()).into_iter().collect();
    parts.extend([list(row, "enhanced").join(", "), words.join(" or ")]);
    if row.contains_key("app_only") {
        parts.push("(the app acts for itself)".to_owned());
    }
    if !text(row, "phase").is_empty() {
        parts.push(format!("(in phase {})", text(row, "phase")));
    }
    parts.retain(|part| !part.is_empty());
    (!parts.is_empty()).then(|| parts.join(" "))
}

fn write_codes(page: &mut String, rows: &[Table]) {
    let mut codes = BTreeMap::new();
    for row in rows {
        for code in list(row, "codes") {
            let number: u64 = code.parse().expect("codes are numbers");
            codes.insert(number, text(row, "reason"));
        }
    }
    line(page, "## Codes of Entra");
    line(page, "| code | reason |\n|---|---|");
    for (code, reason) in codes {
        let url = format!("https://login.microsoftonline.com/error?code={code}");
        row_of(page, &format!("[AADSTS{code}]({url})"), reason);
    }
}

fn write_errors(page: &mut String, rows: &[Table]) {
    line(page, "## Errors of OAuth 2.0");
    line(page, "Where no AADSTS number above decides.");
    line(page, "| error | reason |\n|---|---|");
    for row in rows.iter().filter(|row| list(row, "codes").is_empty()) {
        row_of(page, &sign(row), text(row, "reason"));
    }
}

fn write_replies(page: &mut String, rows: &[Table]) {
    line(page, "## Replies of mail servers");
    line(
        page,
        "The row that names the most decides: code with text before code alone before text alone.",
    );
    line(page, "| reply | reason |\n|---|---|");
    for row in rows {
        row_of(page, &sign(row), text(row, "reason"));
    }
}

fn row_of(page: &mut String, sign: &str, reason: &str) {
    let anchor = markdown::anchor(reason);
    writeln!(page, "| {} | [{reason}](#{anchor}) |", markdown::cell(sign))
        .expect("a String takes all");
}

fn text<'a>(row: &'a Table, key: &str) -> &'a str {
    row.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn list(row: &Table, key: &str) -> Vec<String> {
    let values = row.get(key).and_then(Value::as_array);
    let texts = values.into_iter().flatten().map(|value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    texts.collect()
}

fn line(page: &mut String, text: &str) {
    if !text.is_empty() {
        writeln!(page, "\n{text}").expect("a String takes all");
    }
}
