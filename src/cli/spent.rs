//! Whose the time of an execution was: the modules', or ours.

use std::time::{Duration, Instant};

use super::terminal::Terminal;
use crate::{account::outcome::TimeSpent, pkcs11::Meter};

/// From here on it is said to the person.
const WORTH_SAYING: Duration = Duration::from_secs(1);

/// Runs while something is executed.
pub struct Watch {
    meter: Meter,
    begun: Instant,
    in_modules: Duration,
    calls: u64,
}

impl Watch {
    /// Begins now. What the modules needed before does not count.
    pub fn start(meter: &Meter) -> Self {
        Self {
            meter: meter.clone(),
            begun: Instant::now(),
            in_modules: meter.in_modules(),
            calls: meter.calls(),
        }
    }

    /// Ends now.
    pub fn stop(self) -> Spent {
        let in_module = self.meter.in_modules().saturating_sub(self.in_modules);
        Spent {
            in_module,
            in_quorate: self.begun.elapsed().saturating_sub(in_module),
            calls: self.meter.calls().saturating_sub(self.calls),
        }
    }
}

/// Time by the clock on the wall.
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
                "Time: {:.1} s in the module ({} calls), {:.1} s in quorate.",
                self.in_module.as_secs_f64(),
                self.calls,
                self.in_quorate.as_secs_f64()
            ));
        }
    }

    /// For the account.
    pub fn time(&self) -> TimeSpent {
        TimeSpent {
            in_module_ms: self.in_module.as_millis(),
            in_quorate_ms: self.in_quorate.as_millis(),
            module_calls: self.calls,
        }
    }
}
