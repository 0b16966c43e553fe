//! Which processes a process has started.

use std::{collections::HashSet, fs, path::PathBuf};

/// A process, what it has started, and what that has; as far as the kernel says.
///
/// The kernel's lists of children name also those that /proc hides from this user, which a search through
/// /proc for parents would miss: plugin hosts are hidden. What these have started themselves is not found.
pub fn descendants(process: u32) -> HashSet<u32> {
    let mut known = HashSet::from([process]);
    let mut open = vec![process];
    while let Some(process) = open.pop() {
        let children = children(process).into_iter().filter(|child| known.insert(*child));
        open.extend(children.collect::<Vec<_>>());
    }
    known
}

/// What the threads of a process have started.
fn children(process: u32) -> Vec<u32> {
    let threads = fs::read_dir(PathBuf::from(format!("/proc/{process}/task")));
    let threads = threads.into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| {
            let numbers = list.split_whitespace().filter_map(|number| number.parse().ok());
            numbers.collect::<Vec<_>>()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::{
        io::Read as _,
        process::{Command, Stdio},
    };

    use super::*;

    #[test]
    fn children_of_children_are_found_and_parents_are_not() {
        let mut child = Command::new("sh")
            .args(["-c", "cat & echo started; wait"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0; 8]).unwrap();
        let found = descendants(std::process::id());
        assert!(found.contains(&child.id()) && found.contains(&std::process::id()));
        assert!(!found.contains(&std::os::unix::process::parent_id()));
        let below = descendants(child.id());
        assert_eq!(below.len(), 2, "the shell and its cat");
        assert!(below.is_subset(&found));
        // its end of the pipe is all that cat waits for
        drop(child.stdin.take());
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
