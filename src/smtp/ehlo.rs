//! What a server says it can do (RFC 5321 §4.1.1.1).

use crate::model::Reply;

/// The extensions of an EHLO reply that matter to us.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// RFC 1870: present if offered; the largest message in octets, 0 for none fixed.
    pub size: Option<u64>,
    /// RFC 2920.
    pub pipelining: bool,
    /// RFC 6152.
    pub eight_bit_mime: bool,
    /// RFC 6531.
    pub smtp_utf8: bool,
    /// RFC 3207.
    pub starttls: bool,
    /// RFC 4954: the mechanisms in upper case, in the server's order.
    pub auth: Vec<String>,
}

impl Capabilities {
    /// Reads a reply to EHLO; its first line is the server's greeting. Letter case is free.
    pub fn parse(reply: &Reply) -> Self {
        let mut capabilities = Self::default();
        for line in reply.text.lines().skip(1) {
            let line = line.to_ascii_uppercase();
            // "AUTH=LOGIN" is an old form that servers send besides the right one.
            let mut words = line.split([' ', '=']).filter(|word| !word.is_empty());
            match words.next() {
                Some("SIZE") => {
                    let limit = words.next().and_then(|digits| digits.parse().ok());
                    capabilities.size = Some(limit.unwrap_or(0));
                }
                Some("PIPELINING") => capabilities.pipelining = true,
                Some("8BITMIME") => capabilities.eight_bit_mime = true,
                Some("SMTPUTF8") => capabilities.smtp_utf8 = true,
                Some("STARTTLS") => capabilities.starttls = true,
                Some("AUTH") => capabilities.add_mechanisms(words),
                _ => {}
            }
        }
        capabilities
    }

    /// Whether the server offers the SASL mechanism, given in upper case.
    pub fn offers(&self, mechanism: &str) -> bool {
        self.auth.iter().any(|offered| offered == mechanism)
    }

    fn add_mechanisms<'a>(&mut self, mechanisms: impl Iterator<Item = &'a str>) {
        for mechanism in mechanisms {
            if !self.offers(mechanism) {
                self.auth.push(mechanism.to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_exchange_offers_in_any_case() {
        let text = "HOST Hello [203.0.113.7]\nSIZE 157286400\npipelining\nDSN\nEnhancedStatusCodes\n\
                    auth LOGIN xoauth2\nAUTH=LOGIN\n8BitMime\nBINARYMIME\nCHUNKING\nSMTPUTF8";
        let capabilities = Capabilities::parse(&Reply::new(250, text));
        assert_eq!(
            capabilities,
            Capabilities {
                size: Some(157_286_400),
                pipelining: true,
                eight_bit_mime: true,
                smtp_utf8: true,
                starttls: false,
                auth: vec!["LOGIN".to_owned(), "XOAUTH2".to_owned()],
            }
        );
    }

    #[test]
    fn the_greeting_line_offers_nothing() {
        let capabilities = Capabilities::parse(&Reply::new(250, "STARTTLS AUTH PLAIN"));
        assert_eq!(capabilities, Capabilities::default());
        assert_eq!(
            Capabilities::parse(&Reply::new(250, "x\nSIZE")).size,
            Some(0)
        );
    }
}
