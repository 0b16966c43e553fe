//! A CA for tests: issues what it is told to, right or wrong.

use openssl::{
    asn1::Asn1Time,
    bn::BigNum,
    hash::MessageDigest,
    pkey::{PKeyRef, Private},
    x509::{
        X509, X509NameBuilder, X509Ref,
        extension::{AuthorityKeyIdentifier, BasicConstraints, SubjectAlternativeName, SubjectKeyIdentifier},
    },
};

use super::{KeyType, PrivateKey};

pub(crate) struct TestCa {
    pub(crate) certificate: X509,
    pub(crate) key: PrivateKey,
}

pub(crate) struct Leaf<'a> {
    pub(crate) names: &'a [&'a str],
    pub(crate) serial: u32,
    pub(crate) not_before: i64,
    pub(crate) not_after: i64,
}

impl TestCa {
    pub(crate) fn root(name: &str) -> Self {
        let key = PrivateKey::generate(KeyType::EcdsaP256).expect("a key");
        let certificate = authority(name, &key, None);
        TestCa { certificate, key }
    }

    pub(crate) fn intermediate(&self, name: &str) -> Self {
        let key = PrivateKey::generate(KeyType::EcdsaP256).expect("a key");
        let certificate = authority(name, &key, Some(self));
        TestCa { certificate, key }
    }

    pub(crate) fn pem(&self) -> String {
        pem(&self.certificate)
    }

    /// The same name and key under another issuer: a cross-signature.
    pub(crate) fn certify(&self, other: &TestCa) -> String {
        let name = other.certificate.subject_name().entries().next().expect("a name");
        let name = name.data().to_string().expect("text");
        pem(&authority(&name, &other.key, Some(self)))
    }

    /// SHA-256 of its certificate.
    pub(crate) fn sha256(&self) -> [u8; 32] {
        openssl::sha::sha256(&self.certificate.to_der().expect("DER"))
    }

    pub(crate) fn issue(&self, key: &PrivateKey, leaf: &Leaf<'_>) -> String {
        let mut builder = X509::builder().expect("a builder");
        builder.set_version(2).expect("version 3");
        builder.set_pubkey(key.as_pkey()).expect("a key");
        builder
            .set_issuer_name(self.certificate.subject_name())
            .expect("an issuer");
        let serial = BigNum::from_u32(leaf.serial)
            .and_then(|n| n.to_asn1_integer())
            .expect("a serial");
        builder.set_serial_number(&serial).expect("a serial");
        builder
            .set_not_before(&Asn1Time::from_unix(leaf.not_before).expect("a time"))
            .expect("a time");
        builder
            .set_not_after(&Asn1Time::from_unix(leaf.not_after).expect("a time"))
            .expect("a time");
        if !leaf.names.is_empty() {
            let mut names = SubjectAlternativeName::new();
            for name in leaf.names {
                match name.parse::<std::net::IpAddr>() {
                    Ok(_) => names.ip(name),
                    Err(_) => names.dns(name),
                };
            }
            let context = builder.x509v3_context(Some(&self.certificate), None);
            let names = names.build(&context).expect("names");
            let issuer = AuthorityKeyIdentifier::new()
                .keyid(true)
                .build(&context)
                .expect("an identifier");
            builder.append_extension(names).expect("an extension");
            builder.append_extension(issuer).expect("an extension");
        }
        builder
            .sign(self.key.as_pkey(), MessageDigest::sha256())
            .expect("a signature");
        pem(&builder.build())
    }
}

fn authority(name: &str, key: &PrivateKey, parent: Option<&TestCa>) -> X509 {
    let mut subject = X509NameBuilder::new().expect("a name");
    subject.append_entry_by_text("CN", name).expect("a name");
    let subject = subject.build();
    let mut builder = X509::builder().expect("a builder");
    builder.set_version(2).expect("version 3");
    builder.set_subject_name(&subject).expect("a subject");
    let issuer = parent.map_or(subject.as_ref(), |parent| parent.certificate.subject_name());
    builder.set_issuer_name(issuer).expect("an issuer");
    builder.set_pubkey(key.as_pkey()).expect("a key");
    let serial = BigNum::from_u32(1)
        .and_then(|n| n.to_asn1_integer())
        .expect("a serial");
    builder.set_serial_number(&serial).expect("a serial");
    builder
        .set_not_before(&Asn1Time::from_unix(0).expect("a time"))
        .expect("a time");
    builder
        .set_not_after(&Asn1Time::from_unix(4_000_000_000).expect("a time"))
        .expect("a time");
    builder
        .append_extension(BasicConstraints::new().critical().ca().build().expect("CA"))
        .expect("an extension");
    let context = builder.x509v3_context(parent.map(|parent| -> &X509Ref { &parent.certificate }), None);
    let own = SubjectKeyIdentifier::new()
        .build(&context)
        .expect("an identifier");
    builder.append_extension(own).expect("an extension");
    if parent.is_some() {
        let context = builder.x509v3_context(parent.map(|parent| -> &X509Ref { &parent.certificate }), None);
        let issuer = AuthorityKeyIdentifier::new()
            .keyid(true)
            .build(&context)
            .expect("an identifier");
        builder.append_extension(issuer).expect("an extension");
    }
    let signer: &PKeyRef<Private> = parent.map_or(key.as_pkey(), |parent| parent.key.as_pkey());
    builder
        .sign(signer, MessageDigest::sha256())
        .expect("a signature");
    builder.build()
}

fn pem(certificate: &X509Ref) -> String {
    String::from_utf8(certificate.to_pem().expect("PEM")).expect("ASCII")
}
