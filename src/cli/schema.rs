//! `quorate schema`.

use super::{
    args::{Global, Schema},
    done::Done,
    terminal,
    verbs::{VERBS, VerbTable},
};
use crate::{
    account::{acts::SchemaOfVerb, listed},
    ceremony::Error,
    encoding::text,
};

/// Prints the JSON Schema of what a verb prints with `--json`.
pub fn run(args: &Schema, global: &Global) -> Result<Done, Error> {
    let verb = args.verb.join(" ");
    let table = VerbTable::of(&verb).ok_or_else(|| {
        let known = listed(VERBS.iter().map(|table| table.verb));
        Error::usage(
            format!("{} is not a verb of quorate", text::printable(&verb)),
            format!("name one of these: {known}"),
        )
    })?;
    let schema = table.schema();
    if !global.json {
        terminal::raw(format!("{schema:#}\n").as_bytes());
    }
    Ok(Done::ok(SchemaOfVerb { verb, schema }))
}
