//! Two targets, side by side.

use super::{
    Passage, Row,
    keys::{Shape, Shaped, account},
};
use crate::{
    encoding::text::Name,
    proposal::{
        comparison::{Evidence, Sameness},
        target::ObjectRecord,
    },
};

account! {
    /// What the comparison of two targets came to.
    of "compare" pub struct TargetsCompared {
        /// the first target
        pub one: Name,
        /// the second
        pub other: Name,
        /// of both as a whole
        pub verdict: Alike,
        /// for both, the ceremony whose inventory was compared
        pub recorded: [u32; 2],
        /// whether the tokens were looked at as well
        pub looked: bool,
        /// object by object
        pub objects: Vec<ObjectCompared>,
        /// what a token shows now against its inventory, in words
        pub changes: Vec<String>,
    }

    /// One object on two targets.
    pub struct ObjectCompared {
        /// as the first target has it, or the second alone
        pub object: ObjectRecord,
        /// what came out
        pub verdict: Sameness,
        /// what shows it; null if it is not the same
        pub by: Option<Evidence>,
    }
}

/// Two targets as a whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Alike {
    /// Both are known to have the same objects.
    Same,
    /// Each has an object that the other has not, or one has changed since.
    Different,
    /// Nothing shows a difference, and of some objects nothing shows that they are the same.
    Unknown,
}

impl Shaped for Alike {
    fn shape() -> Shape {
        Shape::Words(vec!["same", "different", "unknown"])
    }
}

impl TargetsCompared {
    pub fn passages(&self) -> Vec<Passage> {
        let [first, second] = self.recorded;
        let (one, other) = (&self.one, &self.other);
        let mut rows = vec![Row::text(format!(
            "{one} as ceremony {first} recorded it, and {other} as ceremony {second} did."
        ))];
        rows.extend(self.objects.iter().map(|c| Row::Item(format!("{}: {}", self.in_words(c), c.object))));
        rows.extend(self.changes.iter().map(|change| Row::Item(format!("changed since: {change}"))));
        rows.push(Row::text(match self.verdict {
            Alike::Same => "Both have the same objects.",
            Alike::Different => "They do not have the same objects.",
            Alike::Unknown => "They are not known to have the same objects.",
        }));
        if self.objects.iter().any(|c| matches!(c.by, Some(Evidence::PublicKey | Evidence::CheckValue))) {
            rows.push(Row::text(
                "What is the same by public key or check value is so by the tokens' own claim. That a token can use a key \
                 is proven by the ceremony that restores it there.",
            ));
        }
        vec![Passage::plain(rows)]
    }

    fn in_words(&self, compared: &ObjectCompared) -> String {
        match (compared.verdict, compared.by) {
            (Sameness::Same, Some(Evidence::Restore)) => "the same, proven when it was restored".into(),
            (Sameness::Same, Some(Evidence::PublicKey)) => "the same public key".into(),
            (Sameness::Same, Some(Evidence::CheckValue)) => "the same check value".into(),
            (Sameness::Same, _) => "the same value".into(),
            (Sameness::OnlyInOne, _) => format!("ONLY IN {}", self.one),
            (Sameness::OnlyInOther, _) => format!("ONLY IN {}", self.other),
            (Sameness::Differs, _) => "ANOTHER OBJECT of this id or label".into(),
            (Sameness::Unknown, _) if compared.object.evidence.is_some() => {
                "in both by name, and NOT KNOWN to be the same: what lies beside a private key proves nothing"
                    .into()
            }
            (Sameness::Unknown, _) => "in both by name, and NOT KNOWN to be the same".into(),
        }
    }
}
