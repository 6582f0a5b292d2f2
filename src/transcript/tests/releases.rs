//! A hostile station that records releases which rest on nothing, and confirmations that confirm nothing.

use crate::{
    approval::{
        drill::Drill,
        release::{Basis, Confirmation, Release, drills_digest},
    },
    encoding::{digest::Digest, dsse::Envelope},
    proposal::document::Proposal,
    roster::requirement::Shares,
    transcript::{
        event::{Aborted, Approved, Confirmed, Rejected, Released},
        finding::Severity,
        verification,
    },
};

use super::forge::{ALL, Forge, Key, TWO, Transcript, intended, name, reading, text, time};
use super::{forged, honest};

/// A deletion that these custodians approved, and whatever is recorded then.
fn signed_by(by: &[&str], drive: impl FnOnce(&Forge, &Proposal, &mut Transcript)) -> Forge {
    Forge::deletion(|forge, proposal, lines| {
        forge.sign_only(lines, proposal, by);
        drive(forge, proposal, lines);
    })
}

/// The finding about Alice's release on the approvals of Alice and Bob, changed before a card signs it.
#[track_caller]
fn release(card: &str, change: impl FnOnce(&mut Release, &mut Basis), code: &str) {
    let forge = signed_by(&TWO, |forge, proposal, lines| {
        let open = forge.opened(proposal, lines).unwrap();
        let (mut said, mut basis) = forge.release_of(&open, "alice");
        change(&mut said, &mut basis);
        lines.add(Released { release: forge.sign(card, &said), basis });
    });
    assert_eq!(forged(&forge, code), Some(4), "{code}");
}

/// The same where the basis is signed as it was changed.
#[track_caller]
fn rests_on(change: impl FnOnce(&mut Basis), code: &str) {
    let rebased = |said: &mut Release, basis: &mut Basis| {
        change(basis);
        said.basis = basis.digest();
    };
    release("alice", rebased, code);
}

#[test]
fn an_honest_release_is_recorded() {
    let forge = signed_by(&TWO, |forge, proposal, lines| {
        let open = forge.opened(proposal, lines).unwrap();
        assert!(open.approvals_tally().is_quorum() && !open.tally().is_quorum());
        forge.release(lines, &open, &["bob", "alice"]);
    });
    let state = honest(&forge);
    let open = state.open().unwrap();
    assert_eq!((open.shares, open.releases.len()), (Shares::Released, 2));
    assert!(open.tally().is_quorum());
}

#[test]
fn a_release_is_of_this_proposal_roster_and_dealing_and_by_the_card_that_it_names() {
    let other = Digest::of(b"another");
    release("alice", |r, _| r.proposal = other, "other-proposal: alice released shares for another proposal");
    release("alice", |r, _| r.roster = other, "other-roster: alice verified another roster");
    release("alice", |r, _| r.dealing = other, "other-dealing: alice released shares of another dealing");
    release("alice-spare", |_, _| {}, "release-card: with another card than the one that opened the shares");
    release("bob", |_, _| {}, "statement-card: on none of alice's cards");
    for (who, card) in [("frank", "frank"), ("grace", "grace"), ("mallory", "mallory")] {
        let words = format!("statement-author: {who} is not a custodian of this quorum");
        release(card, |r, _| r.custodian = name(who), &words);
    }
}

#[test]
fn a_release_is_in_time() {
    let proposal = Forge::new().delete();
    let (created, expires) = (proposal.created, proposal.expires);
    release(
        "alice",
        |r, _| r.time = created.minus(1),
        "release-early: alice released shares before the proposal was made",
    );
    release(
        "alice",
        |r, _| r.time = expires.plus(1),
        "release-late: alice released shares after the proposal had expired",
    );
    // A clock that is an hour behind is nobody's fault.
    for (behind, is_early) in [(3600, false), (3601, true)] {
        let forge = Forge::new();
        let mut proposal = forge.delete();
        proposal.plan = proposal.plan.replace("expires_in_hours = 1", "expires_in_hours = 3");
        proposal.expires = proposal.created.plus(3 * 3600);
        let forge = forge.with(&proposal, |forge, lines| {
            for who in TWO {
                let mut said = forge.approval(&proposal, who);
                if who == "alice" {
                    said.time = proposal.created.plus(7200);
                }
                lines.add(Approved { approval: forge.sign(who, &said) });
            }
            let open = forge.opened(&proposal, lines).unwrap();
            let (mut said, basis) = forge.release_of(&open, "alice");
            said.time = proposal.created.plus(7200 - behind);
            lines.add(Released { release: forge.sign("alice", &said), basis });
        });
        if is_early {
            forged(&forge, "release-early: alice released more than an hour before alice approved");
        } else {
            drop(forge.state());
        }
    }
}

#[test]
fn a_release_rests_on_what_it_says() {
    let of_other = || vec![name("security-officer")];
    release("alice", |r, _| r.basis = Digest::of(b"x"), "release-basis: rests on is not what alice signed");
    rests_on(
        |b| b.authorities = of_other(),
        "release-authorities: of other authorities than the operation requires",
    );
    rests_on(
        |b| b.authorities.clear(),
        "release-authorities: of other authorities than the operation requires",
    );
    rests_on(|b| b.approvals.reverse(), "release-list: are not sorted, or one is listed twice");
    rests_on(|b| b.approvals[1] = b.approvals[0], "release-list: are not sorted, or one is listed twice");
    let unknown = |b: &mut Basis| {
        b.approvals.push(Digest::of(b"of another proposal, roster or epoch"));
        b.approvals.sort();
    };
    rests_on(unknown, "release-unknown: rests on an approval that is not above it");
}

/// One that leaves one out rests on too few; and each of those that it lists must be there.
#[test]
fn no_release_without_a_quorum_of_approvals() {
    for by in [&["alice"][..], &[]] {
        let forge = signed_by(by, |forge, proposal, lines| {
            let open = forge.opened(proposal, lines).unwrap();
            forge.release(lines, &open, &["alice"]);
        });
        let code = if by.is_empty() {
            "release-unapproved: alice released shares without an approval of their own"
        } else {
            "release-quorum: alice released shares without a quorum of approvals: crypto-officer 1 of 2"
        };
        forged(&forge, code);
    }
    // Those who approve and those who release are not others: three approve, three others hand over their shares.
    let others = signed_by(&["alice", "bob"], |forge, proposal, lines| {
        let open = forge.opened(proposal, lines).unwrap();
        forge.release(lines, &open, &["carol", "dave"]);
        lines.add(intended(&["carol", "dave"]));
    });
    forged(&others, "release-unapproved: carol released shares without an approval of their own");
    // An approval that comes later is not above it.
    let later = signed_by(&TWO, |forge, proposal, lines| {
        let all = forge.opened(proposal, lines).unwrap();
        lines.clear();
        let mut begun = forge.begin(proposal);
        forge.sign_only(&mut begun, proposal, &["alice"]);
        forge.release(&mut begun, &all, &["alice"]);
        *lines = begun;
    });
    forged(&later, "release-unknown: alice's release rests on an approval that is not above it");
}

#[test]
fn whoever_rejected_counts_for_no_release_and_releases_nothing() {
    let reject = |forge: &Forge, proposal: &Proposal, lines: &mut Transcript, who: &str| {
        lines.add(Rejected { rejection: forge.sign(who, &forge.rejection(proposal, who)) });
    };
    for (who, by) in [("bob", "alice"), ("alice", "alice")] {
        let forge = signed_by(&["alice", "bob", "carol"], |forge, proposal, lines| {
            let before = forge.opened(proposal, lines).unwrap();
            reject(forge, proposal, lines, who);
            forge.release(lines, &before, &[by]);
        });
        forged(
            &forge,
            &format!("release-rejected: {by}'s release rests on the approval of {who}, who had rejected"),
        );
    }
    // Rejected afterwards: the release of the others stands, their own counts no more.
    let after = |quorum: &'static [&'static str]| {
        signed_by(&["alice", "bob", "carol"], move |forge, proposal, lines| {
            let open = forge.opened(proposal, lines).unwrap();
            forge.release(lines, &open, &["alice", "bob", "carol"]);
            reject(forge, proposal, lines, "alice");
            lines.add(intended(quorum));
        })
    };
    drop(after(&["bob", "carol"]).state());
    forged(&after(&["alice", "bob"]), "quorum-names: are not a quorum of those who approved and released");
}

#[test]
fn a_custodian_releases_once_and_only_before_anything_is_decided() {
    let twice = signed_by(&TWO, |forge, proposal, lines| {
        let open = forge.opened(proposal, lines).unwrap();
        forge.release(lines, &open, &["alice", "alice"]);
    });
    forged(&twice, "release-twice: alice has already released shares: a custodian counts once");
    let intended_before = signed_by(&["alice", "bob", "carol"], |forge, proposal, lines| {
        let open = forge.opened(proposal, lines).unwrap();
        forge.release(lines, &open, &TWO);
        lines.add(intended(&TWO));
        forge.release(lines, &open, &["carol"]);
    });
    forged(&intended_before, "line-order: released is not allowed here");
    let aborted = signed_by(&TWO, |forge, proposal, lines| {
        let open = forge.opened(proposal, lines).unwrap();
        lines.add(Aborted { abort: forge.sign("frank", &forge.abort(proposal, "frank")) });
        forge.release(lines, &open, &["alice"]);
    });
    forged(&aborted, "line-order: released is not allowed here");
}

/// Approvals alone are no quorum where shares are released, nor are those who released enough if others approved.
#[test]
fn a_quorum_approved_and_released() {
    let signed = signed_by(&TWO, |_, _, lines| {
        lines.add(intended(&TWO));
    });
    forged(&signed, "quorum-missing: it was executed without a quorum: crypto-officer 0 of 2");
    let one = signed_by(&["alice", "bob", "carol"], |forge, proposal, lines| {
        let open = forge.opened(proposal, lines).unwrap();
        forge.release(lines, &open, &["alice", "bob"]);
        lines.add(intended(&["alice", "carol"]));
    });
    forged(&one, "quorum-names: are not a quorum of those who approved and released");
}

/// Each counts by what it lists: Alice and Bob approved first, Carol came later.
#[test]
fn releases_on_different_approvals_count_together() {
    let forge = signed_by(&TWO, |forge, proposal, lines| {
        let open = forge.opened(proposal, lines).unwrap();
        forge.release(lines, &open, &["alice"]);
        forge.sign_only(lines, proposal, &["carol"]);
        let open = forge.opened(proposal, lines).unwrap();
        forge.release(lines, &open, &["carol"]);
        lines.add(intended(&["alice", "carol"]));
    });
    drop(honest(&forge));
}

/// The warning is of those whose shares are out although nobody acted.
#[test]
fn shares_that_are_out_are_warned_of() {
    let warned = |ended: &dyn Fn(&Forge, &Proposal, &mut Transcript)| {
        let forge = signed_by(&TWO, |forge, proposal, lines| {
            let open = forge.opened(proposal, lines).unwrap();
            forge.release(lines, &open, &TWO);
            ended(forge, proposal, lines);
        });
        let found = verification::remarks(&forge.state(), reading()).into_iter();
        let found = found.filter(|f| f.code == "releases-outstanding" && f.severity == Severity::Warning);
        found.map(|f| f.message).collect::<Vec<_>>()
    };
    let aborted = |forge: &Forge, proposal: &Proposal, lines: &mut Transcript| {
        lines.add(Aborted { abort: forge.sign("frank", &forge.abort(proposal, "frank")) });
    };
    let told = "2 custodians (alice, bob) released shares for it, and it ended without acting";
    assert_eq!(warned(&aborted), [told]);
    assert_eq!(warned(&|_, _, _| {}), [""; 0], "it is still open");
    // The station did not record it, and the statement lies beside the transcript.
    let mut forge = Forge::deletion(|forge, proposal, lines| aborted(forge, proposal, lines));
    let signed = signed_by(&TWO, |_, _, _| {});
    let (said, _) = signed.release_of(signed.state().open().unwrap(), "alice");
    let beside = forge.sign("alice", &said).write();
    forge.files[1].approvals.push(("alice-1.json".into(), beside));
    let found = verification::remarks(&forge.state(), reading());
    let told = "1 custodian (alice) released shares for it, and it ended without acting";
    assert!(found.iter().any(|f| f.code == "releases-outstanding" && f.message == told), "{found:?}");
}

/// A genesis in which alice confirms as told.
#[track_caller]
fn confirmed(card: &str, change: impl FnOnce(&Proposal, &mut Confirmation) -> Vec<Envelope>, code: &str) {
    let forge = Forge::empty(crate::encoding::dsse::Mode::Production, "ledger");
    let proposal = forge.genesis();
    let forge = forge.with(&proposal, |forge, lines| {
        let mut said = forge.confirmation(&proposal, "alice");
        let drills = change(&proposal, &mut said);
        lines.add(Confirmed { confirmation: forge.sign(card, &said), drills });
    });
    match code {
        "" => assert_eq!(honest(&forge).open().unwrap().confirmations.len(), 1),
        _ => drop(forged(&forge, code)),
    }
}

/// A drill of a new share by a card of alice.
fn drill(proposal: &Proposal, card: &str, change: impl FnOnce(&mut Drill)) -> Envelope {
    let roster = proposal.new_roster.as_ref().unwrap();
    let mut said = Drill {
        ledger: proposal.ledger,
        ceremony: 0,
        head: proposal.digest(),
        epoch: roster.deal.epoch,
        dealing: roster.deal.dealing_id(),
        person: name("alice"),
        serial: text(card),
        opened: 2,
        time: time(proposal.created.unix() + 1),
    };
    change(&mut said);
    Forge::empty(crate::encoding::dsse::Mode::Production, "ledger").sign(card, &said)
}

#[test]
fn a_confirmation_is_of_this_genesis_with_a_release_and_drills_by_other_cards() {
    let none = Vec::new;
    let other = Digest::of(b"another");
    confirmed("alice", |_, _| none(), "");
    let words = "other-proposal: alice confirmed shares for another proposal";
    confirmed(
        "alice",
        |_, c| {
            c.proposal = other;
            none()
        },
        words,
    );
    confirmed(
        "alice",
        |_, c| {
            c.roster = other;
            none()
        },
        "other-roster: alice verified another roster",
    );
    confirmed(
        "alice",
        |_, c| {
            c.dealing = other;
            none()
        },
        "other-dealing: alice confirmed shares of another dealing",
    );
    confirmed(
        "alice",
        |_, c| {
            c.file = None;
            none()
        },
        "confirmation-file: without handing over their shares",
    );
    confirmed(
        "alice",
        |_, c| {
            c.cards = other;
            none()
        },
        "confirmation-cards: are not those that alice signed",
    );
    confirmed(
        "alice",
        |p, c| {
            c.time = p.expires.plus(1);
            none()
        },
        "approval-late: alice approved after",
    );
    confirmed("bob", |_, _| none(), "statement-card: on none of alice's cards");
    let with = |drills: Vec<Envelope>, c: &mut Confirmation| {
        c.cards = drills_digest(&drills);
        drills
    };
    confirmed("alice", |p, c| with(vec![drill(p, "alice-spare", |_| {})], c), "");
    let twice = "confirmation-drill: alice confirmed with one card twice";
    confirmed("alice", |p, c| with(vec![drill(p, "alice", |_| {})], c), twice);
    let spare = |p: &Proposal| drill(p, "alice-spare", |_| {});
    confirmed("alice", |p, c| with(vec![spare(p), spare(p)], c), twice);
    for (change, words) in [
        ((|d| d.head = Digest::of(b"x")) as fn(&mut Drill), "it is of another dealing or proposal"),
        (|d| d.dealing = Digest::of(b"x"), "it is of another dealing or proposal"),
        (|d| d.opened = 1, "it names another card, or other shares"),
        (|d| d.serial = text("other"), "it names another card, or other shares"),
        (|d| d.person = name("bob"), "on none of bob's cards"),
    ] {
        let code = format!("confirmation-drill: {words}");
        confirmed("alice", |p, c| with(vec![drill(p, "alice-spare", change)], c), &code);
    }
}

#[test]
fn a_ceremony_takes_the_lines_of_its_kind() {
    let genesis = Forge::empty(crate::encoding::dsse::Mode::Production, "ledger");
    let proposal = genesis.genesis();
    let approved = genesis.with(&proposal, |forge, lines| forge.sign_only(lines, &proposal, &["alice"]));
    forged(&approved, "line-kind: approved does not belong to this ceremony: each custodian confirms it");
    let twice = genesis.with(&proposal, |forge, lines| forge.confirm(lines, &proposal, &["alice", "alice"]));
    forged(&twice, "confirmation-twice: alice has already confirmed: a custodian counts once");
    let confirmed = signed_by(&[], |forge, _, lines| {
        let said = forge.confirmation(&proposal, "alice");
        lines.add(Confirmed { confirmation: forge.sign("alice", &said), drills: Vec::new() });
    });
    let words =
        "confirmed does not belong to this ceremony: its shares are released once a quorum has approved";
    forged(&confirmed, &format!("line-kind: {words}"));
    // The recovery of what had tried nothing opens no share.
    let mut forge = Forge::new();
    let lost = forge.delete();
    let lines = forge.begin(&lost);
    forge.push(&lost, &lines);
    let recover = forge.recover(1, lines.head(), false);
    let recovered = forge.with(&recover, |forge, lines| {
        forge.sign_only(lines, &recover, &ALL);
        let open = forge.opened(&recover, lines).unwrap();
        assert_eq!((open.shares, open.tally().is_quorum()), (Shares::None, true));
        let (said, _) = forge.release_of(&open, "alice");
        let basis = Basis { authorities: vec![name("crypto-officer")], approvals: Vec::new() };
        lines.add(Released {
            release: Key::of("alice")
                .envelope(forge.mode.payload_type("release"), crate::encoding::strict::write(&said)),
            basis,
        });
    });
    forged(&recovered, "line-kind: released does not belong to this ceremony: it opens no share");
}
