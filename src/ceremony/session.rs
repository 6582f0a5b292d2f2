//! An operation that logs in to one target of the quorum: look, act, and change the PIN that the target has seen.

use super::{
    Error, access,
    acting::{Acted, Acting, Credentials, Granted},
    news, pinning,
};
use crate::{
    approval::authorization::Authorization,
    encoding::text::Name,
    memory::Pin,
    ports::token::{Token, Wanted},
    proposal::target::Inventory,
    transcript::outcome::Outcome,
};

/// What an operation can use while the user is logged in.
pub(super) struct Session<'a> {
    pub(super) token: &'a mut dyn Token,
    pub(super) name: &'a Name,
    pub(super) user_pin: &'a Pin,
    pub(super) before: Inventory,
    /// What the proposal carries, and the backup key.
    pub(super) credentials: &'a Credentials,
    pub(super) grant: Authorization,
}

impl Acting<'_, '_> {
    /// Logs in, has the operation done, and changes the PIN that the target has seen.
    pub(super) fn logged_in(
        &mut self,
        mut granted: Granted,
        operate: impl FnOnce(&mut Self, Session<'_>) -> Result<Acted, Error>,
    ) -> Result<Acted, Error> {
        let operation = &self.ceremony.proposal.operation;
        let Some((name, identity)) = operation.target() else {
            return Err(Error::defect("the proposal names no target"));
        };
        let credentials = self.open_credentials(self.ceremony, &granted.authorities)?;
        let grant = granted.one()?;
        let target = pinning::target(self.state, name)?;
        let access = self.access(self.ceremony, target, &granted.authorities)?;
        drop(granted);
        let renewed = self.renewed(self.ceremony, target, &credentials)?;
        let what = format!("{} on {name}", operation.kind());
        let wanted = Wanted::known(identity);
        let place = target.as_approved(operation).target.place;
        let opened = self.world.tokens.open(name, &place, wanted, identity.module_sha256);
        let mut token = match opened {
            Ok(token) => token,
            Err(error) => return Ok(Acted::from_error(&what, &error)),
        };
        let pins = grant.for_pins();
        let (present, before) = match access::log_in(token.as_mut(), access, identity, &pins) {
            Ok(Some(logged_in)) => logged_in,
            Ok(None) => {
                let summary = format!("{what}: another token answers; this run changed nothing");
                return Ok(Acted::new(Outcome::Failed, summary));
            }
            Err(error) => return Ok(Acted::from_error(&what, &error)),
        };
        let news = news::since(self.state.recorded(name), &before.objects, operation, self.run);
        let session = Session {
            token: token.as_mut(),
            name,
            user_pin: &present.user.pin,
            before,
            credentials: &credentials,
            grant,
        };
        let mut acted = operate(self, session)?;
        news.tell(&mut acted);
        Ok(self.renew(token.as_mut(), target, &present, renewed, &pins, acted))
    }
}
