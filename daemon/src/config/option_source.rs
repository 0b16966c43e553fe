use crate::{
    plugin::{OptionSource, OptionValue},
    secret::Secret,
    secret_source::SecretSource,
};

/// The options of one instance, as configured.
#[derive(Clone, Debug, Default)]
pub(super) struct ConfiguredOptions(pub Vec<ConfiguredOption>);

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

impl OptionSource for ConfiguredOptions {
    fn read(&self) -> Result<Vec<OptionValue>, String> {
        self.0
            .iter()
            .map(|option| {
                let (value, secret) = match &option.value {
                    ConfiguredValue::Plain(text) => (Secret::new(text.clone()), false),
                    ConfiguredValue::Inline(secret) => (secret.clone(), true),
                    ConfiguredValue::Secret(source) => {
                        let value = source
                            .read()
                            .map_err(|error| format!("option {}: {error}", option.key))?;
                        (value, true)
                    }
                };
                Ok(OptionValue {
                    key: option.key.clone(),
                    value,
                    secret,
                })
            })
            .collect()
    }
}
