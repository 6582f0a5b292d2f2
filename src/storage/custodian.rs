//! What a custodian remembers of ledgers on their own machine: `custodians/<ledger>-<custodian>.json` in the state
//! directory, one strict document each.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{
    fault::{failed, refused},
    state::StateRoot,
};
use crate::{
    durable::{self, DirectoryLock},
    encoding::{bounds, digest::Digest, strict, text::Name},
    ports::store::{CustodianMemory, RememberedDecision, StoreError},
};

/// How long a concurrent write is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// The custodians' part of a state directory.
#[derive(Clone)]
pub struct CustodianDirectory {
    custodians: PathBuf,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Memory {
    ledger: Digest,
    custodian: Name,
    #[serde(deserialize_with = "bounds::remembered")]
    seen: Vec<RememberedDecision>,
}

impl CustodianDirectory {
    pub fn new(root: &StateRoot) -> Result<Self, StoreError> {
        Ok(Self { custodians: root.directory("custodians")? })
    }

    fn path(&self, ledger: Digest, custodian: &Name) -> PathBuf {
        self.custodians.join(format!("{ledger}-{custodian}.json"))
    }
}

impl CustodianMemory for CustodianDirectory {
    fn seen(&self, ledger: Digest, custodian: &Name) -> Result<Vec<RememberedDecision>, StoreError> {
        Ok(read(&self.path(ledger, custodian), ledger, custodian)?.seen)
    }

    fn remember(
        &mut self,
        ledger: Digest,
        custodian: &Name,
        decided: RememberedDecision,
    ) -> Result<(), StoreError> {
        let path = self.path(ledger, custodian);
        let writing = |e: io::Error| failed("writing", &path, &e);
        let _lock = DirectoryLock::acquire(&path, PATIENCE).map_err(writing)?;
        let mut memory = read(&path, ledger, custodian)?;
        if memory.seen.contains(&decided) {
            return Ok(());
        }
        memory.seen.push(decided);
        let bytes = strict::write(&memory);
        if memory.seen.len() > bounds::REMEMBERED || bytes.len() > strict::MAX_DOCUMENT {
            let hint = "move it away, and give the last head on paper to the next approval";
            return Err(refused("writing", &path, "it would be too long to be read again", hint));
        }
        durable::replace(durable::Access::PRIVATE, &path, &bytes).map_err(writing)
    }
}

fn read(path: &Path, ledger: Digest, custodian: &Name) -> Result<Memory, StoreError> {
    let bytes = match durable::read_plain(path, strict::MAX_DOCUMENT as u64) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return Ok(Memory { ledger, custodian: custodian.clone(), seen: Vec::new() });
        }
        read => read.map_err(|e| failed("reading", path, &e))?,
    };
    let hint =
        "it guards against an older ledger: keep it as evidence, and give the last head on paper instead";
    let memory: Memory = strict::parse(&bytes)
        .map_err(|e| refused("reading", path, format!("this is not what was written there: {e}"), hint))?;
    if memory.ledger != ledger || memory.custodian != *custodian {
        return Err(refused("reading", path, "it is the memory of another custodian or ledger", hint));
    }
    Ok(memory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::store::Decision;
    use std::fs;

    fn memory() -> (tempfile::TempDir, CustodianDirectory, Digest, Name) {
        let dir = tempfile::tempdir().unwrap();
        let root = StateRoot::open(&dir.path().join("state"), &[]).unwrap();
        let memory = CustodianDirectory::new(&root).unwrap();
        (dir, memory, Digest::of(b"ledger"), Name::new("alice").unwrap())
    }

    fn decided(ceremony: u32, proposal: &str, decision: Decision) -> RememberedDecision {
        RememberedDecision { ceremony, proposal: Digest::of(proposal.as_bytes()), decision }
    }

    #[test]
    fn what_was_seen_is_remembered_once_for_each_custodian_and_ledger() {
        let (_dir, mut memory, ledger, alice) = memory();
        let (approved, rejected) = (Decision::Approval, Decision::Rejection);
        let all = [(0, "one", approved), (1, "two", approved), (1, "two", rejected), (1, "one", approved)]
            .map(|(ceremony, proposal, decision)| decided(ceremony, proposal, decision));
        assert_eq!(memory.seen(ledger, &alice).unwrap(), []);
        for each in all.iter().chain(&all) {
            memory.remember(ledger, &alice, *each).unwrap();
        }
        assert_eq!(memory.seen(ledger, &alice).unwrap(), all);
        assert_eq!(memory.seen(ledger, &Name::new("bob").unwrap()).unwrap(), []);
        assert_eq!(memory.seen(Digest::of(b"other"), &alice).unwrap(), []);
    }

    #[test]
    fn a_changed_memory_is_not_an_empty_one() {
        let (_dir, mut memory, ledger, alice) = memory();
        memory.remember(ledger, &alice, decided(0, "one", Decision::Approval)).unwrap();
        let path = memory.path(ledger, &alice);
        let good = fs::read(&path).unwrap();
        let bob = memory.path(ledger, &Name::new("bob").unwrap());
        fs::copy(&path, &bob).unwrap();
        let error = memory.seen(ledger, &Name::new("bob").unwrap()).unwrap_err();
        assert!(error.reason.contains("another custodian"), "{error}");
        for bad in [&good[..good.len() - 1], b"", b"{}", &[good.as_slice(), b"\n"].concat()] {
            fs::write(&path, bad).unwrap();
            assert!(memory.seen(ledger, &alice).is_err());
            assert!(memory.remember(ledger, &alice, decided(1, "two", Decision::Approval)).is_err());
            assert_eq!(fs::read(&path).unwrap(), bad);
        }
    }
}
