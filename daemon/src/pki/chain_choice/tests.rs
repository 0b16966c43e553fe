use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::pki::{
    KeyType, PrivateKey,
    test_ca::{Leaf, TestCa},
};

/// One leaf, with every chain that two roots and a cross-signature make of it.
struct Site {
    chains: Vec<Chain>,
    roots: [TestCa; 2],
}

const PLAIN: usize = 0;
const CROSS: usize = 1;
const LONG: usize = 2;
const WITH_ROOT: usize = 3;

static SITE: LazyLock<Site> = LazyLock::new(|| {
    let (root, old_root) = (TestCa::root("Root X1"), TestCa::root("Old Root"));
    let intermediate = root.intermediate("E1");
    let key = PrivateKey::generate(KeyType::EcdsaP256).expect("a key");
    let leaf = Leaf {
        names: &["example.org"],
        serial: 0x87,
        not_before: 1_700_000_000,
        not_after: 1_707_776_000,
    };
    let leaf = intermediate.issue(&key, &leaf);
    let under_root = intermediate.pem();
    let chains = [
        vec![leaf.clone(), under_root.clone()],
        vec![leaf.clone(), old_root.certify(&intermediate)],
        vec![leaf.clone(), under_root.clone(), old_root.certify(&root)],
        vec![leaf, under_root, root.pem()],
    ];
    let chains = chains.map(|chain| Chain::parse(&chain.concat()).expect("a chain"));
    for chain in &chains {
        let names = ["example.org".parse().expect("a name")];
        chain.verify(&key.public(), &names).expect("a chain that holds");
    }
    Site {
        chains: chains.into(),
        roots: [root, old_root],
    }
});

fn offer(indices: &[usize]) -> Vec<Chain> {
    indices.iter().map(|index| SITE.chains[*index].clone()).collect()
}

fn matched(index: usize) -> Choice {
    Choice { index, matched: true }
}

#[test]
fn each_preference_finds_its_chain() {
    let offered = offer(&[LONG, PLAIN, CROSS]);
    let root = |name: &str| ChainPreference::Root(name.into());
    assert_eq!(choose(&offered, &ChainPreference::Default), matched(0));
    assert_eq!(choose(&offered, &ChainPreference::Shortest), matched(1));
    assert_eq!(choose(&offered, &root("Root X1")), matched(1));
    assert_eq!(choose(&offered, &root("Old Root")), matched(0));
    assert_eq!(choose(&offered[1..], &root("Old Root")), matched(1));
    assert_eq!(
        choose(&offered, &ChainPreference::Issuer("E1".into())),
        matched(0)
    );
    let none = Choice {
        index: 0,
        matched: false,
    };
    assert_eq!(choose(&offered, &root("E1")), none);
    assert_eq!(choose(&offered, &ChainPreference::Issuer("Root X1".into())), none);
}

#[test]
fn a_root_in_its_chain_is_known_by_its_hash_and_one_that_is_not_by_whoever_knows_it() {
    let [root, old_root] = &SITE.roots;
    let preference = ChainPreference::RootSha256(root.sha256());
    let (with, without) = (offer(&[CROSS, WITH_ROOT]), offer(&[CROSS, PLAIN]));
    assert_eq!(choose(&with, &preference), matched(1));
    assert!(!choose(&without, &preference).matched);
    let known = |chain: &Chain| match chain.root_name()?.as_str() {
        "Root X1" => Some(root.sha256()),
        _ => Some(old_root.sha256()),
    };
    assert_eq!(choose_by_root(&without, &preference, known), matched(1));
    let preference = ChainPreference::RootSha256(old_root.sha256());
    assert_eq!(choose_by_root(&without, &preference, known), matched(0));
}

fn preferences() -> impl Strategy<Value = ChainPreference> {
    let names = prop::sample::select(vec!["Root X1", "Old Root", "E1", "Nobody"]);
    prop_oneof![
        Just(ChainPreference::Default),
        Just(ChainPreference::Shortest),
        names.clone().prop_map(|name| ChainPreference::Root(name.into())),
        names.prop_map(|name| ChainPreference::Issuer(name.into())),
        (0_usize..2).prop_map(|root| ChainPreference::RootSha256(SITE.roots[root].sha256())),
    ]
}

/// What a preference asks of one chain, said once more in plain words.
fn fits(chain: &Chain, all: &[Chain], preference: &ChainPreference) -> bool {
    match preference {
        ChainPreference::Default => true,
        ChainPreference::Shortest => all.iter().all(|other| other.length() >= chain.length()),
        ChainPreference::Root(name) => chain.root_name().as_ref() == Some(name),
        ChainPreference::Issuer(name) => chain.issuer() == name,
        ChainPreference::RootSha256(hash) => chain.own_root_sha256() == Some(*hash),
    }
}

proptest! {
    #[test]
    fn the_choice_is_the_first_that_fits_and_says_when_none_does(
        indices in prop::collection::vec(0_usize..4, 1..8),
        preference in preferences(),
    ) {
        let offered = offer(&indices);
        let choice = choose(&offered, &preference);
        prop_assert!(choice.index < offered.len());
        let expected = offered.iter().position(|chain| fits(chain, &offered, &preference));
        prop_assert_eq!(choice.matched, expected.is_some());
        prop_assert_eq!(choice.index, expected.unwrap_or(0));
    }
}
