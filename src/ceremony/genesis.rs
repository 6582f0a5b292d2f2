//! A genesis as it is proposed: the roster, the deal, and the credentials that will be installed.

use super::{
    Error,
    fresh_pins::{self, FreshPins, held_pin, seal_credential},
    program_proposal::{HandedOver, program_credentials},
    station::StationSecrets,
};
use crate::{
    encoding::{digest::Digest, dsse::Mode, strict::Base64, text::Line},
    memory::{AuthoritySecret, CredentialSecret, LockedBytes},
    ports::{
        card::EnrolledKeys,
        token::{TokenSource, Wanted},
    },
    proposal::{
        joining::{CredentialRule, GenesisTarget, Start},
        operations::{GenesisPlan, facts},
        place::Place,
        target::{Custody, Observation, Role},
        target_table::{StartKind, TargetKind, TargetTable},
    },
    roster::{
        Member, OperationKind, Policy, Roster, RosterDocument,
        card::EnrolledCard,
        deal::{Authority, Commitment, DealHeader, DealtCard, DealtCustodian, SealedShare},
    },
    sealing::recipient::ShareRecipient,
    sharing::{dealer, identity, share::UnverifiedShare},
};

/// The people of a genesis, with the enrolments that its plan names.
#[derive(Clone, Debug, Default)]
pub struct Members {
    /// Who holds shares.
    pub custodians: Vec<Member>,
    /// Who proposes.
    pub administrators: Vec<Member>,
    /// Who signs what was seen.
    pub witnesses: Vec<Member>,
    /// Certificates of authorities in DER, from the file that the plan names.
    pub attestation_certificates: Vec<Base64>,
}

impl Members {
    /// The keys of all their cards. An enrolment that cannot be read is refused where the roster is made.
    pub fn enrolled(&self) -> Vec<EnrolledKeys> {
        let people = self.custodians.iter().chain(&self.administrators).chain(&self.witnesses);
        let cards = people.flat_map(|person| &person.cards);
        let read = cards.filter_map(|card| EnrolledCard::from_file(card.clone()).ok());
        read.map(|card| EnrolledKeys::from(card.enrolment())).collect()
    }
}

/// What a genesis deals.
pub struct Dealt {
    /// The roster with commitments and sealed shares.
    pub roster: Roster,
    /// The targets as they are now.
    pub targets: Vec<GenesisTarget>,
    /// The credentials that the quorum will hold, and what goes to applications.
    pub(super) pins: FreshPins,
}

/// Deals authorities to custodians and makes the credentials, all sealed. The authorities' secrets exist only
/// within this call.
pub fn deal(
    plan: &GenesisPlan,
    (members, handed_over): (Members, &HandedOver),
    mode: Mode,
    ledger: Digest,
    station: &StationSecrets,
    tokens: &mut dyn TokenSource,
    rng: &mut impl rand_core::CryptoRng,
) -> Result<Dealt, Error> {
    let mut policy = plan.policy.policy();
    policy.attestation.certificates = members.attestation_certificates;
    let mut targets = Vec::new();
    for table in &plan.targets {
        let joining = observe_target(table, &policy, mode, tokens)?;
        check_distinct(&targets, &joining.0)?;
        targets.push(joining);
    }
    let mut secrets: Vec<AuthoritySecret> = Vec::new();
    let mut authorities = Vec::new();
    for table in &plan.authorities {
        let secret = identity::fresh(rng)?;
        let recipient = identity::recipient(&secret)?;
        authorities.push(Authority { name: table.name.clone(), threshold: table.threshold, recipient });
        secrets.push(secret);
    }
    let header = DealHeader {
        mode,
        ledger,
        epoch: 1,
        custodians: dealt_custodians(&members.custodians)?,
        authorities,
        station: station.keys()?,
    };
    let (commitments, sealed_shares) = deal_shares(&header, &secrets, rng)?;
    let document = RosterDocument {
        custodians: members.custodians,
        administrators: members.administrators,
        witnesses: members.witnesses,
        operations: plan.operations.clone(),
        policy: policy.clone(),
        deal: header,
        commitments,
        sealed_shares,
    };
    let roster = Roster::validate(document)
        .map_err(|error| Error::refused(format!("the plan makes no roster: {error}"), error.hint()))?;
    check_reach(&roster, &targets)?;
    let mut pins = FreshPins::default();
    for target in &targets {
        if matches!(target.0.place, Place::Command { .. }) {
            pins.credentials.extend(program_credentials(plan, &target.0, &roster, handed_over, rng)?);
            continue;
        }
        make_credentials(target, &|_| 1, &roster, rng, &mut pins)?;
    }
    Ok(Dealt { roster, targets: targets.into_iter().map(|(target, _)| target).collect(), pins })
}

/// A token joins once: under two names its PINs would be set twice.
fn check_distinct(targets: &[(GenesisTarget, Observation)], joining: &GenesisTarget) -> Result<(), Error> {
    match targets.iter().find(|(target, _)| target.is_same_token(joining)) {
        None => Ok(()),
        Some((twin, _)) => Err(Error::refused(
            format!("targets {} and {} are one token", twin.name, joining.name),
            "name it once; two empty slots need two labels",
        )),
    }
}

fn dealt_custodians(members: &[Member]) -> Result<Vec<DealtCustodian>, Error> {
    let mut custodians = Vec::new();
    for member in members {
        let mut cards = Vec::new();
        for file in &member.cards {
            let card = EnrolledCard::from_file(file.clone()).map_err(|e| {
                Error::refused(format!("{}: {e}", member.name), "have the card enrolled again")
            })?;
            if let Some(share_recipient) = card.enrolment().share_recipient.clone() {
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
            .map_err(|e| Error::problem(e.to_string(), "mend the plan, then propose again"))?;
        for (custodian, share) in header.custodians.iter().zip(dealt) {
            let document = UnverifiedShare::write(&share.name, &share.secret)?;
            commitments.push(Commitment {
                authority: authority.name.clone(),
                custodian: custodian.name.clone(),
                commitment: share.commitment,
            });
            for card in &custodian.cards {
                let recipient = ShareRecipient::parse(&card.share_recipient)?;
                sealed.push(SealedShare {
                    authority: authority.name.clone(),
                    custodian: custodian.name.clone(),
                    card: card.keyid,
                    file: Base64(recipient.seal(document.expose())?),
                });
            }
        }
    }
    Ok((commitments, sealed))
}

/// Every operation must be able to open the held credentials that it needs.
pub(super) fn check_reach(roster: &Roster, targets: &[(GenesisTarget, Observation)]) -> Result<(), Error> {
    for operation in OperationKind::GOVERNED.into_iter().chain(OperationKind::OPTIONAL) {
        let requirement = roster.requirement(operation);
        for (target, _) in targets {
            let backs_up = matches!(operation, OperationKind::Backup | OperationKind::Restore);
            let backup_key = backs_up.then_some(Role::BackupKey);
            for role in facts(operation).roles.iter().chain(&backup_key) {
                let Some(rule) = target.rule(*role) else { continue };
                if rule.custody != Custody::Borrowed && !requirement.has(&rule.authority) {
                    return Err(Error::refused(
                        format!(
                            "operation {operation} needs the {role} of {}, which only {} opens, and that authority is not named for it",
                            target.name, rule.authority
                        ),
                        format!(
                            "a genesis adds \"{}\" to operations.{operation}; later, name an authority that the roster has for it",
                            rule.authority
                        ),
                    ));
                }
            }
        }
    }
    Ok(())
}

/// A target that is to join, as it is now.
pub(super) fn observe_target(
    table: &TargetTable,
    policy: &Policy,
    mode: Mode,
    tokens: &mut dyn TokenSource,
) -> Result<(GenesisTarget, Observation), Error> {
    let place = place(table);
    if mode == Mode::Production && place.is_practice() && !policy.allow_soft_cards {
        return Err(Error::refused(
            format!("target {}: the practice token protects nothing", table.name),
            "rehearse with --rehearsal, or allow it in the plan: policy.allow_soft_cards = true",
        ));
    }
    let label = table.label();
    let observation = {
        let wanted = match (table.start(), &table.serial) {
            _ if table.kind == TargetKind::Command => Wanted::Token { serial: "", label: label.as_str() },
            (StartKind::TakeOver, Some(serial)) => {
                Wanted::Token { serial: serial.as_str(), label: label.as_str() }
            }
            _ => Wanted::Empty,
        };
        tokens.target(&table.name, &place, wanted, table.sha256)?.observe()?
    };
    check_start(table, &observation)?;
    if table.start() == StartKind::Initialise
        && tokens
            .target(&table.name, &place, Wanted::Labelled(label.as_str()), None)
            .is_ok_and(|mut t| t.observe().is_ok_and(|o| o.initialised))
    {
        return Err(Error::refused(
            format!("target {}: a token with the label \"{}\" exists there already", table.name, label),
            "choose another label: it must tell the new token from the old one",
        ));
    }
    let credentials = table
        .credentials
        .iter()
        .map(|(role, rule)| CredentialRule {
            role: *role,
            authority: rule.authority.clone(),
            custody: rule.custody,
            recipient: rule.recipient.clone(),
            pin_length: rule.pin_length,
        })
        .collect();
    let target = GenesisTarget {
        name: table.name.clone(),
        place,
        start: match table.start() {
            StartKind::Initialise => Start::Initialise,
            StartKind::TakeOver => Start::TakeOver,
        },
        identity: observation.identity.clone(),
        label,
        credentials,
    };
    Ok((target, observation))
}

fn check_start(table: &TargetTable, observation: &Observation) -> Result<(), Error> {
    let (name, identity) = (&table.name, &observation.identity);
    match table.start() {
        _ if table.kind == TargetKind::Command => Ok(()),
        StartKind::Initialise if observation.initialised => Err(Error::refused(
            format!("target {name}: the token \"{}\" is initialised already", identity.label),
            "use start = \"take-over\" with its serial, or name an empty slot",
        )),
        StartKind::TakeOver if !observation.initialised => {
            Err(Error::refused(format!("target {name}: the token is empty"), "use start = \"initialise\""))
        }
        StartKind::TakeOver
            if Some(&identity.serial) != table.serial.as_ref() || identity.label != table.label() =>
        {
            Err(Error::refused(
                format!("target {name}: found serial {} with label \"{}\"", identity.serial, identity.label),
                "name the token in the plan as it names itself",
            ))
        }
        _ => Ok(()),
    }
}

fn place(table: &TargetTable) -> Place {
    match table.kind {
        TargetKind::Pkcs11 => {
            Place::Pkcs11 { module: table.module.clone().unwrap_or_default(), slot: table.slot }
        }
        TargetKind::Practice => Place::Practice { path: table.path.clone().unwrap_or_default() },
        TargetKind::Command => Place::Command { program: table.program.clone().unwrap_or_default() },
    }
}

/// Every credential of a new target that the quorum holds or hands over; `version` is what the next one has.
pub(super) fn make_credentials(
    (target, observed): &(GenesisTarget, Observation),
    version: &dyn Fn(Role) -> u32,
    roster: &Roster,
    rng: &mut impl rand_core::CryptoRng,
    into: &mut FreshPins,
) -> Result<(), Error> {
    for rule in target.credentials.iter().filter(|rule| rule.custody != Custody::Borrowed) {
        let (secret, bits) = match rule.role {
            Role::BackupKey => {
                let mut key = LockedBytes::zeroed(32)?;
                rng.fill_bytes(key.expose_mut());
                (CredentialSecret::new(key), 256)
            }
            _ => held_pin(&target.name, rule, observed.pin_length, roster.policy(), rng)?,
        };
        let version = version(rule.role);
        into.credentials.push(seal_credential(roster, &target.name, rule, version, bits, &secret)?);
        into.handovers.extend(fresh_pins::handover(&target.name, rule, version, &secret)?);
    }
    Ok(())
}

/// A host name for a signed document.
pub fn host_line(host: Option<&Line>) -> Line {
    host.cloned().unwrap_or_else(|| Line::lossy("unknown"))
}
