//! The outcome, the destruction of what was secret, and the last line.

use super::{Error, World, act::Acted, collect::SetAside, commanding, sign::LineWriter, station};
use crate::{
    encoding::digest::Digest,
    ports::store::Inbox,
    transcript::{
        event::{Closed, Concluded},
        ledger::Ceremony,
        outcome::Outcome,
    },
};

/// How an execution ended.
#[derive(Clone, Debug)]
pub struct Report {
    /// Directory of the ceremony.
    pub directory: String,
    /// Its number.
    pub number: u32,
    /// Which of the four ends.
    pub outcome: Outcome,
    /// The ceremony's head.
    pub head: Digest,
    /// What was recorded.
    pub concluded: Concluded,
    /// Files that did not count.
    pub set_aside: Vec<SetAside>,
    /// Releases and keys of the station that were destroyed.
    pub destroyed: u32,
}

/// Writes the outcome.
pub(super) fn conclude(
    world: &mut World<'_>,
    ceremony: &Ceremony,
    lines: &mut LineWriter,
    acted: Acted,
) -> Result<(), Error> {
    let line = lines.line(world.clock.now(), acted.into_concluded());
    world.append(&ceremony.directory, &[line])
}

/// Destroys releases and the station's identity, writes `closed`, and destroys the signing key.
pub(super) fn close(
    world: &mut World<'_>,
    ceremony: &Ceremony,
    lines: &mut LineWriter,
    inbox: &mut dyn Inbox,
    set_aside: Vec<SetAside>,
) -> Result<Report, Error> {
    let destroyed = destroy_releases(world, ceremony, inbox)?;
    let state = world.load()?;
    let current = state.open().ok_or_else(|| {
        Error::problem("the ceremony vanished from the ledger", "run 'quorate audit' on it")
    })?;
    let concluded = current.concluded.clone().ok_or_else(|| {
        Error::problem("the outcome cannot be read back", "run 'quorate audit' on the ledger")
    })?;
    // Its outputs are where they belong by now. After the last line nothing would come back to it.
    if ceremony.proposal.operation.program().is_some() {
        world.programs.clear(&commanding::room(ceremony.digest))?;
    }
    let line = lines.line(world.clock.now(), Closed { releases_destroyed: destroyed });
    let head = Digest::of(&line);
    world.append(&ceremony.directory, &[line])?;
    world.station.destroy_all(state.nonce, ceremony.number())?;
    Ok(Report {
        directory: ceremony.directory.clone(),
        number: ceremony.number(),
        outcome: concluded.outcome,
        head,
        concluded,
        set_aside,
        destroyed,
    })
}

/// Overwrites and unlinks the copies of releases that this execution was given, and the station's identity.
pub(super) fn destroy_releases(
    world: &mut World<'_>,
    ceremony: &Ceremony,
    inbox: &mut dyn Inbox,
) -> Result<u32, Error> {
    let (ledger, number) = (ceremony.proposal.ledger, ceremony.number());
    let mut destroyed = 0_u32;
    let digest = ceremony.digest;
    for (name, content) in inbox.files() {
        // Only what belongs to this ceremony: a file given by mistake may be another ceremony's approval.
        // Zeros were overwritten by an execution that was cut off before it unlinked them.
        if content.is_ok_and(|bytes| belongs(&bytes, digest) || is_zeros(&bytes)) {
            inbox.destroy(&name)?;
            destroyed = destroyed.saturating_add(1);
        }
    }
    for name in world.station.names(ledger, number)? {
        let of_program = name == commanding::STARTED || name == commanding::ENDED;
        let stays = name.starts_with("signing-") || name == station::mark(ceremony.digest);
        if !stays && !of_program {
            world.station.destroy(ledger, number, &name)?;
            destroyed = destroyed.saturating_add(1);
        }
    }
    Ok(destroyed)
}

fn is_zeros(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|b| *b == 0)
}

fn belongs(bytes: &[u8], proposal: Digest) -> bool {
    use crate::approval::statement::ApprovalFile;
    #[derive(serde::Deserialize)]
    struct Names {
        proposal: Digest,
    }
    ApprovalFile::parse(bytes)
        .ok()
        .and_then(|file| serde_json::from_slice::<Names>(&file.statement.payload.0).ok())
        .is_some_and(|names| names.proposal == proposal)
}
