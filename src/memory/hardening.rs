//! What the process does to itself before it touches a secret.
//!
//! [`harden`] is the first call of `main`, for every verb and in the child that loads a vendor's
//! module: execve(2) makes a process dumpable again. [`lock_all`] is for the verbs that handle
//! secrets: what libraries copy lies in ordinary memory and must not reach a swap device.
//!
//! Not guaranteed: nothing here stops root, the kernel or a hypervisor, which may swap or snapshot us.
#![allow(unsafe_code, reason = "adjtimex has no safe form")]

use std::fs;
use std::io;
use std::path::Path;
use std::sync::OnceLock;

use rustix::{
    mm::{MlockAllFlags, mlockall},
    process::{
        DumpableBehavior, Resource, Rlimit, dumpable_behavior, geteuid, getrlimit, set_dumpable_behavior,
        setrlimit,
    },
    thread::{no_new_privs, set_no_new_privs},
};

/// Evidence that [`harden`] succeeded in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hardening(());

/// Why the process may not handle secrets.
#[derive(Debug, thiserror::Error)]
pub enum HardeningError {
    #[error("{call} failed: {source}")]
    Call {
        /// The call and its argument, as the manual names them.
        call: &'static str,
        source: io::Error,
    },
    /// The kernel took a setting, and does not show it.
    #[error("{0} was set, but is not in force")]
    NotInForce(&'static str),
    /// The kernel does not tell what swap is active.
    #[error(
        "what libraries copy of a secret could be written to swap: memory cannot be locked, and {SWAPS} cannot be read: {0}"
    )]
    SwapUnknown(#[source] io::Error),
    /// What libraries copy of a secret could be written to swap.
    #[error(
        "what libraries copy of a secret could be written to {}: memory cannot be locked under a limit of {limit} bytes",
        areas.join(", ")
    )]
    Swap {
        /// Swap devices and files, printable.
        areas: Vec<String>,
        /// RLIMIT_MEMLOCK in bytes, after raising it to the hard limit.
        limit: u64,
    },
}

impl HardeningError {
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Swap { .. } => "raise the limit of locked memory, or turn swap off (swapoff -a)",
            Self::SwapUnknown(_) => "mount /proc, or raise the limit of locked memory",
            Self::Call { .. } | Self::NotInForce(_) => "run on Linux without a filter of system calls",
        }
    }
}

/// How the limit of locked memory is raised, for each who may read it. Root sets it; an ordinary user cannot.
pub const RAISE_THE_LIMIT: [&str; 5] = [
    "in this shell: sudo prlimit --pid $$ --memlock=unlimited",
    "from the next login: '* - memlock unlimited' in /etc/security/limits.d/quorate.conf",
    "for a service: LimitMEMLOCK=infinity in its unit",
    "for one command: sudo systemd-run --pty --same-dir --uid=$USER -p LimitMEMLOCK=infinity quorate ...",
    "for a container: docker run --ulimit memlock=-1:-1 (podman takes the same)",
];

/// Which pages of this process can reach a swap device, and why not the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Residency {
    /// mlockall(2): CAP_IPC_LOCK in the initial user namespace, so that no limit applies.
    LockedByCapability,
    /// mlockall(2) under an unlimited or large RLIMIT_MEMLOCK.
    LockedWithinLimit,
    /// Only the pages of secrets are locked, and no swap was active when this was looked at.
    NoSwap,
    /// Only the pages of secrets are locked: what libraries copy of them can reach swap.
    SecretsOnly,
}

impl Residency {
    /// The name for the record of the environment.
    pub fn name(self) -> &'static str {
        match self {
            Self::LockedByCapability => "mlockall, by capability",
            Self::LockedWithinLimit => "mlockall, within the limit",
            Self::NoSwap => "no swap active",
            Self::SecretsOnly => "secrets' own pages only",
        }
    }
}

/// From this limit on, in bytes, locking all that will ever be mapped does not starve us: what is
/// counted is address space, and a vendor's module maps hundreds of megabytes.
const LARGE_LIMIT: u64 = 1 << 30;
/// CAP_IPC_LOCK of capabilities(7), as a bit of `CapEff`.
const CAP_IPC_LOCK: u64 = 1 << 14;
/// mlockall(2) locks each page from the moment that it is there: a page that was never touched has no secret in it,
/// and filling all of the address space at the start would cost time and memory for nothing.
const EACH_PAGE_THAT_IS_TOUCHED: MlockAllFlags =
    MlockAllFlags::CURRENT.union(MlockAllFlags::FUTURE).union(MlockAllFlags::ONFAULT);
const SWAPS: &str = "/proc/swaps";

static RESIDENCY: OnceLock<Residency> = OnceLock::new();

/// Makes the process leave no core dump, closed to ptrace(2) by other processes of its user, and
/// unable to gain privileges by execve(2); then reads each setting back.
///
/// Call it before there is a second thread: no_new_privs is a thread's own, and inherited by those
/// that it makes.
///
/// RLIMIT_CORE does not hold back a core that is piped to a program (core(5)); the dumpable flag does.
/// Both limits of RLIMIT_CORE and no_new_privs are inherited by children, the dumpable flag is not.
///
/// # Errors
/// [`HardeningError`]: the caller stops.
pub fn harden() -> Result<Hardening, HardeningError> {
    super::signals::survive_file_limit().map_err(call("sigaction(SIGXFSZ)"))?;
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, none).map_err(call("setrlimit(RLIMIT_CORE)"))?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(call("prctl(PR_SET_DUMPABLE)"))?;
    set_no_new_privs(true).map_err(call("prctl(PR_SET_NO_NEW_PRIVS)"))?;
    not_in_force().map_or(Ok(()), |setting| Err(HardeningError::NotInForce(setting)))?;
    Ok(Hardening(()))
}

/// Whether what [`harden`] sets is in force now, as the kernel tells.
pub fn is_hardened() -> bool {
    not_in_force().is_none()
}

/// The first setting of [`harden`] that the kernel does not show.
fn not_in_force() -> Option<&'static str> {
    if core_limit() != 0 {
        return Some("RLIMIT_CORE 0");
    }
    if dumpable_behavior() != Ok(DumpableBehavior::NotDumpable) {
        return Some("PR_SET_DUMPABLE 0");
    }
    (no_new_privs() != Ok(true)).then_some("PR_SET_NO_NEW_PRIVS 1")
}

/// Keeps all pages of the process, libraries' copies of secrets too, away from swap; call it before
/// the first secret.
///
/// Locks everything where that cannot make a later allocation fail; else is content with a machine
/// without swap, of which the operator is told in the record of the environment.
///
/// # Errors
/// [`HardeningError::Swap`] or [`HardeningError::SwapUnknown`]: only our own secrets are locked
/// ([`Residency::SecretsOnly`]), each in its page. Whether that is enough is for the caller to say: for a rehearsal it is,
/// and for a quorum whose policy does not require more.
pub fn lock_all() -> Result<Residency, HardeningError> {
    let found = find_residency();
    let residency = *RESIDENCY.get_or_init(|| *found.as_ref().unwrap_or(&Residency::SecretsOnly));
    found.map(|_| residency)
}

fn find_residency() -> Result<Residency, HardeningError> {
    let limit = raise_memlock_limit().map_err(call("setrlimit(RLIMIT_MEMLOCK)"))?;
    let lockable = if has_ipc_lock() {
        Some(Residency::LockedByCapability)
    } else if limit >= LARGE_LIMIT {
        Some(Residency::LockedWithinLimit)
    } else {
        None
    };
    // A refusal (a filter of system calls) leaves the question of swap.
    match lockable.filter(|_| mlockall(EACH_PAGE_THAT_IS_TOUCHED).is_ok()) {
        Some(locked) => Ok(locked),
        None => without_swap(&active_swap().map_err(HardeningError::SwapUnknown)?, limit),
    }
}

/// What [`lock_all`] found in this process, if it ran.
pub fn residency() -> Option<Residency> {
    RESIDENCY.get().copied()
}

/// The active swap devices and files, as the kernel lists them; none on a kernel without swap.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn active_swap() -> io::Result<Vec<String>> {
    match fs::read_to_string(SWAPS) {
        Ok(list) => Ok(swap_areas(&list)),
        Err(error) if error.kind() == io::ErrorKind::NotFound && Path::new("/proc/self/status").exists() => {
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    }
}

/// The soft RLIMIT_CORE in bytes; `u64::MAX` is unlimited.
pub fn core_limit() -> u64 {
    getrlimit(Resource::Core).current.unwrap_or(u64::MAX)
}

/// The soft RLIMIT_MEMLOCK in bytes; `u64::MAX` is unlimited.
pub fn memlock_limit() -> u64 {
    getrlimit(Resource::Memlock).current.unwrap_or(u64::MAX)
}

/// The effective user: the owner of what this process creates.
pub fn effective_user() -> u32 {
    geteuid().as_raw()
}

/// Whether the kernel says that its clock is synchronised to a reference (adjtimex(2), STA_UNSYNC
/// clear); `None` when it does not say. A station that is offline is not.
pub fn clock_synchronised() -> Option<bool> {
    // SAFETY: all-zero is a valid timex: integers, and modes 0 only reads.
    let mut clock: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a timex that outlives the call.
    let state = unsafe { libc::adjtimex(&raw mut clock) };
    (state >= 0).then_some(clock.status & libc::STA_UNSYNC == 0)
}

fn without_swap(areas: &[String], limit: u64) -> Result<Residency, HardeningError> {
    if areas.is_empty() {
        return Ok(Residency::NoSwap);
    }
    Err(HardeningError::Swap { areas: areas.to_vec(), limit })
}

/// The first column of each line after the heading; the kernel writes blanks in it as octal escapes.
fn swap_areas(list: &str) -> Vec<String> {
    let printable = |area: &str| area.chars().filter(|c| !c.is_control()).collect();
    list.lines().skip(1).filter_map(|line| line.split_whitespace().next()).map(printable).collect()
}

/// Whether this process is exempt from RLIMIT_MEMLOCK. The kernel asks for the capability in the
/// initial user namespace, so that one held in a container's does not count.
fn has_ipc_lock() -> bool {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    effective_capabilities(&read("/proc/self/status")) & CAP_IPC_LOCK != 0
        && is_initial_namespace(&read("/proc/self/uid_map"))
}

fn effective_capabilities(status: &str) -> u64 {
    let field = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    field.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(0)
}

/// The initial user namespace maps all 2³² - 1 ids to themselves (user_namespaces(7)).
fn is_initial_namespace(uid_map: &str) -> bool {
    uid_map.split_whitespace().eq(["0", "0", "4294967295"])
}

fn raise_memlock_limit() -> rustix::io::Result<u64> {
    let limit = getrlimit(Resource::Memlock);
    if limit.current != limit.maximum {
        setrlimit(Resource::Memlock, Rlimit { current: limit.maximum, ..limit })?;
    }
    Ok(memlock_limit())
}

fn call<E: Into<io::Error>>(name: &'static str) -> impl Fn(E) -> HardeningError {
    move |source| HardeningError::Call { call: name, source: source.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs `test` again in a process of its own, because what it does cannot be undone; true in
    /// that process.
    fn alone(test: &str) -> bool {
        const ALONE: &str = "QUORATE_TEST_ALONE";
        if std::env::var_os(ALONE).is_some() {
            return true;
        }
        let name = format!("{}::{test}", module_path!().split_once("::").unwrap().1);
        let run = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &name, "--nocapture"])
            .env(ALONE, "1")
            .output()
            .unwrap();
        let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
        assert!(run.status.success() && out.contains("1 passed"), "{out}{err}");
        false
    }

    #[test]
    fn hardening_is_in_force_and_can_be_repeated() {
        if !alone("hardening_is_in_force_and_can_be_repeated") {
            return;
        }
        harden().unwrap();
        harden().unwrap();
        assert!(is_hardened());
        // no_new_privs is the thread's, and the children's that it makes from then on.
        let status = fs::read_to_string("/proc/thread-self/status").unwrap();
        assert!(status.contains("\nNoNewPrivs:\t1\n"), "{status}");
        assert_eq!(core_limit(), 0);
        let limits = fs::read_to_string("/proc/self/limits").unwrap();
        let core = limits.lines().find(|l| l.starts_with("Max core file size")).unwrap();
        assert!(core.split_whitespace().filter(|word| *word == "0").count() == 2, "{core}");
    }

    #[test]
    fn a_child_has_no_core_and_no_new_privileges() {
        if !alone("a_child_has_no_core_and_no_new_privileges") {
            return;
        }
        harden().unwrap();
        let seen = std::process::Command::new("sh")
            .args(["-c", "ulimit -c; ulimit -Hc; grep NoNewPrivs /proc/self/status"])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(seen.stdout).unwrap(), "0\n0\nNoNewPrivs:\t1\n");
    }

    #[test]
    fn others_of_the_same_user_cannot_look_in() {
        if !alone("others_of_the_same_user_cannot_look_in") {
            return;
        }
        harden().unwrap();
        assert_eq!(dumpable_behavior(), Ok(DumpableBehavior::NotDumpable));
        // The owner of /proc/PID of a process that is not dumpable is root (proc(5)); in a user namespace that has no root, as
        // under bubblewrap, it is shown as the user that stands for all that have no number there.
        let owner = std::os::unix::fs::MetadataExt::uid(&fs::metadata("/proc/self/stat").unwrap());
        let nobody = fs::read_to_string("/proc/sys/kernel/overflowuid").unwrap();
        assert!(owner == 0 || owner.to_string() == nobody.trim(), "{owner}");
    }

    #[test]
    fn locking_all_reports_the_case_it_found() {
        if !alone("locking_all_reports_the_case_it_found") {
            return;
        }
        let found = lock_all();
        let residency = *found.as_ref().unwrap_or(&Residency::SecretsOnly);
        assert_eq!(super::residency(), Some(residency));
        assert_eq!(found.is_err(), residency == Residency::SecretsOnly, "{found:?}");
        let flags = fs::read_to_string("/proc/self/smaps").unwrap();
        let heap = flags.split("[heap]").nth(1).and_then(|rest| rest.split("VmFlags:").nth(1)).unwrap();
        let locked = heap.lines().next().unwrap().split_whitespace().any(|flag| flag == "lo");
        let all = matches!(residency, Residency::LockedByCapability | Residency::LockedWithinLimit);
        assert_eq!(locked, all);
        assert!(memlock_limit() > 0);
        // Nothing fails afterwards: allocations, threads, children.
        let big = vec![1_u8; 200 << 20];
        assert_eq!(std::thread::spawn(move || big.len()).join().unwrap(), 200 << 20);
        assert!(std::process::Command::new("true").status().unwrap().success());
    }

    #[test]
    fn swap_without_a_limit_to_lock_under_is_said() {
        let list = "Filename\t\t\tType\t\tSize\t\tUsed\t\tPriority\n\
                    /dev/dm-1                               partition\t8388604\t\t0\t\t-2\n\
                    /swap\\040file                           file\t\t1024\t\t0\t\t-3\n";
        let areas = swap_areas(list);
        assert_eq!(areas, ["/dev/dm-1", "/swap\\040file"]);
        let error = without_swap(&areas, 8 << 20).unwrap_err();
        assert_eq!(
            error.to_string(),
            "what libraries copy of a secret could be written to /dev/dm-1, /swap\\040file: \
             memory cannot be locked under a limit of 8388608 bytes"
        );
        assert!(error.hint().contains("swapoff"));
        assert_eq!(without_swap(&swap_areas("Filename\n"), 0).unwrap(), Residency::NoSwap);
    }

    #[test]
    fn a_capability_counts_in_the_initial_namespace_only() {
        assert_eq!(effective_capabilities("Name:\tx\nCapEff:\t0000000000004000\n"), CAP_IPC_LOCK);
        assert_eq!(effective_capabilities("CapEff:\tnonsense\n"), 0);
        assert!(is_initial_namespace("         0          0 4294967295\n"));
        assert!(!is_initial_namespace("         0       1000          1\n"));
        assert!(!is_initial_namespace(""));
    }

    #[test]
    fn the_clock_is_only_read() {
        assert!(clock_synchronised().is_some());
    }
}
