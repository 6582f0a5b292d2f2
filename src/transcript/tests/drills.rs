//! Drills beside a ceremony: which of them count, and what is known of a card.

use std::sync::Arc;

use crate::{
    approval::drill::Drill,
    encoding::{digest::Digest, dsse::Mode, strict, time::Timestamp},
    roster::Roster,
    transcript::{
        drilled::{self, MAX_DRILL, Proof},
        event::Closed,
        finding::Severity,
        ledger::{Deal, LedgerState},
        outcome::Outcome,
        verification,
    },
};

use super::forge::{
    ALL, Forge, Key, MINUTE, concluded, genesis_plan, intended, name, proposed, reading, refit,
    roster_document, text, time,
};

/// An honest drill of the genesis.
fn drill(forge: &Forge, who: &str) -> Drill {
    let state = forge.state();
    let (genesis, roster) = (state.ceremonies.number(0).unwrap(), state.roster().unwrap());
    Drill {
        ledger: forge.nonce,
        ceremony: 0,
        head: genesis.last_line,
        epoch: 1,
        dealing: roster.dealing_id(),
        person: name(who),
        serial: text(who),
        opened: if roster.custodian(&name(who)).is_some() { 2 } else { 0 },
        time: genesis.times.1.plus(86_400),
    }
}

/// The ledger with this file beside its genesis, or the reason for which it does not count.
fn beside(forge: &Forge, bytes: Vec<u8>) -> Result<Forge, String> {
    let mut forge = forge.clone();
    forge.files[0].drills = vec![("it.json".into(), bytes.clone())];
    let found = forge.verify().findings;
    let state = forge.state();
    let genesis = state.ceremonies.number(0).unwrap();
    let alone = drilled::check(&bytes, &state, genesis);
    if found.is_empty() {
        assert_eq!((genesis.drills.len(), genesis.bad_drills.len()), (1, 0));
        assert!(alone.is_ok());
        return Ok(forge);
    }
    let told: Vec<_> = found.iter().map(|f| (f.code, f.severity, f.ceremony.as_deref())).collect();
    assert_eq!(told, [("drill-bad", Severity::Warning, Some("0000-genesis"))]);
    assert_eq!((genesis.drills.len(), genesis.bad_drills.len()), (0, 1));
    let reason = found[0].message.strip_prefix("it.json: ").unwrap().to_owned();
    assert_eq!(alone.err(), Some(reason.clone()));
    Err(reason)
}

/// The reason for which a drill does not count that was changed before it was signed.
#[track_caller]
fn refused(card: &str, change: impl FnOnce(&mut Drill), words: &str) {
    let forge = Forge::new();
    let mut drill = drill(&forge, "alice");
    change(&mut drill);
    let reason = beside(&forge, forge.sign(card, &drill).write()).err().unwrap_or_default();
    assert!(reason.contains(words), "{words}: {reason}");
}

#[test]
fn everybody_s_honest_drill_counts() {
    let forge = Forge::new();
    for who in ["alice", "dave", "frank", "grace"] {
        let line = forge.sign(who, &drill(&forge, who)).write();
        beside(&forge, line.clone()).unwrap();
        beside(&forge, [line, b"\n".to_vec()].concat()).unwrap();
    }
    let spare = Drill { serial: text("alice-spare"), ..drill(&forge, "alice") };
    beside(&forge, forge.sign("alice-spare", &spare).write()).unwrap();
    // Not before the head that it names, and at that very time.
    let at_the_head = Drill { time: forge.state().floor(None).unwrap().times.1, ..drill(&forge, "alice") };
    let at_the_head = forge.sign("alice", &at_the_head).write();
    beside(&forge, at_the_head.clone()).unwrap();
    // What came later does not make it worse.
    let mut longer = forge.clone();
    longer.complete_delete();
    let state = longer.state();
    assert!(drilled::check(&at_the_head, &state, state.ceremonies.number(0).unwrap()).is_ok());
}

#[test]
fn a_drill_is_of_this_ledger_this_head_and_the_roster_in_force() {
    refused("alice", |d| d.ledger = Digest::of(b"another"), "it was made in another ledger");
    refused("alice", |d| d.head = Digest::of(b"another"), "it names another head");
    refused("alice", |d| d.ceremony = 1, "it names another head");
    refused("alice", |d| d.epoch = 2, "it is of epoch 2, the roster is at epoch 1");
    refused("alice", |d| d.dealing = Digest::of(b"another"), "it is of another dealing");
    let earlier = Forge::new().state().ceremonies.number(0).unwrap().times.1.minus(1);
    refused("alice", |d| d.time = earlier, &format!("it is dated {earlier}, before the head that it names"));
    // Of a ceremony that has not ended there is no head.
    let mut forge = proposed(Forge::new(), &Forge::new().delete());
    let open = forge.state().ceremonies.number(1).unwrap().last_line;
    let drill = Drill { ceremony: 1, head: open, ..drill(&Forge::new(), "alice") };
    forge.files[1].drills = vec![("it.json".into(), forge.sign("alice", &drill).write())];
    assert_eq!(forge.verify().findings[0].message, "it.json: it names another head");
    assert_eq!(objections(&forge), []);
}

/// The objections to a ledger: code and words.
fn objections(forge: &Forge) -> Vec<(&'static str, String)> {
    let mut found = verification::remarks(&forge.state(), reading());
    found.retain(|f| f.severity == Severity::Objection);
    found.into_iter().map(|f| (f.code, f.message)).collect()
}

/// What names a head that the ledger does not have is evidence against it; what lies in the wrong place is not.
#[test]
fn a_drill_of_a_head_that_is_gone_is_an_objection() {
    let mut forge = Forge::new();
    let (_, lines) = forge.complete_delete();
    let later = Drill { ceremony: 1, head: lines.head(), ..drill(&Forge::new(), "alice") };
    let beside_genesis = |forge: &Forge, card: &str, drill: &Drill| {
        let mut forge = forge.clone();
        forge.files[0].drills = vec![("it.json".into(), forge.sign(card, drill).write())];
        objections(&forge)
    };
    assert_eq!(beside_genesis(&forge, "alice", &later), []);
    forge.files.pop();
    let message = "alice signed the head of ceremony 1, which this ledger does not have: lines were cut off, this is an old \
                   copy, or it was written anew";
    assert_eq!(beside_genesis(&forge, "alice", &later), [("drill-other-head", message.into())]);
    assert_eq!(beside_genesis(&forge, "mallory", &later), []);
    let of_another_ledger = Drill { ledger: Digest::of(b"another"), ..later };
    assert_eq!(beside_genesis(&forge, "alice", &of_another_ledger), []);
}

#[test]
fn a_drill_is_by_the_card_that_it_names_and_of_all_its_shares() {
    refused("bob", |_| {}, "that is on none of alice's cards");
    refused("mallory", |d| d.person = name("mallory"), "mallory is no");
    refused("alice-spare", |_| {}, "it names card alice and was signed by");
    refused("alice", |d| d.serial = text("alice-spare"), "it names card alice-spare and was signed by");
    refused("alice", |d| d.opened = 0, "it opened 0 shares, not those that alice holds");
    refused("alice", |d| d.opened = 1, "it opened 1 shares, not those that alice holds");
    refused("alice", |d| d.opened = 3, "it opened 3 shares, not those that alice holds");
    let forge = Forge::new();
    let of_frank = Drill { opened: 1, ..drill(&forge, "frank") };
    let reason = beside(&forge, forge.sign("frank", &of_frank).write()).err().unwrap();
    assert_eq!(reason, "it opened 1 shares, not those that frank holds");
}

#[test]
fn what_is_not_a_drill_is_a_warning() {
    let forge = Forge::new();
    let of_rehearsal = Key::of("alice")
        .envelope(Mode::Rehearsal.payload_type("drill"), strict::write(&drill(&forge, "alice")));
    for (bytes, words) in [
        (Vec::new(), "EOF"),
        (b"{}".to_vec(), "missing field"),
        (of_rehearsal.write(), "a statement of type"),
        (vec![b' '; MAX_DRILL + 1], "16385 bytes, more than the 16384 of the longest drill"),
    ] {
        let reason = beside(&forge, bytes).err().unwrap();
        assert!(reason.contains(words), "{words}: {reason}");
    }
    let longest = beside(&forge, vec![b' '; MAX_DRILL]).err().unwrap();
    assert!(!longest.contains("the longest drill"), "{longest}");
    let mut none = Forge::empty(forge.mode, "ledger");
    let genesis = none.genesis();
    none.push(&genesis, &none.begin(&genesis));
    none.files[0].drills = vec![("it.json".into(), forge.sign("alice", &drill(&forge, "alice")).write())];
    assert_eq!(none.verify().findings.len(), 1);
}

/// A genesis whose policy asks for a drill every 10 days.
fn with_policy() -> Forge {
    let mut forge = Forge::empty(Mode::Production, "ledger");
    let mut proposal = forge.genesis();
    proposal.plan = genesis_plan().replace("[policy]\n", "[policy]\ndrill_every_days = 10\n");
    let mut document = roster_document(forge.mode, forge.nonce, "station-0");
    document.policy.drill_every_days = Some(10);
    proposal.roster = refit(&mut document);
    proposal.new_roster = Some(document);
    let mut lines = forge.begin(&proposal);
    forge.approve(&mut lines, &proposal, &ALL);
    lines.add(intended(&ALL));
    lines.add(concluded(Outcome::Completed, &[], &forge.objects()));
    lines.add(Closed { releases_destroyed: 4 });
    forge.push(&proposal, &lines);
    forge
}

#[test]
fn a_card_is_known_to_work_by_what_it_did_last() {
    let mut forge = with_policy();
    let by_alice = drill(&forge, "alice");
    let signed = forge.sign("alice", &by_alice).write();
    forge.files[0].drills.push(("alice.json".into(), signed));
    let (delete, lines) = forge.complete_delete();
    let attested = forge.attestation(&delete, &lines, "grace", true);
    let by_grace = forge.sign("grace", &attested).write();
    let of_custodian = forge.attestation(&delete, &lines, "dave", true);
    let by_dave = forge.sign("dave", &of_custodian).write();
    forge.files[1].attestations = vec![("dave.json".into(), by_dave), ("grace.json".into(), by_grace)];
    let state = forge.state();
    let genesis = state.ceremonies.number(0).unwrap();
    let approved = genesis.confirmations[0].signed.statement().time;
    let day = 86_400;
    let told = |now| {
        let drills = drilled::standing(&state, now);
        assert!(drills.set_aside.is_empty());
        let card = |serial: &str| {
            let card = drills.cards.iter().find(|c| c.card.enrolment().serial == text(serial)).unwrap();
            (card.last, card.due, card.is_overdue)
        };
        ["alice", "alice-spare", "bob", "dave", "frank", "grace"].map(card)
    };
    let [alice, spare, bob, dave, frank, grace] = told(reading());
    let known = |time: Timestamp, by| (Some((time, by)), Some(time.plus(10 * day)), true);
    assert_eq!(alice, known(by_alice.time, Proof::Drill));
    assert_eq!(spare, (None, Some(genesis.times.1.plus(10 * day)), true));
    assert_eq!((bob, dave), (known(approved, Proof::Confirmation), known(approved, Proof::Confirmation)));
    assert_eq!(frank, known(delete.created, Proof::Proposal));
    assert_eq!(grace, known(attested.time, Proof::Attestation));
    assert_eq!(told(by_alice.time)[0].0, Some((by_alice.time, Proof::Drill)));
    // On the last day nothing is overdue, and what is still to come is not known.
    let due = approved.plus(10 * day);
    assert!(!told(due)[2].2);
    assert!(told(due.plus(1))[2].2);
    let before = time(approved.unix() + MINUTE);
    let [.., frank, grace] = told_before(&state, before);
    assert_eq!((frank, grace), (Some(Proof::Proposal), None));
}

/// By what the cards were known to work at this time, where a drill of the future is set aside.
fn told_before(state: &LedgerState, now: Timestamp) -> [Option<Proof>; 3] {
    let drills = drilled::standing(state, now);
    let reason = "0000-genesis: the drill of alice is dated";
    assert!(
        matches!(drills.set_aside.as_slice(), [one] if one.starts_with(reason)),
        "{:?}",
        drills.set_aside
    );
    ["alice", "frank", "grace"].map(|who| {
        let card = drills.cards.iter().find(|c| c.card.enrolment().serial == text(who)).unwrap();
        card.last.map(|(_, by)| by)
    })
}

#[test]
fn without_a_policy_no_drill_is_due() {
    let state = Forge::new().state();
    let drills = drilled::standing(&state, reading());
    assert_eq!(drills.cards.len(), 7);
    assert!(drills.cards.iter().all(|card| card.due.is_none() && !card.is_overdue));
}

/// What does not count is not forgotten: somebody may have meant it.
#[test]
fn a_drill_that_is_set_aside_is_named() {
    let mut forge = Forge::new();
    forge.files[0].drills = vec![("it.json".into(), b"{}".to_vec())];
    let state = forge.state();
    let drills = drilled::standing(&state, reading());
    let reason = "0000-genesis: it.json: missing field";
    assert!(
        matches!(drills.set_aside.as_slice(), [one] if one.starts_with(reason)),
        "{:?}",
        drills.set_aside
    );
}

/// Whoever opened a share of an earlier dealing has not opened one of this.
#[test]
fn only_what_was_seen_since_its_dealing_says_that_a_card_works() {
    let mut forge = Forge::new();
    forge.files[0].drills = vec![("it.json".into(), forge.sign("alice", &drill(&forge, "alice")).write())];
    let mut state = forge.state();
    let of = |state: &LedgerState| -> Vec<Option<Proof>> {
        drilled::standing(state, reading()).cards.iter().map(|card| card.last.map(|(_, by)| by)).collect()
    };
    assert_eq!(of(&state)[0], Some(Proof::Drill));
    let document = roster_document(forge.mode, forge.nonce, "station-9");
    state.deals.push(Deal { roster: Arc::new(Roster::validate(document).unwrap()), by: 0 });
    assert_eq!(of(&state), [None; 7]);
}
