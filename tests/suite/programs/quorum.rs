//! A quorum whose targets are programs: `puppet`, which does what it is told, `openssl`, and `age`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use quorate::encoding::digest::Digest;
use tempfile::TempDir;

use crate::support::{
    quorum::{CUSTODIANS, Quorum, Ran},
    tokens::THREE,
};

/// What the owners of the programs' credentials hand over: it must be nowhere afterwards.
pub const SECRET: &str = "correct-horse-battery-staple";
pub const SECOND: &str = "a second secret, with blanks";

/// A quorum after its genesis, with the puppet as its target.
pub struct Programs {
    pub quorum: Quorum,
    /// A copy of the puppet of this test's own: the ledger names it by its path.
    pub puppet: PathBuf,
}

/// The puppet, compiled once.
pub fn puppet() -> &'static Path {
    static PUPPET: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = PUPPET.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("puppet");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/programs/puppet.c");
        let built = Command::new("cc").args(["-O1", "-w", "-o"]).arg(&path).arg(source).output().unwrap();
        assert!(built.status.success(), "{built:?}");
        (dir, path)
    });
    path
}

pub fn sha256(path: &Path) -> Digest {
    Digest::of(&fs::read(path).unwrap())
}

/// The table of a target of kind `command`; its credentials by role and source.
pub fn program_table(name: &str, program: &Path, credentials: &[(&str, &str)]) -> String {
    let mut text = format!(
        "[[targets]]\nname = \"{name}\"\nkind = \"command\"\nprogram = \"{}\"\nsha256 = \"{}\"\n[targets.credentials]\n",
        program.display(),
        sha256(program)
    );
    for (role, source) in credentials {
        text += &format!(
            "{role} = {{ authority = \"crypto-officer\", custody = \"held\", source = \"{source}\" }}\n"
        );
    }
    text
}

/// The quorum's genesis with an authority for commands.
pub fn genesis(quorum: &Quorum, tables: &str) -> String {
    quorum.genesis(&CUSTODIANS).operation("command", &["crypto-officer"]).targets(tables).text()
}

impl Programs {
    pub fn new() -> Self {
        let quorum = Quorum::of(5).enrolled();
        let program = quorum.path("files/puppet");
        fs::copy(puppet(), &program).unwrap();
        fs::write(quorum.path("files/one.secret"), SECRET).unwrap();
        fs::write(quorum.path("files/two.secret"), SECOND).unwrap();
        let table =
            program_table("box", &program, &[("secret", "handed-over"), ("second-secret", "handed-over")]);
        let plan = quorum.plan("genesis", &genesis(&quorum, &table));
        let handed = [("secret", "one"), ("second-secret", "two")]
            .map(|(role, file)| format!("box:{role}={}", quorum.at(&format!("files/{file}.secret"))));
        let (ledger, copy) = (quorum.at("ledger"), quorum.at("copy"));
        let mut args = vec!["propose", &plan, &ledger, "--copy", &copy];
        for spec in &handed {
            args.extend(["--hand-over", spec]);
        }
        quorum.run_with("frank", &args).ok();
        for name in CUSTODIANS {
            quorum.approve(name).ok();
        }
        quorum.execute().ok();
        for file in ["one", "two"] {
            fs::remove_file(quorum.path(&format!("files/{file}.secret"))).unwrap();
        }
        Self { quorum, puppet: program }
    }

    /// A plan that has the puppet do this, with what follows.
    pub fn plan(&self, arguments: &[&str], rest: &str) -> String {
        let arguments = arguments.iter().map(|a| format!("{a:?}")).collect::<Vec<_>>().join(", ");
        let (top, tables) = rest.split_once("---\n").unwrap_or(("", rest));
        format!(
            "kind = \"command\"\ntitle = \"Have it done\"\nexpires_in_hours = 1\ntarget = \"box\"\n\
             arguments = [{arguments}]\ntime_limit_seconds = 20\n{top}{tables}"
        )
    }

    /// Proposes and approves.
    pub fn approved(&self, plan: &str) {
        self.quorum.approved(plan, THREE);
    }

    /// A whole ceremony.
    pub fn ceremony(&self, plan: &str) -> Ran {
        self.quorum.ceremony(plan, THREE)
    }

    /// Fails if one of the secrets stands in any file of the quorum, or in what was said.
    pub fn has_no_secret(&self, said: &[&Ran]) {
        for secret in [SECRET, SECOND] {
            for ran in said {
                assert!(
                    !ran.stdout.contains(secret) && !ran.stderr.contains(secret),
                    "{}{}",
                    ran.stdout,
                    ran.stderr
                );
            }
            for directory in ["ledger", "copy", "state-station", "files"] {
                if let Some(path) = find(&self.quorum.path(directory), secret) {
                    panic!("{} has the secret", path.display());
                }
            }
        }
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.quorum.path(&format!("files/{name}"))
    }
}

fn find(path: &Path, text: &str) -> Option<PathBuf> {
    if path.is_dir() {
        return fs::read_dir(path).unwrap().find_map(|entry| find(&entry.unwrap().path(), text));
    }
    let found = fs::read(path).unwrap_or_default().windows(text.len()).any(|w| w == text.as_bytes());
    found.then(|| path.to_owned())
}

/// `[[credentials]]` of this role, handed over so.
pub fn by(role: &str, to: &str) -> String {
    match to.strip_prefix("prompt ") {
        Some(prompt) => {
            format!("[[credentials]]\nrole = \"{role}\"\nto = \"prompt\"\nprompt = \"{prompt}\"\n")
        }
        None => format!("[[credentials]]\nrole = \"{role}\"\nto = \"{to}\"\n"),
    }
}

pub fn input(name: &str, path: &Path) -> String {
    format!("[[inputs]]\nname = \"{name}\"\npath = \"{}\"\n", path.display())
}

pub fn output(name: &str, path: &Path) -> String {
    format!("[[outputs]]\nname = \"{name}\"\npath = \"{}\"\n", path.display())
}

/// A check by the puppet: whether this file exists.
pub fn exists(path: &Path) -> String {
    format!(
        "[check]\nprogram = \"{0}\"\nsha256 = \"{1}\"\narguments = [\"exists\", \"{2}\"]\nenvironment = {{}}\n\
         time_limit_seconds = 5\n",
        puppet().display(),
        sha256(puppet()),
        path.display()
    )
}
