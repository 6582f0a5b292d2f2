//! The states of a ceremony: proposed, approved or rejected, released, executed, closed; and its audit.
//!
//! Nothing here knows of files, cards or modules but through [`crate::ports`].

mod ability;
pub(crate) mod abort;
mod access;
mod act;
mod acting;
pub(crate) mod approve;
pub(crate) mod attest;
pub(crate) mod audit;
pub mod backup;
pub(crate) mod clearing;
mod code;
mod collect;
mod commanding;
pub mod compare;
mod conclude;
mod copies;
mod credentials;
mod dealing;
pub(crate) mod drill;
pub(crate) mod enrolment;
mod error;
pub(crate) mod execute;
mod fresh_pins;
mod genesis;
mod giving_up;
mod handed;
mod heard;
mod installation;
mod joining;
pub mod keyring;
pub(crate) mod matter;
pub(crate) mod medium;
mod mistakes;
mod news;
mod opening;
mod operations;
mod pin_marks;
mod pinning;
mod present;
mod program_proposal;
pub(crate) mod propose;
mod readback;
pub(crate) mod recognition;
pub(crate) mod release;
mod renewal;
pub(crate) mod residence;
mod said;
mod session;
mod sign;
pub(crate) mod standing;
mod station;

pub use code::{Code, ErrorKind};
pub(crate) use conclude::{Persistence, Report};
pub(crate) use error::Error;
pub(crate) use handed::SetAside;
pub(crate) use mistakes::Mistakes;
pub(crate) use pinning::target;
pub(crate) use program_proposal::{HandedCredentials, handed_over_needed};

use crate::{
    account::advice::Advice,
    encoding::{digest::Digest, dsse::Mode, strict::MADE_BY_0_1, time::Timestamp},
    ports::{
        clock::Clock,
        program::Programs,
        store::{Artifacts, LedgerStore, StationStore, StoredFiles},
        token::{Progress, TokenSource},
    },
    proposal::environment::EnvironmentReading,
    transcript::{
        foreign::Foreign,
        known::Known,
        ledger::{self, Ceremony, CeremonyFiles, LedgerState},
        verification::{self, Verified},
    },
};

/// What a ceremony needs of the world.
pub struct World<'a> {
    pub mode: Mode,
    pub ledger: &'a mut dyn LedgerStore,
    /// What was verified of the ledger.
    pub known: &'a mut Known,
    pub station: &'a mut dyn StationStore,
    pub tokens: &'a mut dyn TokenSource,
    /// Where backups go.
    pub artifacts: &'a mut dyn Artifacts,
    pub programs: &'a mut dyn Programs,
    pub clock: &'a dyn Clock,
    /// What the station knows about itself.
    pub environment: EnvironmentReading,
    pub progress: &'a mut dyn Progress,
}

impl World<'_> {
    /// Reads the ledger and verifies what is new in it, or all of it if it is not the one that was read before.
    pub fn load(&mut self) -> Result<LedgerState, Error> {
        load_keeping(self.ledger, self.known, self.mode)
    }

    /// Reads the last ceremony again, and verifies it after those before it as they were when the ledger was loaded; loads all of it
    /// where that was not done yet.
    pub fn reload_last(&mut self) -> Result<LedgerState, Error> {
        let last = self.last()?;
        let state = sound(self.known.verify_next(&last, self.mode), last.first(), self.mode)?;
        self.ledger.verified(digests(&last))?;
        Ok(state)
    }

    /// Appends lines, after verifying the ledger with them as every reader will: what would not verify is not
    /// written.
    fn append(&mut self, directory: &str, lines: &[Vec<u8>]) -> Result<(), Error> {
        let mut next = self.last()?;
        let read = digests(&next);
        let file = next.iter_mut().find(|file| file.directory == directory);
        let file = file.ok_or_else(|| {
            Error::problem(format!("{directory} is not in the ledger"), "run 'quorate audit' on it")
        })?;
        for line in lines {
            file.transcript.extend_from_slice(line);
            file.transcript.push(b'\n');
        }
        self.check_next(&next)?;
        // As it was read here: a statement may have come since it was loaded, and keeps no outcome from the record.
        self.ledger.verified(read)?;
        Ok(self.ledger.append(directory, lines)?)
    }

    /// Makes a ceremony appear, verified in the same way.
    fn create(&mut self, directory: &str, plan: &[u8], first_line: &[u8]) -> Result<(), Error> {
        let mut next = self.last()?;
        let read = digests(&next);
        let mut transcript = first_line.to_vec();
        transcript.push(b'\n');
        next.push(CeremonyFiles {
            directory: directory.to_owned(),
            transcript,
            plan: plan.to_vec(),
            ..CeremonyFiles::default()
        });
        self.check_next(&next)?;
        self.ledger.verified(read)?;
        Ok(self.ledger.create(directory, plan, first_line)?)
    }

    /// The error of a write, with what the ledger has of it all the same.
    fn in_spite_of(&mut self, error: Error, done: impl FnOnce(&LedgerState) -> Option<String>) -> Error {
        match self.load().ok().and_then(|state| done(&state)) {
            Some(done) => error.after(&done),
            None => error,
        }
    }

    /// Appends the last line of a ceremony.
    fn append_last(&mut self, ceremony: &Ceremony, line: Vec<u8>) -> Result<(), Error> {
        self.append(&ceremony.directory, &[line]).map_err(|error| {
            self.in_spite_of(error, |state| {
                let ended = state.ceremonies.number(ceremony.number()).filter(|c| c.end.is_some())?;
                Some(format!("{} has ended ({})", ended.directory, ended.standing()))
            })
        })
    }

    /// The last ceremony as it is now; none in a ledger that does not exist yet. Those before it were verified since the ledger was
    /// locked, and are compared with their files when it is loaded again.
    fn last(&mut self) -> Result<Vec<CeremonyFiles>, Error> {
        if self.known.last(self.mode).is_none() && !self.ledger.is_empty()? {
            self.load()?;
        }
        let last = self.known.last(self.mode).map(|directory| self.ledger.ceremony(directory));
        Ok(last.into_iter().collect::<Result<_, _>>()?)
    }

    fn check_next(&mut self, next: &[CeremonyFiles]) -> Result<(), Error> {
        let verified = self.known.verify_next(next, self.mode);
        sound(verified, next.first(), self.mode).map(drop).map_err(would_break)
    }

    /// Destroys what this machine still keeps of ceremonies that have ended: after a crash at their very end, and after
    /// a recovery. Only of these very ceremonies: anybody can make a ledger of the same nonce, in which the open one has ended.
    pub fn sweep(&mut self, state: &LedgerState) -> Result<(), Error> {
        for ceremony in state.ceremonies.iter().filter(|c| c.end.is_some()) {
            let kept = self.station.names(state.nonce, ceremony.number())?;
            // Where there is nothing, an empty directory may be left: the mark is the last in it to be destroyed.
            if kept.is_empty() || kept.contains(&station::mark(ceremony.digest)) {
                if ceremony.proposal.operation.program().is_some() {
                    self.programs.clear(&station::room(ceremony.digest))?;
                }
                self.station.destroy_all(state.nonce, ceremony.number())?;
            }
        }
        Ok(())
    }

    /// Now; refused if the clock is behind the line that the next one follows.
    pub fn now(&self, state: Option<&LedgerState>) -> Result<Timestamp, Error> {
        check_clock(self.clock.now(), state)
    }
}

fn digests(ceremonies: &[CeremonyFiles]) -> Vec<(String, Digest)> {
    ceremonies.iter().map(|files| (files.directory.clone(), files.digest())).collect()
}

/// Reads a ledger and verifies all of it; any finding that is an error refuses it. Then its copies catch up.
pub fn load(ledger: &mut dyn LedgerStore, mode: Mode) -> Result<LedgerState, Error> {
    load_keeping(ledger, &mut Known::default(), mode)
}

fn load_keeping(ledger: &mut dyn LedgerStore, known: &mut Known, mode: Mode) -> Result<LedgerState, Error> {
    let files = ledger.read()?;
    let state = check_keeping(known, &*files, mode)?;
    let directories = files.directories().into_iter().map(str::to_owned);
    ledger.verified(directories.zip(known.digests()).collect())?;
    Ok(state)
}

/// Verifies a ledger that is not locked.
pub fn check(files: &StoredFiles, mode: Mode) -> Result<LedgerState, Error> {
    sound(verification::verify_files(files, mode)?, ledger::first(files)?.as_deref(), mode)
}

/// The same, with what `known` has of it taken over where the files are the same, and kept there for the next time.
pub fn check_keeping(known: &mut Known, files: &StoredFiles, mode: Mode) -> Result<LedgerState, Error> {
    sound(known.verify(files, mode)?, ledger::first(files)?.as_deref(), mode)
}

/// The state of a ledger that begins with `first`.
fn sound(verified: Verified, first: Option<&CeremonyFiles>, mode: Mode) -> Result<LedgerState, Error> {
    verified.sound().map_err(|findings| {
        let mut error = match Foreign::of(first, mode) {
            None => Error::refused(
                "the ledger does not verify",
                "run 'quorate audit' on it and on its copies; go on only with one that verifies",
            )
            .coded(Code::LedgerInvalid),
            Some(Foreign::Empty) => Error::refused(
                "this is not a ledger: no ceremony is in it",
                "name the directory that contains 0000-genesis",
            ),
            Some(Foreign::Version) => {
                Error::problem(format!("this ledger was {MADE_BY_0_1}"), HINT_0_1).coded(Code::Version)
            }
            Some(Foreign::Mode(Mode::Rehearsal)) => Error::refused(
                "this is the ledger of a rehearsal",
                "run the same command again with --rehearsal",
            )
            .coded(Code::Mode),
            Some(Foreign::Mode(Mode::Production)) => Error::refused(
                "this is a production ledger, not a rehearsal's",
                "run the same command again without --rehearsal",
            )
            .coded(Code::Mode),
        };
        // In the other mode or version nothing verifies: a list of findings would only be noise.
        if !matches!(error.code, Code::Mode | Code::Version) {
            error.details = findings.iter().map(ToString::to_string).collect();
        }
        error
    })
}

/// What to do with a ledger of the version before this one.
pub const HINT_0_1: &str = "read it with quorate 0.1; a quorum of this version begins with a ledger of its own, by a plan of kind \"genesis\"";

fn would_break(error: Error) -> Error {
    let mut wrapped = Error::problem(
        "what was about to be written would not verify; it was not written",
        "nothing changed in the ledger; keep it as it is and report this",
    );
    wrapped.details = error.details;
    wrapped
}

/// Times never go back.
fn check_clock(now: Timestamp, state: Option<&LedgerState>) -> Result<Timestamp, Error> {
    not_before(now, state.and_then(LedgerState::latest))
}

/// Refuses a clock that is behind the last line of a ceremony. A person must decide which of the two is wrong.
fn not_before(now: Timestamp, latest: Option<&Ceremony>) -> Result<Timestamp, Error> {
    let Some(latest) = latest.filter(|latest| now < latest.times.1) else { return Ok(now) };
    let hint = Advice::from(
        "set the clock if it is wrong, then run the same command again; if the ledger is wrong, ",
    );
    let message = format!(
        "this machine's clock says {now}, before the ledger's last line of {} (in {})",
        latest.times.1, latest.directory
    );
    Err(Error::refused(message, hint.and(past_wrong_times(latest))).coded(Code::ClockBehind))
}

/// What goes on where the last line of a ceremony is ahead of the time.
fn past_wrong_times(latest: &Ceremony) -> &'static str {
    match (&latest.end, latest.had_quorum) {
        (None, false) if latest.number() == 0 => {
            "keep it as a record, and begin another ledger with a plan of kind \"genesis\""
        }
        (None, false) => "'quorate propose PLAN' with a plan of kind \"recover\" closes that ceremony",
        (None, true) => {
            "'quorate propose PLAN' with a plan of kind \"recover\" that names it in [disputed_times] closes that ceremony"
        }
        (Some(_), _) => {
            "'quorate propose PLAN' with a plan that names it in [disputed_times] goes on, see quorate-plan(5)"
        }
    }
}
