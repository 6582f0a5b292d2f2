//! Who opens a station: any administrator its lines, two of them what custodians released.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use quorate::{
    approval::release::{HandedFile as _, ReleaseFile},
    encoding::bounds,
    memory::{AuthoritySecret, LockedBytes, Pin},
    ports::card::{Card as _, FinalTry},
    proposal::document::Station,
    roster::deal::Authority,
    sealing::single,
    sharing::{
        commitment::ShareName,
        identity,
        reconstitution::reconstitute,
        share::{Share, UnverifiedShare},
    },
    softcard::SoftCard,
};

use crate::attacks_custodian::terminal::at_terminal;
use crate::support::{
    crash::{KILL, traced},
    forgery,
    founded::{self, INVENTORY, copy, practice_target, snapshot},
    quorum::{QUORATE, Quorum, Ran},
};

/// All custodians.
pub const APPROVING: [&str; 3] = ["alice", "bob", "carol"];

/// A genesis with three administrators, the second of whom has a spare card, and these lines of policy.
fn genesis(quorum: &Quorum, policy: &[&str]) -> String {
    let token = founded::kept_directory(&format!("keepers-token-{}", policy.len())).join("hsm.token");
    let mut plan = quorum.genesis(&APPROVING).targets(&practice_target(&token));
    plan = plan.threshold("crypto-officer", 2).threshold("security-officer", 2);
    for who in ["heidi", "ivan"] {
        plan = plan.administrator(quorum, who);
    }
    policy.iter().fold(plan, |plan, line| plan.policy(line)).text()
}

/// The people of such a quorum; everybody's cards, and no ledger.
fn people() -> Quorum {
    Quorum::once("keepers", || {
        let quorum = Quorum::of(3).enrolled();
        for (who, suffix) in [("heidi", ""), ("heidi", "-spare"), ("ivan", "")] {
            quorum.enroll(who, suffix);
        }
        quorum
    })
}

/// After a genesis.
fn founded(name: &str, policy: &[&str]) -> Quorum {
    Quorum::once(name, || {
        let quorum = people();
        quorum.approved(&genesis(&quorum, policy), &APPROVING);
        quorum.execute_with(&keeper(&quorum, "heidi", "")).ok();
        quorum
    })
}

/// A quorum of three with the administrators Frank, Heidi, who has a spare card, and Ivan.
pub fn two_keepers() -> Quorum {
    founded("two-keepers", &[])
}

/// The options that give another administrator's card.
fn keeper(quorum: &Quorum, who: &str, suffix: &str) -> [String; 4] {
    ["--keeper".into(), quorum.card(who, suffix), "--keeper-pin-file".into(), quorum.pin_file(who)]
}

/// `execute` with the cards of these two.
fn execute(quorum: &Quorum, (first, suffix): (&str, &str), more: &[String]) -> Ran {
    let (ledger, copy) = (quorum.at("ledger"), quorum.at("copy"));
    let (card, pin) = (quorum.card(first, suffix), quorum.pin_file(first));
    let args = ["execute", &ledger, "--copy", &copy, "--card", &card, "--pin-file", &pin];
    quorum.run(&args.into_iter().chain(more.iter().map(String::as_str)).collect::<Vec<_>>())
}

fn abort(quorum: &Quorum, who: &str) -> Ran {
    let (ledger, copy) = (quorum.at("ledger"), quorum.at("copy"));
    quorum.run_with(who, &["abort", &ledger, "--copy", &copy, "--reason", "not today"])
}

#[track_caller]
fn says(ran: &Ran, words: &str) {
    assert!(ran.error().contains(words), "{words}: {}", ran.error());
}

#[test]
fn one_administrator_proposes_and_any_two_execute() {
    let quorum = two_keepers();
    let audit = quorum.run(&["audit", &quorum.at("ledger")]).expect(6);
    assert!(!audit.stdout.contains("one-keeper"), "{}", audit.stdout);
    quorum.approved(INVENTORY, &APPROVING);
    let status = quorum.run(&["status", &quorum.at("ledger")]).ok();
    assert_eq!(status.json["open"]["station_keepers"], 2);
    // Frank proposed, and is not needed any more.
    execute(&quorum, ("heidi", "-spare"), &keeper(&quorum, "ivan", "")).ok();
}

#[test]
fn one_administrator_alone_does_not_execute_with_all_their_cards() {
    let quorum = two_keepers();
    quorum.approved(INVENTORY, &APPROVING);
    let before = snapshot(&quorum.path("ledger"));
    let alone = execute(&quorum, ("heidi", ""), &[]).expect(2);
    says(&alone, "opened by two administrators");
    let own = execute(&quorum, ("heidi", ""), &keeper(&quorum, "heidi", "-spare")).expect(3);
    says(&own, "heidi is one keeper, with all their cards");
    let custodian = execute(&quorum, ("heidi", ""), &keeper(&quorum, "alice", "")).expect(3);
    says(&custodian, "only administrators open what was released");
    let custodian = execute(&quorum, ("alice", ""), &keeper(&quorum, "heidi", "")).expect(3);
    says(&custodian, "only administrators execute");
    assert!(before == snapshot(&quorum.path("ledger")));
    execute(&quorum, ("heidi", ""), &keeper(&quorum, "frank", "")).ok();
}

/// What custodians can no longer approve is recorded by one, and so is an abort; neither opens a release.
#[test]
fn one_administrator_ends_what_will_not_be_done() {
    let quorum = two_keepers();
    quorum.approved(INVENTORY, &["alice"]);
    abort(&quorum, "ivan").ok();
    quorum.propose(INVENTORY).ok();
    let ledger = quorum.at("ledger");
    let paper = ["--head".to_owned(), quorum.head().unwrap()];
    for who in ["alice", "bob"] {
        quorum.run_with(who, &["reject", &ledger, "--reason", "no", &paper[0], &paper[1]]).ok();
    }
    let refused = execute(&quorum, ("heidi", ""), &[]).expect(3);
    assert_eq!(refused.json["outcome"], "refused", "{}", refused.stdout);
}

#[test]
fn a_share_that_is_not_the_one_that_was_dealt_is_refused_with_its_keeper() {
    let quorum = two_keepers();
    quorum.approved(INVENTORY, &APPROVING);
    let of = |who: &str| station_file(&quorum.path("state-station"), &quorum, "identity", who);
    let ivans = opened(&quorum, "ivan", "", &fs::read(of("ivan")).unwrap()).unwrap();
    let text = String::from_utf8(ivans.expose().to_vec()).unwrap();
    // Ivan's share under Heidi's name, for her card.
    let forged = text.replace("custodian ivan", "custodian heidi").replace("index 3", "index 2");
    assert_ne!(text, forged);
    let heidis = of("heidi");
    let own = fs::read(&heidis).unwrap();
    let state = forgery::state_of(&quorum.path("ledger"));
    let person =
        state.roster().unwrap().administrators().find(|person| person.name.as_str() == "heidi").unwrap();
    let recipient = person.cards[0].share_recipient().cloned().unwrap();
    fs::write(&heidis, recipient.seal(forged.as_bytes()).unwrap()).unwrap();
    for (first, second) in [("heidi", "frank"), ("frank", "heidi")] {
        let bad = execute(&quorum, (first, ""), &keeper(&quorum, second, "")).expect(1);
        says(&bad, "for heidi's card is not the share that was dealt to them");
    }
    // A file of another card, or no file.
    fs::write(&heidis, fs::read(of("ivan")).unwrap()).unwrap();
    says(&execute(&quorum, ("heidi", ""), &keeper(&quorum, "frank", "")).expect(3), "is destroyed");
    fs::remove_file(&heidis).unwrap();
    says(&execute(&quorum, ("frank", ""), &keeper(&quorum, "heidi", "")).expect(3), "is destroyed");
    fs::write(&heidis, own).unwrap();
    execute(&quorum, ("heidi", ""), &keeper(&quorum, "frank", "")).ok();
}

/// The file of a part that a station keeps for somebody's first card.
fn station_file(state: &Path, quorum: &Quorum, part: &str, who: &str) -> PathBuf {
    let ledger = forgery::state_of(&quorum.path("ledger"));
    let roster = ledger.roster().unwrap();
    let person = roster.administrators().find(|person| person.name.as_str() == who).unwrap();
    let name = format!("{part}-{}.age", person.cards[0].keyid());
    files(&state.join("stations")).into_iter().find(|path| path.ends_with(&name)).unwrap()
}

/// All files below a directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// What a card opens.
fn opened(quorum: &Quorum, who: &str, suffix: &str, sealed: &[u8]) -> Option<LockedBytes> {
    let path = quorum.path(&format!("cards/{who}{suffix}.card"));
    let pin = Pin::copy_of(format!("{who}-123456").as_bytes()).unwrap();
    let mut card = SoftCard::open(&path).unwrap();
    card.unlock(pin, FinalTry::Keep).unwrap().open(sealed).ok()
}

/// How many releases of the open ceremony these cards open, with the files that somebody copied from its station: by every secret that
/// is in them, and by every two shares.
fn releases_opened(
    quorum: &Quorum,
    station: &Station,
    ceremony: u32,
    copied: &Path,
    cards: &[(&str, &str)],
) -> usize {
    let mut seeds: Vec<AuthoritySecret> = Vec::new();
    let mut documents: Vec<LockedBytes> = Vec::new();
    let mut releases = Vec::new();
    for path in files(&copied.join("stations")) {
        let bytes = fs::read(&path).unwrap();
        releases.extend(ReleaseFile::parse(&bytes).ok().map(|file| file.sealed));
        documents.extend(cards.iter().filter_map(|(who, suffix)| opened(quorum, who, suffix, &bytes)));
    }
    assert!(releases.len() >= 2, "the station kept no releases");
    assert!(documents.len() >= 2 * cards.len(), "the cards open what is kept for them");
    for document in &documents {
        let text = std::str::from_utf8(document.expose()).unwrap();
        let hex = text.lines().find_map(|line| line.strip_prefix("secret ")).unwrap();
        seeds.push(AuthoritySecret::copy_of(&base16ct::lower::decode_vec(hex).unwrap()).unwrap());
    }
    let share = |document: &LockedBytes| -> Option<Share> {
        (1_u8..).zip(&station.keepers).find_map(|(index, keeper)| {
            let dealt = ShareName {
                dealing: station.keys.fingerprint(),
                epoch: ceremony,
                authority: forgery::name("station"),
                custodian: keeper.administrator.clone(),
                index,
                threshold: 2,
            };
            let (share, _) = UnverifiedShare::read(document.expose()).ok()?;
            share.verify_dealt(dealt, keeper.commitment).ok()
        })
    };
    for (place, first) in documents.iter().enumerate() {
        for second in &documents[place + 1..] {
            let (Some(first), Some(second)) = (share(first), share(second)) else { continue };
            let recipient = station.keys.recipient.clone();
            let name = first.authority().clone();
            let authority = Authority { name, threshold: 2, groups: BTreeMap::new(), recipient };
            seeds.extend(reconstitute(&authority, vec![first, second]));
        }
    }
    let opens = |release: &[u8]| {
        seeds.iter().any(|seed| {
            let identity = identity::age_identity(seed);
            identity.is_ok_and(|identity| single::open_with(&identity, release, bounds::RELEASE).is_ok())
        })
    };
    releases.iter().filter(|release| opens(&release.0)).count()
}

const HEIDI: [(&str, &str); 2] = [("heidi", ""), ("heidi", "-spare")];

/// Somebody copied the station's files, with the releases, before the ceremony ended in this way; and had the cards of these people.
fn copied_before(quorum: &Quorum, end: impl Fn(&Quorum), cards: &[(&str, &str)]) -> usize {
    quorum.approved(INVENTORY, &APPROVING);
    let copied = quorum.path("copied");
    fs::create_dir(&copied).unwrap();
    copy(&quorum.path("state-station"), &copied);
    end(quorum);
    let state = forgery::state_of(&quorum.path("ledger"));
    let last = state.ceremonies.last().unwrap();
    assert!(last.end.is_some());
    releases_opened(quorum, &last.proposal.station, last.number(), &copied, cards)
}

#[test]
fn one_keepers_copies_open_nothing_of_an_aborted_or_a_completed_ceremony() {
    let completed = |quorum: &Quorum| drop(execute(quorum, ("frank", ""), &keeper(quorum, "ivan", "")).ok());
    let aborted = |quorum: &Quorum| drop(abort(quorum, "heidi").ok());
    for cards in [&HEIDI[..1], &HEIDI[1..], &HEIDI] {
        assert_eq!(copied_before(&two_keepers(), completed, cards), 0);
        assert_eq!(copied_before(&two_keepers(), aborted, cards), 0);
    }
    // Two keepers have all of it.
    let both = [HEIDI[1], ("ivan", "")];
    assert_eq!(copied_before(&two_keepers(), completed, &both), 2);
    assert_eq!(copied_before(&two_keepers(), aborted, &both), 2);
    // And where the policy has one keeper, it is as bad as it is said to be.
    let one = founded("one-keeper", &["station_keepers = 1"]);
    assert_eq!(copied_before(&one, aborted, &HEIDI[..1]), 2);
}

/// Three ceremonies that come to nothing, although a quorum released its shares: what one administrator kept of them.
#[test]
fn what_one_keeper_keeps_of_three_aborted_ceremonies_gives_no_share() {
    let quorum = two_keepers();
    let mut opened = 0;
    for number in 0..3 {
        quorum.approved(INVENTORY, &APPROVING);
        let copied = quorum.path(&format!("copied-{number}"));
        fs::create_dir(&copied).unwrap();
        copy(&quorum.path("state-station"), &copied);
        abort(&quorum, "heidi").ok();
        let state = forgery::state_of(&quorum.path("ledger"));
        let last = state.ceremonies.last().unwrap();
        opened += releases_opened(&quorum, &last.proposal.station, last.number(), &copied, &HEIDI);
    }
    assert_eq!(opened, 0);
}

#[test]
fn one_keeper_is_warned_of_and_any_administrator_executes() {
    let quorum = founded("one-keeper", &["station_keepers = 1"]);
    let audit = quorum.run(&["audit", &quorum.at("ledger")]).expect(6);
    assert!(audit.stdout.contains("one-keeper"), "{}", audit.stdout);
    let proposed = quorum.approved(INVENTORY, &APPROVING);
    assert!(proposed.stderr.contains("opened by ONE card"), "{}", proposed.stderr);
    assert!(proposed.stderr.contains("any one administrator's card"), "{}", proposed.stderr);
    let status = quorum.run(&["status", &quorum.at("ledger")]).ok();
    assert!(status.stderr.contains("ONE administrator's card"), "{}", status.stderr);
    // A card that is not needed is no mistake.
    execute(&quorum, ("ivan", ""), &keeper(&quorum, "heidi", "")).ok();
}

/// Two of three open a station, so that the loss of one is the loss of nothing; nor is that of the station.
#[test]
fn a_keeper_or_the_station_is_lost_after_the_intent() {
    let quorum = two_keepers();
    quorum.approved(INVENTORY, &APPROVING);
    let heidi = keeper(&quorum, "heidi", "");
    let heidi: Vec<&str> = heidi.iter().map(String::as_str).collect();
    let rehearsed = founded::copy_of(quorum.dir.path());
    let options = keeper(&rehearsed, "heidi", "");
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let whole = traced(&rehearsed, &rehearsed.step("execute", &options), None);
    let point = whole.calls.iter().find(|call| {
        call.is_on_disk
            && call.name == "fsync"
            && call.on.contains("/copy/")
            && call.on.contains("transcript")
    });
    let kill = (KILL.inject)(point.unwrap());
    (KILL.check)(&traced(&quorum, &quorum.step("execute", &heidi), Some(&kill)).ran);
    let elsewhere = founded::copy_of(quorum.dir.path());

    // Her cards are gone: she cannot go on, and is told whose card can; with Ivan's it does.
    fs::remove_file(quorum.path("cards/heidi.card")).unwrap();
    let without = execute(&quorum, ("frank", ""), &keeper(&quorum, "heidi", "")).expect(1);
    says(&without, "heidi.card");
    let alone = execute(&quorum, ("frank", ""), &[]).expect(2);
    assert!(alone.stderr.contains("--keeper"), "{}", alone.stderr);
    execute(&quorum, ("frank", ""), &keeper(&quorum, "ivan", "")).ok();

    // And where the station burnt: at another one, with the same two.
    fs::remove_dir_all(elsewhere.path("state-station")).unwrap();
    fs::remove_file(elsewhere.path("cards/heidi.card")).unwrap();
    let lost = execute(&elsewhere, ("frank", ""), &keeper(&elsewhere, "ivan", "")).expect(3);
    says(&lost, "has no station secrets of this ceremony");
    let recovery = "kind = \"recover\"\ntitle = \"The station burnt\"\nexpires_in_hours = 1\nceremony = 1\n";
    elsewhere.approved(recovery, &APPROVING);
    execute(&elsewhere, ("ivan", ""), &keeper(&elsewhere, "frank", "")).ok();
    elsewhere.run(&["audit", &elsewhere.at("ledger")]).expect(6);
}

/// A plan that demands more keepers than it has administrators, or none, makes no quorum; of two, both may be demanded.
#[test]
fn as_many_keepers_as_are_possible() {
    let quorum = people();
    let token = quorum.path("tokens/two.token");
    quorate::practice::PracticeToken::create_empty(&token, None).unwrap();
    let plan = |administrators: &[&str], policy: &str| {
        let target = "[[targets]]\nname = \"hsm\"\nkind = \"practice\"\npath = \"/nowhere\"\nstart = \"initialise\"\n\
                      label = \"lab\"\n[targets.credentials]\n\
                      so-pin = { authority = \"security-officer\", custody = \"held\" }\n\
                      user-pin = { authority = \"crypto-officer\", custody = \"held\" }\n";
        let plan = quorum.genesis(&APPROVING).threshold("security-officer", 2).targets(target);
        let plan = administrators.iter().fold(plan, |plan, who| plan.administrator(&quorum, who));
        plan.policy(policy).text().replace("/nowhere", token.to_str().unwrap())
    };
    for (administrators, keepers, words) in [
        (&[][..], 2, "and there is one administrator"),
        (&["heidi", "ivan"], 0, "station_keepers is 0"),
        (&["heidi", "ivan"], 3, "station_keepers is 3"),
    ] {
        let ran = quorum.propose(&plan(administrators, &format!("station_keepers = {keepers}")));
        assert!(ran.expect(3).error().contains(words), "{keepers}");
    }
    let proposed = quorum.propose(&plan(&["heidi"], "station_keepers = 2")).ok();
    assert!(proposed.stderr.contains("both administrators are needed"), "{}", proposed.stderr);
    let one = Quorum::of(3).enrolled();
    let token = one.path("tokens/one.token");
    let proposed = one
        .propose(
            &one.genesis_text(&APPROVING, &practice_target(&token)).replace("threshold = 4", "threshold = 3"),
        )
        .ok();
    assert!(proposed.stderr.contains("frank is the only administrator"), "{}", proposed.stderr);
    assert!(proposed.stderr.contains("opened by ONE card, of any of: frank"), "{}", proposed.stderr);
}

/// Where there is one reader, each card is asked for in its turn; a wrong one ends nothing.
#[test]
fn a_person_at_a_terminal_is_asked_for_the_second_card() {
    let quorum = two_keepers();
    quorum.approved(INVENTORY, &APPROVING);
    let (ledger, copy, state) = (quorum.at("ledger"), quorum.at("copy"), quorum.at("state-station"));
    let (frank, spare) = (quorum.card("frank", ""), quorum.card("heidi", "-spare"));
    let card = |place: &str| format!("upto {{Another administrator's card}}\nsend \"{place}\\r\"\n");
    let pin = |pin: &str| format!("upto {{PIN of}}\nhidden\nsend \"{pin}\\r\"\n");
    let script = format!(
        "spawn -noecho {QUORATE} execute {ledger} --card {frank} --copy {copy} --state-dir {state}\n\
         upto {{? [yes/no] }}\nsend \"yes\\r\"\n{}{}upto {{frank is one keeper}}\n{}{}upto {{wrong PIN}}\n{}ended\n",
        pin("frank-123456"),
        card(&frank),
        card(&spare),
        pin("ivan-123456"),
        pin("heidi-123456"),
    );
    let (code, said) = at_terminal(&quorum, &script);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("Two administrators open what was released"), "{said}");
    assert!(!said.contains("-123456"), "{said}");
}
