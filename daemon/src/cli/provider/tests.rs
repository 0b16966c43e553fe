use std::path::{Path, PathBuf};

use jiff::{Timestamp, tz::TimeZone};

use super::{
    facts::{InstanceFacts, LibraryFacts, OptionFacts, Shown},
    list::{Fault, Library, Listing, Provider},
    prepare, show, snippet,
};
use crate::{
    challenge::Task,
    cli::View,
    config::{self, Descriptions, Presence, Undescribed},
    control::protocol::{NamePrepared, Prepared},
    plugin::{self, Description, InstanceInfo, OptionDescription, OptionKind, ProviderDescription},
    types::FaultClass,
};

fn view(width: usize) -> View {
    View {
        now: Timestamp::UNIX_EPOCH,
        zone: TimeZone::UTC,
        width,
        color: false,
    }
}

fn option(key: &str, kind: OptionKind, change: impl Fn(&mut OptionDescription)) -> OptionDescription {
    let mut option = OptionDescription {
        key: key.into(),
        help: format!("what {key} is for"),
        default: None,
        required: false,
        secret: false,
        list: false,
        kind,
    };
    change(&mut option);
    option
}

/// One of each kind, and defaults that YAML would read as something else.
fn every_option() -> Vec<OptionDescription> {
    vec![
        option("servers", OptionKind::Text, |option| {
            (option.required, option.list) = (true, true)
        }),
        option("token", OptionKind::Text, |option| {
            (option.required, option.secret) = (true, true)
        }),
        option("account", OptionKind::Text, |option| option.required = true),
        option("region", OptionKind::Text, |option| {
            option.default = Some("no".into())
        }),
        option("base-url", OptionKind::Text, |option| {
            option.default = Some("https://api.example.test/v1".into())
        }),
        option("note", OptionKind::Text, |option| {
            option.default = Some("a: b # c".into())
        }),
        option("ca-file", OptionKind::File, |_| {}),
        option("port", OptionKind::Integer, |option| {
            (option.required, option.default) = (true, Some("53".into()))
        }),
        option("tries", OptionKind::Integer, |_| {}),
        option("verify", OptionKind::Boolean, |option| {
            option.default = Some("true".into())
        }),
        option("timeout", OptionKind::Duration, |option| {
            option.default = Some("5000".into())
        }),
        option("pause", OptionKind::Duration, |option| {
            option.default = Some("250".into())
        }),
    ]
}

fn shown() -> Shown {
    let mut shown = Shown {
        id: "portal:main".into(),
        title: "A portal that people run themselves".into(),
        url: Some("https://portal.example.test/docs".into()),
        library: LibraryFacts {
            path: "/usr/lib/dns01d/plugins/libdns01_portals.so".into(),
            name: Some("portals".into()),
            title: "portals".into(),
            version: "1.2.3".into(),
            license: Some("MIT".into()),
            abi: "1.0".into(),
            sha256: "0f".repeat(32),
            providers: 2,
        },
        runs_programs: true,
        other_options: false,
        options: every_option().iter().map(OptionFacts::of).collect(),
        instances: vec!["office".parse().expect("a name")],
        instance: Some(InstanceFacts {
            name: "office".parse().expect("a name"),
            info: Some(InstanceInfo {
                max_batch: 50,
                max_values_per_name: 1,
                cancels: true,
                ..InstanceInfo::default()
            }),
            fault: None,
        }),
        snippet: String::new(),
    };
    shown.snippet = snippet::yaml(&shown);
    shown
}

#[test]
fn a_provider_is_shown_with_all_that_an_operator_needs() {
    insta::assert_snapshot!(show::page(&shown(), &view(80)));
}

#[test]
fn an_instance_that_cannot_be_opened_says_why() {
    let mut shown = shown();
    let instance = shown.instance.as_mut().expect("one");
    instance.info = None;
    instance.fault = Some("the plugin refused its options: wrong configuration: option `servers`".into());
    let page = show::page(&shown, &view(100));
    assert!(
        page.contains("office      cannot be asked: the plugin refused its options"),
        "{page}"
    );
}

/// A configuration holds what the snippet says, also with every comment taken away.
#[test]
fn a_snippet_filled_in_is_a_good_configuration() {
    #[derive(Debug)]
    struct Known;
    impl Descriptions for Known {
        fn describe(
            &self,
            _: &plugin::HostOptions,
            _: &plugin::Options,
        ) -> Result<Option<Description>, Undescribed> {
            let provider = |id: &str| ProviderDescription {
                id: id.into(),
                title: id.into(),
                url: None,
                open_config: false,
                execs: true,
                options: every_option(),
            };
            Ok(Some(Description {
                name: "portals".into(),
                version: "1.2.3".into(),
                license: None,
                abi_minor: 0,
                providers: vec![provider("portal:main"), provider("portal:other")],
            }))
        }
    }
    const HEAD: &str = "cas:\n  lab: { directory: \"https://127.0.0.1:1/dir\", agree-terms: true }\n";
    let directory = tempfile::tempdir().expect("a directory");
    let load = |snippet: &str| {
        let file = directory.path().join("dns01d.yaml");
        std::fs::write(&file, format!("{HEAD}{snippet}")).expect("written");
        config::load_with(&file, &Known, Presence::Assumed)
    };
    let snippet = shown().snippet;
    let filled = snippet.replace("\"\"", "/x");
    let faults = load(&filled).expect_err("no consent");
    assert_eq!(faults.errors(), 1, "{faults}");
    let filled = filled.replace("#allow-exec", "allow-exec");
    let config = load(&filled).unwrap_or_else(|faults| panic!("{faults}\n{filled}"));
    assert_eq!(
        config.providers[0].options.provider.as_deref(),
        Some("portal:main")
    );
    assert!(config.providers[0].options.allow_exec);

    let uncommented: String = filled
        .lines()
        .map(|line| match line.trim_start().strip_prefix('#') {
            Some(rest) if rest.starts_with("tries") => format!("      {rest} 3\n"),
            Some(rest) if !rest.starts_with(' ') => {
                format!("{}{rest}\n", &line[..line.len() - line.trim_start().len()])
            }
            _ => format!("{line}\n"),
        })
        .collect();
    load(&uncommented).unwrap_or_else(|faults| panic!("{faults}\n{uncommented}"));
    assert!(uncommented.contains("\n      verify: true\n"), "{uncommented}");
}

fn listing() -> Listing {
    let provider = |id: &str, title: &str, instances: &[&str]| Provider {
        id: id.into(),
        title: title.into(),
        url: None,
        instances: instances.iter().map(|name| (*name).to_owned()).collect(),
    };
    let library = |path: &str, name: Option<&str>| Library {
        path: path.into(),
        name: name.map(str::to_owned),
        version: Some("1.2.3".into()),
        instances: vec![],
        providers: vec![],
        fault: None,
    };
    Listing {
        configuration: Some("/etc/dns01d/dns01d.yaml".into()),
        configuration_faulty: false,
        directories: vec!["/usr/lib/dns01d/plugins".into()],
        libraries: vec![
            Library {
                instances: vec!["bind".into(), "office".into()],
                providers: vec![provider(
                    "rfc2136",
                    "RFC 2136 dynamic updates",
                    &["bind", "office"],
                )],
                ..library("/usr/lib/dns01d/plugins/libdns01_rfc2136.so", Some("rfc2136"))
            },
            Library {
                providers: vec![
                    provider(
                        "lego:a",
                        "A host whose title is so long that it does not fit beside its id",
                        &[],
                    ),
                    provider("lego:hetzner", "Hetzner", &["shop"]),
                ],
                ..library("/usr/lib/dns01d/plugins/libdns01_lego.so", Some("lego"))
            },
            Library {
                version: None,
                instances: vec!["old".into()],
                fault: Some(Fault {
                    text: "/opt/old.so is for arm64; this machine is x86_64".into(),
                    help: Some("install the build of the plugin for x86_64".into()),
                }),
                ..library("/opt/old.so", None)
            },
        ],
    }
}

#[test]
fn a_listing_has_a_block_for_each_library() {
    insta::assert_snapshot!(super::list::table(&listing(), &view(80)));
}

#[test]
fn a_listing_for_programs_has_everything() {
    let json = serde_json::to_string_pretty(&listing()).expect("JSON");
    insta::assert_snapshot!(json);
}

#[test]
fn a_machine_without_plugins_says_where_they_were_looked_for() {
    let listing = Listing {
        configuration: None,
        libraries: vec![],
        ..listing()
    };
    let text = super::list::table(&listing, &view(80));
    assert_eq!(text, "no plugin library in /usr/lib/dns01d/plugins\n");
}

#[test]
fn faults_of_a_configuration_are_said_with_what_could_be_read_of_it() {
    let listing = Listing {
        configuration_faulty: true,
        ..listing()
    };
    let text = super::list::table(&listing, &view(80));
    assert!(text.contains("`dns01d check`"), "{text}");
}

fn outcome(
    name: Option<&str>,
    record: Option<&str>,
    failure: Option<FaultClass>,
    text: &str,
) -> NamePrepared {
    let parsed = |name: &str| name.parse().expect("a name");
    NamePrepared {
        name: name.map(parsed),
        challenge_name: name.map(|name| parsed(&format!("_acme-challenge.{name}"))),
        record: record.map(parsed),
        zone: record.map(|_| parsed("example.test")),
        failure,
        text: text.into(),
    }
}

#[test]
fn a_setup_shows_what_is_left_to_do_for_each_name() {
    let prepared = Prepared {
        instance: "acme".parse().expect("a name"),
        outcomes: vec![
            outcome(
                Some("www.example.test"),
                Some("_acme-challenge.www.example.test"),
                None,
                "add this record:\n_acme-challenge.www.example.test. CNAME d420c923-bbd7-4056-ab64-c3ca54c9b3cf.auth.example.test.",
            ),
            outcome(
                Some("shop.example.test"),
                Some("d420.auth.example.test"),
                Some(FaultClass::Operator),
                "credentials refused: the account is locked\x1b[2J",
            ),
        ],
    };
    let text = prepare::table(Task::Setup, &prepared, &view(60));
    assert!(!text.contains('\x1b'), "{text:?}");
    insta::assert_snapshot!(text);
    // as the acme-dns provider words it, and as it refuses a check
    let record =
        "_acme-challenge.www.example.test. CNAME d420c923-bbd7-4056-ab64-c3ca54c9b3cf.auth.example.test.";
    for (text, before, after) in [
        (
            format!("add this record to the zone: {record}"),
            "add this record to the zone:",
            "",
        ),
        (
            format!("put this in its place: `{record}`; then go on"),
            "put this in its place:",
            "then go on\n",
        ),
        (format!("{record}\n{record}"), record, ""),
    ] {
        let prepared = Prepared {
            instance: "acme".parse().expect("a name"),
            outcomes: vec![outcome(None, None, None, &text)],
        };
        let shown = prepare::table(Task::Setup, &prepared, &view(40));
        let after = match after {
            "" => String::new(),
            after => format!("  {after}"),
        };
        assert_eq!(
            shown,
            format!("credentials  done\n  {before}\n  {record}\n{after}")
        );
    }
    let credentials = Prepared {
        outcomes: vec![outcome(None, None, None, "ns1 accepts key dns01d")],
        ..prepared
    };
    assert_eq!(
        prepare::table(Task::Check, &credentials, &view(60)),
        "credentials  good\n  ns1 accepts key dns01d\n"
    );
}

#[test]
fn directories_of_the_command_line_stand_for_the_configured_ones() {
    use clap::Parser as _;
    let parsed = crate::cli::Arguments::parse_from([
        "dns01d",
        "provider",
        "list",
        "--plugin-dir",
        "/a",
        "--plugin-dir",
        "/b",
        "--plugin-host",
        "/h",
    ]);
    let crate::cli::Command::Provider { command } = parsed.command else {
        panic!("another command")
    };
    let super::ProviderCommand::List(arguments) = command else {
        panic!("another command")
    };
    let machine = arguments
        .places
        .machine(Path::new(crate::cli::DEFAULT_CONFIG))
        .expect("places");
    assert_eq!(machine.known.directories, ["/a", "/b"].map(PathBuf::from));
    assert_eq!(machine.known.host.executable, Path::new("/h"));
    let missing = arguments.places.machine(Path::new("/nonexistent/dns01d.yaml"));
    assert!(
        missing
            .expect_err("refused")
            .to_string()
            .contains("`dns01d check`")
    );
}
