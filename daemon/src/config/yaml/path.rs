use std::fmt;

/// Where a value stands in a document: `cas.letsencrypt.contacts[0]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::config) struct NodePath(Vec<Step>);

/// One step down.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::config) enum Step {
    /// Into a mapping.
    Key(String),
    /// Into a list, counted from 0.
    Index(usize),
}

impl NodePath {
    /// The path one key further down.
    pub fn key(&self, key: &str) -> NodePath {
        self.child(Step::Key(key.to_owned()))
    }

    /// The path of one element of a list.
    pub fn index(&self, index: usize) -> NodePath {
        self.child(Step::Index(index))
    }

    /// The path with one more step.
    pub fn child(&self, step: Step) -> NodePath {
        let mut steps = self.0.clone();
        steps.push(step);
        NodePath(steps)
    }

    /// The path `below`, seen from where this one begins.
    pub fn join(&self, below: &NodePath) -> NodePath {
        self.0.iter().chain(&below.0).cloned().collect()
    }

    /// The last step and the path before it; `None` for the whole document.
    pub fn split_last(&self) -> Option<(NodePath, &Step)> {
        let (last, parents) = self.0.split_last()?;
        Some((NodePath(parents.to_vec()), last))
    }

    /// The steps from the top.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }
}

impl FromIterator<Step> for NodePath {
    fn from_iter<I: IntoIterator<Item = Step>>(steps: I) -> Self {
        NodePath(steps.into_iter().collect())
    }
}

impl fmt::Display for NodePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) => {
                    if position > 0 {
                        f.write_str(".")?;
                    }
                    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
                    if !key.is_empty() && key.chars().all(plain) {
                        f.write_str(key)?;
                    } else {
                        write!(f, "{key:?}")?;
                    }
                }
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_with_dots_is_quoted_so_that_the_path_can_be_read_back() {
        let path = NodePath::default()
            .key("dns")
            .key("zones")
            .key("a.example")
            .key("authorities")
            .index(1);
        assert_eq!(path.to_string(), "dns.zones.\"a.example\".authorities[1]");
    }
}
