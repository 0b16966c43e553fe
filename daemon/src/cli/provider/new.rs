//! `dns01d provider new`: a project that works, for the author of a provider to change.

mod name;
mod project;

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, ValueEnum};

pub use self::name::ProviderName;
use self::project::{File, Project};
use crate::cli::commands::{failed, print};

/// What to begin.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Its name: lower-case letters, digits and dashes, a letter first
    name: ProviderName,
    /// The language to write it in
    #[arg(long, value_enum)]
    lang: Language,
    /// The directory to make; it must not be there yet [default: ./NAME]
    #[arg(long, value_name = "DIRECTORY")]
    path: Option<PathBuf>,
    /// With rust: depend on the dns01-plugin-api in this directory instead of the published one
    #[arg(long, value_name = "DIRECTORY")]
    plugin_api: Option<PathBuf>,
}

/// A language that there is a template for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Language {
    /// With cargo, in safe Rust
    Rust,
    /// With make and cc, from the header alone
    C,
    /// With go and cc, through cgo
    Go,
}

/// Why there is no new project.
#[derive(Debug, thiserror::Error)]
pub enum NewError {
    /// Nothing is ever overwritten.
    #[error("{} is there already: give another place with --path, or remove it", .0.display())]
    Exists(PathBuf),
    /// `--plugin-api` has no meaning for C and Go, which have the header in their project.
    #[error("--plugin-api is for --lang rust: the other languages get a copy of the header")]
    PluginApi,
    /// There is no crate of that name.
    #[error("{} is not the dns01-plugin-api crate: it has no Cargo.toml", .0.display())]
    NoCrate(PathBuf),
    /// The machine's answer.
    #[error("{} cannot be written: {source}", path.display())]
    Write {
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    match create(arguments) {
        Ok(text) => print(&text, ExitCode::SUCCESS),
        Err(error) => failed(&error),
    }
}

/// Writes the project; what to do next.
fn create(arguments: &Arguments) -> Result<String, NewError> {
    let api = match &arguments.plugin_api {
        Some(_) if arguments.lang != Language::Rust => return Err(NewError::PluginApi),
        Some(path) if !path.join("Cargo.toml").is_file() => return Err(NewError::NoCrate(path.clone())),
        Some(path) => Some(absolute(path)?),
        None => None,
    };
    let directory = arguments
        .path
        .clone()
        .unwrap_or_else(|| PathBuf::from(arguments.name.as_str()));
    let project = Project::new(&arguments.name, arguments.lang, api.as_deref());
    write(&directory, &project.files)?;
    Ok(format!(
        "{} is a provider of dns01d, with its tests. Next:\n\n  cd {}\n  {}\n  {}\n\n\
         makes and tests {}. README.md says how to make it yours, to prove it with `dns01d provider test`,\n\
         and to install it.\n",
        arguments.name,
        directory.display(),
        project.build,
        project.test,
        project.library,
    ))
}

fn write(directory: &Path, files: &[File]) -> Result<(), NewError> {
    let fail = |path: &Path, source| NewError::Write {
        path: path.to_owned(),
        source,
    };
    if let Some(parent) = directory.parent() {
        fs::create_dir_all(parent).map_err(|error| fail(parent, error))?;
    }
    fs::create_dir(directory).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => NewError::Exists(directory.to_owned()),
        _ => fail(directory, error),
    })?;
    for file in files {
        let path = directory.join(&file.path);
        let parent = path.parent().unwrap_or(directory);
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&path, &file.text))
            .map_err(|error| fail(&path, error))?;
    }
    Ok(())
}

/// A path that still holds from within the project.
fn absolute(path: &Path) -> Result<PathBuf, NewError> {
    fs::canonicalize(path).map_err(|source| NewError::Write {
        path: path.to_owned(),
        source,
    })
}
