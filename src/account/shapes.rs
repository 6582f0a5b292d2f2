//! What values of the core look like in JSON.

use std::collections::BTreeSet;

use super::keys::{Shape, Shaped};
use crate::{
    approval::{
        drill::Drill,
        release::{Basis, Confirmation, Release},
        statement::{Approval, Attestation, Rejection},
    },
    encoding::{
        digest::Digest,
        dsse::Mode,
        text::{Line, Name, Summary},
        time::Timestamp,
    },
    proposal::{
        capability::Ability,
        comparison::{Evidence, Sameness},
        document::Proposal,
        program::ProgramRecord,
        target::{Inventory, LeftOut, ObjectRecord, Role, TokenIdentity, Tries},
    },
    roster::{
        OperationKind,
        attestation::{Firmware, Link, PinPolicy, Slot, TouchPolicy},
        card::{CardKind, Enrolment},
        requirement::Shares,
    },
    sealing::{application::ApplicationRecipient, piv_p256::PivRecipient, recipient::ShareRecipient},
    transcript::{
        drilled::Proof,
        event::{Attempted, BackupRecord, Concluded, HandedOver, Intended, PinInForce, TargetState},
        finding::{Finding, Severity},
        outcome::Outcome,
    },
};

macro_rules! shaped {
    ($($shape:ident: $($type:ty),+;)+) => {
        $($(impl Shaped for $type {
            fn shape() -> Shape {
                Shape::$shape
            }
        })+)+
    };
}

shaped! {
    Text: String, Line, Name, Summary, &'static str, Firmware, Slot, ShareRecipient, PivRecipient, ApplicationRecipient;
    Digest: Digest;
    Time: Timestamp;
    Number: u8, u16, u32, u64, u128, usize;
    Flag: bool;
    Document: Approval, Attempted, Attestation, BackupRecord, Basis, Concluded, Confirmation, Drill, Enrolment, Finding, HandedOver, Intended,
        Inventory, LeftOut, Link, ObjectRecord, PinInForce, ProgramRecord, Proposal, Rejection, Release, TargetState, TokenIdentity,
        serde_json::Value;
}

/// The words of an enum: every variant, as it is serialised.
macro_rules! words {
    ($($type:ident: $($variant:ident = $word:literal),+;)+) => {
        $(impl Shaped for $type {
            fn shape() -> Shape {
                // A variant that is missing here does not compile.
                let _ = |value: Self| match value { $(Self::$variant => {})+ };
                Shape::Words(vec![$($word),+])
            }
        })+

        #[cfg(test)]
        #[test]
        fn words_are_those_that_are_serialised() {
            $($(assert_eq!(serde_json::to_value($type::$variant).unwrap(), $word);)+)+
        }
    };
}

words! {
    Ability: Initialise = "initialise", TakeOver = "take-over", SetUserPin = "set-user-pin", LogIn = "log-in",
        Delete = "delete", Reset = "reset", Backup = "backup", Restore = "restore";
    CardKind: Soft = "soft", Yubikey = "yubikey";
    Evidence: Restore = "restore", PublicKey = "public-key", CheckValue = "check-value", Value = "value";
    Mode: Production = "production", Rehearsal = "rehearsal";
    Outcome: Completed = "completed", Refused = "refused", Failed = "failed", Indeterminate = "indeterminate";
    PinPolicy: Never = "never", Once = "once", Always = "always", MatchOnce = "match-once", MatchAlways = "match-always";
    Proof: Confirmation = "confirmation", Approval = "approval", Proposal = "proposal", Attestation = "attestation", Drill = "drill";
    Role: SoPin = "so-pin", UserPin = "user-pin", BackupKey = "backup-key", Secret = "secret",
        SecondSecret = "second-secret", ThirdSecret = "third-secret", FourthSecret = "fourth-secret";
    Sameness: Same = "same", OnlyInOne = "only-in-one", OnlyInOther = "only-in-other", Differs = "differs",
        Unknown = "unknown";
    Shares: Confirmed = "confirmed", Released = "released", None = "none";
    Severity: Note = "note", Warning = "warning", Objection = "objection", Error = "error";
    TouchPolicy: Never = "never", Always = "always", Cached = "cached";
    Tries: Full = "full", Low = "low", Final = "final", Locked = "locked";
}

impl Shaped for OperationKind {
    fn shape() -> Shape {
        Shape::Words(Self::ALL.iter().map(|kind| kind.as_str()).collect())
    }
}

impl<T: Shaped> Shaped for Option<T> {
    fn shape() -> Shape {
        Shape::Maybe(Box::new(T::shape()))
    }
}

impl<T: Shaped> Shaped for Vec<T> {
    fn shape() -> Shape {
        Shape::List(Box::new(T::shape()))
    }
}

impl<T: Shaped> Shaped for BTreeSet<T> {
    fn shape() -> Shape {
        Vec::<T>::shape()
    }
}

impl<T: Shaped> Shaped for (T, T) {
    fn shape() -> Shape {
        Vec::<T>::shape()
    }
}

impl<T: Shaped, const N: usize> Shaped for [T; N] {
    fn shape() -> Shape {
        Vec::<T>::shape()
    }
}
