//! No byte of a chain can be changed, and none makes the parser fall over.

use quorate::{
    encoding::time::Timestamp,
    roster::attestation::{Certificate, Trust, verify},
};

use crate::support::certificates::{Issuer, LONG, Pair, Yubikey, authority};

fn at() -> Timestamp {
    Timestamp::parse("2026-01-31T09:30:00Z").unwrap()
}

struct Chain {
    parts: [Vec<u8>; 4],
    trust: Trust,
}

impl Chain {
    fn new(pair: Pair) -> Self {
        let root = Issuer::root("Test Root", pair);
        let middle =
            Issuer::under(Some(&root), "Middle", Pair::p384("middle"), vec![authority(Some(1))], LONG);
        let card = Yubikey::made_by(&middle, 0x8000_0001, [5, 7, 4]);
        let slot = card.attest("9c", &Pair::ed25519("key"));
        let trust = Trust::new(&[root.digest()]);
        Self { parts: [slot, card.f9.certificate, middle.certificate, root.certificate], trust }
    }

    /// Whether it verifies with these certificates.
    fn holds(&self, parts: &[&[u8]; 4]) -> bool {
        let read: Result<Vec<Certificate>, _> = parts.iter().map(|der| Certificate::from_der(der)).collect();
        let Ok(read) = read else { return false };
        let mut trust = self.trust.clone();
        read[2..].iter().for_each(|certificate| trust.add(certificate.clone()));
        verify(&read[0], &read[1], &trust, at()).is_ok()
    }
}

#[test]
fn no_changed_byte_is_taken() {
    // Of the chain under RSA, only what it signed is new.
    for (pair, changes, first) in
        [(Pair::p256("root"), &[0x01, 0x80][..], 0), (Pair::rsa(2048), &[0x10][..], 2)]
    {
        let chain = Chain::new(pair);
        let whole = chain.parts.each_ref().map(Vec::as_slice);
        assert!(chain.holds(&whole));
        for (which, part) in chain.parts.iter().enumerate().skip(first) {
            for place in 0..part.len() {
                for change in changes {
                    let mut changed = part.clone();
                    changed[place] ^= change;
                    let mut parts = whole;
                    parts[which] = &changed;
                    assert!(!chain.holds(&parts), "certificate {which}, byte {place}, xor {change:02x}");
                }
            }
            for length in 0..part.len() {
                let mut parts = whole;
                parts[which] = &part[..length];
                assert!(!chain.holds(&parts), "certificate {which} cut to {length}");
            }
        }
    }
}

#[test]
fn the_order_of_a_chain_cannot_be_changed() {
    let chain = Chain::new(Pair::p256("root"));
    let parts = chain.parts.each_ref().map(Vec::as_slice);
    for slot in 0..4 {
        for card in 0..4 {
            let order = [parts[slot], parts[card], parts[2], parts[3]];
            assert_eq!(chain.holds(&order), (slot, card) == (0, 1), "{slot} under {card}");
        }
    }
}
