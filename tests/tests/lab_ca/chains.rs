//! Other chains of a certificate (RFC 8555 section 7.4.2), and the list of revoked ones.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use openssl::nid::Nid;
use openssl::stack::Stack;
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::verify::X509VerifyFlags;
use openssl::x509::{CrlReason, CrlStatus, ReasonCode, X509, X509Crl, X509StoreContext};
use serde_json::json;

use crate::by_hand::{Answer, Bench, ZONE};
use crate::keys::{Key, csr};

/// Whether OpenSSL finds its way from the first certificate to the root, and to that root alone.
fn leads_to(chain: &[X509], root: &X509) -> bool {
    let mut store = X509StoreBuilder::new().unwrap();
    store.add_cert(root.clone()).unwrap();
    store.set_flags(X509VerifyFlags::X509_STRICT).unwrap();
    let mut others = Stack::new().unwrap();
    for certificate in &chain[1..] {
        others.push(certificate.clone()).unwrap();
    }
    let mut context = X509StoreContext::new().unwrap();
    context
        .init(&store.build(), &chain[0], &others, |context| {
            context.verify_cert()
        })
        .unwrap()
}

fn alternates(answer: &Answer) -> Vec<&str> {
    let links = answer.links.iter();
    links
        .filter_map(|link| {
            link.strip_prefix('<')?
                .split_once(">;rel=\"alternate\"")
                .map(|(url, _)| url)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_alternate_chain_leads_to_its_own_root() {
    let bench = Bench::start().await;
    let account = bench.register().await;
    let order = bench.ready_order(&account, &[ZONE]).await;
    let key = Key::generate().0;
    let done = bench
        .finalize(&account, &order, &csr(&key, &key, None, &[ZONE]))
        .await;
    let url = done.json["certificate"].as_str().unwrap();
    let alone = bench.post(&account, url, "").await;
    assert!(alternates(&alone).is_empty());

    bench.ca.knobs().update(|knobs| knobs.alternate_roots = 3);
    let first = bench.post(&account, url, "").await;
    let others = alternates(&first);
    assert_eq!(others.len(), 3);
    let mut chains = vec![X509::stack_from_pem(first.text.as_bytes()).unwrap()];
    for other in others {
        let answer = bench.post(&account, other, "").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(alternates(&answer).contains(&url));
        assert!(!alternates(&answer).contains(&other));
        chains.push(X509::stack_from_pem(answer.text.as_bytes()).unwrap());
    }
    let lengths: Vec<usize> = chains.iter().map(Vec::len).collect();
    assert_eq!(lengths, [2, 2, 3, 2]);

    let mut roots = vec![X509::from_pem(bench.ca.acme_root_pem().as_bytes()).unwrap()];
    for pem in bench.ca.alternate_root_pems().unwrap() {
        roots.push(X509::from_pem(pem.as_bytes()).unwrap());
    }
    for (number, chain) in chains.iter().enumerate() {
        for (other, root) in roots.iter().enumerate() {
            // the long chain passes the first root on its way
            let leads = other == number || (number == 2 && other == 0);
            assert_eq!(leads_to(chain, root), leads, "chain {number}, root {other}");
        }
    }
    let name = |root: &X509| {
        let entry = root.subject_name().entries_by_nid(Nid::COMMONNAME).next();
        entry.unwrap().data().to_string().unwrap()
    };
    assert_eq!(name(&roots[0]), "dns01 lab root");
    assert_eq!(name(&roots[2]), "dns01 lab alternate root 2");

    let missing = bench.post(&account, &format!("{url}/4"), "").await;
    assert_eq!(missing.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn revoked_certificates_are_in_the_list_that_each_certificate_names() {
    let bench = Bench::start().await;
    let account = bench.register().await;
    let mut issued = Vec::new();
    for _ in 0..3 {
        issued.push(bench.issue(&account, &[ZONE]).await);
    }
    let chain = |number: usize| X509::stack_from_pem(issued[number].chain_pem.as_bytes()).unwrap();
    let leaf = chain(0)[0].clone();
    let points = leaf.crl_distribution_points().unwrap();
    let name = points[0].distpoint().and_then(|point| point.fullname()).unwrap();
    let url = name[0].uri().unwrap().to_owned();
    let list = async || {
        let answer = bench.http.get(&url).send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], "application/pkix-crl");
        X509Crl::from_der(&answer.bytes().await.unwrap()).unwrap()
    };
    assert!(list().await.get_revoked().is_none());

    for (number, reason) in [(0, 0), (1, 1)] {
        let der = chain(number)[0].to_der().unwrap();
        let payload = json!({ "certificate": B64.encode(der), "reason": reason }).to_string();
        let done = bench.post(&account, &bench.url("/revoke-cert"), &payload).await;
        assert_eq!(done.status, 200);
    }
    let list = list().await;
    assert!(list.verify(&chain(0)[1].public_key().unwrap()).unwrap());
    let reason = |number: usize| match list.get_by_cert(&chain(number)[0]) {
        CrlStatus::Revoked(entry) => entry.extension::<ReasonCode>().unwrap().map(|(_, reason)| reason),
        _ => panic!("certificate {number} is not in the list"),
    };
    assert!(reason(0).is_none());
    assert_eq!(
        reason(1).unwrap().get_i64().unwrap(),
        i64::from(CrlReason::KEY_COMPROMISE.as_raw())
    );
    assert!(matches!(list.get_by_cert(&chain(2)[0]), CrlStatus::NotRevoked));
}
