//! Which files the process can see: Landlock.

use std::os::fd::{AsFd, BorrowedFd};

use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, LandlockStatus, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

use super::process::is_directory;

/// Newest rules that are asked for; an older kernel enforces those it knows.
const NEWEST: ABI = ABI::V10;

/// What any TLS and DNS client reads. Never all of /etc/ssl or /etc/pki: they hold private keys.
const SYSTEM: &[&str] = &[
    "/usr",
    "/lib",
    "/lib32",
    "/lib64",
    "/etc/ld.so.cache",
    "/etc/nsswitch.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/protocols",
    // a rule binds what the path leads to, so the link of systemd-resolved needs no rule of its own
    "/etc/resolv.conf",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/pki/tls/certs",
    "/etc/pki/tls/openssl.cnf",
    "/etc/pki/ca-trust/extracted",
    "/etc/crypto-policies",
    "/etc/localtime",
    "/dev/urandom",
];

/// What the kernel enforces.
#[derive(Debug, Default)]
pub struct Restricted {
    /// Landlock's version; 0 when nothing is enforced.
    pub abi: u32,
    /// Signals do not leave the process and what it starts (Landlock 6, Linux 6.12).
    pub signals_scoped: bool,
}

/// Leaves the process only the system's public files, `read` and the library; with `exec` they may also be
/// executed. What does not exist is left out.
///
/// # Errors
/// In operator words.
pub fn restrict(read: &[String], exec: bool, library: BorrowedFd<'_>) -> Result<Restricted, String> {
    apply(read, exec, library)
        .map_err(|error| format!("files are not confined: {error}"))
        .and_then(|restricted| match restricted.abi {
            0 => Err(
                "files are not confined: this kernel has no Landlock, or it is switched off (lsm=)"
                    .to_owned(),
            ),
            _ => Ok(restricted),
        })
}

fn apply(read: &[String], exec: bool, library: BorrowedFd<'_>) -> Result<Restricted, RulesetError> {
    let look = AccessFs::ReadFile | AccessFs::ReadDir;
    let look = if exec { look | AccessFs::Execute } else { look };
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?
        .add_rule(PathBeneath::new(library, AccessFs::ReadFile))?;
    for path in SYSTEM.iter().copied().chain(read.iter().map(String::as_str)) {
        if let Ok(file) = PathFd::new(path) {
            let access = suitable(file.as_fd(), look);
            ruleset = ruleset.add_rule(PathBeneath::new(file, access))?;
        }
    }
    if let Ok(null) = PathFd::new("/dev/null") {
        ruleset = ruleset.add_rule(PathBeneath::new(
            null,
            AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate,
        ))?;
    }
    let status = ruleset.restrict_self()?;
    let abi = match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, _) => ABI::Unsupported,
        (_, LandlockStatus::Available { effective_abi, .. }) => effective_abi,
        (_, _) => ABI::Unsupported,
    };
    Ok(Restricted {
        abi: abi as i32 as u32,
        signals_scoped: abi >= ABI::V6,
    })
}

/// Rights on directories are an error in a rule for a file.
fn suitable(file: BorrowedFd<'_>, access: BitFlags<AccessFs>) -> BitFlags<AccessFs> {
    if is_directory(file) {
        access
    } else {
        access & !BitFlags::from(AccessFs::ReadDir)
    }
}
