//! Soft cards of which a PIN is cheap to try.
//!
//! The program seals a card's secrets under its PIN with an scrypt of 16 MiB, which is most of what a command costs that
//! has a card. The tests run thousands of those; their cards are sealed again with the least work that age knows.

use std::fs;

use age::secrecy::SecretString;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use quorate::encoding::digest::Digest;
use serde_json::Value;

/// Seals the secrets of the card in this file again, under the same PIN.
pub fn make_cheap(card: &str, pin: &str) {
    let text = fs::read_to_string(card).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    let field = |name: &str| file[name].as_str().unwrap().to_owned();
    let passphrase = SecretString::from(pin.to_owned());
    let mut identity = age::scrypt::Identity::new(passphrase.clone());
    // Without it the crate measures for a second how much work this machine would bear.
    identity.set_max_work_factor(20);
    let secrets = age::decrypt(&identity, &STANDARD.decode(field("sealed")).unwrap()).unwrap();
    let mut recipient = age::scrypt::Recipient::new(passphrase);
    recipient.set_work_factor(1);
    let sealed = age::encrypt(&recipient, &secrets).unwrap();
    let digest = Digest::of(&sealed).to_string();
    let text = text.replace(&field("sealed"), &STANDARD.encode(sealed));
    fs::write(card, text.replace(&field("sealed_sha256"), &digest)).unwrap();
}

/// scrypt's work factor of a card file, as a thief reads it: N is 2 to this.
pub fn work_factor(card: &str) -> u32 {
    let file: Value = serde_json::from_slice(&fs::read(card).unwrap()).unwrap();
    let sealed = STANDARD.decode(file["sealed"].as_str().unwrap()).unwrap();
    let header = String::from_utf8_lossy(&sealed).into_owned();
    let stanza = header.lines().find(|line| line.starts_with("-> scrypt ")).unwrap();
    stanza.rsplit(' ').next().unwrap().parse().unwrap()
}
