//! Reads replies out of bytes as they come (RFC 5321 §4.2), within bounds.
//!
//! The errors hold nothing of what the peer sent: it may be no SMTP server, and what it says is
//! none of the caller's business.

use crate::model::Reply;
use crate::model::reply::split_enhanced;

/// Longest line with its end. RFC 5321 says 512; Exchange's refusals run to kilobytes.
pub const LINE_MAX_BYTES: usize = 16 * 1024;
/// Longest whole reply.
pub const REPLY_MAX_BYTES: usize = 64 * 1024;
/// Most lines of one reply.
pub const REPLY_MAX_LINES: usize = 500;

/// Bytes that came in and the reply that they begin.
#[derive(Default)]
pub struct ReplyReader {
    buffer: Vec<u8>,
    /// So much of the buffer holds no line end.
    scanned: usize,
    partial: Option<Partial>,
}

struct Partial {
    code: u16,
    enhanced: Option<(u16, u16, u16)>,
    text: String,
    bytes: usize,
    lines: usize,
}

impl ReplyReader {
    /// Adds what was read. To stay within bounds, call it only when [`ReplyReader::next`] has
    /// nothing left, with chunks of a few KiB.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Whether nothing is waiting, not even the beginning of a reply.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty() && self.partial.is_none()
    }

    /// The next whole reply, if it has arrived.
    ///
    /// # Errors
    /// Why these bytes are no reply; the reader is of no use afterwards.
    pub fn next_reply(&mut self) -> Result<Option<Reply>, &'static str> {
        while let Some(line) = self.next_line()? {
            if let Some(reply) = self.take(&line)? {
                return Ok(Some(reply));
            }
        }
        Ok(None)
    }

    fn next_line(&mut self) -> Result<Option<Vec<u8>>, &'static str> {
        let end = self.buffer[self.scanned..].iter().position(|b| *b == b'\n');
        let length = end.map_or(self.buffer.len(), |end| self.scanned + end + 1);
        if length > LINE_MAX_BYTES {
            return Err("the server sent a line of more than 16 KiB");
        }
        if end.is_none() {
            self.scanned = length;
            return Ok(None);
        }
        let rest = self.buffer.split_off(length);
        self.scanned = 0;
        Ok(Some(std::mem::replace(&mut self.buffer, rest)))
    }

    fn take(&mut self, line: &[u8]) -> Result<Option<Reply>, &'static str> {
        let (code, is_last, text) = parse_line(line).ok_or("what the server sent is not SMTP")?;
        let (enhanced, rest) = split_enhanced(&text);
        let partial = self.partial.get_or_insert_with(|| Partial {
            code,
            enhanced,
            text: String::new(),
            bytes: 0,
            lines: 0,
        });
        if partial.code != code {
            return Err("the server changed the code within a reply");
        }
        partial.bytes += line.len();
        partial.lines += 1;
        if partial.bytes > REPLY_MAX_BYTES || partial.lines > REPLY_MAX_LINES {
            return Err("the server sent a reply of more than 64 KiB or 500 lines");
        }
        if partial.lines > 1 {
            partial.text.push('\n');
        }
        // Each line repeats the enhanced code (RFC 2034 §4); the reply has it once, wherever it is.
        partial.enhanced = partial.enhanced.or(enhanced);
        let repeats = enhanced.is_some() && enhanced == partial.enhanced;
        partial.text.push_str(if repeats { rest } else { &text });
        if !is_last {
            return Ok(None);
        }
        Ok(self.partial.take().map(|partial| Reply {
            code: partial.code,
            enhanced: partial.enhanced,
            text: partial.text,
        }))
    }
}

/// Code, whether it is the last line, and the text without line end and control characters.
fn parse_line(line: &[u8]) -> Option<(u16, bool, String)> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let (digits, rest) = line.split_at_checked(3)?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let code: u16 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    let (is_last, text) = match rest {
        [] => (true, rest),
        [b' ', text @ ..] => (true, text),
        [b'-', text @ ..] => (false, text),
        _ => return None,
    };
    let text = String::from_utf8_lossy(text).replace(|c: char| c.is_control() && c != '\t', " ");
    (200..600).contains(&code).then_some((code, is_last, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Phase;
    use crate::model::catalogue::Subject;
    use crate::model::verdict::{Then, judge};

    fn read(bytes: &[u8]) -> Result<Option<Reply>, &'static str> {
        let mut reader = ReplyReader::default();
        // One byte at a time: no reply may depend on how the network cuts it.
        for byte in bytes {
            reader.extend(&[*byte]);
            if let Some(reply) = reader.next_reply()? {
                return Ok(Some(reply));
            }
        }
        Ok(None)
    }

    #[test]
    fn the_lines_of_a_reply_become_one_text() {
        let reply = read(b"550-5.7.1 first\r\n550-5.7.1 second\r\n550 5.7.1 third\r\n");
        let reply = reply.unwrap().unwrap();
        assert_eq!(reply.provider_code(), "550 5.7.1");
        assert_eq!(reply.text, "first\nsecond\nthird");
        assert_eq!(read(b"250\r\n").unwrap().unwrap(), Reply::new(250, ""));
        assert_eq!(read(b"250 a\rb\x1b[1m\n").unwrap().unwrap().text, "a b [1m");
    }

    #[test]
    fn an_enhanced_code_counts_in_whatever_line_it_stands() {
        let reply =
            read(b"550-Daily limit exceeded\r\n550-5.4.5 sending limits\r\n550 5.4.5 end\r\n");
        let reply = reply.unwrap().unwrap();
        assert_eq!(reply.provider_code(), "550 5.4.5");
        assert_eq!(reply.text, "Daily limit exceeded\nsending limits\nend");
        let first = read(b"550-5.7.1 one\r\n550 5.1.1 other\r\n")
            .unwrap()
            .unwrap();
        assert_eq!(first.text, "one\n5.1.1 other");
    }

    #[test]
    fn googles_lines_mean_what_they_say_in_one() {
        for bytes in [
            &b"535-5.7.8 Username and Password not accepted. Learn more at\r\n535 5.7.8  https://support.google.com/mail/?p=BadCredentials id - gsmtp\r\n"[..],
            b"535 5.7.8 Username and Password not accepted. Learn more at https://support.google.com/mail/?p=BadCredentials id - gsmtp\r\n",
            b"535-5.7.8 Username and Password\n535-5.7.8 not\n535 5.7.8 accepted.\n",
        ] {
            let reply = read(bytes).unwrap().unwrap();
            let verdict = judge(&reply, Phase::Authenticate, &Subject::default());
            assert_eq!(verdict.then, Then::Reauthenticate);
            let said = verdict.diagnosis;
            assert_eq!(said.help_url, "https://support.google.com/mail/?p=BadCredentials");
            assert_eq!(said.provider_code, "535 5.7.8");
        }
    }

    #[test]
    fn what_is_no_reply_is_refused() {
        for bad in [
            "HTTP/1.1 400 Bad Request\r\n",
            "\r\n",
            "25\r\n",
            "199 x\r\n",
            "600 x\r\n",
            "250x\r\n",
            "2 0 x\r\n",
        ] {
            assert!(read(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert!(read(b"250-a\r\n251 b\r\n").is_err());
    }

    #[test]
    fn lines_and_replies_are_bounded() {
        assert!(read(&vec![b'2'; LINE_MAX_BYTES]).unwrap().is_none());
        assert!(read(&vec![b'2'; LINE_MAX_BYTES + 1]).is_err());
        assert!(read("250-x\r\n".repeat(REPLY_MAX_LINES).as_bytes()).is_ok());
        assert!(read("250-x\r\n".repeat(REPLY_MAX_LINES + 1).as_bytes()).is_err());
        let long = format!("250-{}\r\n", "x".repeat(8_000));
        assert!(read(long.repeat(8).as_bytes()).is_ok());
        assert!(read(long.repeat(9).as_bytes()).is_err());
    }
}
