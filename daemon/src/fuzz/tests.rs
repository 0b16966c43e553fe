use std::{
    fs,
    path::{Path, PathBuf},
};

use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

use super::targets::ALL;

/// Changed inputs of one target in one run: together some seconds' work of one core without optimisation.
const CASES: u32 = 1000;
/// Of the whole corpus, which everybody fetches who fetches the source.
const MAX_CORPUS: u64 = 200 << 10;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let directory = fuzz().join("corpus").join(target);
    let entries = fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = paths
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

/// One change as a fuzzer makes it.
#[derive(Clone, Debug)]
enum Change {
    Set(prop::sample::Index, u8),
    Insert(prop::sample::Index, Vec<u8>),
    Cut(prop::sample::Index, prop::sample::Index),
    Repeat(prop::sample::Index, prop::sample::Index),
}

impl Change {
    fn any() -> impl Strategy<Value = Change> {
        let place = any::<prop::sample::Index>;
        prop_oneof![
            (place(), any::<u8>()).prop_map(|(at, octet)| Change::Set(at, octet)),
            (place(), prop::collection::vec(any::<u8>(), 1..5))
                .prop_map(|(at, more)| Change::Insert(at, more)),
            (place(), place()).prop_map(|(one, other)| Change::Cut(one, other)),
            (place(), place()).prop_map(|(one, other)| Change::Repeat(one, other)),
        ]
    }

    fn make(&self, octets: &mut Vec<u8>) {
        let ends = |one: &prop::sample::Index, other: &prop::sample::Index| {
            let (one, other) = (one.index(octets.len() + 1), other.index(octets.len() + 1));
            one.min(other)..one.max(other)
        };
        match self {
            Change::Set(..) if octets.is_empty() => {}
            Change::Set(at, octet) => {
                let at = at.index(octets.len());
                octets[at] = *octet;
            }
            Change::Insert(at, more) => {
                let at = at.index(octets.len() + 1);
                octets.splice(at..at, more.iter().copied());
            }
            Change::Cut(one, other) => {
                let range = ends(one, other);
                octets.drain(range);
            }
            Change::Repeat(one, other) => {
                let range = ends(one, other);
                octets.extend_from_within(range);
            }
        }
    }
}

#[test]
fn no_target_breaks_on_what_the_fuzzer_found() {
    for (target, run) in ALL {
        let files = corpus(target);
        assert!(files.len() >= 3, "{target} has a corpus of {} files", files.len());
        for (path, octets) in files {
            // the panic that follows does not say which
            println!("{}", path.display());
            run(&octets);
        }
        run(&[]);
    }
}

#[test]
fn no_target_breaks_on_a_change_of_it() {
    for (target, run) in ALL {
        let files: Vec<_> = corpus(target).into_iter().map(|(_, octets)| octets).collect();
        let inputs = (
            prop::sample::select(files),
            prop::collection::vec(Change::any(), 1..6),
        );
        let config = Config {
            cases: CASES,
            failure_persistence: None,
            ..Config::default()
        };
        let outcome = TestRunner::new(config).run(&inputs, |(mut octets, changes)| {
            changes.iter().for_each(|change| change.make(&mut octets));
            run(&octets);
            Ok(())
        });
        outcome.unwrap_or_else(|error| panic!("{target}: {error}"));
    }
}

#[test]
fn every_target_has_a_program_and_the_corpus_is_small() {
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    let mut programs: Vec<_> = manifest
        .lines()
        .filter_map(|line| line.strip_prefix("path = \"targets/")?.strip_suffix(".rs\""))
        .collect();
    programs.sort_unstable();
    let mut names: Vec<_> = ALL.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    assert_eq!(programs, names);
    for name in &names {
        let program = fs::read_to_string(fuzz().join(format!("targets/{name}.rs"))).unwrap();
        assert!(program.contains(&format!("dns01d::fuzz::{name}(")), "{name}");
    }
    let files = names.iter().flat_map(|name| corpus(name));
    let octets: u64 = files.map(|(_, octets)| octets.len() as u64).sum();
    assert!(octets <= MAX_CORPUS, "{octets} octets");
}
