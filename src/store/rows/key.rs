//! Keys as bytes that sort as the keys do.
//!
//! Numbers are big-endian, times with their sign flipped; a text ends in two zero bytes, and a zero
//! byte within it is followed by 255, so that a text sorts before every longer one that begins
//! with it. Parts of a key follow one another: the first ones are a prefix of all that have them.

use crate::model::message::Priority;
use crate::model::{
    AccessKeyId, MailboxKey, MessageId, RequestId, ServiceId, TenantKey, Timestamp,
};

/// A key that can be written as bytes in its own order, and read back.
pub trait Key: Sized {
    /// Appends the bytes.
    fn write(&self, bytes: &mut Vec<u8>);
    /// Takes the key from the front of `bytes`; none when they hold no such key.
    fn read(bytes: &mut &[u8]) -> Option<Self>;
}

impl Key for () {
    fn write(&self, _: &mut Vec<u8>) {}

    fn read(_: &mut &[u8]) -> Option<Self> {
        Some(())
    }
}

impl<const N: usize> Key for [u8; N] {
    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(self);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let (head, tail) = bytes.split_first_chunk()?;
        *bytes = tail;
        Some(*head)
    }
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Key for $number {
            fn write(&self, bytes: &mut Vec<u8>) {
                self.to_be_bytes().write(bytes);
            }

            fn read(bytes: &mut &[u8]) -> Option<Self> {
                Some(Self::from_be_bytes(Key::read(bytes)?))
            }
        }
    )*};
}

numbers!(u8, u32, u64);

const SIGN: u64 = 1 << 63;

impl Key for Timestamp {
    fn write(&self, bytes: &mut Vec<u8>) {
        (self.unix_micros().cast_unsigned() ^ SIGN).write(bytes);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let flipped = u64::read(bytes)?;
        Some(Self::from_unix_micros((flipped ^ SIGN).cast_signed()))
    }
}

impl Key for Priority {
    fn write(&self, bytes: &mut Vec<u8>) {
        let rank: u8 = match self {
            Self::High => 0,
            Self::Normal => 1,
            Self::Bulk => 2,
        };
        rank.write(bytes);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        match u8::read(bytes)? {
            0 => Some(Self::High),
            1 => Some(Self::Normal),
            2 => Some(Self::Bulk),
            _ => None,
        }
    }
}

macro_rules! texts {
    ($($text:ty: $parse:expr),* $(,)?) => {$(
        impl Key for $text {
            fn write(&self, bytes: &mut Vec<u8>) {
                write_text(self.as_str(), bytes);
            }

            fn read(bytes: &mut &[u8]) -> Option<Self> {
                let parse: fn(&str) -> Option<Self> = $parse;
                parse(&read_text(bytes)?)
            }
        }
    )*};
}

texts! {
    String: |text| Some(text.to_owned()),
    ServiceId: |text| text.parse().ok(),
    RequestId: |text| text.parse().ok(),
    MailboxKey: |text| {
        let (host, login) = text.split_once('/')?;
        Some(MailboxKey::new(host, login))
    },
    TenantKey: |text| {
        let (host, domain) = text.split_once('/')?;
        Some(TenantKey::new(host, domain))
    },
}

macro_rules! fixed_texts {
    ($($text:ty),*) => {$(
        /// Always 26 characters, so nothing needs to end it.
        impl Key for $text {
            fn write(&self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(self.as_str().as_bytes());
            }

            fn read(bytes: &mut &[u8]) -> Option<Self> {
                let text: [u8; 26] = Key::read(bytes)?;
                str::from_utf8(&text).ok()?.parse().ok()
            }
        }
    )*};
}

fixed_texts!(MessageId, AccessKeyId);

macro_rules! tuples {
    ($(($($part:ident $index:tt),*)),*) => {$(
        impl<$($part: Key),*> Key for ($($part,)*) {
            fn write(&self, bytes: &mut Vec<u8>) {
                $(self.$index.write(bytes);)*
            }

            fn read(bytes: &mut &[u8]) -> Option<Self> {
                Some(($($part::read(bytes)?,)*))
            }
        }
    )*};
}

tuples!((A 0, B 1), (A 0, B 1, C 2), (A 0, B 1, C 2, D 3), (A 0, B 1, C 2, D 3, E 4));

fn write_text(text: &str, bytes: &mut Vec<u8>) {
    for (index, part) in text.split('\0').enumerate() {
        if index > 0 {
            bytes.extend_from_slice(&[0, 255]);
        }
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes.extend_from_slice(&[0, 0]);
}

fn read_text(bytes: &mut &[u8]) -> Option<String> {
    let mut text = Vec::new();
    loop {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        if *first == 0 {
            let (second, rest) = bytes.split_first()?;
            *bytes = rest;
            if *second == 0 {
                return String::from_utf8(text).ok();
            }
        }
        text.push(*first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes(key: &impl Key) -> Vec<u8> {
        let mut bytes = Vec::new();
        key.write(&mut bytes);
        bytes
    }

    fn agree<K: Key + Ord + std::fmt::Debug>(a: &K, b: &K) -> Result<(), TestCaseError> {
        prop_assert_eq!(a.cmp(b), bytes(a).cmp(&bytes(b)));
        let written = bytes(a);
        let mut rest = written.as_slice();
        let read = K::read(&mut rest);
        prop_assert_eq!(read.as_ref(), Some(a));
        prop_assert!(rest.is_empty());
        Ok(())
    }

    fn time() -> impl Strategy<Value = Timestamp> {
        prop_oneof![
            any::<i64>().prop_map(Timestamp::from_unix_micros),
            (-2i64..2).prop_map(Timestamp::from_unix_micros)
        ]
    }

    fn mailbox() -> impl Strategy<Value = MailboxKey> {
        "[a\u{0}\u{1}é]{0,3}".prop_map(|login| MailboxKey::new("host", &login))
    }

    fn message() -> impl Strategy<Value = MessageId> {
        (time(), any::<[u8; 10]>()).prop_map(|(time, noise)| MessageId::generate(time, noise))
    }

    fn priority() -> impl Strategy<Value = Priority> {
        prop::sample::select(vec![Priority::High, Priority::Normal, Priority::Bulk])
    }

    fn service() -> impl Strategy<Value = ServiceId> {
        "[a-b][a-b-]{2,4}".prop_map(|text| text.parse().unwrap())
    }

    fn due() -> impl Strategy<Value = (ServiceId, Priority, String, Timestamp, MessageId)> {
        (service(), priority(), "[ab]{0,2}", time(), message())
    }

    fn request() -> impl Strategy<Value = (ServiceId, RequestId)> {
        (
            service(),
            "[!-~]{1,4}".prop_map(|text: String| text.parse().unwrap()),
        )
    }

    proptest! {
        #[test]
        fn bytes_sort_as_keys_do(
            due in (due(), due()),
            request in (request(), request()),
            mailbox in (mailbox(), mailbox()),
            numbered in ((message(), any::<u32>()), (message(), any::<u32>())),
            number: (u64, u64),
        ) {
            agree(&due.0, &due.1)?;
            agree(&request.0, &request.1)?;
            agree(&mailbox.0, &mailbox.1)?;
            agree(&numbered.0, &numbered.1)?;
            agree(&number.0, &number.1)?;
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes: Vec<u8>) {
            let _ = <(ServiceId, Priority, String, Timestamp, MessageId)>::read(&mut bytes.as_slice());
            let _ = <(MailboxKey, RequestId)>::read(&mut bytes.as_slice());
        }
    }
}
