//! A target as it joins the quorum, in a genesis or by an adoption.

use serde::{Deserialize, Serialize};

use super::{
    place::Place,
    sections::{pinned, token},
    target::{Custody, Role, TokenIdentity},
    token_label::{LabelError, TokenLabel},
};
use crate::{
    encoding::{
        bounds,
        text::{Line, Name},
    },
    sealing::application::ApplicationRecipient,
};

/// How a target joins: `start` of a plan and of a proposal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StartKind {
    Initialise,
    /// A token in use, whose present PINs are asked for at execute.
    TakeOver,
}

/// One credential of a target: whose, and how it is kept.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialRule {
    pub role: Role,
    pub authority: Name,
    pub custody: Custody,
    /// Of a reissued PIN: the application's age recipient.
    pub recipient: Option<ApplicationRecipient>,
    /// The most characters of each PIN that is made; none is the default of its role.
    pub pin_length: Option<u32>,
}

/// The most characters of a user PIN unless the plan says otherwise: what reads PINs from a `pin-source` takes 31 at most
/// (libp11 0.4.12; pkcs11-provider takes 32) and presents the beginning of a longer one, which costs a try. 30 characters
/// of 5 bits are 150 bits.
pub const USER_PIN_LENGTH: usize = 30;

impl CredentialRule {
    /// The most characters of a PIN that is made for it; none is as many as the token takes.
    pub fn longest_pin(&self) -> Option<usize> {
        match (self.pin_length, self.role) {
            (Some(length), _) => usize::try_from(length).ok(),
            (None, Role::UserPin) => Some(USER_PIN_LENGTH),
            (None, _) => None,
        }
    }
}

/// A target as it joins the quorum.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisTarget {
    pub name: Name,
    pub place: Place,
    pub start: StartKind,
    /// Its identity when it was proposed; serial and label are empty on an empty token.
    pub identity: TokenIdentity,
    pub label: Line,
    #[serde(deserialize_with = "bounds::roles")]
    pub credentials: Vec<CredentialRule>,
}

impl GenesisTarget {
    /// The rule of its user PIN, if each ceremony reissues it for an application.
    pub fn reissued(&self) -> Option<&CredentialRule> {
        self.rule(Role::UserPin).filter(|rule| rule.custody == Custody::Reissued)
    }

    /// Whether another one that is to join is the very same token, or would be: under two names it would have two owners.
    pub fn is_same_token(&self, other: &Self) -> bool {
        if let (Place::Practice { path }, Place::Practice { path: twin }) = (&self.place, &other.place) {
            return path == twin;
        }
        let in_use = self.start == StartKind::TakeOver && other.start == StartKind::TakeOver;
        (in_use && self.identity.is_same_token(&other.identity))
            || (self.place == other.place && self.label == other.label)
    }

    /// The label under which an empty token is initialised: that of its plan, which has been compared.
    ///
    /// # Errors
    /// For a program, whose name may be longer than a token's label.
    pub fn token_label(&self) -> Result<TokenLabel, LabelError> {
        self.label.clone().try_into()
    }

    pub fn rule(&self, role: Role) -> Option<&CredentialRule> {
        self.credentials.iter().find(|rule| rule.role == role)
    }

    /// Whether it may be this token afterwards. An empty one has the label of its plan then, and the initialisation may have
    /// given it another serial number.
    pub fn may_be(&self, found: &TokenIdentity) -> bool {
        match self.start {
            StartKind::TakeOver => *found == self.identity,
            StartKind::Initialise => found.is_same_device(&self.identity) && found.label == self.label,
        }
    }

    /// Describes what happens to it.
    pub(super) fn words(&self) -> Vec<String> {
        let mut lines = match self.start {
            _ if matches!(self.place, Place::Command { .. }) => {
                vec![format!(
                    "{}: a program that is handed credentials; nothing is done with it now",
                    self.name
                )]
            }
            StartKind::Initialise => vec![
                format!("{}: an EMPTY token, initialised with the label \"{}\"", self.name, self.label),
                format!("model {} by {}", self.identity.model, self.identity.manufacturer),
            ],
            StartKind::TakeOver => {
                token(self.name.as_str(), &self.identity, ["it is in use: the quorum takes it over".into()])
            }
        };
        lines.push(match &self.place {
            Place::Pkcs11 { module, .. } => pinned("module", module, self.identity.module_sha256),
            Place::Practice { .. } => "the built-in practice token: nothing real is in it".into(),
            Place::Command { program } => pinned("program", program, self.identity.module_sha256),
        });
        for rule in &self.credentials {
            let meaning = match (rule.custody, rule.role) {
                (Custody::Held, Role::BackupKey) => {
                    "held: random, only the quorum has it; backups are wrapped under it"
                }
                (Custody::Held, role) if role.is_for_programs() => {
                    "held: only the quorum has it, if it is made here; the person who handed it over may still know it"
                }
                (Custody::Held, _) => "held: a new random one is set, only the quorum has it",
                (Custody::Borrowed, _) => "borrowed: its owner keeps it and hands it over at each ceremony",
                (Custody::Reissued, _) => {
                    "reissued: each ceremony sets a new one and hands it to the application"
                }
            };
            lines.push(format!("{} ({}): {meaning}", rule.role, rule.authority));
            if let Some(recipient) = &rule.recipient {
                lines.push(format!("  the application's recipient is {}", recipient.told()));
                if matches!(recipient, ApplicationRecipient::Classical(_)) {
                    lines.push("  it is not post-quantum: age1pq1… would be".into());
                }
            }
            if rule.role == Role::UserPin && rule.custody != Custody::Held {
                lines.push("anyone who has this user PIN can delete keys WITHOUT the quorum".into());
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::{absolute_path::AbsolutePath, digest::Digest};

    fn identity(serial: &str) -> TokenIdentity {
        TokenIdentity {
            manufacturer: Line::lossy("maker"),
            model: Line::lossy("model"),
            serial: Line::lossy(serial),
            label: Line::lossy("lab"),
            module_sha256: Some(Digest::of(b"module")),
        }
    }

    fn target(start: StartKind, serial: &str, place: Place, label: &str) -> GenesisTarget {
        let name = Name::new("hsm").unwrap();
        let label = Line::lossy(label);
        GenesisTarget { name, place, start, identity: identity(serial), label, credentials: Vec::new() }
    }

    fn behind(slot: u64) -> Place {
        Place::Pkcs11 { module: path("/m.so"), slot: Some(slot) }
    }

    fn path(text: &str) -> AbsolutePath {
        text.parse().unwrap()
    }

    #[test]
    fn a_token_under_two_names_is_seen() {
        use StartKind::{Initialise, TakeOver};
        let in_file = |text: &str| Place::Practice { path: path(text) };
        let one = target(TakeOver, "1", behind(1), "a");
        for (same, other) in [
            // In use, and it shows the same.
            (true, target(TakeOver, "1", behind(2), "b")),
            (false, target(TakeOver, "2", behind(2), "a")),
            (false, target(TakeOver, "2", behind(1), "b")),
            // What is empty shows too little.
            (false, target(Initialise, "1", behind(2), "a")),
            // In one place under one label.
            (true, target(Initialise, "2", behind(1), "a")),
            (true, target(TakeOver, "2", behind(1), "a")),
            (false, target(TakeOver, "2", in_file("/a"), "b")),
        ] {
            assert_eq!((one.is_same_token(&other), other.is_same_token(&one)), (same, same), "{other:?}");
        }
        let empty = target(Initialise, "1", behind(1), "a");
        assert!(!empty.is_same_token(&target(Initialise, "1", behind(2), "a")));
        // A practice token is its file.
        let practice = target(TakeOver, "1", in_file("/a"), "a");
        assert!(practice.is_same_token(&target(TakeOver, "2", in_file("/a"), "b")));
        assert!(!practice.is_same_token(&target(TakeOver, "1", in_file("/b"), "a")));
    }

    #[test]
    fn an_empty_token_has_its_label_afterwards_and_one_in_use_is_as_it_was() {
        let (in_use, empty) = (
            target(StartKind::TakeOver, "1", behind(1), "new"),
            target(StartKind::Initialise, "1", behind(1), "new"),
        );
        let labelled = |serial: &str| TokenIdentity { label: Line::lossy("new"), ..identity(serial) };
        let other_make = TokenIdentity { model: Line::lossy("other"), ..labelled("1") };
        for (found, of_in_use, of_empty) in [
            (identity("1"), true, false),
            (identity("2"), false, false),
            (labelled("1"), false, true),
            (labelled("2"), false, true),
            (other_make, false, false),
        ] {
            assert_eq!((in_use.may_be(&found), empty.may_be(&found)), (of_in_use, of_empty), "{found:?}");
        }
    }

    #[test]
    fn a_user_pin_is_as_short_as_its_readers_take_it_unless_the_plan_says_otherwise() {
        let longest = |role, pin_length| {
            let (authority, custody) = (Name::new("officer").unwrap(), Custody::Held);
            CredentialRule { role, authority, custody, recipient: None, pin_length }.longest_pin()
        };
        assert_eq!(longest(Role::UserPin, None), Some(USER_PIN_LENGTH));
        assert_eq!(longest(Role::SoPin, None), None);
        assert_eq!((longest(Role::UserPin, Some(8)), longest(Role::SoPin, Some(8))), (Some(8), Some(8)));
    }
}
