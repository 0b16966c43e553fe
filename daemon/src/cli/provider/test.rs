//! `dns01d provider test`: does a plugin keep the promises of the header?

use std::{
    io::{self, stdout},
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    process::ExitCode,
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::{
    Context,
    places::{Machine, Places},
};
use crate::{
    cli::{
        Color, View,
        commands::{EX_CONFIG, failed, interruption, print},
        view::{clean, wrap},
    },
    clock::{Clock as _, SystemClock},
    config::{self, report},
    conformance::{self, Finding, Report, Verdict},
    dns::{self, Authority, Dns},
    plugin::{self, CallError, MemoryState, OptionSource, OptionValue, Plugins, ProviderDescription},
    types::DnsName,
};

/// The column where what was seen begins.
const INDENT: usize = 25;
/// What an instance under test is called in the process list.
const INSTANCE: &str = "test";

/// What to test, and where.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The plugin library: a path, or the name of one in the plugin directories
    #[arg(value_name = "LIBRARY")]
    library: String,
    /// YAML of the plugin's own options, as under `providers.NAME.options` of a configuration
    #[arg(long, value_name = "FILE")]
    options: Option<PathBuf>,
    /// A zone of yours that these options may write to; random names in it are used, and cleaned up
    #[arg(long, value_name = "ZONE")]
    zone: DnsName,
    /// Which provider of the library
    #[arg(long, value_name = "ID")]
    provider: Option<String>,
    /// Publish only at `_acme-challenge.NAME`, for servers that allow no other names
    #[arg(long, value_name = "NAME")]
    name: Option<DnsName>,
    /// A zone delegated from the zone that the options may write to as well
    #[arg(long, value_name = "ZONE")]
    subzone: Option<DnsName>,
    /// An authoritative server to ask, an address or a name, instead of those that DNS tells; may be repeated
    #[arg(long = "server", value_name = "ADDRESS")]
    servers: Vec<Server>,
    /// Do not look in DNS: for a provider that publishes nowhere
    #[arg(long, conflicts_with_all = ["servers", "subzone"])]
    no_dns: bool,
    /// How long the servers may take to show a change, at least
    #[arg(long, value_name = "SECONDS", default_value_t = conformance::DEFAULT_VISIBLE.as_secs())]
    visible_within: u64,
    /// The service takes no value away, as acme-dns, where newer ones take its place: remove() must say that it
    /// changed nothing, and values may stay
    #[arg(long)]
    keeps_values: bool,
    /// How often the instance is opened, used and closed to see whether it leaks
    #[arg(long, value_name = "NUMBER", default_value_t = conformance::DEFAULT_ROUNDS)]
    rounds: u32,
    /// Run only this check, or this group of checks; may be repeated
    #[arg(long, value_name = "CHECK")]
    only: Vec<String>,
    /// Let the plugin run programs, as `allow-exec` of a configuration does
    #[arg(long)]
    allow_exec: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    places: Places,
}

/// An authoritative server as people write it.
#[derive(Clone, Debug)]
struct Server(Authority);

impl FromStr for Server {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let port = dns::NAME_SERVER_PORT;
        let address = text.parse().or_else(|_| {
            let address = text.parse::<IpAddr>();
            address.map(|address| SocketAddr::new(address, port))
        });
        match address {
            Ok(address) => Ok(Server(Authority::Address(address))),
            Err(_) => match text.parse() {
                Ok(name) => Ok(Server(Authority::Host(name, port))),
                Err(_) => Err(
                    "write an address such as `192.0.2.1` or `[2001:db8::1]:5353`, or a host name".to_owned(),
                ),
            },
        }
    }
}

/// Why nothing was tested.
#[derive(Debug, thiserror::Error)]
enum TestError {
    #[error(
        "there is no plugin library `{name}`; it was looked for as {}",
        paths(looked_at)
    )]
    NoLibrary { name: String, looked_at: Vec<PathBuf> },
    #[error("plugins cannot be started: {0}")]
    Start(#[source] io::Error),
    #[error("the options cannot be read: {0}")]
    Options(String),
    #[error(transparent)]
    Choice(CallError),
    #[error(transparent)]
    Dns(#[from] dns::SetupError),
    #[error(transparent)]
    Setup(#[from] conformance::SetupError),
    #[error("signals cannot be received: {0}")]
    Signals(#[source] io::Error),
}

pub(super) fn run(arguments: Arguments, context: &Context<'_>) -> ExitCode {
    let machine = match arguments.places.machine(&context.config) {
        Ok(machine) => machine,
        Err(error) => return failed(&error),
    };
    let json = arguments.json;
    match context.runtime.block_on(test(arguments, &machine)) {
        Ok(Outcome::Faults(faults)) => {
            eprint!("{}", report::text(&faults));
            ExitCode::from(EX_CONFIG)
        }
        Ok(Outcome::Report(report)) => {
            let code = match report.is_good() {
                true => ExitCode::SUCCESS,
                false => ExitCode::FAILURE,
            };
            let text = if json {
                match serde_json::to_string_pretty(&report) {
                    Ok(text) => text + "\n",
                    Err(error) => return failed(&error),
                }
            } else {
                summary(&report, &View::of(&stdout(), SystemClock.now()))
            };
            print(&text, code)
        }
        Err(error) => failed(&error),
    }
}

enum Outcome {
    Report(Report),
    Faults(config::Faults),
}

async fn test(arguments: Arguments, machine: &Machine) -> Result<Outcome, TestError> {
    let library = library(&arguments.library, machine)?;
    let plugins = Plugins::new(machine.known.host.clone()).map_err(TestError::Start)?;
    let options = conformance::Options {
        plugin: plugin::Options {
            provider: arguments.provider.clone(),
            allow_exec: arguments.allow_exec,
            ..plugin::Options::new(INSTANCE.parse().expect("a name"), library)
        },
        dns: match arguments.no_dns {
            true => None,
            false => Some(dns_of(&arguments)?),
        },
        zone: arguments.zone,
        name: arguments.name,
        subzone: arguments.subzone,
        visible_within: Duration::from_secs(arguments.visible_within),
        keeps_values: arguments.keeps_values,
        rounds: arguments.rounds,
        only: arguments.only,
    };
    let given = match describe(&plugins, &options.plugin).await? {
        Ok(provider) => match values(arguments.options.as_deref(), &provider).await? {
            Ok(values) => Ok((provider, values)),
            Err(faults) => return Ok(Outcome::Faults(faults)),
        },
        Err(why) => Err(why),
    };
    let stop = CancellationToken::new();
    let interrupted = interruption().map_err(TestError::Signals)?;
    let view = View::of(&stdout(), SystemClock.now());
    let mut group = "";
    let on_finding = |finding: &Finding| {
        if !arguments.json {
            let heading = finding.group != std::mem::replace(&mut group, finding.group);
            print(&line(finding, heading, &view), ExitCode::SUCCESS);
        }
    };
    let testing = conformance::run(&options, plugins, given, stop.clone(), on_finding);
    tokio::pin!(testing);
    let report = tokio::select! {
        report = &mut testing => report?,
        () = interrupted => {
            eprintln!("dns01d: interrupted; what was published is being removed");
            stop.cancel();
            testing.await?
        }
    };
    Ok(Outcome::Report(report))
}

/// A path, or a name as `library` of a configuration has it.
fn library(text: &str, machine: &Machine) -> Result<PathBuf, TestError> {
    let path = Path::new(text);
    let candidates: Vec<PathBuf> = if text.contains('/') || path.extension().is_some() {
        vec![std::path::absolute(path).map_err(|error| TestError::Options(error.to_string()))?]
    } else {
        let file = plugin::file_name(text);
        let directories = machine.known.directories.iter();
        directories.map(|directory| directory.join(&file)).collect()
    };
    let found = candidates.iter().find(|path| path.exists()).cloned();
    found.ok_or_else(|| TestError::NoLibrary {
        name: text.to_owned(),
        looked_at: candidates,
    })
}

fn dns_of(arguments: &Arguments) -> Result<Dns, TestError> {
    let authorities: Vec<Authority> = arguments
        .servers
        .iter()
        .map(|Server(server)| server.clone())
        .collect();
    let mut options = dns::Options::default();
    if !authorities.is_empty() {
        let zone = dns::ZoneOptions {
            authorities,
            ..dns::ZoneOptions::default()
        };
        options.zones.insert(arguments.zone.clone(), zone);
    }
    Ok(Dns::new(options)?)
}

/// The provider that is meant; or why the library cannot tell, which is a finding of its own.
async fn describe(
    plugins: &Plugins,
    options: &plugin::Options,
) -> Result<Result<ProviderDescription, String>, TestError> {
    let instance = plugins.instance(
        options.clone(),
        Arc::new(NoOptions),
        Arc::new(MemoryState::default()),
    );
    match instance.describe().await {
        Ok(provider) => Ok(Ok(provider)),
        Err(error @ (CallError::Library(_) | CallError::Load { .. } | CallError::Died(_))) => {
            Ok(Err(match error.help() {
                Some(help) => format!("{error}; {help}"),
                None => error.to_string(),
            }))
        }
        Err(error) => Err(TestError::Choice(error)),
    }
}

async fn values(
    path: Option<&Path>,
    provider: &ProviderDescription,
) -> Result<Result<Vec<OptionValue>, config::Faults>, TestError> {
    let Some(path) = path else {
        return Ok(Ok(Vec::new()));
    };
    let path = std::path::absolute(path).map_err(|error| TestError::Options(error.to_string()))?;
    let (source, warnings) = match config::provider_options(&path, provider) {
        Ok(read) => read,
        Err(faults) => return Ok(Err(faults)),
    };
    eprint!("{}", report::text(&warnings));
    // a command that prints a secret blocks
    let read = tokio::task::spawn_blocking(move || source.read()).await;
    let values = read.map_err(|error| TestError::Options(error.to_string()))?;
    values.map(Ok).map_err(TestError::Options)
}

/// A library that is only described is asked for no options.
#[derive(Debug)]
struct NoOptions;

impl OptionSource for NoOptions {
    fn read(&self) -> Result<Vec<OptionValue>, String> {
        Ok(Vec::new())
    }
}

/// One check, as it ends.
fn line(finding: &Finding, heading: bool, view: &View) -> String {
    let mut out = String::new();
    if heading {
        out.push_str(&format!("{}\n", view.paint(Color::Bold, finding.group)));
    }
    let (word, color) = match finding.verdict {
        Verdict::Pass => ("pass", Color::Good),
        Verdict::Fail => ("FAIL", Color::Bad),
        Verdict::NotApplicable => ("n/a ", Color::Dim),
    };
    let mut row = |left: &str, text: &str| {
        let width = view.width.saturating_sub(INDENT).max(20);
        for (at, part) in wrap(&clean(text), width).iter().enumerate() {
            let left = if at == 0 { left } else { "" };
            let room = INDENT.saturating_sub(8);
            match at {
                0 if left == finding.check => {
                    out.push_str(&format!("  {}  {left:room$}{part}\n", view.paint(color, word)));
                }
                _ => out.push_str(&format!("        {left:room$}{part}\n")),
            }
        }
    };
    row(finding.check, &finding.seen);
    if finding.verdict == Verdict::Fail {
        row("wanted", &format!("{} ({})", finding.promise, finding.rule));
        row("what to do", finding.advice.unwrap_or_default());
    }
    out
}

/// The end of the report.
fn summary(report: &Report, view: &View) -> String {
    let mut out = String::new();
    let sandbox = match &report.sandbox {
        None if report.subject.provider.is_some() => "only the file was looked at".to_owned(),
        None => "the library could not be loaded".to_owned(),
        Some(sandbox) if sandbox.missing.is_empty() => {
            "all of it ran in the sandbox: files and system calls confined".to_owned()
        }
        Some(sandbox) => format!("the sandbox was not whole: {}", sandbox.missing.join("; ")),
    };
    let provider = report.subject.provider.as_deref().unwrap_or("?");
    out.push_str(&format!(
        "\n{} of {}, zone {}; {sandbox}\n",
        clean(provider),
        clean(&report.subject.library.display().to_string()),
        report.subject.zone
    ));
    let failures = report.count(Verdict::Fail);
    let color = if failures == 0 { Color::Good } else { Color::Bad };
    let counts = format!(
        "{} passed, {failures} failed, {} not applicable",
        report.count(Verdict::Pass),
        report.count(Verdict::NotApplicable)
    );
    out.push_str(&format!("{}\n", view.paint(color, &counts)));
    out
}

fn paths(paths: &[PathBuf]) -> String {
    let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    paths.join(" and ")
}
