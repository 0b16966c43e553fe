//! The man pages and completions under `docs/` are those of the command line
//! that is built here. They are in the repository so that packagers have them
//! without running anything; `./dev generate` writes them anew.

use std::{collections::BTreeMap, fs, io, path::Path};

use clap::CommandFactory as _;
use clap_complete::{Generator, Shell};
use clap_mangen::Man;
use dns01d::{
    cli::{Arguments, DEFAULT_CONFIG},
    config::{DEFAULT_PLUGIN_DIRECTORIES, DEFAULT_PLUGIN_HOST, DEFAULT_SOCKET, DEFAULT_STATE_DIRECTORY},
    telemetry::LEVEL_VARIABLE,
};

/// Set by `./dev generate`.
const WRITE: &str = "DNS01D_GENERATE";

/// What the definition of the command line does not say.
fn sections() -> String {
    let [local, packaged] = DEFAULT_PLUGIN_DIRECTORIES;
    format!(
        r#".SH FILES
.TP
\fI{DEFAULT_CONFIG}\fR
The configuration. docs/operating.md describes every key.
.TP
\fI{DEFAULT_STATE_DIRECTORY}\fR
The store, account keys and, unless the configuration says otherwise, the certificates:
\fIcertificates/NAME/live\fR holds key.pem, cert.pem, chain.pem and fullchain.pem.
.TP
\fI{DEFAULT_SOCKET}\fR
The control socket, which status, renew, reload, provider check and provider setup use.
.TP
\fI{local}\fR, \fI{packaged}\fR
Provider plugins, libdns01_NAME.so; the first directory wins.
.TP
\fI{DEFAULT_PLUGIN_HOST}\fR
Loads one plugin, confined.
.SH ENVIRONMENT
.TP
\fBDNS01D_CONFIG\fR
As \fB\-\-config\fR.
.TP
\fBDNS01D_SOCKET\fR
As \fB\-\-socket\fR.
.TP
\fBDNS01D_PLUGIN_HOST\fR
As \fB\-\-plugin\-host\fR of provider list and provider show.
.TP
\fB{LEVEL_VARIABLE}\fR
Overrides log.level of the configuration, also per module: info,dns01d::acme=debug.
.TP
\fBNO_COLOR\fR
Output without colours.
.SH SIGNALS
.TP
\fBSIGHUP\fR
Reads the configuration again; one with faults is reported and not used.
.TP
\fBSIGTERM\fR, \fBSIGINT\fR
Ends the daemon. What is under way goes on at the next start.
.SH EXIT STATUS
.TP
0
It did what it was asked.
.TP
1
It failed; standard error says why.
.TP
2
The command line is wrong.
.TP
78
The configuration has faults (EX_CONFIG).
"#
    )
}

fn man_pages() -> io::Result<BTreeMap<String, Vec<u8>>> {
    let mut command = Arguments::command().disable_help_subcommand(true);
    command.build();
    let mut pages = BTreeMap::new();
    for subcommand in below(&command) {
        let man = manual(subcommand);
        let mut page = Vec::new();
        man.render(&mut page)?;
        page.extend_from_slice(b".SH SEE ALSO\n\\fBdns01d\\fR(1)\n");
        pages.insert(format!("man/{}", man.get_filename()), page);
    }
    let see_also: Vec<String> = pages
        .keys()
        .filter_map(|page| page.strip_prefix("man/")?.strip_suffix(".1"))
        .map(|page| format!("\\fB{}\\fR(1)", page.replace('-', "\\-")))
        .collect();
    let man = manual(command);
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_subcommands_section(&mut page)?;
    man.render_options_section(&mut page)?;
    page.extend_from_slice(sections().as_bytes());
    page.extend_from_slice(format!(".SH SEE ALSO\n{}\n", see_also.join(", ")).as_bytes());
    pages.insert(format!("man/{}", man.get_filename()), page);
    Ok(pages)
}

/// Every command below `command`, also those of subcommands.
fn below(command: &clap::Command) -> Vec<clap::Command> {
    let subcommands = command.get_subcommands();
    subcommands
        .flat_map(|one| std::iter::once(one.clone()).chain(below(one)))
        .collect()
}

fn manual(command: clap::Command) -> Man {
    Man::new(command)
        .source(concat!("dns01d ", env!("CARGO_PKG_VERSION")))
        .manual("dns01d manual")
}

fn completions() -> BTreeMap<String, Vec<u8>> {
    [Shell::Bash, Shell::Fish, Shell::Zsh]
        .into_iter()
        .map(|shell| {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "dns01d", &mut script);
            (format!("completions/{}", shell.file_name("dns01d")), script)
        })
        .collect()
}

#[test]
fn man_pages_and_completions_are_those_of_this_command_line() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let mut files = man_pages().expect("pages in memory");
    files.extend(completions());
    if std::env::var_os(WRITE).is_some() {
        for (name, content) in &files {
            let path = docs.join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
            fs::write(&path, content).expect("a file");
        }
    }
    for (name, content) in &files {
        let have = fs::read(docs.join(name)).unwrap_or_else(|error| panic!("docs/{name}: {error}"));
        assert!(
            have == *content,
            "docs/{name} is not that of this command line: run ./dev generate and commit it"
        );
    }
    for directory in ["man", "completions"] {
        for entry in fs::read_dir(docs.join(directory)).expect("a directory") {
            let file = entry.expect("an entry").file_name();
            let name = format!("{directory}/{}", file.to_str().expect("a name"));
            assert!(
                files.contains_key(&name),
                "docs/{name} belongs to no subcommand: remove it"
            );
        }
    }
}
