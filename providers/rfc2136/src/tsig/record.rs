//! The TSIG record at the end of an encoded message (RFC 8945 section 4.2).

/// Type number of TSIG.
const TSIG: u16 = 250;
/// Class number of ANY.
const ANY: u16 = 255;
/// Bytes of a message's header.
const HEADER: usize = 12;
/// Where the header counts additional records.
const ARCOUNT: usize = 10;
/// Longest name in a message (RFC 1035 section 2.3.4).
const NAME_MAX: usize = 255;

/// A message that cannot be read, or whose TSIG is not where it must be.
///
/// A server answers FORMERR (RFC 8945 section 5.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("malformed message: {0}")]
pub struct Malformed(pub(super) &'static str);

/// The fields of a TSIG record. Names are uncompressed, in lower case.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Tsig {
    pub key: Vec<u8>,
    pub algorithm: Vec<u8>,
    /// Seconds since 1970, 48 bits.
    pub time: u64,
    pub fudge: u16,
    pub mac: Vec<u8>,
    pub original_id: u16,
    pub error: u16,
    pub other: Vec<u8>,
}

impl Tsig {
    /// The fields that the MAC covers besides the message (section 4.3.3).
    pub(super) fn variables(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.key.len() + self.algorithm.len() + 32);
        bytes.extend_from_slice(&self.key);
        bytes.extend_from_slice(&ANY.to_be_bytes());
        bytes.extend_from_slice(&0u32.to_be_bytes());
        bytes.extend_from_slice(&self.algorithm);
        bytes.extend_from_slice(&self.timers());
        bytes.extend_from_slice(&self.error.to_be_bytes());
        bytes.extend_from_slice(&length(&self.other).to_be_bytes());
        bytes.extend_from_slice(&self.other);
        bytes
    }

    fn timers(&self) -> [u8; 8] {
        let mut bytes = [0; 8];
        bytes[..6].copy_from_slice(&self.time.to_be_bytes()[2..]);
        bytes[6..].copy_from_slice(&self.fudge.to_be_bytes());
        bytes
    }

    /// The server's clock, which a BADTIME error carries (section 5.2.3).
    pub(super) fn server_time(&self) -> Option<u64> {
        let bytes: [u8; 6] = self.other.as_slice().try_into().ok()?;
        Some(bytes.iter().fold(0, |time, byte| time << 8 | u64::from(*byte)))
    }

    /// Appends the record to an encoded message that has none.
    pub(super) fn append(&self, message: &[u8]) -> Result<Vec<u8>, Malformed> {
        let count = be16(message, ARCOUNT).ok_or(Malformed("no header"))?;
        let count = count
            .checked_add(1)
            .ok_or(Malformed("too many additional records"))?;
        let mut data = Vec::with_capacity(self.algorithm.len() + self.mac.len() + self.other.len() + 16);
        data.extend_from_slice(&self.algorithm);
        data.extend_from_slice(&self.timers());
        data.extend_from_slice(&length(&self.mac).to_be_bytes());
        data.extend_from_slice(&self.mac);
        data.extend_from_slice(&self.original_id.to_be_bytes());
        data.extend_from_slice(&self.error.to_be_bytes());
        data.extend_from_slice(&length(&self.other).to_be_bytes());
        data.extend_from_slice(&self.other);

        let mut signed = Vec::with_capacity(message.len() + self.key.len() + data.len() + 10);
        signed.extend_from_slice(message);
        signed[ARCOUNT..ARCOUNT + 2].copy_from_slice(&count.to_be_bytes());
        signed.extend_from_slice(&self.key);
        signed.extend_from_slice(&TSIG.to_be_bytes());
        signed.extend_from_slice(&ANY.to_be_bytes());
        signed.extend_from_slice(&0u32.to_be_bytes());
        signed.extend_from_slice(&length(&data).to_be_bytes());
        signed.extend_from_slice(&data);
        if signed.len() > usize::from(u16::MAX) {
            return Err(Malformed("over 65535 bytes with its signature"));
        }
        Ok(signed)
    }
}

/// Parts a message from its TSIG record. The message is as it was before it was
/// signed: one additional record less, and the original ID.
///
/// # Errors
/// [`Malformed`], also if a TSIG is not the very last record.
pub(super) fn split(message: &[u8]) -> Result<(Vec<u8>, Option<Tsig>), Malformed> {
    const SHORT: Malformed = Malformed("ends early");
    let count = |at| be16(message, at).map(usize::from).ok_or(SHORT);
    let (questions, records) = (count(4)?, count(6)? + count(8)? + count(ARCOUNT)?);
    let mut at = HEADER;
    for _ in 0..questions {
        at = skip_name(message, at)? + 4;
    }
    let mut last = None;
    for index in 0..records {
        let start = at;
        let fixed = skip_name(message, at)?;
        let kind = be16(message, fixed).ok_or(SHORT)?;
        let data = fixed + 10;
        let end = data + count(fixed + 8)?;
        if end > message.len() {
            return Err(SHORT);
        }
        if kind == TSIG {
            if index + 1 != records || count(ARCOUNT)? == 0 {
                return Err(Malformed("its TSIG is not the last additional record"));
            }
            last = Some((start, fixed, data..end));
        }
        at = end;
    }
    if at != message.len() {
        return Err(if at > message.len() {
            SHORT
        } else {
            Malformed("bytes after the last record")
        });
    }
    let Some((start, fixed, data)) = last else {
        return Ok((message.to_vec(), None));
    };
    if be16(message, fixed + 2) != Some(ANY) || message.get(fixed + 4..fixed + 8) != Some(&[0; 4]) {
        return Err(Malformed("the class of its TSIG is not ANY, or its TTL not 0"));
    }
    let tsig = parse(message, start, data)?;
    let mut plain = message[..start].to_vec();
    // a TSIG was counted, so the count is not 0
    plain[ARCOUNT..ARCOUNT + 2].copy_from_slice(&(count(ARCOUNT)? as u16 - 1).to_be_bytes());
    plain[..2].copy_from_slice(&tsig.original_id.to_be_bytes());
    Ok((plain, Some(tsig)))
}

fn parse(message: &[u8], start: usize, data: std::ops::Range<usize>) -> Result<Tsig, Malformed> {
    const SHORT: Malformed = Malformed("the fields of its TSIG end early");
    let (key, _) = name(message, start)?;
    let (algorithm, mut at) = name(message, data.start)?;
    let mut take = |len: usize| {
        let field = message[..data.end].get(at..at + len).ok_or(SHORT)?;
        at += len;
        Ok(field)
    };
    let time = take(6)?.iter().fold(0, |time, byte| time << 8 | u64::from(*byte));
    let number = |bytes: &[u8]| u16::from_be_bytes([bytes[0], bytes[1]]);
    let fudge = number(take(2)?);
    let mac_len = number(take(2)?);
    let mac = take(usize::from(mac_len))?.to_vec();
    let original_id = number(take(2)?);
    let error = number(take(2)?);
    let other_len = number(take(2)?);
    let other = take(usize::from(other_len))?.to_vec();
    if at != data.end {
        return Err(Malformed("bytes after the fields of its TSIG"));
    }
    Ok(Tsig {
        key,
        algorithm,
        time,
        fudge,
        mac,
        original_id,
        error,
        other,
    })
}

/// A name in lower case without compression, and where the message goes on.
fn name(message: &[u8], start: usize) -> Result<(Vec<u8>, usize), Malformed> {
    const BAD: Malformed = Malformed("a name cannot be read");
    let mut wire = Vec::new();
    let (mut at, mut after) = (start, None);
    loop {
        let len = usize::from(*message.get(at).ok_or(BAD)?);
        match len {
            0 => {
                wire.push(0);
                return Ok((wire, after.unwrap_or(at + 1)));
            }
            1..=63 => {
                let label = message.get(at..at + 1 + len).ok_or(BAD)?;
                wire.extend(label.iter().map(u8::to_ascii_lowercase));
                at += 1 + len;
            }
            0xc0.. => {
                let target = usize::from(be16(message, at).ok_or(BAD)? & 0x3fff);
                // only backwards, so that it ends
                if target >= at {
                    return Err(BAD);
                }
                after = after.or(Some(at + 2));
                at = target;
            }
            _ => return Err(BAD),
        }
        if wire.len() >= NAME_MAX {
            return Err(BAD);
        }
    }
}

fn skip_name(message: &[u8], start: usize) -> Result<usize, Malformed> {
    name(message, start).map(|(_, after)| after)
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

/// Length of a field; none of ours comes near 64 KiB, and `append` refuses more.
fn length(field: &[u8]) -> u16 {
    u16::try_from(field.len()).unwrap_or(u16::MAX)
}
