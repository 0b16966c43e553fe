//! What is shipped under `configs/` works: prose and samples cannot contradict the code.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use dns01d::config::{Config, Faults, NoDescriptions, Presence, load_with};

fn configs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs")
}

fn load(path: &Path) -> Result<Config, Faults> {
    load_with(path, &NoDescriptions, Presence::Assumed)
}

fn read(name: &str) -> String {
    fs::read_to_string(configs().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Runs a tool that `./dev setup` installs. Without it the test fails: a test
/// that is skipped proves nothing.
fn run(command: &mut Command) -> (bool, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command
        .output()
        .unwrap_or_else(|error| panic!("{:?}: {error}; ./dev setup installs it", command.get_program()));
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&stdout),
        String::from_utf8_lossy(&stderr)
    );
    (status.success(), text)
}

fn succeeds(command: &mut Command) -> String {
    let (success, text) = run(command);
    assert!(success, "{command:?}: {text}");
    text
}

#[test]
fn every_sample_configuration_loads_without_a_warning() {
    let mut seen = 0;
    for entry in fs::read_dir(configs()).expect("configs/") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let config = load(&path).unwrap_or_else(|faults| panic!("{faults}"));
            assert!(config.warnings.is_empty(), "{}", config.warnings);
            assert!(!config.certificates.is_empty());
            seen += 1;
        }
    }
    assert!(seen > 0);
}

/// `#key: value` and the lines `#  below it` are settings; `# prose` is not.
fn uncommented(text: &str) -> String {
    let line = |line: &str| {
        let (before, after) = line.split_once('#')?;
        let setting = after.starts_with(|c: char| c.is_ascii_lowercase())
            || after
                .strip_prefix("  ")
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()));
        (before.trim().is_empty() && setting).then(|| format!("{before}{after}"))
    };
    text.lines()
        .map(|text| line(text).unwrap_or_else(|| text.to_owned()) + "\n")
        .collect()
}

#[test]
fn what_the_sample_shows_as_a_default_is_the_default() {
    let directory = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::write(&path, text).expect("a file");
        load(&path).unwrap_or_else(|faults| panic!("{faults}"))
    };
    let text = read("dns01d.yaml");
    let defaults = write("defaults.yaml", &text);
    let shown = write("shown.yaml", &uncommented(&text));

    assert_eq!(shown.state_directory, defaults.state_directory);
    assert_eq!(shown.control, defaults.control);
    assert_eq!(shown.log, defaults.log);
    assert_eq!(shown.plugin_host, defaults.plugin_host);
    assert_eq!(shown.dns.query_timeout, defaults.dns.query_timeout);
    assert_eq!(
        shown.dns.propagation_timeout,
        Some(dns01d::dns::DEFAULT_PROPAGATION_TIMEOUT)
    );
    assert_eq!(shown.engine, defaults.engine);
    assert_eq!(shown.drain, defaults.drain);
    assert_eq!(shown.cas[0].acme.name.as_str(), "internal");
    assert_eq!(shown.cas[1], defaults.cas[0]);
    let (one, other) = (&shown.providers[0].options, &defaults.providers[0].options);
    assert!(one.sha256.is_some(), "the sample's settings were not uncommented");
    assert_eq!(
        (one.memory, one.call_timeout, one.allow_exec, one.rotates),
        (other.memory, other.call_timeout, other.allow_exec, other.rotates)
    );
    assert_eq!(
        (one.call_interval, one.concurrent_calls),
        (other.call_interval, other.concurrent_calls),
    );
    assert_eq!(one.library, other.library);
    let (one, other) = (&shown.certificates[0], &defaults.certificates[0]);
    assert_eq!(
        (&one.key, &one.challenges, &one.chain),
        (&other.key, &other.challenges, &other.chain)
    );
    assert_eq!(
        shown.certificates[0].output.directory,
        defaults.certificates[0].output.directory
    );
    assert_eq!(
        shown.certificates[0].output.mode,
        defaults.certificates[0].output.mode
    );
    assert_eq!(shown.certificates[0].hook, defaults.certificates[0].hook);
}

/// The blocks of a Markdown page that are marked as YAML.
fn yaml_blocks(page: &str) -> Vec<String> {
    let text =
        fs::read_to_string(configs().join("..").join(page)).unwrap_or_else(|error| panic!("{page}: {error}"));
    let blocks = text.split("```yaml\n").skip(1);
    blocks
        .map(|rest| rest.split("```").next().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn the_configuration_of_the_readme_is_good_and_the_parts_in_the_guide_fit_into_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("dns01d.yaml");
    let good = |text: &str| {
        fs::write(&path, text).expect("a file");
        let config = load(&path).unwrap_or_else(|faults| panic!("{faults}\n{text}"));
        assert!(config.warnings.is_empty(), "{}", config.warnings);
    };
    let whole = yaml_blocks("README.md");
    let [whole] = whole.as_slice() else {
        panic!("the README has one configuration")
    };
    good(whole);

    let parts = yaml_blocks("docs/operating.md");
    assert!(parts.len() > 1, "the guide's parts were not found");
    for part in parts {
        let key = part.lines().next().unwrap_or_default();
        // a part that the README's configuration has too takes its place
        let kept: String = whole
            .split("\n\n")
            .filter(|section| !section.starts_with(key))
            .map(|section| format!("{section}\n"))
            .collect();
        good(&format!("{kept}{part}"));
    }
}

#[test]
fn every_page_that_a_page_links_to_is_there() {
    let root = configs().join("..");
    let list = succeeds(
        Command::new("git")
            .args(["ls-files", "--cached", "--others", "--exclude-standard", "*.md"])
            .current_dir(&root),
    );
    let mut links = 0;
    for page in list.lines() {
        let text = fs::read_to_string(root.join(page)).unwrap_or_else(|error| panic!("{page}: {error}"));
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            if file.is_empty() || file.contains("://") {
                continue;
            }
            let path = root.join(page).with_file_name(file);
            assert!(path.exists(), "{page} links to {target}, which is not there");
            links += 1;
        }
    }
    assert!(links > 5, "no links were found");
}

#[test]
fn systemd_understands_the_unit_and_finds_it_hardened() {
    let directory = tempfile::tempdir().expect("a directory");
    let unit = read("systemd/dns01d.service");
    assert!(unit.contains("ExecStart=/usr/bin/dns01d run --config /etc/dns01d/dns01d.yaml\n"));
    assert!(unit.contains("ExecReload=/usr/bin/dns01d reload --config /etc/dns01d/dns01d.yaml\n"));
    // neither the program nor its man page is installed where tests run
    let unit = unit
        .replace("/usr/bin/dns01d ", "/bin/true ")
        .replace("Documentation=man:dns01d(1)\n", "");
    let path = directory.path().join("dns01d.service");
    fs::write(&path, unit).expect("a file");
    let complaints = succeeds(Command::new("systemd-analyze").arg("verify").arg(&path));
    assert!(!complaints.contains("dns01d.service"), "{complaints}");
    // in tenths; the unit has 1.4
    let security = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--no-pager", "--threshold=15"])
        .arg(&path)
        .output()
        .expect("systemd-analyze");
    assert!(
        security.status.success(),
        "{}",
        String::from_utf8_lossy(&security.stdout)
    );
}

#[test]
fn the_unit_agrees_with_the_defaults_of_the_daemon() {
    let unit = read("systemd/dns01d.service");
    let value = |key: &str| {
        unit.lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
            .unwrap_or_else(|| panic!("no {key}"))
    };
    let name = |path: &str| {
        Path::new(path)
            .file_name()
            .and_then(|name| name.to_str())
            .map(str::to_owned)
    };
    assert_eq!(
        Some(value("StateDirectory").to_owned()),
        name(dns01d::config::DEFAULT_STATE_DIRECTORY)
    );
    let socket = Path::new(dns01d::config::DEFAULT_SOCKET)
        .parent()
        .expect("a directory");
    assert_eq!(socket, Path::new("/run").join(value("RuntimeDirectory")));
    let stop: u64 = value("TimeoutStopSec")
        .trim_end_matches('s')
        .parse()
        .expect("seconds");
    assert!(
        stop > dns01d::config::DEFAULT_DRAIN.as_secs(),
        "systemd kills before the drain ends"
    );
}

#[test]
fn the_user_and_the_directories_are_made() {
    let root = tempfile::tempdir().expect("a directory");
    for part in ["sysusers.d", "tmpfiles.d"] {
        let directory = root.path().join("usr/lib").join(part);
        fs::create_dir_all(&directory).expect("a directory");
        fs::copy(
            configs().join(part).join("dns01d.conf"),
            directory.join("dns01d.conf"),
        )
        .expect("a copy");
    }
    fs::create_dir_all(root.path().join("etc")).expect("a directory");
    let below = format!("--root={}", root.path().display());
    succeeds(Command::new("systemd-sysusers").arg(&below));
    let users = fs::read_to_string(root.path().join("etc/passwd")).expect("users");
    assert!(users.lines().any(|line| line.starts_with("dns01d:")), "{users}");
    succeeds(Command::new("systemd-tmpfiles").args([
        &below,
        "--create",
        "--prefix=/etc/dns01d",
        "--prefix=/usr/local",
    ]));
    let made = fs::metadata(root.path().join("etc/dns01d/certificates.d")).expect("a directory");
    assert_eq!(made.permissions().mode() & 0o7777, 0o750);
    assert!(root.path().join("usr/local/lib/dns01d/plugins").is_dir());
}

/// A directory such as `.../certificates/internal`, with one generation.
fn live(directory: &Path) -> PathBuf {
    let generation = directory.join("generations/000001");
    fs::create_dir_all(&generation).expect("a directory");
    succeeds(
        Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
            ])
            .args(["-subj", "/CN=internal.example.org", "-days", "1", "-keyout"])
            .arg(generation.join("key.pem"))
            .arg("-out")
            .arg(generation.join("fullchain.pem")),
    );
    let live = directory.join("live");
    symlink("generations/000001", &live).expect("a link");
    live
}

#[test]
fn nginx_takes_its_snippet() {
    let directory = tempfile::tempdir().expect("a directory");
    let live = live(directory.path());
    let snippet = read("nginx/internal.conf");
    let path = "/var/lib/dns01d/certificates/internal/live";
    assert_eq!(snippet.matches(path).count(), 2);
    let snippet = snippet
        .replace(path, &live.display().to_string())
        // the test neither binds port 443 nor needs IPv6
        .replace("listen 443 ssl;", "listen unix:/nonexistent/socket ssl;")
        .replace("listen [::]:443 ssl;\n", "\n");
    let whole = format!(
        "pid {0}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{snippet}}}\n",
        directory.path().display()
    );
    let file = directory.path().join("nginx.conf");
    fs::write(&file, whole).expect("a file");
    let (_, report) = run(Command::new("nginx")
        .args(["-t", "-e", "stderr", "-c"])
        .arg(&file));
    // `-t` also opens the sockets, which this test does not let it do
    assert!(report.contains("syntax is ok"), "{report}");
}

#[test]
fn the_haproxy_hook_writes_key_and_chain_of_one_generation_for_its_readers_only() {
    let directory = tempfile::tempdir().expect("a directory");
    let live = live(directory.path());
    let target = directory.path().join("haproxy");
    fs::create_dir(&target).expect("a directory");
    let hook = || {
        succeeds(
            Command::new(configs().join("haproxy/dns01d-haproxy"))
                .arg(&target)
                .env("DNS01D_CERTIFICATE", "internal")
                .env("DNS01D_LIVE", &live)
                .env("DNS01D_NO_RELOAD", "1"),
        )
    };
    hook();
    // a second run replaces the file
    hook();
    let file = target.join("internal.pem");
    let text = fs::read_to_string(&file).expect("the file");
    assert_eq!(text.matches("-----BEGIN CERTIFICATE-----").count(), 1);
    assert_eq!(text.matches("-----BEGIN PRIVATE KEY-----").count(), 1);
    assert_eq!(
        fs::metadata(&file).expect("the file").permissions().mode() & 0o777,
        0o640
    );
    assert_eq!(
        fs::read_dir(&target).expect("a directory").count(),
        1,
        "a temporary file is left"
    );
}

#[test]
fn an_installation_has_everything_where_the_daemon_and_its_unit_look_for_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let built = directory.path().join("target/release");
    fs::create_dir_all(&built).expect("a directory");
    for name in ["dns01d", "dns01-plugin-host", "libdns01_rfc2136.so"] {
        fs::write(built.join(name), name).expect("a file");
    }
    let root = directory.path().join("root");
    succeeds(
        Command::new(configs().join("../dev"))
            .arg("install")
            .arg(&root)
            .env("CARGO_TARGET_DIR", directory.path().join("target")),
    );
    let mode = |path: &str| {
        let path = root.join(path.trim_start_matches('/'));
        let data = fs::metadata(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        data.permissions().mode() & 0o7777
    };
    let unit = read("systemd/dns01d.service");
    let program = unit
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart="))
        .and_then(|line| line.split(' ').next())
        .expect("a program");
    assert_eq!(mode(program), 0o755);
    assert_eq!(mode(dns01d::config::DEFAULT_PLUGIN_HOST), 0o755);
    let plugins = dns01d::config::DEFAULT_PLUGIN_DIRECTORIES[1];
    assert_eq!(mode(&format!("{plugins}/libdns01_rfc2136.so")), 0o644);
    for file in [
        "/usr/lib/systemd/system/dns01d.service",
        "/usr/lib/sysusers.d/dns01d.conf",
        "/usr/lib/tmpfiles.d/dns01d.conf",
        "/usr/include/dns01_plugin.h",
        "/usr/share/man/man1/dns01d.1",
        "/usr/share/bash-completion/completions/dns01d",
    ] {
        assert_eq!(mode(file), 0o644, "{file}");
    }
}

#[test]
fn nothing_is_installed_before_it_is_built() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path().join("root");
    let (success, text) = run(Command::new(configs().join("../dev"))
        .arg("install")
        .arg(&root)
        .env("CARGO_TARGET_DIR", directory.path()));
    assert!(!success && text.contains("cargo build --release"), "{text}");
    assert!(!root.exists());
}
