//! Running a program in the act. It is started once: what the station keeps beside its secrets tells a later run whether it may have
//! been started, and how it ended.

use std::io::{Read as _, Write as _};

use super::{
    Error,
    acting::{Acted, Acting},
    backup, station,
};
use crate::{
    account::advice::Advice,
    approval::authorization::Authorization,
    encoding::{digest::Digest, output_path::OutputPath, strict, text},
    memory::Pin,
    ports::token::{Effect, TokenError},
    proposal::{
        program::{ProgramRun, RunRecord, WrittenFile},
        target::Inventory,
    },
};

/// What the station keeps from just before a program is started.
pub(super) const STARTED: &str = "program-started";
/// What it keeps once the program has ended: what was seen of the run.
pub(super) const ENDED: &str = "program-ended";

/// The most outputs whose reasons go on record; the others are told.
const MOST_NAMED: usize = 5;

/// Longest piece of what a program complained of that is shown.
const MOST_SHOWN: usize = 2000;

/// What is known of a program's run.
pub(super) enum RunFate {
    Ended(RunRecord),
    /// It was not started, now or before.
    NotStarted(TokenError),
    /// It was started, or may have been, and how it ended is not known.
    Unknown(String),
}

impl RunFate {
    pub(super) fn record(&self) -> Option<&RunRecord> {
        match self {
            Self::Ended(record) => Some(record),
            _ => None,
        }
    }
}

impl Acting<'_, '_> {
    /// Where the program of this ceremony works.
    pub(super) fn room(&self) -> String {
        station::room(self.ceremony.digest)
    }

    /// What the target was like before the program was first started, where that has been.
    pub(super) fn kept_before(&self) -> Result<Option<Inventory>, Error> {
        let (ledger, number) = (self.state.nonce, self.ceremony.number());
        let kept = self.world.station.take(ledger, number, STARTED)?;
        Ok(kept.and_then(|bytes| strict::parse(&bytes).ok()))
    }

    /// Runs the program, or says what is known of the run that was. `before` is kept from before its first start.
    pub(super) fn run_once(
        &mut self,
        run: &ProgramRun,
        secrets: &[Pin],
        before: &[u8],
        grant: Authorization,
    ) -> Result<RunFate, Error> {
        let (ledger, number) = (self.state.nonce, self.ceremony.number());
        let repeatable = self.ceremony.proposal.operation.is_repeatable();
        let kept = self.world.station.take(ledger, number, ENDED)?;
        if let Some(record) = kept.and_then(|bytes| strict::parse::<RunRecord>(&bytes).ok())
            && (record.is_success(run) || !repeatable)
        {
            return Ok(RunFate::Ended(record));
        }
        let earlier = self.world.station.take(ledger, number, STARTED)?.is_some();
        if earlier && !repeatable {
            return Ok(RunFate::Unknown(
                "an earlier run started it, or was about to, and it is never run twice".into(),
            ));
        }
        if !earlier {
            self.world.station.put(ledger, number, STARTED, before)?;
        }
        let room = self.room();
        match self.world.programs.run(grant, &room, run, secrets) {
            Ok(record) => {
                self.world.station.put(ledger, number, ENDED, &strict::write(&record))?;
                Ok(RunFate::Ended(record))
            }
            Err(error) if error.effect == Effect::None && earlier => {
                Ok(RunFate::Unknown(format!("an earlier run may have started it, this one did not: {error}")))
            }
            Err(error) if error.effect == Effect::None => {
                self.world.station.destroy(ledger, number, STARTED)?;
                Ok(RunFate::NotStarted(error))
            }
            Err(error) => Ok(RunFate::Unknown(error.to_string())),
        }
    }

    /// What the operator can do, and what the program complained of.
    pub(super) fn tell_more(&mut self, acted: &mut Acted, known: &RunFate, hint: Option<Advice>) {
        match (hint, self.ceremony.proposal.operation.is_repeatable()) {
            (Some(hint), _) => acted.advise(hint),
            (None, true) => {}
            (None, false) => {
                acted.hint = "it is not run again: look at what it was to change, end the ceremony with \
                              'quorate execute --give-up' (--keep-room keeps its working directory), and propose \
                              again if need be"
                    .into();
            }
        }
        if !acted.is_completed()
            && let Some(record) = known.record().filter(|record| !record.credential_written)
        {
            acted.said = self.complaint(record);
        }
    }

    /// Which outputs were not taken and why, and what else is in the room: where something went wrong, that is all
    /// there is to go by.
    pub(super) fn tell_leavings(
        &mut self,
        acted: &mut Acted,
        run: &ProgramRun,
        known: &RunFate,
        secrets: &[Pin],
    ) {
        if acted.is_completed() || matches!(known, RunFate::NotStarted(_)) {
            return;
        }
        let room = self.room();
        let left = match self.world.programs.leavings(&room, run, secrets) {
            Ok(left) => left,
            Err(error) => return acted.said.push(error.to_string()),
        };
        let mut untaken: Vec<String> =
            left.untaken.iter().map(|(name, why)| format!("output {name} was not taken: {why}")).collect();
        if known.record().is_some_and(|record| record.credential_written) {
            let named = |name| left.untaken.iter().any(|(other, _)| other == name);
            let others = run.outputs.iter().filter(|output| !named(&output.name));
            untaken.extend(others.map(|output| {
                format!("output {} was not taken: the program wrote a credential into it", output.name)
            }));
        }
        for line in untaken.iter().take(MOST_NAMED) {
            acted.summary.push_str(&format!("; {line}"));
        }
        acted.said.extend(untaken.into_iter().skip(MOST_NAMED));
        acted
            .said
            .extend(left.lying.iter().map(|entry| format!("it left in its working directory: {entry}")));
        for (count, what) in [
            (left.unlisted, "more that are not listed"),
            (left.removed, "REMOVED because they contained a credential"),
            (left.unread, "NOT LOOKED THROUGH for credentials: too large, too many or not readable"),
        ] {
            if count > 0 {
                acted.said.push(format!("of what it left there: {count} {what}"));
            }
        }
    }

    /// The end of what a program printed on standard error, or at its terminal: for the operator, not for the record.
    fn complaint(&mut self, record: &RunRecord) -> Vec<String> {
        let room = self.room();
        let told = [&record.stderr, &record.stdout].into_iter().flatten().find(|file| file.length > 0);
        let Some(file) = told else { return Vec::new() };
        let mut bytes = Vec::new();
        let read = self.world.programs.written(&room, &file.name).map(|mut f| f.read_to_end(&mut bytes));
        if !matches!(read, Ok(Ok(_))) || Digest::of(&bytes) != file.sha256 {
            return Vec::new();
        }
        let end = bytes.get(bytes.len().saturating_sub(MOST_SHOWN)..).unwrap_or_default();
        let lines = String::from_utf8_lossy(end);
        lines
            .lines()
            .filter(|l| !l.trim().is_empty())
            .map(|l| format!("it said: {}", text::printable(l)))
            .collect()
    }

    /// Moves the outputs to their places. A file that exists there is left if it is identical: an earlier run put it there.
    pub(super) fn publish(&mut self, run: &ProgramRun, known: &RunFate) -> Result<(), Error> {
        let Some(record) = known.record() else { return Ok(()) };
        for (output, written) in run.outputs.iter().zip(&record.outputs) {
            let there = self.world.artifacts.exists(&output.path);
            if there && backup::hash(self.world.artifacts.open(&output.path)?)? == written.sha256 {
                continue;
            }
            if there {
                return Err(Error::refused(
                    format!("{} exists, and is not this program's output", output.path),
                    "nothing is overwritten: move that file away",
                ));
            }
            self.publish_one(&output.path, written)?;
        }
        Ok(())
    }

    fn publish_one(&mut self, path: &OutputPath, written: &WrittenFile) -> Result<(), Error> {
        let room = self.room();
        let failed =
            |e: std::io::Error| Error::problem(format!("{}: {e}", path), "make room, or fix the medium");
        let mut from = self.world.programs.written(&room, &written.name)?;
        let mut to = self.world.artifacts.begin(path)?;
        let (mut hasher, mut buffer) = (crate::encoding::digest::Hasher::default(), vec![0; 64 * 1024]);
        loop {
            let read = from.read(&mut buffer).map_err(failed)?;
            let bytes = buffer.get(..read).unwrap_or_default();
            if bytes.is_empty() {
                break;
            }
            hasher.update(bytes);
            to.write_all(bytes).map_err(failed)?;
        }
        drop(to);
        if hasher.finish() != written.sha256 {
            self.world.artifacts.remove(path)?;
            return Err(Error::problem(
                format!("the output {} changed after the program ended", written.name),
                "find out who else writes in the station's state directory",
            ));
        }
        Ok(self.world.artifacts.publish(path)?)
    }
}

pub(super) fn describe(run: &ProgramRun, known: &RunFate) -> String {
    match known {
        RunFate::Ended(record) => {
            let outputs: Vec<&str> =
                run.outputs.iter().filter(|_| record.is_success(run)).map(|o| o.path.as_str()).collect();
            let written =
                if outputs.is_empty() { String::new() } else { format!("; wrote {}", outputs.join(", ")) };
            format!("{}{written}", record.describe(run))
        }
        RunFate::NotStarted(error) => format!("it was not started: {error}"),
        RunFate::Unknown(why) => format!("how it ended is not known: {why}"),
    }
}
