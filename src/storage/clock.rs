//! The clock of this machine.

use std::time::SystemTime;

use crate::{encoding::time::Timestamp, ports::clock::Clock};

/// What the kernel takes for the time. A clock before 1970 reads as 1970, and is then behind any ledger.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Timestamp::EPOCH.plus(since.as_secs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_the_machines() {
        let (before, now) = (SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs(), SystemClock.now().unix());
        assert!((before..before + 60).contains(&now));
    }
}
