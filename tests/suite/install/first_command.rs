//! The first command works where users are: an ordinary user with the default limit of locked memory, on a machine with swap
//! (what the kernel lists is played), and root in a container, who has no capability that counts.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output},
};

/// The default of systemd, and of the kernel since 5.16.
const DEFAULT_LIMIT: &str = "8192";
const SWAPS: &str = "Filename\tType\tSize\tUsed\tPriority\n/dev/zram0\tpartition\t8388604\t0\t100\n";
const NOBODY: &str = "65534";

/// A folder with the program and the Makefile, for a user who cannot look into that of the sources.
struct Place {
    dir: tempfile::TempDir,
    in_container: bool,
}

impl Place {
    fn new(in_container: bool) -> Self {
        let dir = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o755)).tempdir().unwrap();
        let sources = Path::new(env!("CARGO_MANIFEST_DIR"));
        fs::copy(env!("CARGO_BIN_EXE_quorate"), dir.path().join("quorate")).unwrap();
        fs::copy(sources.join("Makefile"), dir.path().join("Makefile")).unwrap();
        fs::write(dir.path().join("swaps"), SWAPS).unwrap();
        fs::create_dir(dir.path().join("home")).unwrap();
        let place = Self { dir, in_container };
        if is_root() {
            let own = Command::new("chown").args(["-R", NOBODY]).arg(place.dir.path()).status().unwrap();
            assert!(own.success());
        }
        place
    }

    /// Runs a shell's command there.
    fn run(&self, script: &str) -> Output {
        let mut command = Command::new(if is_root() { "setpriv" } else { "env" });
        if is_root() {
            command.args([&format!("--reuid={NOBODY}"), &format!("--regid={NOBODY}"), "--clear-groups"]);
        }
        command.args(["bwrap", "--dev-bind", "/", "/"]);
        command.arg("--ro-bind").arg(self.dir.path().join("swaps")).arg("/proc/swaps");
        if self.in_container {
            command.args([
                "--unshare-user",
                "--uid",
                "0",
                "--gid",
                "0",
                "--unshare-pid",
                "--cap-drop",
                "ALL",
            ]);
        }
        command.args(["bash", "-c", &format!("ulimit -l {DEFAULT_LIMIT}; {script}")]);
        command.current_dir(self.dir.path()).env("HOME", self.dir.path().join("home"));
        for name in ["MAKEFLAGS", "XDG_STATE_HOME", "TMPDIR"] {
            command.env_remove(name);
        }
        command.output().unwrap()
    }

    /// What was said, all of it, without the breaks of its lines; with this exit code.
    #[track_caller]
    fn said(&self, script: &str, code: i32) -> String {
        let ran = self.run(script);
        let all = [ran.stdout, ran.stderr].concat();
        let said = String::from_utf8_lossy(&all).split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(ran.status.code(), Some(code), "{script}: {said}");
        said
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

const WARNING: &str = "warning: what libraries copy of a secret could be written to /dev/zram0: \
                       memory cannot be locked under a limit of 8388608 bytes";

#[test]
fn a_rehearsal_runs_for_an_ordinary_user_with_swap_and_in_a_container() {
    for in_container in [false, true] {
        let place = Place::new(in_container);
        let said = place.said("make --silent rehearsal BINARY=./quorate", 0);
        assert!(said.contains(WARNING) && said.contains("Nothing real is at stake"), "{said}");
        assert!(said.contains("The audit, from public data only"), "{said}");
    }
}

#[test]
fn production_goes_on_unless_its_policy_requires_locked_memory() {
    let place = Place::new(false);
    for name in ["alice", "bob", "frank"] {
        fs::write(place.dir.path().join(format!("{name}.pin")), format!("pin-of-{name}")).unwrap();
        let said = place.said(&format!("./quorate --yes card new soft:{name}.card --pin-file {name}.pin"), 0);
        assert!(said.contains(WARNING) && said.contains("Our own copies are locked"), "{said}");
        place.said(
            &format!(
                "./quorate --yes card enroll --card soft:{name}.card --pin-file {name}.pin --name {name} \
                 --full-name 'The {name}' -o {name}.json"
            ),
            0,
        );
    }
    // No secret, no warning.
    for looks in ["card show soft:alice.card", "card show alice.json", "card list"] {
        let ran = place.run(&format!("./quorate {looks}"));
        assert!(!String::from_utf8_lossy(&ran.stderr).contains("swap"), "{ran:?}");
    }
    let genesis = |policy: &str| {
        let mut plan = format!(
            "kind = \"genesis\"\ntitle = \"t\"\nexpires_in_hours = 4\n[policy]\nallow_soft_cards = true\ncopies = 1\n{policy}"
        );
        for (kind, name) in [("custodians", "alice"), ("custodians", "bob"), ("administrators", "frank")] {
            plan += &format!(
                "[[{kind}]]\nname = \"{name}\"\nfull_name = \"The {name}\"\nenrolments = [\"{name}.json\"]\n"
            );
        }
        plan += "[[authorities]]\nname = \"officer\"\nthreshold = 2\n[operations]\nOPERATIONS\
                 [[targets]]\nname = \"key\"\nkind = \"command\"\nprogram = \"/usr/bin/true\"\nsha256 = \"SUM\"\n\
                 [targets.credentials]\nsecret = { authority = \"officer\", custody = \"held\" }\n";
        let sum = Command::new("sha256sum").arg("/usr/bin/true").output().unwrap();
        let operations: String = ["command", "inventory", "delete", "reset", "backup", "restore"]
            .map(|name| format!("{name} = [\"officer\"]\n"))
            .concat();
        plan.replace("OPERATIONS", &operations)
            .replace("SUM", String::from_utf8_lossy(&sum.stdout).split_whitespace().next().unwrap())
    };
    let frank = "--card soft:frank.card --pin-file frank.pin";
    fs::write(place.dir.path().join("strict.toml"), genesis("require_locked_memory = true\n")).unwrap();
    let said =
        place.said(&format!("./quorate --yes propose strict.toml strict --copy strict-copy {frank}"), 3);
    for reader in ["prlimit", "limits.d", "LimitMEMLOCK=infinity", "systemd-run", "--ulimit memlock"] {
        assert!(said.contains(reader), "{reader}: {said}");
    }
    // What is refused leaves no empty folders.
    assert!(["strict", "strict-copy"].iter().all(|name| !place.dir.path().join(name).exists()));
    fs::write(place.dir.path().join("genesis.toml"), genesis("")).unwrap();
    place.said(&format!("./quorate --yes propose genesis.toml ledger {frank}"), 0);
    for name in ["alice", "bob"] {
        place.said(
            &format!("./quorate --yes approve ledger --card soft:{name}.card --pin-file {name}.pin"),
            0,
        );
    }
    place.said(&format!("./quorate --yes execute ledger {frank}"), 0);
    let audit = place.said("./quorate audit ledger", 6);
    assert!(audit.contains("deviation: what libraries copy of secrets may reach swap"), "{audit}");
    // What was in force is on record, where it was proposed and where it was executed.
    let transcript =
        fs::read_to_string(place.dir.path().join("ledger/0000-genesis/transcript.jsonl")).unwrap();
    let recorded = transcript.lines().filter(|line| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        decoded(line["payload"].as_str().unwrap()).contains("\"residency\":\"secrets' own pages only\"")
    });
    assert_eq!(recorded.count(), 2);
}

fn decoded(base64: &str) -> String {
    let script = format!("printf %s '{base64}' | base64 -d");
    let output = Command::new("bash").args(["-c", &script]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}
