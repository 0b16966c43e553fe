//! `dns01d provider show`: one provider, from its library.

use std::{io::stdout, path::Path, process::ExitCode, sync::Arc, time::Duration};

use clap::Args;

use super::{
    Context,
    facts::{InstanceFacts, LibraryFacts, OptionFacts, Shown},
    places::{Machine, Meant, Places, PlacesError},
    snippet,
};
use crate::{
    app::{self, PluginStarter},
    cli::{
        Color, View,
        commands::{failed, print},
        view::{LABEL, clean, push_field, push_lines},
    },
    clock::{Clock as _, SystemClock},
    plugin::{self, InstanceInfo, MemoryState, ProviderClient as _},
    types::InstanceName,
};

/// Opening uses no network; a provider that takes longer hangs.
const OPEN: Duration = Duration::from_secs(30);

/// What to show.
#[derive(Debug, Args)]
pub struct Arguments {
    /// A provider's id, a library's short name or path, or an instance of the configuration
    #[arg(value_name = "NAME|PATH|INSTANCE")]
    name: String,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    places: Places,
}

pub(super) fn run(arguments: &Arguments, context: &Context<'_>) -> ExitCode {
    match context.runtime.block_on(shown(arguments, &context.config)) {
        Ok(shown) if arguments.json => match serde_json::to_string_pretty(&shown) {
            Ok(text) => print(&(text + "\n"), ExitCode::SUCCESS),
            Err(error) => failed(&error),
        },
        Ok(shown) => {
            let view = View::of(&stdout(), SystemClock.now());
            print(&page(&shown, &view), ExitCode::SUCCESS)
        }
        Err(error) => failed(&error),
    }
}

async fn shown(arguments: &Arguments, config: &Path) -> Result<Shown, PlacesError> {
    let machine = arguments.places.machine(config)?;
    let Meant {
        path,
        library,
        provider,
        instance,
    } = machine.find(&arguments.name).await?;
    let opened = plugin::Library::open(&path, None).map_err(|error| PlacesError::unusable(error.into()))?;
    let sha256 = opened
        .sha256()
        .map_err(|error| PlacesError::unusable(error.into()))?;
    let instance = match instance {
        Some(name) => Some(facts(config, name).await),
        None => None,
    };
    let mut shown = Shown {
        id: provider.id.clone(),
        title: provider.title.clone(),
        url: provider.url.clone(),
        runs_programs: provider.execs,
        other_options: provider.open_config,
        options: provider.options.iter().map(OptionFacts::of).collect(),
        instances: users(&machine, &path, &provider.id, library.providers.len()),
        library: LibraryFacts {
            name: machine.short_name(&path),
            title: library.name.clone(),
            version: library.version.clone(),
            license: library.license.clone(),
            abi: format!("1.{}", library.abi_minor),
            sha256,
            providers: library.providers.len(),
            path,
        },
        instance,
        snippet: String::new(),
    };
    shown.snippet = snippet::yaml(&shown);
    Ok(shown)
}

fn users(machine: &Machine, path: &Path, id: &str, providers: usize) -> Vec<InstanceName> {
    let instances = machine.known.instances.iter();
    let users = instances.filter(|options| {
        options.library == path
            && match &options.provider {
                Some(wanted) => wanted == id,
                None => providers == 1,
            }
    });
    users.map(|options| options.instance.clone()).collect()
}

/// Opens the instance without the daemon's state, and asks what it is.
async fn facts(config: &Path, name: InstanceName) -> InstanceFacts {
    let asked = async {
        let starter = PluginStarter::default();
        let config = app::load(config.to_owned(), starter.clone())
            .await
            .map_err(|_| "the configuration has faults: `dns01d check` shows them".to_owned())?;
        let instance = starter
            .instance(&config, &name, Arc::new(MemoryState::default()))
            .map_err(|error| error.to_string())?
            .ok_or("it is not in the configuration")?;
        let info = instance.info(OPEN).await.map_err(|error| error.to_string());
        instance.shutdown().await;
        info
    };
    let (info, fault) = match asked.await {
        Ok(info) => (Some(info), None),
        Err(fault) => (None, Some(fault)),
    };
    InstanceFacts { name, info, fault }
}

/// The page for people.
pub(super) fn page(shown: &Shown, view: &View) -> String {
    let mut out = format!(
        "{}\n",
        view.paint(Color::Bold, &clean(&format!("{}: {}", shown.id, shown.title)))
    );
    let library = &shown.library;
    let mut field = |label: &str, text: &str| push_field(&mut out, label, text, view);
    if let Some(url) = &shown.url {
        field("url", url);
    }
    field("library", &library.path.display().to_string());
    field(
        "version",
        &format!(
            "{} {}, plugin ABI {}",
            library.title, library.version, library.abi
        ),
    );
    if let Some(license) = &library.license {
        field("licence", license);
    }
    field("sha256", &library.sha256);
    if shown.runs_programs {
        field("programs", "runs programs, and needs `allow-exec: true` for that");
    }
    let instances: Vec<_> = shown.instances.iter().map(InstanceName::as_str).collect();
    if !instances.is_empty() {
        field("used by", &instances.join(", "));
    }
    if let Some(instance) = &shown.instance {
        let text = match (&instance.info, &instance.fault) {
            (Some(info), _) => capabilities(info),
            (None, Some(fault)) => format!("cannot be asked: {fault}"),
            (None, None) => String::new(),
        };
        field(instance.name.as_str(), &text);
    }
    if !shown.options.is_empty() {
        out.push_str(&format!("\n{}\n", view.paint(Color::Bold, "options")));
    }
    let width = shown.options.iter().map(|option| option.key.len()).max();
    let width = width.unwrap_or(0).max(LABEL);
    for option in &shown.options {
        let lead = view.paint(Color::Good, &format!("  {:width$}  ", option.key));
        push_lines(&mut out, &lead, width + 4, &option.nature(), view);
        push_lines(&mut out, &" ".repeat(width + 4), width + 4, &option.help, view);
    }
    if shown.other_options {
        out.push_str("  and others, which the provider knows\n");
    }
    out.push_str(&format!(
        "\n{}\n{}",
        view.paint(Color::Bold, "to paste into the configuration"),
        clean(&shown.snippet)
    ));
    out
}

/// What an open instance is like, in a sentence.
fn capabilities(info: &InstanceInfo) -> String {
    let mut words = Vec::new();
    let flags = [
        (info.concurrent, "takes calls at once"),
        (info.atomic_batch, "changes all records of a zone or none"),
        (!info.stateless_remove, "removes only what the same process added"),
        (info.needs_key_auth, "needs the key authorization"),
        (info.follows_cname, "follows CNAMEs itself"),
        (info.cancels, "can be cancelled"),
    ];
    words.extend(
        flags
            .iter()
            .filter(|(is_so, _)| *is_so)
            .map(|(_, text)| (*text).to_owned()),
    );
    let numbers = [
        (u64::from(info.max_batch), "records per call at most", ""),
        (u64::from(info.max_values_per_name), "values per name at most", ""),
        (u64::from(info.min_ttl), "is the least TTL", " s"),
        (info.min_call_interval_ms, "between calls", " ms"),
        (info.propagation_timeout_ms, "until a record is everywhere", " ms"),
    ];
    let numbers = numbers.iter().filter(|(number, ..)| *number > 0);
    words.extend(numbers.map(|(number, text, unit)| format!("{number}{unit} {text}")));
    if words.is_empty() {
        words.push("has no special needs".to_owned());
    }
    words.join("; ")
}
