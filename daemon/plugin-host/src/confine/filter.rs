//! Which system calls the process may make: seccomp.
//!
//! A list of what is refused and not of what is allowed: plugins bring language runtimes that nobody here
//! has seen. It covers what Landlock leaves open (signals, local sockets, metadata of files, other
//! processes) and the kernel interfaces that most break-outs went through. Refused calls answer EPERM:
//! a library that merely tries sees an error and goes on.

use std::collections::BTreeMap;

use libc::*;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompFilter, SeccompRule, TargetArch, apply_filter, sock_filter,
};

use super::rules::{Number, Rules, When};

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: TargetArch = TargetArch::x86_64;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: TargetArch = TargetArch::aarch64;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("the system call filter was written and tested for x86_64 and aarch64 only");

// the same on every architecture, and newer than the libc crate everywhere
const SYS_FCHMODAT2: Number = 452;
const SYS_SETXATTRAT: Number = 463;
const SYS_REMOVEXATTRAT: Number = 466;
const SYS_OPEN_TREE_ATTR: Number = 467;
const SYS_FILE_SETATTR: Number = 469;

// of <sys/ioctl.h>: types input for a terminal, makes a process the receiver of SIGIO
const IOCTL_TIOCSTI: u32 = 0x5412;
const IOCTL_TIOCLINUX: u32 = 0x541c;
const IOCTL_FIOSETOWN: u32 = 0x8901;
const IOCTL_SIOCSPGRP: u32 = 0x8902;

/// What the filter leaves open.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Sockets to other machines.
    pub network: bool,
    /// Programs.
    pub exec: bool,
    /// Signals to other processes: something else keeps them inside.
    pub signals: bool,
}

/// Why there is no filter.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A rule that the compiler refuses.
    #[error("{0}")]
    Rule(#[from] seccompiler::BackendError),
    /// The kernel has no seccomp, or forbids it.
    #[error("{0}")]
    Kernel(#[from] seccompiler::Error),
}

/// Installs the filter on this thread and all that it will start.
///
/// # Errors
/// When the kernel has no seccomp filters.
pub fn install(policy: &Policy) -> Result<(), Error> {
    for program in programs(policy, rustix::process::getpid().as_raw_nonzero().get() as u32)? {
        apply_filter(&program)?;
    }
    Ok(())
}

fn programs(policy: &Policy, own: u32) -> Result<Vec<BpfProgram>, Error> {
    let mut refused = Rules::default();
    processes(&mut refused, policy, own)?;
    sockets(&mut refused, policy)?;
    files(&mut refused)?;
    memory(&mut refused)?;
    kernel(&mut refused)?;

    // "not there" and not "not allowed": callers fall back to the call that can be judged, because these
    // two keep their flags in memory where no filter can look
    let mut absent = Rules::default();
    absent.refuse(&[SYS_clone3, SYS_openat2]);

    let mut programs = vec![compile(refused.0, EPERM)?, compile(absent.0, ENOSYS)?];
    programs.extend(foreign_numbers());
    Ok(programs)
}

fn compile(rules: BTreeMap<Number, Vec<SeccompRule>>, errno: i32) -> Result<BpfProgram, Error> {
    let answer = SeccompAction::Errno(errno as u32);
    Ok(SeccompFilter::new(rules, SeccompAction::Allow, answer, ARCHITECTURE)?.try_into()?)
}

/// Signals, other processes, new processes.
fn processes(rules: &mut Rules, policy: &Policy, own: u32) -> Result<(), Error> {
    if !policy.signals {
        // to itself they stay: abort() is tgkill
        for call in [SYS_kill, SYS_tgkill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo] {
            rules.refuse_when(call, &[When::Not(0, own)])?;
        }
        rules.refuse(&[SYS_tkill, SYS_pidfd_send_signal]);
    }
    // signals by way of descriptors: their owner can be any process of the same user
    for command in [F_SETOWN, 15 /* F_SETOWN_EX */, 10 /* F_SETSIG */] {
        rules.refuse_when(SYS_fcntl, &[When::Is(1, command as u32)])?;
    }
    for request in [IOCTL_FIOSETOWN, IOCTL_SIOCSPGRP, IOCTL_TIOCSTI, IOCTL_TIOCLINUX] {
        rules.refuse_when(SYS_ioctl, &[When::Is(1, request)])?;
    }
    rules.refuse(&[
        SYS_ptrace,
        SYS_process_vm_readv,
        SYS_process_vm_writev,
        SYS_process_madvise,
        SYS_process_mrelease,
        SYS_pidfd_getfd,
        SYS_kcmp,
        SYS_migrate_pages,
        SYS_move_pages,
        SYS_ioprio_set,
        // the process group is what the daemon kills: nothing may leave it
        SYS_setsid,
        SYS_setpgid,
        SYS_unshare,
        SYS_setns,
    ]);
    // limits and scheduling of others
    rules.refuse_when(SYS_prlimit64, &[When::Not(0, 0), When::Not(0, own)])?;
    for call in [
        SYS_sched_setaffinity,
        SYS_sched_setattr,
        SYS_sched_setparam,
        SYS_sched_setscheduler,
    ] {
        rules.refuse_when(call, &[When::Not(0, 0), When::Not(0, own)])?;
    }
    rules.refuse_when(SYS_setpriority, &[When::Not(1, 0)])?;
    // what confine::process did is not undone
    rules.refuse_when(SYS_prctl, &[When::Is(0, PR_SET_DUMPABLE as u32)])?;
    rules.refuse_when(SYS_prctl, &[When::Is(0, PR_SET_PDEATHSIG as u32)])?;

    if policy.exec {
        for space in [
            CLONE_NEWUSER,
            CLONE_NEWNS,
            CLONE_NEWPID,
            CLONE_NEWNET,
            CLONE_NEWIPC,
            CLONE_NEWUTS,
            CLONE_NEWCGROUP,
        ] {
            rules.refuse_when(SYS_clone, &[When::Bits(0, space as u32, space as u32)])?;
        }
    } else {
        rules.refuse(&[SYS_execve, SYS_execveat]);
        #[cfg(target_arch = "x86_64")]
        rules.refuse(&[SYS_fork, SYS_vfork]);
        rules.refuse_when(SYS_clone, &[When::Bits(0, CLONE_THREAD as u32, 0)])?;
    }
    Ok(())
}

/// The internet, and the netlink route socket by which libc learns which addresses there are. Local
/// sockets lead to the daemon and to every privileged service of the machine; socketpair stays.
fn sockets(rules: &mut Rules, policy: &Policy) -> Result<(), Error> {
    if !policy.network {
        rules.refuse(&[SYS_socket]);
        return Ok(());
    }
    let families = [AF_INET, AF_INET6, AF_NETLINK].map(|family| When::Not(0, family as u32));
    rules.refuse_when(SYS_socket, &families)?;
    rules.refuse_when(
        SYS_socket,
        &[When::Is(0, AF_NETLINK as u32), When::Not(2, NETLINK_ROUTE as u32)],
    )?;
    Ok(())
}

/// Landlock has no say over metadata, and before version 3 (Linux 6.2) none over truncation.
fn files(rules: &mut Rules) -> Result<(), Error> {
    rules.refuse(&[
        SYS_fchmod,
        SYS_fchmodat,
        SYS_FCHMODAT2,
        SYS_fchown,
        SYS_fchownat,
        SYS_utimensat,
        SYS_setxattr,
        SYS_lsetxattr,
        SYS_fsetxattr,
        SYS_SETXATTRAT,
        SYS_removexattr,
        SYS_lremovexattr,
        SYS_fremovexattr,
        SYS_REMOVEXATTRAT,
        SYS_FILE_SETATTR,
        SYS_truncate,
    ]);
    #[cfg(target_arch = "x86_64")]
    rules.refuse(&[
        SYS_chmod,
        SYS_chown,
        SYS_lchown,
        SYS_utime,
        SYS_utimes,
        SYS_futimesat,
        SYS_creat,
    ]);
    // an open that truncates asks old Landlock only for the rights of its access mode
    for mode in [O_RDONLY, O_ACCMODE] {
        let truncates = |flags| When::Bits(flags, (O_ACCMODE | O_TRUNC) as u32, (mode | O_TRUNC) as u32);
        rules.refuse_when(SYS_openat, &[truncates(2)])?;
        #[cfg(target_arch = "x86_64")]
        rules.refuse_when(SYS_open, &[truncates(1)])?;
    }
    Ok(())
}

/// Memory that RLIMIT_DATA does not count.
fn memory(rules: &mut Rules) -> Result<(), Error> {
    rules.refuse(&[
        SYS_memfd_create,
        SYS_memfd_secret,
        SYS_shmget,
        SYS_shmat,
        SYS_shmctl,
        SYS_msgget,
        SYS_semget,
        SYS_mq_open,
        SYS_mq_unlink,
    ]);
    const KIND: i32 = 0xf; // MAP_TYPE
    for kind in [MAP_SHARED, MAP_SHARED_VALIDATE] {
        let anonymous = When::Bits(3, (MAP_ANONYMOUS | KIND) as u32, (MAP_ANONYMOUS | kind) as u32);
        rules.refuse_when(SYS_mmap, &[anonymous])?;
    }
    rules.refuse_when(
        SYS_mmap,
        &[When::Bits(3, MAP_GROWSDOWN as u32, MAP_GROWSDOWN as u32)],
    )?;
    Ok(())
}

/// Parts of the kernel that no DNS client needs.
fn kernel(rules: &mut Rules) -> Result<(), Error> {
    rules.refuse(&[
        SYS_io_uring_setup,
        SYS_io_uring_enter,
        SYS_io_uring_register,
        SYS_bpf,
        SYS_perf_event_open,
        SYS_userfaultfd,
        SYS_add_key,
        SYS_request_key,
        SYS_keyctl,
        SYS_mount,
        SYS_umount2,
        SYS_pivot_root,
        SYS_move_mount,
        SYS_open_tree,
        SYS_OPEN_TREE_ATTR,
        SYS_fsopen,
        SYS_fsconfig,
        SYS_fsmount,
        SYS_fspick,
        SYS_mount_setattr,
        SYS_chroot,
        SYS_name_to_handle_at,
        SYS_open_by_handle_at,
        SYS_fanotify_init,
        SYS_quotactl,
        SYS_swapon,
        SYS_swapoff,
        SYS_acct,
        SYS_syslog,
        SYS_vhangup,
        SYS_reboot,
        SYS_kexec_load,
        SYS_init_module,
        SYS_finit_module,
        SYS_delete_module,
        SYS_sethostname,
        SYS_setdomainname,
        SYS_settimeofday,
        SYS_clock_settime,
    ]);
    #[cfg(target_arch = "x86_64")]
    rules.refuse(&[SYS_kexec_file_load, SYS_ioperm, SYS_iopl, SYS_modify_ldt]);
    #[cfg(target_arch = "aarch64")]
    rules.refuse(&[SYS_kexec_file_load]);
    // asking is free, changing (executable data, no address randomisation) is not
    rules.refuse_when(SYS_personality, &[When::Not(0, u32::MAX)])?;
    Ok(())
}

/// x32 calls carry other numbers under the same architecture word, past every rule above.
#[cfg(target_arch = "x86_64")]
fn foreign_numbers() -> Option<BpfProgram> {
    const X32: u32 = 0x4000_0000;
    let step = |code: u32, jt, jf, k| sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    };
    Some(vec![
        // offset 0 of seccomp_data is the number
        step(BPF_LD | BPF_W | BPF_ABS, 0, 0, 0),
        step(BPF_JMP | BPF_JGE | BPF_K, 0, 1, X32),
        step(BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | ENOSYS as u32),
        step(BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW),
    ])
}

#[cfg(not(target_arch = "x86_64"))]
fn foreign_numbers() -> Option<BpfProgram> {
    None
}
