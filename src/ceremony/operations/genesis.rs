//! A genesis: proposed where no ledger is yet, see `ceremony::genesis`.

use crate::{
    approval::{authorization::Authorization, quorum::Authorities},
    ceremony::{
        Error,
        acting::{Acted, Acting},
        fresh_pins::FreshPins,
        operations::performed::{Performed, Proposing},
    },
    proposal::operations::{GenesisOperation, GenesisPlan, rules::Payload as _},
};

pub(super) fn propose(
    _: &mut Proposing<'_, '_>,
    _: &GenesisPlan,
) -> Result<(GenesisOperation, FreshPins), Error> {
    Err(Error::refused(
        "this ledger already has a genesis",
        "begin another ledger: name a directory that does not exist yet",
    ))
}

impl Performed for GenesisOperation {
    fn perform(
        &self,
        acting: &mut Acting<'_, '_>,
        authorities: Authorities,
        grants: &mut dyn Iterator<Item = Authorization>,
    ) -> Result<Acted, Error> {
        acting.let_join(self.installs(), authorities, grants)
    }
}
