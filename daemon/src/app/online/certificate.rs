//! What belongs to a certificate alone: where its files go, and what it asks of its CAs.

use std::{collections::BTreeMap, sync::Arc};

use tokio::time::Instant;

use super::finding::Notes;
use crate::{
    acme::Directory,
    control::protocol::{Finding, Verdict},
    engine::Certificate,
    outputs::Outputs,
    types::CaName,
};

/// Looks at the output directory, and at the profiles that are asked for.
pub(super) async fn look(
    certificate: &Certificate,
    directories: &BTreeMap<CaName, Option<Arc<Directory>>>,
    notes: &mut Notes,
) {
    let began = Instant::now();
    let directory = certificate.output.directory.display();
    let outputs = Outputs::new(certificate.output.clone());
    let checked = match tokio::task::spawn_blocking(move || outputs.check()).await {
        Ok(checked) => checked,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    };
    let took = began.elapsed();
    notes.add(match checked {
        Ok(()) => notes.step("output", format!("{directory} can be written"), took),
        Err(error) => {
            let remedy = "let the daemon's user write there, or change `output` of the certificate; then `dns01d reload`";
            notes.failed("output", error.to_string(), Some(remedy.to_owned()), took)
        }
    });
    for (ca, profile) in &certificate.profiles {
        let Some(Some(directory)) = directories.get(ca) else {
            continue;
        };
        let offered = &directory.meta.profiles;
        if !offered.contains_key(profile) {
            let known: Vec<&str> = offered.keys().map(String::as_str).collect();
            let finding = notes.step(
                "profile",
                format!("CA `{ca}` offers no profile `{profile}`"),
                std::time::Duration::ZERO,
            );
            notes.add(Finding {
                verdict: Verdict::Blocks,
                remedy: Some(match known.as_slice() {
                    [] => "remove `profile` of the certificate: this CA has none".to_owned(),
                    known => format!(
                        "write one of {} as `profile` of the certificate",
                        known.join(", ")
                    ),
                }),
                ..finding
            });
        }
    }
}
