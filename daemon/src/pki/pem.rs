//! Certificates out of PEM text (RFC 7468) that somebody else wrote.

use openssl::{error::ErrorStack, x509::X509};

/// Longest text taken as a chain: ten large RSA certificates with every extension are under 40 KiB.
pub const MAX_PEM: usize = 256 * 1024;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const CERTIFICATE: &str = "CERTIFICATE-----";

/// Why a text is not a list of certificates.
#[derive(Debug, thiserror::Error)]
pub enum PemError {
    /// Over [`MAX_PEM`].
    #[error("the chain is {size} octets long; {MAX_PEM} are allowed")]
    TooLong {
        /// Its length.
        size: usize,
    },
    /// More certificates than the caller takes.
    #[error("the chain has more than {limit} certificates")]
    TooMany {
        /// The caller's limit.
        limit: usize,
    },
    /// No certificate at all.
    #[error("the text has no certificate")]
    Empty,
    /// A block that is no certificate, such as a private key.
    #[error("line {line}: the text holds something else than certificates")]
    ForeignBlock {
        /// Counted from 1.
        line: usize,
    },
    /// A block without its end.
    #[error("line {line}: a certificate begins here and does not end")]
    Unterminated {
        /// Counted from 1.
        line: usize,
    },
    /// OpenSSL cannot read the block.
    #[error("line {line}: openssl cannot read this certificate: {source}")]
    Certificate {
        /// Where it begins, counted from 1.
        line: usize,
        /// What OpenSSL says.
        source: ErrorStack,
    },
}

/// The certificates in `text`, in order, one to `limit`.
///
/// OpenSSL's own reader skips blocks of other kinds. A server that is given one file for
/// chain and key would use a private key hidden in the chain, so here they are an error.
pub(super) fn certificates(text: &str, limit: usize) -> Result<Vec<X509>, PemError> {
    if text.len() > MAX_PEM {
        return Err(PemError::TooLong { size: text.len() });
    }
    let mut found = Vec::with_capacity(4);
    // where the block that we are in begins: line and octet
    let mut open: Option<(usize, usize)> = None;
    let mut octet = 0;
    for (index, raw) in text.split_inclusive('\n').enumerate() {
        let (start, line) = (octet, index + 1);
        octet += raw.len();
        let trimmed = raw.trim();
        match open {
            None if trimmed.strip_prefix(BEGIN) == Some(CERTIFICATE) => open = Some((line, start)),
            None if trimmed.starts_with("-----") => return Err(PemError::ForeignBlock { line }),
            // RFC 7468 2: text between blocks is for people
            None => {}
            Some((begin, first)) if trimmed.strip_prefix(END) == Some(CERTIFICATE) => {
                if found.len() == limit {
                    return Err(PemError::TooMany { limit });
                }
                let block = &text.as_bytes()[first..octet];
                found.push(
                    X509::from_pem(block).map_err(|source| PemError::Certificate { line: begin, source })?,
                );
                open = None;
            }
            Some((begin, _)) if trimmed.starts_with("-----") => {
                return Err(PemError::Unterminated { line: begin });
            }
            Some(_) => {}
        }
    }
    match open {
        Some((line, _)) => Err(PemError::Unterminated { line }),
        None if found.is_empty() => Err(PemError::Empty),
        None => Ok(found),
    }
}
