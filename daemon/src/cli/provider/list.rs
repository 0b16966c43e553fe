//! `dns01d provider list`: every provider of this machine.

use std::{io::stdout, path::PathBuf, process::ExitCode};

use clap::Args;
use serde::Serialize;

use super::{
    Context,
    places::{Machine, Places},
};
use crate::{
    cli::{
        Color, View,
        commands::{failed, print},
        view::{clean, wrap},
    },
    clock::{Clock as _, SystemClock},
    plugin::{self, Found},
};

/// How to list.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    places: Places,
}

/// `--json`.
#[derive(Debug, Serialize)]
pub(super) struct Listing {
    /// The configuration that was read; `null` without one.
    pub configuration: Option<PathBuf>,
    /// It could not be read whole: instances may be missing here.
    pub configuration_faulty: bool,
    /// In the order in which they are looked for.
    pub libraries: Vec<Library>,
}

/// One library.
#[derive(Debug, Serialize)]
pub(super) struct Library {
    /// Where it is.
    pub path: PathBuf,
    /// What `library` of a configuration may say instead of the path.
    pub name: Option<String>,
    /// Its version; `null` when it cannot be used.
    pub version: Option<String>,
    /// Instances of the configuration.
    pub instances: Vec<String>,
    /// In the order of their ids.
    pub providers: Vec<Provider>,
    /// Why it cannot be used.
    pub fault: Option<Fault>,
}

/// One provider.
#[derive(Debug, Serialize)]
pub(super) struct Provider {
    /// What `provider` of a configuration says.
    pub id: String,
    /// For people.
    pub title: String,
    /// Documentation.
    pub url: Option<String>,
    /// Instances of the configuration.
    pub instances: Vec<String>,
}

/// Why a library cannot be used.
#[derive(Debug, Serialize)]
pub(super) struct Fault {
    /// What is wrong.
    pub text: String,
    /// What to do about it.
    pub help: Option<String>,
}

pub(super) fn run(arguments: &Arguments, context: &Context<'_>) -> ExitCode {
    let machine = match arguments.places.machine(&context.config) {
        Ok(machine) => machine,
        Err(error) => return failed(&error),
    };
    let found = match context.runtime.block_on(machine.libraries()) {
        Ok(found) => found,
        Err(error) => return failed(&error),
    };
    let listing = listing(&machine, &found);
    let text = if arguments.json {
        match serde_json::to_string_pretty(&listing) {
            Ok(text) => text + "\n",
            Err(error) => return failed(&error),
        }
    } else {
        table(&listing, &machine, &View::of(&stdout(), SystemClock.now()))
    };
    print(&text, ExitCode::SUCCESS)
}

fn listing(machine: &Machine, found: &[Found]) -> Listing {
    let libraries = found.iter().map(|found| library(machine, found)).collect();
    Listing {
        configuration: machine.configuration.clone(),
        configuration_faulty: machine.known.faulty,
        libraries,
    }
}

fn library(machine: &Machine, found: &Found) -> Library {
    let users: Vec<&plugin::Options> = machine
        .known
        .instances
        .iter()
        .filter(|options| options.library == found.path)
        .collect();
    let names = |users: &mut dyn Iterator<Item = &&plugin::Options>| {
        users
            .map(|options| options.instance.to_string())
            .collect::<Vec<_>>()
    };
    let (version, providers, fault) = match &found.description {
        Ok(description) => {
            let only = description.providers.len() == 1;
            let mut providers: Vec<Provider> = description
                .providers
                .iter()
                .map(|provider| {
                    let means = |options: &&&plugin::Options| match &options.provider {
                        Some(id) => *id == provider.id,
                        None => only,
                    };
                    Provider {
                        id: provider.id.clone(),
                        title: provider.title.clone(),
                        url: provider.url.clone(),
                        instances: names(&mut users.iter().filter(means)),
                    }
                })
                .collect();
            providers.sort_by(|a, b| a.id.cmp(&b.id));
            (Some(description.version.clone()), providers, None)
        }
        Err(error) => {
            let fault = Fault {
                text: error.to_string(),
                help: error.help(),
            };
            (None, Vec::new(), Some(fault))
        }
    };
    let short = plugin::short_name(&found.path).filter(|_| is_first(machine, found));
    Library {
        path: found.path.clone(),
        name: short,
        version,
        instances: names(&mut users.iter()),
        providers,
        fault,
    }
}

/// True when a configuration finds this file by its short name: no earlier directory has one of that name.
fn is_first(machine: &Machine, found: &Found) -> bool {
    let Some(file) = found.path.file_name() else {
        return false;
    };
    let first = machine
        .known
        .directories
        .iter()
        .map(|directory| directory.join(file))
        .find(|path| path.exists());
    first.as_ref() == Some(&found.path)
}

fn table(listing: &Listing, machine: &Machine, view: &View) -> String {
    let mut out = String::new();
    for library in &listing.libraries {
        let path = clean(&library.path.display().to_string());
        let version = library.version.as_deref().map(clean).unwrap_or_default();
        out.push_str(&format!("{}  {version}\n", view.paint(Color::Bold, &path)));
        let width = library
            .providers
            .iter()
            .map(|one| one.id.len())
            .max()
            .unwrap_or(0);
        for provider in &library.providers {
            let users = match provider.instances.as_slice() {
                [] => String::new(),
                users => format!("  used by {}", users.join(", ")),
            };
            let id = format!("{:width$}", provider.id);
            let title = clean(&provider.title);
            out.push_str(&format!("  {}  {title}{users}\n", view.paint(Color::Good, &id)));
        }
        if let Some(fault) = &library.fault {
            let text = match &fault.help {
                Some(help) => format!("cannot be used: {}; {help}", fault.text),
                None => format!("cannot be used: {}", fault.text),
            };
            for line in wrap(&text, view.width.saturating_sub(2)) {
                out.push_str(&format!("  {}\n", view.paint(Color::Bad, &line)));
            }
        }
    }
    if listing.libraries.is_empty() {
        let places: Vec<_> = machine
            .known
            .directories
            .iter()
            .map(|directory| directory.display().to_string())
            .collect();
        out.push_str(&format!("no plugin library in {}\n", places.join(" or ")));
    }
    out
}
