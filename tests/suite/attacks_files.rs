//! Approval files that somebody changed, swapped, repeated or made up: none of them counts, each is named with its
//! reason, and the ledger stays as it was.

use std::fs;

use crate::support::forgery::{alone, approval, file, name, open_of, sealed, shares, sign};
use crate::support::founded::{self, INVENTORY, snapshot};
use crate::support::quorum::{self, Quorum, Ran};
use quorate::{
    approval::{
        release::{Basis, HandedFile as _, Release, ReleaseFile},
        statement::{Approval, Rejection, Signed},
    },
    encoding::{
        digest::Digest,
        dsse::{Envelope, Mode},
        text::Remark,
    },
    sealing::hybrid::HybridIdentity,
    transcript::{ceremony::check_approval, released::check_release},
};

/// A quorum with an open inventory, which Alice has approved in a file.
fn with_alice() -> Quorum {
    let quorum = Quorum::of(5).everybody().practice().founded();
    quorum.propose(INVENTORY).ok();
    quorum.approve_to_file("alice").ok();
    quorum
}

/// The same, approved by Bob and Carol in files too, and released by Alice and Bob.
fn with_releases() -> Quorum {
    let quorum = with_alice();
    quorum.approve_to_file("bob").ok();
    quorum.approve_to_file("carol").ok();
    for name in ["alice", "bob"] {
        quorum.release_to_file(name, &["alice.approval", "bob.approval", "carol.approval"]).ok();
    }
    quorum
}

/// Hands these files in, one of which is missing or is not an approval of this proposal, and sees that it was not enough: an
/// error, nothing changed, nothing destroyed.
fn foreign(quorum: &Quorum, files: &[&str]) -> Ran {
    let before =
        (snapshot(&quorum.path("ledger")), snapshot(&quorum.path("copy")), snapshot(&quorum.path("files")));
    let paths: Vec<String> = files.iter().map(|f| quorum.at(&format!("files/{f}"))).collect();
    let ran = quorum.execute_with(&paths.iter().map(String::as_str).collect::<Vec<_>>()).expect(1);
    assert_eq!(ran.json["error"]["code"], "file-unusable");
    let after =
        (snapshot(&quorum.path("ledger")), snapshot(&quorum.path("copy")), snapshot(&quorum.path("files")));
    assert!(before == after, "something was written");
    ran
}

/// Whether the details name this file with this reason.
#[track_caller]
fn names(ran: &Ran, file: &str, reason: &str) {
    let details = ran.json["error"]["details"].as_array().unwrap();
    let found = details.iter().filter_map(|d| d.as_str()).any(|d| d.contains(file) && d.contains(reason));
    assert!(found, "{file}: {reason}: {details:#?}");
}

fn write(quorum: &Quorum, file: &str, release: &ReleaseFile) {
    fs::write(quorum.path(&format!("files/{file}")), release.write()).unwrap();
}

fn read(quorum: &Quorum, file: &str) -> ReleaseFile {
    ReleaseFile::parse(&fs::read(quorum.path(&format!("files/{file}"))).unwrap()).unwrap()
}

#[test]
fn one_custodian_counts_once() {
    let quorum = with_alice();
    quorum.approve_to_file("bob").ok();
    let (ledger, spare, head) = (quorum.at("ledger"), quorum.card("bob", "-spare"), quorum.head().unwrap());
    let (output, pin) = (quorum.at("files/bob-spare.approval"), quorum.pin_file("bob"));
    let on_spare = ["approve", &ledger, "--card", &spare, "--pin-file", &pin, "--head", &head, "-o", &output];
    quorum.run_as("bob", &on_spare).ok();
    fs::copy(quorum.path("files/alice.approval"), quorum.path("files/alice-again")).unwrap();
    fs::rename(quorum.path("files/alice.approval"), quorum.path("files/alice")).unwrap();
    let mut later = approval(&open_of(&quorum), "alice");
    later.time = later.time.plus(30);
    let later = sign(&quorum, "alice", Mode::Production, &later);
    fs::write(quorum.path("files/alice.approval"), alone(&later)).unwrap();
    let files =
        ["alice", "alice-again", "alice", "alice.approval", "bob.approval", "bob-spare.approval", "absent"];
    let ran = foreign(&quorum, &files);
    assert!(ran.error().contains("crypto-officer 2 of 3"), "{}", ran.error());
    assert!(ran.error().contains("not heard of: carol, dave, erin"), "{}", ran.error());
    names(&ran, "files/alice.approval", "alice has already approved: a custodian counts once");
    names(&ran, "files/bob-spare.approval", "bob has already approved: a custodian counts once");
    names(&ran, "files/absent", "no such file");
    assert!(!ran.error().contains("alice-again"), "the very same file again is no news");
}

#[test]
fn a_file_has_one_spelling() {
    let quorum = with_releases();
    let good = fs::read_to_string(quorum.path("files/alice.release")).unwrap();
    let approval = fs::read_to_string(quorum.path("files/alice.approval")).unwrap();
    let statement_last = {
        let value: serde_json::Value = serde_json::from_str(&good).unwrap();
        let part = |key: &str| format!("\"{key}\":{}", value[key]);
        format!("{{{},{},{},{}}}\n", part("basis"), part("approvals"), part("sealed"), part("statement"))
    };
    let spellings = [
        ("blank", good.replacen(':', ": ", 1)),
        ("order", statement_last),
        ("two-feeds", format!("{good}\n")),
        ("no-feed", good.trim_end().to_owned()),
        ("carriage-return", good.replace('\n', "\r\n")),
        ("mark", format!("\u{feff}{good}")),
        ("escape", good.replacen("payload", "\\u0070ayload", 1)),
        ("unknown", good.replacen("{\"statement\"", "{\"more\":1,\"statement\"", 1)),
        ("twice", good.replacen("\"sealed\":", "\"sealed\":\"\",\"sealed\":", 1)),
        ("array", format!("[{}]\n", good.trim_end())),
        ("approval-blank", approval.replacen(':', ": ", 1)),
        ("approval-two-feeds", format!("{approval}\n")),
        ("approval-no-feed", approval.trim_end().to_owned()),
        ("approval-padding", approval.replacen("==\"", "\"", 1)),
        ("empty", String::new()),
        ("deep", "[".repeat(200_000)),
    ];
    for (file, text) in &spellings {
        assert!(*text != good && *text != approval, "{file}");
        fs::write(quorum.path(&format!("files/{file}")), text).unwrap();
    }
    fs::write(quorum.path("files/binary"), [0xff, 0xfe, 0]).unwrap();
    fs::File::create(quorum.path("files/sparse")).unwrap().set_len(2 << 30).unwrap();
    std::os::unix::fs::symlink(quorum.path("files/alice.release"), quorum.path("files/link")).unwrap();
    let mut files: Vec<&str> = spellings.iter().map(|(file, _)| *file).collect();
    files.push("binary");
    let ran = foreign(&quorum, &files);
    assert!(ran.error().contains("counted: nobody"), "{}", ran.error());
    for file in files {
        names(&ran, &format!("files/{file}:"), "not an approval or a release");
    }
    fs::remove_file(quorum.path("files/sparse")).unwrap();
    fs::File::create(quorum.path("sparse")).unwrap().set_len(2 << 30).unwrap();
    let ran = foreign(&quorum, &["../sparse", "link", ".."]);
    names(&ran, "sparse", "2147483648 bytes");
    names(&ran, "link", "symbolic link");
}

/// Approvals that are not what they should be, in a file alone: none counts for a release or an execution.
#[test]
fn an_approval_is_by_a_custodian_of_this_proposal_in_time() {
    let quorum = with_alice();
    let ceremony = open_of(&quorum);
    let with = |change: &dyn Fn(&mut Approval), signer: &str, mode| {
        let mut said = approval(&ceremony, "carol");
        change(&mut said);
        sign(&quorum, signer, mode, &said)
    };
    let production = Mode::Production;
    let forged: &[(&str, Envelope, &str)] = &[
        ("bobs-card", with(&|_| {}, "bob", production), "on none of carol's cards"),
        (
            "admins-card",
            with(&|a| a.person = name("frank"), "frank", production),
            "is not a custodian or an approver",
        ),
        (
            "witness",
            with(&|a| a.person = name("wendy"), "wendy", production),
            "is not a custodian or an approver",
        ),
        (
            "stranger",
            with(&|a| a.person = name("mallory"), "mallory", production),
            "is not a custodian or an approver",
        ),
        ("rehearsed", with(&|_| {}, "carol", Mode::Rehearsal), "quorate-rehearsal"),
        ("other-proposal", with(&|a| a.proposal = Digest::of(b"x"), "carol", production), "another proposal"),
        ("other-roster", with(&|a| a.roster = Digest::of(b"x"), "carol", production), "another roster"),
        (
            "late",
            with(&|a| a.time = ceremony.proposal.expires.plus(1), "carol", production),
            "after the proposal had expired",
        ),
    ];
    for (file, forged, reason) in forged {
        fs::write(quorum.path(&format!("files/{file}")), alone(forged)).unwrap();
        // Nor does anybody release on it.
        let ran = quorum.release_to_file("bob", &["alice.approval", file]).expect(1);
        assert!(ran.error().contains(reason), "{file}: {}", ran.error());
    }
    let files: Vec<&str> = forged.iter().map(|(file, ..)| *file).collect();
    // Releases are opened only where there could be a quorum: with two good approvals, and Carol's, there could be one.
    let files = [&["alice.approval", "bob.approval"], &files[..]].concat();
    let ran = foreign(&quorum, &files);
    assert!(ran.error().contains("counted: nobody"), "{}", ran.error());
    for (file, _, reason) in forged {
        names(&ran, &format!("files/{file}:"), reason);
    }
    assert!(!quorum.path("files/bob.release").exists());
}

#[test]
fn what_a_custodian_signed_for_is_what_counts() {
    let quorum = with_releases();
    let ceremony = open_of(&quorum);
    let station = ceremony.proposal.station.keys.recipient.clone();
    let stranger = HybridIdentity::from_seed(&[7; 32]).unwrap().recipient();
    let (alice, bob) = (read(&quorum, "alice.release"), read(&quorum, "bob.release"));
    let own = shares(&quorum, "carol", &ceremony.roster, &["crypto-officer"]);
    let bobs = shares(&quorum, "bob", &ceremony.roster, &["crypto-officer"]);
    let other_authority = shares(&quorum, "carol", &ceremony.roster, &["security-officer"]);
    let both = shares(&quorum, "carol", &ceremony.roster, &["crypto-officer", "security-officer"]);
    let good = sealed(&ceremony, "carol", &own, &station);
    let carols = |sealed: Vec<u8>| {
        file(&quorum, ("carol", "carol"), &ceremony, alice.approvals.clone(), sealed, |_, _| {})
    };
    let with = |signer: &str, change: &dyn Fn(&mut Release, &mut Basis)| {
        let approvals = alice.approvals.clone();
        file(&quorum, ("carol", signer), &ceremony, approvals, good.clone(), change)
    };
    let flipped = {
        let mut file = alice.clone();
        let last = file.sealed.0.len() - 1;
        file.sealed.0[last] ^= 1;
        file
    };
    let rot = {
        let mut bytes = good.clone();
        *bytes.last_mut().unwrap() ^= 1;
        carols(bytes)
    };
    let rebased = |change: fn(&mut Basis)| {
        with("carol", &move |release, basis| {
            change(basis);
            release.basis = basis.digest();
        })
    };
    let own_approval = fs::read(quorum.path("files/carol.approval")).unwrap();
    let is_carols = |envelope: &Envelope| alone(envelope) == own_approval;
    let without_one = {
        let mut approvals = alice.approvals.clone();
        approvals.remove(approvals.iter().position(|envelope| !is_carols(envelope)).unwrap());
        file(&quorum, ("carol", "carol"), &ceremony, approvals, good.clone(), |_, _| {})
    };
    let without_own = {
        let mut approvals = vec![sign(&quorum, "dave", Mode::Production, &approval(&ceremony, "dave"))];
        approvals.extend(alice.approvals.iter().filter(|envelope| !is_carols(envelope)).cloned());
        file(&quorum, ("carol", "carol"), &ceremony, approvals, good.clone(), |_, _| {})
    };
    let expires = ceremony.proposal.expires;
    let forged: &[(&str, ReleaseFile, &str)] = &[
        (
            "swapped",
            ReleaseFile { sealed: bob.sealed.clone(), ..alice.clone() },
            "not those that alice signed for",
        ),
        ("flipped", flipped, "not those that alice signed for"),
        (
            "elsewhere",
            carols(sealed(&ceremony, "carol", &own, &stranger)),
            "cannot be opened by this station",
        ),
        ("rot", rot, "cannot be opened by this station"),
        ("others-share", carols(sealed(&ceremony, "carol", &bobs, &station)), "says it is bob's share"),
        ("others-release", carols(sealed(&ceremony, "bob", &own, &station)), "by another custodian"),
        (
            "other-authority",
            carols(sealed(&ceremony, "carol", &other_authority, &station)),
            "security-officer",
        ),
        ("too-much", carols(sealed(&ceremony, "carol", &both, &station)), "more than was asked for"),
        ("no-share", carols(sealed(&ceremony, "carol", &[], &station)), "carol's share of crypto-officer"),
        ("bobs-card", with("bob", &|_, _| {}), "on none of carol's cards"),
        ("other-card", with("carol", &|r, _| r.card = Digest::of(b"x")), "with another card"),
        ("admins-card", with("frank", &|r, _| r.custodian = name("frank")), "is not a custodian"),
        ("stranger", with("mallory", &|r, _| r.custodian = name("mallory")), "is not a custodian"),
        ("other-proposal", with("carol", &|r, _| r.proposal = Digest::of(b"x")), "another proposal"),
        ("other-roster", with("carol", &|r, _| r.roster = Digest::of(b"x")), "another roster"),
        ("other-dealing", with("carol", &|r, _| r.dealing = Digest::of(b"x")), "of another dealing"),
        ("other-basis", with("carol", &|r, _| r.basis = Digest::of(b"x")), "not what carol signed"),
        (
            "other-authorities",
            rebased(|b| b.authorities[0] = name("security-officer")),
            "of other authorities",
        ),
        ("other-list", rebased(|b| b.approvals[0] = Digest::of(b"x")), "not those that it rests on"),
        ("without-one", without_one, "without a quorum of approvals: crypto-officer 2 of 3"),
        ("without-own", without_own, "without an approval of their own"),
        ("late", with("carol", &|r, _| r.time = expires.plus(1)), "after the proposal had expired"),
    ];
    for (file, forged, _) in forged {
        write(&quorum, file, forged);
    }
    fs::write(quorum.path("files/foreign"), b"{}\n").unwrap();
    // Releases are opened only where there could be a quorum: with two good ones, and Carol's, there could be one.
    let forgeries = forged.iter().map(|(file, ..)| *file);
    let files: Vec<&str> = ["alice.release", "bob.release", "foreign"].into_iter().chain(forgeries).collect();
    let ran = foreign(&quorum, &files);
    assert!(ran.error().contains("counted: alice, bob\""), "{}", ran.error());
    for (file, _, reason) in forged {
        names(&ran, &format!("files/{file}:"), reason);
    }
    // The forger's tools make a good file, too: it was the forgery that was refused.
    write(&quorum, "carol.release", &carols(good));
    let all = ["alice.release", "bob.release", "carol.release", "swapped", "elsewhere"];
    let paths = all.map(|f| quorum.at(&format!("files/{f}")));
    let done = quorum.execute_with(&paths.each_ref().map(String::as_str)).ok();
    let set_aside = done.json["set_aside"].as_array().unwrap();
    assert_eq!(set_aside.len(), 2, "{set_aside:?}");
    for file in all {
        assert!(!quorum.path(&format!("files/{file}")).exists(), "{file}: a release outlived its ceremony");
    }
}

#[test]
fn an_approval_is_for_one_proposal_of_one_ledger() {
    let quorum = with_alice();
    quorum.approve("bob").ok();
    let reason = ["abort", &quorum.at("ledger"), "--copy", &quorum.at("copy"), "--reason", "once more"];
    quorum.run_with(quorum::ADMIN, &reason).ok();
    quorum.propose(INVENTORY).ok();
    // A second ledger of the same people, with a proposal of the same plan.
    let other = Quorum::of(5).everybody().enrolled();
    founded::found(&other, &founded::practice_target(&other.path("tokens/hsm.token")));
    other.propose(INVENTORY).ok();
    other.approve_to_file("carol").ok();
    fs::copy(other.path("files/carol.approval"), quorum.path("files/carol.approval")).unwrap();
    let ran = foreign(&quorum, &["alice.approval", "carol.approval"]);
    assert!(ran.error().contains("crypto-officer 0 of 3"), "{}", ran.error());
    names(&ran, "alice.approval", "alice approved another proposal");
    names(&ran, "carol.approval", "carol approved another proposal");
}

/// Steps that a file takes until its shares are opened: which one stops it?
fn accepted(bytes: &[u8], ceremony: &quorate::transcript::ledger::Ceremony) -> Result<(), String> {
    let file = ReleaseFile::parse(bytes).map_err(|e| e.to_string())?;
    let approvals = file.approvals.into_iter().map(|envelope| {
        let signed = Signed::<Approval>::verify(envelope, Mode::Production, &ceremony.roster);
        let signed = signed.map_err(|e| e.to_string())?;
        check_approval(ceremony, signed.statement()).map_err(|f| f.message)?;
        Ok(signed)
    });
    let approvals = approvals.collect::<Result<Vec<_>, String>>()?;
    if !approvals.iter().map(Signed::digest).eq(file.basis.approvals.iter().copied()) {
        return Err("approvals".into());
    }
    let signed = Signed::<Release>::verify(file.statement, Mode::Production, &ceremony.roster)
        .map_err(|e| e.to_string())?;
    check_release(ceremony, &approvals, &signed, &file.basis).map_err(|f| f.message)?;
    if Digest::of(&file.sealed.0) == signed.statement().file { Ok(()) } else { Err("sealed".into()) }
}

#[test]
fn no_byte_of_a_release_file_can_be_changed() {
    let quorum = with_releases();
    let ceremony = open_of(&quorum);
    let good = fs::read(quorum.path("files/alice.release")).unwrap();
    accepted(&good, &ceremony).unwrap();
    for at in 0..good.len() {
        for change in [1, 0x20] {
            let mut bad = good.clone();
            bad[at] ^= change;
            assert!(accepted(&bad, &ceremony).is_err(), "byte {at}, {}", bad[at] as char);
        }
        assert!(accepted(&good[..at], &ceremony).is_err(), "cut at {at}");
    }
    // The same through the binary, in one go.
    let step = good.len() / 40;
    let files: Vec<String> = (0..good.len()).step_by(step).map(|at| format!("changed-{at}")).collect();
    for (file, at) in files.iter().zip((0..good.len()).step_by(step)) {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(quorum.path(&format!("files/{file}")), bad).unwrap();
    }
    fs::write(quorum.path("files/foreign"), b"{}\n").unwrap();
    let all: Vec<&str> = files.iter().map(String::as_str).chain(["foreign"]).collect();
    let ran = foreign(&quorum, &all);
    assert!(ran.error().contains("counted: nobody"), "{}", ran.error());
    for file in &files {
        names(&ran, &format!("files/{file}:"), "");
    }
}

#[test]
fn names_of_files_and_reasons_move_no_cursor() {
    let quorum = with_alice();
    let ceremony = open_of(&quorum);
    let bell = "files/\x1b[2Jclear\u{202e}";
    fs::write(quorum.path(bell), "\x1b]0;title\x07").unwrap();
    let said = Rejection {
        proposal: ceremony.digest,
        person: name("dave"),
        reason: Remark::new("no").unwrap(),
        time: ceremony.proposal.created,
    };
    let mut envelope = sign(&quorum, "dave", Mode::Production, &said);
    envelope.payload_type = "\x1b[31m".into();
    fs::write(quorum.path("files/type"), alone(&envelope)).unwrap();
    let ran = foreign(&quorum, &["../files/\x1b[2Jclear\u{202e}", "type"]);
    for text in [&ran.stdout, &ran.stderr] {
        assert!(!text.contains(['\x1b', '\x07', '\u{202e}']), "{text:?}");
    }
}

/// A rejection that its custodian put beside the transcript, as the file that they have, cancels their approval. Under a name that is
/// not read it is named, in `status` and before anything is done.
#[test]
fn a_rejection_in_the_ledger_is_not_passed_over() {
    let quorum = with_alice();
    let ceremony = open_of(&quorum);
    for name in ["bob", "carol"] {
        quorum.approve_only(name).ok();
    }
    quorum.release_to_file("alice", &["alice.approval"]).ok();
    for name in ["bob", "carol"] {
        quorum.decide(name, "release", &[&quorum.at("files/alice.release")]).ok();
    }
    let said = Rejection {
        proposal: ceremony.digest,
        person: name("carol"),
        reason: Remark::new("no").unwrap(),
        time: ceremony.proposal.created,
    };
    let statement = sign(&quorum, "carol", Mode::Production, &said);
    let approvals = quorum.path("ledger").join(&ceremony.directory).join("approvals");
    let (named, misnamed) = (approvals.join("carol-no.json"), approvals.join("carol no.json"));
    fs::write(&named, alone(&statement)).unwrap();
    let alices = quorum.at("files/alice.release");
    let few = quorum.execute_with(&[&alices]).expect(6);
    assert!(few.error().contains("crypto-officer 2 of 3"), "{}", few.error());
    let copy = quorum.path("copy").join(&ceremony.directory).join("approvals/carol-no.json");
    fs::remove_file(copy).unwrap();
    fs::rename(&named, &misnamed).unwrap();
    let warning = "warning: statement-unread in 0001-inventory: approvals/carol no.json";
    let status = quorum.run(&["status", &quorum.at("ledger")]).ok();
    assert_eq!(status.json["unread"][0]["code"], "statement-unread");
    assert!(status.stderr.contains(warning), "{}", status.stderr);
    let done = quorum.execute_with(&[&alices]).ok();
    assert!(done.stderr.contains(warning), "{}", done.stderr);
}
