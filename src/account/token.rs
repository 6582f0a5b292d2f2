//! Tokens behind a module, as they show without a login.

use super::{Passage, Row, counted, keys::account};
use crate::{
    encoding::{digest::Digest, text::Line},
    proposal::{
        capability::Ability,
        target::{ObjectRecord, TokenIdentity, Tries},
    },
};

account! {
    /// A module and its tokens.
    of "token list" pub struct TokensSeen {
        /// the module's file
        pub module: String,
        /// SHA-256 of that file
        pub sha256: Digest,
        /// what the module reports about itself
        pub library: Line,
        /// each slot that has a token
        pub tokens: Vec<SlotListed>,
    }

    /// A slot that has a token.
    pub struct SlotListed {
        /// number of the slot now; it moves
        pub slot: u64,
        /// what the slot reports about itself
        pub description: Line,
        /// maker, model, serial, label; null where it cannot be read
        pub identity: Option<TokenIdentity>,
        /// of hardware and firmware
        pub versions: Option<Line>,
        /// of the token, in words
        pub flags: Option<Vec<String>>,
        /// shortest and longest PIN; 0 means no limit
        pub pin_length: Option<(usize, usize)>,
        /// for the SO PIN
        pub so_tries: Option<Tries>,
        /// the same for the user PIN
        pub user_tries: Option<Tries>,
        /// why the token cannot be read, or null
        pub error: Option<String>,
    }

    /// One token, looked at closely.
    of "token show" pub struct TokenShown {
        /// the module's file
        pub module: String,
        /// SHA-256 of that file
        pub sha256: Digest,
        /// what the module reports about itself
        pub library: Line,
        /// number of the slot now; it moves
        pub slot: u64,
        /// what the slot reports about itself
        pub description: Line,
        /// maker, model, serial, label
        pub identity: TokenIdentity,
        /// of hardware and firmware
        pub versions: Line,
        /// of the token, in words
        pub flags: Vec<String>,
        /// shortest and longest PIN; 0 means no limit
        pub pin_length: (usize, usize),
        /// for the SO PIN
        pub so_tries: Tries,
        /// the same for the user PIN
        pub user_tries: Tries,
        /// how many mechanisms it lists
        pub mechanisms_listed: usize,
        /// those of them that matter to a quorum
        pub mechanisms: Vec<MechanismSeen>,
        /// what a quorum could do with it, as far as that shows without a login
        pub abilities: Vec<AbilitySeen>,
        /// those visible without a login, or null where they cannot be read
        pub objects: Option<Vec<ObjectRecord>>,
        /// why they cannot be read, or null
        pub objects_error: Option<String>,
    }

    /// A mechanism.
    pub struct MechanismSeen {
        /// as in the standard
        pub name: String,
        /// smallest and largest, in bits or bytes as the mechanism has it
        pub key_size: (usize, usize),
        /// what it is good for
        pub uses: Vec<String>,
    }

    /// Something that a quorum may require of a token.
    pub struct AbilitySeen {
        /// which
        pub ability: Ability,
        /// false if it is certain that it cannot be done
        pub possible: bool,
        /// why not, or null
        pub reason: Option<Line>,
        /// what can be done instead, or null
        pub hint: Option<Line>,
    }
}

/// The module, in words.
pub fn module_rows(module: &str, library: &Line, sha256: Digest) -> Vec<Row> {
    vec![
        Row::Text(format!("Module {module}")),
        Row::Item(format!("reports: {library}")),
        Row::Item(format!("SHA-256 {sha256}")),
    ]
}

impl TokensSeen {
    pub fn passages(&self) -> Vec<Passage> {
        let mut passages = vec![Passage::plain(module_rows(&self.module, &self.library, self.sha256))];
        passages.extend(self.tokens.iter().map(SlotListed::passage));
        let count = counted(self.tokens.len(), "token", "tokens");
        passages.push(Passage::plain(vec![Row::Text(format!("{count}."))]));
        passages
    }
}

impl SlotListed {
    fn passage(&self) -> Passage {
        let rows = match self {
            Self {
                identity: Some(identity),
                versions: Some(versions),
                flags: Some(flags),
                pin_length: Some(pin_length),
                so_tries: Some(so_tries),
                user_tries: Some(user_tries),
                ..
            } => token_rows(identity, versions, flags, *pin_length, [*so_tries, *user_tries]),
            _ => vec![Row::Item(format!("cannot be read: {}", self.error.as_deref().unwrap_or_default()))],
        };
        Passage::headed(format!("Slot {}: {}", self.slot, self.description), rows)
    }
}

impl TokenShown {
    pub fn passages(&self) -> Vec<Passage> {
        let Self { identity, versions, flags, pin_length, so_tries, user_tries, .. } = self;
        let rows = token_rows(identity, versions, flags, *pin_length, [*so_tries, *user_tries]);
        let mut detail = vec![Row::Text(format!(
            "\nMechanisms that matter to a quorum, of {} listed:",
            self.mechanisms_listed
        ))];
        for MechanismSeen { name, key_size: (min, max), uses } in &self.mechanisms {
            detail.push(Row::Item(format!("{name:<30} {min} to {max}: {}", uses.join(", "))));
        }
        detail.push(Row::text("\nWhat a quorum could do with it, as far as that shows without a login:"));
        for AbilitySeen { ability, reason, hint, .. } in &self.abilities {
            detail.push(Row::Item(match (reason, hint) {
                (Some(reason), Some(hint)) => format!("{ability:<13} no: {reason}; {hint}"),
                _ => format!("{ability:<13} yes"),
            }));
        }
        match (&self.objects, &self.objects_error) {
            (Some(objects), _) => {
                let end = if objects.is_empty() { "." } else { ":" };
                let count = counted(objects.len(), "object", "objects");
                detail.push(Row::Text(format!("\nVisible without a login: {count}{end}")));
                detail.extend(objects.iter().map(|object| Row::Item(object.to_string())));
            }
            (None, error) => {
                let error = error.as_deref().unwrap_or_default();
                detail.push(Row::Text(format!("\nIts public objects cannot be read: {error}")));
            }
        }
        vec![
            Passage::plain(module_rows(&self.module, &self.library, self.sha256)),
            Passage::headed(format!("Slot {}: {}", self.slot, self.description), rows),
            Passage::plain(detail),
        ]
    }
}

fn token_rows(
    identity: &TokenIdentity,
    versions: &Line,
    flags: &[String],
    (min, max): (usize, usize),
    [so_tries, user_tries]: [Tries; 2],
) -> Vec<Row> {
    let length = match (min, max) {
        // CK_UNAVAILABLE_INFORMATION
        (usize::MAX, _) | (_, usize::MAX) => "not told".to_owned(),
        (min, 0) => format!("{min} or more"),
        (min, max) => format!("{min} to {max}"),
    };
    vec![
        Row::Fact("label", format!("\"{}\"", identity.label)),
        Row::Fact("serial", identity.serial.to_string()),
        Row::Fact("token", format!("{}, {}", identity.manufacturer, identity.model)),
        Row::Fact("versions", versions.to_string()),
        Row::Fact("flags", flags.join(", ")),
        Row::Fact("PIN length", length),
        Row::Fact("SO PIN", tries_in_words(so_tries).into()),
        Row::Fact("user PIN", tries_in_words(user_tries).into()),
    ]
}

fn tries_in_words(tries: Tries) -> &'static str {
    match tries {
        Tries::Full => "no wrong try shown",
        Tries::Low => "wrong tries were made",
        Tries::Final => "ONE TRY IS LEFT",
        Tries::Locked => "LOCKED",
    }
}
