use std::path::PathBuf;

use super::{MAX_BATCH_WINDOW, MIN_MEMORY};
use crate::{
    config::{Undescribed, fault::Problem},
    plugin,
    types::{IdError, NameError},
};

/// What can be wrong with a provider instance.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProviderProblem {
    #[error("the provider's name {0}")]
    Name(IdError),
    #[error("the provider `{0}` names no library")]
    NoLibrary(String),
    #[error("the library `{0}` is neither a name nor an absolute path")]
    LibraryName(String),
    #[error("there is no library {}", .0.display())]
    LibraryMissing(PathBuf),
    #[error("there is no library for `{name}`")]
    LibraryNotFound { name: String, looked_at: Vec<PathBuf> },
    #[error("{}", .0.what)]
    Undescribed(Undescribed),
    #[error("the library has no provider `{id}`")]
    NoSuchProvider {
        id: String,
        near: Option<String>,
        known: Vec<String>,
    },
    #[error("the library holds several providers and none is named")]
    WhichProvider(Vec<String>),
    #[error("this provider runs programs, and it is not allowed to")]
    Execs,
    #[error("`{text}` is not the name of a zone: {error}")]
    Zone { text: String, error: NameError },
    #[error("without a zone this provider serves no name")]
    NoZones,
    #[error("this is not the SHA-256 of a file: it takes 64 hexadecimal digits")]
    Sha256,
    #[error("{0} bytes of memory are not enough for a plugin")]
    Memory(u64),
    #[error("{0} is no number of calls that a plugin works at once")]
    ConcurrentCalls(u64),
    #[error("records would wait for others for longer than {} s", MAX_BATCH_WINDOW.as_secs())]
    BatchWindow,
}

impl Problem for ProviderProblem {
    fn help(&self) -> Option<String> {
        match self {
            ProviderProblem::NoLibrary(_) => {
                Some("write `library: rfc2136`, or the path of a library".into())
            }
            ProviderProblem::ConcurrentCalls(_) => Some(format!(
                "write a number from 1 to {}",
                plugin::MAX_CONCURRENT_CALLS
            )),
            ProviderProblem::BatchWindow => {
                Some("write how far orders of the same time may be apart, such as `500ms`".into())
            }
            ProviderProblem::LibraryName(_) => {
                Some("write a name such as `rfc2136`, or the path from the root on".into())
            }
            ProviderProblem::LibraryNotFound { looked_at, .. } => {
                let paths: Vec<_> = looked_at
                    .iter()
                    .map(|path| format!("\n  {}", path.display()))
                    .collect();
                Some(format!(
                    "install it, or write its path; looked for{}",
                    paths.concat()
                ))
            }
            ProviderProblem::Undescribed(undescribed) => undescribed.help.clone(),
            ProviderProblem::NoSuchProvider { near: Some(near), .. } => {
                Some(format!("did you mean `{near}`?"))
            }
            ProviderProblem::NoSuchProvider { known, .. } | ProviderProblem::WhichProvider(known) => {
                Some(format!("write `provider:` and one of {}", short_list(known)))
            }
            ProviderProblem::Execs => Some("write `allow-exec: true` if you trust those programs".into()),
            ProviderProblem::Zone {
                text,
                error: NameError::Wildcard,
            } => Some(format!(
                "a zone stands for all names in it: write `{}`",
                text.trim_start_matches("*.")
            )),
            ProviderProblem::NoZones => Some(
                "name some, or leave `zones` out to serve every name that no other provider serves".into(),
            ),
            ProviderProblem::Sha256 => Some("print it with `sha256sum`".into()),
            ProviderProblem::Memory(_) => Some(format!(
                "write {}MiB or more, or leave it out for {}MiB",
                MIN_MEMORY >> 20,
                plugin::DEFAULT_MEMORY >> 20
            )),
            ProviderProblem::Name(_) | ProviderProblem::Zone { .. } | ProviderProblem::LibraryMissing(_) => {
                None
            }
        }
    }
}

/// A bridge may hold hundreds.
fn short_list(words: &[String]) -> String {
    const SHOWN: usize = 12;
    let mut text = words
        .iter()
        .take(SHOWN)
        .map(|word| format!("`{word}`"))
        .collect::<Vec<_>>()
        .join(", ");
    if words.len() > SHOWN {
        text.push_str(&format!(" and {} more", words.len() - SHOWN));
    }
    text
}
