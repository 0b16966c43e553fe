//! Input from outside, as bad as it can be.
//!
//! Each target takes octets and must not panic: what it asserts besides is what may be relied on whatever comes. The
//! fuzzer looks for octets that break that (`./dev fuzz`, in `fuzz/`); the tests run the same functions on what it
//! found so far, and on changes of that.

pub use targets::*;

mod targets {
    /// A target, by the name that its program and its corpus have.
    macro_rules! targets {
        ($($(#[$doc:meta])* $name:ident = $function:path;)*) => {
            $($(#[$doc])* pub fn $name(octets: &[u8]) { $function(octets) })*

            #[cfg(test)]
            pub(super) const ALL: &[(&str, fn(&[u8]))] = &[$((stringify!($name), $name)),*];
        };
    }

    targets! {
        /// A DNS message, and all that is read in an answer.
        dns_answer = crate::dns::fuzz::answer;
        /// The data of CAA records.
        dns_caa = crate::dns::fuzz::caa;
        /// A name or an identifier.
        dns_name = crate::dns::fuzz::name;
        /// The walk to a zone among servers that say anything.
        dns_walk = crate::dns::fuzz::walk;
        /// Headers and bodies of an ACME CA.
        acme = crate::acme::fuzz::said_by_a_ca;
        /// Frames of a plugin's process.
        plugin_frames = crate::plugin::fuzz::frames;
        /// A configuration.
        configuration = crate::config::fuzz::configuration;
    }
}

#[cfg(test)]
mod tests;
