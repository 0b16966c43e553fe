use crate::config::fault::Problem;

/// What a text does that is no YAML, or more YAML than a configuration needs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::config) enum YamlProblem {
    #[error("this is not valid YAML: {message}")]
    Syntax { message: String },
    #[error("`*` begins a YAML alias here")]
    UnquotedWildcard,
    #[error("the key `{key}` is given twice")]
    Duplicate { key: String },
    #[error("aliases (`*name`) are not supported")]
    Alias,
    #[error("anchors (`&name`) are not supported")]
    Anchor,
    #[error("merge keys (`<<`) are not supported")]
    MergeKey,
    #[error("tags (`!name`) are not supported")]
    Tag,
    #[error("a second YAML document begins here")]
    SecondDocument,
    #[error("nested more than {limit} levels deep")]
    TooDeep { limit: usize },
    #[error("a key must be text")]
    KeyNotText,
}

impl Problem for YamlProblem {
    fn help(&self) -> Option<String> {
        match self {
            YamlProblem::UnquotedWildcard => {
                Some("put names with a wildcard in quotes: `\"*.example.org\"`".into())
            }
            YamlProblem::Duplicate { .. } => Some("keep one of the two".into()),
            YamlProblem::Alias | YamlProblem::Anchor | YamlProblem::MergeKey => {
                Some("write the value out; what certificates share belongs under `defaults`".into())
            }
            YamlProblem::Tag => {
                Some("write the value without it; text that looks like a number goes in quotes".into())
            }
            YamlProblem::SecondDocument => {
                Some("remove the `---`; further files are read through `include`".into())
            }
            YamlProblem::Syntax { .. } | YamlProblem::TooDeep { .. } | YamlProblem::KeyNotText => None,
        }
    }
}
