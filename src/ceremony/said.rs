//! What people said of a ceremony, on its way into the record: approvals, releases and confirmations, in the order in which
//! each rests on what is above it.

use super::{
    Error, World,
    collect::{Collected, CollectedConfirmation, CollectedRelease, kept_name},
    sign::{self, LineWriter},
};
use crate::{
    approval::statement::{Approval, Signed},
    encoding::{dsse::Envelope, text::Name, time::Timestamp},
    ports::store::Beside,
    transcript::{
        event::{Approved, Confirmed, Released},
        ledger::Ceremony,
    },
};

/// What is not on record yet, and what is kept with it.
pub(super) struct Said {
    approvals: Vec<Signed<Approval>>,
    releases: Vec<CollectedRelease>,
    confirmations: Vec<CollectedConfirmation>,
}

impl Said {
    pub(super) fn of(collected: &Collected) -> Self {
        Self {
            approvals: collected.approvals.clone(),
            releases: collected.releases.clone(),
            confirmations: collected.confirmations.clone(),
        }
    }

    /// The lines that are not in the transcript yet.
    pub(super) fn lines(&self, ceremony: &Ceremony, lines: &mut LineWriter, now: Timestamp) -> Vec<Vec<u8>> {
        let mut batch = Vec::new();
        for signed in &self.approvals {
            if ceremony.approvals.iter().all(|known| known.digest() != signed.digest()) {
                batch.push(lines.line(now, Approved { approval: signed.envelope().clone() }));
            }
        }
        for CollectedRelease { signed, basis, .. } in &self.releases {
            let who = &signed.statement().custodian;
            if ceremony.releases.iter().any(|known| known.signed.statement().custodian == *who) {
                continue;
            }
            let (release, basis) = (signed.envelope().clone(), basis.clone());
            batch.push(lines.line(now, Released { release, basis }));
        }
        for CollectedConfirmation { recorded, .. } in &self.confirmations {
            let drills = recorded.drills.iter().map(|drill| drill.envelope().clone()).collect();
            let confirmation = recorded.signed.envelope().clone();
            batch.push(lines.line(now, Confirmed { confirmation, drills }));
        }
        batch
    }

    /// Whether anybody released shares.
    pub(super) fn releases(&self) -> bool {
        !self.releases.is_empty()
    }

    /// About how many bytes the lines have.
    pub(super) fn bytes(&self) -> usize {
        let statements =
            self.statements().map(|(_, statement)| statement.payload.0.len().saturating_add(1024));
        let files = self.files().map(|(_, file)| file.len());
        statements.chain(files).sum()
    }

    /// Keeps the shares at the station, and puts the statements beside the transcript.
    pub(super) fn keep(&self, world: &mut World<'_>, ceremony: &Ceremony) -> Result<(), Error> {
        for (who, file) in self.files() {
            let name = kept_name(ceremony.shares, who);
            world.station.put(ceremony.proposal.ledger, ceremony.number(), &name, file)?;
        }
        for (who, statement) in self.statements() {
            let (name, bytes) = (sign::beside_name(who, statement), sign::to_file(statement));
            world.ledger.put_beside(&ceremony.directory, Beside::Approvals, &name, &bytes)?;
        }
        Ok(())
    }

    fn files(&self) -> impl Iterator<Item = (&Name, &[u8])> {
        let releases = self.releases.iter().map(|r| (&r.signed.statement().custodian, r.file.as_slice()));
        let confirmations =
            self.confirmations.iter().map(|c| (&c.recorded.signed.statement().person, c.file.as_slice()));
        releases.chain(confirmations)
    }

    fn statements(&self) -> impl Iterator<Item = (&Name, &Envelope)> {
        let approvals = self.approvals.iter().map(|a| (&a.statement().person, a.envelope()));
        let releases = self.releases.iter().map(|r| (&r.signed.statement().custodian, r.signed.envelope()));
        let confirmations = self
            .confirmations
            .iter()
            .map(|c| (&c.recorded.signed.statement().person, c.recorded.signed.envelope()));
        approvals.chain(releases).chain(confirmations)
    }
}
