//! Whose the time of an execution was: the modules', or ours. What it waits for otherwise, people and disks, is nobody's.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::terminal::Terminal;
use crate::{account::outcome::TimeSpent, pkcs11::Meter};

/// From here on it is said to the person.
const WORTH_SAYING: Duration = Duration::from_secs(1);

/// Runs while something is executed.
pub struct Watch {
    meter: Meter,
    in_quorate: Duration,
    in_modules: Duration,
    calls: u64,
}

impl Watch {
    /// Begins now. What the modules needed before does not count.
    pub fn start(meter: &Meter) -> Self {
        Self {
            meter: meter.clone(),
            in_quorate: processor_time(),
            in_modules: meter.in_modules(),
            calls: meter.calls(),
        }
    }

    pub fn stop(self) -> Spent {
        Spent {
            in_module: self.meter.in_modules().saturating_sub(self.in_modules),
            in_quorate: processor_time().saturating_sub(self.in_quorate),
            calls: self.meter.calls().saturating_sub(self.calls),
        }
    }
}

/// Of this process, all its threads; modules run in another one.
fn processor_time() -> Duration {
    clock_gettime(ClockId::ProcessCPUTime).try_into().unwrap_or_default()
}

/// Time in modules by the clock on the wall, since a module may wait for its token; ours on the processors.
#[derive(Clone, Copy)]
pub struct Spent {
    in_module: Duration,
    in_quorate: Duration,
    calls: u64,
}

impl Spent {
    /// Says it, where it was long enough to wonder.
    pub fn tell(&self, terminal: Terminal) {
        if self.calls > 0 && self.in_module.saturating_add(self.in_quorate) >= WORTH_SAYING {
            terminal.tell(&format!(
                "Time: {:.1} s in the module ({} calls), {:.1} s of processor time in quorate.",
                self.in_module.as_secs_f64(),
                self.calls,
                self.in_quorate.as_secs_f64()
            ));
        }
    }

    pub fn time(&self) -> TimeSpent {
        TimeSpent {
            in_module_ms: self.in_module.as_millis(),
            in_quorate_ms: self.in_quorate.as_millis(),
            module_calls: self.calls,
        }
    }
}
