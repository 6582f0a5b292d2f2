//! Abandoning a ceremony before anything was tried.

use std::collections::BTreeSet;

use super::{
    Code, Error, World, clearing, collect,
    execute::{self, open_ceremony},
    keyring::{Keyring, Scope},
    recognition,
    said::Said,
    sign::{self, LineWriter},
};
use crate::{
    account::outcome::FileAndReason,
    approval::statement::Abort,
    encoding::{
        digest::Digest,
        text::{Name, Remark},
    },
    ports::{
        card::{CardDescription, UnlockedCard, Uses},
        store::Inbox,
    },
    roster::requirement::Shares,
    transcript::{event::Aborted, ledger::Ceremony},
};

/// What an abort came to.
#[derive(Clone, Debug)]
pub struct GivenUp {
    pub directory: String,
    pub head: Digest,
    /// What could not be destroyed, and must be destroyed by hand.
    pub left: Vec<FileAndReason>,
    /// Those whose shares were released for it.
    pub outstanding: BTreeSet<Name>,
}

/// Opens the key that signs the lines, and signs.
pub const USES: Uses = Uses { signs: 1, opens: 1 };

/// Has the administrator's card sign the abort, destroys releases and keys, and writes `aborted`.
pub fn abort(
    world: &mut World<'_>,
    description: &CardDescription,
    card: &mut dyn UnlockedCard,
    inbox: &mut dyn Inbox,
    reason: Remark,
) -> Result<GivenUp, Error> {
    let state = world.load()?;
    let ceremony = open_ceremony(&state, "abort")?.clone();
    if ceremony.intended.is_some() || ceremony.concluded.is_some() {
        return Err(Error::refused(
            format!("ceremony {} has begun to act: it cannot be aborted", ceremony.number()),
            "run 'quorate execute' to bring it to its end, or 'quorate execute --give-up' to record what is known",
        )
        .coded(Code::Acted));
    }
    clearing::check(&ceremony, inbox)?;
    // Destruction cannot be undone if the line that records it cannot be written.
    execute::check_room(world, &ceremony, 0)?;
    let administrator = recognition::administrator(&ceremony.roster, description, "abort")?.name.clone();
    let time = world.now(Some(&state))?;
    let keyring = Keyring::open(world.station, &ceremony, Scope::Lines, description, card)?;
    let (signing, _) = keyring.into_secrets(&ceremony)?;
    let mut lines = LineWriter::resume(world.mode, &signing, &ceremony)?;
    let outstanding = record_releases(world, &ceremony, inbox, &mut lines)?;
    let statement = Abort { proposal: ceremony.digest, administrator, reason, time };
    let abort = sign::statement(card, &description.signing_key, world.mode, &statement)?;
    let mut cleared = clearing::clear(world, &ceremony, inbox);
    let line = lines.line(time, Aborted { abort });
    let head = Digest::of(&line);
    world.append_last(&ceremony, line)?;
    cleared.tried("the station's keys", world.station.destroy_all(state.nonce, ceremony.number()));
    Ok(GivenUp { directory: ceremony.directory, head, left: cleared.left, outstanding })
}

/// Shares that were released stay known to whoever has the files: that they were is put on record before the files here are
/// destroyed. They are not opened. Gives those who released some.
fn record_releases(
    world: &mut World<'_>,
    ceremony: &Ceremony,
    inbox: &mut dyn Inbox,
    lines: &mut LineWriter,
) -> Result<BTreeSet<Name>, Error> {
    let mut people: BTreeSet<Name> = ceremony.released_by().into_iter().cloned().collect();
    if ceremony.shares != Shares::Released {
        return Ok(people);
    }
    let collected = collect::collect(ceremony, world.mode, None, world.station, inbox)?;
    if !collected.releases.is_empty() {
        people.extend(collected.voices().released);
        let batch = Said::of(&collected).lines(ceremony, lines, world.clock.now());
        world.append(&ceremony.directory, &batch)?;
    }
    Ok(people)
}
