//! A SoftHSM of one test's own, the independent client `pkcs11-tool`, and a module that misbehaves.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where its ground gives way")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
    time::Duration,
};

use tempfile::TempDir;

/// Debian's path of the module.
pub const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
/// PINs of tokens that tests make by themselves.
pub const SO_PIN: &str = "so-12345678";
pub const USER_PIN: &str = "user-12345678";

/// A configuration and its tokens, gone with the test.
pub struct SoftHsm {
    pub dir: TempDir,
}

impl SoftHsm {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let tokens = dir.path().join("tokens");
        fs::create_dir(&tokens).unwrap();
        let conf = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
            tokens.display()
        );
        fs::write(dir.path().join("softhsm2.conf"), conf).unwrap();
        Self { dir }
    }

    /// With one token, initialised by `softhsm2-util`.
    pub fn with_token(label: &str) -> Self {
        let hsm = Self::new();
        hsm.init_token(label);
        hsm
    }

    /// The same tokens at another place.
    pub fn copy_of(directory: &Path) -> Self {
        let hsm = Self::new();
        let tokens = directory.join("tokens").join(".");
        let done = Command::new("cp").arg("-a").arg(tokens).arg(hsm.tokens()).status().unwrap();
        assert!(done.success());
        hsm
    }

    pub fn init_token(&self, label: &str) {
        let output = Command::new("softhsm2-util")
            .env("SOFTHSM2_CONF", self.conf())
            .args(["--init-token", "--free", "--label", label, "--so-pin", SO_PIN, "--pin", USER_PIN])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    /// Takes a token away for good.
    pub fn delete_token(&self, serial: &str) {
        let output = Command::new("softhsm2-util")
            .env("SOFTHSM2_CONF", self.conf())
            .args(["--delete-token", "--serial", serial])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    pub fn conf(&self) -> String {
        self.dir.path().join("softhsm2.conf").to_str().unwrap().to_owned()
    }

    /// What the module's process needs of the environment.
    pub fn environment(&self) -> Vec<(String, String)> {
        vec![("SOFTHSM2_CONF".to_owned(), self.conf())]
    }

    fn run(&self, args: &[&str]) -> Output {
        Command::new("pkcs11-tool")
            .env("SOFTHSM2_CONF", self.conf())
            .args(["--module", MODULE])
            .args(args)
            .output()
            .unwrap()
    }

    /// `pkcs11-tool`, which must succeed; its standard output.
    pub fn tool(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The same, logged in as the user of `label`.
    pub fn user(&self, label: &str, pin: &str, args: &[&str]) -> String {
        let mut all = vec!["--token-label", label, "--login", "--pin", pin];
        all.extend(args);
        self.tool(&all)
    }

    pub fn can_log_in(&self, label: &str, who: &str, pin: &str) -> bool {
        let mut args = vec!["--token-label", label, "--login", "--login-type", who];
        args.extend([if who == "so" { "--so-pin" } else { "--pin" }, pin, "--session-rw", "-O"]);
        self.run(&args).status.success()
    }

    pub fn make_key(&self, label: &str, kind: &str, key_label: &str, id: &str) {
        self.user(label, USER_PIN, &["--keypairgen", "--key-type", kind, "--label", key_label, "--id", id]);
    }

    pub fn make_secret(&self, label: &str, kind: &str, key_label: &str, id: &str) {
        let args = ["--keygen", "--key-type", kind, "--label", key_label, "--id", id, "--extractable"];
        self.user(label, USER_PIN, &args);
    }

    /// `pkcs11-tool -O` of the user: the count of objects with this label.
    pub fn count(&self, label: &str, pin: &str, key_label: &str) -> usize {
        let wanted = format!("label:      {key_label}");
        self.user(label, pin, &["-O"]).lines().filter(|line| line.trim() == wanted).count()
    }

    pub fn serial(&self, label: &str) -> String {
        let listed = self.tool(&["--list-token-slots"]);
        let token =
            listed.split("Slot ").find(|part| part.contains(&format!("token label        : {label}\n")));
        let line = token.unwrap().lines().find(|line| line.contains("serial num")).unwrap();
        line.split(':').nth(1).unwrap().trim().to_owned()
    }

    /// An object of these attributes, see `objects.c`.
    pub fn make_object(&self, label: &str, attributes: &[&str]) {
        self.objects(label, &[&["make"], attributes].concat());
    }

    /// An attribute in hex of the one object with these attributes, in the host's form; "-" where it is not shown.
    pub fn attribute(&self, label: &str, object: &[&str], number: &str) -> String {
        self.objects(label, &[&["show"], object, &["--", number]].concat()).trim().to_owned()
    }

    fn objects(&self, label: &str, args: &[&str]) -> String {
        let program = self.dir.path().join("objects");
        if !program.exists() {
            let mut compile = Command::new("cc");
            compile.args(["-O1", "-w", "-o"]).arg(&program).arg(format!("-DMODULE=\"{MODULE}\""));
            compile
                .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/support/objects.c"))
                .arg("-ldl");
            let output = compile.output().unwrap();
            assert!(output.status.success(), "{output:?}");
        }
        let mut command = Command::new(program);
        command.env("SOFTHSM2_CONF", self.conf()).args([label, USER_PIN]).args(args);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub fn tokens(&self) -> PathBuf {
        self.dir.path().join("tokens")
    }
}

/// The forwarding module, compiled into the test's directory.
pub struct FaultyModule {
    pub path: PathBuf,
}

impl FaultyModule {
    /// Into this directory, with no orders. The compiler runs once for each test program.
    pub fn compile(dir: &Path) -> Self {
        static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
        let path = dir.join("faulty.so");
        fs::write(&path, BYTES.get_or_init(Self::compiled)).unwrap();
        let module = Self { path };
        module.behave();
        module
    }

    fn compiled() -> Vec<u8> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("faulty.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/support/fault_module.c");
        let output = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-w", "-o"])
            .arg(&path)
            .arg(format!("-DREAL_MODULE=\"{MODULE}\""))
            .arg(source)
            .arg("-ldl")
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        fs::read(path).unwrap()
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        PathBuf::from(format!("{}{suffix}", self.path.display()))
    }

    /// Orders a fault: the `nth` call of `function` does `kind`.
    pub fn order(&self, function: &str, nth: u32, kind: &str) {
        fs::write(self.beside(".fault"), format!("{function} {nth} {kind}\n")).unwrap();
        let _ = fs::remove_file(self.beside(".log"));
    }

    /// Orders several, which may be what the module is rather than what befalls it.
    pub fn orders(&self, orders: &[(&str, u32, &str)]) {
        let lines: String = orders.iter().map(|(f, n, k)| format!("{f} {n} {k}\n")).collect();
        fs::write(self.beside(".fault"), lines).unwrap();
        let _ = fs::remove_file(self.beside(".log"));
    }

    pub fn behave(&self) {
        self.order("none", 0, "none");
    }

    /// What `remove` runs.
    pub fn script(&self, script: &str) {
        fs::write(self.beside(".sh"), script).unwrap();
    }

    /// How often a function was called since the last order.
    pub fn calls(&self, function: &str) -> usize {
        let log = fs::read_to_string(self.beside(".log")).unwrap_or_default();
        log.lines().filter(|line| *line == function).count()
    }
}

/// Ample for SoftHSM, short enough for tests of hanging modules.
pub const TIME_LIMIT: Duration = Duration::from_secs(5);
