//! TCP ports for vpcd, chosen so that tests of any process can run beside each other.
//!
//! The driver binds them, not we: between our look and its bind somebody else could take one. So they lie below the
//! range from which the kernel gives ports away by itself, and among ourselves a locked file stands for each pair.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, TcpListener},
};

/// Two neighbouring ports, ours as long as this lives.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) first: u16,
    _lock: File,
}

const FROM: u16 = 20_000;
const PAIRS: u16 = 6_000;

impl Pair {
    pub(crate) fn reserve() -> Self {
        let dir = std::env::temp_dir().join("virtual-card-ports");
        fs::create_dir_all(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
        let mut seed = [0; 2];
        getrandom::fill(&mut seed).expect("the operating system has random numbers");
        let start = u16::from_be_bytes(seed) % PAIRS;
        for step in 0..PAIRS {
            let first = FROM + 2 * ((start + step) % PAIRS);
            let path = dir.join(first.to_string());
            let lock = File::create(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            if lock.try_lock().is_ok() && is_free(first) && is_free(first + 1) {
                return Self { first, _lock: lock };
            }
        }
        panic!("no two ports are free between {FROM} and {}", FROM + 2 * PAIRS);
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
}

/// Whether somebody listens on each of these ports of this machine.
pub(crate) fn are_listening(ports: &[u16]) -> bool {
    let table = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    let listening: Vec<&str> = table
        .lines()
        .filter_map(|line| {
            let mut fields = line.split_whitespace().skip(1);
            let (_, port) = fields.next()?.rsplit_once(':')?;
            // The fourth column is the state, 0A being LISTEN.
            (fields.nth(1) == Some("0A")).then_some(port)
        })
        .collect();
    ports.iter().all(|port| listening.contains(&format!("{port:04X}").as_str()))
}
