//! What scripts rely on: the exit codes of each verb and the keys of its `--json` object.
//!
//! The long help and the manual pages print this table; a test runs every verb and compares.

use super::exit::Exit;

/// A verb, for scripts.
pub struct Reference {
    /// As it is typed: `card new`.
    pub verb: &'static str,
    /// How it can end.
    pub exits: &'static [Exit],
    /// What `--json` prints: one of these.
    pub objects: &'static [Object],
}

/// A `--json` object.
pub struct Object {
    /// When it is this one; empty if it always is.
    pub when: &'static str,
    /// Keys with their meaning: `open.expires` lies in `open`, `ceremonies[].kind` in each of a list. `exit`, the exit
    /// code, is in every object and not listed.
    pub keys: &'static [(&'static str, &'static str)],
}

/// Meaning of an exit code.
pub const fn meaning(exit: Exit) -> &'static str {
    match exit {
        Exit::Done => "Completed, or verified.",
        Exit::Error => {
            "Something did not work: a file that is missing or not what it should be, a card, a wrong PIN, a token, the disk; or it worked, and what it printed could not be written. 'quorate status' says where things stand."
        }
        Exit::Usage => "The command line, or a question that nobody could be asked.",
        Exit::Refused => "A rule forbids it, or an audit has findings.",
        Exit::Failed => "Tried, and seen not to have happened.",
        Exit::Indeterminate => "Tried, and the state of the target is not known.",
        Exit::Incomplete => {
            "Too few approvals yet, with the ledger untouched; or an audit that holds but lacks a pin."
        }
    }
}

/// What a shell reports of a command that Ctrl-C ended; no command returns it.
pub const INTERRUPTED: (u8, &str) = (
    130,
    "Interrupted by Ctrl-C (SIGINT), as a shell reports it; of another signal it is 128 and the signal's number. What was \
     begun is gone on with by the same command; 'quorate status' says where things stand.",
);

/// The object of every error.
pub const ERROR: Object = Object {
    when: "after an error",
    keys: &[
        ("error.code", "what it is, for programs: see ERROR CODES in quorate(1)"),
        ("error.message", "what is the matter"),
        ("error.details", "facts, a list"),
        ("error.hint", "what to do"),
        ("error.commands", "the commands that the hint mentions, to be pasted into a shell"),
    ],
};

const LOOK: &[Exit] = &[Exit::Done, Exit::Error, Exit::Usage, Exit::Refused];
const ACT: &[Exit] = &[
    Exit::Done,
    Exit::Error,
    Exit::Usage,
    Exit::Refused,
    Exit::Failed,
    Exit::Indeterminate,
    Exit::Incomplete,
];

const CARD: &[(&str, &str)] = &[
    ("kind", "soft, or yubikey"),
    ("serial", "the card's serial"),
    ("keyid", "SHA-256 of the signing key's SPKI"),
    ("algorithm", "of the signing key"),
    ("share_recipient", "age recipient of the share key, or null"),
    ("tries_left", "PIN tries left, or null"),
];

const YUBIKEY: &[(&str, &str)] = &[
    ("kind", "yubikey"),
    ("serial", "the card's serial"),
    ("keyid", "SHA-256 of the signing key's SPKI, or null"),
    ("algorithm", "of the signing key, or null"),
    ("share_recipient", "age recipient of the share key, or null"),
    ("tries_left", "PIN tries left"),
    ("firmware", "for example 5.7.1"),
    ("reader", "the reader's name"),
    ("pin_is_default", "whether the PIN is the one of delivery"),
    ("puk_tries_left", "PUK tries left, or null where the card has no PUK"),
    ("puk_is_default", "whether the PUK is the one of delivery, or null"),
    ("pin_rules.wants_eight", "whether a new PIN or PUK must have 8 characters (FIPS series)"),
    ("pin_rules.refuses_simple", "whether the card refuses simple ones (PIN complexity)"),
    ("management_algorithm", "of the management key: 3DES, AES-192 …"),
    ("management_is_default", "whether it is the one of delivery"),
    ("management_is_protected", "whether the card keeps it under its PIN"),
    ("management_touch", "whether it requires a touch"),
    ("slots[].slot", "for example 9c"),
    ("slots[].algorithm", "of the key in it"),
    ("slots[].origin", "generated or imported"),
    ("slots[].pin_policy", "when it wants the PIN: never, once, always"),
    ("slots[].touch_policy", "when it wants a touch: never, cached, always"),
    ("slots[].certificate", "whether a certificate of its key is in the slot"),
    ("slots[].certificate_name", "whom the certificate in the slot names, as it says itself, or null"),
    ("slots[].made_by_quorate", "whether the card's own record says that 'quorate card enroll' made the key"),
    ("unknown", "slots with keys of a kind that is not known here"),
    ("certificates_without_key", "slots with a certificate and no key, as far as they were looked at"),
    ("missing", "what it lacks to serve, in words"),
    ("production", "why production refuses it all the same, in words"),
    ("attestation.verdict", "verified, incomplete (a certificate is not at hand), refused or none"),
    ("attestation.reason", "why it is not verified, or null"),
    ("attestation.firmware", "as attested, or null"),
    ("attestation.authority", "Yubico's name for it; null where --trust named it or nothing is verified"),
];

const ENROLMENT: &[(&str, &str)] = &[
    ("enrolment", "the enrolment, see quorate-transcript(5)"),
    ("keyid", "SHA-256 of the signing key's SPKI"),
    ("attestation.verdict", "verified, incomplete (a certificate is not at hand), refused or none"),
    ("attestation.reason", "why it is not verified, or null"),
    ("attestation.firmware", "of the card, or null"),
    ("attestation.authority", "Yubico's name for it; null where --trust named it or nothing is verified"),
];

const DECISION: &[(&str, &str)] = &[
    ("custodian", "whose card it was"),
    ("decision", "approved or rejected"),
    ("ceremony", "its directory in the ledger"),
    ("proposal", "digest of the proposal"),
    ("file", "the file that was written, or null: the station keeps it"),
];

const EXECUTED: &[(&str, &str)] = &[
    ("ceremony", "its directory in the ledger"),
    ("outcome", "completed, refused, failed or indeterminate"),
    ("summary", "the outcome in words"),
    ("head", "SHA-256 of the ceremony's last line"),
    ("head_words", "the same as PGP words"),
    ("deleted", "objects that are gone"),
    ("restored", "objects that are there again, and proven"),
    ("left_out", "objects that could not be backed up, restored or deleted, and why"),
    (
        "unkept",
        "objects of which the token does not keep all attributes in a backup's trial or a restore, and which those are",
    ),
    ("noticed", "what changed about the targets since they were last recorded, in words"),
    ("targets", "the targets as they were seen afterwards"),
    ("backup", "digest and length of the backup, or null"),
    ("program", "what was seen of a program, or null"),
    ("pins", "which versions of changed PINs hold now"),
    ("handovers", "reissued PINs that wait for their applications"),
    ("said", "what a program complained of and left in its working directory, where it did not complete"),
    ("kept", "where that directory was put with --keep-room, or null"),
    ("set_aside", "approvals that did not count, and why"),
    ("destroyed", "releases and keys that were destroyed"),
    ("left", "what should have been destroyed and could not be: file and reason"),
    ("time.in_module_ms", "milliseconds that the execution spent in calls of PKCS#11 modules"),
    ("time.in_quorate_ms", "the rest of them"),
    ("time.module_calls", "how many calls that were"),
];

/// The verbs in the order of the help.
pub const REFERENCES: &[Reference] = &[
    Reference { verb: "card new", exits: LOOK, objects: &[Object { when: "", keys: CARD }] },
    Reference {
        verb: "card enroll",
        exits: LOOK,
        objects: &[Object {
            when: "",
            keys: &[
                ("enrolment", "the file that was written"),
                ("holder", "who holds the card"),
                ("card", "the card, as of 'card show'"),
            ],
        }],
    },
    Reference {
        verb: "card list",
        exits: LOOK,
        objects: &[Object {
            when: "",
            keys: &[
                ("readers[].reader", "the reader's name"),
                ("readers[].card", "the YubiKey in it, as of 'card show' but for the attestation, or null"),
                ("readers[].reason", "why there is none, or null"),
            ],
        }],
    },
    Reference {
        verb: "card show",
        exits: LOOK,
        objects: &[
            Object { when: "of a soft card", keys: CARD },
            Object { when: "of a YubiKey", keys: YUBIKEY },
            Object { when: "of an enrolment", keys: ENROLMENT },
        ],
    },
    Reference {
        verb: "card drill",
        exits: LOOK,
        objects: &[
            Object {
                when: "of a card",
                keys: &[
                    ("person", "whose card it is"),
                    ("serial", "the card's serial"),
                    ("ceremony", "whose head is named: its directory in the ledger"),
                    ("head", "of the last closed ceremony"),
                    ("epoch", "number of the dealing"),
                    ("authorities", "whose shares it opened; empty if it holds none"),
                    ("time", "by this machine's clock"),
                    ("file", "the file that was written, from the ledger if it lies there"),
                ],
            },
            Object {
                when: "with --import",
                keys: &[
                    ("imported[].person", "whose card it was"),
                    ("imported[].serial", "the card's serial"),
                    ("imported[].time", "of the drill"),
                    ("imported[].file", "in the ledger"),
                ],
            },
        ],
    },
    Reference {
        verb: "card attestation",
        exits: LOOK,
        objects: &[Object {
            when: "",
            keys: &[
                ("verdict", "verified or refused"),
                ("attestations[].sha256", "of the slot's certificate"),
                ("attestations[].subject", "its name"),
                ("attestations[].reason", "why it is refused, or null; then the rest is missing:"),
                ("attestations[].slot", "where the key is"),
                ("attestations[].key", "rsa-2048, p-256, p-384, ed25519, x25519 …"),
                ("attestations[].key_sha256", "SHA-256 of its SPKI"),
                ("attestations[].serial", "of the card, or null"),
                ("attestations[].firmware", "of the card"),
                ("attestations[].pin_policy", "never, once, always, match-once or match-always"),
                ("attestations[].touch_policy", "never, always or cached"),
                ("attestations[].form_factor", "in words, or null"),
                ("attestations[].fips", "whether it says that it is of the FIPS series"),
                ("attestations[].authority", "Yubico's name for it, or null where --trust named it"),
                (
                    "attestations[].chain",
                    "from the slot's certificate up: subject, sha256, not_before, not_after",
                ),
                (
                    "attestations[].card_is_marked",
                    "whether the card's own certificate is marked as an authority's; if not, the pinned root itself signed it",
                ),
            ],
        }],
    },
    Reference {
        verb: "token list",
        exits: &[Exit::Done, Exit::Error, Exit::Usage],
        objects: &[Object {
            when: "",
            keys: &[
                ("module", "the module's file"),
                ("sha256", "SHA-256 of that file"),
                ("library", "what the module says of itself"),
                ("tokens[].slot", "number of the slot now; it moves"),
                ("tokens[].description", "what the slot says of itself"),
                ("tokens[].identity", "maker, model, serial, label; null where it cannot be read"),
                ("tokens[].versions", "of hardware and firmware"),
                ("tokens[].flags", "of the token, in words"),
                ("tokens[].pin_length", "shortest and longest PIN; 0 is no limit"),
                ("tokens[].so_tries", "full, low, final or locked"),
                ("tokens[].user_tries", "the same for the user PIN"),
                ("tokens[].error", "why the token cannot be read, or null"),
            ],
        }],
    },
    Reference {
        verb: "token show",
        exits: LOOK,
        objects: &[Object {
            when: "",
            keys: &[
                ("module", "the module's file"),
                ("sha256", "SHA-256 of that file"),
                ("library", "what the module says of itself"),
                ("slot", "number of the slot now; it moves"),
                ("description", "what the slot says of itself"),
                ("identity", "maker, model, serial, label"),
                ("versions", "of hardware and firmware"),
                ("flags", "of the token, in words"),
                ("pin_length", "shortest and longest PIN; 0 is no limit"),
                ("so_tries", "full, low, final or locked"),
                ("user_tries", "the same for the user PIN"),
                ("mechanisms", "those that matter: name, key_size, uses"),
                (
                    "abilities[].ability",
                    "initialise, take-over, set-user-pin, log-in, delete, reset, backup or restore",
                ),
                ("abilities[].possible", "false if it is certain that it cannot be done"),
                ("abilities[].reason", "why not, or null"),
                ("abilities[].hint", "what can be done instead, or null"),
                ("objects", "those visible without a login, or null"),
            ],
        }],
    },
    Reference {
        verb: "propose",
        exits: LOOK,
        objects: &[Object {
            when: "",
            keys: &[
                ("ceremony", "its directory in the ledger"),
                ("proposal", "its digest; of a genesis: the genesis fingerprint"),
                ("station", "fingerprint of the station's keys"),
                ("expires", "when approvals no longer count"),
            ],
        }],
    },
    Reference { verb: "approve", exits: LOOK, objects: &[Object { when: "", keys: DECISION }] },
    Reference { verb: "reject", exits: LOOK, objects: &[Object { when: "", keys: DECISION }] },
    Reference { verb: "execute", exits: ACT, objects: &[Object { when: "", keys: EXECUTED }] },
    Reference {
        verb: "abort",
        exits: LOOK,
        objects: &[Object {
            when: "",
            keys: &[
                ("ceremony", "its directory in the ledger"),
                ("outcome", "aborted"),
                ("head", "SHA-256 of the ceremony's last line"),
                ("left", "what should have been destroyed and could not be: file and reason"),
            ],
        }],
    },
    Reference {
        verb: "attest",
        exits: LOOK,
        objects: &[Object {
            when: "",
            keys: &[
                ("person", "who attested"),
                ("ceremony", "its directory in the ledger"),
                ("head", "the head that was attested"),
                ("agrees", "true or false"),
            ],
        }],
    },
    Reference {
        verb: "status",
        exits: LOOK,
        objects: &[Object {
            when: "",
            keys: &[
                ("mode", "production or rehearsal"),
                ("genesis", "the genesis fingerprint"),
                ("head", "head of the last closed ceremony, or null"),
                ("ahead", "findings about lines that are ahead of this machine's clock"),
                ("ceremonies[].directory", "in the ledger"),
                ("ceremonies[].kind", "of operation"),
                ("ceremonies[].title", "from its plan"),
                ("ceremonies[].standing", "where it stands, in words"),
                ("ceremonies[].outcome", "or null"),
                ("ceremonies[].last_line", "SHA-256 of its last line"),
                ("targets[].name", "in the roster"),
                ("targets[].identity", "the token: maker, model, serial, label"),
                ("targets[].inventory", "its objects on record, or null"),
                ("retired", "targets that were let go, and by which ceremony"),
                ("drills.every_days", "what the policy demands, or null"),
                ("drills.cards", "of each card: person, standing, serial, keyid, last, by, due, overdue"),
                ("drills.set_aside", "statements that do not count, and why"),
                ("open", "the open ceremony, or null:"),
                ("open.directory", "in the ledger"),
                ("open.proposal", "digest of the proposal"),
                ("open.expires", "when approvals no longer count"),
                ("open.approved", "custodians, as far as known here"),
                ("open.rejected", "custodians, as far as known here"),
                ("open.missing", "custodians who were not heard of here"),
                ("open.intended", "whether it began to act"),
                ("open.concluded", "whether its outcome is recorded"),
                ("open.station_here", "whether this machine is its station"),
                ("open.attempts", "what failed before, in this ceremony"),
            ],
        }],
    },
    Reference {
        verb: "show",
        exits: LOOK,
        objects: &[
            Object {
                when: "of a ceremony",
                keys: &[
                    ("directory", "in the ledger"),
                    ("proposal", "the whole proposal, see quorate-transcript(5)"),
                    ("proposal_digest", "its SHA-256"),
                    ("standing", "where it stands, in words"),
                    ("last_line", "SHA-256 of its last line"),
                    ("approvals", "the statements on record"),
                    ("rejections", "the statements on record"),
                    ("intended", "what was begun, or null"),
                    ("attempts", "what failed before, in this ceremony"),
                    ("concluded", "the outcome, or null"),
                    ("attestations", "of the head"),
                ],
            },
            Object {
                when: "of a handover",
                keys: &[
                    ("ceremony", "its directory in the ledger"),
                    ("target", "what the PIN opens"),
                    ("recipient", "the application's age recipient"),
                    ("version", "of the PIN"),
                    ("sha256", "of the file that was written"),
                ],
            },
            Object {
                when: "of a plan",
                keys: &[
                    ("plan", "its kind"),
                    ("title", "its title"),
                    ("expires_in_hours", "how long approvals count"),
                ],
            },
            Object { when: "of an enrolment", keys: ENROLMENT },
            Object {
                when: "of an approval",
                keys: &[("approval", "the statement"), ("release", "whether shares come with it")],
            },
            Object { when: "of a rejection", keys: &[("rejection", "the statement")] },
            Object { when: "of an attestation", keys: &[("attestation", "the statement")] },
            Object { when: "of a drill", keys: &[("drill", "the statement")] },
        ],
    },
    Reference {
        verb: "audit",
        exits: &[Exit::Done, Exit::Error, Exit::Usage, Exit::Refused, Exit::Incomplete],
        objects: &[Object {
            when: "",
            keys: &[
                ("verdict", "verified, unpinned, contradicted, not-your-paper, broken or not-a-ledger"),
                ("reason", "why it is that verdict, in words; null if it is verified"),
                ("mode", "production or rehearsal"),
                ("genesis", "the genesis fingerprint, or null"),
                ("head", "head of the last closed ceremony, or null"),
                ("ceremonies", "how many"),
                ("findings", "a list, see quorate-transcript(5)"),
            ],
        }],
    },
    Reference {
        verb: "compare",
        exits: LOOK,
        objects: &[Object {
            when: "",
            keys: &[
                ("one", "the first target"),
                ("other", "the second"),
                ("verdict", "same or different"),
                ("recorded", "for both, the ceremony whose inventory was compared"),
                ("looked", "whether the tokens were looked at as well"),
                ("objects[].object", "as the first target has it, or the second alone"),
                ("objects[].verdict", "same, only-in-one, only-in-other, differs or unknown"),
                ("objects[].by", "restore, public-key, check-value or value; null if not the same"),
                ("changes", "what a token shows now against its inventory, in words"),
            ],
        }],
    },
    Reference {
        verb: "run",
        exits: ACT,
        objects: &[Object {
            when: "",
            keys: &[
                ("proposed", "the object of 'propose'"),
                ("approved", "custodians who approved"),
                ("executed", "the object of 'execute'"),
            ],
        }],
    },
    Reference {
        verb: "rehearse",
        exits: ACT,
        objects: &[Object {
            when: "",
            keys: &[
                ("dir", "the rehearsal's folder"),
                ("ledger", "in it"),
                ("genesis", "the genesis fingerprint"),
                ("head", "head of the last ceremony"),
                ("verdict", "of the audit"),
                ("ceremonies", "the objects of 'execute', a list"),
            ],
        }],
    },
    Reference {
        verb: "completions",
        exits: &[Exit::Done, Exit::Usage],
        objects: &[Object { when: "", keys: &[("shell", "its name"), ("script", "the script")] }],
    },
];

impl Reference {
    /// The `--json` objects as the long help prints them.
    pub fn in_words(&self) -> String {
        let mut out = String::from("With --json:");
        for object in self.objects {
            if !object.when.is_empty() {
                out.push_str(&format!("\n  ({})", object.when));
            }
            for (key, meaning) in object.keys {
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
