//! The options of an instance.

use std::path::PathBuf;

use dns01_plugin_api::{Error, Opt, OptionSpec, Options, Secret};

use crate::acme_sh::{AcmeSh, Variable};
use crate::convention::{Convention, Program};

const CONVENTION: Opt<String> = Opt::with_default(
    "convention",
    "lego-exec",
    "how programs are told what to do: lego-exec, lego-exec-raw, certbot-hook or acme-sh",
);
const PROGRAM: Opt<Option<PathBuf>> = Opt::optional("program", "lego-exec: the program, an absolute path");
const ARGUMENTS: Opt<Vec<String>> = Opt::list("arguments", "lego-exec: its first arguments");
const AUTH_HOOK: Opt<Option<PathBuf>> =
    Opt::optional("auth-hook", "certbot-hook: the program that adds a record");
const CLEANUP_HOOK: Opt<Option<PathBuf>> =
    Opt::optional("cleanup-hook", "certbot-hook: the program that removes it");
const TREE: Opt<Option<PathBuf>> = Opt::optional("tree", "acme-sh: the directory with acme.sh and dnsapi/");
const API: Opt<Option<String>> = Opt::optional("api", "acme-sh: which dnsapi, such as dns_cf");
const VARIABLES: Opt<Vec<Secret>> = Opt::list(
    "variables",
    "acme-sh: the credentials of the dnsapi, each as NAME=value",
);
const STDIN: Opt<Option<Secret>> = Opt::optional(
    "stdin",
    "what a program reads on its standard input: a credential",
);
const FILES: Opt<Vec<PathBuf>> = Opt::list(
    "files",
    "further files and directories that programs read or execute, absolute paths",
);

/// All of them.
pub(crate) const ALL: &[OptionSpec] = &[
    CONVENTION.spec(),
    PROGRAM.spec(),
    ARGUMENTS.spec(),
    AUTH_HOOK.spec(),
    CLEANUP_HOOK.spec(),
    TREE.spec(),
    API.spec(),
    VARIABLES.spec(),
    STDIN.spec(),
    FILES.spec(),
];

/// Longest input of a program: what fits into a pipe before anybody reads it, with room (a pipe has 64 KiB).
pub(crate) const INPUT: usize = 32 << 10;

/// What an instance was told.
#[derive(Debug)]
pub(crate) struct Settings {
    pub convention: Convention,
    pub stdin: Option<Secret>,
}

impl Settings {
    /// Reads and holds them against each other.
    ///
    /// # Errors
    /// Each names the option.
    pub(crate) fn read(options: &Options) -> Result<Self, Error> {
        let convention = options.read(&CONVENTION)?;
        let stdin = options.read(&STDIN)?;
        if stdin.as_ref().is_some_and(|secret| secret.reveal().len() > INPUT) {
            return Err(fault(STDIN.key(), &format!("is longer than {INPUT} bytes")));
        }
        // the host has let the sandbox read them; a relative one would be no rule there
        for path in options.read(&FILES)? {
            absolute(FILES.key(), &path)?;
        }
        let convention = match convention.as_str() {
            "lego-exec" | "lego-exec-raw" => {
                only(
                    options,
                    &convention,
                    &[PROGRAM.key(), ARGUMENTS.key(), STDIN.key()],
                )?;
                Convention::LegoExec {
                    program: program(options, &PROGRAM, &convention)?,
                    arguments: options.read(&ARGUMENTS)?,
                    raw: convention == "lego-exec-raw",
                }
            }
            "certbot-hook" => {
                only(
                    options,
                    &convention,
                    &[AUTH_HOOK.key(), CLEANUP_HOOK.key(), STDIN.key()],
                )?;
                Convention::CertbotHook {
                    auth: program(options, &AUTH_HOOK, &convention)?,
                    cleanup: program(options, &CLEANUP_HOOK, &convention)?,
                }
            }
            "acme-sh" => {
                only(options, &convention, &[TREE.key(), API.key(), VARIABLES.key()])?;
                Convention::AcmeSh(acme_sh(options)?)
            }
            other => {
                let what = format!("`{other}` is none of lego-exec, lego-exec-raw, certbot-hook, acme-sh");
                return Err(fault(CONVENTION.key(), &what));
            }
        };
        Ok(Self { convention, stdin })
    }
}

/// Options of another convention are a sign that the operator expects something else.
fn only(options: &Options, convention: &str, own: &[&str]) -> Result<(), Error> {
    let shared = [CONVENTION.key(), FILES.key()];
    let foreign = options
        .iter()
        .map(|(key, _)| key)
        .find(|key| !own.contains(key) && !shared.contains(key));
    match foreign {
        Some(key) => Err(fault(key, &format!("has no meaning for convention {convention}"))),
        None => Ok(()),
    }
}

fn program(options: &Options, option: &Opt<Option<PathBuf>>, convention: &str) -> Result<Program, Error> {
    let path = needed(options.read(option)?, option.key(), convention)?;
    absolute(option.key(), &path)?;
    Ok(Program(path))
}

fn acme_sh(options: &Options) -> Result<AcmeSh, Error> {
    let tree = needed(options.read(&TREE)?, TREE.key(), "acme-sh")?;
    absolute(TREE.key(), &tree)?;
    let api = needed(options.read(&API)?, API.key(), "acme-sh")?;
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !api.starts_with("dns_") || !api.chars().all(word) {
        let what = format!("`{api}` is not the name of a dnsapi, such as dns_cf");
        return Err(fault(API.key(), &what));
    }
    let variables = options
        .read(&VARIABLES)?
        .into_iter()
        .map(Variable::parse)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|what| fault(VARIABLES.key(), &what))?;
    let length: usize = variables.iter().map(Variable::len).sum();
    if length > INPUT {
        let what = format!("are longer than {INPUT} bytes together");
        return Err(fault(VARIABLES.key(), &what));
    }
    Ok(AcmeSh { tree, api, variables })
}

fn needed<T>(value: Option<T>, key: &str, convention: &str) -> Result<T, Error> {
    value.ok_or_else(|| fault(key, &format!("is missing: convention {convention} needs it")))
}

fn absolute(key: &str, path: &std::path::Path) -> Result<(), Error> {
    if path.is_absolute() {
        return Ok(());
    }
    let what = format!("`{}` is not an absolute path", path.display());
    Err(fault(key, &what))
}

fn fault(key: &str, why: &dyn std::fmt::Display) -> Error {
    Error::config(format!("option `{key}`: {why}"))
}
