//! The operations, each in a file of its own: what a plan and a proposal say about it, and what must be true of both.
//!
//! The list is in `roster::operation`; here it becomes the two enums, and the ways from one of their values to its file.

pub mod record;
pub mod rules;

use serde::{Deserialize, Serialize};

use super::{
    plan::{Heading, PlanTable, all_shown, from_toml},
    plan_error::PlanError,
    sections::Section,
    target::ObjectRecord,
};
use crate::{
    encoding::{bounds, by_kind::by_kind, text::Name},
    roster::{OperationKind, operations},
};
use rules::{Difference, Facts, Payload, Planned as _};

macro_rules! enums {
    ($($kind:ident $module:ident $payload:ident $plan:ident $name:literal $governing:ident;)*) => {
        $(
            pub mod $module;
            pub use $module::{$payload, $plan};
        )*

        by_kind! {
        /// What is done, once, with everything that it touches pinned.
        pub enum Operation {
            $($kind($payload),)*
        }
        }

        /// A plan, parsed; names of files are not opened here.
        #[derive(Clone, Debug)]
        pub enum Plan {
            $($kind(Box<$plan>),)*
        }

        /// What is true of every operation of a kind.
        pub fn facts(kind: OperationKind) -> &'static Facts {
            match kind {
                $(OperationKind::$kind => &$module::FACTS,)*
            }
        }

        impl Operation {
            pub fn kind(&self) -> OperationKind {
                match self {
                    $(Self::$kind(_) => OperationKind::$kind,)*
                }
            }
        }

        /// What is asked of it is answered in its file.
        impl std::ops::Deref for Operation {
            type Target = dyn Payload;

            fn deref(&self) -> &Self::Target {
                match self {
                    $(Self::$kind(payload) => payload,)*
                }
            }
        }

        impl Plan {
            fn read(kind: OperationKind, text: &str) -> Result<Self, PlanError> {
                Ok(match kind {
                    $(OperationKind::$kind => Self::$kind(from_toml(text)?),)*
                })
            }

            pub fn kind(&self) -> OperationKind {
                match self {
                    $(Self::$kind(_) => OperationKind::$kind,)*
                }
            }

            fn table(&self) -> &dyn PlanTable {
                match self {
                    $(Self::$kind(plan) => plan.as_ref(),)*
                }
            }

            /// Whether an operation does what the plan says, field by field.
            pub fn agrees_with(&self, operation: &Operation) -> Result<(), Difference> {
                match (self, operation) {
                    $((Self::$kind(plan), Operation::$kind(operation)) => operation.agrees_with(plan),)*
                    _ => Err("kind"),
                }
            }

            /// Whether it says that another file is taken for the target's module, or for its program.
            pub fn replaces_module(&self, operation: &Operation) -> bool {
                match (self, operation) {
                    $((Self::$kind(plan), Operation::$kind(operation)) => operation.replaces_module(plan),)*
                    _ => false,
                }
            }

            /// Whether it means what an operation pins, and nothing else of what is on record.
            pub fn means(&self, operation: &Operation, recorded: &[ObjectRecord]) -> Result<(), Difference> {
                match (self, operation) {
                    $((Self::$kind(plan), Operation::$kind(operation)) => operation.is_meant_by(plan, recorded),)*
                    _ => Err("kind"),
                }
            }

            /// An operation that agrees with it in words.
            pub(super) fn briefing(&self, operation: &Operation) -> Vec<Section> {
                match (self, operation) {
                    $((Self::$kind(plan), Operation::$kind(operation)) => operation.briefing(plan),)*
                    _ => Vec::new(),
                }
            }
        }
    };
}
operations!(enums);

impl Operation {
    /// What is true of every operation of this kind.
    pub fn facts(&self) -> &'static Facts {
        facts(self.kind())
    }

    /// The targets that it touches itself; which ones a recovery touches, the ledger tells.
    pub fn touches(&self) -> Vec<&Name> {
        let joining = self.installs().iter().map(|target| &target.name);
        let named = self.target().filter(|_| self.facts().touches_target);
        joining.chain(named.map(|(name, _)| name)).collect()
    }
}

#[derive(Deserialize)]
struct KindOnly {
    kind: OperationKind,
}

fn text(bytes: &[u8]) -> Result<&str, PlanError> {
    if bytes.len() > bounds::PLAN {
        return Err(PlanError::new(format!(
            "{} bytes, more than the {} of the longest plan",
            bytes.len(),
            bounds::PLAN
        )));
    }
    std::str::from_utf8(bytes).map_err(|_| PlanError::new("not UTF-8 text"))
}

impl Plan {
    /// Parses a plan. Unknown fields, missing ones and wrong types are errors with line and column.
    pub fn parse(bytes: &[u8]) -> Result<Self, PlanError> {
        let plan = Self::shaped(text(bytes)?)?;
        plan.mistakes().into_iter().next().map_or(Ok(plan), Err)
    }

    /// A plan that may have [mistakes](Self::mistakes).
    fn shaped(text: &str) -> Result<Self, PlanError> {
        let KindOnly { kind } = from_toml(text)?;
        Self::read(kind, text)
    }

    /// Parses a plan that is to be proposed: one that is what it looks like. A ledger may have others. What it must fulfil beyond
    /// its shape is for the caller to ask, so that all of it can be said at once.
    /// Gives its text too, which is signed.
    pub fn proposed(bytes: &[u8]) -> Result<(Self, &str), PlanError> {
        let text = text(bytes)?;
        let plan = Self::shaped(text)?;
        all_shown(text)?;
        Ok((plan, text))
    }

    /// What cannot be meant.
    pub fn mistakes(&self) -> Vec<PlanError> {
        self.heading().check().err().into_iter().chain(self.table().mistakes()).collect()
    }

    /// Title and times.
    pub fn heading(&self) -> Heading<'_> {
        self.table().heading()
    }

    /// Whether it leaves a held user PIN as it is, although its target has seen it.
    pub fn keeps_pins(&self) -> bool {
        self.table().keeps_pins()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELETE: &str = "kind = \"delete\"\ntitle = \"t\"\nexpires_in_hours = 1\ntarget = \"hsm\"\n";

    #[test]
    fn an_unknown_field_is_named_with_its_place() {
        let text = format!("{DELETE}colour = 1\n[[objects]]\nclass = \"data\"\nlabel = \"x\"\n");
        let error = Plan::parse(text.as_bytes()).unwrap_err();
        assert_eq!((error.line, error.column), (Some(5), Some(1)));
        assert!(error.message.contains("colour"), "{error}");
        assert_eq!(error.excerpt, ["  |", "5 | colour = 1", "  | ^^^^^^"]);
    }

    #[test]
    fn a_misspelled_word_is_answered_with_the_one_that_was_meant() {
        let objects = "[[objects]]\nclass = \"data\"\nlabel = \"x\"\n";
        for (from, to, message) in [
            ("target", "tarhet", "unknown field `tarhet`; did you mean `target`?"),
            ("\"delete\"", "\"delet\"", "unknown variant `delet`; did you mean `delete`?"),
            ("\"data\"", "\"dat\"", "unknown variant `dat`; did you mean `data`?"),
        ] {
            let text = format!("{DELETE}{objects}").replace(from, to);
            assert_eq!(Plan::parse(text.as_bytes()).unwrap_err().message, message);
        }
    }

    #[test]
    fn what_may_be_a_pin_is_not_shown_and_a_line_that_fits_no_screen_neither() {
        for text in ["8273645\n", "pin = 8273645 x\n", &format!("{DELETE}x{} = 1 2\n", "x".repeat(99))] {
            let error = Plan::parse(text.as_bytes()).unwrap_err();
            assert_eq!(error.excerpt, Vec::<String>::new(), "{error}");
            assert!(!error.message.contains("8273645"), "{error}");
        }
    }

    #[test]
    fn what_shows_nothing_is_not_proposed() {
        let plan = format!("{DELETE}[[objects]]\nclass = \"data\"\nlabel = \"x\"\n");
        assert!(Plan::proposed(plan.as_bytes()).is_ok());
        for hidden in ["\u{a0}", "\u{3000}", "\u{2800}", "\u{1d173}", &"\u{301}".repeat(5)] {
            let error =
                Plan::proposed(plan.replace("\"x\"", &format!("\"x{hidden}\"")).as_bytes()).unwrap_err();
            assert_eq!(error.line, Some(7), "{error}");
            assert!(error.excerpt[0].contains(r"\u{"), "{error:?}");
        }
        assert_eq!(Plan::proposed(format!("\u{feff}{plan}").as_bytes()).unwrap_err().line, Some(1));
        assert!(Plan::proposed(plan.replace("\"x\"", r#""x\u00A0""#).as_bytes()).is_ok(), "it shows");
    }

    #[test]
    fn a_plan_has_its_bound_and_its_hours() {
        let refused = |text: &str| Plan::parse(text.as_bytes()).unwrap_err().to_string();
        let longest =
            format!("{} bytes, more than the {} of the longest plan", bounds::PLAN + 1, bounds::PLAN);
        assert_eq!(refused(&" ".repeat(bounds::PLAN + 1)), longest);
        assert!(refused(&" ".repeat(bounds::PLAN)).contains("missing field `kind`"));
        let objects = "[[objects]]\nclass = \"data\"\nlabel = \"x\"\n";
        let endless = format!("{DELETE}{objects}").replace("_hours = 1", "_hours = 0");
        assert!(refused(&endless).contains("expires_in_hours"), "{}", refused(&endless));
    }

    #[test]
    fn empty_lists_are_refused() {
        let error = Plan::parse(format!("{DELETE}objects = []\n").as_bytes()).unwrap_err();
        assert!(error.message.contains("objects is empty"));
    }

    #[test]
    fn a_deeply_nested_plan_is_an_error_and_no_crash() {
        let text = format!("{DELETE}objects = {}\n", "[".repeat(100_000));
        assert!(Plan::parse(text.as_bytes()).is_err());
        let text = format!("{DELETE}{} = 1\n", vec!["a"; 100_000].join("."));
        assert!(Plan::parse(text.as_bytes()).is_err());
    }

    #[test]
    fn names_are_no_paths() {
        let text = DELETE.replace("\"hsm\"", "\"../../etc/passwd\"")
            + "[[objects]]\nclass = \"data\"\nlabel = \"x\"\n";
        assert!(Plan::parse(text.as_bytes()).unwrap_err().message.contains("is not a name"));
    }
}
