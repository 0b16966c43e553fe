//! Keys, CSRs and chains.

mod key_type;

pub use key_type::KeyType;
