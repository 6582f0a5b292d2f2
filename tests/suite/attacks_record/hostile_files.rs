//! Files that are too long, too deep, of the wrong kind or not there. Each ends with one clear sentence.

use std::{
    fs::{self, File, Permissions},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

use super::{codes, copy, pinned, quorate};
use crate::support::quorum::Ran;

/// `audit`, which must fail with this code and say these words.
#[track_caller]
fn fails(ledger: &Path, code: i32, words: &str) -> Ran {
    let done = quorate(&["audit", "--rehearsal", ledger.to_str().unwrap()]).expect(code);
    let said = format!("{} {}", done.stdout, done.stderr);
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains(words), "{said}");
    done
}

fn last(ledger: &Path) -> PathBuf {
    ledger.join("0004-restore/transcript.jsonl")
}

#[test]
fn a_transcript_of_two_gigabytes_is_refused_unread() {
    let (_dir, ledger) = copy();
    File::create(last(&ledger)).unwrap().set_len(2 << 30).unwrap();
    fails(&ledger, 1, "more than the 268435456 that are allowed");
    let (_dir, ledger) = copy();
    File::create(ledger.join("0004-restore/plan.toml")).unwrap().set_len(2 << 30).unwrap();
    fails(&ledger, 1, "that are allowed");
    let (_dir, ledger) = copy();
    File::create(ledger.join("0004-restore/attestations/a.json")).unwrap().set_len(2 << 30).unwrap();
    let done = fails(&ledger, 6, "attestations/a.json: 2147483648 bytes, more than");
    assert!(done.stdout.contains("warning: statement-unread in 0004-restore"), "{}", done.stdout);
}

#[test]
fn a_line_of_more_than_16_mib_is_refused() {
    let (_dir, ledger) = copy();
    let mut bytes = vec![b'a'; (16 << 20) + 1];
    bytes.push(b'\n');
    fs::write(last(&ledger), &bytes).unwrap();
    assert_eq!(codes(&pinned(&ledger).expect(3), "error"), ["line-too-long"]);
}

/// 256 MiB of line feeds are 268 million lines; to list them first would take gigabytes.
#[test]
fn a_transcript_of_line_feeds_is_refused_in_little_memory() {
    let (_dir, ledger) = copy();
    fs::write(last(&ledger), vec![b'\n'; 256 << 20]).unwrap();
    let limited =
        format!("ulimit -v 1500000; exec {} audit --rehearsal {}", super::QUORATE, ledger.to_str().unwrap());
    let done = super::ran(std::process::Command::new("sh").args(["-c", &limited])).expect(3);
    assert!(done.stdout.contains("line-syntax"), "{} {}", done.stdout, done.stderr);
}

#[test]
fn what_is_no_json_is_refused() {
    for bytes in [
        b"[".repeat(1_000_000),
        b"{\"payloadType\":".repeat(100_000),
        b"\xff\xfe\xfd".to_vec(),
        b"\x00".to_vec(),
        b"null".to_vec(),
        b"{}".to_vec(),
        b"\xef\xbb\xbf{}".to_vec(),
        Vec::new(),
    ] {
        let (_dir, ledger) = copy();
        fs::write(last(&ledger), [&bytes[..], b"\n"].concat()).unwrap();
        assert_eq!(codes(&pinned(&ledger).expect(3), "error"), ["line-syntax"]);
    }
    // Line feeds as another system writes them.
    let (_dir, ledger) = copy();
    let text = fs::read_to_string(last(&ledger)).unwrap();
    fs::write(last(&ledger), text.replace('\n', "\r\n")).unwrap();
    assert_eq!(codes(&pinned(&ledger).expect(3), "error"), ["line-spelling"]);
    let (_dir, ledger) = copy();
    fs::write(ledger.join("0004-restore/plan.toml"), b"\xff\xfe").unwrap();
    assert_eq!(codes(&pinned(&ledger).expect(3), "error"), ["plan-mismatch"]);
}

#[test]
fn a_ledger_is_a_directory_with_ceremonies() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fails(&at("nowhere"), 1, "no such file or directory");
    fs::write(at("file"), "").unwrap();
    fails(&at("file"), 1, "not a directory");
    fs::create_dir(at("empty")).unwrap();
    fails(&at("empty"), 3, "is not a ledger: no ceremony is in it");
    fs::create_dir_all(at("bare/0000-genesis")).unwrap();
    fails(&at("bare"), 3, "transcript-empty");
    fs::create_dir(at("holds-file")).unwrap();
    fs::write(at("holds-file/0000-genesis"), "").unwrap();
    fails(&at("holds-file"), 1, "not a directory");
}

#[test]
fn links_pipes_and_directories_are_no_transcripts() {
    let (_dir, ledger) = copy();
    let aside = ledger.join("aside");
    fs::rename(last(&ledger), &aside).unwrap();
    symlink(&aside, last(&ledger)).unwrap();
    fails(&ledger, 1, "it is a symbolic link, which is not followed here");
    fs::remove_file(last(&ledger)).unwrap();
    fs::create_dir(last(&ledger)).unwrap();
    fails(&ledger, 1, "transcript.jsonl");
    fs::remove_dir(last(&ledger)).unwrap();
    let made = std::process::Command::new("mkfifo").arg(last(&ledger)).status().unwrap();
    assert!(made.success());
    fails(&ledger, 1, "transcript.jsonl");

    let (_dir, ledger) = copy();
    fs::rename(ledger.join("0004-restore"), ledger.join("aside")).unwrap();
    symlink(ledger.join("aside"), ledger.join("0004-restore")).unwrap();
    fails(&ledger, 1, "it is a symbolic link");

    let (_dir, ledger) = copy();
    symlink("/etc/hostname", ledger.join("0004-restore/attestations/mallory.json")).unwrap();
    fails(&ledger, 6, "attestations/mallory.json: it is not a regular file");
}

#[test]
fn what_cannot_be_read_is_said() {
    if fs::metadata("/proc/self").unwrap().uid() == 0 {
        return; // Root reads everything.
    }
    let (_dir, ledger) = copy();
    fs::set_permissions(last(&ledger), Permissions::from_mode(0o0)).unwrap();
    fails(&ledger, 1, "permission denied");
    fs::set_permissions(ledger.join("0002-backup"), Permissions::from_mode(0o0)).unwrap();
    fails(&ledger, 1, "permission denied");
    fs::set_permissions(ledger.join("0002-backup"), Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn a_hostile_file_given_to_show_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    for bytes in [b"[".repeat(1_000_000), b"\xff\xfe".to_vec(), Vec::new(), b"{}".to_vec()] {
        fs::write(&path, bytes).unwrap();
        quorate(&["show", path.to_str().unwrap()]).expect(3);
    }
    File::create(&path).unwrap().set_len(2 << 30).unwrap();
    quorate(&["show", path.to_str().unwrap()]).expect(1);
}
