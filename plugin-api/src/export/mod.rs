//! The author's side: a provider in safe Rust.

mod batch;
mod call;
mod entry;
mod error;
mod host;
mod library;
mod options;
mod provider;
pub mod testing;

pub use batch::{Batch, Outcome, Record, Success};
pub use call::{Call, Limit};
pub use error::{Class, Error};
pub use host::{Host, Level};
pub use options::{Opt, OptionSpec, Options, Read, Secret, Value};
pub use provider::{Description, Info, Kind, Provider};

/// What [`export_provider!`](crate::export_provider) expands to; not for other use.
#[doc(hidden)]
pub mod private {
    pub use super::library::{Erased, Exported, Library, Operation, Table};
}

/// Exports one or more [`Provider`]s as the `dns01_plugin_v1` of this library.
///
/// Once per `cdylib`. The crate may `#![forbid(unsafe_code)]`: the unsafe export
/// belongs to this macro, and the lint judges code by where it was written.
///
/// The example of [this crate](crate) ends with it.
#[macro_export]
macro_rules! export_provider {
    ($($provider:ty),+ $(,)?) => {
        const _: () = {
            struct ThisLibrary;

            impl $crate::export::private::Library for ThisLibrary {
                const NAME: &'static str = env!("CARGO_PKG_NAME");
                const VERSION: &'static str = env!("CARGO_PKG_VERSION");
                const LICENSE: &'static str = env!("CARGO_PKG_LICENSE");
                const PROVIDERS: &'static [$crate::export::private::Exported] =
                    &[$($crate::export::private::Exported::new::<$provider>()),+];
            }

            static TABLE: $crate::export::private::Table = $crate::export::private::Table::new();

            #[unsafe(no_mangle)]
            unsafe extern "C" fn dns01_plugin_v1(
                host: *const $crate::abi::Host,
            ) -> *const $crate::abi::Plugin {
                // SAFETY: the host that calls this keeps the promises of the header.
                unsafe { TABLE.enter::<ThisLibrary>(host) }
            }
        };
    };
}
