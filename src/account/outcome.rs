//! How an execution ended.

use super::{Passage, Row, advice::Command, keys::account};
use crate::{
    encoding::{
        digest::Digest,
        text::{Summary, printable},
    },
    proposal::{
        program::ProgramRecord,
        target::{LeftOut, ObjectRecord},
    },
    transcript::{
        event::{BackupRecord, HandedOver, PinInForce, TargetState},
        outcome::Outcome,
    },
};

account! {
    /// How an execution ended.
    of "execute" pub struct Executed {
        /// its directory in the ledger
        pub ceremony: String,
        /// what came of it
        pub outcome: Outcome,
        /// the outcome in words
        pub summary: Summary,
        /// SHA-256 of the ceremony's last line
        pub head: Digest,
        /// the same as PGP words
        pub head_words: String,
        /// objects that are gone
        pub deleted: Vec<ObjectRecord>,
        /// objects that are there again, and proven
        pub restored: Vec<ObjectRecord>,
        /// objects that could not be backed up, restored or deleted, and why
        pub left_out: Vec<LeftOut>,
        /// objects of which the token does not keep all attributes in a backup's trial or a restore, and which those are
        pub unkept: Vec<LeftOut>,
        /// the targets as they were seen afterwards
        pub targets: Vec<TargetState>,
        /// digest and length of the backup, or null
        pub backup: Option<BackupRecord>,
        /// what was seen of a program, or null
        pub program: Option<ProgramRecord>,
        /// which versions of changed PINs are in force now
        pub pins: Vec<PinInForce>,
        /// reissued PINs that wait for their applications
        pub handovers: Vec<HandedOver>,
        /// what changed about the targets since they were last recorded, in words
        pub noticed: Vec<String>,
        /// what a program complained of and left in its working directory, where it did not complete
        pub said: Vec<String>,
        /// where that directory was put with --keep-room, or null
        pub kept: Option<String>,
        /// approvals that did not count, and why
        pub set_aside: Vec<FileAndReason>,
        /// releases and keys that were destroyed
        pub destroyed: u32,
        /// what should have been destroyed and could not be
        pub left: Vec<FileAndReason>,
        /// whose the time of the execution was
        pub time: TimeSpent,
    }

    /// A file, and what is the matter with it.
    pub struct FileAndReason {
        /// its name
        pub file: String,
        /// the reason
        pub reason: String,
    }

    /// Whose the time of an execution was.
    pub struct TimeSpent {
        /// milliseconds that the execution spent in calls of PKCS#11 modules, by the clock on the wall
        pub in_module_ms: u128,
        /// milliseconds of processor time that the process itself took
        pub in_quorate_ms: u128,
        /// how many calls that were
        pub module_calls: u64,
    }
}

impl Executed {
    pub fn passages(&self, number: u32) -> Vec<Passage> {
        let mut rows = vec![Row::text(format!("Outcome: {}. {}.", self.outcome, self.summary))];
        let mut item = |text: String| rows.push(Row::Item(text));
        self.noticed.iter().for_each(|change| item(format!("NOTICE: {change}")));
        self.deleted.iter().for_each(|object| item(format!("gone: {object}")));
        self.restored.iter().for_each(|object| item(format!("restored and proven: {object}")));
        self.left_out.iter().for_each(|left| item(format!("left out: {}: {}", left.object, left.reason)));
        self.unkept.iter().for_each(|left| item(format!("NOT KEPT: {}: {}", left.object, left.reason)));
        if let Some(backup) = &self.backup {
            item(format!("backup: {} bytes, SHA-256 {}", backup.length, backup.sha256));
        }
        if let Some(seen) = self.program.as_ref().and_then(|program| program.run.as_ref()) {
            for file in [&seen.stdout, &seen.stderr].into_iter().flatten().chain(&seen.outputs) {
                item(format!("{}: {} bytes, SHA-256 {}", file.name, file.length, file.sha256));
            }
        }
        self.said.iter().for_each(|line| item(line.clone()));
        if let Some(kept) = &self.kept {
            item(format!("its working directory is kept in {kept}: remove it when it is no longer needed"));
        }
        for HandedOver { target, .. } in &self.handovers {
            rows.push(Row::Item(format!("THE APPLICATION of {target} needs its new user PIN:")));
            let command = Command::new("quorate show LEDGER {} --handover {} -o FILE");
            rows.push(Row::Command(command.with(number).with(target)));
        }
        rows.extend(
            self.set_aside.iter().map(|aside| {
                Row::Item(format!("did not count: {}: {}", aside.file, printable(&aside.reason)))
            }),
        );
        let head = "Head of this ceremony (write it down, and have those present attest it)";
        rows.push(Row::Digest(head.into(), self.head));
        vec![Passage::plain(rows)]
    }
}
