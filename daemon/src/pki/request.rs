use std::collections::BTreeSet;

use openssl::{
    error::ErrorStack,
    nid::Nid,
    pkey::{Id, PKeyRef, Public},
    stack::Stack,
    x509::{GeneralName, X509, X509Req, X509ReqRef},
};

use super::{PublicKey, verdict::is_right};
use crate::types::{Identifier, NameError};

/// Longest text taken: a request for a hundred long names under an RSA key has under 40 KiB.
const MAX_REQUEST: usize = 64 * 1024;
/// Most names that a CA takes in one certificate.
const MAX_NAMES: usize = 100;
/// Baseline Requirements 6.1.5.
const RSA_BITS: std::ops::RangeInclusive<u32> = 2048..=8192;

const BEGIN: &str = "-----BEGIN ";
/// RFC 7468 7, and what older programs write.
const LABELS: [&str; 2] = ["CERTIFICATE REQUEST-----", "NEW CERTIFICATE REQUEST-----"];

/// A certificate request (RFC 2986) that somebody else made, for a key that never comes here:
/// signed by that key, and for DNS names only.
#[derive(Clone, Debug)]
pub struct Csr {
    der: Vec<u8>,
    key: PublicKey,
    identifiers: Vec<Identifier>,
}

/// Why a request cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UnusableCsr {
    /// Over the limit.
    #[error("the request is {0} octets long; {MAX_REQUEST} are allowed")]
    TooLong(usize),
    /// More than one, and which is meant cannot be known.
    #[error("the file holds {0} PEM blocks; it must hold one certificate request and nothing else")]
    Blocks(usize),
    /// Neither form.
    #[error("it is no certificate request (RFC 2986), neither in PEM nor in DER: {0}")]
    Read(ErrorStack),
    /// The key inside did not sign it.
    #[error("the request is not signed by the key that it holds; make it anew")]
    Signature,
    /// A key that CAs refuse.
    #[error(
        "the request is for {0}; use ECDSA (P-256, P-384 or P-521), RSA of 2048 bits or more, or Ed25519"
    )]
    WeakKey(String),
    /// A name that DNS cannot prove.
    #[error("the request asks for {0}, which DNS cannot prove; only DNS names can be asked for")]
    OtherName(String),
    /// A name that is none.
    #[error("the request asks for `{name}`: {source}")]
    Name {
        /// As it stands there.
        name: String,
        /// What is wrong with it.
        source: NameError,
    },
    /// A common name beside other names.
    #[error(
        "the common name `{0}` of the request is not among its subject alternative names; add it there or leave it out"
    )]
    StrayCommonName(String),
    /// Nothing asked for.
    #[error("the request asks for no name; put DNS names into its subjectAltName")]
    NoNames,
    /// Too much asked for.
    #[error("the request asks for {0} names; {MAX_NAMES} are allowed")]
    TooManyNames(usize),
    /// OpenSSL failed at what cannot fail on a request that was read.
    #[error("openssl cannot work with the request: {0}")]
    OpenSsl(#[from] ErrorStack),
}

impl Csr {
    /// Reads a request in PEM or DER form and checks all that can be known of it here.
    ///
    /// A common name alone is a name asked for, as older programs write it; beside a
    /// subjectAltName it must be in there too (RFC 8555 7.4, Baseline Requirements 7.1.4.3).
    ///
    /// # Errors
    /// The first thing that a CA would refuse.
    pub fn parse(octets: &[u8]) -> Result<Self, UnusableCsr> {
        if octets.len() > MAX_REQUEST {
            return Err(UnusableCsr::TooLong(octets.len()));
        }
        let request = read(octets)?;
        let key = request.public_key().map_err(UnusableCsr::Read)?;
        if !is_right(request.verify(&key)) {
            return Err(UnusableCsr::Signature);
        }
        check_key(&key)?;
        let identifiers = identifiers(&request)?;
        match identifiers.len() {
            0 => return Err(UnusableCsr::NoNames),
            number if number > MAX_NAMES => return Err(UnusableCsr::TooManyNames(number)),
            _ => {}
        }
        Ok(Csr {
            der: request.to_der()?,
            key: key.into(),
            identifiers: identifiers.into_iter().collect(),
        })
    }

    /// The request in DER: for `finalize`.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The key to be certified.
    pub fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// The names asked for: sorted, without duplicates, at least one.
    pub fn identifiers(&self) -> &[Identifier] {
        &self.identifiers
    }
}

fn read(octets: &[u8]) -> Result<X509Req, UnusableCsr> {
    let Some(text) = std::str::from_utf8(octets)
        .ok()
        .filter(|text| text.contains(BEGIN))
    else {
        return X509Req::from_der(octets).map_err(UnusableCsr::Read);
    };
    let mut blocks = text.lines().filter_map(|line| line.trim().strip_prefix(BEGIN));
    match (blocks.next(), blocks.count()) {
        // OpenSSL would skip blocks of other kinds in silence
        (Some(label), 0) if LABELS.contains(&label) => X509Req::from_pem(octets).map_err(UnusableCsr::Read),
        (Some(_), more) if more > 0 => Err(UnusableCsr::Blocks(more + 1)),
        _ => X509Req::from_pem(octets).map_err(UnusableCsr::Read),
    }
}

fn check_key(key: &PKeyRef<Public>) -> Result<(), UnusableCsr> {
    match key.id() {
        Id::RSA if RSA_BITS.contains(&key.bits()) => Ok(()),
        Id::RSA => Err(UnusableCsr::WeakKey(format!("an RSA key of {} bits", key.bits()))),
        Id::EC => match key.ec_key()?.group().curve_name() {
            Some(Nid::X9_62_PRIME256V1 | Nid::SECP384R1 | Nid::SECP521R1) => Ok(()),
            Some(curve) => {
                let curve = curve.short_name().unwrap_or("another one");
                Err(UnusableCsr::WeakKey(format!("an ECDSA key on the curve {curve}")))
            }
            None => Err(UnusableCsr::WeakKey(
                "an ECDSA key on a curve without a name".to_owned(),
            )),
        },
        Id::ED25519 => Ok(()),
        _ => Err(UnusableCsr::WeakKey("a key of another kind".to_owned())),
    }
}

fn identifiers(request: &X509ReqRef) -> Result<BTreeSet<Identifier>, UnusableCsr> {
    let parse = |name: &str| {
        name.parse::<Identifier>().map_err(|source| UnusableCsr::Name {
            name: shown(name),
            source,
        })
    };
    let mut names = BTreeSet::new();
    let alternatives = alternative_names(request)?;
    for name in alternatives.iter().flatten() {
        match name.dnsname() {
            Some(name) => names.insert(parse(name)?),
            None => return Err(UnusableCsr::OtherName(other_name(name))),
        };
    }
    for entry in request.subject_name().entries_by_nid(Nid::COMMONNAME) {
        let name = entry.data().to_string()?;
        if alternatives.is_none() {
            names.insert(parse(&name)?);
        } else if !name.parse().is_ok_and(|name| names.contains(&name)) {
            return Err(UnusableCsr::StrayCommonName(shown(&name)));
        }
    }
    Ok(names)
}

/// `None` without the extension. rust-openssl reads the names of a certificate only, so the
/// request's extensions are put into one.
fn alternative_names(request: &X509ReqRef) -> Result<Option<Stack<GeneralName>>, ErrorStack> {
    // an error here means a request without extensions
    let Ok(extensions) = request.extensions() else {
        return Ok(None);
    };
    let mut carrier = X509::builder()?;
    for extension in &extensions {
        carrier.append_extension2(extension)?;
    }
    Ok(carrier.build().subject_alt_names())
}

fn other_name(name: &openssl::x509::GeneralNameRef) -> String {
    if let Some(mailbox) = name.email() {
        format!("the mailbox `{}`", shown(mailbox))
    } else if let Some(uri) = name.uri() {
        format!("the address `{}`", shown(uri))
    } else if let Some(octets) = name.ipaddress() {
        let address = match (<[u8; 4]>::try_from(octets), <[u8; 16]>::try_from(octets)) {
            (Ok(v4), _) => std::net::IpAddr::from(v4).to_string(),
            (_, Ok(v6)) => std::net::IpAddr::from(v6).to_string(),
            _ => "of no known length".to_owned(),
        };
        format!("the IP address {address}")
    } else {
        "a name of another kind".to_owned()
    }
}

/// The request comes from somebody else, and errors go to terminals.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(260).collect()
}

#[cfg(test)]
mod tests;
