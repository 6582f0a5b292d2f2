//! The child process: one module, one job, one result.

use std::io;

use super::{
    backup, deletion,
    fault::Outcome,
    installation,
    link::{ParentLink, Secrets},
    module::Module,
    objects, probe,
    protocol::{Job, Message, Reply, Request, SecretRole},
    renewal, report, reset, restoration,
    session::{Session, Who},
    slots,
};
use crate::proposal::target::Inventory;

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

fn perform(module: &Module<'_>, job: &Job, secrets: &Secrets) -> Outcome<Reply> {
    let select = &job.select;
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
            session.login(Who::User, secrets.need(SecretRole::UserPin)?)?;
            let objects = objects::records(&objects::all(&session)?);
            Ok(Reply::Inventory(Inventory { identity: place.identity(module), objects }))
        }
        Request::Install { run, label: Some(label) } => {
            installation::on_empty(module, select, *run, label, secrets).map(Reply::Token)
        }
        Request::Install { run, label: None } => {
            installation::in_use(module, select, *run, secrets).map(Reply::Token)
        }
        Request::ChangePin => {
            renewal::change_user_pin(module, select, secrets)?;
            Ok(Reply::Pin)
        }
        Request::ProvePin { holder } => {
            renewal::prove_pin(module, select, *holder, secrets)?;
            Ok(Reply::Pin)
        }
        Request::Delete { run, objects } => {
            deletion::delete(module, select, *run, secrets.need(SecretRole::UserPin)?, objects)
                .map(Reply::Deletion)
        }
        Request::Reset { run, new_label } => {
            reset::reset(module, select, *run, new_label, secrets).map(Reply::Token)
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
