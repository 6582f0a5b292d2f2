//! The states of a ceremony: proposed, approved or rejected, executed, closed; and its audit.
//!
//! Nothing here knows of files, cards or modules but through [`crate::ports`].

pub mod abort;
mod act;
pub mod approve;
pub mod attest;
pub mod audit;
mod backup;
mod collect;
mod conclude;
mod error;
pub mod execute;
mod genesis;
mod pinning;
pub mod propose;
pub mod recognition;
mod sign;
mod station;

pub use conclude::{Report, forget_ended};
pub use error::{Error, ErrorKind};

use crate::{
    encoding::{dsse::Mode, time::Timestamp},
    ports::{
        clock::Clock,
        store::{Artifacts, LedgerStore, StationStore},
        token::{Progress, TokenSource},
    },
    proposal::environment::EnvironmentReading,
    transcript::{
        ledger::{CeremonyFiles, LedgerState},
        verification,
    },
};

/// What a ceremony needs of the world.
pub struct World<'a> {
    /// Production or rehearsal.
    pub mode: Mode,
    /// The ledger and its copies.
    pub ledger: &'a mut dyn LedgerStore,
    /// The station's own secrets.
    pub station: &'a mut dyn StationStore,
    /// Where tokens are found.
    pub tokens: &'a mut dyn TokenSource,
    /// Where backups go.
    pub artifacts: &'a mut dyn Artifacts,
    /// The host's clock.
    pub clock: &'a dyn Clock,
    /// What the station says of itself.
    pub environment: EnvironmentReading,
    /// Who is told of progress.
    pub progress: &'a mut dyn Progress,
}

impl World<'_> {
    /// Reads the ledger and verifies all of it.
    pub fn load(&mut self) -> Result<LedgerState, Error> {
        load(self.ledger, self.mode)
    }

    /// Now; refused if the clock is behind the ledger's last line.
    fn now(&self, state: Option<&LedgerState>) -> Result<Timestamp, Error> {
        check_clock(self.clock.now(), state)
    }
}

/// Reads a ledger and verifies all of it; any finding that is an error refuses it.
pub fn load(ledger: &mut dyn LedgerStore, mode: Mode) -> Result<LedgerState, Error> {
    check(&ledger.read()?, mode)
}

/// Verifies a ledger that was read already.
pub fn check(files: &[CeremonyFiles], mode: Mode) -> Result<LedgerState, Error> {
    verification::verify(files, mode).sound().map_err(|findings| {
        let mut error = Error::refused(
            "the ledger does not verify",
            "run 'quorate audit' on it and on its copies; go on only with one that verifies",
        );
        error.details = findings.iter().map(ToString::to_string).collect();
        error
    })
}

/// Times never go back.
fn check_clock(now: Timestamp, state: Option<&LedgerState>) -> Result<Timestamp, Error> {
    match state.and_then(LedgerState::last_time) {
        Some(last) if now < last => Err(Error::refused(
            format!("this machine's clock says {now}, before the ledger's last line of {last}"),
            "set the clock right, then run the same command again",
        )),
        _ => Ok(now),
    }
}
