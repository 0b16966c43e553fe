use openssl::{
    ec::{EcGroup, EcKey},
    hash::MessageDigest,
    pkey::{PKey, Private},
    rsa::Rsa,
    x509::{X509NameBuilder, extension::SubjectAlternativeName},
};
use proptest::prelude::*;

use super::*;
use crate::pki::{KeyType, PrivateKey, csr};

fn p256() -> PKey<Private> {
    curve(Nid::X9_62_PRIME256V1)
}

fn curve(nid: Nid) -> PKey<Private> {
    EcGroup::from_curve_name(nid)
        .and_then(|group| EcKey::generate(&group))
        .and_then(PKey::from_ec_key)
        .expect("a key")
}

/// A request with whatever it is told to have.
fn request(key: &PKey<Private>, signer: &PKey<Private>, common: &[&str], names: &[&str]) -> Vec<u8> {
    let mut builder = X509Req::builder().expect("a builder");
    builder.set_pubkey(key).expect("a key");
    let mut subject = X509NameBuilder::new().expect("a name");
    for name in common {
        subject
            .append_entry_by_nid(Nid::COMMONNAME, name)
            .expect("a name");
    }
    builder.set_subject_name(&subject.build()).expect("a subject");
    if !names.is_empty() {
        let mut alternatives = SubjectAlternativeName::new();
        for name in names {
            match name.split_once(':') {
                Some(("ip", address)) => alternatives.ip(address),
                Some(("email", mailbox)) => alternatives.email(mailbox),
                Some(("uri", address)) => alternatives.uri(&format!("urn:{address}")),
                _ => alternatives.dns(name),
            };
        }
        let extension = alternatives
            .build(&builder.x509v3_context(None))
            .expect("an extension");
        let mut extensions = Stack::new().expect("a list");
        extensions.push(extension).expect("room");
        builder.add_extensions(&extensions).expect("extensions");
    }
    let digest = match key.id() {
        Id::ED25519 => MessageDigest::null(),
        _ => MessageDigest::sha256(),
    };
    builder.sign(signer, digest).expect("a signature");
    builder.build().to_der().expect("DER")
}

fn parse(common: &[&str], names: &[&str]) -> Result<Vec<String>, UnusableCsr> {
    let key = p256();
    let csr = Csr::parse(&request(&key, &key, common, names))?;
    Ok(csr.identifiers().iter().map(ToString::to_string).collect())
}

#[test]
fn a_request_is_read_in_every_form_with_its_key_and_names() {
    let names: Vec<Identifier> = ["*.example.org", "example.org"]
        .map(|name| name.parse().expect("a name"))
        .into();
    for kind in [
        KeyType::EcdsaP256,
        KeyType::EcdsaP384,
        KeyType::Rsa2048,
        KeyType::Ed25519,
    ] {
        let key = PrivateKey::generate(kind).expect("a key");
        let der = csr(&key, &names).expect("a request");
        let pem = X509Req::from_der(&der).and_then(|it| it.to_pem()).expect("PEM");
        let older = String::from_utf8(pem.clone())
            .expect("ASCII")
            .replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST");
        let commented = [b"Certificate Request:\n    Data:\n".as_slice(), &pem].concat();
        for form in [der.as_slice(), &pem, older.as_bytes(), &commented] {
            let it = Csr::parse(form).expect("a request");
            assert_eq!(it.public_key(), &key.public());
            let mut expected = names.clone();
            expected.sort();
            assert_eq!(it.identifiers(), expected);
            assert_eq!(it.der(), der, "what is sent is what was signed");
        }
    }
}

#[test]
fn names_are_sorted_each_once_and_in_lower_case() {
    let read = parse(&[], &["b.example", "A.example", "a.EXAMPLE", "*.a.example"]).expect("names");
    assert_eq!(read, ["a.example", "*.a.example", "b.example"]);
}

#[test]
fn rfc8555_7_4_a_common_name_counts_alone_or_beside_its_like() {
    assert_eq!(parse(&["old.example"], &[]).expect("a name"), ["old.example"]);
    assert_eq!(
        parse(&["A.example"], &["a.example"]).expect("a name"),
        ["a.example"]
    );
    let error = parse(&["My Company"], &["a.example"]).expect_err("stray");
    assert!(
        matches!(&error, UnusableCsr::StrayCommonName(name) if name == "My Company"),
        "{error}"
    );
    assert!(matches!(
        parse(&["My Company"], &[]),
        Err(UnusableCsr::Name { .. })
    ));
    assert!(matches!(parse(&[], &[]), Err(UnusableCsr::NoNames)));
}

#[test]
fn what_dns_cannot_prove_is_refused_by_name() {
    for (name, words) in [
        ("ip:192.0.2.1", "the IP address 192.0.2.1"),
        ("ip:2001:db8::1", "the IP address 2001:db8::1"),
        ("email:a@example.org", "the mailbox `a@example.org`"),
        ("uri:x", "the address `urn:x`"),
    ] {
        let error = parse(&[], &["a.example", name]).expect_err(name).to_string();
        assert!(error.contains(words), "{error}");
    }
    for name in ["*.*.example", "a.*.example", "*", "w*.example", "192.0.2.1"] {
        assert!(
            matches!(parse(&[], &[name]), Err(UnusableCsr::Name { .. })),
            "{name}"
        );
    }
}

#[test]
fn a_request_signed_by_another_key_is_refused() {
    let der = request(&p256(), &p256(), &[], &["a.example"]);
    assert!(matches!(Csr::parse(&der), Err(UnusableCsr::Signature)));
}

#[test]
fn keys_that_cas_refuse_are_refused_here() {
    let rsa = Rsa::generate(1024).and_then(PKey::from_rsa).expect("a key");
    for (key, words) in [
        (rsa, "RSA key of 1024 bits"),
        (curve(Nid::SECP256K1), "secp256k1"),
    ] {
        let error = Csr::parse(&request(&key, &key, &[], &["a.example"])).expect_err("weak");
        assert!(
            matches!(error, UnusableCsr::WeakKey(_)) && error.to_string().contains(words),
            "{error}"
        );
    }
}

#[test]
fn a_file_with_something_else_in_it_is_refused() {
    let key = p256();
    let pem = X509Req::from_der(&request(&key, &key, &[], &["a.example"]))
        .and_then(|it| it.to_pem())
        .expect("PEM");
    let secret = key.private_key_to_pem_pkcs8().expect("PEM");
    for two in [[pem.clone(), pem.clone()], [secret.clone(), pem]] {
        assert!(matches!(Csr::parse(&two.concat()), Err(UnusableCsr::Blocks(2))));
    }
    assert!(matches!(Csr::parse(&secret), Err(UnusableCsr::Read(_))));
    assert!(matches!(Csr::parse(b""), Err(UnusableCsr::Read(_))));
    assert!(matches!(
        Csr::parse(&vec![b' '; MAX_REQUEST + 1]),
        Err(UnusableCsr::TooLong(_))
    ));
}

#[test]
fn a_hundred_names_are_taken_and_one_more_is_not() {
    let names: Vec<String> = (0..101).map(|number| format!("n{number}.example")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(parse(&[], &names[..100]).expect("names").len(), 100);
    assert!(matches!(parse(&[], &names), Err(UnusableCsr::TooManyNames(101))));
}

proptest! {
    #[test]
    fn no_octets_panic(octets in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Csr::parse(&octets);
    }

    #[test]
    fn a_flipped_octet_never_passes(position in 0_usize..1000, bit in 0_u8..8) {
        static REQUEST: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
            let key = p256();
            request(&key, &key, &[], &["a.example"])
        });
        let mut der = REQUEST.clone();
        let position = position % der.len();
        der[position] ^= 1 << bit;
        prop_assert!(Csr::parse(&der).is_err());
    }
}
