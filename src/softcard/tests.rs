use std::os::unix::fs::PermissionsExt as _;

use super::*;

fn pin(text: &str) -> Pin {
    Pin::copy_of(text.as_bytes()).unwrap()
}

fn new_card() -> (tempfile::TempDir, SoftCard) {
    let dir = tempfile::tempdir().unwrap();
    let created = Timestamp::from_unix(1_790_000_000).unwrap();
    let card = SoftCard::create(&dir.path().join("alice.card"), &pin("123456"), created).unwrap();
    (dir, card)
}

fn tries(card: &mut SoftCard) -> u32 {
    card.describe(&[]).unwrap().tries_left.unwrap()
}

fn sealed_to(recipients: &[ShareRecipient], plaintext: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut sealed = Vec::new();
    let encryptor = age::Encryptor::with_recipients(recipients.iter().map(|recipient| match recipient {
        ShareRecipient::Hybrid(recipient) => recipient as &dyn age::Recipient,
        ShareRecipient::Yubikey(_) => panic!("a soft card has a hybrid key"),
    }))
    .unwrap();
    let mut writer = encryptor.wrap_output(&mut sealed).unwrap();
    writer.write_all(plaintext).unwrap();
    writer.finish().unwrap();
    sealed
}

/// Changes the document and writes it back in its one spelling.
fn edit(card: &SoftCard, change: impl FnOnce(&mut CardFile)) {
    let mut file = CardFile::read(&card.path).unwrap();
    change(&mut file);
    fs::write(&card.path, file.write()).unwrap();
}

#[test]
fn a_card_signs_and_opens() {
    let (_dir, mut card) = new_card();
    let description = card.describe(&[]).unwrap();
    let sealed = sealed_to(&[description.share_recipient.unwrap()], b"a share");
    let mut unlocked = card.unlock(pin("123456"), FinalTry::Keep).unwrap();
    let signature = unlocked.sign(b"statement").unwrap();
    assert_eq!(description.signing_key.verify(b"statement", &signature), Ok(()));
    assert!(description.signing_key.verify(b"other", &signature).is_err());
    assert_eq!(unlocked.open(&sealed).unwrap().expose(), b"a share");
}

#[test]
fn the_file_is_private_and_never_overwritten() {
    let (dir, mut card) = new_card();
    let path = dir.path().join("alice.card");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    drop(card.unlock(pin("123456"), FinalTry::Keep).unwrap());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let before = fs::read(&path).unwrap();
    let created = Timestamp::from_unix(0).unwrap();
    assert!(SoftCard::create(&path, &pin("654321"), created).is_err());
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn wrong_pins_count_down_durably_then_stop_then_block() {
    let (dir, mut card) = new_card();
    for left in (1..TRIES).rev() {
        let error = card.unlock(pin("000000"), FinalTry::Keep).err().unwrap();
        assert!(matches!(error, CardError::WrongPin { tries_left, .. } if tries_left == left));
        let mut again = SoftCard::open(&dir.path().join("alice.card")).unwrap();
        assert_eq!(tries(&mut again), left);
    }
    // Not even the right PIN is tried.
    let kept = card.unlock(pin("123456"), FinalTry::Keep).err().unwrap();
    assert!(matches!(kept, CardError::FinalTry { .. }));
    assert_eq!(tries(&mut card), 1);
    let spent = card.unlock(pin("000000"), FinalTry::Spend).err().unwrap();
    assert!(matches!(spent, CardError::Blocked { .. }));
    let blocked = card.unlock(pin("123456"), FinalTry::Spend).err().unwrap();
    assert!(matches!(blocked, CardError::Blocked { .. }));
    assert_eq!(tries(&mut card), 0);
}

#[test]
fn the_right_pin_on_the_final_try_restores_the_counter() {
    let (_dir, mut card) = new_card();
    edit(&card, |file| file.tries_left = 1);
    drop(card.unlock(pin("123456"), FinalTry::Spend).unwrap());
    assert_eq!(tries(&mut card), TRIES);
}

#[test]
fn a_pin_of_the_wrong_form_costs_no_try() {
    let (dir, mut card) = new_card();
    for bad in ["12345", "", "12345\n", "pässwort", &"x".repeat(65)] {
        assert!(matches!(card.unlock(pin(bad), FinalTry::Keep).err(), Some(CardError::PinForm { .. })));
        let created = Timestamp::from_unix(0).unwrap();
        assert!(SoftCard::create(&dir.path().join("new"), &pin(bad), created).is_err());
        assert!(!dir.path().join("new").exists());
    }
    assert_eq!(tries(&mut card), TRIES);
}

#[test]
fn two_at_once_get_no_extra_tries() {
    let (dir, mut card) = new_card();
    let path = dir.path().join("alice.card");
    let wrong = |path: &Path| {
        let mut card = SoftCard::open(path).unwrap();
        (0..6)
            .filter(|_| {
                matches!(
                    card.unlock(pin("000000"), FinalTry::Spend).err(),
                    Some(CardError::WrongPin { .. } | CardError::Blocked { .. })
                )
            })
            .count()
    };
    std::thread::scope(|scope| {
        let first = scope.spawn(|| wrong(&path));
        let second = scope.spawn(|| wrong(&path));
        assert_eq!(first.join().unwrap() + second.join().unwrap(), 12);
    });
    assert_eq!(tries(&mut card), 0);
}

#[test]
fn what_two_could_open_or_another_is_refused() {
    let (_dir, mut card) = new_card();
    let (_other_dir, mut other) = new_card();
    let mine = card.describe(&[]).unwrap().share_recipient.unwrap();
    let theirs = other.describe(&[]).unwrap().share_recipient.unwrap();
    let mut unlocked = card.unlock(pin("123456"), FinalTry::Keep).unwrap();
    for recipients in [vec![mine.clone(), theirs.clone()], vec![theirs], vec![mine.clone(), mine.clone()]] {
        let error = unlocked.open(&sealed_to(&recipients, b"a share")).err().unwrap();
        assert!(matches!(error, CardError::Sealed { .. }), "{error}");
    }
    let too_long = sealed_to(&[mine], &vec![0; MAX_OPENED + 1]);
    assert!(matches!(unlocked.open(&too_long), Err(CardError::Sealed { .. })));
    assert!(matches!(unlocked.open(b""), Err(CardError::Sealed { .. })));
}

#[test]
fn no_damage_is_a_crash_or_costs_a_try() {
    let (dir, card) = new_card();
    let honest = fs::read(&card.path).unwrap();
    let path = dir.path().join("damaged");
    for at in (0..honest.len()).step_by(7) {
        let mut damaged = honest.clone();
        damaged[at] ^= 1;
        fs::write(&path, &damaged).unwrap();
        // What still parses differs in a serial, a date or a counter, all of which are public.
        let _ = SoftCard::open(&path);
        fs::write(&path, &honest[..at]).unwrap();
        assert!(matches!(SoftCard::open(&path), Err(CardError::Unreadable { .. })));
    }
    fs::write(&path, vec![b' '; 70_000]).unwrap();
    assert!(matches!(SoftCard::open(&path), Err(CardError::Unreadable { .. })));
    assert!(matches!(SoftCard::open(&dir.path().join("none")), Err(CardError::NoFile { .. })));
    edit(&card, |file| file.sealed.0[200] ^= 1);
    let mut card = card;
    let damaged = card.unlock(pin("123456"), FinalTry::Keep).err().unwrap();
    assert!(matches!(damaged, CardError::Unreadable { .. }));
}

#[test]
fn exchanged_public_keys_are_found() {
    let (_dir, mut card) = new_card();
    let (_other_dir, other) = new_card();
    let foreign = CardFile::read(&other.path).unwrap();
    edit(&card, |file| file.share_recipient = foreign.share_recipient);
    let error = card.unlock(pin("123456"), FinalTry::Keep).err().unwrap();
    assert!(matches!(error, CardError::Unreadable { .. }));
}

#[test]
fn a_card_that_took_anothers_place_is_refused() {
    let (_dir, mut card) = new_card();
    let (_other_dir, other) = new_card();
    fs::copy(&other.path, &card.path).unwrap();
    assert!(matches!(card.unlock(pin("123456"), FinalTry::Keep).err(), Some(CardError::Failed { .. })));
}

#[test]
fn the_try_is_spent_before_the_pin_is_tried_and_the_work_is_bounded() {
    let (_dir, mut card) = new_card();
    edit(&card, |file| {
        let mut recipient = age::scrypt::Recipient::new("123456".to_owned().into());
        recipient.set_work_factor(15);
        file.sealed.0 = single::seal_to(&recipient, &[0; 64]).unwrap();
        file.sealed_sha256 = Digest::of(&file.sealed.0);
    });
    // An attempt that ends in neither "right" nor "wrong", as a crash would.
    let stopped = card.unlock(pin("123456"), FinalTry::Keep).err().unwrap();
    assert!(matches!(stopped, CardError::Failed { .. }));
    assert_eq!(tries(&mut card), TRIES - 1);
}

#[test]
fn a_card_that_stays_unlocked_takes_its_own_pin_only_and_notices_another_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("alice.card");
    let created = Timestamp::from_unix(1_790_000_000).unwrap();
    let mut card = SoftCard::create_unlocked(&path, &pin("123456"), created).unwrap();
    let key = card.describe(&[]).unwrap().signing_key;
    let signature = card.unlock(pin("123456"), FinalTry::Keep).unwrap().sign(b"statement").unwrap();
    assert_eq!(key.verify(b"statement", &signature), Ok(()));
    let wrong = card.unlock(pin("123457"), FinalTry::Keep).err();
    assert!(matches!(wrong, Some(CardError::WrongPin { tries_left: 7, .. })), "{wrong:?}");
    assert_eq!(tries(&mut card), 7);
    drop(card.unlock(pin("123456"), FinalTry::Keep).unwrap());
    assert_eq!(tries(&mut card), TRIES, "the right PIN gives the tries back");
    edit(&card, |file| file.sealed_sha256 = Digest::of(b"another"));
    assert!(card.unlock(pin("123456"), FinalTry::Keep).is_err());
    fs::remove_file(&path).unwrap();
    assert!(matches!(card.unlock(pin("123456"), FinalTry::Keep).err(), Some(CardError::NoFile { .. })));
}
