use std::path::PathBuf;

use clap::{Parser, Subcommand};

use super::{AccountCommand, Moment, provider::ProviderCommand, revoke};
use crate::types::{CaName, CertificateName};

/// Where the package puts the configuration.
pub const DEFAULT_CONFIG: &str = "/etc/dns01d/dns01d.yaml";

/// Keeps wildcard certificates fresh by proving names through DNS only (ACME, DNS-01).
#[derive(Debug, Parser)]
#[command(
    name = "dns01d",
    version,
    max_term_width = 100,
    disable_help_subcommand = true
)]
pub struct Arguments {
    /// The configuration file
    #[arg(long, short, global = true, env = "DNS01D_CONFIG", default_value = DEFAULT_CONFIG, value_name = "FILE")]
    pub config: PathBuf,
    /// The control socket, instead of the one in the configuration
    #[arg(long, global = true, env = "DNS01D_SOCKET", value_name = "FILE")]
    pub socket: Option<PathBuf>,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the daemon
    ///
    /// Ends with status 78 when the configuration has faults. SIGHUP reloads the
    /// configuration, and keeps the one from before when the new one has faults. SIGTERM ends it;
    /// what is under way goes on at the next start.
    Run,
    /// Check the configuration and the machine; change nothing
    ///
    /// Shows every fault at once, with file and line. Ends with status 78 when there is one.
    ///
    /// With --online also what an issuance would meet, step by step: a harmless TXT record is published where a CA
    /// would look, seen at every name server, and removed; provider, output directory and the CA's directory are looked
    /// at. Nothing is ordered. The running daemon does it; without one, this process does. Ends with status 1 when a
    /// certificate would not be issued.
    ///
    /// With --staging also what the CA does: certificates are obtained as configured, but at the CA that is for trials
    /// (`staging` of a CA), and deployed nowhere. Ends with status 1 when one was not issued.
    #[command(group(clap::ArgGroup::new("beyond").args(["online", "staging"])))]
    Check {
        /// Try all that an issuance needs, without the CA
        #[arg(long)]
        online: bool,
        /// Obtain certificates of a CA that nobody trusts, and deploy none
        #[arg(long)]
        staging: bool,
        /// Print one JSON object; with --online or --staging, one for each step
        #[arg(long)]
        json: bool,
        /// Certificates, or names in them; all without one
        #[arg(value_name = "NAME", requires = "beyond")]
        names: Vec<String>,
    },
    /// Show every certificate, its state and what is next
    Status {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
        /// Show everything about this certificate
        name: Option<CertificateName>,
    },
    /// Renew a certificate now, whatever its plan and its back-off say
    Renew {
        /// Its name in the configuration
        name: CertificateName,
        /// Show each step as it happens, and end when it is deployed or has failed
        #[arg(long)]
        wait: bool,
        /// Print one JSON object per step
        #[arg(long)]
        json: bool,
    },
    /// Say why a certificate stands as it does, and what comes next
    Why {
        /// Its name in the configuration
        name: CertificateName,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Show what is next for each certificate, and why then
    Next {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Show all that will happen until a moment, if nothing else does
    Plan {
        /// A day (2027-01-31), a moment (2027-01-31T12:00:00Z) or a time from now (+30d)
        #[arg(long, value_name = "WHEN", default_value = "+30d", allow_hyphen_values = true)]
        at: Moment,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Show what a CA offers and allows, and what is left of that
    Ca {
        /// Its name in the configuration; all of them without it
        name: Option<CaName>,
        /// Print one JSON list
        #[arg(long)]
        json: bool,
    },
    /// Revoke a certificate, after another one is live in its place
    ///
    /// Shows each step, and goes on also when it is interrupted. Ends when the CA has taken the revocation.
    Revoke(revoke::Arguments),
    /// Replace a certificate whose key somebody else may have, then revoke it
    ///
    /// A new key and certificate are obtained, deployed and looked at; then the CA is told that the old key is
    /// compromised. It never certifies that key again, and neither does dns01d.
    Compromise {
        /// Its name in the configuration
        name: CertificateName,
        /// Print one JSON object per step
        #[arg(long)]
        json: bool,
    },
    /// Look at and change the account at a CA
    #[command(disable_help_subcommand = true)]
    Account {
        /// What about it
        #[command(subcommand)]
        command: AccountCommand,
    },
    /// Read the configuration again
    Reload,
    /// See which providers there are and what they take, and prepare them
    #[command(disable_help_subcommand = true)]
    Provider {
        /// What about them
        #[command(subcommand)]
        command: ProviderCommand,
    },
}
