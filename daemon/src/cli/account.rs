//! `dns01d account`: the daemon's account at a CA.

use std::{
    fs::File,
    io::{self, Read, stdin, stdout},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Subcommand};

use super::{
    commands::{failed, print},
    questions::json,
    view::{Color, View, push_field},
};
use crate::{
    clock::{Clock as _, SystemClock},
    control::{Client, protocol::AccountInfo},
    engine::AccountTask,
    secret::Secret,
    types::CaName,
};

/// Far more than any key.
const MAX_KEY: u64 = 64 << 10;

/// What about the account.
#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Show it as the CA has it
    Show(Which),
    /// Make its contacts and its agreement to the terms those of the configuration
    Update(Which),
    /// Give it another key
    ///
    /// Both keys are kept until the CA has taken the new one.
    Rollover(Which),
    /// Work with an account that another client made
    ///
    /// Takes its key as certbot (private_key.json), lego and acme.sh keep it. The key that was in use stays beside it.
    Import {
        /// The file with its key; `-` for the standard input
        file: PathBuf,
        /// At which CA
        #[command(flatten)]
        which: Which,
    },
    /// Make a new account in place of one that the CA closed or lost
    Register {
        /// At which CA
        #[command(flatten)]
        which: Which,
        /// Leave the old account for good
        #[arg(long)]
        yes: bool,
    },
    /// Close it for good: nothing opens it again, and nothing is issued by it any more
    Deactivate {
        /// At which CA
        #[command(flatten)]
        which: Which,
        /// Close it for good
        #[arg(long)]
        yes: bool,
    },
}

/// Whose account.
#[derive(Debug, Args)]
pub struct Which {
    /// The CA's name in the configuration; not needed where there is only one
    ca: Option<CaName>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(client: &Client, command: AccountCommand) -> ExitCode {
    let (which, task) = match command {
        AccountCommand::Show(which) => (which, AccountTask::Show),
        AccountCommand::Update(which) => (which, AccountTask::Update),
        AccountCommand::Rollover(which) => (which, AccountTask::Rollover),
        AccountCommand::Import { file, which } => match key(&file) {
            Ok(key) => (which, AccountTask::Import(key)),
            Err(error) => {
                eprintln!("dns01d: {}: {error}", file.display());
                return ExitCode::FAILURE;
            }
        },
        AccountCommand::Register { yes: false, .. } | AccountCommand::Deactivate { yes: false, .. } => {
            eprintln!("dns01d: this cannot be undone; add --yes");
            return ExitCode::FAILURE;
        }
        AccountCommand::Register { which, .. } => (which, AccountTask::Register),
        AccountCommand::Deactivate { which, .. } => (which, AccountTask::Deactivate),
    };
    match client.account(which.ca.as_ref(), &task).await {
        Ok(account) if which.json => json(&account),
        Ok(account) => {
            let view = View::of(&stdout(), SystemClock.now());
            print(&text(&account, &view), ExitCode::SUCCESS)
        }
        Err(error) => failed(&error),
    }
}

/// The daemon may not read what the operator may.
fn key(file: &Path) -> io::Result<Secret> {
    let mut text = String::new();
    if file == Path::new("-") {
        stdin().take(MAX_KEY).read_to_string(&mut text)?;
    } else {
        File::open(file)?.take(MAX_KEY).read_to_string(&mut text)?;
    }
    Ok(Secret::new(text))
}

/// What the CA and the daemon know of it.
pub fn text(account: &AccountInfo, view: &View) -> String {
    let mut out = format!("{}\n", view.paint(Color::Bold, account.ca.as_str()));
    let mut field = |label: &str, text: &str| push_field(&mut out, label, text, view);
    field("account", account.url.as_str());
    field("state", &account.status);
    let age = match account.key_age_days {
        Some(1) => ", 1 day old".to_owned(),
        Some(days) => format!(", {days} days old"),
        None => String::new(),
    };
    let rollover = match account.rollover_at {
        Some(at) => format!(", the next one {}", view.both(at)),
        None => String::new(),
    };
    let kind = account
        .key_algorithm
        .map_or_else(|| "of an unknown kind".to_owned(), |kind| kind.to_string());
    field("key", &format!("{kind}{age}{rollover}"));
    field("thumbprint", &account.thumbprint);
    match account.contacts.as_slice() {
        [] => field("contacts", "none"),
        contacts => field("contacts", &contacts.join(", ")),
    }
    if let Some(terms) = &account.terms {
        field("terms", terms);
    }
    out
}
