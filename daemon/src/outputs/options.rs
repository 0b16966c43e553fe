use std::path::PathBuf;

/// Where a certificate's files go and who may read them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Holds `generations/` and the symlink `live`.
    pub directory: PathBuf,
    /// Owner of the files, a user's name or number; `None` leaves the daemon's.
    pub owner: Option<String>,
    /// Group of the files, a name or number; `None` leaves the daemon's.
    pub group: Option<String>,
    /// The key is written beside its certificate; false where it never comes here.
    pub with_key: bool,
    /// Mode of `key.pem`.
    pub key_mode: u32,
    /// Mode of the files without a key.
    pub mode: u32,
}

/// Only the owner reads keys unless the operator says otherwise.
pub const DEFAULT_KEY_MODE: u32 = 0o600;
/// Certificates are public.
pub const DEFAULT_MODE: u32 = 0o644;
