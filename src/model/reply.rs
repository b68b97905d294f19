//! An SMTP server's reply (RFC 5321 §4.2, RFC 2034).

use std::fmt;

use serde::{Deserialize, Serialize};

/// A whole reply: code, enhanced status code and text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// Three digits, 200 to 599.
    pub code: u16,
    /// Class, subject and detail (RFC 3463) where the text of the first line begins with them.
    pub enhanced: Option<(u16, u16, u16)>,
    /// The text of all lines without codes, joined by LF.
    pub text: String,
}

impl Reply {
    /// A reply of one text; the enhanced status code is taken off its front.
    pub fn new(code: u16, text: &str) -> Self {
        let (enhanced, text) = split_enhanced(text);
        Self {
            code,
            enhanced,
            text: text.to_owned(),
        }
    }

    /// A 2xx reply.
    pub fn is_positive(&self) -> bool {
        (200..300).contains(&self.code)
    }

    /// A 5xx reply.
    pub fn is_permanent(&self) -> bool {
        self.code >= 500
    }

    /// The enhanced status code as text, `5.7.139`; empty when there is none.
    pub fn enhanced_text(&self) -> String {
        self.enhanced
            .map_or_else(String::new, |(class, subject, detail)| {
                format!("{class}.{subject}.{detail}")
            })
    }

    /// Code and enhanced status code, `535 5.7.139`, by which people look a refusal up.
    pub fn provider_code(&self) -> String {
        format!("{} {}", self.code, self.enhanced_text())
            .trim_end()
            .to_owned()
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.provider_code(), self.text)
    }
}

/// Splits `5.7.3 Authentication unsuccessful` into its status code and the rest.
pub fn split_enhanced(text: &str) -> (Option<(u16, u16, u16)>, &str) {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    match parse_enhanced(word) {
        Some(code) => (Some(code), rest.trim_start()),
        None => (None, text),
    }
}

fn parse_enhanced(word: &str) -> Option<(u16, u16, u16)> {
    let mut parts = word.split('.').map(|part| {
        let digits =
            !part.is_empty() && part.len() <= 3 && part.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| part.parse::<u16>().ok()).flatten()
    });
    let code = (parts.next()??, parts.next()??, parts.next()??);
    (parts.next().is_none() && matches!(code.0, 2 | 4 | 5)).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_enhanced_code_is_read_where_there_is_one() {
        let reply = Reply::new(535, "5.7.139 Authentication unsuccessful");
        assert_eq!(reply.provider_code(), "535 5.7.139");
        assert_eq!(reply.text, "Authentication unsuccessful");
        for text in [
            "Queued as 1.2.3",
            "3.1.1 odd class",
            "5.7 short",
            "5.7.1.1 long",
            "5.7.9999 big",
            "",
        ] {
            assert_eq!(Reply::new(550, text).enhanced, None, "{text}");
        }
    }
}
