//! Plugins of other minors under today's host, through the daemon's own client: built from the frozen header
//! of 1.0, and from one whose structs have all grown. Their tables end where a forbidden page begins, so that
//! a host that reads beyond `struct_size` crashes; what they see of the host they say in their messages.
//!
//! `plugin-api/tests/frozen.rs` has the other direction: hosts of other minors over today's plugins.

#[path = "../../../../plugin-api/tests/grown/mod.rs"]
mod grown;
#[path = "../hostile/lab.rs"]
#[expect(dead_code, reason = "the hostile plugins use all of it")]
mod lab;

use std::{path::Path, sync::Arc};

use dns01d::plugin::{Instance, MemoryState, Operation, Plugins, ProviderClient as _};

use lab::{LONG, Lab, compile, host_options, record};

fn include(minor: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../plugin-api/include")
        .join(minor)
}

/// The probe built from the headers in `include`, and what runs it.
fn probe(include: &Path) -> Lab {
    let directory = tempfile::tempdir().expect("a directory");
    let switch = format!("-I{}", include.display());
    let library = compile(directory.path(), "../abi/probe.c", &[&switch]);
    // a short name, whatever the switches were
    let short = directory.path().join("probe.so");
    std::fs::rename(library, &short).expect("our own directory");
    Lab {
        directory,
        library: short,
        plugins: Plugins::new(host_options()).expect("a thread"),
        state: Arc::new(MemoryState::default()),
    }
}

fn grown_headers() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    let today = std::fs::read_to_string(include("").join("dns01_plugin.h")).expect("the header");
    std::fs::write(directory.path().join("dns01_plugin.h"), grown::grown(&today)).expect("our own directory");
    directory
}

/// Every operation once; what the probe said of the host, and its handle.
async fn all_operations(instance: &Instance) -> Vec<(String, String)> {
    let mut said = Vec::new();
    let mut handle = String::new();
    for operation in [
        Operation::Check,
        Operation::Setup,
        Operation::Present,
        Operation::Sync,
        Operation::Remove,
    ] {
        let mut asked = [record("one"), record("two")];
        asked
            .iter_mut()
            .for_each(|record| record.handle.clone_from(&handle));
        let outcomes = instance.call(operation, &asked, LONG).await.expect("an answer");
        for outcome in outcomes {
            let done = outcome.expect("success");
            handle.clone_from(&done.handle);
            said.push((done.message, done.handle));
        }
    }
    said
}

#[tokio::test]
async fn a_plugin_built_from_the_frozen_header_works() {
    for minor in ["v1.0", ""] {
        let lab = probe(&include(minor));
        let description = lab.plugins.describe(&lab.library, None).await.expect("described");
        assert_eq!((description.name.as_str(), description.abi_minor), ("probe", 0));
        let provider = description.provider("probe").expect("its provider");
        assert_eq!(provider.option("token").expect("its option").default, None);
        let instance = lab.instance();
        for (message, handle) in all_operations(&instance).await {
            assert_eq!((message.as_str(), handle.as_str()), ("all of 1.0", "the handle"));
        }
    }
}

#[tokio::test]
async fn a_plugin_of_a_later_minor_works_and_sees_that_this_host_lacks_what_it_knows() {
    let headers = grown_headers();
    let lab = probe(headers.path());
    let description = lab.plugins.describe(&lab.library, None).await.expect("described");
    assert_eq!(
        description.abi_minor,
        grown::MINOR,
        "its own, which is no reason to refuse it"
    );
    let instance = lab.instance();
    for (message, handle) in all_operations(&instance).await {
        assert_eq!(
            (message.as_str(), handle.as_str()),
            ("all of 1.0, nothing later", "the handle")
        );
    }
    let info = instance.info(LONG).await.expect("an open instance");
    assert_eq!((info.max_batch, info.cancels), (2, true));
}

#[tokio::test]
async fn a_table_smaller_than_in_1_0_is_refused_with_a_clear_word() {
    for (what, size, floor) in [
        ("dns01_plugin", 119, 120),
        ("dns01_provider", 47, 48),
        ("dns01_option_desc", 31, 32),
    ] {
        let directory = tempfile::tempdir().expect("a directory");
        let switch = format!("-DCUT_{what}={size}");
        let library = compile(directory.path(), "../abi/probe.c", &[&switch]);
        let plugins = Plugins::new(host_options()).expect("a thread");
        let error = plugins.describe(&library, None).await.expect_err("refused");
        assert!(
            error.to_string().ends_with(&format!(
                "{what} has struct_size {size}, and ABI 1.0 needs {floor}"
            )),
            "{error}"
        );
    }
}
