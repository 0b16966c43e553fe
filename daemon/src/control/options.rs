use std::path::PathBuf;

/// The control socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Path of the unix socket.
    pub socket: PathBuf,
    /// Group that may use it beside root and the daemon's user; a name or number.
    pub group: Option<String>,
}
