//! A recovery in words: what the ceremony was to do that it recovers, and what of that is still to come.

use super::{
    briefing::{Section, pins, substance, token},
    document::Proposal,
    operation::Operation,
};
use crate::roster::OperationKind;

/// The ceremony that a recovery names. Its last line, which the recovery pins, rests on this proposal.
#[derive(Clone, Copy, Debug)]
pub struct Recovered<'a> {
    /// What it was to do.
    pub proposal: &'a Proposal,
    /// Whether it had ended before, and only its PINs are taken up again.
    pub has_ended: bool,
}

pub(super) fn sections(operation: &Operation, lost: Option<Recovered<'_>>) -> Vec<Section> {
    let Operation::Recover { ceremony, last_line, interrupted, intended } = operation else {
        return Vec::new();
    };
    let sets_pins =
        matches!(interrupted, OperationKind::Genesis | OperationKind::Reset | OperationKind::Adopt);
    let again = lost.is_some_and(|lost| lost.has_ended) && sets_pins;
    let mut lines = Vec::new();
    if let Some(lost) = lost {
        lines.push(lost.proposal.title.to_string());
    }
    lines.push(if again {
        format!("ceremony {ceremony} ({interrupted}) had ended, and nobody knows which PINs hold: it is taken up again")
    } else {
        format!("ceremony {ceremony} ({interrupted}) is closed: its station is lost")
    });
    lines.push(format!("its last line is {last_line}"));
    lines.push(
        match (intended, sets_pins) {
            _ if again => "what of it is not done yet is DONE HERE, and its PINs are brought to their end",
            (false, _) => "nothing had been tried: it ends as refused",
            (true, true) => {
                "it had begun: it ends as indeterminate; what of it is not done yet is DONE HERE, and its PINs are \
                 brought to their end"
            }
            (true, false) => "it had begun: it ends as indeterminate, with the target as it is seen then",
        }
        .into(),
    );
    let mut sections = vec![Section::new("What is recovered", lines)];
    if let Some(lost) = lost.filter(|_| *intended) {
        sections.extend(still_to_come(lost.proposal, sets_pins));
    }
    sections
}

/// PINs are brought to their end, and with them what was to be done before they could be set. Of anything else only its
/// target is looked at.
fn still_to_come(lost: &Proposal, sets_pins: bool) -> Vec<Section> {
    let mut sections = match lost.operation.target() {
        _ if sets_pins => substance(lost),
        Some((name, identity)) if looks(&lost.operation) => {
            let mut lines = token(name.as_str(), identity);
            lines.push("it is logged in to, and its objects are read and recorded".into());
            vec![Section::new("The target", lines)]
        }
        _ => return Vec::new(),
    };
    let pins = pins(lost);
    if !pins.is_empty() {
        sections.push(Section::new("PINs", pins));
    }
    sections
}

fn looks(operation: &Operation) -> bool {
    !matches!(operation, Operation::Command { .. } | Operation::Retire { .. })
}
