use crate::{
    plugin::{OptionSource, OptionValue},
    secret::Secret,
    secret_source::SecretSource,
};

/// What one instance is given, as configured.
#[derive(Clone, Debug, Default)]
pub(super) struct ConfiguredOptions {
    pub options: Vec<ConfiguredOption>,
    /// Environment variables with secret values.
    pub variables: Vec<ConfiguredOption>,
}

/// One option.
#[derive(Clone, Debug)]
pub(super) struct ConfiguredOption {
    pub key: String,
    pub value: ConfiguredValue,
}

/// A value, or where it is.
#[derive(Clone)]
pub(super) enum ConfiguredValue {
    Plain(String),
    Inline(Secret),
    Secret(SecretSource),
}

/// A plain value may be a secret that a plugin without a description takes.
impl std::fmt::Debug for ConfiguredValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ConfiguredValue::Plain(_) => f.write_str("Plain(..)"),
            ConfiguredValue::Inline(_) => f.write_str("Inline(..)"),
            ConfiguredValue::Secret(source) => write!(f, "Secret({source})"),
        }
    }
}

impl ConfiguredOption {
    /// The value, and whether it is secret. `kind` is what the key names.
    fn read(&self, kind: &str) -> Result<(Secret, bool), String> {
        match &self.value {
            ConfiguredValue::Plain(text) => Ok((Secret::new(text.clone()), false)),
            ConfiguredValue::Inline(secret) => Ok((secret.clone(), true)),
            ConfiguredValue::Secret(source) => match source.read() {
                Ok(secret) => Ok((secret, true)),
                Err(error) => Err(format!("{kind} {}: {error}", self.key)),
            },
        }
    }
}

impl OptionSource for ConfiguredOptions {
    fn read(&self) -> Result<Vec<OptionValue>, String> {
        let read = self.options.iter().map(|option| {
            let (value, secret) = option.read("option")?;
            Ok(OptionValue {
                key: option.key.clone(),
                value,
                secret,
            })
        });
        read.collect()
    }

    fn environment(&self) -> Result<Vec<(String, Secret)>, String> {
        let read = self
            .variables
            .iter()
            .map(|variable| Ok((variable.key.clone(), variable.read("environment variable")?.0)));
        read.collect()
    }
}
