//! A plugin's options, held against its description.

use dns01_plugin_wire::{Description, OptionDescription, OptionKind, ProviderDescription};

use super::*;
use crate::plugin;

#[derive(Debug)]
struct Fixed(Result<Description, Undescribed>);

impl Descriptions for Fixed {
    fn describe(
        &self,
        _: &plugin::HostOptions,
        _: &plugin::Options,
    ) -> Result<Option<Description>, Undescribed> {
        self.0.clone().map(Some)
    }
}

fn option(key: &str, change: impl Fn(&mut OptionDescription)) -> OptionDescription {
    let mut option = OptionDescription {
        key: key.into(),
        help: format!("the {key}"),
        default: None,
        required: false,
        secret: false,
        list: false,
        kind: OptionKind::Text,
    };
    change(&mut option);
    option
}

fn provider(id: &str) -> ProviderDescription {
    ProviderDescription {
        id: id.into(),
        title: id.into(),
        url: None,
        open_config: false,
        execs: false,
        options: vec![
            option("server", |option| option.required = true),
            option("tsig-secret", |option| {
                (option.secret, option.required) = (true, true)
            }),
            option("ttl", |option| option.kind = OptionKind::Integer),
            option("tcp", |option| option.kind = OptionKind::Boolean),
            option("timeout", |option| option.kind = OptionKind::Duration),
            option("views", |option| option.list = true),
            option("ca-file", |option| option.kind = OptionKind::File),
            option("version", |_| {}),
            option("port", |option| {
                (option.required, option.default, option.kind) =
                    (true, Some("53".into()), OptionKind::Integer)
            }),
        ],
    }
}

fn library(providers: Vec<ProviderDescription>) -> Fixed {
    Fixed(Ok(Description {
        name: "x".into(),
        version: "1".into(),
        license: None,
        abi_minor: 0,
        providers,
    }))
}

/// A library with the one provider that these tests use.
pub(super) fn library_of(id: &str) -> impl Descriptions {
    library(vec![provider(id)])
}

fn instance(lines: &str) -> String {
    format!("providers:\n  a:\n    library: x\n{lines}")
}

#[test]
fn options_reach_the_plugin_in_its_own_terms() {
    let site = Site::new();
    site.write("secret", "key");
    let text = instance(
        "    options:
      server: 192.0.2.53
      tsig-secret: { file: HERE/secret }
      ttl: 0x3c
      tcp: true
      timeout: 5s
      views: [inside, 2, 1.10]
      version: 1.10
",
    );
    let config = site
        .load_with(&text, &library(vec![provider("x")]))
        .unwrap_or_else(|faults| panic!("{faults}"));
    let read = config.providers[0].source.read().expect("options");
    let pairs: Vec<_> = read
        .iter()
        .map(|option| (option.key.as_str(), option.value.expose()))
        .collect();
    assert_eq!(
        pairs,
        [
            ("server", "192.0.2.53"),
            ("tcp", "true"),
            ("timeout", "5000"),
            ("tsig-secret", "key"),
            ("ttl", "60"),
            ("version", "1.10"),
            ("views", "inside"),
            ("views", "2"),
            ("views", "1.10"),
        ]
    );
}

#[test]
fn every_option_that_the_plugin_would_refuse_is_refused_here() {
    let site = Site::new();
    let text = instance(
        "    options:
      sever: 192.0.2.53
      tsig-secret: hunter2
      ttl: soon
      tcp: yes
      timeout: 5
      views: { file: HERE/secret, credential: x }
      ca-file: { file: HERE/ca.pem }
      version: [1, 2]
      colour: blue
      port:
",
    );
    let faults = site
        .load_with(&text, &library(vec![provider("x")]))
        .expect_err("faults");
    insta::assert_snapshot!(site.plain(&faults.to_string()));
}

#[test]
fn a_path_for_the_plugin_is_of_a_file_or_of_a_directory() {
    let site = Site::new();
    site.write("own.pem", "");
    let read = |path: &str| {
        let text = format!("server: a\ntsig-secret: {{ command: [/bin/echo, s] }}\nca-file: {path}\n");
        let file = site.write("options.yaml", &text);
        provider_options(&file, &provider("x")).map_err(|faults| faults.to_string())
    };
    for path in ["HERE/own.pem", "HERE"] {
        read(path).unwrap_or_else(|faults| panic!("{path}: {faults}"));
    }
    for (path, words) in [
        ("/dev/null", "/dev/null is neither a regular file nor a directory"),
        ("HERE/none", "cannot be used: No such file"),
        ("own.pem", "`own.pem` is not an absolute path"),
    ] {
        let faults = read(path).expect_err(path);
        assert!(faults.contains(words), "{faults}");
    }
}

#[test]
fn the_provider_of_a_library_must_be_known() {
    let site = Site::new();
    let both = || library(vec![provider("lego:hetzner"), provider("lego:ovh")]);
    let options = "    options: { server: a, tsig-secret: { credential: t } }\n";
    let mut reports = String::new();
    let faults = site.load_with(&instance(options), &both()).expect_err("a fault");
    reports.push_str(&faults.to_string());
    let named = instance(&format!("    provider: lego:hetzer\n{options}"));
    reports.push_str(&site.load_with(&named, &both()).expect_err("a fault").to_string());
    let mut program = provider("hook");
    program.execs = true;
    reports.push_str(
        &site
            .load_with(&instance(options), &library(vec![program]))
            .expect_err("a fault")
            .to_string(),
    );
    let refused = Fixed(Err(Undescribed {
        what: "the library is for another machine (aarch64)".into(),
        help: Some("install the one for x86-64".into()),
    }));
    reports.push_str(
        &site
            .load_with(&instance(options), &refused)
            .expect_err("a fault")
            .to_string(),
    );
    insta::assert_snapshot!(site.plain(&reports));
}

#[test]
fn a_provider_that_takes_other_options_gets_them_unchanged() {
    let site = Site::new();
    let mut open = provider("x");
    open.open_config = true;
    let text =
        instance("    options: { server: a, tsig-secret: { command: [/bin/echo, s] }, HETZNER_TTL: 0060 }\n");
    let config = site
        .load_with(&text, &library(vec![open]))
        .unwrap_or_else(|faults| panic!("{faults}"));
    let read = config.providers[0].source.read().expect("options");
    let ttl = read
        .iter()
        .find(|option| option.key == "HETZNER_TTL")
        .expect("passed on");
    assert_eq!(ttl.value.expose(), "0060");
    assert!(
        read.iter()
            .any(|option| option.secret && option.value.expose() == "s")
    );
}
