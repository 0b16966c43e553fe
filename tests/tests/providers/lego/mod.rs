//! The bridge to lego: its library in the real plugin host, lego's `dnsupdate` against BIND, its `httpreq` against a
//! portal, its `exec` with a script. Its own tests in Go show what it makes of lego's behaviour; these, that Go's
//! runtime works in the sandbox and that the host gets what the ABI promises.

mod captured;
mod daemon;
mod description;
mod dnsupdate;
mod exec;
mod httpreq;
mod process;

use std::{path::PathBuf, sync::Arc};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use dns01d::plugin::{Failure, Instance, MemoryState, ProviderClient as _, Record};
use lab::daemon::{LEGO_BRIDGE, built};
use lab::portal::{Portal, PortalOptions};

use crate::instance::{LONG, Values, instance_in, record};

const OWNER: &str = "_acme-challenge.example.test";
/// User and password that the portal lets in.
const USER: &str = "dns01d";
/// See [`USER`].
const PASSWORD: &str = "p0rtal-passw0rd-of-the-test";

/// A portal with the zones of these tests.
async fn portal() -> Portal {
    let options = PortalOptions {
        zones: ["example.test", "delegated.test"].map(str::to_owned).to_vec(),
        credentials: Some((USER.to_owned(), PASSWORD.to_owned())),
        ..PortalOptions::new("example.test")
    };
    Portal::start(options).await.expect("a portal")
}

/// An instance of one of lego's providers; `name` is the instance's.
fn lego(provider: &str, name: &str, values: Values<'_>) -> Instance {
    lego_in(built("dns01-plugin-host"), provider, name, values)
}

/// The same in a plugin host of the test's own.
fn lego_in(host: PathBuf, provider: &str, name: &str, values: Values<'_>) -> Instance {
    instance_in(
        host,
        built(LEGO_BRIDGE),
        values,
        Arc::new(MemoryState::default()),
        |options| {
            options.provider = Some(provider.to_owned());
            options.instance = name.parse().expect("a name");
            options.allow_exec = provider == "lego:exec";
        },
    )
}

/// A record whose value follows from its key authorization, as in a real challenge.
fn challenge(identifier: &str, token: &str) -> Record {
    let key_authorization = format!("{token}.LmIMFQjLxAcXKu6QXwoyqRiOyWaYVqW4tVA5ZMzPqfI");
    let digest = openssl::sha::sha256(key_authorization.as_bytes());
    Record {
        token: token.to_owned(),
        key_authorization,
        ..record(identifier, &URL_SAFE_NO_PAD.encode(digest))
    }
}

async fn refused(instance: &Instance, record: &Record) -> Failure {
    let mut outcomes = instance
        .present(std::slice::from_ref(record), LONG)
        .await
        .expect("an answer");
    outcomes.remove(0).expect_err("a refusal")
}
