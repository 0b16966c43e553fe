//! What the library says of itself, and what it exports.

use std::sync::Arc;
use std::time::Duration;

use dns01d::plugin::{DEFAULT_GRACE, Description, HostOptions, OptionKind, Plugins, Sandbox};
use lab::daemon::{LEGO_BRIDGE, built};
use tokio::time::Instant;

async fn described() -> (Arc<Description>, Duration) {
    let plugins = Plugins::new(HostOptions {
        executable: built("dns01-plugin-host"),
        sandbox: Sandbox::Required,
        idle: Duration::from_secs(60),
        grace: DEFAULT_GRACE,
    })
    .expect("a thread");
    let begun = Instant::now();
    let description = plugins
        .describe(&built(LEGO_BRIDGE), None)
        .await
        .expect("a description");
    (description, begun.elapsed())
}

#[tokio::test]
async fn hundreds_of_providers_say_what_they_take() {
    let (description, took) = described().await;
    assert!(
        description.providers.len() > 150,
        "{}",
        description.providers.len()
    );
    assert!(description.version.contains("+lego5."), "{}", description.version);
    let find = |id: &str| {
        let found = description.providers.iter().find(|provider| provider.id == id);
        found.unwrap_or_else(|| panic!("{id} is missing"))
    };
    assert!(
        description
            .providers
            .iter()
            .all(|provider| provider.id.starts_with("lego:"))
    );

    let cloudflare = find("lego:cloudflare");
    let token = cloudflare.option("CF_DNS_API_TOKEN").expect("documented by lego");
    assert!(
        token.secret && !token.required && token.help.contains("Edit permission"),
        "{token:?}"
    );
    assert_eq!(
        cloudflare.option("CLOUDFLARE_TTL").expect("documented").kind,
        OptionKind::Integer
    );
    assert!(!cloudflare.open_config && !cloudflare.execs);
    // with the variables of a client library nobody can say what a typing error is
    assert!(find("lego:route53").open_config);
    assert!(find("lego:exec").execs);
    assert!(find("lego:duckdns").title.ends_with("one value per name"));
    // a name that lego had before is a name still
    assert_eq!(find("lego:rfc2136").options, find("lego:dnsupdate").options);
    for id in [
        "lego:hetzner",
        "lego:ovh",
        "lego:gandiv5",
        "lego:httpreq",
        "lego:pdns",
    ] {
        assert!(!find(id).options.is_empty(), "{id}");
    }
    // on a busy machine; measured alone it is a tenth
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[test]
fn nothing_but_the_entry_is_exported_and_only_libc_is_needed() {
    let readelf = |option: &str| {
        let output = std::process::Command::new("readelf")
            .args(["--wide", option])
            .arg(built(LEGO_BRIDGE))
            .output()
            .expect("readelf: `./dev setup` installs it");
        String::from_utf8(output.stdout).expect("text")
    };
    let symbols = readelf("--dyn-syms");
    let exported: Vec<&str> = symbols
        .lines()
        .filter(|line| line.contains(" GLOBAL ") && !line.contains(" UND "))
        .collect();
    assert!(
        matches!(exported[..], [entry] if entry.ends_with(" dns01_plugin_v1")),
        "{exported:?}"
    );
    let dynamic = readelf("--dynamic");
    let needed: Vec<&str> = dynamic.lines().filter(|line| line.contains("(NEEDED)")).collect();
    assert!(
        needed.iter().all(|line| line.contains("[libc.so.6]")),
        "{needed:?}"
    );
}
