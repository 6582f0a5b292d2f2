//! What people sign: approvals, rejections, aborts and attestations of a head.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    encoding::{
        bounds::STATEMENT,
        digest::Digest,
        dsse::{Envelope, Mode},
        strict::{self, StrictError},
        text::{self, Name, Remark},
        time::Timestamp,
    },
    proposal::document::ProposalStatement,
    roster::{Person, Roster, Standing, card::EnrolledCard, key::KeyError, signatures::Signatures},
};

/// A payload that a person's card signs. The event is part of the payload type.
pub trait Statement: Serialize + DeserializeOwned {
    /// For example `approval`.
    const EVENT: &'static str;
    const BY: &'static [Standing];
    /// The person who says that they made it.
    fn author(&self) -> &Name;
}

/// A person approves one proposal. It hands over nothing: see [`Release`](super::release::Release).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    pub proposal: Digest,
    /// SHA-256 of the roster that they verified.
    pub roster: Digest,
    pub person: Name,
    /// When, by the clock of the machine on which they approved.
    pub time: Timestamp,
}

/// A person rejects one proposal. Final for them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rejection {
    pub proposal: Digest,
    pub person: Name,
    pub reason: Remark,
    pub time: Timestamp,
}

/// An administrator gives a ceremony up before anything was tried.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Abort {
    pub proposal: Digest,
    pub administrator: Name,
    pub reason: Remark,
    pub time: Timestamp,
}

/// What a person goes by who attests a head.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttestationBasis {
    /// They were in the room.
    Present,
    /// They saw the whole of a video of it.
    Video,
    /// They read the record alone.
    Record,
}

/// A person who was there signs the head of a closed ceremony. It lies beside the transcript.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attestation {
    /// The ledger's nonce.
    pub ledger: Digest,
    pub ceremony: u32,
    /// SHA-256 of its last line.
    pub head: Digest,
    pub person: Name,
    /// Whether what the transcript says is what was seen.
    pub agrees: bool,
    /// What they go by; none where it is not recorded.
    pub basis: Option<AttestationBasis>,
    /// What else they wish to say; why not, if they do not agree.
    pub remark: Remark,
    pub time: Timestamp,
}

impl Statement for Approval {
    const EVENT: &'static str = "approval";
    const BY: &'static [Standing] = &[Standing::Custodian, Standing::Approver];
    fn author(&self) -> &Name {
        &self.person
    }
}

impl Statement for Rejection {
    const EVENT: &'static str = "rejection";
    const BY: &'static [Standing] = &[Standing::Custodian, Standing::Approver];
    fn author(&self) -> &Name {
        &self.person
    }
}

impl Statement for Abort {
    const EVENT: &'static str = "abort";
    const BY: &'static [Standing] = &[Standing::Administrator];
    fn author(&self) -> &Name {
        &self.administrator
    }
}

impl Statement for Attestation {
    const EVENT: &'static str = "attestation";
    const BY: &'static [Standing] =
        &[Standing::Custodian, Standing::Approver, Standing::Administrator, Standing::Witness];
    fn author(&self) -> &Name {
        &self.person
    }
}

impl Statement for ProposalStatement {
    const EVENT: &'static str = "proposal";
    const BY: &'static [Standing] = &[Standing::Administrator];
    fn author(&self) -> &Name {
        &self.proposer
    }
}

/// A statement whose type, spelling, author and signature were checked against a roster.
#[must_use = "a signature that was checked is to be counted or kept"]
#[derive(Clone, Debug)]
pub struct Signed<S> {
    statement: S,
    envelope: Envelope,
    digest: Digest,
    card: Digest,
}

/// Why a statement does not count.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum StatementError {
    /// A statement of another type, or of the other mode.
    #[error("a statement of type {found:?}, where {wanted:?} is wanted")]
    Type { found: String, wanted: String },
    /// More than a card signs.
    #[error("a {event} of {bytes} bytes, more than the {STATEMENT} that are allowed")]
    Long { event: &'static str, bytes: usize },
    #[error("not a {event}: {source}")]
    Document { event: &'static str, source: StrictError },
    /// The author does not belong to the roster in this capacity.
    #[error("{author} is not {wanted} of this quorum")]
    Author { author: Name, wanted: String },
    /// None of the author's cards has the key that signed.
    #[error("signed by a key ({keyid}) that is on none of {author}'s cards")]
    Card {
        author: Name,
        /// First hex digits of the key.
        keyid: String,
    },
    #[error("{author}: {source}")]
    Signature { author: Name, source: KeyError },
}

/// A statement that was read. Who signed it is not known yet.
pub struct Claimed<S> {
    statement: S,
    envelope: Envelope,
}

impl<S: Statement> Claimed<S> {
    /// Reads a statement of this type and mode.
    pub fn read(envelope: Envelope, mode: Mode) -> Result<Self, StatementError> {
        Ok(Self { statement: read(&envelope, mode)?, envelope })
    }

    pub fn statement(&self) -> &S {
        &self.statement
    }

    pub fn verify(self, roster: &Roster, signatures: &Signatures<'_>) -> Result<Signed<S>, StatementError> {
        let Self { statement, envelope } = self;
        let author = statement.author();
        let (_, card) = author_card(roster, author, S::BY, envelope.signature().keyid)?;
        signatures
            .check(&card.enrolment().signing_key, &envelope)
            .map_err(|source| StatementError::Signature { author: author.clone(), source })?;
        Ok(Signed { card: card.keyid(), digest: envelope.payload_digest(), statement, envelope })
    }
}

impl<S: Statement> Signed<S> {
    /// Checks a statement. Whoever counts or obeys statements takes this type.
    pub fn verify(envelope: Envelope, mode: Mode, roster: &Roster) -> Result<Self, StatementError> {
        Claimed::read(envelope, mode)?.verify(roster, &Signatures::AT_ONCE)
    }

    pub fn statement(&self) -> &S {
        &self.statement
    }

    pub fn into_statement(self) -> S {
        self.statement
    }

    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// `keyid` of the card that signed.
    pub fn card(&self) -> Digest {
        self.card
    }

    /// SHA-256 of its payload, by which other statements name it.
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

/// Parses a statement of this type and mode. Nothing is known yet of who signed it.
pub fn read<S: Statement>(envelope: &Envelope, mode: Mode) -> Result<S, StatementError> {
    let wanted = mode.payload_type(S::EVENT);
    if envelope.payload_type != wanted {
        let found = text::printable(&envelope.payload_type.chars().take(100).collect::<String>());
        return Err(StatementError::Type { found, wanted });
    }
    let bytes = envelope.payload.0.len();
    if bytes > STATEMENT {
        return Err(StatementError::Long { event: S::EVENT, bytes });
    }
    strict::parse(&envelope.payload.0).map_err(|source| StatementError::Document { event: S::EVENT, source })
}

fn author_card<'r>(
    roster: &'r Roster,
    author: &Name,
    by: &[Standing],
    keyid: Digest,
) -> Result<(&'r Person, &'r EnrolledCard), StatementError> {
    let person = roster.person(author).filter(|p| by.contains(&p.standing)).ok_or_else(|| {
        let named = by.iter().map(|standing| match standing {
            Standing::Administrator | Standing::Approver => format!("an {standing}"),
            Standing::Custodian | Standing::Witness => format!("a {standing}"),
        });
        let wanted = named.collect::<Vec<_>>().join(" or ");
        StatementError::Author { author: author.clone(), wanted }
    })?;
    let card = person
        .card(keyid)
        .ok_or_else(|| StatementError::Card { author: author.clone(), keyid: keyid.short() })?;
    Ok((person, card))
}
