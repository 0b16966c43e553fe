use std::fmt;

/// The high bit: a CA that does not know the tag must not issue (RFC 8659 4.1).
const CRITICAL: u8 = 0x80;
/// "Bit 0" as RFC 1035 does not count it. Let's Encrypt takes it for the critical flag too.
const MISCOUNTED: u8 = 0x01;

/// One CAA record (RFC 8659 4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    /// All eight; those that are reserved are ignored.
    pub flags: u8,
    /// In whatever case; letters and digits unless the zone is out of order.
    pub tag: Vec<u8>,
    /// Its meaning is the tag's affair.
    pub value: Vec<u8>,
}

impl Property {
    /// Reads the data of a record. One that is shorter than it says is a property that nobody knows.
    pub fn read(octets: &[u8]) -> Self {
        let (flags, rest) = octets.split_first().unwrap_or((&0, &[]));
        let (length, rest) = rest.split_first().unwrap_or((&0, &[]));
        let (tag, value) = rest.split_at_checked(usize::from(*length)).unwrap_or((rest, &[]));
        Property {
            flags: *flags,
            tag: tag.to_vec(),
            value: value.to_vec(),
        }
    }

    /// RFC 8659 4.1: "Matching of tags is case insensitive".
    pub fn has_tag(&self, tag: &str) -> bool {
        self.tag.eq_ignore_ascii_case(tag.as_bytes())
    }

    /// The critical flag.
    pub fn is_critical(&self) -> bool {
        self.flags & CRITICAL != 0
    }

    /// A flag that is reserved, and that some CAs take for the critical one.
    pub fn is_nearly_critical(&self) -> bool {
        !self.is_critical() && self.flags & MISCOUNTED != 0
    }
}

/// As in a zone file, without owner, class and type: `0 issue "ca.example"`.
impl fmt::Display for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.flags)?;
        escaped(f, &self.tag)?;
        f.write_str(" \"")?;
        escaped(f, &self.value)?;
        f.write_str("\"")
    }
}

/// RFC 1035 5.1: what is not printable as `\DDD`.
fn escaped(f: &mut fmt::Formatter<'_>, octets: &[u8]) -> fmt::Result {
    for octet in octets {
        match octet {
            b'"' | b'\\' => write!(f, "\\{}", char::from(*octet))?,
            b' '..=b'~' => write!(f, "{}", char::from(*octet))?,
            other => write!(f, "\\{other:03}")?,
        }
    }
    Ok(())
}
