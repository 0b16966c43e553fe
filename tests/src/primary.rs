//! What the guards around primary servers have in common, so that one test runs against each.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use tempfile::TempDir;

use crate::dns::{TsigKey, ask};
use crate::process::{ProcessError, Program};

/// What a primary serves.
#[derive(Clone, Debug)]
pub struct PrimaryOptions {
    /// Its zones.
    pub zones: Vec<PrimaryZone>,
    /// Keys that may change TXT of the zones, where these are open.
    pub keys: Vec<TsigKey>,
}

/// A zone.
#[derive(Clone, Debug)]
pub struct PrimaryZone {
    /// Its apex.
    pub name: String,
    /// Further records, in zone-file text relative to the apex.
    pub records: String,
    /// Where the keys may change it.
    pub open: Open,
}

/// How far the keys reach into a zone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Open {
    /// Not at all.
    Nowhere,
    /// At and below `_acme-challenge` of its apex.
    Challenges,
    /// Everywhere.
    Everywhere,
}

impl PrimaryZone {
    /// One whose own challenges the keys may change.
    pub fn new(name: &str) -> Self {
        PrimaryZone {
            name: name.to_owned(),
            records: String::new(),
            open: Open::Challenges,
        }
    }

    pub(crate) fn text(&self) -> String {
        zone_file(&self.records)
    }
}

/// A zone's file around some records.
pub(crate) fn zone_file(records: &str) -> String {
    format!(
        "$TTL 5\n@ IN SOA ns1 hostmaster 1 3600 600 86400 1\n@ IN NS ns1\nns1 IN A 127.0.0.1\n{records}\n"
    )
}

pub(crate) fn directory(prefix: &str) -> Result<TempDir, ProcessError> {
    tempfile::Builder::new()
        .prefix(prefix)
        .tempdir()
        .map_err(|source| ProcessError::Prepare {
            what: "a server's directory".to_owned(),
            source,
        })
}

/// Runs a program that prepares something to its end.
pub(crate) fn run(mut command: Command) -> Result<(), ProcessError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|source| ProcessError::Start {
        program: program.clone(),
        source,
    })?;
    if output.status.success() {
        return Ok(());
    }
    Err(ProcessError::Ended {
        program,
        status: output.status,
        log: String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
    })
}

/// Waits until the server answers for each zone.
pub(crate) async fn ready(
    program: &mut Program,
    within: Duration,
    addr: SocketAddr,
    options: &PrimaryOptions,
) -> Result<(), ProcessError> {
    for zone in &options.zones {
        let answers = || async {
            let answer = ask(addr, &zone.name, RecordType::SOA).await;
            answer.is_ok_and(|answer| answer.metadata.response_code == ResponseCode::NoError)
        };
        program.ready(within, answers).await?;
    }
    Ok(())
}
