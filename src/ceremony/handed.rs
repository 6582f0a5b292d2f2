//! Files that people hand over, as far as they can be judged without the station's secrets.

use crate::{
    account::outcome::FileAndReason,
    approval::{
        release::{Basis, ConfirmationFile, HandedFile as _, Release, ReleaseFile},
        statement::{Approval, Rejection, Signed, Statement, StatementError},
    },
    encoding::{
        digest::Digest,
        dsse::{Envelope, Mode},
        strict::StrictError,
        text::{self, Name},
    },
    proposal::operations::Plan,
    roster::{card::EnrolledCard, signatures::Signatures},
    transcript::{
        ceremonies::RecordedConfirmation,
        ceremony::{check_approval, check_needed},
        context::Context,
        finding::Finding,
        ledger::Ceremony,
        released::{check_confirmation, check_release},
    },
};

/// A file that does not count, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SetAside {
    pub file: String,
    pub reason: String,
    /// Whether it was named and is missing, is not a statement at all, or is one about another proposal: not one with a flaw.
    pub is_foreign: bool,
}

impl SetAside {
    pub fn told(self) -> FileAndReason {
        FileAndReason { file: self.file, reason: self.reason }
    }
}

/// Why a file does not count.
pub(super) enum Unfit {
    /// Not a statement about this proposal by anybody of its roster.
    Foreign(String),
    /// One that does not count.
    Flawed(String),
}

impl From<String> for Unfit {
    fn from(reason: String) -> Self {
        Self::Flawed(reason)
    }
}

impl From<StatementError> for Unfit {
    fn from(error: StatementError) -> Self {
        Self::Foreign(error.to_string())
    }
}

impl From<Finding> for Unfit {
    fn from(finding: Finding) -> Self {
        match finding.code {
            "other-proposal" => Self::Foreign(finding.message),
            _ => Self::Flawed(finding.message),
        }
    }
}

impl Unfit {
    pub(super) fn of(self, file: &str) -> SetAside {
        let is_foreign = matches!(self, Self::Foreign(_));
        SetAside { file: text::printable(file), reason: self.into_reason(), is_foreign }
    }

    /// Another approval of somebody.
    pub(super) fn counted(who: &Name) -> Self {
        Self::Flawed(format!("{who} has already approved: a custodian counts once"))
    }

    pub(super) fn into_reason(self) -> String {
        match self {
            Self::Foreign(reason) | Self::Flawed(reason) => reason,
        }
    }
}

/// A file that was handed over, with who signed it and what it is of verified.
pub(super) enum Handed {
    Approval(Signed<Approval>),
    Rejection(Signed<Rejection>),
    Release(Box<HandedRelease>),
    Confirmation(Box<HandedConfirmation>),
}

/// A release that is valid for this ceremony. Whether its shares are, is seen when the station opens them.
pub(super) struct HandedRelease {
    pub(super) signed: Signed<Release>,
    pub(super) basis: Basis,
    /// Those that the basis lists.
    pub(super) approvals: Vec<Signed<Approval>>,
    pub(super) sealed: Vec<u8>,
}

/// A confirmation that is valid for this ceremony.
pub(super) struct HandedConfirmation {
    pub(super) recorded: RecordedConfirmation,
    /// The shares, sealed to the station; none by an approver.
    pub(super) sealed: Option<Vec<u8>>,
}

impl Handed {
    pub(super) fn read(ceremony: &Ceremony, mode: Mode, bytes: &[u8]) -> Result<Self, Unfit> {
        if let Ok(file) = ReleaseFile::parse(bytes) {
            return release(ceremony, mode, file).map(|read| Self::Release(Box::new(read)));
        }
        if let Ok(file) = ConfirmationFile::parse(bytes) {
            return confirmation(ceremony, mode, file).map(|read| Self::Confirmation(Box::new(read)));
        }
        let envelope = bytes.strip_suffix(b"\n").ok_or(StrictError::Spelling).and_then(Envelope::parse);
        let envelope = envelope.map_err(|error| match error {
            StrictError::Version => Unfit::Foreign(error.of("a file")),
            _ => Unfit::Foreign(not_a_statement(bytes)),
        })?;
        if envelope.payload_type != mode.payload_type(Rejection::EVENT) {
            return approval(ceremony, mode, envelope).map(Self::Approval);
        }
        let signed = Signed::<Rejection>::verify(envelope, mode, &ceremony.roster)?;
        if signed.statement().proposal != ceremony.digest {
            return Err(Unfit::Foreign(format!("{} rejected another proposal", signed.statement().person)));
        }
        check_needed(ceremony, &signed.statement().person)?;
        Ok(Self::Rejection(signed))
    }
}

fn approval(ceremony: &Ceremony, mode: Mode, envelope: Envelope) -> Result<Signed<Approval>, Unfit> {
    let signed = Signed::<Approval>::verify(envelope, mode, &ceremony.roster)?;
    check_approval(ceremony, signed.statement())?;
    Ok(signed)
}

fn release(ceremony: &Ceremony, mode: Mode, file: ReleaseFile) -> Result<HandedRelease, Unfit> {
    let ReleaseFile { statement, basis, approvals, sealed } = file;
    let signed = Signed::<Release>::verify(statement, mode, &ceremony.roster)?;
    let who = &signed.statement().custodian;
    if signed.statement().proposal != ceremony.digest {
        return Err(Unfit::Foreign(format!("{who} released shares for another proposal")));
    }
    let approvals: Vec<Signed<Approval>> = approvals
        .into_iter()
        .map(|envelope| approval(ceremony, mode, envelope).map_err(Unfit::into_reason))
        .collect::<Result<_, _>>()?;
    if !approvals.iter().map(Signed::digest).eq(basis.approvals.iter().copied()) {
        return Err(Unfit::Flawed(format!(
            "the approvals with {who}'s release are not those that it rests on"
        )));
    }
    match &ceremony.intended {
        None => check_release(ceremony, &approvals, &signed, &basis)?,
        Some((intended, _)) => {
            check_member(intended, who)?;
            // What it rests on was judged when it was recorded.
            if ceremony.releases.iter().all(|known| known.signed.digest() != signed.digest()) {
                return Err(Unfit::Flawed(format!("{who}'s release is not the one on record")));
            }
        }
    }
    check_sealed(who, &sealed.0, Some(signed.statement().file))?;
    Ok(HandedRelease { signed, basis, approvals, sealed: sealed.0 })
}

fn confirmation(
    ceremony: &Ceremony,
    mode: Mode,
    file: ConfirmationFile,
) -> Result<HandedConfirmation, Unfit> {
    let ConfirmationFile { statement, drills, sealed } = file;
    let signed = Signed::verify(statement, mode, &ceremony.roster)?;
    let context = Context { mode, number: ceremony.number(), state: None, signatures: &Signatures::AT_ONCE };
    let recorded = check_confirmation(ceremony, signed, &drills, &context)?;
    let said = recorded.signed.statement();
    if let Some((intended, _)) = &ceremony.intended {
        check_member(intended, &said.person)?;
    }
    match &sealed {
        Some(sealed) => check_sealed(&said.person, &sealed.0, said.file)?,
        None if said.file.is_some() => {
            let reason = format!("{}'s confirmation comes without its release", said.person);
            return Err(Unfit::Flawed(reason));
        }
        None => {}
    }
    Ok(HandedConfirmation { sealed: sealed.map(|sealed| sealed.0), recorded })
}

fn check_member(intended: &crate::transcript::event::Intended, who: &Name) -> Result<(), Unfit> {
    if intended.quorum.contains(who) {
        return Ok(());
    }
    Err(Unfit::Flawed(format!("{who} is not of the quorum that acted")))
}

fn check_sealed(who: &Name, sealed: &[u8], signed: Option<Digest>) -> Result<(), Unfit> {
    if signed == Some(Digest::of(sealed)) {
        return Ok(());
    }
    Err(Unfit::Flawed(format!("the sealed shares are not those that {who} signed for")))
}

/// What a file is that was mistaken for a statement.
fn not_a_statement(bytes: &[u8]) -> String {
    let but = if EnrolledCard::parse(bytes).is_ok() {
        " but the enrolment of a card"
    } else if Plan::parse(bytes).is_ok() {
        " but a plan"
    } else {
        ""
    };
    format!("not an approval or a release{but}")
}
