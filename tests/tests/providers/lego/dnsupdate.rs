//! lego's RFC 2136 client, against BIND: a provider that holds one value at a name.

use dns01d::plugin::{FailureClass, ProviderClient as _};
use lab::bind::{Bind, BindOptions};
use lab::dns::TsigKey;

use super::{OWNER, challenge, lego, refused};
use crate::instance::{LONG, present, remove};

async fn bind(key: &TsigKey) -> Bind {
    Bind::start(BindOptions::new("example.test", key.clone()))
        .await
        .expect("BIND")
}

#[tokio::test]
async fn one_value_stands_at_a_name_until_it_is_removed() {
    let key = TsigKey::generate("dns01d").expect("a key");
    let bind = bind(&key).await;
    let (server, secret) = (bind.addr().to_string(), key.secret_base64());
    // the names of lego 4
    let values = [
        ("RFC2136_NAMESERVER", server.as_str(), false),
        ("RFC2136_TSIG_KEY", key.name(), false),
        ("RFC2136_TSIG_SECRET", secret, true),
        ("RFC2136_TSIG_ALGORITHM", "hmac-sha256.", false),
        ("RFC2136_PROPAGATION_TIMEOUT", "90", false),
        ("RFC2136_POLLING_INTERVAL", "5", false),
    ];
    let provider = lego("lego:rfc2136", "lego-bind", &values);
    let info = provider.info(LONG).await.expect("open");
    assert_eq!(info.max_values_per_name, 1);
    assert!(info.needs_key_auth && info.stateless_remove && info.cancels && !info.concurrent);
    assert_eq!(
        (info.propagation_timeout_ms, info.propagation_interval_ms),
        (90_000, 5_000)
    );

    let (one, two) = (
        challenge("example.test", "token-1"),
        challenge("example.test", "token-2"),
    );
    present(&provider, std::slice::from_ref(&one)).await;
    assert_eq!(bind.txt(OWNER).await.unwrap(), [one.value.as_str()]);
    // lego would replace the first, so the bridge does not let it
    let failure = refused(&provider, &two).await;
    assert_eq!(failure.class, FailureClass::Transient);
    assert!(failure.message.contains("keeps one value at a name"), "{failure}");
    assert_eq!(bind.txt(OWNER).await.unwrap(), [one.value.as_str()]);

    assert!(present(&provider, std::slice::from_ref(&one)).await[0].no_change);
    remove(&provider, std::slice::from_ref(&one)).await;
    present(&provider, std::slice::from_ref(&two)).await;
    assert_eq!(bind.txt(OWNER).await.unwrap(), [two.value.as_str()]);

    // another process has nothing of the first one's memory
    provider.shutdown().await;
    let later = lego("lego:dnsupdate", "lego-bind", &values);
    remove(&later, std::slice::from_ref(&two)).await;
    assert!(bind.txt(OWNER).await.unwrap().is_empty());
    assert!(remove(&later, std::slice::from_ref(&two)).await[0].no_change);
}

#[tokio::test]
async fn a_wrong_key_is_for_the_operator() {
    let key = TsigKey::generate("dns01d").expect("a key");
    let bind = bind(&key).await;
    let wrong = TsigKey::generate("dns01d")
        .expect("a key")
        .secret_base64()
        .to_owned();
    let provider = lego(
        "lego:dnsupdate",
        "lego-wrong",
        &[
            ("DNSUPDATE_NAMESERVER", &bind.addr().to_string(), false),
            ("DNSUPDATE_TSIG_KEY", key.name(), false),
            ("DNSUPDATE_TSIG_SECRET", &wrong, true),
            ("DNSUPDATE_TSIG_ALGORITHM", "hmac-sha256", false),
            ("DNSUPDATE_ZONES", "example.test", false),
        ],
    );
    let failure = refused(&provider, &challenge("example.test", "token-1")).await;
    assert_eq!(failure.class, FailureClass::Auth, "{failure}");
    assert!(
        failure.message.contains("lego:dnsupdate") && failure.message.contains("check the credentials"),
        "{failure}"
    );
    assert!(!failure.message.contains(&wrong));
}
