use std::{env, fs, path::PathBuf};

use super::*;
use crate::memory::search;

fn identity(byte: u8) -> HybridIdentity {
    HybridIdentity::from_seed(&[byte; 32]).unwrap()
}

fn hex(text: &str) -> Vec<u8> {
    base16ct::lower::decode_vec(text).unwrap()
}

/// The draft's first test vector of X-Wing, whose public key and ciphertext are given here by their SHA-256.
#[test]
fn the_kem_is_x_wing() {
    let seed = hex("7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26");
    let m = hex("3cb1eea988004b93103cfb0aeefd2a686e01fa4a58e8a3639ca8a1e3f9ae57e2");
    let scalar = hex("35b8cc873c23dc62b8d260169afa2f75ab916a58d974918835d25e6a435085b2");
    let secret = hex("d2df0522128f09dd8e2c92b1e905c793d8f57a54c3da25861f10bf4ca613e384");
    let identity = HybridIdentity::from_seed(seed.as_slice().try_into().unwrap()).unwrap();
    let recipient = identity.recipient();
    let key = "2e816deebcd76c5c80d0cd2d174478871658e8e2ff42bc9d4a6e486372e856bb";
    assert_eq!(Digest::of(&*recipient.0).to_string(), key);
    let m = m.as_slice().try_into().unwrap();
    let scalar: [u8; 32] = scalar.try_into().unwrap();
    let (sent, encapsulated) = encapsulate(&recipient, &m, StaticSecret::from(scalar)).unwrap();
    let ciphertext = "17cd532d657e44c897ca6583e548a5424fc70bf54f99515a4d2bcf99e3469f33";
    assert_eq!(Digest::of(&*encapsulated.0).to_string(), ciphertext);
    assert_eq!(sent.0.as_slice(), secret);
    let received = <XWing as hpke::Kem>::decap(&identity.0, None, &encapsulated).unwrap();
    assert_eq!(received.0.as_slice(), secret);
}

/// What typage sealed is opened, and what it has opened was sealed here: the files of `tests/interop`, or with QUORATE_INTEROP
/// those of that directory, to which a fresh file is added for typage to open (`make interop`).
#[test]
fn files_are_exchanged_with_typage() {
    let live = env::var_os("QUORATE_INTEROP").map(PathBuf::from);
    let kept = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/interop");
    let directory = live.clone().unwrap_or_else(kept);
    let read = |name: &str| fs::read(directory.join(name)).unwrap();
    let line = |name: &str| String::from_utf8(read(name)).unwrap().trim_end().to_owned();
    let (prefix, seed) = bech32::decode(&line("identity.txt")).unwrap();
    assert_eq!(prefix.to_string(), "AGE-SECRET-KEY-PQ-");
    let identity = HybridIdentity::from_seed(seed.as_slice().try_into().unwrap()).unwrap();
    let recipient: HybridRecipient = line("recipient.txt").parse().unwrap();
    assert_eq!(identity.recipient(), recipient);
    let opened = |name: &str| single::open_with(&identity, &read(name), 100).unwrap().expose().to_vec();
    assert_eq!(opened("by-typage.age"), b"sealed by typage");
    if live.is_some() {
        let sealed = single::seal_to(&recipient, b"sealed by quorate").unwrap();
        fs::write(directory.join("by-quorate.age"), sealed).unwrap();
    }
    assert_eq!(opened("by-quorate.age"), b"sealed by quorate");
}

#[test]
fn a_file_has_one_stanza_of_the_form_and_the_label_of_age() {
    let sealed = single::seal_to(&identity(1).recipient(), b"share").unwrap();
    assert_eq!(single::count_stanzas(&sealed).unwrap(), 1);
    check_sealed(&sealed).unwrap();
    assert!(matches!(single::open_with(&identity(2), &sealed, 100), Err(SealError::NotOurs)));
    let file_key = FileKey::init_with_mut(|key| key.fill(7));
    let (_, labels) = age::Recipient::wrap_file_key(&identity(1).recipient(), &file_key).unwrap();
    assert_eq!(labels, HashSet::from(["postquantum".to_owned()]));
}

#[test]
fn a_stanza_of_another_kind_or_form_is_refused() {
    let sealed = single::seal_to(&identity(1).recipient(), b"share").unwrap();
    let text = String::from_utf8_lossy(&sealed).into_owned();
    let (head, body) = sealed.split_at(text.find("-> ").unwrap());
    let line = body.iter().position(|b| *b == b'\n').unwrap();
    let share = std::str::from_utf8(&body[..line]).unwrap().rsplit(' ').next().unwrap().to_owned();
    let bytes = STANDARD_NO_PAD.decode(&share).unwrap();
    let with_point = |point: [u8; 32]| STANDARD_NO_PAD.encode([&bytes[..CIPHERTEXT], &point].concat());
    let mut order_two = [0xff; 32];
    (order_two[0], order_two[31]) = (0xec, 0x7f);
    for (text, good) in [
        (format!("-> mlkem768x25519 {share}"), true),
        (format!("-> mlkem768x25519 {share} {share}"), false),
        ("-> mlkem768x25519".to_owned(), false),
        (format!("-> mlkem768x25519 {}", &share[..1000]), false),
        (format!("-> mlkem768x25519 {share}="), false),
        (format!("-> MLKEM768X25519 {share}"), false),
        (format!("-> X25519 {share}"), false),
        (format!("-> mlkem768x25519 {}", with_point([0; 32])), false),
        (format!("-> mlkem768x25519 {}", with_point(order_two)), false),
        (format!("-> mlkem768x25519 {}", with_point([0xff; 32])), false),
        (format!("-> mlkem768x25519 {}", with_point([9; 32])), true),
    ] {
        let changed = [head, text.as_bytes(), &body[line..]].concat();
        assert_eq!(check_sealed(&changed).is_ok(), good, "{text}");
        if !good {
            assert!(single::open_with(&identity(1), &changed, 100).is_err(), "{text}");
        }
    }
    // A body of another length: its two characters more are two bytes more.
    let stanza =
        |length| Stanza { tag: MLKEM768X25519.into(), args: vec![share.clone()], body: vec![0; length] };
    assert!(matches!(read(&stanza(32)), Some(Some(_))));
    assert!([31, 33, 0].into_iter().all(|length| matches!(read(&stanza(length)), Some(None))));
}

#[test]
fn a_recipient_has_one_spelling_and_two_good_halves() {
    let recipient = identity(9).recipient();
    let good = recipient.to_string();
    assert_eq!((good.len(), good.starts_with("age1pq1")), (1959, true));
    assert_eq!(good.parse::<HybridRecipient>().unwrap(), recipient);
    let spell = |prefix: &str, bytes: &[u8]| {
        let mut text = String::new();
        bech32_encode_to_fmt(&mut text, bech32::Hrp::parse(prefix).unwrap(), bytes).unwrap();
        text
    };
    let refused = |text: &str| match text.parse::<HybridRecipient>() {
        Err(SealError::Recipient { reason }) => reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(spell("age1pq", &*recipient.0), good);
    let mut flipped = good.clone().into_bytes();
    flipped[1000] = if flipped[1000] == b'q' { b'p' } else { b'q' };
    for bad in [
        good.to_uppercase(),
        good[..good.len() - 1].to_owned(),
        String::from_utf8(flipped).unwrap(),
        spell("age", &*recipient.0),
        spell("age1tagpq", &*recipient.0),
        spell("age1pq", &recipient.0[1..]),
        spell("age1pq", &[&*recipient.0, &[0][..]].concat()),
        "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa".to_owned(),
    ] {
        refused(&bad);
    }
    // A coefficient of 3329 at each place of the first and of the last three bytes, and 3328, which is the largest.
    for (at, low) in [(0, true), (0, false), (1149, true), (1149, false)] {
        for (value, good) in [(3329_u16, false), (3328, true), (4095, false)] {
            let mut bytes = *recipient.0;
            let [first, second] = value.to_le_bytes();
            if low {
                (bytes[at], bytes[at + 1]) = (first, bytes[at + 1] & 0xf0 | second);
            } else {
                bytes[at + 1] = bytes[at + 1] & 0x0f | first << 4;
                bytes[at + 2] = first >> 4 | second << 4;
            }
            let spelled = spell("age1pq", &bytes);
            match good {
                true => assert!(spelled.parse::<HybridRecipient>().is_ok()),
                false => assert_eq!(refused(&spelled), "its ML-KEM half is not an encapsulation key"),
            }
        }
    }
    for point in [[0; 32], [0xff; 32]] {
        let mut bytes = *recipient.0;
        bytes[ML_KEM..].copy_from_slice(&point);
        assert!(refused(&spell("age1pq", &bytes)).contains("point"));
    }
}

/// The seed, and what is made of it: ML-KEM's d and z, and the X25519 scalar.
#[test]
fn no_copy_of_a_seed_or_of_what_it_stands_for_is_left() {
    let mut seed = LockedBytes::zeroed(32).unwrap();
    getrandom::fill(seed.expose_mut()).unwrap();
    let parts = scrubbed(|| {
        let mut parts = [0, 1, 2].map(|_| LockedBytes::zeroed(32).unwrap());
        let mut reader = Shake256::default().chain(seed.expose()).finalize_xof();
        parts.iter_mut().for_each(|part| reader.read(part.expose_mut()));
        parts
    });
    let use_it = || {
        let identity = HybridIdentity::from_seed(seed.expose().try_into().unwrap()).unwrap();
        let sealed = single::seal_to(&identity.recipient(), b"share").unwrap();
        assert_eq!(single::open_with(&identity, &sealed, 100).unwrap().expose(), b"share");
    };
    for secret in parts.iter().chain([&seed]) {
        assert_eq!(search::copies_after(secret, use_it), 0);
    }
}
