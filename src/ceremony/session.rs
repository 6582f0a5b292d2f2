//! An operation that logs in to one target of the quorum: look, act, and change the PIN that the target has seen.

use super::{
    Error, access,
    acting::{Acted, Acting, Credentials},
    news, pinning,
};
use crate::{
    approval::{authorization::Authorization, quorum::Authorities},
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
    /// The authorization for the one target of an operation.
    pub(super) fn one_grant(
        &self,
        grants: &mut dyn Iterator<Item = Authorization>,
    ) -> Result<Authorization, Error> {
        grants.next().ok_or_else(|| Error::defect("the intent names no target"))
    }

    /// Logs in, has the operation done, and changes the PIN that the target has seen.
    pub(super) fn logged_in(
        &mut self,
        authorities: Authorities,
        grants: &mut dyn Iterator<Item = Authorization>,
        operate: impl FnOnce(&mut Self, Session<'_>) -> Result<Acted, Error>,
    ) -> Result<Acted, Error> {
        let operation = &self.ceremony.proposal.operation;
        let Some((name, identity)) = operation.target() else {
            return Err(Error::defect("the proposal names no target"));
        };
        let credentials = self.open_credentials(self.ceremony, &authorities)?;
        let grant = self.one_grant(grants)?;
        let target = pinning::target(self.state, name)?;
        let access = self.access(self.ceremony, target, &authorities)?;
        drop(authorities);
        let renewed = self.renewed(self.ceremony, target, &credentials)?;
        let what = format!("{} on {name}", operation.kind());
        let wanted = Wanted::Token { serial: identity.serial.as_str(), label: identity.label.as_str() };
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
