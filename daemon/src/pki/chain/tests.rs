use proptest::prelude::*;

use super::*;
use crate::pki::{
    KeyType, MAX_PEM, PrivateKey,
    test_ca::{Leaf, TestCa},
};

const LEAF: Leaf<'_> = Leaf {
    names: &["*.example.org", "example.org"],
    serial: 0x87,
    not_before: 1_700_000_000,
    not_after: 1_707_776_000,
};

fn asked() -> Vec<Identifier> {
    ["example.org", "*.example.org"]
        .map(|name| name.parse().expect("a name"))
        .into()
}

fn key() -> PrivateKey {
    PrivateKey::generate(KeyType::EcdsaP256).expect("a key")
}

struct Issued {
    key: PrivateKey,
    leaf: String,
    intermediate: TestCa,
    root: TestCa,
}

fn issued(leaf: &Leaf<'_>) -> Issued {
    let root = TestCa::root("Root");
    let intermediate = root.intermediate("Intermediate E1");
    let key = key();
    let leaf = intermediate.issue(&key, leaf);
    Issued {
        key,
        leaf,
        intermediate,
        root,
    }
}

#[test]
fn a_good_chain_is_read_verified_and_split() {
    let it = issued(&LEAF);
    let text = format!("{}{}", it.leaf, it.intermediate.pem());
    let chain = Chain::parse(&text).expect("a chain");
    chain
        .verify(&it.key.public(), &asked())
        .expect("the certificate that was asked for");
    assert_eq!(chain.cert_pem(), it.leaf);
    assert_eq!(chain.chain_pem(), it.intermediate.pem());
    assert_eq!(chain.fullchain_pem(), text);
    assert_eq!(chain.not_before().as_second(), LEAF.not_before);
    assert_eq!(chain.not_after().as_second(), LEAF.not_after);
    assert_eq!(chain.serial().to_string(), "87");
    assert_eq!(chain.serial().der(), [0, 0x87]);
    assert_eq!(chain.issuer(), "Intermediate E1");
    assert!(chain.cert_id().expect("an identifier").as_str().ends_with(".AIc"));
    assert!(chain.extra_names(&asked()).is_empty());
    assert_eq!(chain.fingerprint_hex().len(), 64);
}

#[test]
fn a_certificate_for_another_key_is_refused() {
    let it = issued(&LEAF);
    let chain = Chain::parse(&it.leaf).expect("a chain");
    assert!(matches!(
        chain.verify(&key().public(), &asked()),
        Err(ChainError::WrongKey { .. })
    ));
}

#[test]
fn missing_names_are_refused_by_name_and_extra_ones_are_told() {
    let it = issued(&Leaf {
        names: &["example.org", "www.example.org", "192.0.2.1"],
        ..LEAF
    });
    let chain = Chain::parse(&it.leaf).expect("a chain");
    let error = chain
        .verify(&it.key.public(), &asked())
        .expect_err("the wildcard is missing");
    assert_eq!(error.to_string(), "certificate 87 lacks the names *.example.org");
    let extra: Vec<_> = chain
        .extra_names(&asked())
        .into_iter()
        .map(Identifier::to_string)
        .collect();
    assert_eq!(extra, ["www.example.org"]);
    assert_eq!(chain.other_names(), 1);
}

#[test]
fn a_chain_in_the_wrong_order_or_of_another_ca_is_refused() {
    let it = issued(&LEAF);
    let wrong = [
        // the intermediate is left out
        format!("{}{}", it.leaf, it.root.pem()),
        // same name, another key
        format!("{}{}", it.leaf, it.root.intermediate("Intermediate E1").pem()),
        // right start, wrong end
        format!(
            "{}{}{}",
            it.leaf,
            it.intermediate.pem(),
            TestCa::root("Other").pem()
        ),
    ];
    for text in wrong {
        let chain = Chain::parse(&text).expect("a chain");
        assert!(
            matches!(
                chain.verify(&it.key.public(), &asked()),
                Err(ChainError::Broken { .. })
            ),
            "{text}"
        );
    }
    let backwards = format!("{}{}", it.intermediate.pem(), it.leaf);
    let chain = Chain::parse(&backwards).expect("a chain");
    assert!(matches!(
        chain.verify(&it.key.public(), &asked()),
        Err(ChainError::WrongKey { .. })
    ));
}

#[test]
fn a_forged_signature_is_seen() {
    let it = issued(&LEAF);
    let mut der = X509::from_pem(it.leaf.as_bytes())
        .expect("a certificate")
        .to_der()
        .expect("DER");
    let last = der.len() - 1;
    der[last] ^= 1;
    let forged = String::from_utf8(X509::from_der(&der).expect("DER").to_pem().expect("PEM")).expect("ASCII");
    let chain = Chain::parse(&format!("{forged}{}", it.intermediate.pem())).expect("a chain");
    let error = chain
        .verify(&it.key.public(), &asked())
        .expect_err("a wrong signature");
    assert!(matches!(error, ChainError::Broken { position: 1, .. }), "{error}");
}

#[test]
fn a_certificate_that_is_never_valid_is_refused() {
    let it = issued(&Leaf {
        not_after: LEAF.not_before,
        ..LEAF
    });
    let chain = Chain::parse(&it.leaf).expect("a chain");
    assert!(matches!(
        chain.verify(&it.key.public(), &asked()),
        Err(ChainError::NeverValid { .. })
    ));
}

#[test]
fn a_private_key_hidden_in_a_chain_is_refused() {
    let it = issued(&LEAF);
    let hidden = it.key.to_pem().expect("PEM");
    let text = format!("{}{}{}", it.leaf, hidden.expose(), it.intermediate.pem());
    assert!(matches!(
        Chain::parse(&text),
        Err(ChainError::Pem(PemError::ForeignBlock { .. }))
    ));
}

#[test]
fn what_a_ca_writes_between_certificates_never_reaches_a_file() {
    let it = issued(&LEAF);
    let text = format!(
        "$(reboot)\n{}; rm -rf /\r\n{}",
        it.leaf,
        it.intermediate.pem().replace('\n', "\r\n")
    );
    let chain = Chain::parse(&text).expect("a chain");
    assert_eq!(
        chain.fullchain_pem(),
        format!("{}{}", it.leaf, it.intermediate.pem())
    );
}

#[test]
fn a_chain_without_bounds_is_refused() {
    let it = issued(&LEAF);
    let many = it.leaf.repeat(MAX_CERTIFICATES + 1);
    assert!(matches!(
        Chain::parse(&many),
        Err(ChainError::Pem(PemError::TooMany { .. }))
    ));
    let long = "x".repeat(MAX_PEM + 1);
    assert!(matches!(
        Chain::parse(&long),
        Err(ChainError::Pem(PemError::TooLong { .. }))
    ));
    assert!(matches!(
        Chain::parse("none"),
        Err(ChainError::Pem(PemError::Empty))
    ));
    let cut = &it.leaf[..it.leaf.len() - 30];
    assert!(matches!(
        Chain::parse(cut),
        Err(ChainError::Pem(PemError::Unterminated { line: 1 }))
    ));
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "(-----BEGIN CERTIFICATE-----|-----END CERTIFICATE-----|\\PC|\n|=){0,60}") {
        let _ = Chain::parse(&text);
    }

    #[test]
    fn a_flipped_octet_never_panics_nor_verifies(position in 0_usize..400, bit in 0_u8..8) {
        static ISSUED: std::sync::OnceLock<Issued> = std::sync::OnceLock::new();
        let it = ISSUED.get_or_init(|| issued(&LEAF));
        let mut der = X509::from_pem(it.leaf.as_bytes()).expect("a certificate").to_der().expect("DER");
        let position = position % der.len();
        der[position] ^= 1 << bit;
        if let Ok(certificate) = X509::from_der(&der) {
            let leaf = String::from_utf8(certificate.to_pem().expect("PEM")).expect("ASCII");
            let text = format!("{leaf}{}", it.intermediate.pem());
            if let Ok(chain) = Chain::parse(&text) {
                prop_assert!(chain.verify(&it.key.public(), &asked()).is_err());
            }
        }
    }
}
