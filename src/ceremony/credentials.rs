//! The sealed credentials that an act uses, opened under the names that the ledger expects.

use std::collections::BTreeMap;

use super::{Error, act::Acting, genesis::roles_of, pinning};
use crate::{
    approval::quorum::Authorities,
    encoding::text::Name,
    memory::{CredentialSecret, Pin},
    proposal::{
        credential::CredentialName,
        operation::{Operation, SealedCredential},
        target::Role,
    },
    roster::OperationKind,
    sharing::identity,
    transcript::ledger::{Ceremony, TargetInForce},
};

/// Opened credentials by target and role.
pub(super) type Credentials = BTreeMap<(Name, Role), CredentialSecret>;

impl Acting<'_, '_> {
    /// The SO PIN that holds before a reset.
    pub(super) fn present_so_pin(
        &self,
        ceremony: &Ceremony,
        authorities: &Authorities,
    ) -> Result<Option<Pin>, Error> {
        let Operation::Reset { target, .. } = &ceremony.proposal.operation else { return Ok(None) };
        let sealed = pinning::target(self.state, target)?.credentials.get(&Role::SoPin);
        let sealed = sealed.ok_or_else(|| {
            Error::refused(format!("the quorum holds no so-pin of {target}"), "audit the ledger")
        })?;
        Ok(Some(self.open(sealed, authorities)?.to_pin()?))
    }

    /// The target whose backup key wraps: the one that is backed up, or of which the backup is.
    pub(super) fn backup_source(&self, ceremony: &Ceremony) -> Result<&TargetInForce, Error> {
        let name = match &ceremony.proposal.operation {
            Operation::Restore { backup, .. } => self.state.backups.get(backup).map(|record| &record.target),
            operation => operation.target().map(|(name, _)| name),
        };
        name.and_then(|name| self.state.targets.get(name)).ok_or_else(|| {
            Error::refused("the backup is of no target of this quorum", "see 'quorate status'")
        })
    }

    pub(super) fn backup_identity(&self, authorities: &Authorities) -> Result<age::x25519::Identity, Error> {
        let rule = self.backup_source(self.ceremony)?.target.rule(Role::BackupKey).ok_or_else(|| {
            Error::refused("the quorum holds no backup key of this target", "see 'quorate status'")
        })?;
        let secret = authorities.secret(&rule.authority).ok_or_else(|| no_authority(&rule.authority))?;
        Ok(identity::age_identity(secret)?)
    }

    /// Opens the held credentials that an operation needs, each under the name that the ledger expects.
    pub(super) fn open_credentials(
        &self,
        ceremony: &Ceremony,
        authorities: &Authorities,
    ) -> Result<Credentials, Error> {
        let mut sealed: Vec<&SealedCredential> = ceremony.proposal.credentials.iter().collect();
        let mut opened = Credentials::new();
        if let Some((name, _)) = ceremony.proposal.operation.target()
            && let Some(target) = self.state.targets.get(name)
            && ceremony.kind() != OperationKind::Reset
        {
            let roles = roles_of(&ceremony.proposal.operation);
            sealed.extend(roles.iter().filter_map(|role| target.credentials.get(role)));
        }
        if matches!(ceremony.kind(), OperationKind::Backup | OperationKind::Restore) {
            sealed.extend(self.backup_source(ceremony)?.credentials.get(&Role::BackupKey));
        }
        for credential in sealed {
            // A reset seals the new user PIN to the SO's authority as well, which need not hold the first one.
            let twin = ceremony.proposal.credentials.iter().any(|c| {
                c.target == credential.target
                    && c.role == credential.role
                    && c.authority != credential.authority
                    && authorities.secret(&c.authority).is_some()
            });
            if twin && authorities.secret(&credential.authority).is_none() {
                continue;
            }
            let secret = self.open(credential, authorities)?;
            opened.insert((credential.target.clone(), credential.role), secret);
        }
        Ok(opened)
    }

    /// Opens one sealed credential.
    fn open(
        &self,
        credential: &SealedCredential,
        authorities: &Authorities,
    ) -> Result<CredentialSecret, Error> {
        let secret =
            authorities.secret(&credential.authority).ok_or_else(|| no_authority(&credential.authority))?;
        let name = CredentialName {
            ledger: self.state.nonce,
            authority: credential.authority.clone(),
            target: credential.target.clone(),
            role: credential.role,
            version: credential.version,
        };
        name.open(&identity::age_identity(secret)?, &credential.file.0).map_err(|error| {
            Error::refused(error.to_string(), "nothing was touched; audit the ledger and its copies")
        })
    }

    /// The user PIN that the quorum holds of a target; none where it is borrowed.
    pub(super) fn held_user_pin(
        &self,
        target: &TargetInForce,
        authorities: &Authorities,
    ) -> Result<Credentials, Error> {
        let mut opened = Credentials::new();
        if let Some(sealed) = target.credentials.get(&Role::UserPin) {
            opened.insert((target.target.name.clone(), Role::UserPin), self.open(sealed, authorities)?);
        }
        Ok(opened)
    }

    /// A PIN: the quorum's, or the one that its owner handed over.
    pub(super) fn pin(&self, credentials: &Credentials, target: &Name, role: Role) -> Result<Pin, Error> {
        let key = (target.clone(), role);
        match (credentials.get(&key), self.present.get(&key)) {
            (Some(secret), _) => Ok(secret.to_pin()?),
            (None, Some(pin)) => Ok(Pin::copy_of(pin.expose())?),
            (None, None) => Err(Error::refused(
                format!("no {role} of {target} is at hand"),
                "hand it over with --present-pin",
            )),
        }
    }
}

fn no_authority(name: &Name) -> Error {
    Error::refused(
        format!("authority {name} was not reconstituted for this operation"),
        "audit the roster's operations",
    )
}
