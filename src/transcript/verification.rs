//! From files of unknown origin to a verified state.
//!
//! Every reader of a ledger uses the same walk: the custodian before approving, the station before it
//! acts, the auditor years later. It needs public data only.

use std::{borrow::Cow, collections::BTreeMap, ops::Range};

use super::{
    ceremonies::Ceremonies,
    ceremony,
    context::Context,
    drilled,
    finding::{Finding, Severity},
    foreign::Foreign,
    inventories,
    ledger::{Ceremony, CeremonyFiles, LedgerFiles, LedgerState},
    modules,
};
use crate::{
    approval::statement::Signed,
    encoding::{digest::Digest, dsse::Mode, time::Timestamp},
    proposal::target::{Custody, Role},
    roster::signatures::{self, Signatures},
};

/// A ledger after verification: the state as far as it could be followed, and what was found.
#[derive(Clone, Debug, Default)]
pub struct Verified {
    /// None if not even the genesis could be followed.
    pub state: Option<LedgerState>,
    /// In the order in which they were found.
    pub findings: Vec<Finding>,
}

impl Verified {
    /// The state, if no finding is an error.
    pub fn sound(self) -> Result<LedgerState, Vec<Finding>> {
        match self.state {
            Some(state) if self.findings.iter().all(|f| f.severity != Severity::Error) => Ok(state),
            _ => Err(self.findings),
        }
    }
}

/// Verifies a ledger that must be of this mode.
pub fn verify(files: &[CeremonyFiles], mode: Mode) -> Verified {
    let Ok(verified) = verify_files(files, mode);
    verified
}

/// Verifies a ledger that is read ceremony by ceremony. What cannot be read ends it with an error.
pub fn verify_files<L: LedgerFiles + ?Sized>(files: &L, mode: Mode) -> Result<Verified, L::Error> {
    let mut verified = Verified::default();
    let count = files.directories().len();
    if count == 0 {
        verified.findings.push(Foreign::Empty.finding(mode));
    }
    Ok(verified.go_on(files, 0..count, mode)?.0)
}

impl Verified {
    /// Verifies the ceremonies of `files` at these places, which follow those that it has, and takes them in. The first one
    /// that is broken ends it; then it says false.
    pub(super) fn go_on<L: LedgerFiles + ?Sized>(
        &self,
        files: &L,
        places: Range<usize>,
        mode: Mode,
    ) -> Result<(Self, bool), L::Error> {
        signatures::walked(places.len(), |signatures| {
            self.clone().walk(files, places.clone(), mode, signatures)
        })
    }

    /// The same, with each signature verified when `signatures` says.
    pub fn walk<L: LedgerFiles + ?Sized>(
        mut self,
        files: &L,
        places: Range<usize>,
        mode: Mode,
        signatures: &Signatures<'_>,
    ) -> Result<(Self, bool), L::Error> {
        for place in places {
            let number = self.state.as_ref().map_or(0, |state| state.ceremonies.len());
            let file = files.ceremony(place)?;
            if let Err(finding) = self.take(&file, number, mode, signatures) {
                // A ledger of the other mode or version fails at its first line, which says less.
                let foreign = Foreign::of(Some(&file), mode);
                let finding = foreign.map_or(finding, |foreign| foreign.finding(mode));
                self.findings.push(finding.of(&file.directory));
                let left = files.directories().len().saturating_sub(place).saturating_sub(1);
                if left > 0 {
                    let message = match left {
                        1 => "1 later ceremony was not verified, since this one is broken".into(),
                        _ => format!("{left} later ceremonies were not verified, since this one is broken"),
                    };
                    self.findings.push(Finding::new(Severity::Note, "not-verified", message));
                }
                return Ok((self, false));
            }
        }
        Ok((self, true))
    }

    fn take(
        &mut self,
        file: &CeremonyFiles,
        number: usize,
        mode: Mode,
        signatures: &Signatures<'_>,
    ) -> Result<(), Finding> {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        check_place(file, number)?;
        let context = Context { mode, number, state: self.state.as_ref(), signatures };
        let (ceremony, mut found) = ceremony::verify(file, &context)?;
        self.findings.append(&mut found);
        let mut extended = extend(self.state.take(), ceremony, mode);
        self.findings.extend(drilled::read(file, &mut extended, signatures));
        self.state = Some(extended);
        Ok(())
    }
}

/// The directory's name and the chain from the ceremony before it.
fn check_place(file: &CeremonyFiles, number: u32) -> Result<(), Finding> {
    let prefix = format!("{number:04}-");
    if !file.directory.starts_with(&prefix) {
        let message = format!("ceremony {number} is missing: the next directory is {}", file.directory);
        return Err(Finding::error("ceremony-missing", message));
    }
    Ok(())
}

fn extend(state: Option<LedgerState>, ceremony: Ceremony, mode: Mode) -> LedgerState {
    let mut state = state.unwrap_or_else(|| LedgerState {
        mode,
        nonce: ceremony.proposal.ledger,
        genesis: ceremony.digest,
        deals: Vec::new(),
        targets: BTreeMap::new(),
        retired: BTreeMap::new(),
        backups: BTreeMap::new(),
        disputed: BTreeMap::new(),
        ceremonies: Ceremonies::default(),
    });
    state.apply(&ceremony);
    state.take_disputes(&ceremony);
    state.ceremonies.push(ceremony);
    state
}

/// Copies of one ledger, held against one another.
pub struct CopiesCompared {
    /// Forks and copies that are behind.
    pub findings: Vec<Finding>,
    /// Of each copy the bytes of its transcripts.
    pub sizes: Vec<usize>,
}

/// Compares the transcripts of several copies of one ledger, each with each: where two of them differ although neither
/// is the beginning of the other, there is a fork.
pub fn compare_copies<L: LedgerFiles + ?Sized>(copies: &[(&str, &L)]) -> Result<CopiesCompared, L::Error> {
    let counts: Vec<usize> = copies.iter().map(|(_, files)| files.directories().len()).collect();
    let mut pairs: Vec<Pair> = (0..copies.len())
        .flat_map(|one| {
            (one.saturating_add(1)..copies.len()).map(move |other| Pair { one, other, fork: None })
        })
        .collect();
    let mut sizes = vec![0_usize; copies.len()];
    for place in 0..counts.iter().copied().max().filter(|_| !pairs.is_empty()).unwrap_or(0) {
        let of_copy = |((_, files), count): (&(&str, &L), &usize)| {
            if place < *count { files.ceremony(place).map(Cow::into_owned).map(Some) } else { Ok(None) }
        };
        let read: Vec<Option<CeremonyFiles>> =
            copies.iter().zip(&counts).map(of_copy).collect::<Result<_, _>>()?;
        for (size, file) in sizes.iter_mut().zip(&read) {
            *size = size.saturating_add(file.as_ref().map_or(0, |file| file.transcript.len()));
        }
        for pair in pairs.iter_mut().filter(|pair| pair.fork.is_none()) {
            if let (Some(Some(a)), Some(Some(b))) = (read.get(pair.one), read.get(pair.other)) {
                pair.fork = forks(a, b).then(|| a.directory.clone());
            }
        }
    }
    let findings = pairs.iter().filter_map(|pair| pair.finding(copies, &sizes)).collect();
    Ok(CopiesCompared { findings, sizes })
}

/// Whether two tellings of one ceremony differ, and neither is the beginning of the other.
fn forks(a: &CeremonyFiles, b: &CeremonyFiles) -> bool {
    let is_beginning = |a: &CeremonyFiles, b: &CeremonyFiles| b.transcript.starts_with(&a.transcript);
    a.directory != b.directory || !(is_beginning(a, b) || is_beginning(b, a))
}

/// Two copies by their places, and the directory from which on they are different.
struct Pair {
    one: usize,
    other: usize,
    fork: Option<String>,
}

impl Pair {
    fn finding<L: ?Sized>(&self, copies: &[(&str, &L)], sizes: &[usize]) -> Option<Finding> {
        let (first_name, name) = (copies.get(self.one)?.0, copies.get(self.other)?.0);
        if let Some(directory) = &self.fork {
            let message = format!("{first_name} and {name} differ from here on");
            return Some(Finding::error("ledger-forked", message).of(directory));
        }
        let (behind, ahead) = match sizes.get(self.one)?.cmp(sizes.get(self.other)?) {
            std::cmp::Ordering::Equal => return None,
            std::cmp::Ordering::Less => (first_name, name),
            std::cmp::Ordering::Greater => (name, first_name),
        };
        let message = format!("{behind} is missing the last lines of {ahead}");
        Some(Finding::new(Severity::Note, "copy-behind", message))
    }
}

/// What an auditor whose clock says `now` should know about a ledger whose lines are all valid.
pub fn remarks(state: &LedgerState, now: Timestamp) -> Vec<Finding> {
    let mut findings = state.ahead(now);
    findings.extend(state.unread());
    findings.extend(state.outstanding());
    findings.extend(state.disputes());
    findings.extend(state.other_heads());
    for ceremony in &state.ceremonies {
        remarks_on(ceremony, state.mode, &mut findings);
    }
    if let Some(open) = state.pending() {
        let message = format!("ceremony {} is {}", open.number(), open.standing());
        findings.push(Finding::new(Severity::Note, "ceremony-open", message).of(&open.directory));
        if open.intended.is_some() {
            let message =
                "it has begun to act, and its end is not on record: what follows could have been cut off";
            findings
                .push(Finding::new(Severity::Warning, "ceremony-unfinished", message).of(&open.directory));
        }
    }
    for ceremony in state.ceremonies.iter().filter(|ceremony| state.is_unsettled(ceremony)) {
        let message = "its PINs may have been set on its target, but the ledger does not have them in force: when the target is back, a recovery of this \
                       ceremony finds out";
        findings.push(Finding::new(Severity::Warning, "pins-unsettled", message).of(&ceremony.directory));
    }
    findings.extend(inventories::remarks(state));
    findings.extend(modules::remarks(state));
    for (name, target) in &state.targets {
        if let Some(rule) = target.target.rule(Role::UserPin)
            && rule.custody != Custody::Held
        {
            let message = format!(
                "the user PIN of {name} is {}: anyone who has it can delete keys without the quorum",
                rule.custody
            );
            findings.push(Finding::new(Severity::Warning, "application-pin-can-delete", message));
        }
        for (role, candidates) in target.credentials.iter().filter(|(_, of_role)| of_role.len() > 1) {
            let message = format!(
                "which of {} versions of the {role} of {name} is in force is unknown: the next ceremony tries each once",
                candidates.len()
            );
            findings.push(Finding::new(Severity::Warning, "pin-unknown", message));
        }
    }
    for (name, retired) in &state.retired {
        let message = format!(
            "{name} was retired by ceremony {}: its credentials in this ledger still open it, unless it was reset",
            retired.by
        );
        findings.push(Finding::new(Severity::Note, "target-retired", message));
    }
    if let Some(roster) = state.roster() {
        for warning in roster.warnings() {
            findings.push(Finding::new(Severity::Warning, "roster-warning", warning));
        }
        let one_keeper = roster.one_keeper();
        findings.extend(one_keeper.map(|why| Finding::new(Severity::Warning, "one-keeper", why)));
    }
    findings
}

fn remarks_on(ceremony: &Ceremony, mode: Mode, findings: &mut Vec<Finding>) {
    let at = |finding: Finding| finding.of(&ceremony.directory);
    if let Some((intended, _)) = &ceremony.intended
        && intended.same_medium
        && mode == Mode::Production
    {
        let message = "the copies of the ledger lay on one file system";
        findings.push(at(Finding::new(Severity::Warning, "same-medium", message)));
    }
    let keeps = ceremony.plan.keeps_pins();
    if keeps && ceremony.intended.is_some() {
        let message = "deviation: the PIN that the target and its module saw was not changed (keep_pins)";
        findings.push(at(Finding::new(Severity::Warning, "pins-kept", message)));
    }
    for credential in &ceremony.proposal.credentials {
        if credential.bits == 0 {
            let message = format!(
                "the {} of {} ({} bytes) was handed over by its owner, who may still know it",
                credential.role, credential.target, credential.bytes
            );
            findings.push(at(Finding::new(Severity::Note, "handed-over", message)));
        } else if credential.bits < 128 {
            let message = format!(
                "the {} of {} has {} bits only: the token or the plan allows no longer PIN",
                credential.role, credential.target, credential.bits
            );
            findings.push(at(Finding::new(Severity::Warning, "short-pin", message)));
        }
    }
    if let Some(seen) =
        ceremony.concluded.as_ref().and_then(|c| c.program.as_ref()).and_then(|p| p.run.as_ref())
        && seen.credential_written
    {
        let message = "a program wrote a credential that it was handed; what it wrote was not kept";
        findings.push(at(Finding::new(Severity::Warning, "credential-written", message)));
    }
    let said: Vec<_> = ceremony.attestations.iter().map(Signed::statement).collect();
    for attestation in said.iter().filter(|a| !a.agrees) {
        let message = format!("{} does not agree: {}", attestation.person, attestation.remark);
        findings.push(at(Finding::new(Severity::Objection, "attestation-disagrees", message)));
    }
    if let Some(attesting) = ceremony.attesting().filter(|attesting| attesting.have < attesting.needed) {
        let message = format!(
            "the outcome is the station's word only: {} of {} custodians attested the head",
            attesting.have, attesting.needed
        );
        findings.push(at(Finding::new(Severity::Note, "station-word-only", message)));
    }
}

/// The pins that an auditor brings from outside.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pins {
    pub genesis: Option<Digest>,
    /// Head of the last ceremony, from paper.
    pub head: Option<Digest>,
}

/// Compares a ledger with the pins. Without both, it can be entirely forged, or cut short.
pub fn check_pins(state: &LedgerState, pins: Pins) -> Vec<Finding> {
    let mut findings = Vec::new();
    match pins.genesis {
        None => findings.push(Finding::new(
            Severity::Warning,
            "unpinned-genesis",
            "self-consistent, origin unproven: give --genesis from a source outside this ledger",
        )),
        Some(pin) if pin != state.genesis => findings.push(Finding::error(
            "genesis-mismatch",
            format!(
                "the genesis has the fingerprint {}, not the one that you gave{}",
                state.genesis,
                known_as(state, pin)
            ),
        )),
        Some(_) => {}
    }
    match pins.head {
        None => findings.push(Finding::new(
            Severity::Warning,
            "unpinned-head",
            "it may be cut short: give --head from the paper of the last ceremony",
        )),
        Some(pin) if Some(pin) == state.head() => {}
        Some(pin) => findings.push(match state.ceremonies.iter().find(|c| c.last_line == pin) {
            Some(known) => Finding::error(
                "head-passed",
                format!(
                    "the head that you gave is older: it is that of {}, after which {} came{}",
                    known.directory,
                    match state.ceremonies.len().saturating_sub(known.number() as usize).saturating_sub(1) {
                        1 => "another ceremony".into(),
                        more => format!("{more} ceremonies"),
                    },
                    last_head(state)
                ),
            ),
            None => Finding::error(
                "head-mismatch",
                format!(
                    "no ceremony of this ledger has the head that you gave{}{}",
                    known_as(state, pin),
                    last_head(state)
                ),
            ),
        }),
    }
    findings
}

/// What else a number is in the ledger: two of them are on one sheet of paper, and are easily given in each other's place.
fn known_as(state: &LedgerState, pin: Digest) -> String {
    if pin == state.genesis {
        return ": that is the fingerprint of its genesis".into();
    }
    let head = state.ceremonies.iter().find(|c| c.last_line == pin);
    let proposal = || state.ceremonies.iter().find(|c| c.digest == pin);
    match (head, proposal) {
        (Some(ceremony), _) => format!(": that is the head of {}", ceremony.directory),
        (None, proposal) => proposal()
            .map_or_else(String::new, |c| format!(": that is the digest of the proposal of {}", c.directory)),
    }
}

/// What the ledger itself has as its head.
fn last_head(state: &LedgerState) -> String {
    let head = state.head();
    let last = state.ceremonies.iter().rev().find(|c| Some(c.last_line) == head);
    last.map_or_else(
        || "; no ceremony of it has ended".into(),
        |last| format!("; its own head is that of {}, {}", last.directory, last.last_line),
    )
}
