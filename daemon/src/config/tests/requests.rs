//! Certificates for keys that never come here.

use openssl::{error::ErrorStack, hash::MessageDigest, pkey::PKey, rsa::Rsa, x509::X509Req};

use super::*;
use crate::{
    engine::KeySource,
    pki::{self, KeyType, PrivateKey},
};

const HERE: &str = "\
state-directory: HERE/state
plugins: { host: /bin/sh, directories: [HERE] }
cas: { lab: { directory: \"https://127.0.0.1/dir\", agree-terms: true } }
providers: { dns: { library: x, zones: [test] } }
certificates:
";

/// A site with a plugin and a request for two names.
fn site() -> Site {
    let site = Site::new();
    site.write("libdns01_x.so", "");
    let names = ["a.test", "*.a.test"].map(|name| name.parse().expect("a name"));
    let request = PrivateKey::generate(KeyType::EcdsaP256)
        .map_err(|error| error.to_string())
        .and_then(|key| pki::csr(&key, &names).map_err(|error| error.to_string()))
        .expect("a request");
    fs::write(site.path("a.csr"), request).expect("a file");
    site
}

#[test]
fn the_names_of_a_request_are_those_of_its_certificate() {
    let site = site();
    let path = site.write(
        "dns01d.yaml",
        &format!(
            "{HERE}  a: {{ csr: HERE/a.csr }}\n  b: {{ csr: HERE/a.csr, names: [\"*.a.test\", a.test] }}\n"
        ),
    );
    let config = load(&path).unwrap_or_else(|faults| panic!("{faults}"));
    for certificate in &config.certificates {
        assert_eq!(certificate.key, KeySource::Request(site.path("a.csr")));
        assert!(!certificate.output.with_key);
        let names: Vec<_> = certificate.identifiers.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["a.test", "*.a.test"]);
    }
    let summary = summary::text(&config);
    assert!(summary.contains("of the request "), "{summary}");
}

/// Signed by a key that no CA takes.
fn weak_request() -> Vec<u8> {
    let made = || {
        let key = PKey::from_rsa(Rsa::generate(1024)?)?;
        let mut request = X509Req::builder()?;
        request.set_pubkey(&key)?;
        request.sign(&key, MessageDigest::sha256())?;
        request.build().to_pem()
    };
    let made: Result<_, ErrorStack> = made();
    made.expect("a request")
}

#[test]
fn a_request_that_does_not_fit_is_refused() {
    let site = site();
    fs::write(site.path("weak.csr"), weak_request()).expect("a file");
    let report = site.report_here(&format!(
        "{HERE}{}",
        r#"  a: { csr: HERE/a.csr, key: rsa-2048 }
  b: { csr: HERE/a.csr, names: [a.test, b.test] }
  c: { csr: HERE/a.csr, names: [a.test] }
  d: { csr: HERE/weak.csr }
  e: { csr: HERE/missing.csr }
  f: { csr: a.csr, names: [f.test] }
"#
    ));
    insta::assert_snapshot!(report);
}

#[test]
fn a_request_that_cannot_be_looked_at_needs_names_beside_it() {
    let site = Site::new();
    let faults = site
        .load(&with(
            "certificates:\n  a: { csr: /etc/a.csr }\n  b: { csr: /etc/a.csr, names: [b.test] }\n",
        ))
        .expect_err("a fault");
    assert_eq!(
        whats(&faults),
        ["certificates.a: the certificate `a` has no names"]
    );
}
