//! The quorum of the honest ledger at work, each of its people at a machine of their own: their soft cards, a state directory for each
//! machine, and a clock for each command.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use super::{copy, rehearsed, split};
use crate::support::quorum::{QUORATE, Ran, ran};

/// An inventory of the honest ledger's target.
pub const INVENTORY: &str = "kind = \"inventory\"\ntitle = \"Look at it\"\nexpires_in_hours = 24\n\
    target = \"root-hsm\"\nkeep_pins = true\n";

/// A copy of the honest ledger, and what its people do to it.
pub struct HonestQuorum {
    dir: TempDir,
    /// The ledger.
    pub ledger: PathBuf,
}

impl HonestQuorum {
    /// With the whole ledger.
    pub fn new() -> Self {
        let (dir, ledger) = copy();
        Self { dir, ledger }
    }

    /// With the ledger cut back to its genesis, as if that had been interrupted while it acted.
    pub fn cut_back() -> Self {
        let quorum = Self::new();
        for entry in fs::read_dir(&quorum.ledger).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("0000-genesis") {
                fs::remove_dir_all(path).unwrap();
            }
        }
        let transcript = quorum.ledger.join("0000-genesis/transcript.jsonl");
        let lines = split(&fs::read(&transcript).unwrap());
        // The last two are the outcome and the end.
        fs::write(&transcript, lines[..lines.len() - 2].concat()).unwrap();
        fs::remove_dir_all(quorum.ledger.join("0000-genesis/attestations")).unwrap();
        quorum
    }

    /// A path in the folder.
    pub fn at(&self, relative: &str) -> String {
        self.dir.path().join(relative).to_str().unwrap().to_owned()
    }

    /// A command at one machine; `clock` is libfaketime's, such as `+30d`.
    pub fn command(&self, machine: &str, clock: Option<&str>) -> Command {
        let mut command = match clock {
            Some(clock) => virtual_card::at_time(clock, QUORATE),
            None => Command::new(QUORATE),
        };
        let state = self.at(&format!("state-{machine}"));
        command.args(["--rehearsal", "--json", "--yes", "--state-dir", &state]);
        command
    }

    /// A person does something to the ledger, with their first card.
    pub fn does(&self, who: &str, machine: &str, clock: Option<&str>, args: &[&str]) -> Ran {
        let (card, pin) = card(who);
        let mut command = self.command(machine, clock);
        command.args(args).arg(&self.ledger).args(["--card", &card, "--pin-file", &pin]);
        ran(&mut command)
    }

    /// Frank proposes a plan at the station.
    pub fn propose(&self, plan: &str, clock: Option<&str>) -> Ran {
        let file = self.at("plan.toml");
        fs::write(&file, plan).unwrap();
        let (card, pin) = card("frank");
        let mut command = self.command("station", clock);
        command.args(["propose", &file]).arg(&self.ledger);
        command.args(["--copy", &self.at("copy"), "--card", &card, "--pin-file", &pin]);
        ran(&mut command)
    }

    /// A custodian approves on their own machine, into `NAME.approval`, with what they have on paper.
    pub fn approve(&self, who: &str, clock: Option<&str>, paper: &[&str]) -> Ran {
        let output = self.output(who);
        let _ = fs::remove_file(&output);
        self.does(who, who, clock, &[&["approve", "-o", output.to_str().unwrap()], paper].concat())
    }

    /// Where [`HonestQuorum::approve`] writes.
    pub fn output(&self, who: &str) -> PathBuf {
        Path::new(&self.at(&format!("{who}.approval"))).to_owned()
    }

    /// A custodian releases on their own machine, into `NAME.release`, with the approvals of these people.
    pub fn release(&self, who: &str, clock: Option<&str>, by: &[&str]) -> Ran {
        let output = self.at(&format!("{who}.release"));
        let _ = fs::remove_file(&output);
        let (card, pin) = card(who);
        let mut command = self.command(who, clock);
        command.arg("release").arg(&self.ledger).args(by.iter().map(|who| self.output(who)));
        command.args(["-o", &output, "--card", &card, "--pin-file", &pin]);
        ran(&mut command)
    }

    /// These people, who approved, release their shares, and Frank executes, with Heidi as the other keeper.
    pub fn execute(&self, by: &[&str], clock: Option<&str>) -> Ran {
        for who in by {
            self.release(who, clock, by).ok();
        }
        let (card, pin) = card("frank");
        let mut command = self.command("station", clock);
        let released = by.iter().map(|who| self.at(&format!("{who}.release")));
        command.arg("execute").arg(&self.ledger).args(released);
        command.args(["--copy", &self.at("copy"), "--card", &card, "--pin-file", &pin]);
        let (keeper, pin) = self::card("heidi");
        command.args(["--keeper", &keeper, "--keeper-pin-file", &pin]);
        ran(&mut command)
    }

    /// Frank gives the open ceremony up.
    pub fn abort(&self, clock: Option<&str>) -> Ran {
        let copy = self.at("copy");
        self.does("frank", "station", clock, &["abort", "--reason", "once more", "--copy", &copy])
    }

    /// `status` at the station.
    pub fn status(&self, clock: Option<&str>) -> Ran {
        ran(self.command("station", clock).arg("status").arg(&self.ledger)).expect(0)
    }

    /// The head that `status` says.
    pub fn head(&self) -> String {
        self.status(None).text("head")
    }
}

/// The first card of somebody, with the file of its PIN.
fn card(who: &str) -> (String, String) {
    let cards = rehearsed().folder.join("cards");
    let path = |end: &str| cards.join(format!("{who}-1.{end}")).to_str().unwrap().to_owned();
    (format!("soft:{}", path("card")), path("pin"))
}
