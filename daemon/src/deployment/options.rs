use std::time::Duration;

/// A command that runs after each switch until it succeeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookOptions {
    /// Program and arguments; no shell.
    pub command: Vec<String>,
    /// Killed with its process group after this.
    pub timeout: Duration,
}

/// A reload takes seconds; a minute means it hangs.
pub const DEFAULT_HOOK_TIMEOUT: Duration = Duration::from_secs(60);
