//! Who may change what.

use hickory_proto::rr::{Name, RecordType};

/// What an update may touch. An update that steps outside is refused as a whole.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum UpdatePolicy {
    /// Everything.
    Anything,
    /// TXT records at or below names that carry one of these labels.
    TxtBelow(Vec<String>),
    /// Nothing.
    Nothing,
}

impl Default for UpdatePolicy {
    fn default() -> Self {
        UpdatePolicy::TxtBelow(
            ["_acme-challenge", "_validation-persist"]
                .map(String::from)
                .into(),
        )
    }
}

impl UpdatePolicy {
    pub(super) fn allows(&self, name: &Name, record_type: RecordType) -> bool {
        match self {
            UpdatePolicy::Anything => true,
            UpdatePolicy::Nothing => false,
            UpdatePolicy::TxtBelow(labels) => {
                record_type == RecordType::TXT
                    && name.iter().any(|label| {
                        labels
                            .iter()
                            .any(|allowed| label.eq_ignore_ascii_case(allowed.as_bytes()))
                    })
            }
        }
    }
}
