//! The briefing: a proposal in words, made from the very bytes that will be signed.

use std::collections::BTreeSet;

use super::{
    document::Proposal,
    operations::{Operation, Plan, facts, recover::Lost},
    sections::{Section, token},
    target::Role,
};
use crate::{
    encoding::digest::Digest,
    roster::requirement::{Part, Requirement, Shares},
};

/// The ceremony that a recovery names. Its last line, which the recovery pins, depends on this proposal.
#[derive(Clone, Copy, Debug)]
pub struct Recovered<'a> {
    pub proposal: &'a Proposal,
    pub plan: &'a Plan,
    /// Whether it had ended before, and only its PINs are taken up again.
    pub has_ended: bool,
}

/// Describes a proposal to those who decide on it. `requirement` is of the roster whose people act, `lost` the ceremony that
/// it recovers.
pub fn briefing(
    (proposal, plan): (&Proposal, &Plan),
    digest: Digest,
    requirement: &Requirement<'_>,
    lost: Option<Recovered<'_>>,
) -> Vec<Section> {
    let roster = requirement.roster();
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
    sections.push(Section::new("What it needs", needs(requirement)));
    if let Some(disputed) = plan.heading().disputed_times {
        sections.push(Section::new(
            "TIMES IN THIS LEDGER THAT THIS PLAN CALLS WRONG",
            disputed.in_words(proposal.created),
        ));
    }
    sections.extend(plan.briefing(&proposal.operation));
    sections.extend(recovery(&proposal.operation, lost));
    if let Some(new_roster) = &proposal.new_roster {
        let mut lines = Vec::new();
        for (what, members) in [
            ("custodian", &new_roster.custodians),
            ("approver", &new_roster.approvers),
            ("administrator", &new_roster.administrators),
            ("witness", &new_roster.witnesses),
        ] {
            for member in members {
                let group = member.group.iter().map(|group| format!(", group {group}")).collect::<String>();
                lines.push(format!("{what} {} ({}){group}:", member.name, member.full_name));
                for card in roster.person(&member.name).iter().flat_map(|p| &p.cards) {
                    lines.push(format!("  {card}, signing key {}", card.keyid()));
                    lines.extend(roster.attested(card.keyid()).map(|attested| format!("    {attested}")));
                }
            }
        }
        lines.push("each card listed for you must be yours: its holder can act as you".into());
        sections.push(Section::new("Who belongs to the quorum", lines));
        let operations = new_roster.operations.iter().map(|(operation, rule)| {
            let approvers = rule.approvers.iter().map(|name| format!("the approval of {name}"));
            let names = rule.authorities.iter().map(ToString::to_string).chain(approvers);
            format!("{operation} needs {}", names.collect::<Vec<_>>().join(" and "))
        });
        sections.push(Section::new("What each operation will need", operations.collect()));
    }
    let pins = pins(proposal, plan);
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
    let mut warnings = roster.warnings();
    warnings.extend(roster.one_keeper());
    if !warnings.is_empty() {
        sections.push(Section::new("Warnings", warnings));
    }
    let mut station = vec![format!("host {}; fingerprint:", proposal.station.host)];
    station.extend(spelled(proposal.station.keys.fingerprint()));
    station.push(match roster.administrators().map(|person| person.name.as_str()).collect::<Vec<_>>() {
        names if proposal.station.keepers.is_empty() => {
            format!("what it receives is opened by ONE card, of any of: {}", names.join(", "))
        }
        names => format!("what it receives is opened by the cards of two of: {}", names.join(", ")),
    });
    let station_of = match requirement.shares() {
        Shares::None => "The station that executes",
        Shares::Confirmed | Shares::Released => "The station that receives the shares",
    };
    sections.push(Section::new(station_of, station));
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
    let approvers = requirement.approvers();
    let how = match requirement.shares() {
        Shares::Confirmed => {
            format!(
                "all {n} custodians approve and release in one step: each opens their own share and checks it"
            )
        }
        Shares::Released => {
            "they approve first; once enough have, each custodian releases their shares".into()
        }
        Shares::None => "they approve; no share is released".into(),
    };
    if requirement.shares() != Shares::Confirmed {
        let line = |part: &Part<'_>| {
            let groups = groups(part);
            format!("authority {}: {} of {n} custodians{groups}", part.authority.name, part.custodians)
        };
        let besides = approvers.iter().map(|name| format!("the approval of {name}, who holds no share"));
        return requirement.parts().iter().map(line).chain(besides).chain([how]).collect();
    }
    let confirm = approvers.iter().map(|name| format!("{name}, an approver, approves as well"));
    let later = requirement.parts().iter().map(|part| {
        let Part { authority, .. } = part;
        format!("authority {}: {} of {n} from then on{}", authority.name, authority.threshold, groups(part))
    });
    std::iter::once(how).chain(confirm).chain(later).collect()
}

/// `, among them 2 of operations and 1 of security`; nothing where it does not matter who they are.
fn groups(part: &Part<'_>) -> String {
    let minima = part.groups.iter().map(|minimum| format!("{} of {}", minimum.custodians, minimum.group));
    let minima = minima.collect::<Vec<_>>().join(" and ");
    if minima.is_empty() { minima } else { format!(", among them {minima}") }
}

/// What happens to the PIN that the target sees.
fn pins(proposal: &Proposal, plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    for handover in &proposal.handovers {
        lines.push(format!(
            "THE APPLICATION STOPS: the user PIN of {} is replaced, and the one that it logs in with now is no longer valid",
            handover.target
        ));
        lines.push(format!("the new one is in this ledger, sealed to {}", handover.recipient.told()));
    }
    let role = if proposal.handovers.is_empty() { Role::UserPin } else { Role::SoPin };
    if plan.keeps_pins() {
        lines
            .push(format!("the {role} is NOT CHANGED afterwards, although the target and its module see it"));
    } else if proposal.credentials.iter().any(|c| c.role == role) && !proposal.operation.facts().sets_pins {
        lines.push(format!("the {role}, which the target and its module see, is changed at the end"));
    }
    lines
}

/// What is recovered, and what of that is still to be done.
fn recovery(operation: &Operation, lost: Option<Recovered<'_>>) -> Vec<Section> {
    let Operation::Recover(recovery) = operation else { return Vec::new() };
    let sets_pins = facts(recovery.interrupted).sets_pins;
    let mut sections = vec![recovery.words(Lost {
        title: lost.map(|lost| &lost.proposal.title),
        has_ended: lost.is_some_and(|lost| lost.has_ended),
        sets_pins,
    })];
    if let Some(lost) = lost.filter(|_| recovery.intended) {
        sections.extend(still_to_come(lost.proposal, lost.plan));
    }
    sections
}

/// A change of PINs is completed, with what had to be done before they could be set. Of anything else only its
/// target is looked at.
fn still_to_come(lost: &Proposal, plan: &Plan) -> Vec<Section> {
    let facts = lost.operation.facts();
    let mut sections = match lost.operation.target() {
        _ if facts.sets_pins => plan.briefing(&lost.operation),
        Some((name, identity)) if facts.logs_in() => {
            let again = "it is logged in to, and its objects are read and recorded".into();
            vec![Section::new("The target", token(name.as_str(), identity, [again]))]
        }
        _ => return Vec::new(),
    };
    let pins = pins(lost, plan);
    if !pins.is_empty() {
        sections.push(Section::new("PINs", pins));
    }
    sections
}

fn bytes(length: u32) -> String {
    if length == 1 { "1 byte".into() } else { format!("{length} bytes") }
}
