//! The briefing: a proposal in words, made from the very bytes that will be signed.

use std::collections::BTreeSet;

use super::{
    document::Proposal,
    operation::{GenesisTarget, ModuleChange, Operation, Place, Start},
    plan::Plan,
    program_briefing,
    recovery_briefing::{self, Recovered},
    target::{Custody, ObjectRecord, Role, TokenIdentity},
};
use crate::{
    encoding::digest::Digest,
    roster::{
        Roster,
        requirement::{Part, Requirement},
    },
};

/// One heading with its lines.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Section {
    /// For example `What will be destroyed`.
    pub heading: String,
    /// Lines of text, all printable.
    pub lines: Vec<String>,
}

impl Section {
    pub(super) fn new(heading: &str, lines: Vec<String>) -> Self {
        Self { heading: heading.into(), lines }
    }
}

/// Puts a proposal into words for those who decide on it. `roster` is the one whose people act, `lost` the ceremony that it
/// recovers.
pub fn briefing(
    proposal: &Proposal,
    digest: Digest,
    roster: &Roster,
    lost: Option<Recovered<'_>>,
) -> Vec<Section> {
    let kind = proposal.operation.kind();
    let mut sections = vec![Section::new(
        "The ceremony",
        vec![
            format!("{}: {}", kind, proposal.title),
            format!(
                "ceremony {} of the {} ledger {}",
                proposal.ceremony,
                roster.deal().mode,
                proposal.ledger.short()
            ),
            format!("proposed by {} at {}", proposal.proposer, proposal.created),
            format!("approvals count until {}", proposal.expires),
        ],
    )];
    sections.push(Section::new("What it needs", needs(&roster.requirement(kind))));
    let plan = Plan::parse(proposal.plan.as_bytes()).ok();
    if let Some(disputed) = plan.as_ref().and_then(Plan::disputed_times) {
        sections.push(Section::new(
            "TIMES IN THIS LEDGER THAT ARE SAID TO BE WRONG",
            disputed.in_words(proposal.created),
        ));
    }
    sections.extend(substance(proposal));
    sections.extend(recovery_briefing::sections(&proposal.operation, lost));
    if let Some(new_roster) = &proposal.new_roster {
        let mut lines = Vec::new();
        for (what, members) in [
            ("custodian", &new_roster.custodians),
            ("administrator", &new_roster.administrators),
            ("witness", &new_roster.witnesses),
        ] {
            for member in members {
                lines.push(format!("{what} {} ({}):", member.name, member.full_name));
                for card in roster.person(&member.name).iter().flat_map(|p| &p.cards) {
                    lines.push(format!("  {card}, signing key {}", card.keyid()));
                    lines.extend(roster.attested(card.keyid()).map(|attested| format!("    {attested}")));
                }
            }
        }
        lines.push("each card listed for you must be yours: its holder can act as you".into());
        sections.push(Section::new("Who belongs to the quorum", lines));
        let operations = new_roster.operations.iter().map(|(operation, authorities)| {
            let names = authorities.iter().map(|a| a.as_str()).collect::<Vec<_>>().join(" and ");
            format!("{operation} needs {names}")
        });
        sections.push(Section::new("What each operation will need", operations.collect()));
    }
    let pins = pins(proposal);
    if !pins.is_empty() {
        sections.push(Section::new("PINs", pins));
    }
    if !proposal.credentials.is_empty() {
        let distinct: BTreeSet<String> = proposal
            .credentials
            .iter()
            .map(|c| match c.bits {
                0 => {
                    format!(
                        "{} of {}, {} HANDED OVER by its owner, sealed to {}",
                        c.role,
                        c.target,
                        bytes(c.bytes),
                        c.authority
                    )
                }
                bits => format!(
                    "{} of {}, {bits} bits in {}, sealed to {}",
                    c.role,
                    c.target,
                    bytes(c.bytes),
                    c.authority
                ),
            })
            .collect();
        sections
            .push(Section::new("New credentials, in this ledger already", distinct.into_iter().collect()));
    }
    if let (Some(_), Some(days)) = (&proposal.new_roster, roster.policy().drill_every_days) {
        let line = format!("each card is to be drilled every {days} days, by its holder alone");
        sections.push(Section::new("What is expected of its members", vec![line]));
    }
    let warnings = roster.warnings();
    if !warnings.is_empty() {
        sections.push(Section::new("Warnings", warnings));
    }
    let mut station = vec![format!("host {}; fingerprint:", proposal.station.host)];
    station.extend(spelled(proposal.station.keys.fingerprint()));
    sections.push(Section::new("The station that receives the shares", station));
    sections.push(Section::new("Digest of this proposal", spelled(digest)));
    sections
}

/// A digest as it is read aloud: hex, then words.
fn spelled(digest: Digest) -> Vec<String> {
    let mut lines = vec![digest.to_string()];
    lines.extend(digest.word_rows());
    lines
}

fn needs(requirement: &Requirement<'_>) -> Vec<String> {
    let n = requirement.custodians().count();
    if !requirement.confirms_shares() {
        let parts = requirement.parts().iter();
        let line = |part: &Part<'_>| {
            format!("authority {}: {} of {n} custodians", part.authority.name, part.custodians)
        };
        return parts.map(line).collect();
    }
    let all = format!("all {n} custodians approve: each opens their own share and checks it");
    let authorities = requirement.authorities();
    let later = authorities.map(|a| format!("authority {}: {} of {n} from then on", a.name, a.threshold));
    std::iter::once(all).chain(later).collect()
}

pub(super) fn substance(proposal: &Proposal) -> Vec<Section> {
    match &proposal.operation {
        Operation::Genesis { targets } => targets.iter().map(genesis_target).collect(),
        Operation::Inventory { identity, target, module } => vec![Section::new("The target", {
            let mut lines = token(target.as_str(), identity);
            lines.push("its objects are read and recorded; nothing is changed".into());
            lines.extend(module.iter().flat_map(|change| another_module(change, identity.module_sha256)));
            lines
        })],
        Operation::Delete { target, identity, objects } => vec![
            Section::new("The target", token(target.as_str(), identity)),
            listed("What will be destroyed, for ever", objects.iter().map(doomed).collect()),
        ],
        Operation::Reset { target, identity, objects, new_label } => vec![
            Section::new(
                "The target",
                with(
                    token(target.as_str(), identity),
                    [
                        "EVERYTHING in it will be destroyed, for ever".into(),
                        format!("afterwards its label is \"{new_label}\", and both PINs are new"),
                    ],
                ),
            ),
            objects_section("What is known to be in it, and will be destroyed", objects),
        ],
        Operation::Backup { target, identity, objects, output, allow_partial } => vec![
            Section::new(
                "The target",
                with(
                    token(target.as_str(), identity),
                    [
                        format!("its keys will leave it, wrapped under the backup key, in the file {output}"),
                        if *allow_partial {
                            "it completes although some objects cannot be exported".into()
                        } else {
                            "it completes only if every object can be exported".into()
                        },
                    ],
                ),
            ),
            objects_section("What is known to be in it", objects),
        ],
        Operation::Restore { target, identity, backup, sha256, input, objects, allow_partial } => vec![
            Section::new(
                "The target",
                with(
                    token(target.as_str(), identity),
                    [
                        format!("it receives the backup of ceremony {backup}, {input}"),
                        format!("SHA-256 {sha256}"),
                        if *allow_partial {
                            "it completes although some objects cannot be restored".into()
                        } else {
                            "it completes only if every object is restored".into()
                        },
                    ],
                ),
            ),
            objects_section("What will be in it", objects),
        ],
        Operation::Adopt { target } => {
            let mut section = genesis_target(target);
            section.heading = "The target that joins the quorum".into();
            vec![section]
        }
        Operation::Retire { target, identity } => vec![Section::new(
            "The target that leaves the quorum",
            with(
                token(target.as_str(), identity),
                [
                    "it is NOT touched; from then on no plan can name it, and its name is not used again"
                        .into(),
                    "its credentials stay in this ledger: a quorum that opens them still opens the token"
                        .into(),
                    "only a reset before this makes them worthless".into(),
                ],
            ),
        )],
        Operation::Command { .. } | Operation::Use { .. } => {
            let updated = matches!(Plan::parse(proposal.plan.as_bytes()),
                Ok(Plan::Command(plan)) if plan.sha256.is_some());
            program_briefing::sections(&proposal.operation, updated)
        }
        // What it is of stands in another proposal.
        Operation::Recover { .. } => Vec::new(),
    }
}

/// What becomes of the PIN that the target sees.
pub(super) fn pins(proposal: &Proposal) -> Vec<String> {
    let mut lines = Vec::new();
    for handover in &proposal.handovers {
        lines.push(format!(
            "THE APPLICATION STOPS: the user PIN of {} is set anew, and what it logs in with now holds no longer",
            handover.target
        ));
        let recipient = crate::encoding::text::printable(&handover.recipient);
        lines.push(format!("the new one is in this ledger, sealed to {recipient}"));
    }
    let kept = Plan::parse(proposal.plan.as_bytes()).is_ok_and(|plan| plan.keeps_pins());
    let role = if proposal.handovers.is_empty() { Role::UserPin } else { Role::SoPin };
    if kept {
        lines
            .push(format!("the {role} is NOT CHANGED afterwards, although the target and its module see it"));
    } else if proposal.credentials.iter().any(|c| c.role == role) && !proposal.operation.sets_pins() {
        lines.push(format!("the {role}, which the target and its module see, is changed at the end"));
    }
    lines
}

fn genesis_target(target: &GenesisTarget) -> Section {
    let mut lines = match target.start {
        _ if matches!(target.place, Place::Command { .. }) => {
            vec![format!(
                "{}: a program that is handed credentials; nothing is done with it now",
                target.name
            )]
        }
        Start::Initialise => vec![
            format!("{}: an EMPTY token, initialised with the label \"{}\"", target.name, target.label),
            format!("model {} by {}", target.identity.model, target.identity.manufacturer),
        ],
        Start::TakeOver => with(
            token(target.name.as_str(), &target.identity),
            ["it is in use: the quorum takes it over".into()],
        ),
    };
    lines.push(match &target.place {
        Place::Pkcs11 { module, .. } => pinned("module", module, target.identity.module_sha256),
        Place::Practice { .. } => "the built-in practice token: nothing real is in it".into(),
        Place::Command { program } => pinned("program", program, target.identity.module_sha256),
    });
    for rule in &target.credentials {
        let meaning = match (rule.custody, rule.role) {
            (Custody::Held, Role::BackupKey) => {
                "held: random, only the quorum has it; backups are wrapped under it"
            }
            (Custody::Held, role) if role.is_for_programs() => {
                "held: only the quorum has it, if it is made here; whoever handed it over may know it still"
            }
            (Custody::Held, _) => "held: a new random one is set, only the quorum has it",
            (Custody::Borrowed, _) => "borrowed: its owner keeps it and hands it over at each ceremony",
            (Custody::Reissued, _) => {
                "reissued: each ceremony sets a new one and hands it to the application"
            }
        };
        lines.push(format!("{} ({}): {meaning}", rule.role, rule.authority));
        if let Some(recipient) = &rule.recipient {
            lines.push(format!(
                "  the application's recipient is {}",
                crate::encoding::text::printable(recipient)
            ));
        }
        if rule.role == Role::UserPin && rule.custody != Custody::Held {
            lines.push("whoever has this user PIN can delete keys WITHOUT the quorum".into());
        }
    }
    Section::new("A target", lines)
}

/// A file with the digest by which it is known from now on.
fn pinned(what: &str, path: &str, sha256: Option<Digest>) -> String {
    let path = crate::encoding::text::printable(path);
    let sha256 = sha256.map_or_else(|| "unknown".into(), |sha256| sha256.to_string());
    format!("{what} {path}, SHA-256 {sha256}")
}

fn another_module(change: &ModuleChange, sha256: Option<Digest>) -> [String; 4] {
    [
        "ANOTHER FILE IS TAKEN FOR ITS MODULE from then on, and is given its PINs".into(),
        pinned("on record:", &change.old_path, change.old_sha256),
        pinned("from then on:", &change.new_path, sha256),
        "compare the new SHA-256 with the vendor's before you approve".into(),
    ]
}

pub(super) fn token(name: &str, identity: &TokenIdentity) -> Vec<String> {
    vec![
        format!("{name}: token \"{}\", serial {}", identity.label, identity.serial),
        format!("model {} by {}", identity.model, identity.manufacturer),
    ]
}

pub(super) fn with<const N: usize>(mut lines: Vec<String>, more: [String; N]) -> Vec<String> {
    lines.extend(more);
    lines
}

fn objects_section(heading: &str, objects: &[ObjectRecord]) -> Section {
    listed(heading, objects.iter().map(shown).collect())
}

fn listed(heading: &str, mut lines: Vec<String>) -> Section {
    if lines.is_empty() {
        lines.push("nothing is on record".into());
    }
    Section::new(heading, lines)
}

fn shown(object: &ObjectRecord) -> String {
    match (object.public_key_sha256, object.evidence) {
        (Some(hash), _) => format!("{object}, public key {hash}"),
        (None, Some(e)) => format!("{object}; the {} beside it: {}", e.source, e.public_key_sha256),
        (None, None) => object.to_string(),
    }
}

/// An object that goes. If it was replaced since by another one of the same name, that shows only where more is told of it.
fn doomed(object: &ObjectRecord) -> String {
    if object.is_known_by_name_only() && object.evidence.is_none() {
        format!(
            "{object}; KNOWN BY ID, LABEL AND TYPE ONLY: another key of the same three would be taken for it"
        )
    } else {
        shown(object)
    }
}

fn bytes(length: u32) -> String {
    if length == 1 { "1 byte".into() } else { format!("{length} bytes") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proposal::target::{ObjectClass, PublicKeyEvidence};

    #[test]
    fn what_only_its_name_tells_is_not_destroyed_without_a_word() {
        let key = ObjectRecord {
            class: ObjectClass::PrivateKey,
            id: "01".to_owned(),
            label: crate::encoding::text::Line::lossy("root"),
            label_sha256: None,
            key_type: "ec-p256".to_owned(),
            public_key_sha256: None,
            check_value: None,
            unique_id: None,
            value_sha256: None,
            extractable: Some(true),
            evidence: None,
        };
        let half = Digest::of(b"half");
        let evidence = Some(PublicKeyEvidence { source: ObjectClass::Certificate, public_key_sha256: half });
        for (object, warned) in [
            (key.clone(), true),
            (ObjectRecord { evidence, ..key.clone() }, false),
            (ObjectRecord { public_key_sha256: Some(half), ..key.clone() }, false),
            (ObjectRecord { check_value: Some("aabbcc".to_owned()), ..key }, false),
        ] {
            assert_eq!(doomed(&object).contains("KNOWN BY ID, LABEL AND TYPE ONLY"), warned, "{object:?}");
        }
    }
}
