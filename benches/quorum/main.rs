//! How long the work takes, as ratios of one run, each with its limit beside it: `cargo bench`. With a word, only what has
//! it in its name: `cargo bench -- audit`.
//!
//! What is compared is measured in turns, and of each the fastest turn counts, so that a machine with other work to do gives
//! much the same ratios. QUORATE_CEREMONIES=100000 makes the long ledger longer; it then takes minutes and gigabytes.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::indexing_slicing)]

mod ledger;
mod objects;

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use ledger::{QUORATE, Rehearsal};
use quorate::{
    encoding::{
        digest::Digest,
        dsse::{Envelope, Mode},
        text::Name,
    },
    ports::store::LedgerStore as _,
    roster::{
        deal::{Authority, DealHeader, DealtCard, DealtCustodian, StationKeys},
        key::PublicKey,
    },
    sealing::recipient::ShareRecipient,
    sharing::{dealer, identity, share::UnverifiedShare},
    storage::LedgerDirectory,
    transcript::{event::AnyEvent, verification},
};
use tempfile::TempDir;

/// Turns of what takes under a second, and of what takes longer.
const TURNS: usize = 7;
const LONG_TURNS: usize = 3;

fn main() {
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let benches: [(&str, fn()); 7] = [
        ("deal-and-seal", deal_and_seal),
        ("audit", audit),
        ("long-ledger", long_ledger),
        ("ceremony-on-a-long-ledger", ceremony),
        ("new-copy", new_copy),
        ("rehearsal", rehearsal),
        ("many-objects", many_objects),
    ];
    println!("{:<52} {:>10} {:>8}  of", "what", "measured", "limit");
    for (_, bench) in benches.iter().filter(|(name, _)| name.contains(&wanted)) {
        bench();
    }
}

/// One line of the table.
fn ratio(what: &str, work: Duration, limit: f64, of: &str, base: Duration) {
    let measured = work.as_secs_f64() / base.as_secs_f64();
    let over = if measured > limit { "  OVER ITS LIMIT" } else { "" };
    println!("{what:<52} {measured:>8.2} × {limit:>6.2} ×  {of} ({work:.2?} : {base:.2?}){over}");
}

/// The fastest of some turns of each, in turns.
fn fastest<A, B>(
    turns: usize,
    mut work: impl FnMut() -> A,
    mut base: impl FnMut() -> B,
) -> (Duration, Duration) {
    fn time<T>(work: &mut impl FnMut() -> T) -> Duration {
        let begun = Instant::now();
        let made = std::hint::black_box(work());
        let took = begun.elapsed();
        drop(made);
        took
    }
    fastest_of(turns, || time(&mut work), || time(&mut base))
}

/// The same of what measures itself.
fn fastest_of(
    turns: usize,
    mut work: impl FnMut() -> Duration,
    mut base: impl FnMut() -> Duration,
) -> (Duration, Duration) {
    let both: Vec<_> = (0..turns).map(|_| (work(), base())).collect();
    (both.iter().map(|(work, _)| *work).min().unwrap(), both.iter().map(|(_, base)| *base).min().unwrap())
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
        cards: vec![DealtCard {
            keyid: key(i).keyid(),
            share_recipient: ShareRecipient::Hybrid(recipient()),
        }],
    };
    let authority = |i: u8| Authority {
        name: Name::new(&format!("a{i}")).unwrap(),
        threshold,
        groups: std::collections::BTreeMap::new(),
        recipient: recipient(),
    };
    DealHeader {
        mode: Mode::Rehearsal,
        ledger: Digest::of(b"bench"),
        epoch: 1,
        custodians: (1..=n).map(custodian).collect(),
        authorities: (1..=authorities).map(authority).collect(),
        station: StationKeys { signing_key: key(0), recipient: recipient() },
        rest: Digest::of(b"rest"),
    }
}

fn deal_and_seal() {
    for (n, m, authorities) in [(5, 3, 2), (20, 11, 2), (255, 128, 8)] {
        let header = header(n, m, authorities);
        let recipients: Vec<_> = header.custodians.iter().map(|c| &c.cards[0].share_recipient).collect();
        let deal = || {
            for authority in &header.authorities {
                let secret = identity::fresh(&mut rng()).unwrap();
                let dealt = dealer::deal(&header, &authority.name, &secret, &mut rng()).unwrap();
                for (share, recipient) in dealt.iter().zip(&recipients) {
                    let document = UnverifiedShare::write(&share.name, &share.secret).unwrap();
                    std::hint::black_box(recipient.seal(document.expose()).unwrap());
                }
            }
        };
        let seal = || {
            for recipient in recipients.iter().cycle().take(recipients.len() * header.authorities.len()) {
                std::hint::black_box(recipient.seal(&[7; 300]).unwrap());
            }
        };
        let (work, base) = fastest(LONG_TURNS, deal, seal);
        let what = format!("{authorities} authorities dealt {m} of {n} and sealed");
        ratio(&what, work, 3.0, "sealing alone", base);
    }
}

fn rehearsed(count: usize) -> (TempDir, Rehearsal) {
    let dir = tempfile::tempdir().unwrap();
    let mut rehearsal = Rehearsal::new(dir.path().join("rehearsal"));
    rehearsal.grow(count);
    (dir, rehearsal)
}

/// Every signature that verification meets: its key in SPKI, its message, itself.
fn signatures(rehearsal: &Rehearsal) -> Vec<(PublicKey, Vec<u8>, Vec<u8>)> {
    let state = rehearsal.state();
    let roster = state.roster().unwrap();
    let cards = roster.people().iter().flat_map(|person| &person.cards);
    let keys: BTreeMap<Digest, PublicKey> =
        cards.clone().map(|card| (card.keyid(), card.enrolment().signing_key.clone())).collect();
    let mut found: Vec<_> =
        cards.map(|card| (keys[&card.keyid()].clone(), card.file().statement.clone())).collect();
    for (files, ceremony) in rehearsal.files.iter().zip(&state.ceremonies) {
        let station = &ceremony.proposal.station.keys.signing_key;
        for line in files.transcript.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let line = Envelope::parse(line).unwrap();
            let (_, event) = Mode::parse_payload_type(&line.payload_type).unwrap();
            let statement = match AnyEvent::parse(event, &line.payload).unwrap().event {
                AnyEvent::Proposed(said) => Some(said.proposal),
                AnyEvent::Approved(said) => Some(said.approval),
                AnyEvent::Released(said) => Some(said.release),
                AnyEvent::Confirmed(said) => Some(said.confirmation),
                AnyEvent::Rejected(said) => Some(said.rejection),
                AnyEvent::Aborted(said) => Some(said.abort),
                _ => None,
            };
            found.extend(statement.map(|said| (keys[&said.signature().keyid].clone(), said)));
            found.push((station.clone(), line));
        }
        for (_, file) in files.attestations.iter().chain(&files.drills) {
            let said = Envelope::parse(file.strip_suffix(b"\n").unwrap_or(file)).unwrap();
            found.push((keys[&said.signature().keyid].clone(), said));
        }
    }
    let claim =
        |(key, said): (PublicKey, Envelope)| (key, said.signed_bytes(), said.signature().sig.0.clone());
    found.into_iter().map(claim).collect()
}

/// Strict verification, and nothing else, on all processors.
fn verify(signatures: &[(PublicKey, Vec<u8>, Vec<u8>)]) {
    let processors = thread::available_parallelism().unwrap().get();
    thread::scope(|scope| {
        for part in signatures.chunks(signatures.len().div_ceil(processors)) {
            scope.spawn(move || {
                part.iter().for_each(|(key, message, signature)| key.verify(message, signature).unwrap())
            });
        }
    });
}

fn audit() {
    let (_dir, rehearsal) = rehearsed(1000);
    let signatures = signatures(&rehearsal);
    let audit = || verification::verify(&rehearsal.files, Mode::Rehearsal).sound().unwrap();
    let (work, base) = fastest(TURNS, audit, || verify(&signatures));
    let of = format!("strict verification of its {} signatures on all processors", signatures.len());
    ratio("audit of 1,000 ceremonies", work, 1.25, &of, base);
    let (ledger, copy) = (rehearsal.ledger(), rehearsal.folder.join("second-medium"));
    let (both, one) = fastest_of(TURNS, || audited(&[&ledger, &copy]).0, || audited(&[&ledger]).0);
    ratio("audit of a ledger and its copy", both, 1.5, "that of the ledger", one);
}

/// `quorate audit`: how long, and the most memory that it had.
fn audited(copies: &[&Path]) -> (Duration, u64) {
    let begun = Instant::now();
    let mut child = Command::new(QUORATE)
        .args(["audit", "--rehearsal", "--json"])
        .args(copies)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    while child.try_wait().unwrap().is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).and_then(|kib| kib.parse().ok());
        most = kib.unwrap_or(0).max(most);
        thread::sleep(Duration::from_millis(2));
    }
    (begun.elapsed(), most * 1024)
}

fn long_ledger() {
    let long: usize = std::env::var("QUORATE_CEREMONIES").map_or(10_000, |count| count.parse().unwrap());
    let (_dir, mut rehearsal) = rehearsed(long / 10);
    let (short_time, _) = audited(&[&rehearsal.ledger()]);
    rehearsal.grow(long);
    let (time, memory) = audited(&[&rehearsal.ledger()]);
    let bytes: usize = rehearsal.files.iter().map(|file| file.transcript.len() + file.plan.len()).sum();
    let what = format!("audit of {long} ceremonies");
    ratio(&what, time, 11.0, "that of a tenth of them", short_time);
    let mib = |bytes: u64| bytes / (1 << 20);
    let (most, size) = (mib(memory), mib(bytes as u64));
    println!("{:<52} {most:>6} MiB {:>4} MiB  the ledger's {size} MiB and 64", "  its memory", size + 64);
}

/// What a person gives to every command of a ceremony.
struct Desk<'a> {
    rehearsal: &'a Rehearsal,
    plan: String,
    ledger: String,
    copy: String,
    head: String,
}

impl<'a> Desk<'a> {
    /// The desk for an inventory of the rehearsal's token.
    fn new(rehearsal: &'a Rehearsal) -> Self {
        let plan = rehearsal.folder.join("plans/bench.toml");
        let state = rehearsal.state();
        let target = state.targets.keys().next().unwrap();
        let text = format!(
            "kind = \"inventory\"\ntitle = \"Bench\"\nexpires_in_hours = 1\ntarget = \"{target}\"\nkeep_pins = true\n"
        );
        fs::write(&plan, text).unwrap();
        let path = |path: &Path| path.to_string_lossy().into_owned();
        let (ledger, copy) = (path(&rehearsal.ledger()), path(&rehearsal.folder.join("second-medium")));
        Self { rehearsal, plan: path(&plan), ledger, copy, head: rehearsal.head() }
    }

    /// The whole ceremony in one process.
    fn in_one_process(&self) {
        let people = ["frank", "alice", "bob", "carol"];
        let run = ["run", &self.plan, &self.ledger, "--copy", &self.copy, "--head", &self.head];
        self.with_keeper(&people, &run);
    }

    /// Runs a command in which a second keeper opens the releases.
    fn with_keeper(&self, names: &[&str], arguments: &[&str]) {
        let (card, pin) = self.rehearsal.card("heidi");
        let (card, pin) = (format!("soft:{}", card.display()), pin.to_string_lossy().into_owned());
        self.rehearsal.run(names, &[arguments, &["--keeper", &card, "--keeper-pin-file", &pin]].concat());
    }

    /// Each verb a process of its own, as at several machines.
    fn in_processes(&self) {
        self.rehearsal.run(&["frank"], &["propose", &self.plan, &self.ledger, "--copy", &self.copy]);
        for verb in ["approve", "release"] {
            for name in ["alice", "bob", "carol"] {
                self.rehearsal.run(&[name], &[verb, &self.ledger, "--head", &self.head]);
            }
        }
        self.with_keeper(&["frank"], &["execute", &self.ledger, "--copy", &self.copy]);
    }
}

/// A process believes nothing that it did not verify: each verifies the ledger once, and that is what a long one costs.
fn ceremony() {
    let (_short, short) = rehearsed(0);
    let (_long, long) = rehearsed(1000);
    let mut ledgers = (short, long);
    let ceremony = |rehearsal: &mut Rehearsal, held: fn(&Desk<'_>)| {
        rehearsal.files = quorate::storage::ledger::read(&rehearsal.ledger()).unwrap();
        let desk = Desk::new(rehearsal);
        let begun = Instant::now();
        held(&desk);
        begun.elapsed()
    };
    let mut both = |held: fn(&Desk<'_>)| {
        let (short, long) = &mut ledgers;
        fastest_of(LONG_TURNS, || ceremony(long, held), || ceremony(short, held))
    };
    let (long, short) = both(|desk| desk.in_one_process());
    ratio("a ceremony after 1,000, all of it one run", long, 2.0, "one after a rehearsal's few", short);
    let (long, short) = both(|desk| desk.in_processes());
    let (audit, _) = fastest(TURNS, || audited(&[&ledgers.1.ledger()]), || ());
    println!(
        "{:<52} {long:>10.2?}           {short:.2?} after few; each of eight verifies all 1,000, which takes an audit {audit:.2?}",
        "  the same, each verb a process"
    );
}

fn new_copy() {
    let (dir, rehearsal) = rehearsed(1000);
    let (ours, theirs) = (dir.path().join("ours"), dir.path().join("theirs"));
    // A copy is given what was verified.
    let verified: Vec<(String, Digest)> =
        rehearsal.files.iter().map(|files| (files.directory.clone(), files.digest())).collect();
    let copy = || {
        let mut ledger = LedgerDirectory::open(rehearsal.ledger(), vec![ours.clone()]).unwrap();
        ledger.verified(verified.clone()).unwrap();
        drop(ledger);
        fs::remove_dir_all(&ours).unwrap();
    };
    // sync(1) with names is fsync(2) of each.
    let cp = || {
        let script = "cp -a \"$1\" \"$2\" && find \"$2\" -exec sync {} +";
        let status =
            Command::new("sh").args(["-c", script, "sh"]).arg(rehearsal.ledger()).arg(&theirs).status();
        assert!(status.unwrap().success());
        fs::remove_dir_all(&theirs).unwrap();
    };
    let (work, base) = fastest(LONG_TURNS, copy, cp);
    ratio("a new copy of 1,000 ceremonies", work, 3.0, "cp -a, and fsync of each file", base);
}

/// Four times as many objects: what does not depend on their number is left out.
fn many_objects() {
    let dir = tempfile::tempdir().unwrap();
    let times = |count: usize| {
        let turns =
            (0..LONG_TURNS).map(|turn| objects::times(dir.path().join(format!("{count}-{turn}")), count));
        turns.reduce(|best, turn| std::array::from_fn(|work| best[work].min(turn[work]))).unwrap()
    };
    let (none, some, many) = (times(1), times(1000), times(4000));
    for (work, what) in objects::WORK.iter().enumerate() {
        let (many, some) = (many[work].saturating_sub(none[work]), some[work].saturating_sub(none[work]));
        ratio(&format!("{what}: 4,000 objects"), many, 5.0, "1,000 objects, our processor time", some);
    }
}

/// The whole rehearsal, and what making and unlocking its cards takes of it.
fn rehearsal() {
    let dir = tempfile::tempdir().unwrap();
    let mut turn = 0;
    let rehearse = || {
        turn += 1;
        Rehearsal::new(dir.path().join(turn.to_string()))
    };
    let card = || {
        let path = dir.path().join("bench.card");
        let pin = quorate::memory::Pin::copy_of(b"123456").unwrap();
        let made = quorate::softcard::SoftCard::create_unlocked(&path, &pin, storage_now());
        assert!(made.is_ok());
        fs::remove_file(path).unwrap();
    };
    let (work, scrypt) = fastest(LONG_TURNS, rehearse, card);
    let cards = fs::read_dir(dir.path().join("1/cards")).unwrap().count() / 2;
    let processors = thread::available_parallelism().unwrap().get();
    ratio("a rehearsal", work, 2.0, "two seconds are its limit", Duration::from_secs(1));
    let on_cards = scrypt * u32::try_from(cards.div_ceil(processors)).unwrap();
    println!(
        "  of it {on_cards:.2?} for {cards} soft cards, of which each takes {scrypt:.2?} (scrypt), on {processors} processors"
    );
}

fn storage_now() -> quorate::encoding::time::Timestamp {
    use quorate::ports::clock::Clock as _;
    quorate::storage::SystemClock.now()
}
