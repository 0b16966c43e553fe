//! A secret reaches the plugin, and nothing else.

use std::{fs, sync::Arc};

use dns01d::{
    plugin::{CallError, FailureClass, Operation, OptionSource, OptionValue},
    secret::Secret,
};

use crate::lab::{Captured, LONG, Lab, TOKEN, ask, fail, one};

#[tokio::test]
async fn a_plugin_that_tells_its_secret_is_masked_everywhere() {
    let log = Captured::start();
    let lab = Lab::new(&[]);
    let instance = lab.instance();
    let failure = one(&instance, Operation::Present, "leak", LONG)
        .await
        .expect("an answer")
        .expect_err("it says refused");
    assert_eq!(
        (failure.class, failure.message.as_str()),
        (FailureClass::Auth, "refused: ***")
    );
    let done = one(&instance, Operation::Present, "leaky-handle", LONG)
        .await
        .expect("an answer")
        .expect("success");
    assert_eq!(
        done.handle, "",
        "a handle is stored in clear, so one with a secret is dropped"
    );

    let text = log.wait_for("token is ***, they say").await;
    assert!(text.contains("log of ***"), "{text}");
    assert!(!text.contains(TOKEN), "{text}");
}

#[tokio::test]
async fn a_secret_in_a_refusal_to_open_is_masked() {
    let log = Captured::start();
    let lab = Lab::new(&[]);
    let instance = lab.instance_with(lab.options(), &[("token", TOKEN), ("open", "refuse")]);
    let error = fail(&instance, "pid", LONG).await;
    assert_eq!(
        error.to_string(),
        "the plugin refused its options: credentials refused: the token *** is not good"
    );
    assert!(!format!("{error:?}{}", log.text()).contains(TOKEN));
}

#[tokio::test]
async fn a_secret_by_the_plugins_word_is_one_even_where_the_configuration_disagrees() {
    let lab = Lab::new(&[]);
    let source = crate::lab::Fixed(vec![OptionValue {
        key: "token".to_owned(),
        value: Secret::new(TOKEN.to_owned()),
        secret: false,
    }]);
    let instance = lab
        .plugins
        .instance(lab.options(), Arc::new(source), lab.state.clone());
    let failure = one(&instance, Operation::Present, "leak", LONG)
        .await
        .expect("an answer")
        .expect_err("refused");
    assert_eq!(failure.message, "refused: ***");
}

/// A variable that the operator keeps where secrets are kept.
#[derive(Debug)]
struct Variable(&'static str);

impl OptionSource for Variable {
    fn read(&self) -> Result<Vec<OptionValue>, String> {
        Ok(Vec::new())
    }

    fn environment(&self) -> Result<Vec<(String, Secret)>, String> {
        Ok(vec![("LISTED".to_owned(), Secret::new(self.0.to_owned()))])
    }
}

#[tokio::test]
async fn a_secret_variable_reaches_the_plugin_and_is_masked_like_any_secret() {
    let lab = Lab::new(&[]);
    let source = Arc::new(Variable("v4riable-s3cret"));
    let instance = lab.plugins.instance(lab.options(), source, lab.state.clone());
    let facts = ask(&instance, "facts").await;
    assert!(facts.ends_with("variables=1 listed=***"), "{facts}");
}

#[tokio::test]
async fn no_secret_is_in_arguments_or_environment() {
    let lab = Lab::new(&[]);
    let instance = lab.instance();
    let pid = ask(&instance, "pid").await;
    let arguments =
        fs::read(format!("/proc/{pid}/cmdline")).expect("readable for root and for the same user");
    assert_eq!(
        arguments,
        [crate::lab::HOST.as_bytes(), b"serve", b"dns", b""].join(&0)
    );
    // not dumpable: without root, not even its own user can read this one
    match fs::read(format!("/proc/{pid}/environ")) {
        Ok(environment) => assert_eq!(environment, b""),
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied),
    }
}

#[tokio::test]
async fn a_secret_does_not_travel_to_a_process_that_cannot_be_confined_or_loaded() {
    // the order of messages is the protection: `Open` follows `Loaded`
    let lab = Lab::new(&[]);
    let mut options = lab.options();
    options.library = crate::lab::compile(lab.directory.path(), "tables.c", &["-DFAULT=2"]);
    let error = fail(&lab.instance_with(options, &[("token", TOKEN)]), "pid", LONG).await;
    assert!(matches!(error, CallError::Load { .. }), "{error}");
}
