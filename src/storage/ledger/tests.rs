use std::{
    fs::{self, File},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    process::Command,
};

use super::*;

mod copying;

const GENESIS: &str = "0000-genesis";
const DELETE: &str = "0001-delete";

/// A directory with a ledger that has a genesis of one line.
struct Fixture {
    dir: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        let fixture = Self { dir: tempfile::tempdir().unwrap() };
        let _made = LedgerDirectory::create(&fixture.path("ledger")).unwrap();
        fixture.open(&[]).create(GENESIS, b"plan", b"line 0").unwrap();
        fixture
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Not verified yet.
    fn try_open(&self, copies: &[&str]) -> Result<LedgerDirectory, StoreError> {
        LedgerDirectory::open(self.path("ledger"), copies.iter().map(|name| self.path(name)).collect())
    }

    fn open(&self, copies: &[&str]) -> LedgerDirectory {
        let mut ledger = self.try_open(copies).unwrap();
        ledger.verified(as_it_is(&self.path("ledger"))).unwrap();
        ledger
    }

    fn refusal(&self, copies: &[&str]) -> StoreError {
        self.try_open(copies).err().unwrap()
    }

    fn transcript(&self, place: &str, ceremony: &str) -> PathBuf {
        self.path(place).join(ceremony).join(TRANSCRIPT)
    }

    fn same(&self, copy: &str) -> bool {
        let show = |place: &str| format!("{:?}", read(&self.path(place)).unwrap());
        show("ledger") == show(copy)
    }
}

/// What a verification of a ledger as it is now would say.
fn as_it_is(ledger: &Path) -> Vec<(String, Digest)> {
    let files = read(ledger).unwrap_or_default();
    files.into_iter().map(|file| (file.directory.clone(), file.digest())).collect()
}

/// What lies there, but for what each ledger has for git.
fn entries(path: &Path) -> Vec<String> {
    layout::entries(path).unwrap().into_iter().filter(|name| name != layout::ATTRIBUTES).collect()
}

#[test]
fn a_ledger_is_made_once_and_private() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger");
    let made = LedgerDirectory::create(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
    drop(made);
    assert!(!path.exists(), "nothing was written to it");
    let _made = LedgerDirectory::create(&path).unwrap();
    fs::create_dir_all(path.join(".0000-genesis.tmp/approvals")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(LedgerDirectory::create(&path).unwrap().is_none(), "it was there");
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
    fs::write(path.join("x"), "").unwrap();
    let error = LedgerDirectory::create(&path).err().unwrap();
    assert!(error.reason.contains("not empty"), "{error}");
    assert!(LedgerDirectory::create(&dir.path().join("no/parent")).is_err());
    assert!(LedgerDirectory::open(&path, Vec::new()).err().unwrap().reason.contains("not a ledger"));
    assert!(LedgerDirectory::open(dir.path().join("missing"), Vec::new()).is_err());
}

/// Several accounts at one station, and a ledger that is kept in git.
#[test]
fn those_who_share_the_directory_share_all_of_it_and_git_leaves_it_as_it_is() {
    let fixture = Fixture { dir: tempfile::tempdir().unwrap() };
    let path = fixture.path("ledger");
    fs::create_dir(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o2770)).unwrap();
    let mut ledger = fixture.open(&["copy"]);
    ledger.create(GENESIS, b"plan", b"line 0").unwrap();
    ledger.append(GENESIS, &[b"line 1".to_vec()]).unwrap();
    ledger.put_beside(GENESIS, Beside::Approvals, "alice.json", b"{}").unwrap();
    for place in ["ledger", "copy"] {
        assert_eq!(fs::read(fixture.path(place).join(".gitattributes")).unwrap(), b"* -text\n");
        let mut found = vec![fixture.path(place)];
        let mut seen = 0;
        while let Some(path) = found.pop() {
            let metadata = fs::metadata(&path).unwrap();
            let wanted = if metadata.is_dir() { 0o2770 } else { 0o660 };
            assert_eq!(metadata.mode() & 0o7777, wanted, "{}", path.display());
            seen += 1;
            if metadata.is_dir() {
                found.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            }
        }
        assert_eq!(seen, 9);
    }
}

#[test]
fn a_ceremony_appears_grows_and_is_read() {
    let fixture = Fixture::new();
    let mut ledger = fixture.open(&[]);
    ledger.create(DELETE, b"plan 1", b"one").unwrap();
    ledger.append(DELETE, &[b"two".to_vec(), b"three".to_vec()]).unwrap();
    ledger.append(DELETE, &[]).unwrap();
    ledger.put_beside(DELETE, Beside::Approvals, "alice.json", b"{}").unwrap();
    ledger.put_beside(DELETE, Beside::Approvals, "alice.json", b"{}").unwrap();
    ledger.put_beside(DELETE, Beside::Attestations, "bob.json", b"[]").unwrap();
    ledger.put_beside(DELETE, Beside::Drills, "carol.json", b"1").unwrap();
    let error = ledger.put_beside(DELETE, Beside::Approvals, "alice.json", b"other").unwrap_err();
    assert!(error.reason.contains("already"), "{error}");
    let files = read(&fixture.path("ledger")).unwrap();
    assert_eq!(ledger.read().unwrap().directories(), [GENESIS, DELETE]);
    assert_eq!(files.iter().map(|file| file.directory.as_str()).collect::<Vec<_>>(), [GENESIS, DELETE]);
    assert_eq!((&files[1].plan[..], &files[1].transcript[..]), (&b"plan 1"[..], &b"one\ntwo\nthree\n"[..]));
    assert_eq!(files[1].approvals, [("alice.json".to_owned(), b"{}".to_vec())]);
    assert_eq!(files[1].attestations, [("bob.json".to_owned(), b"[]".to_vec())]);
    assert_eq!(files[1].drills, [("carol.json".to_owned(), b"1".to_vec())]);
    let inside = fixture.path("ledger").join(DELETE);
    assert_eq!(entries(&inside), ["approvals", "attestations", "drills", "plan.toml", "transcript.jsonl"]);
    assert_eq!(fs::metadata(&inside).unwrap().mode() & 0o777, 0o700);
    assert_eq!(fs::metadata(inside.join(TRANSCRIPT)).unwrap().mode() & 0o777, 0o600);
}

#[test]
fn nothing_is_overwritten_and_no_name_is_a_path() {
    let fixture = Fixture::new();
    let mut ledger = fixture.open(&[]);
    assert!(ledger.create(GENESIS, b"other", b"other").unwrap_err().reason.contains("exists already"));
    for name in ["", "..", "../0001-x", "0001-x/y", "1-x", "0001-", "0001-X", "0001", ".0001-x.tmp"] {
        assert!(ledger.create(name, b"", b"line").is_err(), "{name:?}");
        assert!(ledger.append(name, &[b"line".to_vec()]).is_err(), "{name:?}");
    }
    for name in ["", ".json", "../x.json", "a/b.json", ".x.json", "alice", "a\n.json"] {
        assert!(ledger.put_beside(GENESIS, Beside::Approvals, name, b"{}").is_err(), "{name:?}");
    }
    for line in [&b""[..], b"a\nb", b"a\n"] {
        assert!(ledger.append(GENESIS, &[line.to_vec()]).is_err());
        assert!(ledger.create(DELETE, b"", line).is_err());
    }
    assert!(ledger.append(DELETE, &[b"line".to_vec()]).is_err());
    assert_eq!(entries(&fixture.path("ledger")), [GENESIS]);
    assert_eq!(fs::read(fixture.transcript("ledger", GENESIS)).unwrap(), b"line 0\n");
}

#[test]
fn what_crashes_left_is_ignored_and_cleared() {
    let fixture = Fixture::new();
    let path = fixture.path("ledger");
    fs::create_dir_all(path.join(".0001-delete.tmp/approvals")).unwrap();
    fs::write(path.join(".0001-delete.tmp").join(TRANSCRIPT), "torn").unwrap();
    fs::write(path.join(GENESIS).join(".transcript.jsonl.tmp"), "torn").unwrap();
    fs::write(path.join("README"), "ours").unwrap();
    fs::create_dir(path.join("lost+found")).unwrap();
    assert_eq!(read(&path).unwrap().len(), 1);
    let mut ledger = fixture.open(&[]);
    ledger.append(GENESIS, &[b"line 1".to_vec()]).unwrap();
    assert_eq!(read(&path).unwrap()[0].transcript, b"line 0\nline 1\n");
    assert!(!path.join(GENESIS).join(".transcript.jsonl.tmp").exists());
    ledger.create("0001-backup", b"plan", b"line").unwrap();
    assert_eq!(entries(&path), [GENESIS, "0001-backup", "README", "lost+found"]);
}

#[test]
fn a_torn_transcript_is_not_appended_to() {
    let fixture = Fixture::new();
    fs::write(fixture.transcript("ledger", GENESIS), "line 0\nli").unwrap();
    let error = fixture.open(&[]).append(GENESIS, &[b"line".to_vec()]).unwrap_err();
    assert!(error.reason.contains("does not end"), "{error}");
}

#[test]
fn ceremonies_are_sorted_by_number() {
    let fixture = Fixture::new();
    for name in ["10000-delete", "9999-delete", "0002-x"] {
        fs::create_dir(fixture.path("ledger").join(name)).unwrap();
    }
    let files = read(&fixture.path("ledger")).unwrap();
    let names: Vec<_> = files.iter().map(|file| file.directory.as_str()).collect();
    assert_eq!(names, [GENESIS, "0002-x", "9999-delete", "10000-delete"]);
}

#[test]
fn a_second_writer_is_turned_away_and_a_reader_is_not() {
    let fixture = Fixture::new();
    let held = fixture.open(&["copy"]);
    let error = fixture.refusal(&[]);
    let working = format!("another quorate is working on this ledger: process {}", std::process::id());
    assert_eq!(error.reason, working);
    let other = LedgerDirectory::open(fixture.path("copy"), Vec::new()).err().unwrap();
    assert_eq!(other.reason, working);
    assert_eq!(read(&fixture.path("ledger")).unwrap().len(), 1);
    drop(held);
    fixture.open(&[]);
}

#[test]
fn links_are_not_followed() {
    let outside = tempfile::tempdir().unwrap();
    let inside = |fixture: &Fixture, name: &str| fixture.path("ledger").join(GENESIS).join(name);
    for (name, is_directory) in [(TRANSCRIPT, false), ("plan.toml", false), ("approvals", true)] {
        let fixture = Fixture::new();
        let path = inside(&fixture, name);
        let target =
            if is_directory { outside.path().to_owned() } else { outside.path().join("secret.json") };
        if is_directory {
            fs::remove_dir(&path).unwrap();
        } else {
            fs::write(&target, "secret").unwrap();
            let _ = fs::remove_file(&path);
        }
        symlink(&target, &path).unwrap();
        let error = read(&fixture.path("ledger")).unwrap_err();
        assert!(error.reason.contains("symbolic link") && error.what.contains(name), "{error}");
        let mut ledger = fixture.open(&[]);
        assert!(ledger.append(GENESIS, &[b"line".to_vec()]).is_err());
        assert!(ledger.put_beside(GENESIS, Beside::Approvals, "y.json", b"{}").is_err());
        assert_eq!(entries(outside.path()).len(), usize::from(outside.path().join("secret.json").exists()));
    }
    let fixture = Fixture::new();
    symlink(outside.path(), fixture.path("ledger").join("0001-delete")).unwrap();
    assert!(read(&fixture.path("ledger")).unwrap_err().reason.contains("symbolic link"));
    assert!(fixture.refusal(&[]).reason.contains("symbolic link"));
}

/// One of them makes no ledger unreadable, and none of them disappears without a word.
#[test]
fn what_cannot_be_a_statement_is_named_and_not_opened() {
    let fixture = Fixture::new();
    let mut ledger = fixture.open(&[]);
    ledger.put_beside(GENESIS, Beside::Approvals, "alice.json", b"{}").unwrap();
    let approvals = fixture.path("ledger").join(GENESIS).join("approvals");
    let outside = fixture.path("outside");
    fs::write(&outside, "{}").unwrap();
    symlink(&outside, approvals.join("link.json")).unwrap();
    fs::create_dir(approvals.join("directory.json")).unwrap();
    assert!(Command::new("mkfifo").arg(approvals.join("pipe.json")).status().unwrap().success());
    File::create(approvals.join("long.json")).unwrap().set_len(40 << 30).unwrap();
    let of_bytes = std::os::unix::ffi::OsStrExt::from_bytes(b"grace\xff.json");
    for name in ["grace 1.json", ".grace.json", ".alice.json.tmp", ".DS_Store"].map(std::ffi::OsStr::new) {
        fs::write(approvals.join(name), "{}").unwrap();
    }
    fs::write(approvals.join::<&std::ffi::OsStr>(of_bytes), "{}").unwrap();
    let files = ledger.ceremony(GENESIS).unwrap();
    assert_eq!(files.approvals, [("alice.json".to_owned(), b"{}".to_vec())]);
    let told: Vec<_> = files.unread.iter().map(|unread| unread.split_once(": ").unwrap()).collect();
    let (no_name, no_file) = (
        "the name of a statement has letters, digits, '-', '_' and '.', and ends with .json",
        "it is not a regular file",
    );
    let long = "42949672960 bytes, more than the 33554430 that are allowed";
    assert_eq!(
        told,
        [
            ("approvals/.grace.json", no_name),
            ("approvals/directory.json", no_file),
            ("approvals/grace 1.json", no_name),
            ("approvals/grace\u{fffd}.json", no_name),
            ("approvals/link.json", no_file),
            ("approvals/long.json", long),
            ("approvals/pipe.json", no_file),
        ]
    );
    // Nor is one of them overwritten, and the ledger goes on.
    drop(ledger);
    let mut ledger = fixture.open(&[]);
    assert!(ledger.put_beside(GENESIS, Beside::Approvals, "pipe.json", b"{}").is_err());
    ledger.append(GENESIS, &[b"line 1".to_vec()]).unwrap();
    ledger.create(DELETE, b"plan", b"line 0").unwrap();
    for number in 0..30 {
        fs::write(approvals.join(format!("no name {number}")), "").unwrap();
    }
    let unread = ledger.ceremony(GENESIS).unwrap().unread;
    assert_eq!((unread.len(), unread[20].as_str()), (21, "approvals/: 17 more that are not statements"));
}

#[test]
fn a_link_in_place_of_a_temporary_file_or_directory_is_replaced() {
    let fixture = Fixture::new();
    let outside = fixture.path("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("file"), "kept").unwrap();
    let path = fixture.path("ledger");
    symlink(outside.join("file"), path.join(GENESIS).join(".transcript.jsonl.tmp")).unwrap();
    symlink(&outside, path.join(".0001-delete.tmp")).unwrap();
    fs::create_dir(path.join(".0002-delete.tmp")).unwrap();
    symlink(&outside, path.join(".0002-delete.tmp/approvals")).unwrap();
    let mut ledger = fixture.open(&[]);
    ledger.append(GENESIS, &[b"line 1".to_vec()]).unwrap();
    ledger.create(DELETE, b"plan", b"line").unwrap();
    assert_eq!(fs::read_to_string(outside.join("file")).unwrap(), "kept");
    assert_eq!(entries(&outside), ["file"]);
    assert_eq!(entries(&path), [GENESIS, DELETE]);
}

#[test]
fn what_is_too_long_is_refused_by_its_size() {
    for (name, size) in [(TRANSCRIPT, 2 << 30), ("plan.toml", (1 << 20) + 1)] {
        let fixture = Fixture::new();
        let path = fixture.path("ledger").join(GENESIS).join(name);
        File::options().create(true).truncate(false).write(true).open(&path).unwrap().set_len(size).unwrap();
        let error = read(&fixture.path("ledger")).unwrap_err();
        assert!(error.reason.contains(&format!("{size} bytes, more than")), "{error}");
        assert!(error.what.contains(name), "{error}");
    }
    let fixture = Fixture::new();
    let mut ledger = fixture.open(&[]);
    let error = ledger.create(DELETE, &vec![b'x'; (1 << 20) + 1], b"line").unwrap_err();
    assert!(error.reason.contains("more than"), "{error}");
    let many = vec![b' '; 17 << 20];
    ledger.put_beside(GENESIS, Beside::Approvals, "a.json", &many).unwrap();
    assert!(ledger.put_beside(GENESIS, Beside::Approvals, "b.json", &many).is_err());
    assert_eq!(read(&fixture.path("ledger")).unwrap()[0].approvals.len(), 1);
}

#[test]
fn a_pipe_in_a_ledger_does_not_block() {
    let fixture = Fixture::new();
    let path = fixture.path("ledger").join(GENESIS).join("plan.toml");
    fs::remove_file(&path).unwrap();
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    assert!(read(&fixture.path("ledger")).unwrap_err().reason.contains("not a regular file"));
}

/// A write that the system cuts short in the middle, as on a full disk: this test runs itself again under a limit
/// on the size of files.
#[test]
fn a_write_that_is_cut_short_leaves_nothing() {
    const PLACE: &str = "QUORATE_TEST_CUT_SHORT";
    if let Some(place) = std::env::var_os(PLACE) {
        let mut ledger = LedgerDirectory::open(&place, Vec::new()).unwrap();
        ledger.verified(as_it_is(Path::new(&place))).unwrap();
        ledger.append(GENESIS, &[b"small".to_vec()]).unwrap();
        let error = ledger.append(GENESIS, &[vec![b'x'; 100_000]]).unwrap_err();
        assert!(error.reason.contains("a limit of this process"), "{error}");
        ledger.create(DELETE, &vec![b'x'; 100_000], b"line").unwrap_err();
        ledger.put_beside(GENESIS, Beside::Approvals, "a.json", &vec![b'x'; 100_000]).unwrap_err();
        return;
    }
    let fixture = Fixture::new();
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 16; exec \"$0\" --exact --test-threads=1 \"$1\""])
        .arg(std::env::current_exe().unwrap())
        .arg("storage::ledger::tests::a_write_that_is_cut_short_leaves_nothing")
        .env(PLACE, fixture.path("ledger"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    assert_eq!(fs::read(fixture.transcript("ledger", GENESIS)).unwrap(), b"line 0\nsmall\n");
    assert_eq!(entries(&fixture.path("ledger")), [GENESIS]);
    let inside = fixture.path("ledger").join(GENESIS);
    assert_eq!(entries(&inside), ["approvals", "attestations", "drills", "plan.toml", "transcript.jsonl"]);
    assert!(entries(&inside.join("approvals")).is_empty());
}
