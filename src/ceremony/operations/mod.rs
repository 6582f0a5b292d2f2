//! The operations, each in a file of its own: how it is proposed and pinned, and how it acts.
//!
//! The list is in `roster::operation`.

mod performed;

use crate::{
    proposal::operations::{Operation, Plan},
    roster::operations,
};
pub(super) use performed::{Performed, Pinned, Proposing};

macro_rules! dispatch {
    ($($kind:ident $module:ident $payload:ident $plan:ident $name:literal $governing:ident;)*) => {
        $(mod $module;)*

        pub(super) fn propose(proposing: &mut Proposing<'_, '_>, plan: &Plan) -> Pinned<Operation> {
            match plan {
                $(Plan::$kind(plan) => {
                    let (operation, pins) = $module::propose(proposing, plan)?;
                    Ok((Operation::$kind(operation), pins))
                })*
            }
        }

        /// An operation at the station.
        pub(super) fn performed(operation: &Operation) -> &dyn Performed {
            match operation {
                $(Operation::$kind(operation) => operation,)*
            }
        }
    };
}
operations!(dispatch);
