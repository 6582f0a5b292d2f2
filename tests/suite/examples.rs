//! The scripts in `examples/`, run as they are.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use crate::support::softhsm;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

#[test]
fn the_example_scripts_end_with_a_verified_audit_and_the_key_gone() {
    let hsm = softhsm::SoftHsm::new();
    let dir = tempfile::tempdir().unwrap();
    let script = read("examples/quorum-from-nothing.sh") + &read("examples/programs.sh");
    fs::write(dir.path().join("script"), script).unwrap();
    let programs = Path::new(env!("CARGO_BIN_EXE_quorate")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let output = Command::new("bash")
        .arg("script")
        .current_dir(dir.path())
        .env("PATH", path)
        .env("SOFTHSM2_CONF", hsm.conf())
        .env("EXAMPLES", root().join("ceremonies"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let prose = fs::read_to_string(dir.path().join("prose.log")).unwrap_or_default();
    assert!(output.status.success(), "{said}\n{complained}\n{prose}");
    assert!(said.contains("VERIFIED"), "{said}");
    let public = hsm.tool(&["--token-label", "root-2026", "--list-objects"]);
    assert!(!public.contains("root-2019") && public.contains("root-2026"), "{public}");
    assert!(said.contains("verify OK") && said.contains("Signature Verified Successfully"), "{said}");
}
