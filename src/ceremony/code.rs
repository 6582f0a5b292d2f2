//! Kinds and codes of errors, for scripts: they stay when the words change.

use crate::ports::card::CardError;

/// What an error means for the ceremony.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorKind {
    /// Something did not work; the ceremony is as it was.
    Problem,
    /// A rule forbids it; nothing was tried.
    Refused,
    /// Tried, and seen not to have happened.
    Failed,
    /// The target's state is unknown.
    Indeterminate,
    /// Too few approvals yet; the ledger is as it was.
    Incomplete,
    /// The command is incomplete, or contradicts itself.
    Usage,
    /// Somebody pressed Ctrl-C where they were asked something.
    Interrupted,
    /// What the verification of a ledger excludes: quorate contradicts itself.
    Defect,
}

macro_rules! codes {
    ($($name:ident = $text:literal: $meaning:literal,)*) => {
        /// What an error is, for a program that reads it.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Code {
            $(#[doc = $meaning] $name,)*
        }

        impl Code {
            /// All, with what they mean.
            pub const ALL: &[(Self, &'static str)] = &[$((Self::$name, $meaning),)*];

            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

codes! {
    Problem = "problem": "something did not work, and no other code says what",
    Refused = "refused": "a rule forbids it, and no other code says which",
    Failed = "failed": "tried, and seen not to have happened",
    Indeterminate = "indeterminate": "tried, and the state of the target is not known",
    Incomplete = "approvals-missing": "too few approvals yet",
    Usage = "usage": "the command line is incomplete, or contradicts itself",
    Defect = "defect": "a defect of quorate: it met a state that the verification of the ledger excludes",
    NotConfirmed = "not-confirmed": "a question was answered with no",
    NoAnswer = "no-answer": "the input ended where an answer was expected",
    Interrupted = "interrupted": "somebody pressed Ctrl-C where an answer was expected",
    NobodyToAsk = "nobody-to-ask": "a question or a PIN, and no terminal",
    LedgerInvalid = "ledger-invalid": "the ledger does not verify, or changed meanwhile",
    Storage = "storage": "a file, folder or medium cannot be read or written",
    File = "file-unusable": "a file that was named is missing, unreadable or not what it should be",
    Plan = "plan-invalid": "the plan is not one",
    Several = "several-reasons": "more than one thing is in the way of a plan; the details list them",
    Copies = "copies-missing": "fewer copies of the ledger than the policy requires, or all on one medium",
    Mode = "other-mode": "a rehearsal's ledger without --rehearsal, or a production ledger with it",
    Version = "other-version": "a ledger, an enrolment, a card or another file that version 0.1 made",
    Rejected = "rejected": "the custodian rejected the proposal, and that is final",
    Decided = "already-decided": "the station already has this custodian's decision",
    PinUnasked = "pin-unasked": "a PIN was given for a target that the quorum does not have",
    ClockBehind = "clock-behind": "this machine's clock is behind the ledger",
    NothingOpen = "nothing-open": "no ceremony is open",
    CeremonyOpen = "ceremony-open": "another ceremony is open",
    OtherProposal = "other-proposal": "the open proposal is not the one of --proposal",
    Expired = "expired": "the proposal expired",
    NotStation = "not-the-station": "this machine is not the station of the proposal",
    ForeignCard = "foreign-card": "the card is not on the roster, not as it was enrolled, or not an administrator's",
    Head = "head-unknown": "nothing tells whether the ledger is an old copy",
    Acted = "already-acted": "something was tried at the target, so that it cannot be undone by an abort",
    CardAbsent = "card-absent": "there is no such card",
    CardUnreadable = "card-unreadable": "what is there is not a card, or is damaged",
    CardPinForm = "card-pin-form": "no PIN of the card can have this form; no try was spent",
    CardPinWrong = "card-pin-wrong": "the PIN was wrong; a try was spent",
    PinMissing = "pin-missing": "a PIN was asked for, and none was typed",
    CardFinalTry = "card-final-try": "one PIN try is left, and was kept",
    CardBlocked = "card-blocked": "no PIN try is left",
    CardSealed = "card-cannot-open": "the card cannot open what is sealed",
    CardCompanion = "card-companion": "the companion of the card's share key is missing, damaged, or not the enrolled one",
    CardUnfit = "card-unfit": "the card cannot be used as it is",
    CardSeveral = "card-several": "more than one card is there, and none was named",
    CardService = "card-service": "the smart card service cannot be used",
    CardBusy = "card-busy": "another program uses the card",
    CardGone = "card-gone": "the card went away",
    CardNotTouched = "card-not-touched": "nobody touched the card in time",
    CardFull = "card-full": "the card has no more room",
    CardFailed = "card-failed": "the card, the reader or the file failed",
    CardOdd = "card-odd": "something is on the card, or missing on it, that should be looked at first",
    CardMedium = "card-medium": "the file system of a soft card does not support what is needed",
    CardNewPin = "card-new-pin": "the card does not take the new PIN: its own rules forbid it",
    Token = "token": "the token or its module reported an error; the message has its code",
    ModuleChanged = "module-changed": "the module's file is not the one on record",
    Memory = "memory": "secrets cannot be kept in memory safely",
    Sealing = "sealing": "something could not be sealed",
}

impl Code {
    /// The code of an error that has no closer one.
    pub const fn of_kind(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Problem => Self::Problem,
            ErrorKind::Refused => Self::Refused,
            ErrorKind::Failed => Self::Failed,
            ErrorKind::Indeterminate => Self::Indeterminate,
            ErrorKind::Incomplete => Self::Incomplete,
            ErrorKind::Usage => Self::Usage,
            ErrorKind::Interrupted => Self::Interrupted,
            ErrorKind::Defect => Self::Defect,
        }
    }
}

impl From<&CardError> for Code {
    fn from(error: &CardError) -> Self {
        match error {
            CardError::Absent { .. } | CardError::NoFile { .. } => Self::CardAbsent,
            CardError::Unreadable { .. } => Self::CardUnreadable,
            CardError::Version { .. } => Self::Version,
            CardError::PinForm { .. } => Self::CardPinForm,
            CardError::WrongPin { .. } => Self::CardPinWrong,
            CardError::FinalTry { .. } => Self::CardFinalTry,
            CardError::Blocked { .. } => Self::CardBlocked,
            CardError::Sealed { .. } => Self::CardSealed,
            CardError::Companion { .. } => Self::CardCompanion,
            CardError::Unfit { .. } => Self::CardUnfit,
            CardError::Several { .. } => Self::CardSeveral,
            CardError::NoService { .. } => Self::CardService,
            CardError::Busy { .. } => Self::CardBusy,
            CardError::Gone { .. } => Self::CardGone,
            CardError::NotTouched { .. } => Self::CardNotTouched,
            CardError::Full { .. } => Self::CardFull,
            CardError::Failed { .. } => Self::CardFailed,
            CardError::Medium { .. } => Self::CardMedium,
            CardError::Odd { .. } => Self::CardOdd,
            CardError::NewPin { .. } => Self::CardNewPin,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_kebab_case_and_each_is_one() {
        let texts: BTreeSet<&str> = Code::ALL.iter().map(|(code, _)| code.as_str()).collect();
        assert_eq!(texts.len(), Code::ALL.len());
        for text in texts {
            let kebab = text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
            assert!(kebab && !text.starts_with('-') && !text.ends_with('-'), "{text}");
        }
    }
}
