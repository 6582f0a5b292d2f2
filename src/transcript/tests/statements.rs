//! A statement of one type, passed off as another. All signatures are good.

use crate::{
    encoding::{dsse::Envelope, strict},
    proposal::document::Proposal,
    transcript::event::{Aborted, Approved, Rejected},
};

use super::forge::{Forge, Key, Transcript};
use super::forged;

/// What alice and frank signed in this ledger, by type.
fn signed(forge: &Forge, proposal: &Proposal, lines: &Transcript) -> Vec<(&'static str, Envelope)> {
    vec![
        ("approval", forge.sign("alice", &forge.approval(proposal, "alice"))),
        ("rejection", forge.sign("alice", &forge.rejection(proposal, "alice"))),
        ("attestation", forge.sign("alice", &forge.attestation(proposal, lines, "alice", true))),
        ("proposal", forge.sign("frank", &proposal.statement())),
        ("abort", forge.sign("frank", &forge.abort(proposal, "frank"))),
        ("enrolment", proposal_enrolment(forge)),
    ]
}

fn proposal_enrolment(forge: &Forge) -> Envelope {
    forge.genesis().new_roster.unwrap().custodians[0].cards[0].statement.clone()
}

#[test]
fn no_statement_passes_as_another() {
    for place in 0..6 {
        for as_what in ["approval", "rejection", "abort"] {
            let mut own = "";
            let forge = Forge::deletion(|forge, proposal, lines| {
                let (kind, envelope) = signed(forge, proposal, lines).swap_remove(place);
                own = kind;
                match as_what {
                    "approval" => lines.add(Approved { approval: envelope }),
                    "rejection" => lines.add(Rejected { rejection: envelope }),
                    _ => lines.add(Aborted { abort: envelope }),
                };
            });
            match own == as_what {
                true => drop(forge.state()),
                false => {
                    let types = format!(
                        "quorate.{own}.v2+json\", where \"application/vnd.quorate.{as_what}.v2+json\""
                    );
                    forged(&forge, &format!("statement-type: {types}"));
                }
            }
        }
    }
}

#[test]
fn a_statement_under_the_type_of_another_is_no_document_of_it() {
    for place in 0..5 {
        let mut read_as = "approval";
        let forge = Forge::deletion(|forge, proposal, lines| {
            let (kind, envelope) = signed(forge, proposal, lines).swap_remove(place);
            // An attestation's or a rejection's content, but the card was told that it signs an approval.
            if kind == "approval" {
                read_as = "rejection";
            }
            let approval = Key::of("alice").envelope(forge.mode.payload_type(read_as), envelope.payload.0);
            match kind {
                "approval" => lines.add(Rejected { rejection: approval }),
                _ => lines.add(Approved { approval }),
            };
        });
        forged(&forge, &format!("statement-document: {read_as}: unknown field"));
    }
}

#[test]
fn a_statement_is_no_line_and_no_proposal() {
    // Appended as it is, without a line around it.
    let mut forge = Forge::deletion(|_, _, _| {});
    let proposal = {
        let mut before = forge.clone();
        before.files.pop();
        before.delete()
    };
    let mut line = forge.sign("alice", &forge.approval(&proposal, "alice")).write();
    line.push(b'\n');
    forge.files[1].transcript.extend(line);
    forged(&forge, "line-syntax: no event is called \"approval\"");
    // An approval in the place of the proposal.
    let mut forge = Forge::new();
    let proposal = forge.delete();
    let lines = forge.begin_with(&proposal, forge.sign("frank", &forge.approval(&proposal, "frank")));
    forge.push(&proposal, &lines);
    forged(&forge, "statement-type: \"application/vnd.quorate.proposal.v2+json\"");
}

#[test]
fn a_statement_has_one_spelling() {
    let spelled = |change: fn(String) -> String| {
        Forge::deletion(|forge, proposal, lines| {
            let payload = String::from_utf8(strict::write(&forge.approval(proposal, "alice"))).unwrap();
            let payload_type = forge.mode.payload_type("approval");
            let approval = Key::of("alice").envelope(payload_type, change(payload).into_bytes());
            lines.add(Approved { approval });
        })
    };
    drop(spelled(|p| p).state());
    let respelled = "statement-document: spelled in another way than the format allows";
    forged(&spelled(|p| p.replacen(':', ": ", 1)), respelled);
    forged(&spelled(|p| p.replace(':', ": ")), "statement-document: not a time");
    forged(&spelled(|p| p.replace("alice", "\\u0061lice")), respelled);
    forged(&spelled(|p| p.replacen('{', "{\"proxy\":true,", 1)), "statement-document: unknown field `proxy`");
    forged(
        &spelled(|p| p.replacen('{', "{\"person\":\"bob\",", 1)),
        "statement-document: duplicate field `person`",
    );
    forged(&spelled(|p| format!("{p} ")), respelled);
    forged(&spelled(|p| p.replace('Z', "+00:00")), "statement-document: not a time");
}
