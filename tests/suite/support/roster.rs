//! A dealing with keys of the test's own: everything that a dealer has in their hands before they forget it.

use ed25519_dalek::{Signer as _, SigningKey};
use quorate::{
    encoding::{
        digest::Digest,
        dsse::{Envelope, Mode, pae},
        strict::{self, Base64},
        text::{Line, Name},
        time::Timestamp,
    },
    memory::AuthoritySecret,
    roster::{
        AttestationPolicy, Governing, Member, OperationKind, OperationRule, Policy, RestOfRoster, Roster,
        RosterDocument,
        card::{CardKind, ENROLMENT_TYPE, Enrolment, EnrolmentFile},
        deal::{Authority, Commitment, DealHeader, DealtCard, DealtCustodian, SealedShare, StationKeys},
        key::PublicKey,
    },
    sealing::{
        hybrid::{HybridIdentity, HybridRecipient},
        recipient::ShareRecipient,
    },
    sharing::{
        dealer, identity,
        share::{Share, ShareError, UnverifiedShare},
    },
};

/// What a dealing is made of.
#[derive(Clone)]
pub struct Recipe {
    /// Number of custodians: `person-1` …
    pub custodians: u8,
    /// Authorities with their thresholds.
    pub authorities: Vec<(&'static str, u8)>,
    /// Production or rehearsal.
    pub mode: Mode,
    /// The ledger's nonce.
    pub ledger: Digest,
    /// Number of the dealing.
    pub epoch: u32,
    /// The custodians' groups by their place; none after the last.
    pub groups: Vec<&'static str>,
    /// The minima of groups of every authority.
    pub minima: Vec<(&'static str, u8)>,
    /// Approvers of a deletion: numbers that are nobody's else.
    pub approvers: Vec<u8>,
    /// Seeds that are dealt; random ones where it is empty.
    pub secrets: Vec<[u8; 32]>,
}

/// A dealing with all its secrets.
pub struct Dealing {
    /// The roster.
    pub roster: Roster,
    /// The authorities' secrets, in the order of the recipe.
    pub secrets: Vec<AuthoritySecret>,
    documents: Vec<((Name, Name), Vec<u8>)>,
}

/// A name.
pub fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// The n-th custodian, from 1.
pub fn person(number: u8) -> Name {
    name(&format!("person-{number}"))
}

/// The n-th custodian's share key.
pub fn share_key(number: u8) -> quorate::sealing::hybrid::HybridIdentity {
    HybridIdentity::from_seed(Digest::of(format!("share key {number}").as_bytes()).as_bytes()).unwrap()
}

/// The recipient of [`share_key`].
pub fn share_recipient(number: u8) -> HybridRecipient {
    share_key(number).recipient()
}

impl Recipe {
    /// M of N for one authority, `crypto-officer`.
    pub fn of(threshold: u8, custodians: u8) -> Self {
        Self {
            custodians,
            authorities: vec![("crypto-officer", threshold)],
            mode: Mode::Production,
            ledger: Digest::of(b"ledger"),
            epoch: 1,
            groups: Vec::new(),
            minima: Vec::new(),
            approvers: Vec::new(),
            secrets: Vec::new(),
        }
    }

    /// Deals.
    pub fn deal(&self) -> Dealing {
        let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
        let mut secrets: Vec<AuthoritySecret> =
            self.secrets.iter().map(|bytes| AuthoritySecret::copy_of(bytes).unwrap()).collect();
        while secrets.len() < self.authorities.len() {
            secrets.push(identity::fresh(&mut rng).unwrap());
        }
        let custodians: Vec<Member> = (1..=self.custodians).map(|number| self.custodian(number)).collect();
        let approvers: Vec<Member> = self.approvers.iter().copied().map(member).collect();
        let administrators = vec![member(250)];
        let everybody: Vec<Name> = self.authorities.iter().map(|(authority, _)| name(authority)).collect();
        let operations = OperationKind::ALL
            .iter()
            .filter(|operation| operation.governing() == Governing::Named)
            .map(|operation| (*operation, self.rule(*operation, &everybody)))
            .collect();
        let policy = Policy {
            allow_soft_cards: true,
            copies: 1,
            allow_same_medium: false,
            require_locked_memory: false,
            allow_short_pins: false,
            drill_every_days: None,
            station_keepers: 1,
            attestation: AttestationPolicy::default(),
        };
        let rest = RestOfRoster {
            custodians: &custodians,
            approvers: &approvers,
            administrators: &administrators,
            witnesses: &[],
            operations: &operations,
            policy: &policy,
        };
        let header = self.header(&secrets, rest.digest());
        let (mut commitments, mut sealed_shares, mut documents) = (Vec::new(), Vec::new(), Vec::new());
        for (authority, secret) in header.authorities.iter().zip(&secrets) {
            let dealt = dealer::deal(&header, &authority.name, secret, &mut rng).unwrap();
            for (share, custodian) in dealt.iter().zip(&header.custodians) {
                let document = UnverifiedShare::write(&share.name, &share.secret).unwrap();
                let key = (authority.name.clone(), custodian.name.clone());
                commitments.push(Commitment {
                    authority: key.0.clone(),
                    custodian: key.1.clone(),
                    commitment: share.commitment,
                });
                let recipient = &custodian.cards[0].share_recipient;
                sealed_shares.push(SealedShare {
                    authority: key.0.clone(),
                    custodian: key.1.clone(),
                    card: custodian.cards[0].keyid,
                    file: Base64(recipient.seal(document.expose()).unwrap()),
                });
                documents.push((key, document.expose().to_vec()));
            }
        }
        let document = RosterDocument {
            custodians,
            approvers,
            administrators,
            witnesses: Vec::new(),
            operations,
            policy,
            deal: header,
            commitments,
            sealed_shares,
        };
        Dealing { roster: Roster::validate(document).unwrap(), secrets, documents }
    }

    fn custodian(&self, number: u8) -> Member {
        let group = self.groups.get(usize::from(number) - 1).copied().map(name);
        Member { group, ..member(number) }
    }

    fn rule(&self, operation: OperationKind, authorities: &[Name]) -> OperationRule {
        let approvers = match operation {
            OperationKind::Delete => self.approvers.iter().copied().map(person).collect(),
            _ => Vec::new(),
        };
        OperationRule { authorities: authorities.to_vec(), approvers }
    }

    fn header(&self, secrets: &[AuthoritySecret], rest: Digest) -> DealHeader {
        let custodians = (1..=self.custodians).map(|number| {
            let card = DealtCard {
                keyid: public(number).keyid(),
                share_recipient: ShareRecipient::Hybrid(share_recipient(number)),
            };
            DealtCustodian { name: person(number), cards: vec![card] }
        });
        let authorities = self.authorities.iter().zip(secrets).map(|((authority, threshold), secret)| {
            let recipient = identity::recipient(secret).unwrap();
            let groups = self.minima.iter().map(|(group, minimum)| (name(group), *minimum)).collect();
            Authority { name: name(authority), threshold: *threshold, groups, recipient }
        });
        DealHeader {
            mode: self.mode,
            ledger: self.ledger,
            epoch: self.epoch,
            custodians: custodians.collect(),
            authorities: authorities.collect(),
            station: StationKeys { signing_key: public(251), recipient: share_recipient(251) },
            rest,
        }
    }
}

impl Dealing {
    /// The authority of this name.
    pub fn authority(&self, authority: &str) -> &Authority {
        self.roster.deal().authority(&name(authority)).unwrap()
    }

    /// A share's document, as its custodian's card opens it.
    pub fn document(&self, authority: &str, number: u8) -> &[u8] {
        let key = (name(authority), person(number));
        &self.documents.iter().find(|(k, _)| *k == key).unwrap().1
    }

    /// A good share.
    pub fn share(&self, authority: &str, number: u8) -> Share {
        self.verify(self.document(authority, number), authority, number).unwrap()
    }

    /// Takes a document as the share of this custodian.
    pub fn verify(&self, document: &[u8], authority: &str, number: u8) -> Result<Share, ShareError> {
        let (share, rest) = UnverifiedShare::read(document)?;
        assert!(rest.is_empty());
        share.verify(&self.roster, &name(authority), &person(number))
    }
}

fn signing(number: u8) -> SigningKey {
    SigningKey::from_bytes(Digest::of(format!("signing key {number}").as_bytes()).as_bytes())
}

fn public(number: u8) -> PublicKey {
    PublicKey::from_ed25519(signing(number).verifying_key()).unwrap()
}

fn member(number: u8) -> Member {
    let full_name = Line::lossy(&format!("Person {number}"));
    let recipient = ShareRecipient::Hybrid(share_recipient(number));
    let enrolment = Enrolment {
        holder: person(number),
        full_name: full_name.clone(),
        kind: CardKind::Soft,
        serial: Line::lossy(&number.to_string()),
        signing_key: public(number),
        share_recipient: Some(recipient.digest()),
        created: Timestamp::EPOCH,
        attestation: Vec::new(),
    };
    let payload = strict::write(&enrolment);
    let signature = signing(number).sign(&pae(ENROLMENT_TYPE, &payload)).to_vec();
    let statement = Envelope::new(ENROLMENT_TYPE.into(), payload, public(number).keyid(), signature);
    let card = EnrolmentFile { statement, share_recipient: Some(recipient), attestation: Vec::new() };
    Member { name: person(number), full_name, group: None, cards: vec![card] }
}
