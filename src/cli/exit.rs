//! Exit codes.

use std::process::ExitCode;

use crate::{account::verdict::Verdict, ceremony::ErrorKind, transcript::outcome::Outcome};

/// How the command ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// 0: completed or verified.
    Done,
    /// 1: something did not work.
    Error,
    /// 2: the command line.
    Usage,
    /// 3: a rule forbids it, or findings.
    Refused,
    /// 4: tried, and seen not to have happened.
    Failed,
    /// 5: the target's state is unknown.
    Indeterminate,
    /// 6: too few approvals yet, or an audit that finds nothing wrong and is not pinned.
    Incomplete,
    /// 130: somebody pressed Ctrl-C.
    Interrupted,
}

impl Exit {
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Error => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::Failed => 4,
            Self::Indeterminate => 5,
            Self::Incomplete => 6,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

impl From<ErrorKind> for Exit {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Problem | ErrorKind::Defect => Self::Error,
            ErrorKind::Usage => Self::Usage,
            ErrorKind::Refused => Self::Refused,
            ErrorKind::Failed => Self::Failed,
            ErrorKind::Indeterminate => Self::Indeterminate,
            ErrorKind::Incomplete => Self::Incomplete,
            ErrorKind::Interrupted => Self::Interrupted,
        }
    }
}

impl From<Outcome> for Exit {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Completed => Self::Done,
            Outcome::Refused => Self::Refused,
            Outcome::Failed => Self::Failed,
            Outcome::Indeterminate => Self::Indeterminate,
        }
    }
}

impl From<Verdict> for Exit {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Verified => Self::Done,
            Verdict::Unpinned => Self::Incomplete,
            Verdict::Contradicted | Verdict::NotYourPaper | Verdict::Broken | Verdict::NotALedger => {
                Self::Refused
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ceremony::{Code, Error};

    /// It is neither a refusal, which a plan could put right, nor a word about the target; and no command puts it right.
    #[test]
    fn a_defect_is_an_error_of_its_own_and_is_to_be_reported() {
        let error = Error::defect("the intent names no target");
        assert_eq!((Exit::from(error.kind).code(), error.code), (1, Code::Defect));
        assert!(
            error.hint.contains("defect of quorate") && error.hint.contains("report it"),
            "{}",
            error.hint
        );
        assert!(!error.hint.contains("audit"), "{}", error.hint);
    }
}
