//! The files of a new project. The provider in it is the complete example of its language under another
//! name, and so as well tested as that.

use std::path::Path;

use super::{Language, ProviderName};

/// The header, for the languages that have no crate.
const HEADER: &str = include_str!("../../../../../plugin-api/include/dns01_plugin.h");
/// The DNS host that the example speaks to.
const TINYHOST: &str = include_str!("../../../../../plugin-api/examples/tinyhost.py");
/// A host of plugins in C, for the tests of C and Go.
const HOST: &str = include_str!("templates/host.c");
/// The width in which the example is written.
const RUSTFMT: &str = include_str!("../../../../../rustfmt.toml");
const README: &str = include_str!("templates/README.md");
const IGNORED: &str = include_str!("templates/gitignore");
/// The examples, under their own name.
const RUST: &str = include_str!("../../../../../plugin-api/examples/tinyhost.rs");
const C: &str = include_str!("../../../../../plugin-api/examples/tinyhost.c");
const GO: [(&str, &str); 6] = [
    (
        "main.go",
        include_str!("../../../../../plugin-api/examples/tinyhost-go/main.go"),
    ),
    (
        "api.go",
        include_str!("../../../../../plugin-api/examples/tinyhost-go/api.go"),
    ),
    (
        "plugin.c",
        include_str!("../../../../../plugin-api/examples/tinyhost-go/plugin.c"),
    ),
    (
        "plugin.h",
        include_str!("../../../../../plugin-api/examples/tinyhost-go/plugin.h"),
    ),
    (
        "go.mod",
        include_str!("../../../../../plugin-api/examples/tinyhost-go/go.mod"),
    ),
    (
        "exports.map",
        include_str!("../../../../../plugin-api/examples/tinyhost-go/exports.map"),
    ),
];

/// A file, relative to the project.
#[derive(Debug)]
pub struct File {
    /// Where.
    pub path: String,
    /// What.
    pub text: String,
}

/// A project, and what to do with it.
#[derive(Debug)]
pub struct Project {
    /// Everything that is written.
    pub files: Vec<File>,
    /// The command that makes the library.
    pub build: &'static str,
    /// The command that runs its tests.
    pub test: &'static str,
    /// The library, relative to the project.
    pub library: String,
}

impl Project {
    /// A provider `name`; `plugin_api` is where the crate lies, if it is not the published one.
    pub fn new(name: &ProviderName, language: Language, plugin_api: Option<&Path>) -> Self {
        let word = name.word();
        let (build, test, library) = match language {
            Language::Rust => ("cargo build --release", "cargo test", "target/release"),
            Language::C | Language::Go => ("make", "make test", "build"),
        };
        let mut project = Self {
            files: Vec::new(),
            build,
            test,
            library: format!("{library}/libdns01_{word}.so"),
        };
        let own = |text: &str| under_name(text, name);
        let fill = |text: &str| fill(text, &[("name", name.as_str()), ("word", &word)]);
        let files = match language {
            Language::Rust => {
                project.add("src/lib.rs", own(RUST));
                project.add(
                    "tests/provider.rs",
                    fill(include_str!("templates/rust/provider.rs")),
                );
                project.add("rustfmt.toml", RUSTFMT.to_owned());
                let manifest = fill(include_str!("templates/rust/Cargo.toml"));
                project.add(
                    "Cargo.toml",
                    manifest.replace("{{plugin-api}}", &dependency(plugin_api)),
                );
                include_str!("templates/rust/files.md")
            }
            Language::C => {
                project.add(&format!("{name}.c"), own(C));
                project.add("Makefile", fill(include_str!("templates/c/Makefile")));
                include_str!("templates/c/files.md")
            }
            Language::Go => {
                for (path, text) in GO {
                    project.add(path, own(text));
                }
                project.add("api_test.go", fill(include_str!("templates/go/api_test.go")));
                project.add(
                    "library_test.go",
                    fill(include_str!("templates/go/library_test.go")),
                );
                project.add("Makefile", fill(include_str!("templates/go/Makefile")));
                include_str!("templates/go/files.md")
            }
        };
        if language != Language::Rust {
            project.add("include/dns01_plugin.h", HEADER.to_owned());
            project.add("tests/host.c", HOST.to_owned());
        }
        project.add("tests/tinyhost.py", TINYHOST.to_owned());
        project.add(".gitignore", IGNORED.to_owned());
        project.add("README.md", project.readme(name, language, &fill(files)));
        project
    }

    fn add(&mut self, path: &str, text: String) {
        self.files.push(File {
            path: path.to_owned(),
            text,
        });
    }

    fn readme(&self, name: &ProviderName, language: Language, files: &str) -> String {
        let (title, licence) = match language {
            Language::Rust => ("Rust", "`Cargo.toml`".to_owned()),
            Language::C => ("C", format!("`{name}.c`")),
            Language::Go => ("Go", "`plugin.c`".to_owned()),
        };
        let install = match language {
            Language::Rust => format!(
                "sudo install -D -m 644 {} /usr/local/lib/dns01d/plugins/libdns01_{}.so",
                self.library,
                name.word()
            ),
            Language::C | Language::Go => "sudo make install".to_owned(),
        };
        let values = [
            ("name", name.as_str()),
            ("language", title),
            ("build", self.build),
            ("test", self.test),
            ("built", &self.library),
            ("files", files),
            ("install", &install),
            ("licence", &licence),
        ];
        fill(README, &values)
    }
}

/// The dependency of a Rust project.
fn dependency(plugin_api: Option<&Path>) -> String {
    match plugin_api {
        // the crate has this program's version; any patch of its minor will do
        None => format!(
            "\"{}.{}\"",
            env!("CARGO_PKG_VERSION_MAJOR"),
            env!("CARGO_PKG_VERSION_MINOR")
        ),
        Some(path) => format!("{{ path = {:?} }}", path.display().to_string()),
    }
}

/// Replaces each `{{key}}`.
fn fill(text: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(text.to_owned(), |text, (key, value)| {
        text.replace(&format!("{{{{{key}}}}}"), value)
    })
}

/// The example under another name; the host that it speaks to keeps its own.
fn under_name(example: &str, name: &ProviderName) -> String {
    const HOST: &str = "tinyhost.py";
    const KEPT: &str = "\u{0}";
    example
        .replace(HOST, KEPT)
        .replace("TinyHost, of the examples", name.as_str())
        .replace("TinyHost", name.as_str())
        .replace("libdns01_tinyhost", &format!("libdns01_{}", name.word()))
        .replace("tinyhost", name.as_str())
        .replace(" -I${SRCDIR}/../../include", "")
        .replace(KEPT, HOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_template_is_left_over() {
        let name: ProviderName = "my-dns".parse().expect("a name");
        for language in [Language::Rust, Language::C, Language::Go] {
            let project = Project::new(&name, language, None);
            for File { path, text } in &project.files {
                let mut opened = text.split("{{").skip(1);
                let left = opened.find(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()));
                assert_eq!(left, None, "{path}");
                if !path.starts_with("tests/") {
                    let own = text.replace("tinyhost.py", "");
                    assert!(!own.to_lowercase().contains("tinyhost"), "{path}: {own}");
                }
            }
            assert!(project.library.ends_with("/libdns01_my_dns.so"));
        }
    }
}
