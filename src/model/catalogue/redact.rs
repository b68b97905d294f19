//! Makes a provider's text fit to be stored and shown: bounded, printable, without secrets.
//!
//! It errs towards removing: a word too many is hidden rather than a token shown.

/// Most bytes of a provider's text that are kept.
const TEXT_MAX_BYTES: usize = 2048;

/// A run of base64-ish characters at least this long is taken for a secret.
const BLOB_MIN_CHARS: usize = 80;

/// What a number of digits in `code=` may be at most to count as an error number.
const ERROR_NUMBER_MAX_DIGITS: usize = 10;

const MARK: &str = "[redacted]";

/// Ends of names whose values are secret.
const SECRET_NAMES: &[&str] = &[
    "access_token",
    "assertion",
    "auth_code",
    "client_secret",
    "code_verifier",
    "device_code",
    "id_token",
    "password",
    "refresh_token",
];

/// Removes what looks like a secret, replaces control characters (CRLF becomes LF, others a
/// space) and cuts at 2,048 bytes. Secrets go first, so that half of one never stays.
pub fn redact(text: &str) -> String {
    let text = printable(text);
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(first) = rest.chars().next() {
        if out.len() > TEXT_MAX_BYTES {
            break;
        }
        let run = run_of(rest);
        if run.is_empty() {
            out.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        rest = &rest[run.len()..];
        if is_token(run) {
            out.push_str(MARK);
            continue;
        }
        out.push_str(run);
        if let Some((lead, value)) = secret_after(run, rest) {
            out.push_str(lead);
            out.push_str(MARK);
            rest = &rest[lead.len() + value.len()..];
        }
    }
    cut(&mut out);
    out
}

fn printable(text: &str) -> String {
    text.replace("\r\n", "\n")
        .chars()
        .map(|c| if c.is_control() && c != '\n' { ' ' } else { c })
        .collect()
}

fn cut(text: &mut String) {
    if text.len() > TEXT_MAX_BYTES {
        let end = (0..=TEXT_MAX_BYTES)
            .rev()
            .find(|&at| text.is_char_boundary(at))
            .unwrap_or(0);
        text.truncate(end);
    }
}

/// The characters of base64, base64url, names and JWTs that `text` begins with.
fn run_of(text: &str) -> &str {
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || "+/_-.".contains(c)))
        .unwrap_or(text.len());
    &text[..end]
}

/// A JWT, or a blob too long to be a word.
fn is_token(run: &str) -> bool {
    let jwt = run.find("eyJ").is_some_and(|start| {
        let parts: Vec<&str> = run[start..].split('.').take(3).collect();
        parts.len() == 3 && parts.iter().all(|part| !part.is_empty())
    });
    jwt || run.split('.').any(|part| part.len() >= BLOB_MIN_CHARS)
}

/// What stands between a secret's name and its value, and the value.
fn secret_after<'a>(run: &str, rest: &'a str) -> Option<(&'a str, &'a str)> {
    let word = run
        .rsplit(['.', '/', '+', '-'])
        .next()
        .unwrap_or(run)
        .to_ascii_lowercase();
    let value_at = if word == "bearer" {
        bearer_lead(rest)?
    } else {
        let long = SECRET_NAMES.iter().any(|name| word.ends_with(name));
        if !long && word != "code" {
            return None;
        }
        assignment_lead(rest, long)?
    };
    let (lead, tail) = rest.split_at(value_at);
    let end = tail
        .find(|c: char| c.is_whitespace() || "&\"'\\;,<>)}".contains(c))
        .unwrap_or(tail.len());
    let value = &tail[..end];
    let number =
        value.len() <= ERROR_NUMBER_MAX_DIGITS && value.bytes().all(|b| b.is_ascii_digit());
    let keep = value.is_empty() || value.starts_with(MARK) || (word == "code" && number);
    (!keep).then_some((lead, value))
}

/// The length of the blank between `Bearer` and its token, escaped or not.
fn bearer_lead(rest: &str) -> Option<usize> {
    let bare = rest
        .trim_start_matches("%20")
        .trim_start_matches([' ', '\n']);
    (bare.len() < rest.len()).then_some(rest.len() - bare.len())
}

/// The length of `=`, `":"` and the like. A bare colon counts only after a name that is no word.
fn assignment_lead(rest: &str, bare_colon: bool) -> Option<usize> {
    let unquoted = rest.trim_start_matches(['"', '\'', '\\']);
    let colon = bare_colon || unquoted.len() < rest.len();
    let sign = unquoted.trim_start_matches([' ', '\n']);
    let after = sign
        .strip_prefix('=')
        .or_else(|| sign.strip_prefix("%3D"))
        .or_else(|| sign.strip_prefix(':').filter(|_| colon))?;
    let value = after
        .trim_start_matches([' ', '\n'])
        .trim_start_matches(['"', '\'', '\\']);
    Some(rest.len() - value.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn secrets_go_and_words_stay() {
        let blob = "Ab0+/_-".repeat(12);
        let jwt = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2ln";
        for (text, want) in [
            (
                "Authorization: Bearer abc123, so".to_owned(),
                "Authorization: Bearer [redacted], so".to_owned(),
            ),
            (
                format!("token {jwt} was"),
                "token [redacted] was".to_owned(),
            ),
            (format!("auth={jwt}"), "auth=[redacted]".to_owned()),
            (format!("got {blob}=="), "got [redacted]==".to_owned()),
            (
                "a?refresh_token=0.AX-y~z!&b=1".to_owned(),
                "a?refresh_token=[redacted]&b=1".to_owned(),
            ),
            (
                r#"{"client_secret": "a~b.c"}"#.to_owned(),
                r#"{"client_secret": "[redacted]"}"#.to_owned(),
            ),
            (
                "?CODE=0.AbCd&state=x".to_owned(),
                "?CODE=[redacted]&state=x".to_owned(),
            ),
            (
                "my_refresh_token=abc".to_owned(),
                "my_refresh_token=[redacted]".to_owned(),
            ),
            (
                "see https://x/error?code=7000222 now".to_owned(),
                "see https://x/error?code=7000222 now".to_owned(),
            ),
            (
                "status code: unknown".to_owned(),
                "status code: unknown".to_owned(),
            ),
            (
                "must contain 'client_assertion' or 'client_secret'.".to_owned(),
                "must contain 'client_assertion' or 'client_secret'.".to_owned(),
            ),
            ("a\u{0}b\r\nc\u{1b}[1m".to_owned(), "a b\nc [1m".to_owned()),
        ] {
            let got = redact(&text);
            assert_eq!(got, want);
            assert_eq!(redact(&got), got, "redacting twice changes nothing");
        }
    }

    #[test]
    fn exchange_texts_stay_as_they_are() {
        for text in [
            "STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; Failed to process message due to a permanent exception with message Cannot submit message. 0.35250:0A00B488, 1.36674:0A000000 [Hostname=HOST.prod.outlook.com]",
            "Authentication unsuccessful [BE1P281CA0440.DEUP281.PROD.OUTLOOK.COM 2024-02-14T14:50:26.590Z 08DC2D372B4C3DED]",
        ] {
            assert_eq!(redact(text), text);
        }
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(redact(&"word ".repeat(2048)).len(), 2048);
        assert_eq!(redact(&"\u{20ac} ".repeat(3000)).len(), 2048);
        assert_eq!(redact(&"a\u{20ac}\u{20ac} ".repeat(2000)).len() / 4, 512);
        let late = format!("{}{}", "x ".repeat(1000), "S3cret".repeat(40));
        assert!(
            !redact(&late).contains("S3cret"),
            "a cut secret is still one"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_bounded_and_printable(text in "\\PC{0,4000}|(.|\\n|Bearer |code=|eyJ){0,900}") {
            let got = redact(&text);
            prop_assert!(got.len() <= TEXT_MAX_BYTES);
            prop_assert!(got.chars().all(|c| c == '\n' || !c.is_control()));
        }
    }
}
