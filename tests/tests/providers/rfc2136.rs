//! rfc2136 in its sandbox, against BIND. Its own crate has the tests of every answer that a server can give.

use lab::bind::{Bind, BindOptions};
use lab::dns::TsigKey;

use crate::instance::{instance, present, record, remove};

#[tokio::test]
async fn two_values_of_one_name_stand_together_and_go_one_by_one() {
    let key = TsigKey::generate("dns01d").expect("a key");
    let bind = Bind::start(BindOptions::new("example.test", key.clone()))
        .await
        .expect("BIND");
    let server = bind.addr().to_string();
    let provider = instance(
        "rfc2136",
        &[
            ("server", &server, false),
            ("tsig-key", key.name(), false),
            ("tsig-secret", key.secret_base64(), true),
        ],
    );
    let records = [record("example.test", "apex"), record("example.test", "wildcard")];
    let name = "_acme-challenge.example.test";

    present(&provider, &records).await;
    assert_eq!(bind.txt(name).await.unwrap(), ["apex", "wildcard"]);
    remove(&provider, &records[..1]).await;
    assert_eq!(bind.txt(name).await.unwrap(), ["wildcard"]);
    remove(&provider, &records[1..]).await;
    assert!(bind.txt(name).await.unwrap().is_empty());
}
