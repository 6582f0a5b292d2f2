//! Approval files that somebody changed, swapped, repeated or made up: none of them counts, each is named with its
//! reason, and the ledger stays as it was.

use std::fs;

use crate::support::forgery::{approval, file, name, open_of, shares, sign};
use crate::support::founded::{self, INVENTORY, snapshot};
use crate::support::quorum::{self, Quorum, Ran};
use quorate::{
    approval::statement::{Approval, ApprovalFile, Rejection, Signed},
    encoding::{digest::Digest, dsse::Mode, strict::Base64, text::Remark},
    sealing::{hybrid::HybridIdentity, release},
    transcript::ceremony::check_approval,
};

/// A quorum with an open inventory, which Alice has approved in a file.
fn with_alice() -> Quorum {
    let quorum = Quorum::of(5).everybody().practice().founded();
    quorum.propose(INVENTORY).ok();
    quorum.approve_to_file("alice").ok();
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

fn write(quorum: &Quorum, file: &str, approval: &ApprovalFile) {
    fs::write(quorum.path(&format!("files/{file}")), approval.write()).unwrap();
}

fn read(quorum: &Quorum, file: &str) -> ApprovalFile {
    ApprovalFile::parse(&fs::read(quorum.path(&format!("files/{file}"))).unwrap()).unwrap()
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
    quorum.approve_to_file("alice").ok();
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
    let quorum = with_alice();
    let good = fs::read_to_string(quorum.path("files/alice.approval")).unwrap();
    let statement_last = {
        let value: serde_json::Value = serde_json::from_str(&good).unwrap();
        format!("{{\"release\":{},\"statement\":{}}}\n", value["release"], value["statement"])
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
        ("twice", good.replacen("\"release\":", "\"release\":null,\"release\":", 1)),
        ("padding", good.replacen("==\"", "\"", 1)),
        ("array", format!("[{}]\n", good.trim_end())),
        ("empty", String::new()),
        ("deep", "[".repeat(200_000)),
    ];
    for (file, text) in &spellings {
        assert_ne!(*text, good, "{file}");
        fs::write(quorum.path(&format!("files/{file}")), text).unwrap();
    }
    fs::write(quorum.path("files/binary"), [0xff, 0xfe, 0]).unwrap();
    fs::File::create(quorum.path("files/sparse")).unwrap().set_len(2 << 30).unwrap();
    std::os::unix::fs::symlink(quorum.path("files/alice.approval"), quorum.path("files/link")).unwrap();
    let mut files: Vec<&str> = spellings.iter().map(|(file, _)| *file).collect();
    files.push("binary");
    let ran = foreign(&quorum, &files);
    assert!(ran.error().contains("counted: nobody"), "{}", ran.error());
    for file in files {
        names(&ran, &format!("files/{file}:"), "not an approval file");
    }
    fs::remove_file(quorum.path("files/sparse")).unwrap();
    fs::File::create(quorum.path("sparse")).unwrap().set_len(2 << 30).unwrap();
    let ran = foreign(&quorum, &["../sparse", "link", ".."]);
    names(&ran, "sparse", "2147483648 bytes");
    names(&ran, "link", "symbolic link");
}

#[test]
fn what_a_custodian_signed_for_is_what_counts() {
    let quorum = with_alice();
    quorum.approve_to_file("bob").ok();
    let ceremony = open_of(&quorum);
    let station = ceremony.proposal.station.keys.recipient.clone();
    let stranger = HybridIdentity::from_seed(&[7; 32]).unwrap().recipient();
    let (alice, bob) = (read(&quorum, "alice.approval"), read(&quorum, "bob.approval"));
    let own = shares(&quorum, "carol", &ceremony.roster, &["crypto-officer"]);
    let bobs = shares(&quorum, "bob", &ceremony.roster, &["crypto-officer"]);
    let other_authority = shares(&quorum, "carol", &ceremony.roster, &["security-officer"]);
    let both = shares(&quorum, "carol", &ceremony.roster, &["crypto-officer", "security-officer"]);
    let flipped = {
        let mut file = alice.clone();
        let bytes = &mut file.release.as_mut().unwrap().0;
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        file
    };
    let signed_rot = {
        let mut bytes = release::seal(ceremony.digest, &name("carol"), &own, &station).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        let statement = sign(&quorum, "carol", Mode::Production, &approval(&ceremony, "carol", &bytes));
        ApprovalFile { statement, release: Some(Base64(bytes)) }
    };
    let for_bob = {
        let bytes = release::seal(ceremony.digest, &name("bob"), &own, &station).unwrap();
        let statement = sign(&quorum, "carol", Mode::Production, &approval(&ceremony, "carol", &bytes));
        ApprovalFile { statement, release: Some(Base64(bytes)) }
    };
    let sealed = release::seal(ceremony.digest, &name("carol"), &own, &station).unwrap();
    let with = |change: &dyn Fn(&mut Approval), signer: &str, mode| {
        let mut said = approval(&ceremony, "carol", &sealed);
        change(&mut said);
        ApprovalFile { statement: sign(&quorum, signer, mode, &said), release: Some(Base64(sealed.clone())) }
    };
    let production = Mode::Production;
    let forged: &[(&str, ApprovalFile, &str)] = &[
        (
            "swapped",
            ApprovalFile { statement: alice.statement.clone(), release: bob.release.clone() },
            "not the one that alice signed for",
        ),
        ("bare", ApprovalFile { release: None, ..alice.clone() }, "has no release"),
        ("flipped", flipped, "not the one that alice signed for"),
        ("elsewhere", file(&quorum, "carol", &ceremony, &own, &stranger), "cannot be opened by this station"),
        ("rot", signed_rot, "cannot be opened by this station"),
        ("others-share", file(&quorum, "carol", &ceremony, &bobs, &station), "says it is bob's share"),
        ("others-release", for_bob, "by another custodian"),
        (
            "other-authority",
            file(&quorum, "carol", &ceremony, &other_authority, &station),
            "security-officer",
        ),
        ("too-much", file(&quorum, "carol", &ceremony, &both, &station), "more than was asked for"),
        ("no-share", file(&quorum, "carol", &ceremony, &[], &station), "carol's share of crypto-officer"),
        ("bobs-card", with(&|_| {}, "bob", production), "on none of carol's cards"),
        ("admins-card", with(&|a| a.custodian = name("frank"), "frank", production), "is not a custodian"),
        ("witness", with(&|a| a.custodian = name("wendy"), "wendy", production), "is not a custodian"),
        ("stranger", with(&|a| a.custodian = name("mallory"), "mallory", production), "is not a custodian"),
        ("rehearsed", with(&|_| {}, "carol", Mode::Rehearsal), "quorate-rehearsal"),
        ("other-proposal", with(&|a| a.proposal = Digest::of(b"x"), "carol", production), "another proposal"),
        ("other-roster", with(&|a| a.roster = Digest::of(b"x"), "carol", production), "another roster"),
        (
            "late",
            with(&|a| a.time = ceremony.proposal.expires.plus(1), "carol", production),
            "after the proposal had expired",
        ),
    ];
    for (file, forged, _) in forged {
        write(&quorum, file, forged);
    }
    let files: Vec<&str> = forged.iter().map(|(file, ..)| *file).collect();
    // Releases are opened only where there could be a quorum: with two good approvals, and Carol's, there could be one.
    let files = [&["alice.approval", "bob.approval"], &files[..]].concat();
    let ran = foreign(&quorum, &files);
    assert!(ran.error().contains("counted: alice, bob\""), "{}", ran.error());
    for (file, _, reason) in forged {
        names(&ran, &format!("files/{file}:"), reason);
    }
    // The forger's tools make a good file, too: it was the forgery that was refused.
    write(&quorum, "carol.approval", &file(&quorum, "carol", &ceremony, &own, &station));
    let all = ["alice.approval", "bob.approval", "carol.approval", "swapped", "elsewhere"];
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
    let file = ApprovalFile::parse(bytes).map_err(|e| e.to_string())?;
    let signed = Signed::<Approval>::verify(file.statement, Mode::Production, &ceremony.roster)
        .map_err(|e| e.to_string())?;
    check_approval(ceremony, signed.statement()).map_err(|f| f.message)?;
    match file.release {
        Some(release) if Digest::of(&release.0) == signed.statement().release => Ok(()),
        _ => Err("release".into()),
    }
}

#[test]
fn no_byte_of_an_approval_file_can_be_changed() {
    let quorum = with_alice();
    let ceremony = open_of(&quorum);
    let good = fs::read(quorum.path("files/alice.approval")).unwrap();
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
    let ran = foreign(&quorum, &files.iter().map(String::as_str).collect::<Vec<_>>());
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
        custodian: name("dave"),
        reason: Remark::new("no").unwrap(),
        time: ceremony.proposal.created,
    };
    let mut envelope = sign(&quorum, "dave", Mode::Production, &said);
    envelope.payload_type = "\x1b[31m".into();
    write(&quorum, "type", &ApprovalFile { statement: envelope, release: None });
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
        quorum.approve(name).ok();
    }
    let said = Rejection {
        proposal: ceremony.digest,
        custodian: name("carol"),
        reason: Remark::new("no").unwrap(),
        time: ceremony.proposal.created,
    };
    let statement = sign(&quorum, "carol", Mode::Production, &said);
    let approvals = quorum.path("ledger").join(&ceremony.directory).join("approvals");
    let (named, misnamed) = (approvals.join("carol-no.json"), approvals.join("carol no.json"));
    fs::write(&named, ApprovalFile { statement, release: None }.write()).unwrap();
    let alices = quorum.at("files/alice.approval");
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
