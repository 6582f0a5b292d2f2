//! The daemon and its readers: what ends when, and what another program sees.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use virtual_card::{Card, Daemon, Firmware, Manufacturer};

fn card(serial: u32) -> Card {
    Card::new(&Manufacturer::new(), serial, Firmware::V5_7_1)
}

/// The serial numbers that ykman finds.
fn serials(daemon: &Daemon) -> Vec<String> {
    let output = daemon.command("ykman").args(["list", "--serials"]).output().unwrap();
    let mut found: Vec<String> = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
    found.sort();
    found
}

/// How many readers have a card in them, as OpenSC sees it: ykman cannot be asked beside an empty reader.
fn present(daemon: &Daemon) -> usize {
    let output = daemon.command("opensc-tool").arg("--list-readers").output().unwrap();
    String::from_utf8_lossy(&output.stdout).lines().filter(|line| line.contains(" Yes ")).count()
}

#[test]
fn daemons_do_not_see_each_other_and_start_again() {
    let (one, two, three) = (card(1), card(2), card(3));
    let (left, right) = (Daemon::with_cards(&[&one, &two]), Daemon::with_cards(&[&three]));
    assert_eq!(serials(&left), ["1", "2"]);
    assert_eq!(serials(&right), ["3"]);
    left.stop();
    assert!(!left.is_running());
    assert!(serials(&left).is_empty(), "nobody answers");
    assert_eq!(serials(&right), ["3"]);
    left.resume();
    assert_eq!(serials(&left), ["1", "2"]);
    left.eject(0);
    assert_eq!(present(&left), 1);
    left.swap(1, &one);
    assert_eq!(present(&left), 1);
    left.insert(0, &two);
    assert_eq!(serials(&left), ["1", "2"]);
}

#[test]
fn no_reader_is_possible() {
    let daemon = Daemon::start(0);
    let output = daemon.command("age-plugin-yubikey").arg("--list").output().unwrap();
    assert!(serials(&daemon).is_empty() && output.stdout.is_empty(), "{output:?}");
}

#[test]
fn pcscd_ends_with_its_test_however_that_ends() {
    if env::var_os("VIRTUAL_CARD_CHILD").is_some() {
        let daemon = Daemon::start(1);
        println!("\nsocket {}", daemon.socket().display());
        thread::sleep(Duration::from_secs(60));
    }
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "pcscd_ends_with_its_test_however_that_ends", "--nocapture"])
        .env("VIRTUAL_CARD_CHILD", "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let socket = lines.filter_map(|line| line.strip_prefix("socket ").map(str::to_owned)).next().unwrap();
    let directory = socket.strip_suffix("/pcscd.comm").unwrap();
    assert_eq!(processes_of(directory), 1);
    child.kill().unwrap();
    child.wait().unwrap();
    let begin = Instant::now();
    while processes_of(directory) > 0 {
        assert!(begin.elapsed() < Duration::from_secs(60), "pcscd outlives its test");
        thread::sleep(Duration::from_millis(5));
    }
    fs::remove_dir_all(directory).unwrap();
}

/// How many processes have this directory in their arguments.
fn processes_of(directory: &str) -> usize {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let arguments = processes.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    arguments.filter(|arguments| String::from_utf8_lossy(arguments).contains(directory)).count()
}

#[test]
fn another_program_can_hold_a_card() {
    let card = card(1);
    let daemon = Daemon::with_cards(&[&card]);
    let held = daemon.hold(0);
    let status = daemon.command("yubico-piv-tool").args(["-a", "status"]).output().unwrap();
    assert!(!status.status.success(), "{status:?}");
    drop(held);
    let status = daemon.command("yubico-piv-tool").args(["-a", "status"]).output().unwrap();
    assert!(status.status.success(), "{status:?}");
}

#[test]
fn a_card_that_is_pulled_out_is_seen_to_be_gone() {
    let card = card(1);
    let daemon = Daemon::with_cards(&[&card]);
    card.pull_out_at(3);
    daemon.command("yubico-piv-tool").args(["-a", "status"]).output().unwrap();
    assert!(!card.is_inserted());
    assert_eq!((card.count(), card.log().last().unwrap().sw), (3, None));
    assert_eq!(present(&daemon), 0);
    daemon.insert(0, &card);
    assert_eq!(serials(&daemon), ["1"]);
}

#[test]
fn strangers_are_seen_as_such() {
    let daemon = Daemon::with_cards(&[&Card::stranger()]);
    assert!(serials(&daemon).is_empty());
    daemon.swap(0, &Card::plain_piv());
    assert!(serials(&daemon).is_empty());
    let objects = daemon.command("pkcs11-tool").arg("--list-slots").output().unwrap();
    assert!(String::from_utf8_lossy(&objects.stdout).contains("Slot 0"), "{objects:?}");
}

#[test]
fn a_card_comes_back_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("card.json");
    let card = card(77);
    let public = card.generate(0x9C, virtual_card::Algorithm::Ed25519, 3, 2);
    card.set_pin_tries(1);
    card.save(&path);
    let again = Card::load(&path);
    assert_eq!((again.serial(), again.tries()), (77, (1, 3)));
    assert!(again.attest(0x9C).unwrap().windows(32).any(|part| part == public));
    assert_eq!(again.public_key(0x9C).unwrap(), public);
    assert_eq!(serials(&Daemon::with_cards(&[&again])), ["77"]);
}
