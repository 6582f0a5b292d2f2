//! Virtual YubiKeys by hand: `virtual-card --state DIR [SERIAL[:FIRMWARE] …]`, then orders on standard input.

use std::{
    collections::BTreeMap,
    env, fs,
    io::{self, BufRead},
    path::{Path, PathBuf},
    process::ExitCode,
    thread,
    time::Duration,
};

use virtual_card::{Action, Card, Daemon, Firmware, Manufacturer, Touch, Trigger};

const USAGE: &str = "usage: virtual-card --state DIR [SERIAL[:FIRMWARE] …]

Cards that are in DIR come back as they were; others are made, firmware 5.7.1 unless given. Orders on standard input:
  touch SERIAL                 a finger, now
  hand SERIAL now|never|MS     touches by itself: at once, never, after milliseconds
  eject SERIAL, insert SERIAL
  fail SERIAL INS SW           the next command INS (hex) fails with SW (hex)
  pull SERIAL N                pulled out at the N-th command from now
  log SERIAL                   the commands since the last log
  restart                      pcscd ends and starts again
  quit";

/// The cards, each in a reader of its own.
struct Table {
    state: PathBuf,
    daemon: Daemon,
    cards: BTreeMap<u32, (usize, Card)>,
}

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let [flag, state, wanted @ ..] = args.as_slice() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let wanted: Option<Vec<_>> = wanted.iter().map(|text| parse_card(text)).collect();
    let (true, Some(wanted)) = (flag == "--state", wanted) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let table = Table::set(Path::new(state), &wanted);
    table.greet();
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words == ["quit"] {
            table.save();
            return ExitCode::SUCCESS;
        }
        if !words.is_empty() && table.obey(&words).is_none() {
            println!("? {line}");
        }
        table.save();
    }
    // Without a terminal it serves until somebody ends it.
    loop {
        thread::sleep(Duration::from_secs(1));
        table.save();
    }
}

fn parse_card(text: &str) -> Option<(u32, Firmware)> {
    let (serial, firmware) = text.split_once(':').unwrap_or((text, "5.7.1"));
    let parts: Vec<u8> = firmware.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let [major, minor, patch] = parts.as_slice() else { return None };
    Some((serial.parse().ok()?, Firmware(*major, *minor, *patch)))
}

impl Table {
    fn set(state: &Path, wanted: &[(u32, Firmware)]) -> Self {
        fs::create_dir_all(state).expect("the state directory can be made");
        let path = state.join("manufacturer.json");
        let maker = match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).expect("manufacturer.json is a manufacturer"),
            Err(_) => Manufacturer::new(),
        };
        fs::write(&path, serde_json::to_vec_pretty(&maker).expect("a manufacturer is JSON"))
            .and_then(|()| fs::write(state.join("roots.pem"), maker.bundle_pem()))
            .expect("the state directory takes files");
        let mut cards = BTreeMap::new();
        for (reader, (serial, firmware)) in wanted.iter().enumerate() {
            let path = card_file(state, *serial);
            let card = if path.exists() { Card::load(&path) } else { Card::new(&maker, *serial, *firmware) };
            card.set_touch(Touch::Never);
            tell_blinking(&card);
            cards.insert(*serial, (reader, card));
        }
        let mut in_order: Vec<_> = cards.values().collect();
        in_order.sort_by_key(|(reader, _)| *reader);
        let daemon = Daemon::with_cards(&in_order.iter().map(|(_, card)| card).collect::<Vec<_>>());
        println!("root     {}", maker.root_sha256());
        Self { state: state.to_owned(), daemon, cards }
    }

    fn greet(&self) {
        println!("roots    {}", self.state.join("roots.pem").display());
        for (serial, (reader, _)) in &self.cards {
            println!("card     {serial} in {}", self.daemon.reader_name(*reader));
        }
        for (name, value) in self.daemon.environment() {
            println!("export {name}={value}");
        }
    }

    fn save(&self) {
        for (serial, (_, card)) in &self.cards {
            card.save(&card_file(&self.state, *serial));
        }
    }

    /// Nothing if that was no order.
    fn obey(&self, words: &[&str]) -> Option<()> {
        if words == ["restart"] {
            self.daemon.stop();
            self.daemon.resume();
            return Some(());
        }
        let (order, rest) = words.split_first()?;
        let (serial, rest) = rest.split_first()?;
        let (reader, card) = self.cards.get(&serial.parse().ok()?)?;
        match (*order, rest) {
            ("touch", []) if card.touch() => println!("touched"),
            ("touch", []) => println!("it does not blink"),
            ("hand", ["now"]) => card.set_touch(Touch::Now),
            ("hand", ["never"]) => card.set_touch(Touch::Never),
            ("hand", [ms]) => card.set_touch(Touch::After(Duration::from_millis(ms.parse().ok()?))),
            ("eject", []) => drop(self.daemon.eject(*reader)),
            ("insert", []) if card.is_inserted() => println!("it is in"),
            ("insert", []) => self.daemon.insert(*reader, card),
            ("fail", [ins, sw]) => {
                card.fail_next(u8::from_str_radix(ins, 16).ok()?, u16::from_str_radix(sw, 16).ok()?);
            }
            ("pull", [n]) => card.order(Trigger::Nth(n.parse().ok()?), Action::PullOut),
            ("log", []) => {
                card.log().iter().for_each(|apdu| println!("{apdu}"));
                card.reset_count();
            }
            _ => return None,
        }
        Some(())
    }
}

fn card_file(state: &Path, serial: u32) -> PathBuf {
    state.join(format!("card-{serial}.json"))
}

/// Says when the card waits for a finger, as its light would.
fn tell_blinking(card: &Card) {
    let card = card.clone();
    thread::spawn(move || {
        loop {
            if card.wait_blinking(Duration::from_secs(3600)) {
                println!("card {} blinks: touch {}", card.serial(), card.serial());
                while card.wait_blinking(Duration::ZERO) {
                    thread::sleep(Duration::from_millis(20));
                }
            }
        }
    });
}
