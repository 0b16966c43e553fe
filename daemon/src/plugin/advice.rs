//! What an operator can do about a plugin that cannot be used.

use dns01_plugin_wire::LoadFault;

use super::{CallError, LibraryError};

impl CallError {
    /// What to write or run, where the error's own words do not say it.
    pub fn help(&self) -> Option<String> {
        match self {
            CallError::Library(error) => error.help(),
            CallError::Load { library, fault } => match fault {
                LoadFault::Loader { .. } => Some(format!(
                    "`ldd -r {}` shows what it needs and this machine lacks",
                    library.display()
                )),
                LoadFault::NoEntry => {
                    Some("write the path of a plugin; one that should be a plugin was not built against dns01_plugin.h".into())
                }
                LoadFault::NoTable { .. } | LoadFault::Table(_) => {
                    Some("its author has to put that right".into())
                }
                LoadFault::Unconfined { .. } | LoadFault::Descriptor { .. } | LoadFault::OtherAbi { .. } => None,
            },
            CallError::Spawn { .. } => {
                Some("set `plugins.host` to the dns01-plugin-host that belongs to this dns01d".into())
            }
            CallError::Died(_) => {
                Some("it was only asked what it is, and got no options: its author has to put that right".into())
            }
            CallError::Ambiguous { .. }
            | CallError::UnknownProvider { .. }
            | CallError::Exec { .. }
            | CallError::Environment { .. }
            | CallError::Options { .. }
            | CallError::Protocol { .. }
            | CallError::Open(_)
            | CallError::NoTime(_)
            | CallError::BackOff { .. }
            | CallError::ShutDown => None,
        }
    }
}

impl LibraryError {
    fn help(&self) -> Option<String> {
        match self {
            LibraryError::NotElf { .. } => {
                Some("write the path of the plugin itself, a file such as `libdns01_rfc2136.so`".into())
            }
            LibraryError::Machine { .. } => Some(format!(
                "install the build of the plugin for {}",
                std::env::consts::ARCH
            )),
            LibraryError::Owner { path, .. } => Some(format!("run `chown root {}`", path.display())),
            LibraryError::Pin { .. } => {
                Some("pin the new sum if you replaced the plugin yourself; find out who did if not".into())
            }
            LibraryError::Unreadable { .. }
            | LibraryError::Relative { .. }
            | LibraryError::NotAFile { .. }
            | LibraryError::Writable { .. }
            | LibraryError::NotLibrary { .. } => None,
        }
    }
}
