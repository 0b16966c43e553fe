//! Certificates with keys that sign others, all P-256.

use jiff::Timestamp;
use openssl::asn1::{Asn1Integer, Asn1Time};
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
use openssl::x509::{X509, X509Builder, X509Name};

use crate::clock;

/// Lifetime of roots and intermediates in seconds: longer than any test.
const AUTHORITY_LIFETIME: i64 = 10 * 365 * 86400;

/// How old roots and intermediates look, in seconds: leaves may be back-dated, and the CA's clock be wrong.
const AUTHORITY_AGE: i64 = 400 * 86400;

/// RFC 5280 section 4.1.2.2 allows 20 bytes; the Baseline Requirements want 8 random ones.
const SERIAL_BYTES: usize = 16;

/// A certificate with its key, able to sign others.
#[derive(Debug)]
pub(super) struct Authority {
    pub(super) certificate: X509,
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
}

impl Authority {
    /// A self-signed root.
    pub(super) fn root(name: &str) -> Result<Self, ErrorStack> {
        let key = p256()?;
        let subject = common_name(name)?;
        let mut builder = authority_builder(&subject, &key)?;
        builder.set_issuer_name(&subject)?;
        builder.append_extension(BasicConstraints::new().critical().ca().build()?)?;
        append_authority_usage(&mut builder)?;
        builder.sign(&key, MessageDigest::sha256())?;
        Ok(Authority {
            certificate: builder.build(),
            key,
        })
    }

    pub(super) fn intermediate(&self, name: &str) -> Result<Self, ErrorStack> {
        let key = p256()?;
        let mut builder = authority_builder(&common_name(name)?, &key)?;
        builder.set_issuer_name(self.certificate.subject_name())?;
        builder.append_extension(BasicConstraints::new().critical().ca().pathlen(0).build()?)?;
        append_authority_usage(&mut builder)?;
        self.append_authority_key_id(&mut builder)?;
        builder.sign(&self.key, MessageDigest::sha256())?;
        Ok(Authority {
            certificate: builder.build(),
            key,
        })
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
        builder.set_pubkey(key)?;
        builder.append_extension(usage.build()?)?;
        builder.append_extension(ExtendedKeyUsage::new().server_auth().build()?)?;
        builder.append_extension(BasicConstraints::new().critical().build()?)?;
        append_subject_key_id(&mut builder)?;
        self.append_authority_key_id(&mut builder)?;
        let names = names.build(&builder.x509v3_context(None, None))?;
        builder.append_extension(names)?;
        builder.sign(&self.key, MessageDigest::sha256())?;
        Ok(builder.build())
    }

    pub(super) fn certificate(&self) -> &X509 {
        &self.certificate
    }

    fn append_authority_key_id(&self, builder: &mut X509Builder) -> Result<(), ErrorStack> {
        let context = builder.x509v3_context(Some(&self.certificate), None);
        let id = AuthorityKeyIdentifier::new().keyid(true).build(&context)?;
        builder.append_extension(id)
    }
}

/// A fresh P-256 key.
pub(super) fn p256() -> Result<PKey<Private>, ErrorStack> {
    PKey::from_ec_key(EcKey::generate(&*EcGroup::from_curve_name(
        Nid::X9_62_PRIME256V1,
    )?)?)
}

fn authority_builder(subject: &X509Name, key: &PKeyRef<Private>) -> Result<X509Builder, ErrorStack> {
    let now = clock::now().as_second();
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    builder.set_serial_number(&*serial(false)?)?;
    builder.set_subject_name(subject)?;
    builder.set_not_before(&*Asn1Time::from_unix(now - AUTHORITY_AGE)?)?;
    builder.set_not_after(&*Asn1Time::from_unix(now + AUTHORITY_LIFETIME)?)?;
    builder.set_pubkey(key)?;
    Ok(builder)
}

fn append_authority_usage(builder: &mut X509Builder) -> Result<(), ErrorStack> {
    builder.append_extension(KeyUsage::new().critical().key_cert_sign().crl_sign().build()?)?;
    append_subject_key_id(builder)
}

fn append_subject_key_id(builder: &mut X509Builder) -> Result<(), ErrorStack> {
    let id = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None))?;
    builder.append_extension(id)
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
