//! A message out of flags and files.

use std::path::Path;

use mail_parser::MessageParser;

use super::Send;
use crate::cli::remote::read;
use crate::cli::{Failed, USAGE, wrong_file};
use crate::rpc::proto::v1;

impl Send {
    /// The message that the flags describe.
    ///
    /// # Errors
    /// When a file can't be read, or there is no body.
    pub(super) fn email(&self) -> Result<v1::Email, Failed> {
        let text = match (&self.text, &self.text_file) {
            (Some(text), _) => text.clone(),
            (None, Some(path)) if path == Path::new("-") => {
                std::io::read_to_string(std::io::stdin())?
            }
            (None, Some(path)) => read(path)?,
            (None, None) => String::new(),
        };
        let html = self
            .html_file
            .as_deref()
            .map(read)
            .transpose()?
            .unwrap_or_default();
        if text.is_empty() && html.is_empty() {
            let why = "the message has no body: give --text, --text-file or --html-file";
            return Err(Failed::new(USAGE, why));
        }
        let attachments: Result<_, _> = self.attach.iter().map(|path| attachment(path)).collect();
        let headers = self.header.iter().map(|(name, value)| v1::Header {
            name: name.clone(),
            value: value.clone(),
        });
        let all = |addresses: &[String]| addresses.iter().map(|text| address(text)).collect();
        Ok(v1::Email {
            to: all(&self.to),
            cc: all(&self.cc),
            bcc: all(&self.bcc),
            from: self.from.as_deref().map(address),
            reply_to: self.reply_to.as_deref().map(address),
            subject: self.subject.clone(),
            text_body: text,
            html_body: html,
            attachments: attachments?,
            headers: headers.collect(),
        })
    }

    /// The finished message in this file, with CRLF line ends as mail has them.
    ///
    /// # Errors
    /// When it can't be read, or is for nobody.
    pub(super) fn mime(&self, path: &Path) -> Result<v1::Mime, Failed> {
        let at = |why: String| Failed::new(USAGE, format!("{}: {why}", path.display()));
        let bytes = std::fs::read(path).map_err(|error| at(error.to_string()))?;
        let content = crlf(&bytes);
        let to = match self.to.is_empty() {
            false => self.to.iter().map(|text| address(text).address).collect(),
            true => {
                let message = MessageParser::default()
                    .parse(&content)
                    .ok_or_else(|| at("it is no message".to_owned()))?;
                let named = [message.to(), message.cc()].into_iter().flatten();
                let all = named.flat_map(|list| list.iter());
                all.filter_map(|one| one.address().map(str::to_owned))
                    .collect()
            }
        };
        if Vec::is_empty(&to) {
            return Err(at("it names no recipient: give --to".to_owned()));
        }
        let from = self.from.as_deref().map(|text| address(text).address);
        Ok(v1::Mime {
            content: content.into(),
            envelope: Some(v1::Envelope {
                from: from.unwrap_or_default(),
                to,
            }),
        })
    }
}

/// `ADDRESS`, or `Name <ADDRESS>`. The server says what is wrong with it.
pub(super) fn address(text: &str) -> v1::Address {
    let text = text.trim();
    match text
        .strip_suffix('>')
        .and_then(|rest| rest.rsplit_once('<'))
    {
        Some((name, address)) => v1::Address {
            address: address.to_owned(),
            name: name.trim().trim_matches('"').to_owned(),
        },
        None => v1::Address {
            address: text.to_owned(),
            name: String::new(),
        },
    }
}

fn attachment(path: &Path) -> Result<v1::Attachment, Failed> {
    let content = std::fs::read(path).map_err(|error| wrong_file(path, error))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let ending = path
        .extension()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase();
    let kind = match ending.as_str() {
        "pdf" => "application/pdf",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "txt" | "log" => "text/plain",
        "csv" => "text/csv",
        "html" => "text/html",
        "ics" => "text/calendar",
        "zip" => "application/zip",
        _ => "",
    };
    Ok(v1::Attachment {
        filename: name.into_owned(),
        content_type: kind.to_owned(),
        content: content.into(),
        content_id: String::new(),
    })
}

/// Lone line feeds, as an editor leaves them, become CRLF.
fn crlf(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 32);
    let mut before = 0;
    for &byte in bytes {
        if byte == b'\n' && before != b'\r' {
            out.push(b'\r');
        }
        out.push(byte);
        before = byte;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_have_a_name() {
        let found = address("\"Ada L.\" <ada@example.com>");
        assert_eq!(
            (found.name.as_str(), found.address.as_str()),
            ("Ada L.", "ada@example.com")
        );
        assert_eq!(address(" ada@example.com ").address, "ada@example.com");
    }

    #[test]
    fn line_feeds_become_crlf_once() {
        assert_eq!(crlf(b"a\nb\r\nc"), b"a\r\nb\r\nc");
    }
}
