//! Header lines: folded at spaces to 76 octets, encoded by RFC 2047 wherever plain ASCII won't do.
//!
//! Promises that one call gives one header, whatever the value holds, with no line over 998
//! octets. Deliberately doesn't know which headers a message has.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::WORD_MAX_OCTETS;
use crate::model::Mailbox;

/// A line longer than this is folded where a space allows it (RFC 5322 §2.1.1).
const FOLD_OCTETS: usize = 76;

/// The octets of text in one encoded word: 72 octets when written, of the 75 allowed.
const CHUNK_OCTETS: usize = 45;

/// A header of free text, which reads back exactly as given.
pub(super) fn text(name: &str, value: &str) -> String {
    if reads_back(value) {
        verbatim(name, value)
    } else {
        fold(name, encoded_words(name.len(), value))
    }
}

/// A header whose ASCII value stays as it is, since it may have a structure; other values are
/// encoded as a whole.
pub(super) fn verbatim(name: &str, value: &str) -> String {
    let words = words(value);
    if value.is_ascii() && words.iter().all(|word| word.len() <= WORD_MAX_OCTETS) {
        fold(name, words)
    } else {
        fold(name, encoded_words(name.len(), value))
    }
}

/// A header of addresses with their names; nothing for none.
pub(super) fn addresses<'a>(
    name: &str,
    mailboxes: impl IntoIterator<Item = &'a Mailbox>,
) -> String {
    let mut tokens: Vec<String> = Vec::new();
    for mailbox in mailboxes {
        if let Some(last) = tokens.last_mut() {
            last.push(',');
        }
        if mailbox.name.is_empty() {
            tokens.push(mailbox.address.to_string());
        } else {
            tokens.extend(phrase(name, &mailbox.name));
            tokens.push(format!("<{}>", mailbox.address));
        }
    }
    if tokens.is_empty() {
        String::new()
    } else {
        fold(name, tokens)
    }
}

/// A display name: a quoted string if it is plain and short, else encoded words.
fn phrase(header: &str, name: &str) -> Vec<String> {
    if reads_back(name) && name.len() <= FOLD_OCTETS / 2 {
        vec![format!(
            "\"{}\"",
            name.replace('\\', "\\\\").replace('"', "\\\"")
        )]
    } else {
        encoded_words(header.len(), name)
    }
}

/// Whether every reader takes the text as it is: ASCII without spaces that folding or trimming could
/// lose, and without what looks like an encoded word.
fn reads_back(text: &str) -> bool {
    let printable = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    printable && text.trim() == text && !text.contains("  ") && !text.contains("=?")
}

/// Joins tokens by spaces into one header, going to a new line before a token that doesn't fit.
fn fold(name: &str, tokens: Vec<String>) -> String {
    let mut out = format!("{name}:");
    let mut line_octets = out.len();
    for (index, token) in tokens.iter().enumerate() {
        if index > 0 && line_octets + 1 + token.len() > FOLD_OCTETS {
            out.push_str("\r\n");
            line_octets = 0;
        }
        out.push(' ');
        out.push_str(token);
        line_octets += 1 + token.len();
    }
    out.push_str("\r\n");
    out
}

/// Splits at single spaces; further spaces stay in front of the word that they precede, so that no
/// line can consist of spaces alone.
fn words(value: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut pending = String::new();
    for piece in value.trim_matches(' ').split(' ') {
        if piece.is_empty() {
            pending.push(' ');
        } else {
            words.push(format!("{pending}{piece}"));
            pending.clear();
        }
    }
    words
}

/// The text as encoded words (RFC 2047 §2), none of which splits a character; the first leaves room
/// for the header's name.
fn encoded_words(name_octets: usize, text: &str) -> Vec<String> {
    let mut room = (FOLD_OCTETS.saturating_sub(name_octets + 14) / 4 * 3).clamp(6, CHUNK_OCTETS);
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = (1..=room.min(rest.len()))
            .rev()
            .find(|&at| rest.is_char_boundary(at));
        let (chunk, after) = rest.split_at(end.expect("a character has four octets, the room six"));
        words.push(format!("=?utf-8?b?{}?=", STANDARD.encode(chunk)));
        rest = after;
        room = CHUNK_OCTETS;
    }
    words
}
