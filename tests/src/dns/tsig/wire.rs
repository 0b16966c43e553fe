//! The TSIG record in a message as bytes: the MAC is over bytes, so that nothing may be encoded anew.

/// A message taken apart at its TSIG record, which is the last one (RFC 8945 section 5.1).
#[derive(Debug)]
pub(super) struct Signed<'m> {
    /// Everything before the record; the header still counts it.
    pub(super) before: &'m [u8],
    pub(super) record: TsigRecord,
}

/// RFC 8945 section 4.2. Names are in canonical wire form: lower case, not compressed.
#[derive(Clone, Debug, Default)]
pub(super) struct TsigRecord {
    pub(super) key: Vec<u8>,
    pub(super) algorithm: Vec<u8>,
    pub(super) time: u64,
    pub(super) fudge: u16,
    pub(super) mac: Vec<u8>,
    pub(super) original_id: u16,
    pub(super) error: u16,
    pub(super) other: Vec<u8>,
}

const TYPE_TSIG: u16 = 250;
const CLASS_ANY: u16 = 255;

/// Finds the TSIG record. `Ok(None)` is an unsigned message, `Err` a broken one.
pub(super) fn split(message: &[u8]) -> Result<Option<Signed<'_>>, ()> {
    let mut at = Reader { message, at: 4 };
    let counts = [at.u16()?, at.u16()?, at.u16()?, at.u16()?];
    for _ in 0..counts[0] {
        at.name()?;
        at.take(4)?;
    }
    let records: usize = counts[1..].iter().map(|count| usize::from(*count)).sum();
    for index in 1..=records {
        let start = at.at;
        let key = at.name()?;
        let (kind, class, _ttl, length) = (at.u16()?, at.u16()?, at.take(4)?, at.u16()?);
        if kind != TYPE_TSIG {
            at.take(usize::from(length))?;
            continue;
        }
        let is_last = index == records && counts[3] > 0;
        if !is_last || class != CLASS_ANY {
            return Err(());
        }
        let record = at.rdata(key)?;
        return Ok(Some(Signed {
            before: &message[..start],
            record,
        }));
    }
    Ok(None)
}

impl TsigRecord {
    /// What enters the digest behind the message (section 4.3.3).
    pub(super) fn variables(&self) -> Vec<u8> {
        let mut bytes = self.key.clone();
        bytes.extend(CLASS_ANY.to_be_bytes());
        bytes.extend(0_u32.to_be_bytes());
        bytes.extend(&self.algorithm);
        bytes.extend(&self.time.to_be_bytes()[2..]);
        bytes.extend(self.fudge.to_be_bytes());
        bytes.extend(self.error.to_be_bytes());
        push_counted(&mut bytes, &self.other);
        bytes
    }

    /// The message with this record as its last.
    pub(super) fn append_to(&self, mut message: Vec<u8>) -> Vec<u8> {
        let mut rdata = self.algorithm.clone();
        rdata.extend(&self.time.to_be_bytes()[2..]);
        rdata.extend(self.fudge.to_be_bytes());
        push_counted(&mut rdata, &self.mac);
        rdata.extend(self.original_id.to_be_bytes());
        rdata.extend(self.error.to_be_bytes());
        push_counted(&mut rdata, &self.other);

        message.extend(&self.key);
        message.extend(TYPE_TSIG.to_be_bytes());
        message.extend(CLASS_ANY.to_be_bytes());
        message.extend(0_u32.to_be_bytes());
        push_counted(&mut message, &rdata);
        let additionals = u16::from_be_bytes([message[10], message[11]]).wrapping_add(1);
        message[10..12].copy_from_slice(&additionals.to_be_bytes());
        message
    }
}

impl Signed<'_> {
    /// The message as it was signed: without the record, not counting it, with its first id.
    pub(super) fn unsigned(&self) -> Vec<u8> {
        let mut message = self.before.to_vec();
        message[..2].copy_from_slice(&self.record.original_id.to_be_bytes());
        let additionals = u16::from_be_bytes([message[10], message[11]]).wrapping_sub(1);
        message[10..12].copy_from_slice(&additionals.to_be_bytes());
        message
    }
}

/// Two bytes of length, then the bytes; every use is far shorter than 64 KiB.
fn push_counted(to: &mut Vec<u8>, bytes: &[u8]) {
    to.extend(u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes());
    to.extend(bytes);
}

struct Reader<'m> {
    message: &'m [u8],
    at: usize,
}

impl<'m> Reader<'m> {
    fn take(&mut self, length: usize) -> Result<&'m [u8], ()> {
        let end = self.at.checked_add(length).ok_or(())?;
        let bytes = self.message.get(self.at..end).ok_or(())?;
        self.at = end;
        Ok(bytes)
    }

    fn u16(&mut self) -> Result<u16, ()> {
        let bytes = self.take(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    fn rdata(&mut self, key: Vec<u8>) -> Result<TsigRecord, ()> {
        let algorithm = self.name()?;
        let time = self
            .take(6)?
            .iter()
            .fold(0, |time, byte| (time << 8) | u64::from(*byte));
        let fudge = self.u16()?;
        let mac_length = self.u16()?;
        let mac = self.take(usize::from(mac_length))?.to_vec();
        let (original_id, error, other_length) = (self.u16()?, self.u16()?, self.u16()?);
        let other = self.take(usize::from(other_length))?.to_vec();
        Ok(TsigRecord {
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

    /// Reads a name, following pointers, into canonical form.
    fn name(&mut self) -> Result<Vec<u8>, ()> {
        let mut name = Vec::new();
        let mut back = None;
        loop {
            let at = self.at;
            let length = self.take(1)?[0];
            match length {
                0 => {
                    name.push(0);
                    if let Some(back) = back {
                        self.at = back;
                    }
                    return Ok(name);
                }
                1..=63 => {
                    name.push(length);
                    name.extend(self.take(usize::from(length))?.to_ascii_lowercase());
                    if name.len() > 254 {
                        return Err(());
                    }
                }
                192.. => {
                    let target = (usize::from(length & 0x3f) << 8) | usize::from(self.take(1)?[0]);
                    back.get_or_insert(self.at);
                    // only ever backwards, so that it ends
                    if target >= at {
                        return Err(());
                    }
                    self.at = target;
                }
                _ => return Err(()),
            }
        }
    }
}
