//! A provider's part of a configuration, to paste and fill in.

use std::{fmt::Write as _, path::Path};

use super::facts::{OptionFacts, Shown};
use crate::plugin::OptionKind;

/// Where a secret of an instance may lie; the operator may have a better place.
const SECRETS: &str = "/etc/dns01d/secrets";

/// YAML that is complete but for the values of required options, which are empty: `dns01d check` names them.
/// Options that may be left out are comments that show their default.
pub(super) fn yaml(shown: &Shown) -> String {
    let mut out = format!("providers:\n  {}:\n", instance_name(&shown.id));
    let mut line = |text: &str| {
        let _ = writeln!(out, "    {text}");
    };
    line(&match &shown.library.name {
        Some(name) => format!("library: {name}"),
        None => format!("library: {}", quoted(&shown.library.path.display().to_string())),
    });
    if shown.library.providers > 1 {
        line(&format!("provider: {}", quoted(&shown.id)));
    }
    line(&format!("#sha256: {}", shown.library.sha256));
    if shown.runs_programs {
        // whoever pastes has not agreed yet
        line("# it runs programs: `dns01d check` asks for your consent");
        line("#allow-exec: true");
    }
    line("#zones: [example.org]");
    let needs_any = shown.options.iter().any(|option| option.is_asked());
    if !shown.options.is_empty() {
        line(if needs_any { "options:" } else { "#options:" });
    }
    for option in &shown.options {
        let _ = writeln!(out, "      # {}", option.help.replace(['\n', '\r'], " "));
        let comment = if option.is_asked() { "" } else { "#" };
        let value = value(&shown.id, option);
        let _ = writeln!(
            out,
            "{}",
            format!("      {comment}{}: {value}", option.key).trim_end()
        );
    }
    out
}

fn value(provider: &str, option: &OptionFacts) -> String {
    if option.secret {
        let file = Path::new(SECRETS).join(format!("{}-{}", instance_name(provider), option.key));
        return format!("{{ file: {} }}", file.display());
    }
    let value = match (&option.default, option.kind) {
        (Some(default), OptionKind::Text | OptionKind::File) => quoted(default),
        (Some(default), OptionKind::Integer | OptionKind::Boolean | OptionKind::Duration) => default.clone(),
        (None, OptionKind::Text | OptionKind::File) => "\"\"".to_owned(),
        (None, OptionKind::Integer | OptionKind::Boolean | OptionKind::Duration) => String::new(),
    };
    if option.list { format!("[{value}]") } else { value }
}

/// A name for the instance that every configuration takes.
fn instance_name(id: &str) -> String {
    id.replace(
        |c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.'),
        "-",
    )
}

/// A text as YAML reads it back, with quotes where it would read something else.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/' | '.');
    let word = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/') && text.chars().all(plain);
    let keyword = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    if word && !keyword.contains(&text.to_ascii_lowercase().as_str()) {
        text.to_owned()
    } else {
        // JSON is YAML
        serde_json::Value::from(text).to_string()
    }
}
