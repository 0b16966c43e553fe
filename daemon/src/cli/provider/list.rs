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
        view::{clean, push_lines, push_paragraph},
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
    pub(super) places: Places,
}

/// `--json`.
#[derive(Debug, Serialize)]
pub(super) struct Listing {
    /// The configuration that was read; `null` without one.
    pub configuration: Option<PathBuf>,
    /// It could not be read whole: instances may be missing here.
    pub configuration_faulty: bool,
    /// Where libraries are looked for, the first one wins.
    pub directories: Vec<PathBuf>,
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
        table(&listing, &View::of(&stdout(), SystemClock.now()))
    };
    print(&text, ExitCode::SUCCESS)
}

fn listing(machine: &Machine, found: &[Found]) -> Listing {
    let libraries = found.iter().map(|found| library(machine, found)).collect();
    Listing {
        configuration: machine.configuration.clone(),
        configuration_faulty: machine.known.faulty,
        directories: machine.known.directories.clone(),
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
    Library {
        path: found.path.clone(),
        name: machine.short_name(&found.path),
        version,
        instances: names(&mut users.iter()),
        providers,
        fault,
    }
}

const UNUSABLE: &str = "cannot be used";

fn used_by(instances: &[String]) -> String {
    match instances {
        [] => String::new(),
        instances => format!("; used by {}", instances.join(", ")),
    }
}

/// The listing for people: a block for each library.
pub(super) fn table(listing: &Listing, view: &View) -> String {
    let mut out = String::new();
    for library in &listing.libraries {
        let path = clean(&library.path.display().to_string());
        let version = match &library.version {
            Some(version) => format!("  {}", clean(version)),
            None => String::new(),
        };
        out.push_str(&format!("{}{version}\n", view.paint(Color::Bold, &path)));
        let width = library
            .providers
            .iter()
            .map(|one| one.id.len())
            .max()
            .unwrap_or(0);
        for provider in &library.providers {
            let users = used_by(&provider.instances);
            let lead = format!("  {:width$}  ", provider.id);
            push_lines(
                &mut out,
                &view.paint(Color::Good, &lead),
                width + 4,
                &format!("{}{users}", provider.title),
                view,
            );
        }
        if let Some(fault) = &library.fault {
            let help = fault.help.iter().map(|help| format!("; {help}"));
            let text = format!(
                "{}{}{}",
                fault.text,
                help.collect::<String>(),
                used_by(&library.instances)
            );
            push_paragraph(
                &mut out,
                &view.paint(Color::Bad, UNUSABLE),
                UNUSABLE.len(),
                &text,
                view,
            );
        }
    }
    if listing.configuration_faulty {
        out.push_str(&format!(
            "\n{}\n",
            view.paint(
                Color::Bad,
                "the configuration has faults, and instances may be missing here: `dns01d check` shows them"
            )
        ));
    }
    if listing.libraries.is_empty() {
        let places: Vec<_> = listing
            .directories
            .iter()
            .map(|directory| directory.display().to_string())
            .collect();
        out.push_str(&format!("no plugin library in {}\n", places.join(" or ")));
    }
    out
}
