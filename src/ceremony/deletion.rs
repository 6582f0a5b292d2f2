//! A deletion in the act. What counts is what is seen afterwards, and that the key is nowhere under another name.

use super::act::{Acted, Acting};
use crate::{
    approval::authorization::Authorization,
    encoding::text::Name,
    memory::Pin,
    ports::token::{Deletion, Effect, Run, Token, TokenError},
    proposal::{
        choice,
        identity::matching,
        target::{Inventory, ObjectRecord},
    },
    transcript::{event::TargetState, outcome::Outcome},
};

impl Acting<'_, '_> {
    /// Deletes the pinned objects and looks.
    pub(super) fn delete(
        &mut self,
        token: &mut dyn Token,
        name: &Name,
        user_pin: &Pin,
        objects: &[ObjectRecord],
        before: &Inventory,
        grant: Authorization,
    ) -> Acted {
        let what = format!("delete on {name}");
        let result = token.delete(grant, user_pin, objects, self.run, self.world.progress);
        let after = match token.inventory(user_pin) {
            Ok(after) if after.identity == before.identity => after,
            Ok(_) => {
                return Acted::new(
                    Outcome::Indeterminate,
                    format!("{what}: afterwards another token answers"),
                );
            }
            Err(error) => {
                let mut acted = Acted::after_error(&what, &error);
                if let Err(first) = &result {
                    acted.summary =
                        format!("{what}: {first}; and afterwards it cannot be looked at: {error}");
                }
                return acted;
            }
        };
        let recorded = self.state.recorded(name);
        let mut acted = judge(&what, &result, objects, (recorded, before, &after), self.run);
        match result {
            Ok(deletion) => acted.left_out = deletion.remaining,
            Err(error) if !acted.is_completed() => acted.advise(&error.hint),
            Err(_) => {}
        }
        acted.targets = vec![TargetState { name: name.clone(), inventory: Some(after) }];
        acted
    }
}

/// Completed only if the token said so and the look agrees: each pinned object was there, is not there now, nor is its key
/// under a name that was not on record, and nothing else is missing.
fn judge(
    what: &str,
    result: &Result<Deletion, TokenError>,
    objects: &[ObjectRecord],
    (recorded, before, after): (&[ObjectRecord], &Inventory, &Inventory),
    run: Run,
) -> Acted {
    let untouched = matches!(result, Err(error) if error.effect == Effect::None) && run == Run::First;
    let left = choice::survivors(recorded, objects, &after.objects);
    let mut gone = if untouched { Vec::new() } else { matching(objects, left).gone };
    if run == Run::First {
        gone = matching(gone, &before.objects).same.into_iter().map(|(pinned, _)| pinned).collect();
    }
    let found = matching(objects, &after.objects).same;
    let contradicted = found.iter().find(|(pinned, now)| pinned.is_contradicted_by(now)).map(|(_, now)| now);
    let others = matching(&before.objects, objects).gone;
    let vanished = matching(others, &after.objects).gone;
    let (have, total) = (gone.len(), objects.len());
    let reason = result.as_ref().err().map(|e| format!(": {e}")).unwrap_or_default();
    let clean = result.as_ref().is_ok_and(|deletion| deletion.remaining.is_empty());
    let mut acted = if !vanished.is_empty() {
        let list = vanished.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        Acted::new(Outcome::Indeterminate, format!("{what}: objects that were to stay are gone: {list}"))
    } else if clean && have == total {
        let others = after.objects.len();
        let earlier = match result.as_ref().map(|deletion| deletion.already_gone.len()) {
            Ok(0) | Err(_) => String::new(),
            Ok(count) => format!(" ({count} were before this run)"),
        };
        let summary = format!("gone: {have} of {total} objects{earlier}; not touched: {others}");
        Acted::new(Outcome::Completed, format!("{what}: {summary}"))
    } else if have == total {
        let summary = format!("all {total} objects are gone, but the token reported{reason}");
        Acted::new(Outcome::Indeterminate, format!("{what}: {summary}"))
    } else if let Some(doubtful) = contradicted.filter(|_| run == Run::Resumed) {
        let summary = format!("whether {doubtful} is the one that was approved is not known{reason}");
        Acted::new(Outcome::Indeterminate, format!("{what}: {summary}"))
    } else if have == 0 {
        Acted::new(Outcome::Failed, format!("{what}: none of {total} objects was deleted{reason}"))
    } else {
        let summary = format!("{have} of {total} objects are gone, the others are not{reason}");
        Acted::new(Outcome::Indeterminate, format!("{what}: {summary}"))
    };
    acted.deleted = gone.into_iter().cloned().collect();
    acted
}
