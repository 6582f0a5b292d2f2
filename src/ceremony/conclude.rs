//! The outcome, the destruction of what was secret, and the last line.

use super::{Error, World, acting::Acted, clearing, handed::SetAside, sign::LineWriter, station};
use crate::{
    account::outcome::FileAndReason,
    encoding::digest::Digest,
    ports::store::Inbox,
    transcript::{
        event::{Closed, Concluded},
        ledger::Ceremony,
        outcome::Outcome,
    },
};

/// What to do when the operation did not complete.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Persistence {
    /// Leave the ceremony open, so that running it again goes on.
    GoOn,
    /// Record what is known as the outcome, and close.
    GiveUp,
    /// The same, and keep what lies in the working directory of its program.
    GiveUpAndKeep,
}

impl Persistence {
    pub(super) fn gives_up(self) -> bool {
        self != Self::GoOn
    }
}

/// How an execution ended.
#[derive(Clone, Debug)]
pub struct Report {
    pub directory: String,
    pub number: u32,
    pub outcome: Outcome,
    pub head: Digest,
    pub concluded: Concluded,
    /// What changed about the targets since they were last recorded; none where an earlier run told it.
    pub noticed: Vec<String>,
    /// What its program complained of and left behind, where it did not complete; none where an earlier run told it.
    pub said: Vec<String>,
    /// Where the working directory of its program was put, if it was to be kept.
    pub kept: Option<String>,
    /// Files that did not count.
    pub set_aside: Vec<SetAside>,
    /// Releases and keys of the station that were destroyed.
    pub destroyed: u32,
    /// What could not be destroyed, and must be destroyed by hand.
    pub left: Vec<FileAndReason>,
}

pub(super) fn conclude(
    world: &mut World<'_>,
    ceremony: &Ceremony,
    lines: &mut LineWriter,
    acted: Acted,
) -> Result<(), Error> {
    let done = acted.summary.clone();
    let line = lines.line(world.clock.now(), acted.into_concluded());
    world.append(&ceremony.directory, &[line]).map_err(|error| error.after(&done))
}

/// Destroys releases and the station's identity, writes `closed`, and destroys the signing key. What cannot be destroyed is
/// named in the report: the operation has happened, and its record is closed all the same.
pub(super) fn close(
    world: &mut World<'_>,
    ceremony: &Ceremony,
    lines: &mut LineWriter,
    inbox: &mut dyn Inbox,
    persistence: Persistence,
) -> Result<Report, Error> {
    // The identity goes before `closed` is written: after a crash in between, the ceremony is open and this is done again. The
    // other way round a closed ceremony could have releases that can still be opened.
    let mut cleared = clearing::clear(world, ceremony, inbox);
    let state = world.reload_last()?;
    let current = state.open().ok_or_else(|| {
        Error::problem("the ceremony vanished from the ledger", "run 'quorate audit' on it")
    })?;
    let concluded = current.concluded.clone().ok_or_else(|| {
        Error::problem("the outcome cannot be read back", "run 'quorate audit' on the ledger")
    })?;
    // Its outputs are in their places by now. After the last line nothing returns to the room.
    let mut kept = None;
    if persistence == Persistence::GiveUpAndKeep {
        kept = world.programs.keep(&station::room(ceremony.digest))?;
    } else if ceremony.proposal.operation.program().is_some() {
        cleared.tried("the program's room", world.programs.clear(&station::room(ceremony.digest)));
    }
    let line = lines.line(world.clock.now(), Closed { releases_destroyed: cleared.destroyed });
    let head = Digest::of(&line);
    world.append_last(ceremony, line)?;
    // The signing key last of all: it made the line above.
    cleared.tried("the station's keys", world.station.destroy_all(state.nonce, ceremony.number()));
    Ok(Report {
        directory: ceremony.directory.clone(),
        number: ceremony.number(),
        outcome: concluded.outcome,
        head,
        concluded,
        noticed: Vec::new(),
        said: Vec::new(),
        kept,
        set_aside: Vec::new(),
        destroyed: cleared.destroyed,
        left: cleared.left,
    })
}
