//! The sealed credentials that an act uses, opened under the names that the ledger expects.

use super::{
    Error,
    acting::{Acting, Credentials},
};
use crate::{
    approval::quorum::Authorities,
    encoding::{digest::Digest, text::Name},
    memory::{CredentialSecret, Pin},
    proposal::{
        credential::CredentialName,
        operations::{Operation, RestoreOperation},
        sealed::SealedCredential,
        target::Role,
    },
    roster::OperationKind,
    sharing::identity,
    transcript::ledger::{Ceremony, KeptCredential, TargetInForce},
};

impl Acting<'_, '_> {
    /// The key that wraps: for a backup the one in force, for a restore the one under which that backup was made.
    pub(super) fn backup_key(&self, ceremony: &Ceremony) -> Result<&KeptCredential, Error> {
        let (name, version) = match &ceremony.proposal.operation {
            Operation::Restore(RestoreOperation { backup, .. }) => {
                let record = self.state.backups.get(backup);
                (record.map(|record| &record.target), record.map(|record| record.key_version))
            }
            operation => (operation.target().map(|(name, _)| name), None),
        };
        let target = name.and_then(|name| self.state.any_target(name));
        let mut keys =
            target.and_then(|target| target.credentials.get(&Role::BackupKey)).into_iter().flatten();
        keys.find(|key| version.is_none_or(|version| key.sealed.version == version)).ok_or_else(|| {
            Error::refused("the quorum has no backup key for this target", "see 'quorate status'")
        })
    }

    pub(super) fn backup_identity(
        &self,
        authorities: &Authorities,
    ) -> Result<crate::sealing::hybrid::HybridIdentity, Error> {
        let KeptCredential { dealing, sealed } = self.backup_key(self.ceremony)?;
        let secret = authorities.secret(*dealing, &sealed.authority);
        let secret = secret.ok_or_else(|| no_authority(&sealed.authority))?;
        Ok(identity::age_identity(secret)?)
    }

    /// Opens the credentials that a proposal carries, and the backup key, each under the name that the ledger expects.
    pub(super) fn open_credentials(
        &self,
        ceremony: &Ceremony,
        authorities: &Authorities,
    ) -> Result<Credentials, Error> {
        let dealing = ceremony.dealing();
        let own = ceremony.proposal.credentials.iter();
        let mut sealed: Vec<(Digest, &SealedCredential)> = own.map(|own| (dealing, own)).collect();
        let mut opened = Credentials::new();
        if matches!(ceremony.kind(), OperationKind::Backup | OperationKind::Restore) {
            let kept = self.backup_key(ceremony)?;
            sealed.push((kept.dealing, &kept.sealed));
        }
        for (dealing, credential) in sealed {
            // A reset seals the new user PIN to the SO's authority as well, which need not have the first one.
            let twin = ceremony.proposal.credentials.iter().any(|c| {
                c.target == credential.target
                    && c.role == credential.role
                    && c.authority != credential.authority
                    && authorities.secret(ceremony.dealing(), &c.authority).is_some()
            });
            if twin && authorities.secret(dealing, &credential.authority).is_none() {
                continue;
            }
            let secret = self.open((dealing, credential), authorities)?;
            opened.insert((credential.target.clone(), credential.role), secret);
        }
        Ok(opened)
    }

    /// The credentials of a program in the order in which it is handed them: the quorum's, or those that were handed over
    /// just now.
    pub(super) fn program_secrets(
        &self,
        target: &TargetInForce,
        credentials: &Credentials,
        authorities: &Authorities,
    ) -> Result<Vec<Pin>, Error> {
        let run = self.ceremony.proposal.operation.program();
        let run = run.ok_or_else(|| Error::defect("the proposal runs no program"))?;
        let secret = |role| match target.credentials.get(&role).and_then(|held| held.first()) {
            Some(kept) => Ok(self.open((kept.dealing, &kept.sealed), authorities)?.to_pin()?),
            None => self.pin(credentials, &target.target.name, role),
        };
        run.credentials.iter().map(|credential| secret(credential.role)).collect()
    }

    /// Opens one sealed credential with the authority of its dealing.
    pub(super) fn open(
        &self,
        (dealing, credential): (Digest, &SealedCredential),
        authorities: &Authorities,
    ) -> Result<CredentialSecret, Error> {
        let secret = authorities.secret(dealing, &credential.authority);
        let secret = secret.ok_or_else(|| no_authority(&credential.authority))?;
        let name = CredentialName {
            ledger: self.state.nonce,
            authority: credential.authority.clone(),
            target: credential.target.clone(),
            role: credential.role,
            version: credential.version,
        };
        let hint = "audit the ledger and its copies; this run touched nothing";
        let opened = name
            .open(&identity::age_identity(secret)?, &credential.file.0)
            .map_err(|error| Error::refused(error.to_string(), hint))?;
        let length = opened.expose().len();
        if u32::try_from(length).is_ok_and(|length| length == credential.bytes) {
            return Ok(opened);
        }
        let told = format!(
            "the sealed {} of {} has {length} bytes, and its proposal says {}",
            credential.role, credential.target, credential.bytes
        );
        Err(Error::refused(told, hint))
    }

    /// A PIN: the quorum's, or the one that its owner handed over.
    pub(super) fn pin(&self, credentials: &Credentials, target: &Name, role: Role) -> Result<Pin, Error> {
        let key = (target.clone(), role);
        match (credentials.get(&key), self.present.get(&key)) {
            (Some(secret), _) => Ok(secret.to_pin()?),
            (None, Some(pin)) => Ok(Pin::copy_of(pin.expose())?),
            (None, None) => Err(Error::refused(
                format!("the {role} of {target} was not handed over"),
                format!("hand it over with --present-pin {target}:{role}=FILE"),
            )),
        }
    }
}

fn no_authority(name: &Name) -> Error {
    Error::refused(
        format!("authority {name} was not reconstituted for this operation"),
        "look at the operations of the roster with 'quorate show LEDGER 0'",
    )
}
