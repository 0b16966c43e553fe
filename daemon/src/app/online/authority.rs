//! What a CA says to everybody; it is asked for nothing else.

use std::sync::Arc;

use tokio::time::timeout;

use super::finding::Notes;
use crate::{
    acme::Directory,
    app::authorities::PATIENCE,
    control::protocol::{Finding, Verdict},
    engine::Authority,
};

/// Reads the directory of a CA.
pub(super) async fn look(authority: &Authority, notes: &mut Notes) -> Option<Arc<Directory>> {
    let options = authority.options();
    let url = &options.acme.directory;
    let began = tokio::time::Instant::now();
    let asked = timeout(PATIENCE, authority.directory_now()).await;
    let took = began.elapsed();
    let why = match asked {
        Ok(Ok(directory)) => {
            notes.add(Finding {
                took,
                ..offered(authority, &directory, notes).await
            });
            return Some(directory);
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {} s", PATIENCE.as_secs()),
    };
    let remedy = format!("see that this machine reaches {url}: `curl -sS {url}`");
    notes.add(notes.failed("directory", why, Some(remedy), took));
    None
}

async fn offered(authority: &Authority, directory: &Directory, notes: &Notes) -> Finding {
    let options = authority.options();
    let ca = &options.acme.name;
    let meta = &directory.meta;
    let mut said = vec![format!("{} answers", options.acme.directory)];
    if !meta.caa_identities.is_empty() {
        said.push(format!("CAA records call it {}", meta.caa_identities.join(", ")));
    }
    if options.staging {
        said.push("it is for trials, and nobody trusts its certificates".to_owned());
    }
    let account = authority.known_account().await;
    if account.is_none() {
        said.push("there is no account yet, the first order makes one".to_owned());
    }
    let finding = notes.step("directory", said.join("; "), std::time::Duration::ZERO);
    if meta.external_account_required && options.external_account.is_none() && account.is_none() {
        return Finding {
            verdict: Verdict::Blocks,
            seen: format!(
                "{}; it takes accounts only that are bound to one of its own",
                finding.seen
            ),
            remedy: Some(format!(
                "get a key for external account binding at the CA, and write it as `external-account` of `cas.{ca}`"
            )),
            ..finding
        };
    }
    finding
}
