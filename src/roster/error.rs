//! Why a roster is refused: one case for each rule, with the person, the card and the number.

use super::{
    attestation::AttestationError,
    card::{CardKind, EnrolmentError},
    members::MAX_DRILL_DAYS,
    operation::OperationKind,
};
use crate::encoding::{
    bounds::CUSTODIANS,
    text::{Line, Name},
};

/// Why a roster was refused.
#[derive(Debug, thiserror::Error)]
pub enum RosterError {
    #[error("{0} is listed twice: a person belongs to a quorum once, in one capacity")]
    PersonTwice(String),
    #[error("the full name \"{0}\" is empty, or has a blank at an end")]
    NameBlanks(Line),
    /// A serial number that its card does not spell so.
    #[error("{person}'s {kind} card has the serial \"{serial}\": not as such a card spells it")]
    SerialSpelling { person: Name, kind: CardKind, serial: Line },
    /// One card for two people, or twice for one.
    #[error("card serial {serial} is listed twice ({first} and {second})")]
    SerialTwice { serial: String, first: Name, second: Name },
    #[error(
        "a key of {second} is listed twice, maybe in another spelling (first with {first}): each key has one role"
    )]
    KeyTwice { first: String, second: String },
    #[error("{person}: {source}")]
    Enrolment { person: Name, source: EnrolmentError },
    #[error("a card listed for {person} was enrolled by {holder}")]
    OtherHolder { person: Name, holder: Name },
    /// The enrolment gives the person another full name than the roster does.
    #[error("{listed} was enrolled under another name: {enrolled}")]
    OtherName {
        /// As in the roster.
        listed: Line,
        enrolled: Line,
    },
    #[error("{0} has no card")]
    NoCard(Name),
    #[error("{person}'s card {serial} has no share key")]
    NoShareKey { person: Name, serial: Line },
    /// Production requires hardware.
    #[error("{person}'s card is a soft card, and this is a production quorum")]
    SoftCard { person: Name },
    /// Anybody can write an enrolment that says it is a hardware card's.
    #[error("{person}'s card {serial} says that it is hardware, and nothing attests that")]
    Unattested { person: Name, serial: Line },
    /// What came with the enrolment does not attest the card's keys.
    #[error("{person}'s yubikey card {serial}: {source}")]
    Attestation { person: Name, serial: Line, source: Box<AttestationError> },
    #[error("policy.attestation.certificates: {0}")]
    AttestationCertificates(AttestationError),
    /// Rehearsals require soft cards.
    #[error("{person}'s card is a {kind} card: a rehearsal takes soft cards only")]
    HardCard { person: Name, kind: CardKind },
    #[error("{0} custodians: a quorum has 2 to {CUSTODIANS}")]
    CustodianCount(usize),
    #[error("no administrator: nobody could propose a ceremony")]
    NoAdministrator,
    #[error("authority {authority}: threshold {threshold} is not between 2 and the {custodians} custodians")]
    Threshold { authority: Name, threshold: u8, custodians: usize },
    #[error("authority {authority}: {reason}")]
    Minima { authority: Name, reason: String },
    #[error("{person} is in the group {group}: no authority demands members of it")]
    IdleGroup { person: Name, group: Name },
    /// A group has no meaning for those who hold no share.
    #[error("{person} has the group {group} and holds no share: only custodians have a group")]
    GroupOfOther { person: Name, group: Name },
    #[error("no operation needs the approval of {0}, who is listed as an approver")]
    IdleApprover(Name),
    /// Two authorities of one name or with one key, or none.
    #[error("authorities: {0}")]
    Authorities(String),
    #[error("operation {operation}: {reason}")]
    Operation { operation: OperationKind, reason: String },
    #[error("policy.copies is {0}: 1 to 9 are possible")]
    Copies(u8),
    /// The time between two drills makes no sense.
    #[error("policy.drill_every_days is {0}: 1 to {MAX_DRILL_DAYS} are possible")]
    DrillDays(u32),
    #[error(
        "policy.station_keepers is {keepers}, and there {}: 1 is possible, and from two administrators on 2",
        if *administrators == 1 { "is one administrator".into() } else { format!("are {administrators} administrators") }
    )]
    StationKeepers { keepers: u8, administrators: usize },
    /// Deal header, commitments or sealed shares do not fit the members.
    #[error("the deal does not fit the members: {0}")]
    Deal(String),
    /// A sealed share is not sealed to its card, or not to it alone.
    #[error("the sealed share of {custodian} for {authority} {problem}")]
    SealedShare { custodian: Name, authority: Name, problem: String },
}

impl RosterError {
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Attestation { source, .. } => source.hint(),
            Self::AttestationCertificates(source) => source.hint(),
            Self::Unattested { .. } => {
                "have the card enrolled again with its attestations, or waive them: policy.require_attestation = false"
            }
            Self::SoftCard { .. } => {
                "use YubiKeys, or write allow_soft_cards = true under [policy]: a deviation that every audit shows"
            }
            _ => "fix the plan, then propose again",
        }
    }
}
