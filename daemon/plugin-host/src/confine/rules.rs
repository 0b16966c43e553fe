//! The words in which [`super::filter`] is written.

use std::collections::BTreeMap;

use seccompiler::{BackendError, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompRule};

/// A system call's number.
pub type Number = i64;

/// Calls to refuse, some of them only with certain arguments.
#[derive(Debug, Default)]
pub struct Rules(pub BTreeMap<Number, Vec<SeccompRule>>);

/// A test of one argument, of which the low 32 bits count: no flag, family, pid or command needs more,
/// and the kernel looks at no more of an `int`.
#[derive(Clone, Copy, Debug)]
pub enum When {
    /// The argument is this.
    Is(u8, u32),
    /// The argument is not this.
    Not(u8, u32),
    /// The argument's bits under the mask are these.
    Bits(u8, u32, u32),
}

impl Rules {
    /// Refuses the calls whatever their arguments.
    pub fn refuse(&mut self, calls: &[Number]) {
        for call in calls {
            // no condition always matches; earlier conditions no longer matter
            self.0.insert(*call, Vec::new());
        }
    }

    /// Refuses the call when all conditions hold; several such rules are alternatives.
    ///
    /// # Errors
    /// Never for argument indexes under 6.
    pub fn refuse_when(&mut self, call: Number, all: &[When]) -> Result<(), BackendError> {
        let conditions = all
            .iter()
            .map(|when| when.compile())
            .collect::<Result<Vec<_>, _>>()?;
        let rule = SeccompRule::new(conditions)?;
        match self.0.get_mut(&call) {
            Some(always) if always.is_empty() => {}
            Some(rules) => rules.push(rule),
            None => {
                self.0.insert(call, vec![rule]);
            }
        }
        Ok(())
    }
}

impl When {
    fn compile(self) -> Result<SeccompCondition, BackendError> {
        let (argument, operator, value) = match self {
            When::Is(argument, value) => (argument, SeccompCmpOp::Eq, value),
            When::Not(argument, value) => (argument, SeccompCmpOp::Ne, value),
            When::Bits(argument, mask, value) => (argument, SeccompCmpOp::MaskedEq(u64::from(mask)), value),
        };
        SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, u64::from(value))
    }
}
