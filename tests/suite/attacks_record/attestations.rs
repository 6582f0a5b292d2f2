//! An audit prints what people attested. Which attestations count is tested in `src/transcript/tests/attestations.rs`.

use super::{codes, quorate};
use crate::support::forge::Forge;

#[test]
fn the_audit_prints_them() {
    let mut forge = Forge::new();
    let (proposal, lines) = forge.complete_delete();
    let disagrees = forge.sign("grace", &forge.attestation(&proposal, &lines, "grace", false)).write();
    forge.files[1].attestations = vec![("0.json".into(), disagrees), ("1.json".into(), b"nonsense".to_vec())];
    let dir = tempfile::tempdir().unwrap();
    let ledger = dir.path().join("ledger");
    forge.write(&ledger);
    let state = forge.state();
    let (genesis, head) = (state.genesis.to_string(), state.head().unwrap().to_string());
    let done =
        quorate(&["audit", "--json", ledger.to_str().unwrap(), "--genesis", &genesis, "--head", &head])
            .expect(3);
    assert_eq!(done.text("verdict"), "contradicted");
    let warnings = codes(&done, "warning");
    assert!(warnings.contains(&"attestation-bad".into()), "{warnings:?}");
    assert_eq!(codes(&done, "objection"), ["attestation-disagrees"]);
    assert!(codes(&done, "note").contains(&"station-word-only".into()));
    assert!(done.stderr.contains("it smoked") && done.stderr.contains("1.json"), "{}", done.stderr);
}
