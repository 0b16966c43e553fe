use base64::{
    Engine as _,
    engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD},
};
use openssl::{bn::BigNumRef, ec::EcGroup, pkey::PKey, symm::Cipher};
use serde_json::{Value, json};

use super::*;
use crate::pki::KeyType;

fn pem(kind: KeyType) -> Secret {
    PrivateKey::generate(kind)
        .and_then(|key| key.to_pem())
        .expect("PEM")
}

fn text(pem: Vec<u8>) -> Secret {
    Secret::new(String::from_utf8(pem).expect("ASCII"))
}

fn rsa(bits: u32) -> PKey<Private> {
    openssl::rsa::Rsa::generate(bits)
        .and_then(PKey::from_rsa)
        .expect("a key")
}

/// As certbot's `josepy` writes it.
fn rsa_json(key: &PKey<Private>) -> Value {
    let key = key.rsa().expect("RSA");
    let number = |number: &BigNumRef| URL_SAFE_NO_PAD.encode(number.to_vec());
    json!({
        "kty": "RSA", "n": number(key.n()), "e": number(key.e()), "d": number(key.d()),
        "p": number(key.p().expect("p")), "q": number(key.q().expect("q")),
        "dp": number(key.dmp1().expect("dp")), "dq": number(key.dmq1().expect("dq")),
        "qi": number(key.iqmp().expect("qi")),
    })
}

fn import(json: &Value) -> Result<AccountKey, AccountKeyError> {
    AccountKey::import(&Secret::new(json.to_string()))
}

#[test]
fn a_key_of_every_algorithm_survives_the_way_to_disk_and_back() {
    for algorithm in Algorithm::ALL {
        let key = AccountKey::generate(algorithm).expect("a key");
        let again = AccountKey::from_pem(&key.to_pem().expect("PEM")).expect("the key");
        assert_eq!(again.thumbprint(), key.thumbprint());
        assert_eq!(again.algorithm(), Some(algorithm));
    }
}

#[test]
fn an_algorithm_is_written_in_lower_case_and_a_wrong_one_is_named() {
    for algorithm in Algorithm::ALL {
        assert_eq!(algorithm.to_string().parse(), Ok(algorithm));
    }
    let error = "ES256".parse::<Algorithm>().expect_err("upper case");
    assert!(error.to_string().contains("es256, es384, rs256"), "{error}");
}

#[test]
fn only_kinds_that_accounts_have_are_taken() {
    assert!(matches!(
        AccountKey::from_pem(&pem(KeyType::Ed25519)),
        Err(AccountKeyError::Kind)
    ));
    assert!(matches!(
        AccountKey::from_pem(&Secret::new("x".into())),
        Err(AccountKeyError::Key(KeyError::Read(_)))
    ));
    let p521 = EcGroup::from_curve_name(Nid::SECP521R1)
        .and_then(|group| openssl::ec::EcKey::generate(&group))
        .and_then(PKey::from_ec_key)
        .expect("a key");
    for key in [p521, rsa(1024)] {
        let pem = text(key.private_key_to_pem_pkcs8().expect("PEM"));
        assert!(matches!(AccountKey::from_pem(&pem), Err(AccountKeyError::Kind)));
    }
}

#[test]
fn the_older_pem_forms_that_lego_and_acme_sh_write_are_imported() {
    let key = PrivateKey::generate(KeyType::EcdsaP256).expect("a key");
    let sec1 = key
        .as_pkey()
        .ec_key()
        .expect("EC")
        .private_key_to_pem()
        .expect("PEM");
    assert!(sec1.starts_with(b"-----BEGIN EC PRIVATE KEY-----"));
    let pkcs1 = rsa(2048);
    let pem = pkcs1.rsa().expect("RSA").private_key_to_pem().expect("PEM");
    assert!(pem.starts_with(b"-----BEGIN RSA PRIVATE KEY-----"));
    for (pem, algorithm) in [(sec1, Algorithm::Es256), (pem, Algorithm::Rs256)] {
        let key = AccountKey::import(&text(pem)).expect("the key");
        assert_eq!(key.algorithm(), Some(algorithm));
    }
    let locked = key
        .as_pkey()
        .private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), b"hunter2")
        .expect("PEM");
    AccountKey::import(&text(locked)).expect_err("nobody is asked for a passphrase");
}

#[test]
fn the_private_keys_of_rfc_7517_and_of_certbot_are_imported() {
    // RFC 7517 A.2
    let ec = json!({
        "kty": "EC", "crv": "P-256", "use": "enc", "kid": "1",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
        "d": "870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE",
    });
    let key = import(&ec).expect("the key");
    assert_eq!(key.thumbprint(), "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s");
    key.sign(b"it has the private half").expect("a signature");

    let known = rsa(2048);
    let key = import(&rsa_json(&known)).expect("the key");
    assert!(key.key.as_pkey().public_eq(&known));
    assert_eq!(key.algorithm(), Some(Algorithm::Rs256));
    let mut padded = rsa_json(&known);
    padded["e"] = URL_SAFE.encode(known.rsa().expect("RSA").e().to_vec()).into();
    import(&padded).expect("padding does no harm");
}

#[test]
fn json_that_is_no_key_is_refused_by_what_is_wrong_and_never_by_its_values() {
    let known = rsa_json(&rsa(2048));
    let without = |member: &str| {
        let mut json = known.clone();
        json.as_object_mut().expect("an object").remove(member);
        json
    };
    for member in ["n", "e", "d", "p", "q", "dp", "dq", "qi"] {
        let error = import(&without(member)).expect_err("half a key");
        assert!(
            matches!(error, AccountKeyError::Member(name) if name == member),
            "{error}"
        );
    }
    let mut mixed = known.clone();
    mixed["p"] = rsa_json(&rsa(2048))["p"].clone();
    assert!(matches!(import(&mixed), Err(AccountKeyError::Inconsistent)));

    for (json, kind) in [
        (json!({"kty": "oct", "k": "hunter2"}), AccountKeyError::Kind),
        (json!({"kty": "EC", "crv": "P-521"}), AccountKeyError::Kind),
        (json!({"kty": {"hunter2": 1}}), AccountKeyError::Json),
        (json!({"kty": "RSA", "d": ["hunter2"]}), AccountKeyError::Json),
        // lego's account.json
        (
            json!({"email": "hunter2@example.org", "registration": {}}),
            AccountKeyError::Json,
        ),
    ] {
        let error = import(&json).expect_err("no key").to_string();
        assert_eq!(error, kind.to_string());
        assert!(!error.contains("hunter2"));
    }
    let not_a_number = json!({"kty": "EC", "crv": "P-256", "x": "hunter 2"});
    let error = import(&not_a_number).expect_err("no number").to_string();
    assert!(error.contains("`x`") && !error.contains("hunter"), "{error}");
}

#[test]
fn a_point_that_belongs_to_another_key_is_refused() {
    let json = json!({
        "kty": "EC", "crv": "P-256",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
        "d": "AQ",
    });
    assert!(matches!(import(&json), Err(AccountKeyError::Inconsistent)));
}

#[test]
fn every_key_that_a_certificate_has_here_can_revoke() {
    for kind in [
        KeyType::EcdsaP256,
        KeyType::EcdsaP384,
        KeyType::Rsa3072,
        KeyType::Ed25519,
    ] {
        let key = PrivateKey::generate(kind).expect("a key");
        AccountKey::of_certificate(&key).unwrap_or_else(|error| panic!("{kind}: {error}"));
    }
}

#[test]
fn debug_never_prints_the_key() {
    let key = AccountKey::generate(Algorithm::Es256).expect("a key");
    assert_eq!(
        format!("{key:?}"),
        format!("AccountKey({}, ..)", key.thumbprint())
    );
}
