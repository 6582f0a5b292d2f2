//! Facts in certificates that the wrong bytes spell: whoever made them, a YubiKey did not.

use super::alone::{judge, refused};
use crate::support::certificates::{Issuer, LONG, Pair, Yubikey, authority, extension, yubico};

fn root() -> Issuer {
    Issuer::root("Test PIV Root", Pair::p256("root"))
}

/// The attestation of slot 9c with this extension in the place of the one that it has.
fn with(place: usize, extension: Vec<u8>) -> crate::support::quorum::Ran {
    let root = root();
    let card = Yubikey::made_by(&root, 7, [5, 7, 1]);
    let mut draft = card.draft("9c", &Pair::p256("key"));
    draft.extensions[place] = extension;
    judge(&[&draft.signed(&card.f9.pair), &card.f9.certificate], &root)
}

#[test]
fn each_fact_has_one_spelling() {
    // Firmware, serial, policies, form factor, in their places.
    for (place, number, values) in [
        (0, 3, &[&[][..], &[5], &[5, 7], &[5, 7, 1, 0], &[4, 3, 5, 7, 1]][..]),
        (
            1,
            7,
            &[
                &[][..],
                // Not the shortest, negative, too long, cut off, followed by something, no INTEGER at all.
                &[2, 2, 0, 7],
                &[2, 1, 0xff],
                &[2, 6, 1, 0, 0, 0, 0, 7],
                &[2, 2, 7],
                &[2, 1, 7, 0],
                &[2, 0x81, 1, 7],
                &[4, 1, 7],
                &[7],
            ],
        ),
        (
            2,
            8,
            &[
                &[][..],
                &[3],
                &[3, 2, 2],
                &[4, 2, 3, 2],
                &[0, 2],
                &[3, 0],
                &[6, 2],
                &[3, 4],
                &[0xff, 2],
                &[3, 0xff],
            ],
        ),
        (3, 9, &[&[][..], &[3, 3], &[2, 1, 3]]),
    ] {
        for value in values {
            let ran = with(place, yubico(number, value));
            refused(ran, &format!("its extension 1.3.6.1.4.1.41482.3.{number} cannot be read"));
        }
    }
}

#[test]
fn facts_under_another_name_are_none() {
    // The arc beside Yubico's, a longer one, one whose number begins alike.
    for id in
        ["1.3.6.1.4.1.41483.3.8", "1.3.6.1.4.1.41482.3.8.1", "1.3.6.1.4.1.41482.3.80", "1.3.6.1.4.1.41482.8"]
    {
        refused(with(2, extension(id, false, &[3, 2])), "it says no PIN and touch policy");
        refused(with(2, extension(id, true, &[3, 2])), "it says no PIN and touch policy");
    }
    refused(with(0, extension("1.3.6.1.4.1.41482.3.33", false, &[5, 7, 1])), "it says no firmware");
    // That they are critical changes nothing about facts that are understood.
    with(2, extension("1.3.6.1.4.1.41482.3.8", true, &[3, 2])).ok();
}

#[test]
fn an_authority_says_so_in_one_way() {
    let root = root();
    let with = |constraints: &[u8]| {
        let extensions = vec![yubico(3, &[5, 7, 1]), extension("2.5.29.19", true, constraints)];
        let f9 = Issuer::under(Some(&root), "Yubico PIV Attestation", Pair::p256("f9"), extensions, LONG);
        let card = Yubikey { serial: 7, firmware: [5, 7, 1], f9 };
        judge(&[&card.attest("9c", &Pair::p256("key")), &card.f9.certificate], &root)
    };
    with(&[0x30, 3, 1, 1, 0xff]).ok();
    // A truth that is none in DER, a negative path, one of two bytes, something behind, two of them, nothing.
    for constraints in [
        &[0x30, 3, 1, 1, 1][..],
        &[0x30, 6, 1, 1, 0xff, 2, 1, 0xff],
        &[0x30, 7, 1, 1, 0xff, 2, 2, 1, 0],
        &[0x30, 3, 1, 1, 0xff, 0],
        &[0x30, 6, 1, 1, 0xff, 1, 1, 0xff],
        &[],
    ] {
        refused(with(constraints), "its extension 2.5.29.19 cannot be read");
    }
    // An attestation that calls itself an authority.
    let card = Yubikey::made_by(&root, 7, [5, 7, 1]);
    let mut draft = card.draft("9c", &Pair::p256("key"));
    draft.extensions.push(authority(Some(0)));
    let slot = draft.signed(&card.f9.pair);
    refused(judge(&[&slot, &card.f9.certificate], &root), "it is an authority's certificate");
    // Slot f9 attested as a slot like any other is no certificate of a card.
    let nine_f = Pair::p256("f9 attested");
    let attested = card.attest("f9", &nine_f);
    let mut draft = card.draft("9c", &Pair::p256("key"));
    draft.issuer = "YubiKey PIV Attestation f9".into();
    let slot = draft.signed(&nine_f);
    refused(
        judge(&[&slot, &attested, &card.f9.certificate], &root),
        "\"CN=YubiKey PIV Attestation f9\" is the attestation of a slot's key and not a card's own certificate",
    );
}
