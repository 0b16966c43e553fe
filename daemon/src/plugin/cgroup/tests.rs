use std::{
    os::unix::process::ExitStatusExt as _,
    process::{Command, Stdio},
};

use super::*;

const MOUNTS: &str = "\
29 1 0:25 / /proc rw shared:1 - proc proc rw
30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate
";

#[test]
fn the_own_cgroup_is_found_through_the_mount() {
    let find = |memberships, mounts: &str| own_directory(memberships, mounts);
    assert_eq!(
        find("1:name=systemd:/x\n0::/system.slice/dns01d.service\n", MOUNTS).unwrap(),
        Path::new("/sys/fs/cgroup/system.slice/dns01d.service")
    );
    let part = MOUNTS.replace(" / /sys", " /machine /sys");
    assert_eq!(
        find("0::/machine/dns01d\n", &part).unwrap(),
        Path::new("/sys/fs/cgroup/dns01d")
    );
    assert_eq!(find("0::/elsewhere\n", &part), None);
    assert_eq!(find("8:pids:/x\n", MOUNTS), None);
    assert_eq!(find("0::/x\n", MOUNTS.lines().next().unwrap()), None);
}

/// Plain files in the place of the kernel's.
fn hierarchy(members: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("cgroup.controllers"), "cpu memory pids\n").unwrap();
    fs::write(directory.path().join("cgroup.procs"), members).unwrap();
    directory
}

fn content(file: impl AsRef<Path>) -> String {
    fs::read_to_string(file).unwrap()
}

#[test]
fn the_daemon_moves_into_a_leaf_and_each_plugin_gets_its_limits() {
    let directory = hierarchy(&format!("{}\n", own_number()));
    let root = directory.path();
    let delegation = Delegation::prepare(root.to_owned()).unwrap();
    assert_eq!(content(root.join("daemon/cgroup.procs")), own_number());
    assert_eq!(content(root.join("cgroup.subtree_control")), "+pids +memory");
    let cgroup = delegation.cgroup(1 << 20).unwrap();
    let place = cgroup.directory.clone();
    assert_eq!(place.parent(), Some(root));
    cgroup.admit(4711).unwrap();
    assert_eq!(content(place.join("pids.max")), "256");
    assert_eq!(content(place.join("memory.max")), (2 << 20).to_string());
    assert!(!place.join("memory.swap.max").exists(), "a kernel without swap");
    assert_eq!(content(place.join("cgroup.procs")), "4711");
    drop(cgroup);
    assert_eq!(content(place.join("cgroup.kill")), "1");
}

#[test]
fn no_number_comes_twice_also_from_two_delegations() {
    let directory = hierarchy("");
    let [one, other] = [(), ()].map(|()| Delegation::prepare(directory.path().to_owned()).unwrap());
    let cgroups = [&one, &other, &one].map(|delegation| delegation.cgroup(1).unwrap().directory.clone());
    assert!(
        cgroups[0] != cgroups[1] && cgroups[1] != cgroups[2],
        "{cgroups:?}"
    );
}

/// The kernel lets an empty one be removed: so is the one whose process has not been admitted yet.
#[test]
fn a_start_removes_what_is_done_with_and_nothing_else() {
    let directory = hierarchy("");
    let root = directory.path();
    let delegation = Delegation::prepare(root.to_owned()).unwrap();
    let newborn = root.join(format!("{PLUGIN}{}-newborn", own_number()));
    fs::create_dir(&newborn).unwrap();
    let done = delegation.cgroup(1).unwrap();
    let place = done.directory.clone();
    drop(done);
    assert!(
        place.exists(),
        "files in it stand for a process that has not ended"
    );
    for file in fs::read_dir(&place).unwrap() {
        fs::remove_file(file.unwrap().path()).unwrap();
    }
    let _next = delegation.cgroup(1).unwrap();
    assert!(!place.exists(), "it is empty now");
    assert!(newborn.exists(), "it is another's");
    assert!(delegation.retired.lock().is_empty());
}

#[test]
fn processes_that_the_daemon_did_not_start_are_not_moved() {
    let parent = std::os::unix::process::parent_id();
    let directory = hierarchy(&format!("{}\n{parent}\n", own_number()));
    let error = Delegation::prepare(directory.path().to_owned()).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains(&format!("did not start ({parent})")) && text.contains("a cgroup of its own"),
        "{text}"
    );
    assert!(!directory.path().join("daemon/cgroup.procs").exists());
    assert!(!directory.path().join("cgroup.subtree_control").exists());
}

#[test]
fn leftovers_of_a_dead_daemon_are_ended_and_those_of_a_living_one_are_not() {
    let directory = hierarchy("");
    let root = directory.path();
    let leaf = root.join(OWN);
    fs::create_dir(&leaf).unwrap();
    fs::write(leaf.join("cgroup.procs"), "17\n").unwrap();
    // its number came again, as in a container; of one that is gone; of one whose hook started this
    let names = [
        format!("plugin-{}-0", own_number()),
        "plugin-16-3".into(),
        "plugin-17-0".into(),
    ];
    for name in &names {
        fs::create_dir(root.join(name)).unwrap();
    }
    let delegation = Delegation::prepare(root.to_owned()).unwrap();
    let [same, dead, living] = names.map(|name| root.join(name));
    for ended in [&same, &dead] {
        assert_eq!(content(ended.join("cgroup.kill")), "1");
    }
    assert!(!living.join("cgroup.kill").exists());
    assert_eq!(delegation.retired.lock().len(), 2, "removed when they are empty");
}

#[test]
fn a_cgroup_that_cannot_limit_is_none() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("cgroup.controllers"), "memory hugetlb\n").unwrap();
    let error = Delegation::prepare(directory.path().to_owned()).unwrap_err();
    assert!(error.to_string().ends_with("has no controller `pids`"), "{error}");
    assert!(!directory.path().join(OWN).exists(), "nothing was changed");
}

/// In the kernel's own hierarchy, where root may make a cgroup; who is not root sees that he is refused.
#[test]
fn everything_in_a_cgroup_is_killed_with_it_also_what_left_its_process_group() {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let root = own_directory("0::/\n", &mounts).expect("a kernel with cgroup v2");
    let directory = root.join(format!("dns01d-test-{}", std::process::id()));
    if !rustix::process::geteuid().is_root() {
        assert!(fs::create_dir(&directory).is_err());
        return;
    }
    fs::create_dir(&directory).unwrap();
    assert!(!is_delegated(&directory), "made by root is not given to root");
    rustix::fs::setxattr(&directory, "user.delegate", b"1", rustix::fs::XattrFlags::CREATE).unwrap();
    assert!(is_delegated(&directory));
    let retired = Retired::default();
    let cgroup = Cgroup {
        directory: directory.clone(),
        retired: Arc::clone(&retired),
    };
    let mut child = Command::new("sh")
        .args(["-c", "read -r go; setsid sleep 4901 & sleep 4901"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    cgroup.admit(child.id()).unwrap();
    // only now may it start others, as a plugin host waits for its first message
    drop(child.stdin.take());
    let members = || fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
    while members().lines().count() < 3 {
        std::thread::yield_now();
    }
    drop(cgroup);
    assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
    while !members().is_empty() {
        std::thread::yield_now();
    }
    retired.lock().retain(|directory| !is_removed(directory));
    assert!(!directory.exists());
}
