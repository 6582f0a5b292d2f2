//! On which medium the files lie that a ceremony writes. Where a medium is not mounted, its empty folder is on the disk below, and
//! what should have gone away from the station stays there.
//!
//! The ledger does not say what was mounted when a ceremony was proposed; its station remembers. Not guaranteed: that what is
//! mounted there now is the same medium.

use std::path::Path;

use super::{Error, World};
use crate::{
    encoding::{digest::Digest, strict},
    ports::store::Artifacts,
    proposal::{document::Proposal, operations::Operation},
    transcript::ledger::Ceremony,
};

/// Beside a station's secrets: for each output, where the file system was mounted that it would lie on.
const MOUNTED: &str = "outputs-mounted";

/// What to know of outputs that do not go to a medium of their own.
pub fn remarks(artifacts: &mut dyn Artifacts, operation: &Operation) -> Result<Vec<String>, Error> {
    let mut remarks = Vec::new();
    for output in operation.outputs() {
        let medium = artifacts.medium(output)?;
        if let Some(with) = medium.shared_with {
            remarks.push(format!(
                "{output} will lie on the same file system as {with} (mounted at {}). If it is to go to a medium of its own, \
                 mount that first.",
                medium.mounted_at
            ));
        }
    }
    Ok(remarks)
}

/// Remembers what is mounted, where the ceremony is proposed.
pub(super) fn remember(world: &mut World<'_>, proposal: &Proposal) -> Result<(), Error> {
    let mounted = mounted(world.artifacts, &proposal.operation)?;
    if !mounted.is_empty() {
        world.station.put(proposal.ledger, proposal.ceremony, MOUNTED, &strict::write(&mounted))?;
    }
    Ok(())
}

/// Refuses an output that was to go to another file system when it was proposed: its medium is not mounted any more.
pub fn check_mounted(world: &mut World<'_>, ledger: Digest, open: &Ceremony) -> Result<(), Error> {
    let kept = world.station.take(ledger, open.number(), MOUNTED)?;
    let before: Vec<String> = kept.and_then(|bytes| strict::parse(&bytes).ok()).unwrap_or_default();
    let now = mounted(world.artifacts, &open.proposal.operation)?;
    let outputs = open.proposal.operation.outputs();
    for ((before, now), output) in before.iter().zip(&now).zip(outputs) {
        // A medium that was mounted there meanwhile is what the remark asked for.
        if !Path::new(now).starts_with(before) {
            return Err(Error::refused(
                format!(
                    "when {output} was proposed, it was to lie on the file system at {before}; now it would lie on that at {now}"
                ),
                "mount the medium again, then run the same command again",
            ));
        }
    }
    Ok(())
}

fn mounted(artifacts: &mut dyn Artifacts, operation: &Operation) -> Result<Vec<String>, Error> {
    operation.outputs().into_iter().map(|output| Ok(artifacts.medium(output)?.mounted_at)).collect()
}
