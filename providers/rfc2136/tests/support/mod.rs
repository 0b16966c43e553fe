//! A BIND 9 of one's own, on loopback, gone with its guard.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

pub const SHA224: (&str, &str) = ("k224", "c2VjcmV0IG9mIGhtYWMtc2hhMjI0IQ==");
pub const SHA256: (&str, &str) = ("k256", "c2VjcmV0IG9mIGhtYWMtc2hhMjU2IQ==");
pub const SHA384: (&str, &str) = ("k384", "c2VjcmV0IG9mIGhtYWMtc2hhMzg0IQ==");
pub const SHA512: (&str, &str) = ("k512", "c2VjcmV0IG9mIGhtYWMtc2hhNTEyIQ==");

/// A running `named` that serves
///
/// - `example.test`: update-policy, each key may change TXT at and below
///   `_acme-challenge` and `_acme-challenge.www`; `away` is delegated;
/// - `sub.example.test`: a zone of its own, by allow-update for `k256`;
/// - `second.test`: by allow-update for `k512`;
/// - `open.test`: by address, without a key;
/// - `static.test`: no updates.
pub struct Named {
    child: Child,
    pub port: u16,
    pub ipv6: bool,
    directory: PathBuf,
}

impl Named {
    /// Starts it and waits until it answers. Panics if there is no `named`.
    pub fn start() -> Self {
        let directory = tempfile::tempdir().unwrap().keep();
        let port = free_port();
        let ipv6 = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
        for zone in [
            "example.test",
            "sub.example.test",
            "second.test",
            "open.test",
            "static.test",
        ] {
            let away = if zone == "example.test" {
                "away NS ns.elsewhere.test.\nalias CNAME www\n"
            } else {
                ""
            };
            let text = format!(
                "$TTL 60\n@ SOA ns.{zone}. root.{zone}. 1 3600 600 86400 60\n@ NS ns.{zone}.\nns A 127.0.0.1\n\
                 www A 127.0.0.1\nold TXT \"kept\"\n{away}"
            );
            std::fs::write(directory.join(format!("{zone}.zone")), text).unwrap();
        }
        let path = directory.to_str().unwrap();
        let keys: String = [
            ("hmac-sha224", SHA224),
            ("hmac-sha256", SHA256),
            ("hmac-sha384", SHA384),
            ("hmac-sha512", SHA512),
        ]
        .iter()
        .map(|(algorithm, (name, secret))| {
            format!("key \"{name}\" {{ algorithm {algorithm}; secret \"{secret}\"; }};\n")
        })
        .collect();
        let grants: String = [SHA224, SHA256, SHA384, SHA512]
            .iter()
            .flat_map(|(name, _)| {
                ["_acme-challenge", "_acme-challenge.www"]
                    .map(|label| format!("grant {name} subdomain {label}.example.test. TXT; "))
            })
            .collect();
        let listen6 = if ipv6 {
            format!("listen-on-v6 port {port} {{ ::1; }};")
        } else {
            "listen-on-v6 { none; };".to_owned()
        };
        let zone = |name: &str, updates: &str| {
            format!("zone \"{name}\" {{ type primary; file \"{path}/{name}.zone\"; {updates} }};\n")
        };
        let config = format!(
            "options {{ directory \"{path}\"; pid-file none; session-keyfile \"{path}/session.key\";\n\
             listen-on port {port} {{ 127.0.0.1; }}; {listen6}\n\
             recursion no; dnssec-validation no; notify no; }};\ncontrols {{ }};\n{keys}{}{}{}{}{}",
            zone("example.test", &format!("update-policy {{ {grants} }};")),
            zone("sub.example.test", "allow-update { key k256; };"),
            zone("second.test", "allow-update { key k512; };"),
            zone("open.test", "allow-update { 127.0.0.1; ::1; };"),
            zone("static.test", ""),
        );
        let file = directory.join("named.conf");
        std::fs::write(&file, config).unwrap();
        let log = std::fs::File::create(directory.join("log")).unwrap();
        // a shell stands between: it ends named when our end of its stdin closes, which
        // the kernel does for us however the test ends (a static is never dropped)
        let child = Command::new("sh")
            .args([
                "-c",
                r#"named -g -c "$1" & read -r _; kill -9 "$!"; rm -rf "$2""#,
                "named",
            ])
            .args([&file, &directory])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let named = Self {
            child,
            port,
            ipv6,
            directory,
        };
        for _ in 0..150 {
            if named.dig("example.test", "SOA").contains("root.example.test.") {
                return named;
            }
            sleep(Duration::from_millis(100));
        }
        let log = std::fs::read_to_string(named.directory.join("log")).unwrap_or_default();
        panic!("named does not serve; BIND 9 must be installed (Debian: bind9): {log}");
    }

    pub fn server(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The data that BIND's own `dig` sees, a line each, sorted.
    pub fn dig(&self, name: &str, kind: &str) -> String {
        let output = Command::new("dig")
            .args([
                "+short",
                "+time=2",
                "+tries=1",
                "@127.0.0.1",
                "-p",
                &self.port.to_string(),
                name,
                kind,
            ])
            .output()
            .expect("BIND 9's `dig` is installed (Debian: bind9-dnsutils)");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut lines: Vec<&str> = text.lines().filter(|line| !line.starts_with(";;")).collect();
        lines.sort_unstable();
        lines.join("\n")
    }

    /// Serial number of a zone: it moves with each real change.
    pub fn serial(&self, zone: &str) -> u32 {
        self.dig(zone, "SOA")
            .split_whitespace()
            .nth(2)
            .unwrap()
            .parse()
            .unwrap()
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// A port that is free for UDP and TCP just now.
pub fn free_port() -> u16 {
    loop {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = tcp.local_addr().unwrap().port();
        if UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
