//! Dealing: fresh keys of authorities, split and sealed to the cards of those who will hold the shares.

use std::collections::BTreeMap;

use super::Error;
use crate::{
    encoding::{digest::Digest, dsse::Mode, strict::Base64},
    memory::AuthoritySecret,
    ports::card::EnrolledKeys,
    proposal::operations::genesis::AuthorityTable,
    roster::{
        Member, OperationKind, OperationRule, Policy, RestOfRoster, Roster, RosterDocument,
        card::EnrolledCard,
        deal::{Authority, Commitment, DealHeader, DealtCard, DealtCustodian, SealedShare, StationKeys},
    },
    sharing::{dealer, identity, share::UnverifiedShare},
};

/// The people of a new roster, with the enrolments that its plan names.
#[derive(Clone, Debug, Default)]
pub struct Members {
    /// Those who hold shares.
    pub custodians: Vec<Member>,
    /// Those who hold no share, and whose approval operations need.
    pub approvers: Vec<Member>,
    pub administrators: Vec<Member>,
    /// Those who sign what was seen.
    pub witnesses: Vec<Member>,
    /// Certificates of authorities in DER, from the file that the plan names.
    pub attestation_certificates: Vec<Base64>,
}

impl Members {
    /// The keys of all their cards. An enrolment that cannot be read is refused where the roster is made.
    pub fn enrolled(&self) -> Vec<EnrolledKeys> {
        let people = [&self.custodians, &self.approvers, &self.administrators, &self.witnesses];
        let cards = people.into_iter().flatten().flat_map(|person| &person.cards);
        let read = cards.filter_map(|card| EnrolledCard::from_file(card.clone()).ok());
        read.map(|card| EnrolledKeys::from(&card)).collect()
    }
}

/// What is dealt, to whom, and what else the new roster says.
pub(super) struct Terms {
    pub(super) mode: Mode,
    pub(super) ledger: Digest,
    pub(super) epoch: u32,
    pub(super) station: StationKeys,
    pub(super) members: Members,
    pub(super) authorities: Vec<AuthorityTable>,
    pub(super) operations: BTreeMap<OperationKind, OperationRule>,
    pub(super) policy: Policy,
}

/// Makes the authorities' keys and deals them. Their secrets exist only within this call.
pub(super) fn deal(terms: Terms, rng: &mut impl rand_core::CryptoRng) -> Result<Roster, Error> {
    let Terms { members, mut policy, .. } = terms;
    policy.attestation.certificates = members.attestation_certificates;
    let mut secrets: Vec<AuthoritySecret> = Vec::new();
    let mut authorities = Vec::new();
    for AuthorityTable { name, threshold, groups } in terms.authorities {
        let secret = identity::fresh(rng)?;
        let recipient = identity::recipient(&secret)?;
        authorities.push(Authority { name, threshold, groups, recipient });
        secrets.push(secret);
    }
    let rest = RestOfRoster {
        custodians: &members.custodians,
        approvers: &members.approvers,
        administrators: &members.administrators,
        witnesses: &members.witnesses,
        operations: &terms.operations,
        policy: &policy,
    };
    let header = DealHeader {
        mode: terms.mode,
        ledger: terms.ledger,
        epoch: terms.epoch,
        custodians: dealt_custodians(&members.custodians)?,
        authorities,
        station: terms.station,
        rest: rest.digest(),
    };
    // After the header is whole: each share is bound to its digest, and so to every threshold, custodian and recipient.
    let (commitments, sealed_shares) = deal_shares(&header, &secrets, rng)?;
    let document = RosterDocument {
        custodians: members.custodians,
        approvers: members.approvers,
        administrators: members.administrators,
        witnesses: members.witnesses,
        operations: terms.operations,
        policy,
        deal: header,
        commitments,
        sealed_shares,
    };
    Roster::validate(document)
        .map_err(|error| Error::refused(format!("the plan makes no roster: {error}"), error.hint()))
}

fn dealt_custodians(members: &[Member]) -> Result<Vec<DealtCustodian>, Error> {
    let mut custodians = Vec::new();
    for member in members {
        let mut cards = Vec::new();
        for file in &member.cards {
            let card = EnrolledCard::from_file(file.clone()).map_err(|e| {
                Error::refused(format!("{}: {e}", member.name), "have the card enrolled again")
            })?;
            if let Some(share_recipient) = card.share_recipient().cloned() {
                cards.push(DealtCard { keyid: card.keyid(), share_recipient });
            }
        }
        custodians.push(DealtCustodian { name: member.name.clone(), cards });
    }
    Ok(custodians)
}

fn deal_shares(
    header: &DealHeader,
    secrets: &[AuthoritySecret],
    rng: &mut impl rand_core::CryptoRng,
) -> Result<(Vec<Commitment>, Vec<SealedShare>), Error> {
    let mut commitments = Vec::new();
    let mut sealed = Vec::new();
    for (authority, secret) in header.authorities.iter().zip(secrets) {
        let dealt = dealer::deal(header, &authority.name, secret, rng)
            .map_err(|e| Error::problem(e.to_string(), "fix the plan, then propose again"))?;
        for (custodian, share) in header.custodians.iter().zip(dealt) {
            let document = UnverifiedShare::write(&share.name, &share.secret)?;
            commitments.push(Commitment {
                authority: authority.name.clone(),
                custodian: custodian.name.clone(),
                commitment: share.commitment,
            });
            for card in &custodian.cards {
                sealed.push(SealedShare {
                    authority: authority.name.clone(),
                    custodian: custodian.name.clone(),
                    card: card.keyid,
                    file: Base64(card.share_recipient.seal(document.expose())?),
                });
            }
        }
    }
    Ok((commitments, sealed))
}
