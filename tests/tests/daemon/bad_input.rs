//! Whatever is wrong with a configuration: `dns01d check` says all of it at once, where it stands and what to
//! write instead, before anything is asked of a CA. The reports are held whole: they are what people read.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::PathBuf,
    process::{Command, Output},
};

use lab::daemon::built;
use tempfile::TempDir;

use super::{
    c_plugin::compile,
    stage::{Stage, ZONE},
};

/// e_machine of the ELF header, and a machine that neither x86_64 nor aarch64 is.
const MACHINE_AT: usize = 18;
const S390X: u16 = 22;

/// A directory with a configuration and what it names.
struct Site(TempDir);

impl Site {
    fn new() -> Self {
        // the reports hold carets as long as this path, whatever TMPDIR is
        let directory = tempfile::Builder::new()
            .prefix("bad-")
            .tempdir_in("/tmp")
            .unwrap();
        let site = Site(directory);
        fs::create_dir(site.path("plugins")).unwrap();
        symlink(
            built("libdns01_rfc2136.so"),
            site.path("plugins/libdns01_rfc2136.so"),
        )
        .unwrap();
        symlink(built("dns01-plugin-host"), site.path("dns01-plugin-host")).unwrap();
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>, mode: u32) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }

    fn compile(&self, name: &str, source: &str) -> PathBuf {
        compile(self.0.path(), name, source)
    }

    /// `dns01d ARGUMENTS` on a configuration in which `HERE` is this directory.
    fn run(&self, config: &str, arguments: &[&str]) -> Output {
        let here = self.0.path().display().to_string();
        let config = self.write("dns01d.yaml", config.replace("HERE", &here), 0o600);
        let mut command = if rustix::process::geteuid().is_root() {
            // root reads everything: without these capabilities it is as any other user
            let mut setpriv = Command::new("setpriv");
            setpriv
                .arg("--bounding-set=-dac_override,-dac_read_search")
                .arg(built("dns01d"));
            setpriv
        } else {
            Command::new(built("dns01d"))
        };
        command.arg("--config").arg(config).args(arguments);
        command.output().unwrap()
    }

    /// What `check` says of a configuration that it must refuse.
    fn report(&self, config: &str) -> String {
        let output = self.run(config, &["check"]);
        let said = self.plain(&String::from_utf8_lossy(&output.stdout));
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(78), "{said}{errors}");
        assert_eq!(errors, "");
        said
    }

    /// Without what differs from one machine to the next.
    fn plain(&self, text: &str) -> String {
        let uid = rustix::process::geteuid().as_raw();
        text.replace(&self.0.path().display().to_string(), "HERE")
            .replace(std::env::consts::ARCH, "THIS-ARCH")
            .replace(&format!("uid {uid}"), "uid OURS")
    }
}

#[test]
fn every_fault_of_a_configuration_is_in_one_report() {
    let site = Site::new();
    let mut foreign = fs::read(built("libdns01_rfc2136.so")).unwrap();
    foreign[MACHINE_AT..][..2].copy_from_slice(&S390X.to_le_bytes());
    site.write("foreign.so", &foreign[..4096], 0o644);
    site.write("text.so", "GROUP ( /usr/lib/libdns01_rfc2136.so )\n", 0o644);
    site.write("world.so", "", 0o666);
    fs::create_dir(site.path("open")).unwrap();
    site.write("open/plugin.so", "", 0o644);
    fs::set_permissions(site.path("open"), Permissions::from_mode(0o777)).unwrap();
    site.compile(
        "abi2",
        "#include <stddef.h>\nconst void *dns01_plugin_v2(const void *host) { return host ? NULL : NULL; }\n",
    );
    site.compile("stranger", "int answer(void) { return 42; }\n");
    site.compile("undefined", "#include \"dns01_plugin.h\"\nconst dns01_plugin *from_a_library_that_is_not_here(void);\nconst dns01_plugin *dns01_plugin_v1(const dns01_host *host) { return from_a_library_that_is_not_here(); }\n");
    site.compile("crashes", "#include \"dns01_plugin.h\"\nconst dns01_plugin *dns01_plugin_v1(const dns01_host *host) { return *(const dns01_plugin *volatile *)0; }\n");
    for (name, mode) in [
        ("good", 0o600),
        ("world", 0o644),
        ("changeable", 0o666),
        ("locked", 0),
    ] {
        site.write(&format!("{name}.secret"), "c2VjcmV0c2VjcmV0\n", mode);
    }
    insta::assert_snapshot!(site.report(include_str!("bad_input/everything.yaml")));
}

#[test]
fn a_secret_written_into_the_configuration_is_refused_and_not_repeated() {
    const CANARY: &str = "dGhpcyBpcyBub3QgdG8gYmUgc2hvd24=";
    let site = Site::new();
    let config = |secret: &str| {
        format!(
            "plugins: {{ directories: [HERE/plugins], host: HERE/dns01-plugin-host }}\n\
             providers:\n  dns:\n    library: rfc2136\n    options:\n      server: 192.0.2.1\n      \
             tsig-key: key\n      {secret}\n"
        )
    };
    for secret in [
        format!("tsig-secret: {CANARY}"),
        format!("tsig-secert: {CANARY}"),
        format!("tsig-secret: {{ {CANARY} }}"),
        format!("tsig-secret: {{ file: HERE, text: {CANARY} }}"),
        format!("tsig-key: {CANARY}"),
    ] {
        let config = config(&secret);
        let output = site.run(&config, &["check"]);
        assert_eq!(output.status.code(), Some(78), "{secret}");
        for arguments in [vec!["check"], vec!["check", "--json"], vec!["run"]] {
            let output = site.run(&config, &arguments);
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            assert!(said.contains("tsig-"), "{said}");
            assert!(
                !said.contains(CANARY),
                "{secret} is repeated by {arguments:?}:\n{said}"
            );
        }
    }
    insta::assert_snapshot!(site.report(&config(&format!("tsig-secret: {CANARY}"))));
}

#[test]
fn international_names_are_accepted_and_shown_both_ways() {
    let site = Site::new();
    let config = "\
plugins: { directories: [HERE/plugins], host: HERE/dns01-plugin-host }
cas: { lab: { directory: \"https://127.0.0.1:14000/dir\", agree-terms: true } }
providers:
  dns: { library: rfc2136, options: { server: 192.0.2.1 } }
certificates:
  shop: { names: [\"*.bücher.example\", BÜCHER.example, xn--caf-dma.example] }
";
    let output = site.run(config, &["check"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    for both in [
        "*.bücher.example (*.xn--bcher-kva.example)",
        "  bücher.example (xn--bcher-kva.example)",
        "café.example (xn--caf-dma.example)",
    ] {
        assert!(said.contains(both), "no {both} in\n{said}");
    }
}

/// `run` refuses what `check` refuses, and neither has said a word to the CA or the DNS server.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_asked_of_anybody_before_the_configuration_is_right() {
    let mut stage = Stage::new().await;
    stage.setup.extra = "certificates-directory: /etc/ssl\n".into();
    let home = stage.home();
    for command in ["check", "run"] {
        let output = home.command(&[command]);
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert_eq!(output.status.code(), Some(78), "{said}");
        assert!(said.contains("certificates-directory"), "{said}");
    }
    assert_eq!(stage.ca.requests().len(), 0);
    assert_eq!(stage.dns.queries().len() + stage.dns.updates().len(), 0);
    assert!(!home.state().exists(), "not even the state of {ZONE} was begun");
}
