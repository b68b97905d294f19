//! Dot-stuffing (RFC 5321 §4.5.2) of a message that comes in pieces.

/// Remembers how the message ended so far.
pub struct Stuffing {
    tail: [u8; 2],
}

impl Stuffing {
    /// At the beginning of a message.
    pub fn new() -> Self {
        Self { tail: *b"\r\n" }
    }

    /// Appends `content` to `output`, each line's leading dot doubled. A bare LF counts as a
    /// line's end too, so that no server that takes it for one can be shown a final dot.
    pub fn push(&mut self, content: &[u8], output: &mut Vec<u8>) {
        for line in content.split_inclusive(|byte| *byte == b'\n') {
            if self.tail[1] == b'\n' && line.first() == Some(&b'.') {
                output.push(b'.');
            }
            output.extend_from_slice(line);
            self.tail = match line {
                [.., before, last] => [*before, *last],
                [last] => [self.tail[1], *last],
                [] => self.tail,
            };
        }
    }

    /// The end of the message: the final dot, after a line end if the content has none.
    pub fn end(&self) -> &'static [u8] {
        if self.tail == *b"\r\n" {
            b".\r\n"
        } else {
            b"\r\n.\r\n"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stuffed(pieces: &[&str]) -> String {
        let (mut stuffing, mut output) = (Stuffing::new(), Vec::new());
        for piece in pieces {
            stuffing.push(piece.as_bytes(), &mut output);
        }
        output.extend_from_slice(stuffing.end());
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn dots_are_doubled_and_the_end_is_a_line_of_its_own() {
        assert_eq!(stuffed(&[]), ".\r\n");
        assert_eq!(stuffed(&["a\r\n"]), "a\r\n.\r\n");
        assert_eq!(stuffed(&["a"]), "a\r\n.\r\n");
        assert_eq!(stuffed(&["a\r"]), "a\r\r\n.\r\n");
        assert_eq!(stuffed(&["."]), "..\r\n.\r\n");
        assert_eq!(
            stuffed(&["a\r", "\n", ".", "b", "\r", "\n"]),
            "a\r\n..b\r\n.\r\n"
        );
        assert_eq!(stuffed(&["a\n.\r\n"]), "a\n..\r\n.\r\n");
    }
}
