//! A genesis: proposed where no ledger is yet, see `ceremony::genesis`.

use crate::{
    ceremony::{
        Error,
        acting::{Acted, Acting, Granted},
        operations::performed::{Performed, Pinned, Proposing},
    },
    proposal::operations::{GenesisOperation, GenesisPlan, rules::Payload as _},
};

pub(super) fn propose(_: &mut Proposing<'_, '_>, _: &GenesisPlan) -> Pinned<GenesisOperation> {
    Err(Error::refused(
        "this ledger already has a genesis",
        "begin another ledger: name a directory that does not exist yet",
    ))
}

impl Performed for GenesisOperation {
    fn perform(&self, acting: &mut Acting<'_, '_>, granted: Granted) -> Result<Acted, Error> {
        acting.let_join(self.installs(), granted)
    }
}
