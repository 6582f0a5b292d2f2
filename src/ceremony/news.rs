//! What became of a target's objects since the ledger recorded them, outside of any ceremony: reported to the people present, and
//! counted in the outcome.

use super::acting::Acted;
use crate::{
    ports::token::Attempt,
    proposal::{
        identity::{Matching, matching},
        operations::{DeleteOperation, Operation},
        target::ObjectRecord,
    },
};

/// Lines of each kind that are told; the inventories have all of it.
const MOST: usize = 20;

pub(super) struct News {
    counted: Vec<String>,
    lines: Vec<String>,
}

/// Compares what was there before an operation with the last inventory. What an earlier run of the same operation may have
/// done is not reported.
pub(super) fn since(
    recorded: &[ObjectRecord],
    before: &[ObjectRecord],
    operation: &Operation,
    run: Attempt,
) -> News {
    let mut found = matching(recorded, before);
    if run == Attempt::Resumed {
        found = without_own_work(found, operation);
    }
    let mut news = News { counted: Vec::new(), lines: Vec::new() };
    news.add("gone", found.gone.iter().map(ToString::to_string).collect());
    news.add("new", found.come.iter().map(ToString::to_string).collect());
    let changed = found.changed().map(|(was, is)| format!("{is}: {}", difference(was, is)));
    news.add("changed", changed.collect());
    news
}

fn without_own_work<'a>(found: Matching<'a>, operation: &'a Operation) -> Matching<'a> {
    match operation {
        Operation::Delete(DeleteOperation { objects, .. }) => Matching {
            gone: matching(found.gone, objects).gone,
            same: found.same.into_iter().filter(|(was, is)| was.extractable != is.extractable).collect(),
            come: found.come,
        },
        // Its own outcome lists those that it made.
        Operation::Restore(_) => Matching { come: Vec::new(), ..found },
        Operation::Use(_) => Matching::default(),
        _ => found,
    }
}

/// What the token now reports differently about one object.
fn difference(was: &ObjectRecord, is: &ObjectRecord) -> String {
    let mut said = Vec::new();
    if was.extractable != is.extractable {
        let word = |extractable: Option<bool>| extractable.map_or("not told".into(), |e| e.to_string());
        said.push(format!("CKA_EXTRACTABLE was {}, is {}", word(was.extractable), word(is.extractable)));
    }
    match (was.evidence, is.evidence) {
        (Some(was), None) => said.push(format!("the {} beside it is gone", was.source)),
        (None, Some(is)) => said.push(format!("a {} lies beside it now", is.source)),
        (Some(_), Some(now)) if was.is_contradicted_by(is) => {
            said.push(format!("the {} beside it is another key's than before", now.source));
        }
        _ => {}
    }
    if !was.is_same_object(is) {
        said.push("the token reports more or less about it than before".into());
    }
    if said.is_empty() { "another object shows its public half now".into() } else { said.join("; ") }
}

impl News {
    fn add(&mut self, what: &str, objects: Vec<String>) {
        if objects.is_empty() {
            return;
        }
        self.counted.push(format!("{} {what}", objects.len()));
        let more = objects.len().saturating_sub(MOST);
        self.lines
            .extend(objects.into_iter().take(MOST).map(|o| format!("{what} since the last inventory: {o}")));
        if more > 0 {
            self.lines.push(format!("{what} since the last inventory: {more} more, see the inventories"));
        }
    }

    /// Adds it to an outcome.
    pub(super) fn tell(self, acted: &mut Acted) {
        if !self.counted.is_empty() {
            let counted = self.counted.join(", ");
            acted.summary = format!("{}; since the last inventory: {counted}", acted.summary);
            acted.noticed.extend(self.lines);
        }
    }
}
