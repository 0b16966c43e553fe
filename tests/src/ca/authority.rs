//! Certificates with keys that sign others, all P-256.

use jiff::Timestamp;
use openssl::asn1::{Asn1Integer, Asn1Object, Asn1OctetString, Asn1Time};
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, PKeyRef, Private, Public};
use openssl::rand::rand_bytes;
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName,
    SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Builder, X509Extension, X509Name, X509NameRef};

/// Lifetime of roots and intermediates in seconds: longer than any test.
const AUTHORITY_LIFETIME: i64 = 10 * 365 * 86400;

/// How old roots and intermediates look, in seconds: leaves may be back-dated, and the CA's clock be wrong.
const AUTHORITY_AGE: i64 = 400 * 86400;

/// RFC 5280 section 4.1.2.2 allows 20 bytes; the Baseline Requirements want 8 random ones.
const SERIAL_BYTES: usize = 16;

/// A certificate with its key, able to sign others.
#[derive(Debug)]
pub(super) struct Authority {
    certificate: X509,
    key: PKey<Private>,
}

/// What a leaf says.
#[derive(Clone, Debug)]
pub(super) struct Leaf<'a> {
    pub(super) names: &'a [String],
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
    /// First byte 0x80 or more, so that DER pads it.
    pub(super) high_serial: bool,
    /// Where the list is that will name it if it is revoked.
    pub(super) crl_url: Option<&'a str>,
}

impl Authority {
    /// A self-signed root.
    pub(super) fn root(name: &str, now: Timestamp) -> Result<Self, ErrorStack> {
        let key = p256()?;
        let certificate = certify(&*common_name(name)?, &key, None, None, now)?;
        Ok(Authority { certificate, key })
    }

    pub(super) fn intermediate(&self, name: &str, now: Timestamp) -> Result<Self, ErrorStack> {
        let key = p256()?;
        let certificate = certify(&*common_name(name)?, &key, Some(0), Some(self), now)?;
        Ok(Authority { certificate, key })
    }

    /// Another certificate for an authority's name and key, signed by this one.
    pub(super) fn cross_sign(
        &self,
        other: &Authority,
        pathlen: Option<u32>,
        now: Timestamp,
    ) -> Result<X509, ErrorStack> {
        let subject = other.certificate.subject_name();
        certify(subject, &other.key, pathlen, Some(self), now)
    }

    pub(super) fn leaf(&self, leaf: &Leaf<'_>, key: &PKeyRef<Public>) -> Result<X509, ErrorStack> {
        let mut names = SubjectAlternativeName::new();
        // the subject is empty, so the names carry the identity (RFC 5280 section 4.2.1.6)
        names.critical();
        for name in leaf.names {
            match name.parse::<std::net::IpAddr>() {
                Ok(_) => names.ip(name),
                Err(_) => names.dns(name),
            };
        }
        let mut usage = KeyUsage::new();
        usage.critical().digital_signature();
        if key.id() == Id::RSA {
            usage.key_encipherment();
        }

        let mut builder = X509::builder()?;
        builder.set_version(2)?;
        builder.set_serial_number(&*serial(leaf.high_serial)?)?;
        builder.set_issuer_name(self.certificate.subject_name())?;
        builder.set_subject_name(&X509Name::builder()?.build())?;
        builder.set_not_before(&*Asn1Time::from_unix(leaf.not_before.as_second())?)?;
        builder.set_not_after(&*Asn1Time::from_unix(leaf.not_after.as_second())?)?;
        if key.id() == Id::EC {
            // out of its numbers: one that came in a request OpenSSL 3 writes through a search for an encoder
            builder.set_pubkey(&*PKey::from_ec_key(key.ec_key()?)?)?;
        } else {
            builder.set_pubkey(key)?;
        }
        builder.append_extension(usage.build()?)?;
        builder.append_extension(ExtendedKeyUsage::new().server_auth().build()?)?;
        builder.append_extension(BasicConstraints::new().critical().build()?)?;
        append_subject_key_id(&mut builder)?;
        builder.append_extension(self.authority_key_id()?)?;
        if let Some(url) = leaf.crl_url {
            builder.append_extension(crl_distribution_point(url)?)?;
        }
        let names = names.build(&builder.x509v3_context(None, None))?;
        builder.append_extension(names)?;
        builder.sign(&self.key, MessageDigest::sha256())?;
        Ok(builder.build())
    }

    pub(super) fn certificate(&self) -> &X509 {
        &self.certificate
    }

    pub(super) fn key(&self) -> &PKeyRef<Private> {
        &self.key
    }

    /// What names this authority's key in everything that it signs.
    pub(super) fn authority_key_id(&self) -> Result<X509Extension, ErrorStack> {
        let builder = X509::builder()?;
        let context = builder.x509v3_context(Some(&self.certificate), None);
        AuthorityKeyIdentifier::new().keyid(true).build(&context)
    }
}

/// A fresh P-256 key.
pub(super) fn p256() -> Result<PKey<Private>, ErrorStack> {
    PKey::from_ec_key(EcKey::generate(&*EcGroup::from_curve_name(
        Nid::X9_62_PRIME256V1,
    )?)?)
}

/// A CA certificate, by itself if nobody else signs it.
fn certify(
    subject: &X509NameRef,
    key: &PKeyRef<Private>,
    pathlen: Option<u32>,
    issuer: Option<&Authority>,
    now: Timestamp,
) -> Result<X509, ErrorStack> {
    let now = now.as_second();
    let mut constraints = BasicConstraints::new();
    constraints.critical().ca();
    if let Some(pathlen) = pathlen {
        constraints.pathlen(pathlen);
    }
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    builder.set_serial_number(&*serial(false)?)?;
    builder.set_subject_name(subject)?;
    builder.set_not_before(&*Asn1Time::from_unix(now - AUTHORITY_AGE)?)?;
    builder.set_not_after(&*Asn1Time::from_unix(now + AUTHORITY_LIFETIME)?)?;
    builder.set_pubkey(key)?;
    builder.append_extension(constraints.build()?)?;
    builder.append_extension(KeyUsage::new().critical().key_cert_sign().crl_sign().build()?)?;
    append_subject_key_id(&mut builder)?;
    match issuer {
        Some(issuer) => {
            builder.set_issuer_name(issuer.certificate.subject_name())?;
            builder.append_extension(issuer.authority_key_id()?)?;
            builder.sign(&issuer.key, MessageDigest::sha256())?;
        }
        None => {
            builder.set_issuer_name(subject)?;
            builder.sign(key, MessageDigest::sha256())?;
        }
    }
    Ok(builder.build())
}

fn append_subject_key_id(builder: &mut X509Builder) -> Result<(), ErrorStack> {
    let id = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None))?;
    builder.append_extension(id)
}

/// RFC 5280 section 4.2.1.13: one point, with one URL as its full name.
fn crl_distribution_point(url: &str) -> Result<X509Extension, ErrorStack> {
    let mut der = url.as_bytes().to_vec();
    // from the inside: GeneralName (uniformResourceIdentifier), fullName, distributionPoint, DistributionPoint, list
    for tag in [0x86, 0xa0, 0xa0, 0x30, 0x30] {
        der = tagged(tag, &der);
    }
    let value = Asn1OctetString::new_from_bytes(&der)?;
    X509Extension::new_from_der(&*Asn1Object::from_str("2.5.29.31")?, false, &value)
}

/// DER with a length of at most two bytes, which a URL does not exceed.
fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = (content.len() as u16).to_be_bytes();
    let length: &[u8] = match content.len() {
        0..=0x7f => &[low],
        0x80..=0xff => &[0x81, low],
        _ => &[0x82, high, low],
    };
    [&[tag], length, content].concat()
}

fn common_name(name: &str) -> Result<X509Name, ErrorStack> {
    let mut builder = X509Name::builder()?;
    builder.append_entry_by_nid(Nid::COMMONNAME, name)?;
    Ok(builder.build())
}

fn serial(high: bool) -> Result<Asn1Integer, ErrorStack> {
    let mut bytes = [0; SERIAL_BYTES];
    rand_bytes(&mut bytes)?;
    // never zero and never shorter; the top bit decides about the padding byte
    bytes[0] = if high {
        bytes[0] | 0x80
    } else {
        (bytes[0] & 0x7f) | 0x40
    };
    BigNum::from_slice(&bytes)?.to_asn1_integer()
}
