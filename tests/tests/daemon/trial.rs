//! `dns01d check --staging`: a certificate as configured, of a CA that nobody trusts, deployed nowhere.

use std::{
    fs,
    process::{Command, Stdio},
    time::Duration,
};

use lab::{
    ca::{AcmeCa, CaOptions, NameProblem, NameStage, ProblemType},
    daemon::{Home, built},
};
use rustix::process::{Pid, Signal, kill_process};

use super::stage::{Stage, ZONE};

/// Two CAs: the one that certificates are of, and the one at which they are tried.
struct Scene {
    stage: Stage,
    staging: AcmeCa,
    home: Home,
}

impl Scene {
    async fn new() -> Self {
        let mut stage = Stage::new().await;
        let staging = AcmeCa::start(CaOptions::new(vec![stage.dns.addr()]))
            .await
            .unwrap();
        let root = tempfile::NamedTempFile::new()
            .unwrap()
            .into_temp_path()
            .keep()
            .unwrap();
        fs::write(&root, staging.https_root_pem()).unwrap();
        stage.setup.ca_lines.push("staging: trial".into());
        stage.setup.more_cas = format!(
            "  trial:\n    directory: \"{}\"\n    agree-terms: true\n    ca-file: {}\n",
            staging.directory_url(),
            root.display()
        );
        // a hook that ran would be seen
        stage.setup.certificates[0].hook = Some(vec!["/bin/touch".into(), "/nonexistent/deployed".into()]);
        let home = stage.home();
        // as the unit does: root alone does not know whose it will be
        fs::create_dir(home.state()).unwrap();
        Scene { stage, staging, home }
    }

    /// The standard output, with how it ended.
    fn check(&self, arguments: &[&str]) -> (String, bool) {
        let output = self.home.command(&[&["check", "--staging"], arguments].concat());
        let text = [output.stdout, output.stderr].concat();
        (String::from_utf8(text).unwrap(), output.status.success())
    }

    /// Nothing of a trial is left, but the account.
    async fn until_clean(&self) {
        self.stage.until_clean().await;
        let left: Vec<_> = fs::read_dir(self.home.state().join("trial"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !["accounts", "lock"].contains(&name.as_str()))
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_obtains_a_certificate_of_the_staging_ca_and_deploys_nothing() {
    let scene = Scene::new().await;
    let (text, good) = scene.check(&["internal"]);
    assert!(good, "{text}");
    assert!(
        text.contains("internal: would be issued; CA `trial` did, and nothing was deployed"),
        "{text}"
    );
    assert!(text.contains("valid until"), "{text}");
    scene.until_clean().await;
    assert!(!scene.home.live("internal").exists());
    assert_eq!(scene.stage.ca.counts().certificates, 0, "the CA itself was asked");
    assert_eq!(scene.staging.counts().certificates, 1);

    // beside the daemon too, again and again, with the account from before
    let daemon = scene.home.start().await.unwrap();
    daemon
        .until("internal", Duration::from_secs(30), |it| !it["serial"].is_null())
        .await;
    let serial = daemon.certificate("internal").unwrap()["serial"].clone();
    for _ in 0..6 {
        let (text, good) = scene.check(&["--json"]);
        assert!(good, "{text}");
        let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert!(last["done"]["succeeded"]["serial"].is_string(), "{last}");
    }
    scene.until_clean().await;
    assert_eq!(scene.staging.counts().certificates, 7);
    assert_eq!(daemon.certificate("internal").unwrap()["serial"], serial);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_says_what_would_fail() {
    let scene = Scene::new().await;
    scene.staging.knobs().update(|knobs| {
        knobs.name_problems = vec![NameProblem {
            name: ZONE.to_owned(),
            at: NameStage::Validation,
            problem: ProblemType::Unauthorized,
            detail: "the lab does not want to see it".to_owned(),
        }];
    });
    let (text, good) = scene.check(&[]);
    assert!(!good, "{text}");
    assert!(text.contains("internal: would not be issued"), "{text}");
    scene.until_clean().await;

    let (text, good) = scene.check(&["intenal"]);
    assert!(
        !good && text.contains("there is no certificate `intenal`"),
        "{text}"
    );
    let config = fs::read_to_string(scene.home.config()).unwrap();
    fs::write(
        scene.home.config(),
        config
            .replace("    staging: trial\n", "")
            .replace("  internal:\n", "  internal:\n    ca: lab\n"),
    )
    .unwrap();
    let (text, good) = scene.check(&[]);
    assert!(!good && text.contains("has nowhere to be tried"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_that_was_interrupted_or_killed_leaves_no_record() {
    let scene = Scene::new().await;
    for signal in [Signal::INT, Signal::KILL] {
        scene
            .staging
            .knobs()
            .update(|knobs| knobs.validation_delay = Duration::from_secs(3600));
        let mut trial = Command::new(built("dns01d"))
            .arg("--config")
            .arg(scene.home.config())
            .args(["check", "--staging"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        for _ in 0..400 {
            if scene.stage.txt().len() == 2 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(scene.stage.txt().len(), 2, "two values of one name");
        kill_process(Pid::from_raw(trial.id() as i32).unwrap(), signal).unwrap();
        let ended = trial.wait().unwrap();
        assert!(!ended.success());
        scene
            .staging
            .knobs()
            .update(|knobs| knobs.validation_delay = Duration::ZERO);
        if signal == Signal::KILL {
            // the next one takes them away first
            assert_eq!(scene.stage.txt().len(), 2);
            let (text, good) = scene.check(&[]);
            assert!(good, "{text}");
        }
        scene.until_clean().await;
    }
}
