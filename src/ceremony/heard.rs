//! What is known of an open ceremony without a card: statements on record, those beside the transcript, and those that this
//! station keeps.

use std::collections::BTreeSet;

use super::{
    Error, collect,
    handed::{Handed, SetAside, Unfit},
};
use crate::{
    account::ceremony::SaidBy,
    approval::{
        quorum::Voices,
        statement::{Signed, Statement},
    },
    encoding::{digest::Digest, dsse::Mode, text::Name, time::Timestamp},
    ports::store::{Inbox, StationStore},
    transcript::{
        ceremonies::{RecordedConfirmation, RecordedRelease},
        ledger::Ceremony,
    },
};

/// Who said what, and what of it cannot count.
#[derive(Debug, Default)]
pub struct Heard {
    /// Approvals and confirmations; one that its custodian's own rejection cancels is among them.
    pub approvals: Vec<SaidBy>,
    /// Releases, and the confirmations that hand over shares.
    pub releases: Vec<SaidBy>,
    pub rejections: Vec<SaidBy>,
    /// What the station keeps, or was brought, and cannot count.
    pub set_aside: Vec<SetAside>,
    /// Each file that was read.
    files: BTreeSet<Digest>,
}

impl Heard {
    pub fn voices(&self) -> Voices {
        let people = |said: &[SaidBy]| said.iter().map(|said| said.person.clone()).collect();
        Voices {
            approved: people(&self.approvals),
            released: people(&self.releases),
            rejected: people(&self.rejections),
        }
    }

    /// Hears the statements that were brought, too.
    pub fn hear(&mut self, ceremony: &Ceremony, mode: Mode, brought: &mut dyn Inbox) {
        for (file, content) in brought.files() {
            let heard = match content {
                Ok(bytes) if !self.files.insert(Digest::of(&bytes)) => continue,
                Ok(bytes) => Handed::read(ceremony, mode, &bytes).and_then(|handed| self.take(&handed)),
                Err(error) => Err(Unfit::Foreign(error.reason)),
            };
            self.set_aside.extend(heard.err().map(|unfit| unfit.of(&file)));
        }
    }

    /// Refuses what a person said before.
    fn take(&mut self, handed: &Handed) -> Result<(), Unfit> {
        match handed {
            Handed::Approval(signed) => {
                let said = signed.statement();
                add(&mut self.approvals, &said.person, said.time, signed)
            }
            Handed::Rejection(signed) => {
                let said = signed.statement();
                let _ = add(&mut self.rejections, &said.person, said.time, signed);
                Ok(())
            }
            Handed::Release(release) => {
                for approval in &release.approvals {
                    let said = approval.statement();
                    let _ = add(&mut self.approvals, &said.person, said.time, approval);
                }
                let said = release.signed.statement();
                add(&mut self.releases, &said.custodian, said.time, &release.signed)
            }
            Handed::Confirmation(confirmation) => {
                let signed = &confirmation.recorded.signed;
                let said = signed.statement();
                add(&mut self.approvals, &said.person, said.time, signed)?;
                match said.file {
                    Some(_) => add(&mut self.releases, &said.person, said.time, signed),
                    None => Ok(()),
                }
            }
        }
    }
}

/// Takes a person's first statement of a kind.
fn add<S: Statement>(
    into: &mut Vec<SaidBy>,
    who: &Name,
    time: Timestamp,
    signed: &Signed<S>,
) -> Result<(), Unfit> {
    match into.iter().find(|said| said.person == *who) {
        None => into.push(SaidBy { person: who.clone(), time, card: signed.card() }),
        // It is on record, and comes again with the file that the station keeps.
        Some(known) if (known.time, known.card) == (time, signed.card()) => {}
        Some(_) => return Err(Unfit::counted(who)),
    }
    Ok(())
}

/// Hears what is on record, the approvals beside it, and what the station keeps. Releases are not opened: that takes a card. One of
/// which only the statement is there counts nothing.
pub fn heard(ceremony: &Ceremony, mode: Mode, store: &dyn StationStore) -> Result<Heard, Error> {
    let mut heard = Heard::default();
    for signed in ceremony.approvals.iter().chain(ceremony.approvals_beside()) {
        let _ = add(&mut heard.approvals, &signed.statement().person, signed.statement().time, signed);
    }
    for signed in ceremony.rejections.iter().chain(&ceremony.unrecorded) {
        let _ = add(&mut heard.rejections, &signed.statement().person, signed.statement().time, signed);
    }
    for RecordedRelease { signed, .. } in &ceremony.releases {
        let _ = add(&mut heard.releases, &signed.statement().custodian, signed.statement().time, signed);
    }
    for RecordedConfirmation { signed, .. } in &ceremony.confirmations {
        let said = signed.statement();
        let _ = add(&mut heard.approvals, &said.person, said.time, signed);
        if said.file.is_some() {
            let _ = add(&mut heard.releases, &said.person, said.time, signed);
        }
    }
    for (file, bytes) in collect::kept(ceremony, store)? {
        heard.files.insert(Digest::of(&bytes));
        let taken = Handed::read(ceremony, mode, &bytes).and_then(|handed| heard.take(&handed));
        // These were not named on the command line.
        heard.set_aside.extend(taken.err().map(|unfit| SetAside { is_foreign: false, ..unfit.of(&file) }));
    }
    Ok(heard)
}
