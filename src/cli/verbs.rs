//! What scripts rely on, verb by verb: how each can end, and which account it prints with `--json`.
//!
//! The long help, the manual pages and `quorate schema` are made from this table; a test runs every verb and compares.

use super::exit::Exit;
use crate::account::{
    acts::{
        CeremonyAborted, Completion, Decided, Drilled, DrillsImported, Failed, HeadAttested, Led,
        PlanChecked, ProposalMade, Rehearsed, SchemaOfVerb,
    },
    card::{AttestationsJudged, CardSeen, Enrolled, EnrolmentShown, Readers, YubikeySeen},
    ceremony::CeremonyTold,
    comparison::TargetsCompared,
    files::{
        ApprovalShown, AttestationShown, ConfirmationShown, DrillShown, HandoverWritten, PlanShown,
        RejectionShown, ReleaseShown,
    },
    keys::{Account, Object},
    outcome::Executed,
    schema,
    standing::LedgerStanding,
    token::{TokenShown, TokensSeen},
    verdict::Audited,
};

/// A verb, for scripts.
pub struct VerbTable {
    /// As it is typed: `card new`.
    pub verb: &'static str,
    pub exits: &'static [Exit],
    /// What `--json` prints, with the occasion; an empty one is always.
    pub accounts: &'static [(&'static str, fn() -> Object)],
}

/// What every verb prints after an error.
pub const FAILED: (&str, fn() -> Object) = ("after an error", Failed::object);

pub const fn meaning(exit: Exit) -> &'static str {
    match exit {
        Exit::Done => "Completed, or verified.",
        Exit::Error => {
            "Something did not work: a file that is missing or not what it should be, a card, a wrong PIN, a token, the disk; or it worked, and what it printed could not be written. 'quorate status' says what comes next."
        }
        Exit::Usage => "The command line, or a question that nobody could be asked.",
        Exit::Refused => {
            "A rule forbids it; an audit found the ledger broken, contradicted, or not the one on your paper; a comparison found a difference."
        }
        Exit::Failed => "Tried, and seen not to have happened.",
        Exit::Indeterminate => "Tried, and the state of the target is not known.",
        Exit::Incomplete => {
            "Too few approvals or releases yet, with the ledger untouched; or an audit that checks out but was not given both numbers, or whose last ceremony has begun to act and has not ended."
        }
        Exit::Interrupted => INTERRUPTED.1,
    }
}

/// What a shell reports of a command that Ctrl-C ended: the signal ends it, after it said what it leaves.
pub const INTERRUPTED: (u8, &str) = (
    130,
    "Interrupted by Ctrl-C (SIGINT), as a shell reports it; of another signal it is 128 and the signal's number. What was \
     begun is gone on with by the same command; 'quorate status' says what comes next.",
);

const PRINT: &[Exit] = &[Exit::Done, Exit::Usage];
const LIST: &[Exit] = &[Exit::Done, Exit::Error, Exit::Usage];
const LOOK: &[Exit] = &[Exit::Done, Exit::Error, Exit::Usage, Exit::Refused];
const AUDIT: &[Exit] = &[Exit::Done, Exit::Error, Exit::Usage, Exit::Refused, Exit::Incomplete];
const RELEASE: &[Exit] = AUDIT;
const ACT: &[Exit] = &EXITS;

/// How a verb can end, in the order of the codes.
pub const EXITS: [Exit; 7] = [
    Exit::Done,
    Exit::Error,
    Exit::Usage,
    Exit::Refused,
    Exit::Failed,
    Exit::Indeterminate,
    Exit::Incomplete,
];

/// The verbs in the order of the help.
pub const VERBS: &[VerbTable] = &[
    VerbTable { verb: "card new", exits: LOOK, accounts: &[("", CardSeen::object)] },
    VerbTable { verb: "card enroll", exits: LOOK, accounts: &[("", Enrolled::object)] },
    VerbTable { verb: "card list", exits: LOOK, accounts: &[("", Readers::object)] },
    VerbTable {
        verb: "card show",
        exits: LOOK,
        accounts: &[
            ("of a soft card", CardSeen::object),
            ("of a YubiKey", YubikeySeen::object),
            ("of an enrolment", EnrolmentShown::object),
        ],
    },
    VerbTable {
        verb: "card drill",
        exits: LOOK,
        accounts: &[("of a card", Drilled::object), ("with --import", DrillsImported::object)],
    },
    VerbTable { verb: "card attestation", exits: LOOK, accounts: &[("", AttestationsJudged::object)] },
    VerbTable { verb: "token list", exits: LIST, accounts: &[("", TokensSeen::object)] },
    VerbTable { verb: "token show", exits: LOOK, accounts: &[("", TokenShown::object)] },
    VerbTable {
        verb: "propose",
        exits: LOOK,
        accounts: &[("", ProposalMade::object), ("with --check", PlanChecked::object)],
    },
    VerbTable { verb: "approve", exits: LOOK, accounts: &[("", Decided::object)] },
    VerbTable { verb: "release", exits: RELEASE, accounts: &[("", Decided::object)] },
    VerbTable { verb: "reject", exits: LOOK, accounts: &[("", Decided::object)] },
    VerbTable { verb: "execute", exits: ACT, accounts: &[("", Executed::object)] },
    VerbTable { verb: "abort", exits: LOOK, accounts: &[("", CeremonyAborted::object)] },
    VerbTable { verb: "attest", exits: LOOK, accounts: &[("", HeadAttested::object)] },
    VerbTable { verb: "status", exits: LOOK, accounts: &[("", LedgerStanding::object)] },
    VerbTable {
        verb: "show",
        exits: LOOK,
        accounts: &[
            ("of a ceremony", CeremonyTold::object),
            ("of a handover", HandoverWritten::object),
            ("of a plan", PlanShown::object),
            ("of an enrolment", EnrolmentShown::object),
            ("of an approval", ApprovalShown::object),
            ("of a release", ReleaseShown::object),
            ("of a confirmation", ConfirmationShown::object),
            ("of a rejection", RejectionShown::object),
            ("of an attestation", AttestationShown::object),
            ("of a drill", DrillShown::object),
        ],
    },
    VerbTable { verb: "audit", exits: AUDIT, accounts: &[("", Audited::object)] },
    VerbTable { verb: "compare", exits: LOOK, accounts: &[("", TargetsCompared::object)] },
    VerbTable { verb: "run", exits: ACT, accounts: &[("", Led::object)] },
    VerbTable { verb: "rehearse", exits: ACT, accounts: &[("", Rehearsed::object)] },
    VerbTable { verb: "completions", exits: PRINT, accounts: &[("", Completion::object)] },
    VerbTable { verb: "schema", exits: PRINT, accounts: &[("", SchemaOfVerb::object)] },
];

impl VerbTable {
    pub fn of(verb: &str) -> Option<&'static Self> {
        VERBS.iter().find(|table| table.verb == verb)
    }

    /// Its objects and that of an error, each with the occasion.
    pub fn objects(&self) -> Vec<(&'static str, Object)> {
        self.accounts.iter().chain([&FAILED]).map(|(when, object)| (*when, object())).collect()
    }

    pub fn schema(&self) -> serde_json::Value {
        schema::of_verb(self.verb, &self.objects())
    }

    /// The `--json` objects as the long help prints them.
    pub fn in_words(&self) -> String {
        let mut out = String::from("With --json:");
        for (when, object) in self.accounts {
            if !when.is_empty() {
                out.push_str(&format!("\n  ({when})"));
            }
            for (key, meaning) in object().table() {
                out.push_str(&format!("\n  {key:<22}  {meaning}"));
            }
        }
        let mut codes: Vec<String> = self.exits.iter().map(|exit| exit.code().to_string()).collect();
        codes.push(INTERRUPTED.0.to_string());
        out.push_str(&format!("\n  {:<22}  exit code: {}; see quorate(1)", "exit", codes.join(", ")));
        out
    }
}

/// Changes the command of one verb.
pub fn at(
    command: clap::Command,
    verb: &str,
    change: &dyn Fn(clap::Command) -> clap::Command,
) -> clap::Command {
    match verb.split_once(' ') {
        Some((first, rest)) => command.mut_subcommand(first, |inner| at(inner, rest, change)),
        None => command.mut_subcommand(verb, change),
    }
}
