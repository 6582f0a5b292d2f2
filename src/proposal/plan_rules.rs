//! What a plan must fulfil beyond its shape, each with an error that says what to change.

use super::{
    plan::{
        CredentialSource, CredentialTable, DeletePlan, GenesisPlan, ObjectSelector, PlanError, StartKind,
        TargetKind, TargetTable,
    },
    target::{Custody, Role},
};
use crate::{
    encoding::{
        bounds,
        text::{self, Line, Name},
    },
    sealing::single,
};

impl DeletePlan {
    pub(super) fn check(&self) -> Result<(), PlanError> {
        if self.objects.is_empty() {
            return Err(PlanError::new("objects is empty: name at least one object to delete"));
        }
        for (place, object) in self.objects.iter().enumerate() {
            if !object.says_which() {
                return Err(PlanError::new(format!(
                    "objects, entry {}: give id, label or another field, so that one object is meant",
                    place.saturating_add(1)
                )));
            }
            for (field, value) in [("id", &object.id), ("check_value", &object.check_value)] {
                if let Some(value) = value
                    && (value.len() % 2 != 0
                        || !value.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)))
                {
                    return Err(PlanError::new(format!(
                        "{field} {:?} is not in lower-case hex",
                        text::printable(value)
                    )));
                }
            }
        }
        Ok(())
    }
}

impl ObjectSelector {
    /// Whether it says more than a class and an attribute that half the objects have.
    fn says_which(&self) -> bool {
        let text = [&self.id, &self.label, &self.key_type, &self.check_value, &self.unique_id];
        let digests = [self.label_sha256, self.public_key_sha256, self.value_sha256];
        text.iter().any(|text| text.is_some()) || digests.iter().any(Option::is_some)
    }
}

impl GenesisPlan {
    pub(super) fn check(&self) -> Result<(), PlanError> {
        for (what, empty) in [
            ("custodians", self.custodians.is_empty()),
            ("administrators", self.administrators.is_empty()),
            ("authorities", self.authorities.is_empty()),
            ("targets", self.targets.is_empty()),
        ] {
            if empty {
                return Err(PlanError::new(format!("{what} is empty")));
            }
        }
        let people = self.custodians.iter().chain(&self.administrators).chain(&self.witnesses);
        for person in people.clone() {
            if person.enrolments.is_empty() {
                return Err(PlanError::new(format!("{}: enrolments is empty", person.name)));
            }
        }
        distinct("person", people.map(|p| &p.name))?;
        distinct("authority", self.authorities.iter().map(|a| &a.name))?;
        distinct("target", self.targets.iter().map(|t| &t.name))?;
        for authority in &self.authorities {
            let (m, n) = (authority.threshold, self.custodians.len());
            if m < 2 || usize::from(m) > n {
                return Err(PlanError::new(format!(
                    "authority {}: threshold {m} is not between 2 and the {n} custodians",
                    authority.name
                )));
            }
        }
        let known = |name: &Name| self.authorities.iter().any(|a| a.name == *name);
        for target in &self.targets {
            target.check(&known)?;
        }
        for (operation, authorities) in &self.operations {
            if let Some(unknown) = authorities.iter().find(|a| !known(a)) {
                return Err(PlanError::new(format!(
                    "operations.{operation}: there is no authority {unknown}"
                )));
            }
        }
        Ok(())
    }
}

impl TargetTable {
    pub(super) fn check(&self, known: &dyn Fn(&Name) -> bool) -> Result<(), PlanError> {
        let fail = |message: String| Err(PlanError::new(format!("target {}: {message}", self.name)));
        for (role, rule) in &self.credentials {
            if !known(&rule.authority) {
                return fail(format!("credentials.{role}: there is no authority {}", rule.authority));
            }
        }
        if self.kind == TargetKind::Command {
            return self.check_program();
        }
        if self.program.is_some() || self.sha256.is_some() {
            return fail("'program' and 'sha256' are of targets of kind \"command\"".into());
        }
        if let Some(role) = self.credentials.keys().find(|role| role.is_for_programs()) {
            return fail(format!("credentials.{role}: that is of targets of kind \"command\""));
        }
        if self.credentials.values().any(|rule| rule.source != CredentialSource::Generated) {
            return fail("only a credential of a target of kind \"command\" is handed over".into());
        }
        let (Some(start), Some(label)) = (self.start, &self.label) else {
            return fail("a token has 'start' and 'label'".into());
        };
        match (self.kind, &self.module, &self.path) {
            (TargetKind::Pkcs11, Some(module), None) => absolute("module", module)?,
            (TargetKind::Practice, None, Some(path)) if self.slot.is_none() => absolute("path", path)?,
            (TargetKind::Practice, ..) => {
                return fail("a practice target has 'path', no 'module' and no 'slot'".into());
            }
            _ => return fail("a pkcs11 target has 'module' and no 'path'".into()),
        }
        match (start, &self.serial) {
            (StartKind::TakeOver, None) => {
                return fail("a token in use is named by its 'serial' as well".into());
            }
            (StartKind::Initialise, Some(_)) => return fail("an empty token has no 'serial' yet".into()),
            _ => {}
        }
        label_fits(label)?;
        if self.credentials.is_empty() {
            return fail("credentials is empty: the quorum would keep nothing".into());
        }
        for (role, rule) in &self.credentials {
            if *role == Role::BackupKey && rule.custody != Custody::Held {
                return fail("credentials.backup-key: a backup key is 'held'".into());
            }
            if let Err(message) =
                self.check_recipient(*role, rule).and_then(|()| rule.check_pin_length(*role))
            {
                return fail(format!("credentials.{role}: {message}"));
            }
        }
        let has = |role| self.credentials.contains_key(&role);
        if start == StartKind::Initialise && !(has(Role::SoPin) && has(Role::UserPin)) {
            return fail("an empty token needs credentials.so-pin and credentials.user-pin".into());
        }
        if start == StartKind::Initialise
            && self.credentials.get(&Role::SoPin).is_some_and(|r| r.custody != Custody::Held)
        {
            return fail("credentials.so-pin of an empty token is 'held'".into());
        }
        if !has(Role::UserPin) {
            return fail("credentials.user-pin is missing: without it the objects cannot be read".into());
        }
        Ok(())
    }
}

impl CredentialTable {
    /// Of a PIN that the quorum makes, and long enough to be one.
    fn check_pin_length(&self, role: Role) -> Result<(), String> {
        match self.pin_length {
            None => Ok(()),
            Some(_) if role == Role::BackupKey || self.custody == Custody::Borrowed => {
                Err("'pin_length' is for a PIN that the quorum makes".into())
            }
            Some(4..=255) => Ok(()),
            Some(length) => Err(format!("pin_length is {length}: 4 to 255 are possible")),
        }
    }
}

impl TargetTable {
    /// A program has credentials of its own kind, and nothing of a token.
    fn check_program(&self) -> Result<(), PlanError> {
        let fail = |message: String| Err(PlanError::new(format!("target {}: {message}", self.name)));
        let of_tokens = self.module.is_some()
            || self.path.is_some()
            || self.slot.is_some()
            || self.serial.is_some()
            || self.start.is_some()
            || self.label.is_some();
        let (Some(program), Some(_), false) = (&self.program, &self.sha256, of_tokens) else {
            return fail(
                "a command target has 'program', 'sha256' and 'credentials', and nothing else".into(),
            );
        };
        absolute("program", program)?;
        if self.credentials.is_empty() {
            return fail("credentials is empty: the quorum would keep nothing".into());
        }
        for (role, rule) in &self.credentials {
            if !role.is_for_programs() {
                return fail(format!("credentials.{role}: a program's are secret, second-secret, …"));
            }
            if rule.pin_length.is_some() {
                return fail(format!("credentials.{role}: 'pin_length' is for the PINs of tokens"));
            }
            if rule.custody == Custody::Reissued || rule.recipient.is_some() {
                return fail(format!("credentials.{role}: a program's is 'held' or 'borrowed'"));
            }
            if rule.custody != Custody::Held && rule.source != CredentialSource::Generated {
                return fail(format!(
                    "credentials.{role}: only a held one is handed over when it is proposed"
                ));
            }
        }
        Ok(())
    }

    /// A reissued PIN is the user's, is set by the quorum's SO PIN, and goes to somebody.
    fn check_recipient(&self, role: Role, rule: &CredentialTable) -> Result<(), String> {
        let so_pin = self.credentials.get(&Role::SoPin);
        match (rule.custody, &rule.recipient) {
            (Custody::Reissued, _) if role != Role::UserPin => {
                Err("only a user-pin can be 'reissued': the SO sets it".into())
            }
            (Custody::Reissued, None) => {
                Err("a reissued PIN is sealed to its application's 'recipient' (age1…)".into())
            }
            (Custody::Reissued, Some(text)) => {
                single::parse_x25519_recipient(text)
                    .map_err(|_| "'recipient' is no age recipient (age1…, X25519)".to_owned())?;
                match so_pin {
                    Some(so) if so.custody == Custody::Held && so.authority == rule.authority => Ok(()),
                    Some(so) if so.custody == Custody::Held => Err(format!(
                        "the SO PIN sets it: its authority is that of credentials.so-pin, {}",
                        so.authority
                    )),
                    _ => Err("the SO PIN sets it: credentials.so-pin must be 'held'".into()),
                }
            }
            (_, Some(_)) => Err(format!("'recipient' is for a reissued PIN, this one is '{}'", rule.custody)),
            (_, None) => Ok(()),
        }
    }
}

fn distinct<'a>(what: &str, names: impl Iterator<Item = &'a Name>) -> Result<(), PlanError> {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(PlanError::new(format!("{what} {name} is named twice")));
        }
    }
    Ok(())
}

pub(super) fn absolute(field: &str, path: &str) -> Result<(), PlanError> {
    let plain =
        path.starts_with('/') && text::is_printable(path) && !path.split('/').any(|part| part == "..");
    if path.len() > bounds::PATH {
        return Err(PlanError::new(format!(
            "{field}: {} bytes, more than the {} of a path",
            path.len(),
            bounds::PATH
        )));
    }
    if plain {
        Ok(())
    } else {
        Err(PlanError::new(format!(
            "{field} {:?} is not an absolute path without '..'",
            text::printable(path)
        )))
    }
}

/// A file that is read or written as a whole. `NAME.partial` is where `NAME` is until it is: what has that name is replaced
/// without a question.
pub(super) fn whole_file(field: &str, path: &str) -> Result<(), PlanError> {
    absolute(field, path)?;
    if path.ends_with(".partial") {
        let shown = text::printable(path);
        return Err(PlanError::new(format!("{field} {shown:?}: '.partial' is the end of unfinished files")));
    }
    Ok(())
}

/// CK_TOKEN_INFO has 32 bytes for a label.
pub(super) fn label_fits(label: &Line) -> Result<(), PlanError> {
    if label.as_str().is_empty() || label.as_str().len() > 32 || label.as_str().trim() != label.as_str() {
        return Err(PlanError::new(format!(
            "label {:?}: 1 to 32 bytes, no blank at either end",
            label.as_str()
        )));
    }
    Ok(())
}
