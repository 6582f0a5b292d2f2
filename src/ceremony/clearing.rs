//! What is destroyed when a ceremony ends: the copies of releases that people brought, and the station's secrets.
//!
//! Whether that is possible is checked before anything is tried. If it fails later, the ceremony is closed all the same: the target
//! was touched, and people need the outcome and the head more than a clean folder.

use super::{Error, World, commanding, station};
use crate::{
    account::outcome::FileAndReason,
    approval::release::{ConfirmationFile, HandedFile as _, ReleaseFile},
    encoding::{digest::Digest, text::printable},
    ports::store::{Inbox, StoreError},
    transcript::ledger::Ceremony,
};

/// The result of the destruction.
#[derive(Default)]
pub(super) struct Cleared {
    /// Files that are gone.
    pub(super) destroyed: u32,
    /// Files that are not.
    pub(super) left: Vec<FileAndReason>,
}

impl Cleared {
    /// Notes what came of one; true if it is gone.
    pub(super) fn tried(&mut self, what: &str, result: Result<(), impl std::fmt::Display>) -> bool {
        match result {
            Ok(()) => true,
            Err(error) => {
                let left = FileAndReason { file: printable(what), reason: error.to_string() };
                if self.left.iter().all(|known| known.file != left.file || known.reason != left.reason) {
                    self.left.push(left);
                }
                false
            }
        }
    }

    fn destroyed(&mut self, what: &str, result: Result<(), StoreError>) {
        if self.tried(what, result) {
            self.destroyed = self.destroyed.saturating_add(1);
        }
    }
}

/// Refuses files of releases that could not be destroyed afterwards: on a medium that is read-only, or another account's.
pub fn check(ceremony: &Ceremony, inbox: &mut dyn Inbox) -> Result<(), Error> {
    let mut stay = Vec::new();
    for name in ours(ceremony, inbox) {
        if let Err(error) = inbox.check_destroyable(&name) {
            stay.push(error.to_string());
        }
    }
    if stay.is_empty() {
        return Ok(());
    }
    let error = Error::problem(
        "some of the files cannot be destroyed when the ceremony ends, and each contains shares: nothing was tried",
        "copy them to a folder of your own, name the copies instead, and destroy the originals yourself",
    );
    Err(error.with(stay))
}

/// Overwrites and unlinks the copies of releases that were handed over, and the station's identity.
pub(super) fn clear(world: &mut World<'_>, ceremony: &Ceremony, inbox: &mut dyn Inbox) -> Cleared {
    let (ledger, number) = (ceremony.proposal.ledger, ceremony.number());
    let mut cleared = Cleared::default();
    for name in ours(ceremony, inbox) {
        let result = inbox.destroy(&name);
        cleared.destroyed(&name, result);
    }
    let names = match world.station.names(ledger, number) {
        Ok(names) => names,
        Err(error) => {
            cleared.tried("the station's secrets", Err(error));
            Vec::new()
        }
    };
    for name in names {
        let of_program = name == commanding::STARTED || name == commanding::ENDED;
        let stays = name.starts_with("signing-") || name == station::mark(ceremony.digest);
        if !stays && !of_program {
            let result = world.station.destroy(ledger, number, &name);
            cleared.destroyed(&name, result);
        }
    }
    cleared
}

/// The files that belong to this ceremony: one given by mistake may be another ceremony's release. Zeros were overwritten
/// by an execution that was cut off before it unlinked them.
fn ours(ceremony: &Ceremony, inbox: &mut dyn Inbox) -> Vec<String> {
    let files = inbox.files().into_iter();
    files
        .filter(|(_, content)| {
            content.as_ref().is_ok_and(|bytes| belongs(bytes, ceremony.digest) || is_zeros(bytes))
        })
        .map(|(name, _)| name)
        .collect()
}

fn is_zeros(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|b| *b == 0)
}

/// Approvals alone have nothing secret in them, and stay.
fn belongs(bytes: &[u8], proposal: Digest) -> bool {
    #[derive(serde::Deserialize)]
    struct Names {
        proposal: Digest,
    }
    let released = ReleaseFile::parse(bytes).map(|file| file.statement);
    let statement = released.or_else(|_| ConfirmationFile::parse(bytes).map(|file| file.statement));
    statement
        .ok()
        .and_then(|statement| serde_json::from_slice::<Names>(&statement.payload.0).ok())
        .is_some_and(|names| names.proposal == proposal)
}
