//! What both clients share: what they are asked for, and the DNS, which they write by nsupdate.

use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Whatever goes wrong ends the program, and its test with it.
pub type Failure = Box<dyn Error + Send + Sync>;

/// From the command line: `DIRECTORY-URL ROOT-PEM DNS-ADDRESS TSIG-KEY-FILE ZONE OUTPUT-DIRECTORY NAME...`
pub struct Errand {
    pub directory_url: String,
    /// What to trust of the CA's own server.
    pub root: PathBuf,
    dns: String,
    tsig: PathBuf,
    zone: String,
    out: PathBuf,
    pub names: Vec<String>,
}

impl Errand {
    pub fn from_command_line() -> Result<Self, Failure> {
        let mut arguments = std::env::args().skip(1);
        let mut next = |what: &str| arguments.next().ok_or(format!("{what} is missing"));
        Ok(Errand {
            directory_url: next("the directory's URL")?,
            root: next("the root")?.into(),
            dns: next("the DNS server's address")?,
            tsig: next("the TSIG key's file")?.into(),
            zone: next("the zone")?,
            out: next("the output directory")?.into(),
            names: arguments.collect(),
        })
    }

    /// Adds a value for the name's challenge.
    pub fn publish(&self, name: &str, value: &str) -> Result<(), Failure> {
        self.update(&format!(
            "update add _acme-challenge.{}. 60 TXT \"{value}\"",
            base(name)
        ))
    }

    /// Takes every value away again.
    pub fn withdraw(&self) -> Result<(), Failure> {
        for name in &self.names {
            self.update(&format!("update delete _acme-challenge.{}. TXT", base(name)))?;
        }
        Ok(())
    }

    pub fn write(&self, file: &str, content: impl AsRef<[u8]>) -> Result<(), Failure> {
        Ok(std::fs::write(Path::new(&self.out).join(file), content)?)
    }

    fn update(&self, line: &str) -> Result<(), Failure> {
        let (address, port) = self
            .dns
            .rsplit_once(':')
            .ok_or("the DNS server's address has no port")?;
        let mut nsupdate = Command::new("nsupdate")
            .arg("-k")
            .arg(&self.tsig)
            .stdin(Stdio::piped())
            .spawn()?;
        if let Some(mut script) = nsupdate.stdin.take() {
            write!(
                script,
                "server {address} {port}\nzone {}\n{line}\nsend\n",
                self.zone
            )?;
        }
        if nsupdate.wait()?.success() {
            Ok(())
        } else {
            Err(format!("nsupdate refused: {line}").into())
        }
    }
}

fn base(name: &str) -> &str {
    name.strip_prefix("*.").unwrap_or(name)
}
