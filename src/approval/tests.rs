//! Shares and credentials that are not the dealer's: each is refused with the name of its custodian, and fewer than M
//! give nothing.

use std::{collections::BTreeSet, io::Write as _};

mod counting;
mod longest;

#[allow(dead_code, reason = "shared with the suite")]
#[path = "../../tests/suite/support/roster.rs"]
mod dealt;

use crate::{
    approval::quorum::{MissingShare, Participant, Tally},
    encoding::{digest::Digest, dsse::Mode, strict::Base64},
    memory::{CredentialSecret, LockedBytes, ShareSecret, search},
    proposal::{
        credential::{CredentialError, CredentialName},
        target::Role,
    },
    roster::{
        OperationKind, Roster, RosterDocument, RosterError,
        deal::{Authority, DealHeader},
        requirement::Shares,
    },
    sealing::single::{self, SealError},
    sharing::{
        commitment::{ShareName, commitment},
        dealer::{self, DealError},
        identity,
        reconstitution::{ReconstitutionError, reconstitute},
        share::{Share, ShareError, UnverifiedShare},
    },
};
use dealt::{Dealing, Recipe, name, person, share_key, share_recipient};

const CRYPTO: &str = "crypto-officer";

fn shares(dealing: &Dealing, numbers: &[u8]) -> Vec<Share> {
    numbers.iter().map(|number| dealing.share(CRYPTO, *number)).collect()
}

fn gives_the_secret(dealing: &Dealing, numbers: &[u8]) -> bool {
    reconstitute(dealing.authority(CRYPTO), shares(dealing, numbers))
        .is_ok_and(|secret| secret.expose() == dealing.secrets[0].expose())
}

/// A document with one line changed.
#[track_caller]
fn edited(document: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = std::str::from_utf8(document).unwrap();
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1).into_bytes()
}

#[test]
fn every_three_of_five_give_the_secret_and_no_two_do() {
    let dealing = Recipe::of(3, 5).deal();
    for mask in 0_u8..32 {
        let numbers: Vec<u8> = (1..=5).filter(|n| mask & (1 << (n - 1)) != 0).collect();
        assert_eq!(gives_the_secret(&dealing, &numbers), numbers.len() == 3, "{numbers:?}");
        if numbers.len() == 3 {
            let backwards: Vec<u8> = numbers.iter().rev().copied().collect();
            assert!(gives_the_secret(&dealing, &backwards));
        }
    }
}

#[test]
fn any_m_of_any_n_give_the_secret() {
    let random = |below: u8| {
        let mut byte = [0];
        getrandom::fill(&mut byte).unwrap();
        byte[0] % below
    };
    for round in 0..25 {
        let n = 2 + random(11);
        let m = 2 + random(n - 1);
        let dealing = Recipe::of(m, n).deal();
        let mut numbers: Vec<u8> = (1..=n).collect();
        for place in (1..numbers.len()).rev() {
            numbers.swap(place, usize::from(random(u8::try_from(place).unwrap() + 1)));
        }
        let quorum = &numbers[..usize::from(m)];
        assert!(gives_the_secret(&dealing, quorum), "round {round}: {m} of {n}: {quorum:?}");
        assert!(!gives_the_secret(&dealing, &quorum[1..]), "round {round}: {m} of {n}");
    }
}

#[test]
fn one_less_than_m_gives_nothing_whatever_the_threshold_says() {
    let dealing = Recipe::of(3, 5).deal();
    let honest = dealing.authority(CRYPTO);
    for numbers in [[1, 2], [2, 5], [5, 1]] {
        assert!(matches!(
            reconstitute(honest, shares(&dealing, &numbers)),
            Err(ReconstitutionError::Count { found: 2, wanted: 3, .. })
        ));
        let lowered = Authority { threshold: 2, ..honest.clone() };
        let result = reconstitute(&lowered, shares(&dealing, &numbers));
        assert!(matches!(result, Err(ReconstitutionError::OtherKey(_))));
    }
    let nobody = Authority { threshold: 0, ..honest.clone() };
    assert!(reconstitute(&nobody, Vec::new()).is_err());
    let alone = Authority { threshold: 1, ..honest.clone() };
    assert!(reconstitute(&alone, shares(&dealing, &[1])).is_err());
}

#[test]
fn a_share_given_twice_counts_once() {
    let dealing = Recipe::of(3, 5).deal();
    for numbers in [&[1, 1, 2][..], &[1, 2, 1], &[1, 2, 3, 3], &[1, 1, 1], &[1, 2, 3, 4]] {
        let result = reconstitute(dealing.authority(CRYPTO), shares(&dealing, numbers));
        assert!(matches!(result, Err(ReconstitutionError::Count { .. })), "{numbers:?}");
    }
}

/// Shares that could not be combined, or that would not be those of whom the header says, do not leave the dealer.
#[test]
fn what_cannot_be_used_later_is_not_dealt() {
    let dealing = Recipe::of(2, 3).deal();
    let deal = |change: &dyn Fn(&mut DealHeader)| {
        let mut header = dealing.roster.deal().clone();
        change(&mut header);
        let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
        dealer::deal(&header, &name(CRYPTO), &dealing.secrets[0], &mut rng).map(|shares| shares.len())
    };
    assert_eq!(deal(&|_| {}).unwrap(), 3);
    let words = "a trial of the shares of crypto-officer failed: 4 of them did not give the secret back";
    assert_eq!(deal(&|header| header.authorities[0].threshold = 4).unwrap_err().to_string(), words);
    let twice = deal(&|header| header.custodians[2] = header.custodians[0].clone());
    assert!(matches!(twice, Err(DealError::Trial { .. })));
    let nobody = deal(&|header| header.authorities.clear()).unwrap_err();
    assert_eq!(nobody.to_string(), "no authority crypto-officer in the deal header");
}

/// What a library copies of a share, or of the secret, to the heap is wiped, by the dealer and where shares are combined. The
/// allocator writes over the beginning of what it takes back, so that their ends are looked for.
#[test]
fn no_copy_of_a_share_is_left_of_dealing_and_combining() {
    let dealing = Recipe::of(3, 5).deal();
    let shares = shares(&dealing, &[1, 2, 3]);
    let authority = dealing.authority(CRYPTO).clone();
    let secrets = shares.iter().map(|share| share.secret().expose()).chain([dealing.secrets[0].expose()]);
    let ends: Vec<LockedBytes> = secrets.map(|all| LockedBytes::copy_of(&all[16..]).unwrap()).collect();
    drop(dealing);
    drop(reconstitute(&authority, shares).unwrap());
    for (place, end) in ends.iter().enumerate() {
        assert_eq!(search::copies_after(end, || {}), 0, "{place}");
    }
}

#[test]
fn shares_of_two_authorities_do_not_mix() {
    let mut recipe = Recipe::of(2, 3);
    recipe.authorities.push(("security-officer", 2));
    let dealing = recipe.deal();
    let mixed = vec![dealing.share(CRYPTO, 1), dealing.share("security-officer", 2)];
    assert!(matches!(
        reconstitute(dealing.authority(CRYPTO), mixed),
        Err(ReconstitutionError::Count { found: 1, .. })
    ));
}

/// Each dealing has a crypto-officer, and each share is good in its own.
#[test]
fn a_share_of_another_dealing_takes_no_part_in_an_operation() {
    let (dealing, next) = (Recipe::of(2, 3).deal(), Recipe { epoch: 2, ..Recipe::of(2, 3) }.deal());
    let requirement = next.roster.requirement(OperationKind::Delete);
    let take_part = |share| Participant::new(person(1), vec![share], &requirement);
    assert!(take_part(next.share(CRYPTO, 1)).is_ok());
    let missing = MissingShare { custodian: person(1), authority: name(CRYPTO) };
    assert_eq!(take_part(dealing.share(CRYPTO, 1)).err(), Some(missing));
}

#[test]
fn what_a_share_says_of_itself_must_be_what_the_roster_says() {
    let mut recipe = Recipe::of(3, 5);
    recipe.authorities.push(("security-officer", 3));
    let dealing = recipe.deal();
    let good = dealing.document(CRYPTO, 2);
    assert_eq!(dealing.verify(good, CRYPTO, 2).unwrap().index(), 2);
    for (from, to) in [
        ("index 2", "index 0"),
        ("index 2", "index 6"),
        ("index 2", "index 255"),
        ("index 2", "index 1"),
        ("threshold 3", "threshold 2"),
        ("threshold 3", "threshold 4"),
        ("threshold 3", "threshold 0"),
        ("custodian person-2", "custodian person-1"),
        ("custodian person-2", "custodian stranger"),
        ("authority crypto-officer", "authority security-officer"),
        ("authority crypto-officer", "authority nobody"),
    ] {
        let error = dealing.verify(&edited(good, from, to), CRYPTO, 2).err().unwrap();
        assert!(matches!(error, ShareError::Name { .. }), "{to}: {error}");
        assert!(error.to_string().contains("person-2"), "{error}");
    }
    // Another's good share, or one of the other authority, in the place of their own.
    for (document, authority, number) in
        [(good, CRYPTO, 1), (good, "security-officer", 2), (good, CRYPTO, 99), (good, "nobody", 2)]
    {
        assert!(matches!(dealing.verify(document, authority, number), Err(ShareError::Name { .. })));
    }
    for (from, to) in [
        ("index 2", "index 02"),
        ("index 2", "index +2"),
        ("index 2", "index 256"),
        ("index 2", "index -1"),
        ("epoch 1", "epoch 1 "),
        ("secret ", "secret 0"),
        ("quorate-share-v2", "quorate-share-v9"),
        ("dealing ", "dealing  "),
    ] {
        assert!(UnverifiedShare::read(&edited(good, from, to)).is_err(), "{to}");
    }
}

#[test]
fn a_share_of_another_dealing_is_refused() {
    let recipe = Recipe::of(3, 5);
    let dealing = recipe.deal();
    let others = [
        ("dealt again", recipe.clone()),
        ("other ledger", Recipe { ledger: Digest::of(b"other"), ..recipe.clone() }),
        ("rehearsed", Recipe { mode: Mode::Rehearsal, ..recipe.clone() }),
        ("one more custodian", Recipe { custodians: 6, ..recipe.clone() }),
        ("lower threshold", Recipe { authorities: vec![(CRYPTO, 2)], ..recipe.clone() }),
    ];
    for (what, other) in others {
        let document = other.deal().document(CRYPTO, 1).to_vec();
        let error = dealing.verify(&document, CRYPTO, 1).err().unwrap();
        assert!(matches!(error, ShareError::Dealing { .. }), "{what}: {error}");
        assert!(error.to_string().contains("person-1's share of crypto-officer"), "{what}: {error}");
    }
    let later = Recipe { epoch: 2, ..recipe }.deal();
    let error = later.verify(dealing.document(CRYPTO, 1), CRYPTO, 1).err().unwrap();
    assert_eq!(
        error.to_string(),
        "person-1's share of crypto-officer belongs to epoch 1, this roster is at epoch 2"
    );
}

#[test]
fn no_bit_of_a_share_can_be_changed() {
    let dealing = Recipe::of(2, 3).deal();
    let good = dealing.document(CRYPTO, 3);
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.to_vec();
            bad[at] ^= 1 << bit;
            let taken = UnverifiedShare::read(&bad)
                .map(|(share, _)| share.verify(&dealing.roster, &name(CRYPTO), &person(3)));
            assert!(!matches!(taken, Ok(Ok(_))), "byte {at}, bit {bit}");
        }
    }
    let cut = edited(good, "secret ", "secret ab");
    assert!(matches!(dealing.verify(&cut, CRYPTO, 3), Err(ShareError::Length { length: 33, .. })));
    let name = ShareName {
        dealing: dealing.roster.dealing_id(),
        epoch: 1,
        authority: name(CRYPTO),
        custodian: person(3),
        index: 3,
        threshold: 2,
    };
    let zero = ShareSecret::copy_of(&[0; 32]).unwrap();
    let document = UnverifiedShare::write(&name, &zero).unwrap();
    let error = dealing.verify(document.expose(), CRYPTO, 3).err().unwrap();
    assert!(matches!(error, ShareError::Commitment { .. }), "{error}");
    assert!(error.to_string().contains("person-3's share of crypto-officer is not the one"), "{error}");
    // Nothing that binds a share is left out of its commitment.
    let own = commitment(&name, &zero);
    for other in [
        ShareName { dealing: Digest::of(b"x"), ..name.clone() },
        ShareName { epoch: 2, ..name.clone() },
        ShareName { authority: person(9), ..name.clone() },
        ShareName { custodian: person(9), ..name.clone() },
        ShareName { index: 2, ..name.clone() },
        ShareName { threshold: 3, ..name.clone() },
    ] {
        assert_ne!(commitment(&other, &zero), own);
    }
}

#[test]
fn a_result_that_is_another_key_is_refused() {
    // Every seed is one, whatever its bits.
    for bytes in [[0x55; 32], [0xff; 32], [0; 32]] {
        let dealing = Recipe { secrets: vec![bytes], ..Recipe::of(2, 3) }.deal();
        let result = reconstitute(dealing.authority(CRYPTO), shares(&dealing, &[1, 3])).unwrap();
        assert_eq!(result.expose(), bytes);
    }
    let dealing = Recipe::of(2, 3).deal();
    let recipient = Recipe::of(2, 3).deal().authority(CRYPTO).recipient.clone();
    let other = Authority { recipient, ..dealing.authority(CRYPTO).clone() };
    let result = reconstitute(&other, shares(&dealing, &[1, 3]));
    assert!(matches!(result, Err(ReconstitutionError::OtherKey(_))));
}

#[test]
fn a_share_has_one_recipient() {
    let dealing = Recipe::of(2, 3).deal();
    let recipients = [share_key(1).recipient(), share_key(250).recipient()];
    let mut two = Vec::new();
    let all = recipients.iter().map(|r| r as &dyn age::Recipient);
    let mut writer = age::Encryptor::with_recipients(all).unwrap().wrap_output(&mut two).unwrap();
    writer.write_all(dealing.document(CRYPTO, 1)).unwrap();
    writer.finish().unwrap();
    for key in [1, 250] {
        let opened = single::open_with(&share_key(key), &two, 1024);
        assert!(matches!(opened, Err(SealError::ManyRecipients { found: 2 })));
    }
    let mut document = dealing.roster.document().clone();
    document.sealed_shares[0].file = Base64(two);
    let error = Roster::validate(document).err().unwrap();
    assert!(matches!(error, RosterError::SealedShare { .. }), "{error}");
    assert!(error.to_string().contains("person-1 for crypto-officer has 2 recipients"), "{error}");
}

#[test]
fn a_roster_whose_deal_does_not_fit_is_refused() {
    type Change<'a> = &'a dyn Fn(&mut RosterDocument);
    let good = Recipe::of(2, 3).deal().roster.document().clone();
    Roster::validate(good.clone()).unwrap();
    let changes: &[(&str, Change<'_>)] = &[
        ("no commitment", &|r| drop(r.commitments.pop())),
        ("one commitment more", &|r| r.commitments.push(r.commitments[0].clone())),
        ("commitments out of order", &|r| r.commitments.swap(0, 1)),
        ("no sealed share", &|r| drop(r.sealed_shares.pop())),
        ("one sealed share more", &|r| r.sealed_shares.push(r.sealed_shares[0].clone())),
        ("sealed shares out of order", &|r| r.sealed_shares.swap(0, 1)),
        ("a sealed share for another card", &|r| r.sealed_shares[0].card = Digest::of(b"x")),
        ("a sealed share that is none", &|r| r.sealed_shares[0].file = Base64(b"share".to_vec())),
        ("epoch 0", &|r| r.deal.epoch = 0),
        ("custodians out of order", &|r| r.deal.custodians.swap(0, 1)),
        ("one custodian less in the deal", &|r| drop(r.deal.custodians.pop())),
        ("threshold 1", &|r| r.deal.authorities[0].threshold = 1),
        ("threshold 4", &|r| r.deal.authorities[0].threshold = 4),
        ("no authority", &|r| r.deal.authorities.clear()),
        ("an authority twice", &|r| r.deal.authorities.push(r.deal.authorities[0].clone())),
        ("a custodian's key as an authority's", &|r| {
            r.deal.authorities[0].recipient = share_recipient(1);
        }),
        ("a custodian's key as the station's", &|r| {
            r.deal.station.recipient = share_recipient(1);
        }),
        ("no administrator", &|r| r.administrators.clear()),
        ("a custodian as administrator", &|r| r.administrators.push(r.custodians[0].clone())),
        ("a custodian twice", &|r| r.custodians[1] = r.custodians[0].clone()),
        ("a card twice", &|r| {
            let card = r.custodians[0].cards[0].clone();
            r.custodians[0].cards.push(card);
        }),
        ("no card", &|r| r.custodians[0].cards.clear()),
        ("another's card", &|r| r.custodians[0].cards = r.custodians[1].cards.clone()),
        ("soft cards", &|r| r.policy.allow_soft_cards = false),
        ("no copies", &|r| r.policy.copies = 0),
    ];
    for (what, change) in changes {
        let mut bad = good.clone();
        change(&mut bad);
        assert!(Roster::validate(bad).is_err(), "{what}");
    }
}

#[test]
fn a_credential_opens_as_what_it_was_made_for() {
    let authority = Recipe::of(2, 3).deal();
    let key = identity::age_identity(&authority.secrets[0]).unwrap();
    let recipient = authority.authority(CRYPTO).recipient.clone();
    let wanted = CredentialName {
        ledger: Digest::of(b"ledger"),
        authority: name(CRYPTO),
        target: name("hsm"),
        role: Role::UserPin,
        version: 2,
    };
    let pin = CredentialSecret::copy_of(b"known-to-the-attacker").unwrap();
    let seal = |credential: &CredentialName| credential.seal(&recipient, &pin).unwrap();
    assert!(wanted.open(&key, &seal(&wanted)).is_ok());
    for other in [
        CredentialName { version: 1, ..wanted.clone() },
        CredentialName { version: 3, ..wanted.clone() },
        CredentialName { role: Role::SoPin, ..wanted.clone() },
        CredentialName { role: Role::BackupKey, ..wanted.clone() },
        CredentialName { target: name("hsm2"), ..wanted.clone() },
        CredentialName { authority: name("security-officer"), ..wanted.clone() },
        CredentialName { ledger: Digest::of(b"other"), ..wanted.clone() },
    ] {
        let error = wanted.open(&key, &seal(&other)).err().unwrap();
        assert!(matches!(error, CredentialError::Other { .. }), "{other:?}: {error}");
    }
    let stranger = share_recipient(77);
    let elsewhere = wanted.seal(&stranger, &pin).unwrap();
    assert!(matches!(wanted.open(&key, &elsewhere), Err(CredentialError::Seal { .. })));
    let to_myself = single::seal_to(&key.recipient(), b"quorate-credential-v2\nsecret 00\n").unwrap();
    assert!(matches!(wanted.open(&key, &to_myself), Err(CredentialError::Document { .. })));
    let good = seal(&wanted);
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        assert!(wanted.open(&key, &bad).is_err(), "byte {at}");
    }
}

/// What an operation requires of whom: everybody confirms their shares at a genesis, M of each authority that governs the rest.
#[test]
fn a_genesis_requires_everybody_and_what_no_authority_governs_has_no_quorum() {
    let dealing =
        Recipe { authorities: vec![(CRYPTO, 3), ("security-officer", 4)], ..Recipe::of(3, 5) }.deal();
    let needs = |kind| {
        let requirement = dealing.roster.requirement(kind);
        let parts: Vec<usize> = requirement.parts().iter().map(|part| part.custodians).collect();
        (parts, requirement.shares(), requirement.at_least(), requirement.attesting())
    };
    assert_eq!(needs(OperationKind::Genesis), (vec![5, 5], Shares::Confirmed, Some(5), Some(4)));
    for kind in [OperationKind::Delete, OperationKind::Recover, OperationKind::Adopt, OperationKind::Use] {
        assert_eq!(needs(kind), (vec![3, 4], Shares::Released, Some(4), Some(4)), "{kind}");
    }
    assert_eq!(needs(OperationKind::Retire), (vec![3, 4], Shares::None, Some(4), Some(4)));
    assert_eq!(needs(OperationKind::Command), (vec![], Shares::Released, None, None));
    let everybody = (1..=5).map(person).collect();
    let command = dealing.roster.requirement(OperationKind::Command);
    assert!(!Tally::count(&command, &everybody, &BTreeSet::new()).is_quorum());
}
