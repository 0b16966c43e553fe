//! Clients of other makes get wildcard certificates from the lab: a CA that only our client can talk to
//! would prove nothing.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod peers;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lab::ca::{AcmeCa, CaOptions, ExternalAccount};
use lab::dns::{DnsOptions, DnsServer, TsigKey, Zone};
use tempfile::TempDir;

const ZONE: &str = "internal.example.test";
const WILDCARD: &str = "*.internal.example.test";

const EAB_KID: &str = "customer-1";
const EAB_KEY: &[u8] = b"what only the customer and the CA know";

/// The whole lab, and a directory with its roots.
struct Lab {
    ca: AcmeCa,
    dns: DnsServer,
    key: TsigKey,
    dir: TempDir,
}

impl Lab {
    async fn start() -> Self {
        let key = TsigKey::generate("lab-key").unwrap();
        let options = DnsOptions {
            keys: vec![key.clone()],
            ..DnsOptions::new(vec![Zone::new(ZONE).unwrap()])
        };
        let dns = DnsServer::start(options).await.unwrap();
        let ca = AcmeCa::start(CaOptions::new(vec![dns.addr()])).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("https-root.pem"), ca.https_root_pem()).unwrap();
        std::fs::write(dir.path().join("tsig.key"), key.bind_text()).unwrap();
        Lab { ca, dns, key, dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// From now on an account needs this external one.
    fn bind_accounts(&self) {
        self.ca.knobs().update(|knobs| {
            knobs.external_account_required = true;
            knobs.external_accounts = vec![ExternalAccount {
                kid: EAB_KID.to_owned(),
                hmac_key: URL_SAFE_NO_PAD.encode(EAB_KEY),
            }];
        });
    }

    /// What must be true however the client got there.
    fn assert_one_certificate(&self, leaf: &Path, intermediate: &Path, report: &Output) {
        assert!(report.status.success(), "{}", told(report));
        self.assert_leads_to(self.ca.acme_root_pem(), leaf, intermediate);
        let counts = self.ca.counts();
        assert_eq!((counts.accounts, counts.orders, counts.certificates), (1, 1, 1));
        assert_eq!(self.ca.certificates()[0].names, [WILDCARD, ZONE]);
        self.assert_dns_is_clean();
    }

    fn assert_leads_to(&self, root_pem: &str, leaf: &Path, intermediate: &Path) {
        std::fs::write(self.path("acme-root.pem"), root_pem).unwrap();
        let verified = Command::new("openssl")
            .args([
                "verify",
                "-x509_strict",
                "-purpose",
                "sslserver",
                "-verify_hostname",
                "deep.internal.example.test",
            ])
            .arg("-CAfile")
            .arg(self.path("acme-root.pem"))
            .arg("-untrusted")
            .args([intermediate, leaf])
            .output()
            .expect("openssl");
        assert!(verified.status.success(), "{}", told(&verified));
    }

    /// Every validation went well, and no value is left of it.
    fn assert_dns_is_clean(&self) {
        assert!(
            self.ca
                .validations()
                .iter()
                .all(|validation| validation.failure.is_none())
        );
        assert!(
            self.dns
                .txt("_acme-challenge.internal.example.test")
                .unwrap()
                .is_empty()
        );
        assert!(
            self.dns
                .updates()
                .iter()
                .all(|update| update.key.as_deref() == Some("lab-key"))
        );
    }
}

fn told(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

async fn run(mut command: Command) -> Output {
    let program = command.get_program().to_string_lossy().into_owned();
    tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .unwrap_or_else(|error| panic!("cannot run {program}: {error}; `./dev setup` installs it"))
}

#[tokio::test(flavor = "multi_thread")]
async fn lego_gets_a_wildcard_certificate() {
    let lab = Lab::start().await;
    let report = run(lego(&lab, &[], &[])).await;
    let (leaf, issuer) = lego_files(&lab);
    lab.assert_one_certificate(&leaf, &issuer, &report);
}

#[tokio::test(flavor = "multi_thread")]
async fn lego_binds_its_account_and_prefers_another_root() {
    let lab = Lab::start().await;
    lab.bind_accounts();
    lab.ca.knobs().update(|knobs| knobs.alternate_roots = 2);
    let hmac = URL_SAFE_NO_PAD.encode(EAB_KEY);
    let account = ["--eab", "--kid", EAB_KID, "--hmac", &hmac];
    let report = run(lego(
        &lab,
        &account,
        &["--preferred-chain", "dns01 lab alternate root 2"],
    ))
    .await;
    assert!(report.status.success(), "{}", told(&report));
    let (leaf, issuer) = lego_files(&lab);
    lab.assert_leads_to(&lab.ca.alternate_root_pems().unwrap()[1], &leaf, &issuer);
    assert_eq!(lab.ca.bound_account(EAB_KID).as_deref(), Some("/account/1"));
    lab.assert_dns_is_clean();
}

/// lego's `run` with everything it keeps inside the lab's directory.
fn lego(lab: &Lab, global: &[&str], of_run: &[&str]) -> Command {
    let dns = lab.dns.addr().to_string();
    let mut lego = Command::new("lego");
    lego.env("LEGO_CA_CERTIFICATES", lab.path("https-root.pem"))
        .env("RFC2136_NAMESERVER", &dns)
        .env("RFC2136_TSIG_ALGORITHM", format!("{}.", lab.key.algorithm()))
        .env("RFC2136_TSIG_KEY", lab.key.name())
        .env("RFC2136_TSIG_SECRET", lab.key.secret_base64())
        // lego clears the whole TXT set before it adds, so it works one name after the other
        .env("RFC2136_SEQUENCE_INTERVAL", "1")
        .env("RFC2136_POLLING_INTERVAL", "1")
        .args([
            "--accept-tos",
            "--email",
            "operator@example.test",
            "--dns",
            "rfc2136",
        ])
        // port 53 of the zone's name server is not ours
        .args(["--dns.disable-cp", "--dns.resolvers", &dns])
        .args(["--server", &lab.ca.directory_url(), "--path"])
        .arg(lab.path("lego"))
        .args(global)
        .args(["--domains", WILDCARD, "--domains", ZONE, "run"])
        .args(of_run);
    lego
}

/// Where lego puts leaf and intermediates.
fn lego_files(lab: &Lab) -> (PathBuf, PathBuf) {
    let file = |name: &str| lab.path("lego/certificates").join(name);
    (
        file("_.internal.example.test.crt"),
        file("_.internal.example.test.issuer.crt"),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn certbot_gets_a_wildcard_certificate_and_revokes_it() {
    let lab = Lab::start().await;
    let report = run(certonly(&lab, &[])).await;
    let live = lab.path("certbot/config/live").join(ZONE);
    lab.assert_one_certificate(&live.join("cert.pem"), &live.join("chain.pem"), &report);

    let mut revoke = certbot(&lab, "revoke");
    revoke.args([
        "--cert-name",
        ZONE,
        "--reason",
        "superseded",
        "--no-delete-after-revoke",
    ]);
    let report = run(revoke).await;
    assert!(report.status.success(), "{}", told(&report));
    assert_eq!(lab.ca.certificates()[0].revoked, Some(4));
}

#[tokio::test(flavor = "multi_thread")]
async fn certbot_with_an_rsa_account_key_binds_it_prefers_another_root_and_leaves() {
    let lab = Lab::start().await;
    lab.bind_accounts();
    lab.ca.knobs().update(|knobs| knobs.alternate_roots = 1);
    let hmac = URL_SAFE_NO_PAD.encode(EAB_KEY);
    let report = run(certonly(
        &lab,
        &[
            "--eab-kid",
            EAB_KID,
            "--eab-hmac-key",
            &hmac,
            "--preferred-chain",
            "dns01 lab alternate root 1",
        ],
    ))
    .await;
    assert!(report.status.success(), "{}", told(&report));
    let live = lab.path("certbot/config/live").join(ZONE);
    let root = &lab.ca.alternate_root_pems().unwrap()[0];
    lab.assert_leads_to(root, &live.join("cert.pem"), &live.join("chain.pem"));
    assert_eq!(lab.ca.bound_account(EAB_KID).as_deref(), Some("/account/1"));
    lab.assert_dns_is_clean();
    assert!(account_key(&lab.path("certbot/config/accounts")).contains(r#""kty": "RSA""#));

    let update = run({
        let mut update = certbot(&lab, "update_account");
        update.args(["--email", "other@example.test"]);
        update
    })
    .await;
    assert!(update.status.success(), "{}", told(&update));
    let leave = run(certbot(&lab, "unregister")).await;
    assert!(leave.status.success(), "{}", told(&leave));
}

/// certbot's `certonly` with our hook.
fn certonly(lab: &Lab, more: &[&str]) -> Command {
    let hook = lab.path("hook");
    std::fs::write(&hook, hook_script(lab)).unwrap();
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut certbot = certbot(lab, "certonly");
    certbot
        .args([
            "--agree-tos",
            "--email",
            "operator@example.test",
            "--manual",
            "--preferred-challenges",
            "dns",
        ])
        .args(["--manual-auth-hook", &format!("{} add", hook.display())])
        .args(["--manual-cleanup-hook", &format!("{} delete", hook.display())])
        .args(["-d", WILDCARD, "-d", ZONE])
        .args(more);
    certbot
}

/// The one `private_key.json` below the directory.
fn account_key(directory: &Path) -> String {
    let found = Command::new("find")
        .arg(directory)
        .args(["-name", "private_key.json"])
        .output()
        .unwrap();
    std::fs::read_to_string(String::from_utf8(found.stdout).unwrap().trim()).unwrap()
}

/// certbot with everything it keeps inside the lab's directory.
fn certbot(lab: &Lab, verb: &str) -> Command {
    let mut certbot = Command::new("certbot");
    certbot
        .arg(verb)
        .env("REQUESTS_CA_BUNDLE", lab.path("https-root.pem"))
        .args(["--non-interactive", "--server", &lab.ca.directory_url()])
        .arg("--config-dir")
        .arg(lab.path("certbot/config"))
        .arg("--work-dir")
        .arg(lab.path("certbot/work"))
        .arg("--logs-dir")
        .arg(lab.path("certbot/logs"));
    certbot
}

/// Adds or deletes certbot's value by nsupdate: an independent client on the DNS side as well.
fn hook_script(lab: &Lab) -> String {
    let (ip, port) = (lab.dns.addr().ip(), lab.dns.addr().port());
    let key = lab.path("tsig.key");
    format!(
        "#!/bin/sh\nset -eu\n\
         case \"$1\" in add) ttl=60;; delete) ttl=;; esac\n\
         nsupdate -k {} <<END\n\
         server {ip} {port}\n\
         zone {ZONE}\n\
         update $1 _acme-challenge.$CERTBOT_DOMAIN $ttl TXT \"$CERTBOT_VALIDATION\"\n\
         send\n\
         END\n",
        key.display()
    )
}
