use dns01d::pki::{Chain, ChainPreference, KeyType, PrivateKey, choose, choose_by_root};
use openssl::{nid::Nid, sha::sha256, x509::X509};

use super::stage::{Stage, issue_for, names, register};

fn common_name(root: &X509) -> String {
    let entry = root.subject_name().entries_by_nid(Nid::COMMONNAME).next();
    entry.unwrap().data().to_string().unwrap()
}

#[tokio::test]
async fn rfc8555_7_4_2_every_chain_is_found_and_can_be_preferred_by_its_root() {
    let stage = Stage::start(|options| options.alternate_roots = 2).await;
    let account = register(&stage.client()).await;
    let names = names("chains.example.test");
    let key = PrivateKey::generate(KeyType::EcdsaP256).unwrap();
    let issued = issue_for(&account, names.as_slice().into(), key).await;
    assert_eq!(issued.alternates.len(), 2);
    let mut chains = vec![issued.chain];
    for url in &issued.alternates {
        let other = account.certificate(url).await.unwrap();
        assert_eq!(other.alternates.len(), 2, "the others, and not itself");
        let chain = Chain::parse(&other.pem).unwrap();
        chain.verify(&issued.key.public(), &names).unwrap();
        assert_eq!(chain.cert_pem(), chains[0].cert_pem(), "the same certificate");
        chains.push(chain);
    }

    let mut roots = vec![stage.pebble.root_pem().to_owned()];
    for number in 1..=2 {
        roots.push(stage.pebble.alternate_root_pem(number).await.unwrap());
    }
    let file = stage.pebble.ca_file().with_file_name("roots.pem");
    std::fs::write(&file, roots.concat()).unwrap();
    let known = dns01d::acme::Roots::open(Some(&file)).unwrap();
    let mut chosen = Vec::new();
    for root in &roots {
        let root = X509::from_pem(root.as_bytes()).unwrap();
        let by_name = choose(&chains, &ChainPreference::Root(common_name(&root)));
        assert!(by_name.matched);
        let hash = ChainPreference::RootSha256(sha256(&root.to_der().unwrap()));
        assert_eq!(
            choose_by_root(&chains, &hash, |chain| known.root_of(chain)),
            by_name
        );
        chosen.push(by_name.index);
    }
    chosen.sort_unstable();
    assert_eq!(chosen, [0, 1, 2], "each root has a chain of its own");
}
