//! Reads what the station reports about itself, from `/proc`, `/sys` and the process's own limits.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

use crate::{
    encoding::{bounds, digest::Digest, text::Line, time::Timestamp},
    memory::{self, hardening},
    proposal::environment::EnvironmentReading,
};

/// IFF_UP of netdevice(7).
const IFF_UP: u32 = 1;

/// What the machine and the process say of themselves now.
///
/// Does not fail: what cannot be read is `None`. Reads the whole of the running program's file, so
/// that it is for ceremonies, not for every start.
pub fn read() -> EnvironmentReading {
    EnvironmentReading {
        tool_version: Line::lossy(env!("CARGO_PKG_VERSION")),
        binary_sha256: binary_sha256().ok(),
        kernel: text("/proc/sys/kernel/osrelease"),
        hostname: text("/proc/sys/kernel/hostname"),
        interfaces_up: interfaces_up(Path::new("/sys/class/net")).ok(),
        swap: hardening::active_swap().ok().map(|areas| lines(&areas)),
        core_limit: Some(limit(hardening::core_limit())),
        core_pattern: text("/proc/sys/kernel/core_pattern"),
        memlock_limit: Some(limit(hardening::memlock_limit())),
        secret_memory: memory::kind().ok().map(|kind| Line::lossy(kind.name())),
        residency: hardening::residency().map(|residency| Line::lossy(residency.name())),
        hardened: hardening::is_hardened(),
        clock: clock(),
        clock_synchronised: hardening::clock_synchronised(),
    }
}

/// The file that runs, even if its path names another by now: `/proc/self/exe` is the file itself.
fn binary_sha256() -> io::Result<Digest> {
    let mut file = File::open("/proc/self/exe")?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = file.read(&mut buffer)?;
        match buffer.get(..read) {
            Some([]) | None => return Ok(Digest::from_bytes(hash.finalize().into())),
            Some(bytes) => hash.update(bytes),
        }
    }
}

fn interfaces_up(directory: &Path) -> io::Result<Vec<Line>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // `bonding_masters` is a file among the interfaces; an interface can vanish meanwhile.
        let flags = fs::read_to_string(entry.path().join("flags"));
        if name != "lo" && flags.is_ok_and(|flags| is_up(&flags)) {
            names.push(name);
        }
    }
    names.sort();
    Ok(lines(&names))
}

/// Flags that cannot be parsed count as up: the mistake to notice is a network that is there.
fn is_up(flags: &str) -> bool {
    let hex = flags.trim().trim_start_matches("0x");
    u32::from_str_radix(hex, 16).map_or(true, |flags| flags & IFF_UP != 0)
}

/// `None` for a clock before 1970.
fn clock() -> Option<Timestamp> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Timestamp::from_unix(since.as_secs()).ok()
}

fn limit(bytes: u64) -> Line {
    if bytes == u64::MAX { Line::lossy("unlimited") } else { Line::lossy(&bytes.to_string()) }
}

fn text(path: &str) -> Option<Line> {
    fs::read(path).ok().map(|bytes| Line::lossy(String::from_utf8_lossy(&bytes).trim()))
}

fn lines(items: &[String]) -> Vec<Line> {
    items.iter().take(bounds::REPORTED).map(|item| Line::lossy(item)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::strict;

    #[test]
    fn the_reading_is_the_machines_and_survives_json() {
        let reading = read();
        assert_eq!(reading.tool_version.as_str(), env!("CARGO_PKG_VERSION"));
        let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
        assert_eq!(reading.kernel.as_ref().map(Line::as_str), Some(release.trim()));
        assert!(reading.hostname.is_some() && reading.core_pattern.is_some());
        assert!(reading.interfaces_up.as_ref().unwrap().iter().all(|name| name.as_str() != "lo"));
        assert_eq!(reading.secret_memory, Some(Line::lossy(memory::kind().unwrap().name())));
        assert!(reading.clock.unwrap().unix() > 1_700_000_000);
        let json = strict::write(&reading);
        assert_eq!(strict::parse::<EnvironmentReading>(&json).unwrap(), reading);
    }

    #[test]
    fn the_hash_is_of_the_file_that_runs() {
        let file = fs::read(std::env::current_exe().unwrap()).unwrap();
        assert_eq!(binary_sha256().unwrap(), Digest::of(&file));
    }

    #[test]
    fn interfaces_that_are_up_are_listed_without_loopback() {
        let net = tempfile::tempdir().unwrap();
        let flags = [("wlan0", "0x1003\n"), ("eth1", "0x1002\n"), ("lo", "0x9\n"), ("eth0", "odd")];
        for (name, flags) in flags {
            fs::create_dir(net.path().join(name)).unwrap();
            fs::write(net.path().join(name).join("flags"), flags).unwrap();
        }
        fs::write(net.path().join("bonding_masters"), "").unwrap();
        assert_eq!(interfaces_up(net.path()).unwrap(), [Line::lossy("eth0"), Line::lossy("wlan0")]);
        interfaces_up(&net.path().join("absent")).unwrap_err();
    }

    #[test]
    fn limits_are_bytes_or_unlimited() {
        let limits = [0, 8 << 20, u64::MAX].map(limit);
        assert_eq!(limits.each_ref().map(Line::as_str), ["0", "8388608", "unlimited"]);
    }
}
