//! A hostile station that counts what is no approval. It signs its lines properly.

use crate::{
    approval::statement::Approval,
    encoding::{
        digest::Digest,
        dsse::{Envelope, Mode},
        strict,
        time::Timestamp,
    },
    proposal::document::Proposal,
    transcript::event::{Approved, Rejected},
};

use super::forge::{Forge, Key, TWO, Transcript, intended, name};
use super::{forged, honest};

/// The finding about an approval by `card` that was changed before it was signed.
#[track_caller]
fn approval(card: &str, change: impl FnOnce(&mut Approval), code: &str) {
    let forge = Forge::deletion(|forge, proposal, lines| {
        let mut approval = forge.approval(proposal, "bob");
        change(&mut approval);
        lines.add(Approved { approval: forge.sign(card, &approval) });
    });
    forged(&forge, code);
}

#[test]
fn what_the_forge_makes_honestly_is_sound() {
    let mut forge = Forge::new();
    forge.complete_delete();
    assert_eq!(honest(&forge).ceremonies.len(), 2);
    let open = Forge::deletion(|forge, proposal, lines| forge.approve(lines, proposal, &TWO));
    assert_eq!(honest(&open).open().unwrap().approvals.len(), 2);
}

#[test]
fn fewer_than_the_quorum_do_not_execute() {
    for by in [&[][..], &["alice"]] {
        let forge = Forge::deletion(|forge, proposal, lines| {
            forge.approve(lines, proposal, by);
            lines.add(intended(by));
        });
        forged(&forge, "quorum-missing: without a quorum: crypto-officer 0 of 2");
    }
}

/// A file that was lost is signed again; others may rest on either. Whatever is signed, a person is counted once.
#[test]
fn one_custodian_counts_once_whatever_they_sign_with() {
    let again = |forge: &Forge, proposal: &Proposal, seconds: u64| {
        let mut again = forge.approval(proposal, "alice");
        again.time = again.time.plus(seconds);
        again
    };
    for second in ["alice", "alice-spare"] {
        let forge = Forge::deletion(|forge, proposal, lines| {
            forge.approve(lines, proposal, &["alice"]);
            lines.add(Approved { approval: forge.sign(second, &again(forge, proposal, 1)) });
            lines.add(intended(&["alice", "alice"]));
        });
        forged(&forge, "quorum-missing: it was executed without a quorum: crypto-officer 0 of 2");
    }
    let forge = Forge::deletion(|forge, proposal, lines| {
        forge.approve(lines, proposal, &["alice", "alice"]);
    });
    forged(&forge, "approval-twice: this approval by alice is on record already");
    let forge = Forge::deletion(|forge, proposal, lines| {
        for seconds in 1..=9 {
            lines.add(Approved { approval: forge.sign("alice", &again(forge, proposal, seconds)) });
        }
    });
    assert_eq!(forged(&forge, "approval-twice: alice approved more than 8 times"), Some(10));
}

#[test]
fn a_rejection_cancels_the_approval() {
    let reject = |forge: &Forge, proposal: &Proposal, lines: &mut Transcript| {
        lines.add(Rejected { rejection: forge.sign("alice", &forge.rejection(proposal, "alice")) });
    };
    let forge = Forge::deletion(|forge, proposal, lines| {
        forge.approve(lines, proposal, &TWO);
        reject(forge, proposal, lines);
        lines.add(intended(&TWO));
    });
    forged(&forge, "quorum-missing: it was executed without a quorum: crypto-officer 1 of 2");
    // A quorum without her does not make her one of it; nor does the order.
    let forge = Forge::deletion(|forge, proposal, lines| {
        reject(forge, proposal, lines);
        forge.approve(lines, proposal, &["alice", "bob", "carol"]);
        lines.add(intended(&["alice", "bob"]));
    });
    forged(&forge, "quorum-names: the people whom it names are not a quorum of those who approved");
}

#[test]
fn the_intent_names_a_quorum_of_those_who_approved() {
    for named in [
        &["alice", "carol"][..],
        &["alice", "bob", "carol"],
        &["alice", "alice"],
        &["alice", "bob", "bob"],
        &["alice", "frank"],
        &["alice", "mallory"],
        &["alice"],
        &[],
    ] {
        let forge = Forge::deletion(|forge, proposal, lines| {
            forge.approve(lines, proposal, &TWO);
            lines.add(intended(named));
        });
        forged(&forge, "quorum-names: the people whom it names are not a quorum of those who approved");
    }
}

#[test]
fn an_approval_holds_for_one_proposal() {
    let other = |change: fn(&Forge, &mut Proposal)| {
        let forge = Forge::deletion(|forge, proposal, lines| {
            let mut other = proposal.clone();
            change(forge, &mut other);
            let approval = Approval { roster: proposal.roster, ..forge.approval(&other, "bob") };
            lines.add(Approved { approval: forge.sign("bob", &approval) });
        });
        forged(&forge, "other-proposal: bob approved another proposal");
    };
    other(|_, p| p.nonce = Digest::of(b"proposed again"));
    other(|_, p| p.ledger = Digest::of(b"another ledger"));
    other(|_, p| p.ceremony = 2);
    other(|_, p| p.expires = p.expires.plus(1));
    other(|_, p| p.predecessor = None);
    other(|forge, p| p.operation = forge.inventory().operation);
    let forge = Forge::deletion(|forge, proposal, lines| {
        let mut other = proposal.clone();
        other.nonce = Digest::of(b"proposed again");
        lines.add(Rejected { rejection: forge.sign("bob", &forge.rejection(&other, "bob")) });
    });
    forged(&forge, "other-proposal: bob rejected another proposal");
}

#[test]
fn an_approval_holds_for_one_roster() {
    approval(
        "bob",
        |a| a.roster = Digest::of(b"the roster of another epoch"),
        "other-roster: bob verified another roster",
    );
}

#[test]
fn a_late_approval_does_not_count() {
    let expires = Forge::new().delete().expires;
    let after = |seconds| Timestamp::from_unix(expires.unix() + seconds).unwrap();
    approval("bob", |a| a.time = after(1), "approval-late: bob approved after the proposal had expired");
    let forge = Forge::deletion(|forge, proposal, lines| {
        let approval = Approval { time: after(0), ..forge.approval(proposal, "bob") };
        lines.add(Approved { approval: forge.sign("bob", &approval) });
    });
    assert_eq!(forge.state().open().unwrap().approvals.len(), 1);
}

#[test]
fn only_custodians_of_the_roster_in_force_approve() {
    for (who, card) in [("frank", "frank"), ("grace", "grace"), ("mallory", "mallory"), ("mallory", "bob")] {
        approval(
            card,
            |a| a.person = name(who),
            &format!("statement-author: {who} is not a custodian or an approver of this quorum"),
        );
    }
}

#[test]
fn a_custodian_signs_with_his_own_card() {
    for card in ["alice", "frank", "mallory", "station-1"] {
        approval(card, |_| {}, "statement-card: on none of bob's cards");
    }
    // Bob's key named, another's used.
    let forge = Forge::deletion(|forge, proposal, lines| {
        let forgery = forge.sign("mallory", &forge.approval(proposal, "bob"));
        let signature = forgery.signature().sig.0.clone();
        let keyid = Key::of("bob").public().keyid();
        lines.add(Approved {
            approval: Envelope::new(forgery.payload_type, forgery.payload.0, keyid, signature),
        });
    });
    forged(&forge, "statement-signature: bob: the signature does not verify");
}

#[test]
fn an_approval_of_a_rehearsal_is_none() {
    let forge = Forge::deletion(|forge, proposal, lines| {
        let payload = strict::write(&forge.approval(proposal, "bob"));
        let approval = Key::of("bob").envelope(Mode::Rehearsal.payload_type("approval"), payload);
        lines.add(Approved { approval });
    });
    forged(&forge, "statement-type: a statement of type");
}

#[test]
fn nobody_approves_after_the_intent() {
    let forge = Forge::deletion(|forge, proposal, lines| {
        forge.approve(lines, proposal, &TWO);
        lines.add(intended(&TWO));
        forge.approve(lines, proposal, &["carol"]);
    });
    forged(&forge, "line-order: approved is not allowed here");
}
