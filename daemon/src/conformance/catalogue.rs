//! Every promise that is checked: its rule in the header, and what an author does about a broken one.

/// A promise of the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Check {
    /// Nobody else can change it, and it is a shared library for this machine.
    File,
    /// Nothing but the entry is exported.
    Exports,
    /// No segment is writable and executable.
    Segments,
    /// It loads, its tables are sound, and it opens.
    Load,
    /// Structs of other minors are respected.
    Structs,
    /// A missing option is named.
    Missing,
    /// An option that it does not know is named.
    Unknown,
    /// A malformed option is named.
    Malformed,
    /// The instance's properties make sense.
    Info,
    /// `check` changes nothing.
    DryRun,
    /// A record comes and goes.
    Publish,
    /// Two values at one name.
    Pair,
    /// Values of others stay.
    Foreign,
    /// Doing it again changes nothing.
    Again,
    /// The zone's own name.
    Apex,
    /// A delegated zone.
    Subzone,
    /// A hint that is empty or wrong.
    Hint,
    /// A label of 63 octets.
    Label,
    /// A value of more than 255 bytes.
    Long,
    /// As many records as it takes at once.
    Full,
    /// One bad record among good ones.
    Mixed,
    /// Calls that overlap.
    Overlap,
    /// A name outside of every zone.
    Outside,
    /// Credentials that are wrong.
    Credentials,
    /// A call with no time.
    Deadline,
    /// A call that is cancelled.
    Cancel,
    /// Removal in a new process, with the handle.
    CrashHandle,
    /// Removal in a new process, without the handle.
    CrashLost,
    /// Memory after many rounds.
    Memory,
    /// Descriptors after many rounds.
    Descriptors,
    /// Threads after many rounds.
    Threads,
    /// No secret is said.
    Secrets,
    /// No file is written.
    Writes,
    /// Nothing is left in the zone.
    Clean,
}

/// Checks that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// The file on disk.
    File,
    /// Loading it.
    Load,
    /// Options and properties.
    Options,
    /// Single records.
    Records,
    /// Several records and calls at once.
    Batches,
    /// What it refuses.
    Errors,
    /// Deadlines and cancellation.
    Time,
    /// Lost processes.
    Crash,
    /// What adds up.
    Growth,
    /// What it leaves: secrets, files, records.
    Traces,
}

/// All of them, in the order in which they run.
pub const CATALOGUE: &[Check] = &[
    Check::File,
    Check::Exports,
    Check::Segments,
    Check::Load,
    Check::Structs,
    Check::Missing,
    Check::Unknown,
    Check::Malformed,
    Check::Info,
    Check::DryRun,
    Check::Publish,
    Check::Pair,
    Check::Foreign,
    Check::Again,
    Check::Apex,
    Check::Subzone,
    Check::Hint,
    Check::Label,
    Check::Long,
    Check::Full,
    Check::Mixed,
    Check::Overlap,
    Check::Outside,
    Check::Credentials,
    Check::Deadline,
    Check::Cancel,
    Check::CrashHandle,
    Check::CrashLost,
    Check::Memory,
    Check::Descriptors,
    Check::Threads,
    Check::Writes,
    Check::Secrets,
    Check::Clean,
];

/// What is written of each check.
struct Entry {
    id: &'static str,
    group: Group,
    rule: &'static str,
    promise: &'static str,
    advice: &'static str,
}

impl Check {
    /// For `--only` and for programs.
    pub fn id(self) -> &'static str {
        self.entry().id
    }

    /// What it belongs to.
    pub fn group(self) -> Group {
        self.entry().group
    }

    /// Where the header says so: a rule's number, or a declaration.
    pub fn rule(self) -> &'static str {
        self.entry().rule
    }

    /// What the header asks for.
    pub fn promise(self) -> &'static str {
        self.entry().promise
    }

    /// What an author does about a failure.
    pub fn advice(self) -> &'static str {
        self.entry().advice
    }

    fn entry(self) -> Entry {
        let (id, group, rule, promise, advice) = match self {
            Check::File => (
                "file",
                Group::File,
                "B1",
                "a shared library for this machine that nobody but root and the daemon's user can change",
                "install it owned by root, with mode 644, in directories that only root can write to",
            ),
            Check::Exports => (
                "exports",
                Group::File,
                "B2",
                "nothing is exported but dns01_plugin_v1",
                "build with -fvisibility=hidden, or link with a version script that keeps everything else local",
            ),
            Check::Segments => (
                "segments",
                Group::File,
                "B1",
                "no memory is writable and executable at once, and the code needs no relocations",
                "compile with -fPIC; link with -Wl,-z,noexecstack (assembly files need a .note.GNU-stack section)",
            ),
            Check::Load => (
                "load",
                Group::Load,
                "B1, M4, T5",
                "it loads with every symbol resolved, its tables are sound, and it opens with the options given",
                "link with -Wl,-z,defs; let dns01_plugin_v1 return a static table and do nothing else; compare the \
                 options given with what it wants",
            ),
            Check::Structs => (
                "structs",
                Group::Load,
                "S2",
                "only fields inside of struct_size are touched, in structs and buffers of any size that the host \
                 may have",
                "write the fields of a result one by one, never the whole struct; compare struct_size with \
                 nothing but through DNS01_HAS; keep to message_cap and handle_cap",
            ),
            Check::Missing => (
                "missing-option",
                Group::Options,
                "DNS01_OPT_REQUIRED",
                "open() without a required option returns DNS01_E_CONFIG and names the option",
                "look at each required option in open() and put its key into error->message",
            ),
            Check::Unknown => (
                "unknown-option",
                Group::Options,
                "DNS01_E_CONFIG",
                "open() with an option that it does not know ignores it, or returns DNS01_E_CONFIG and names it",
                "compare keys as text, over their whole length",
            ),
            Check::Malformed => (
                "malformed-option",
                Group::Options,
                "DNS01_E_CONFIG",
                "open() with a value that cannot be read returns DNS01_E_CONFIG and names the option",
                "check that the whole text was read (strtoll: end, range) and put the key into error->message",
            ),
            Check::Info => (
                "info",
                Group::Options,
                "dns01_instance_info",
                "the properties make sense and do not change",
                "let info() return constants of the instance",
            ),
            Check::DryRun => (
                "dry-run",
                Group::Options,
                "dns01_plugin.check",
                "check() accepts good credentials and names, and changes nothing",
                "ask what may be written instead of writing it",
            ),
            Check::Publish => (
                "publish",
                Group::Records,
                "present, remove",
                "a presented record is shown by every authoritative server, and gone after its removal",
                "return success only when the provider has accepted the change; NO_CHANGE only when it was so before",
            ),
            Check::Pair => (
                "two-values",
                Group::Records,
                "present",
                "two values stand at one name: example.com and *.example.com are proven at the same time",
                "add values instead of setting them, or set max_values_per_name = 1",
            ),
            Check::Foreign => (
                "foreign-values",
                Group::Records,
                "present, remove",
                "present() keeps every other value of the name, remove() takes exactly its own",
                "read the values, change the set and write it back, or use the provider's way to append and delete \
                 one value",
            ),
            Check::Again => (
                "again",
                Group::Records,
                "present, remove",
                "a value that is there already, or gone already, is success",
                "treat \"exists\" and \"not found\" as DNS01_OK with DNS01_RESULT_NO_CHANGE",
            ),
            Check::Apex => (
                "apex",
                Group::Records,
                "present, remove",
                "the zone's own name and its wildcard can be proven",
                "take care where the name below the zone is cut off: _acme-challenge alone is left here",
            ),
            Check::Subzone => (
                "subzone",
                Group::Records,
                "dns01_record.zone",
                "a record of a delegated zone is written into that zone, not into its parent",
                "take the longest zone that encloses the name",
            ),
            Check::Hint => (
                "zone-hint",
                Group::Records,
                "dns01_record.zone",
                "the zone is a hint: without it the record is written all the same; a wrong one harms nobody",
                "find the zone by walking up from the name; use the hint to save that when it fits",
            ),
            Check::Label => (
                "long-label",
                Group::Records,
                "dns01_record.fqdn",
                "labels have up to 63 octets",
                "do not put names into buffers of fixed size",
            ),
            Check::Long => (
                "long-value",
                Group::Records,
                "dns01_record.value",
                "a value over 255 bytes is split into strings of 255 bytes",
                "split it where DNS data is made; or leave DNS01_KIND_PERSIST out of `kinds`",
            ),
            Check::Full => (
                "full-batch",
                Group::Batches,
                "dns01_batch_fn, max_batch",
                "a call with max_batch records has an outcome for each",
                "set max_batch to what one call of the provider takes",
            ),
            Check::Mixed => (
                "mixed-batch",
                Group::Batches,
                "dns01_batch_fn, ATOMIC_BATCH",
                "a bad record gets its own error; the good ones beside it succeed, or all are refused",
                "give each record its own status; return DNS01_OK when every record has one",
            ),
            Check::Overlap => (
                "overlap",
                Group::Batches,
                "T1, DNS01_CAP_CONCURRENT",
                "calls that overlap do not disturb each other",
                "guard what calls share, or leave DNS01_CAP_CONCURRENT out",
            ),
            Check::Outside => (
                "outside",
                Group::Errors,
                "status codes",
                "a name for which there is no zone is an error that a person must act on (2xx), not a temporary one",
                "return DNS01_E_ZONE_NOT_FOUND when no zone encloses the name",
            ),
            Check::Credentials => (
                "credentials",
                Group::Errors,
                "DNS01_E_AUTH",
                "wrong credentials are an error that a person must act on (2xx), not a temporary one",
                "map the provider's 401 and 403 to DNS01_E_AUTH",
            ),
            Check::Deadline => (
                "deadline",
                Group::Time,
                "C1, DNS01_CAP_CANCELS",
                "a call ends when its time is over",
                "bound every network operation by call->timeout_ms",
            ),
            Check::Cancel => (
                "cancel",
                Group::Time,
                "C2, DNS01_CAP_CANCELS",
                "a cancelled call returns within two seconds and says what is known",
                "poll cancel_fd beside the socket; return DNS01_E_CANCELLED, or leave DNS01_CAP_CANCELS out",
            ),
            Check::CrashHandle => (
                "new-process",
                Group::Crash,
                "C3, STATELESS_REMOVE",
                "a record of a killed process is removed by a new one that has the handle",
                "keep what remove() needs in the handle, or leave DNS01_CAP_STATELESS_REMOVE out",
            ),
            Check::CrashLost => (
                "lost-handle",
                Group::Crash,
                "C3, STATELESS_REMOVE",
                "a record of a killed process is removed by a new one that has no handle",
                "find the record by its name and value, or leave DNS01_CAP_STATELESS_REMOVE out",
            ),
            Check::Memory => (
                "memory",
                Group::Growth,
                "M1, close",
                "memory does not grow over many openings and calls",
                "free what open() made in close(), and what a call made before it returns",
            ),
            Check::Descriptors => (
                "descriptors",
                Group::Growth,
                "close",
                "open files and connections do not add up over many openings and calls",
                "close connections in close(), also on the ways that end in an error",
            ),
            Check::Threads => (
                "threads",
                Group::Growth,
                "T3, close",
                "threads do not add up over many openings and calls",
                "end the threads of an instance in close()",
            ),
            Check::Secrets => (
                "secrets",
                Group::Traces,
                "X1",
                "no secret is in a log line, on standard output, in a message or in a handle",
                "leave the request's headers and body out of what you print; name the option instead",
            ),
            Check::Writes => (
                "no-files",
                Group::Traces,
                "X3",
                "nothing is kept but through state_put",
                "keep what must last with host->state_put",
            ),
            Check::Clean => (
                "clean",
                Group::Traces,
                "remove",
                "nothing of this test is left in the zone",
                "remove by hand what is listed, then mend remove()",
            ),
        };
        Entry {
            id,
            group,
            rule,
            promise,
            advice,
        }
    }
}

impl Group {
    /// For headings and `--only`.
    pub fn as_str(self) -> &'static str {
        match self {
            Group::File => "file",
            Group::Load => "load",
            Group::Options => "options",
            Group::Records => "records",
            Group::Batches => "batches",
            Group::Errors => "errors",
            Group::Time => "time",
            Group::Crash => "crash",
            Group::Growth => "growth",
            Group::Traces => "traces",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_check_has_a_name_of_its_own() {
        let mut seen = HashSet::new();
        for check in CATALOGUE {
            assert!(seen.insert(check.id()), "{check:?}");
            // `--only load` may mean the group whose only other check is `structs`
            let group = CATALOGUE
                .iter()
                .find(|other| other.group().as_str() == check.id());
            assert!(
                group.is_none_or(|other| other.group() == check.group()),
                "{check:?} is named as the group {:?}",
                group.map(|other| other.group())
            );
        }
    }
}
