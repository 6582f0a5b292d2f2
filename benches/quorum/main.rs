//! How long the work takes, each beside the limit under it, measured in one run: `cargo bench`.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::{path::PathBuf, process::Command, sync::OnceLock};

use quorate::{
    encoding::{
        digest::Digest,
        dsse::{Envelope, Mode},
        text::Name,
    },
    roster::{
        deal::{Authority, DealHeader, DealtCard, DealtCustodian, StationKeys},
        key::PublicKey,
    },
    sealing::single,
    sharing::{dealer, identity, share::UnverifiedShare},
    storage,
    transcript::{ledger::CeremonyFiles, verification},
};

fn main() {
    divan::main();
}

fn rng() -> impl rand_core::CryptoRng {
    rand_core::UnwrapErr(getrandom::SysRng)
}

/// A deal header of `n` custodians with one card each.
fn header(n: u8, threshold: u8, authorities: u8) -> DealHeader {
    let key = |seed: u8| {
        PublicKey::from_ed25519(ed25519_dalek::SigningKey::from_bytes(&[seed; 32]).verifying_key()).unwrap()
    };
    let recipient = || identity::recipient(&identity::fresh(&mut rng()).unwrap()).unwrap();
    let custodian = |i: u8| DealtCustodian {
        name: Name::new(&format!("c{i}")).unwrap(),
        cards: vec![DealtCard { keyid: key(i).keyid(), share_recipient: recipient() }],
    };
    let authority =
        |i: u8| Authority { name: Name::new(&format!("a{i}")).unwrap(), threshold, recipient: recipient() };
    DealHeader {
        mode: Mode::Rehearsal,
        ledger: Digest::of(b"bench"),
        epoch: 1,
        custodians: (1..=n).map(custodian).collect(),
        authorities: (1..=authorities).map(authority).collect(),
        station: StationKeys { signing_key: key(0), recipient: recipient() },
    }
}

/// Dealing and sealing of every authority of a quorum: (custodians, threshold, authorities).
#[divan::bench(args = [(5, 3, 2), (20, 11, 2), (255, 128, 8)], sample_count = 5)]
fn deal_and_seal(bencher: divan::Bencher<'_, '_>, (n, m, authorities): (u8, u8, u8)) {
    let header = header(n, m, authorities);
    bencher.bench(|| {
        for authority in &header.authorities {
            let secret = identity::fresh(&mut rng()).unwrap();
            let dealt = dealer::deal(&header, &authority.name, &secret, &mut rng()).unwrap();
            for (share, custodian) in dealt.iter().zip(&header.custodians) {
                let document = UnverifiedShare::write(&share.name, &share.secret).unwrap();
                let recipient = &custodian.cards.first().unwrap().share_recipient;
                let recipient = single::parse_x25519_recipient(recipient).unwrap();
                divan::black_box(single::seal_to(&recipient, document.expose()).unwrap());
            }
        }
    });
}

/// The limit of the one above: sealing alone, as many age files.
#[divan::bench(args = [(5, 2), (20, 2), (255, 8)], sample_count = 5)]
fn limit_of_sealing(bencher: divan::Bencher<'_, '_>, (n, authorities): (u8, u8)) {
    let recipient = identity::recipient(&identity::fresh(&mut rng()).unwrap()).unwrap();
    let recipient = single::parse_x25519_recipient(&recipient).unwrap();
    bencher.bench(|| {
        for _ in 0..u32::from(n) * u32::from(authorities) {
            divan::black_box(single::seal_to(&recipient, &[7; 300]).unwrap());
        }
    });
}

/// The ledger of a rehearsal.
fn ledger() -> &'static [CeremonyFiles] {
    static LEDGER: OnceLock<Vec<CeremonyFiles>> = OnceLock::new();
    LEDGER.get_or_init(|| {
        let dir: PathBuf = tempfile::tempdir().unwrap().keep().join("rehearsal");
        let output = Command::new(env!("CARGO_BIN_EXE_quorate"))
            .args(["rehearse", "--json", "--dir"])
            .arg(&dir)
            .output()
            .unwrap();
        assert!(output.status.success());
        let files = storage::ledger::read(&dir.join("ledger")).unwrap();
        std::fs::remove_dir_all(dir.parent().unwrap()).unwrap();
        files
    })
}

/// Verification of a whole rehearsal's ledger.
#[divan::bench]
fn audit() {
    let verified = verification::verify(divan::black_box(ledger()), Mode::Rehearsal);
    assert!(verified.sound().is_ok());
}

/// The limit of the one above: as many strict Ed25519 verifications as the ledger has signatures, and no more.
#[divan::bench]
fn limit_of_audit(bencher: divan::Bencher<'_, '_>) {
    let signing = ed25519_dalek::SigningKey::from_bytes(&[1; 32]);
    let key = PublicKey::from_ed25519(signing.verifying_key()).unwrap();
    let envelopes: Vec<Envelope> = ledger()
        .iter()
        .flat_map(|file| file.transcript.split(|b| *b == b'\n').filter(|l| !l.is_empty()))
        .map(|line| Envelope::parse(line).unwrap())
        .collect();
    // A line that embeds a statement carries two signatures.
    let embeds = |e: &Envelope| {
        ["proposed", "approved", "rejected", "aborted"]
            .iter()
            .any(|name| e.payload_type.contains(&format!(".{name}.")))
    };
    let count: usize = envelopes.iter().map(|e| if embeds(e) { 2 } else { 1 }).sum();
    let message = vec![3; 600];
    let signature = ed25519_dalek::Signer::sign(&signing, &message).to_bytes();
    bencher.bench(|| {
        for _ in 0..count {
            key.verify(divan::black_box(&message), &signature).unwrap();
        }
    });
}

/// From exec to exit.
#[divan::bench]
fn start_up() {
    let status = Command::new(env!("CARGO_BIN_EXE_quorate")).arg("--version").output().unwrap().status;
    assert!(status.success());
}
