//! One approved ceremony, executed once for each fault of its module.

use std::fs;

use tempfile::TempDir;

use super::{founded, quorum::Quorum, softhsm::FaultyModule};

/// Function, which of its calls in a process, kind of fault, and the exit code.
pub type Fault = (&'static str, u32, &'static str, i32);

/// A quorum's folder and tokens as they were.
pub struct Moment {
    folder: TempDir,
    tokens: TempDir,
}

impl Quorum {
    /// What there is now, to come [`back_to`](Self::back_to) at the same place: a module's path is part of the ledger.
    pub fn moment(&self) -> Moment {
        let moment = Moment { folder: tempfile::tempdir().unwrap(), tokens: tempfile::tempdir().unwrap() };
        founded::copy(self.dir.path(), moment.folder.path());
        founded::copy(&self.hsm().tokens(), moment.tokens.path());
        moment
    }

    pub fn back_to(&self, moment: &Moment) {
        for (then, place) in [(&moment.folder, self.dir.path()), (&moment.tokens, &self.hsm().tokens())] {
            for entry in fs::read_dir(place).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
            }
            founded::copy(then.path(), place);
        }
    }

    /// Has the approved ceremony executed with each fault, looks at what is said and recorded, executes again without it, and looks
    /// at what came of it. `present`: options of each execution.
    pub fn survives(
        &self,
        module: &FaultyModule,
        faults: &[Fault],
        present: &[String],
        mut ended: impl FnMut(&Fault),
    ) {
        let moment = self.moment();
        for fault in faults {
            let (function, nth, kind, code) = *fault;
            let limit = if kind == "hang" { "1" } else { "60" };
            let args = [present, &["--module-timeout".to_owned(), limit.to_owned()]].concat();
            module.order(function, nth, kind);
            let ran = self.execute_with(&args);
            module.behave();
            assert_eq!(ran.code, Some(code), "{fault:?}: {}{}", ran.stdout, ran.stderr);
            if code != 0 {
                // Before the intent nothing is tried, and nothing recorded.
                assert_eq!(self.events("attempted"), usize::from(code != 1), "{fault:?}");
                let again = self.execute_with(present);
                assert_eq!(again.code, Some(0), "{fault:?}: {}", again.stderr);
                assert_eq!(again.text("outcome"), "completed", "{fault:?}");
            }
            ended(fault);
            self.back_to(&moment);
        }
    }
}
