//! Update messages (RFC 2136 section 2).

use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::rdata::TXT;
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

/// Room that a signature takes: two names of 255 bytes, a MAC of 64, fields.
const SIGNATURE: usize = 640;
/// Largest message over TCP, without a signature.
const LARGEST: usize = u16::MAX as usize - SIGNATURE;
/// Largest TTL (RFC 2181 section 8).
const TTL_MAX: u32 = 0x7fff_ffff;

/// What becomes of the records of an update.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Change {
    /// Added to what is there (section 2.5.1).
    Add,
    /// Taken away by exact value (section 2.5.4).
    Remove,
}

/// A TXT record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Txt {
    /// Owner name, absolute.
    pub name: Name,
    /// Text of any length, split into strings of 255 bytes.
    pub value: String,
    /// Seconds; of no meaning for [`Change::Remove`].
    pub ttl: u32,
}

/// The update as one message, or as several where one would be over 64 KiB. `None` if
/// a single record is.
#[must_use]
pub fn messages(zone: &Name, change: Change, records: &[Txt]) -> Option<Vec<Message>> {
    let message = message(zone, change, records);
    if message.to_vec().is_ok_and(|bytes| bytes.len() <= LARGEST) {
        return Some(vec![message]);
    }
    if records.len() < 2 {
        return None;
    }
    let (left, right) = records.split_at(records.len() / 2);
    let mut both = messages(zone, change, left)?;
    both.extend(messages(zone, change, right)?);
    Some(both)
}

/// A message with zone section and updates, without prerequisites.
fn message(zone: &Name, change: Change, records: &[Txt]) -> Message {
    // the ID is random
    let mut message = Message::new(Message::query().metadata.id, MessageType::Query, OpCode::Update);
    message.add_query(Query::query(zone.clone(), RecordType::SOA));
    for txt in records {
        let (class, ttl) = match change {
            Change::Add => (DNSClass::IN, txt.ttl.min(TTL_MAX)),
            Change::Remove => (DNSClass::NONE, 0),
        };
        let mut record = Record::from_rdata(txt.name.clone(), ttl, RData::TXT(strings(&txt.value)));
        record.dns_class = class;
        message.add_authority(record);
    }
    message
}

/// A text as strings of at most 255 bytes, of which there is one at least.
fn strings(value: &str) -> TXT {
    let bytes = value.as_bytes();
    if bytes.is_empty() {
        TXT::from_bytes(vec![b""])
    } else {
        TXT::from_bytes(bytes.chunks(255).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> Name {
        Name::from_ascii(text).expect("a name")
    }

    fn txt(value: &str) -> Txt {
        Txt {
            name: name("_acme-challenge.example.org."),
            value: value.to_owned(),
            ttl: 60,
        }
    }

    #[test]
    fn an_addition_is_encoded_as_the_rfc_says() {
        let made = messages(&name("example.org."), Change::Add, &[txt("abc")])
            .expect("fits")
            .remove(0);
        let bytes = made.to_vec().expect("encodes");
        assert_eq!(
            bytes[2..12],
            [0x28, 0, 0, 1, 0, 0, 0, 1, 0, 0],
            "UPDATE, one zone, one update"
        );
        let mut expected = b"\x07example\x03org\x00\x00\x06\x00\x01".to_vec();
        expected
            .extend_from_slice(b"\x0f_acme-challenge\xc0\x0c\x00\x10\x00\x01\x00\x00\x00\x3c\x00\x04\x03abc");
        assert_eq!(bytes[12..], expected);
    }

    #[test]
    fn a_removal_names_the_value_with_class_none_and_ttl_0() {
        let made = messages(&name("example.org."), Change::Remove, &[txt("abc")])
            .expect("fits")
            .remove(0);
        let bytes = made.to_vec().expect("encodes");
        let expected = b"\x0f_acme-challenge\xc0\x0c\x00\x10\x00\xfe\x00\x00\x00\x00\x00\x04\x03abc";
        assert_eq!(bytes[29..], expected[..]);
    }

    #[test]
    fn what_is_over_64_kib_is_split_and_a_record_that_is_has_no_message() {
        let records: Vec<Txt> = (0..40).map(|_| txt(&"v".repeat(4000))).collect();
        let made = messages(&name("example.org."), Change::Add, &records).expect("splits");
        assert!(made.len() > 1);
        assert_eq!(
            made.iter()
                .map(|message| message.authorities.len())
                .sum::<usize>(),
            40
        );
        for message in &made {
            assert!(message.to_vec().expect("encodes").len() <= LARGEST);
        }
        assert!(messages(&name("example.org."), Change::Add, &[txt(&"v".repeat(65_000))]).is_none());
    }

    proptest! {
        #[test]
        fn every_text_comes_back_whole(value in "[ -~]{0,1200}", removed in any::<bool>()) {
            let change = if removed { Change::Remove } else { Change::Add };
            let made = messages(&name("example.org."), change, &[txt(&value)]).expect("fits").remove(0);
            let back = Message::from_vec(&made.to_vec().expect("encodes")).expect("decodes");
            let RData::TXT(text) = &back.authorities[0].data else { panic!("not TXT") };
            prop_assert!(text.txt_data.iter().all(|part| part.len() <= 255));
            prop_assert_eq!(text.txt_data.concat(), value.as_bytes());
        }
    }
}
