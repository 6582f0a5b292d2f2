//! The child process: one module, one job, one result.

use std::io;

use super::{
    backup,
    calls::Selected,
    fault::CallResult,
    link::{ParentLink, Secrets},
    module::Module,
    objects, probe,
    protocol::{Job, Message, Reply, Request, SecretRole},
    report, restoration,
    session::Session,
    slots,
};
use crate::{
    administration::{self, Session as _},
    ports::token::{Condition, Installation, PinChange, PinHolder, Reset},
    proposal::target::Inventory,
};

/// Runs as the worker. The result goes to the parent as a message; an error here says that there is no
/// parent: a person has typed the hidden verb.
pub fn worker_main() -> io::Result<()> {
    let link = ParentLink::inherited()?;
    let (job, secrets) = link.receive()?;
    let module = match Module::load(&link, &job.module, job.module_sha256) {
        Ok(module) => module,
        Err(fault) => {
            let _ = link.send(&Message::Failed(fault.into_error(false)));
            return Ok(());
        }
    };
    let result = perform(&module, &job, &secrets);
    drop(secrets);
    let _ = link.send(&link.spent());
    let _ = link.send(&match result {
        Ok(reply) => Message::Done(reply),
        Err(fault) => Message::Failed(fault.into_error(link.has_changed())),
    });
    module.finalize();
    Ok(())
}

fn perform(module: &Module<'_>, job: &Job, secrets: &Secrets) -> CallResult<Reply> {
    let select = &job.select;
    let selected = Selected { module, select };
    match &job.request {
        Request::List => slots::list(module).map(Reply::Slots),
        Request::Report { which, depth } => report::report(module, which, *depth).map(Reply::Report),
        Request::Lacks => probe::lacks(module, &slots::find(module, select)?).map(Reply::Lacks),
        Request::Observe => {
            let place = slots::find(module, select)?;
            slots::observe(module, &place).map(Reply::Observation)
        }
        Request::Inventory => {
            let place = slots::find(module, select)?;
            let session = Session::to_read(module, place.slot)?;
            session.login(PinHolder::User, secrets.need(SecretRole::UserPin)?)?;
            let objects = objects::records(&objects::all(&session)?);
            Ok(Reply::Inventory(Inventory { identity: place.identity(module), objects }))
        }
        Request::Install { run, label } => {
            let present_so_pin = secrets.pin(SecretRole::PresentSoPin);
            let condition = match label {
                Some(label) => Condition::Empty { label },
                None => Condition::InUse { present_so_pin },
            };
            let installation = Installation {
                run: *run,
                condition,
                new_so_pin: secrets.pin(SecretRole::NewSoPin),
                new_user_pin: secrets.pin(SecretRole::NewUserPin),
            };
            administration::install(&selected, &installation).map(Reply::Token)
        }
        Request::ChangePins { by } => {
            let user_pin = secrets.need(SecretRole::NewUserPin)?;
            let change = match by {
                PinHolder::User => {
                    PinChange::ByUser { present: secrets.need(SecretRole::UserPin)?, new: user_pin }
                }
                PinHolder::SecurityOfficer => PinChange::ByOfficer {
                    present: secrets.need(SecretRole::PresentSoPin)?,
                    new: secrets.pin(SecretRole::NewSoPin),
                    user_pin,
                },
            };
            administration::change_pins(&selected, &change).map(|()| Reply::Pin)
        }
        Request::ProvePin { holder } => {
            let pin = secrets.need(match holder {
                PinHolder::SecurityOfficer => SecretRole::PresentSoPin,
                PinHolder::User => SecretRole::UserPin,
            })?;
            administration::prove_pin(&selected, *holder, pin).map(|()| Reply::Pin)
        }
        Request::Delete { run, objects } => {
            let user_pin = secrets.need(SecretRole::UserPin)?;
            administration::delete(&selected, user_pin, objects, *run, &mut module.link())
                .map(Reply::Deletion)
        }
        Request::Reset { run, new_label } => {
            let reset = Reset {
                run: *run,
                so_pin: secrets.need(SecretRole::PresentSoPin)?,
                new_label,
                new_so_pin: secrets.need(SecretRole::NewSoPin)?,
                new_user_pin: secrets.need(SecretRole::NewUserPin)?,
            };
            administration::reset(&selected, &reset).map(Reply::Token)
        }
        Request::Backup => {
            backup::backup(module, select, secrets.need(SecretRole::UserPin)?, secrets.need_backup_key()?)
                .map(Reply::Exported)
        }
        Request::Restore { total } => restoration::restore(
            module,
            select,
            secrets.need(SecretRole::UserPin)?,
            secrets.need_backup_key()?,
            *total,
        )
        .map(Reply::Restored),
    }
}
