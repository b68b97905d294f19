//! Fills the catalogue's templates: `{mailbox}`, `{consent}`, `{sender}`, `{client_id}`, `{tenant}`, `{host}`,
//! and `{detail}`, which stands at the end after a colon and goes away with it when empty.
//!
//! A value is put in once and never read as a template itself.

use super::{Subject, redact};

/// A sentence for people.
pub fn prose(template: &str, subject: &Subject, detail: &str) -> String {
    let template = match detail {
        "" => template.replace(": {detail}", ""),
        _ => template.to_owned(),
    };
    let text = fill(&template, |name| match name {
        "detail" => Some(detail.to_owned()),
        _ => {
            let (value, noun) = field(subject, name)?;
            Some(if value.is_empty() {
                noun.to_owned()
            } else {
                without_controls(value)
            })
        }
    });
    capitalized(text)
}

/// A PowerShell command; every value is a quoted argument.
pub fn powershell(template: &str, subject: &Subject) -> String {
    fill(template, |name| {
        let (value, _) = field(subject, name)?;
        Some(if value.is_empty() {
            quoted(&format!("<{name}>"))
        } else {
            quoted(&without_controls(value))
        })
    })
}

/// A detail as the end of a sentence: redacted, on one line, without a final period.
pub fn one_line(detail: &str) -> String {
    let text = redact(detail);
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").trim_end_matches('.').to_owned()
}

/// A field's value, and the noun for an empty one.
fn field<'a>(subject: &'a Subject, name: &str) -> Option<(&'a str, &'static str)> {
    match name {
        "mailbox" => Some((&subject.mailbox, "the mailbox")),
        "consent" => Some((&subject.consent, "the mailbox's user")),
        "sender" => Some((&subject.sender, "the sender")),
        "client_id" => Some((&subject.client_id, "in question")),
        "tenant" => Some((&subject.tenant, "in question")),
        "host" => Some((&subject.host, "the mail server")),
        _ => None,
    }
}

fn fill(template: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let known = after
            .split_once('}')
            .and_then(|(name, tail)| value(name).map(|value| (value, tail)));
        if let Some((value, tail)) = known {
            out.push_str(&value);
            rest = tail;
        } else {
            out.push('{');
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

/// PowerShell ends a single-quoted string at a typographic quote too, so each is doubled.
fn quoted(value: &str) -> String {
    let mut out = String::from("'");
    for c in value.chars() {
        if matches!(c, '\'' | '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{201b}') {
            out.push(c);
        }
        out.push(c);
    }
    out.push('\'');
    out
}

fn without_controls(value: &str) -> String {
    value.chars().filter(|c| !c.is_control()).collect()
}

/// Only a noun that stands for an empty value begins small, or an address, which stays as it is.
fn capitalized(text: String) -> String {
    match text.strip_prefix("the ") {
        Some(rest) => format!("The {rest}"),
        None => text,
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::model::Diagnosis;

    /// What holds of every rendered diagnosis, whoever it is about.
    pub fn assert_well_said(said: &Diagnosis) {
        for text in [&said.summary, &said.remedy] {
            assert!(text.ends_with('.'), "{text}");
            assert!(!text.contains("{detail}"), "{text}");
            for odd in ["..", ": .", "  ", " .", ":."] {
                assert!(!text.contains(odd), "{text}");
            }
        }
        for name in ["sender", "client_id", "tenant", "host", "detail"] {
            let token = format!("{{{name}}}");
            assert!(!said.summary.contains(&token) && !said.remedy.contains(&token));
            assert!(!said.commands.iter().any(|command| command.contains('{')));
        }
        let help = &said.help_url;
        assert!(help.is_empty() || help.starts_with("https://"), "{help}");
    }

    #[test]
    fn a_mailbox_name_cannot_leave_its_argument() {
        let subject = Subject {
            mailbox: "o'brien\u{2019}; Remove-Mailbox x\n#{sender}".to_owned(),
            ..Subject::default()
        };
        assert_eq!(
            powershell("Get-CASMailbox -Identity {mailbox} | Format-List", &subject),
            "Get-CASMailbox -Identity 'o''brien\u{2019}\u{2019}; Remove-Mailbox x#{sender}' | Format-List"
        );
        assert_eq!(
            powershell("A {mailbox}", &Subject::default()),
            "A '<mailbox>'"
        );
    }

    #[test]
    fn an_empty_detail_leaves_no_trace() {
        let subject = Subject::default();
        assert_eq!(
            prose("{host} is down: {detail}.", &subject, ""),
            "The mail server is down."
        );
        assert_eq!(
            prose("{host} is down: {detail}.", &subject, "refused"),
            "The mail server is down: refused."
        );
    }

    #[test]
    fn a_detail_is_one_line_without_secrets() {
        assert_eq!(one_line(" a\r\nb code=abcdef. "), "a b code=[redacted]");
    }
}
