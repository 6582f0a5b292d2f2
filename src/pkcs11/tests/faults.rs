//! Modules that crash, hang, exit or print, and files that are no modules.

use std::time::{Duration, Instant};

use super::*;
use crate::{encoding::digest::Digest, ports::cause::Cause, ports::token::Effect};

fn deletion_under(kind: &str, function: &str) -> TokenError {
    let hsm = SoftHsm::with_token("ca");
    hsm.make_key("ca", "EC:prime256v1", "old", "01");
    let pinned = token(&hsm, by_label("ca")).inventory(&pin(USER_PIN)).unwrap().objects;
    let module = faulty(&hsm);
    module.order(function, 1, kind);
    let mut settings = settings(&hsm, &module.path, by_label("ca"));
    settings.time_limit = Duration::from_secs(1);
    let mut token = Pkcs11Token::open(name(), settings).unwrap();
    token.delete(right(), &pin(USER_PIN), &pinned, Attempt::First, &mut Silent).unwrap_err()
}

#[test]
fn a_worker_that_ends_without_a_result_is_an_error_that_names_the_call() {
    let cases = [
        (
            "crash",
            "C_DestroyObject",
            Effect::Unknown,
            "the module crashed (signal 11) during C_DestroyObject",
        ),
        ("crash", "C_FindObjects", Effect::None, "the module crashed (signal 11) during C_FindObjects"),
        ("exit0", "C_DestroyObject", Effect::Unknown, "as if nothing was wrong during C_DestroyObject"),
        ("exit3", "C_Initialize", Effect::None, "exit code 3 during C_Initialize"),
        ("hang", "C_DestroyObject", Effect::Unknown, "no answer for 1 s during C_DestroyObject"),
        ("hang", "C_Login", Effect::None, "no answer for 2 s during C_Login"),
    ];
    for (kind, function, effect, message) in cases {
        let begin = Instant::now();
        let error = deletion_under(kind, function);
        assert_eq!(error.effect, effect, "{error}");
        assert!(error.message.contains(message), "{error}");
        assert_eq!(error.function, function);
        assert!(begin.elapsed() < Duration::from_secs(20));
    }
}

#[test]
fn what_a_module_prints_does_not_reach_the_line() {
    let hsm = SoftHsm::with_token("ca");
    let module = faulty(&hsm);
    module.order("C_GetTokenInfo", 1, "print");
    assert!(faulty_token(&hsm, &module, by_label("ca")).observe().is_ok());
    // A crash in C_Finalize comes after the result.
    module.order("C_Finalize", 1, "crash");
    assert!(faulty_token(&hsm, &module, by_label("ca")).observe().is_ok());
}

#[test]
fn files_that_are_no_modules_are_named() {
    let hsm = SoftHsm::with_token("ca");
    let text = hsm.dir.path().join("text.so");
    std::fs::write(&text, "not a library").unwrap();
    let empty = hsm.dir.path().join("empty.so");
    std::fs::write(&empty, "").unwrap();
    let foreign = hsm.dir.path().join("foreign.so");
    let mut header = std::fs::read(MODULE).unwrap();
    header[18] ^= 0x55;
    std::fs::write(&foreign, header).unwrap();
    let plain = hsm.dir.path().join("plain.so");
    let cc = "echo 'int x;' | cc -shared -fPIC -x c -o";
    let built =
        std::process::Command::new("sh").arg("-c").arg(format!("{cc} {} -", plain.display())).status();
    assert!(built.unwrap().success());
    for (path, message) in [
        (hsm.dir.path().join("missing.so"), "No such file"),
        (text, "no ELF header"),
        (empty, "no ELF header"),
        (foreign, "another kind of machine"),
        (plain, "no C_GetFunctionList"),
        (hsm.dir.path().to_owned(), "cannot read the module"),
    ] {
        let mut token = Pkcs11Token::open(name(), settings(&hsm, &path, by_label("ca"))).unwrap();
        let error = token.observe().unwrap_err();
        assert!(error.message.contains(message), "{error}");
        assert_eq!(error.effect, Effect::None);
    }
}

#[test]
fn another_file_than_the_pinned_one_is_not_loaded() {
    let hsm = SoftHsm::with_token("ca");
    let module = faulty(&hsm);
    let mut settings = settings(&hsm, &module.path, by_label("ca"));
    settings.module_sha256 = Some(Digest::of(&std::fs::read(&module.path).unwrap()));
    let mut token = Pkcs11Token::open(name(), settings).unwrap();
    assert_eq!(
        token.observe().unwrap().identity.module_sha256,
        Some(Digest::of(&std::fs::read(&module.path).unwrap()))
    );
    std::fs::copy(MODULE, &module.path).unwrap();
    module.behave();
    let error = token.observe().unwrap_err();
    assert!(error.message.contains("another file than the pinned one"), "{error}");
    assert_eq!(module.calls("C_Initialize"), 0);
}

#[test]
fn a_worker_that_cannot_start_or_says_nothing_is_an_error() {
    let hsm = SoftHsm::with_token("ca");
    for worker in ["/nonexistent", "/bin/true", "/bin/cat"] {
        let mut settings = settings(&hsm, Path::new(MODULE), by_label("ca"));
        settings.worker = Some(PathBuf::from(worker));
        let error = Pkcs11Token::open(name(), settings).unwrap().observe().unwrap_err();
        assert_eq!(error.effect, Effect::None, "{worker}: {error}");
    }
}

/// Some modules leave files, locks or sessions behind where they are not told that it is over.
#[test]
fn every_worker_that_can_ends_with_c_finalize() {
    let hsm = SoftHsm::with_token("ca");
    let module = faulty(&hsm);
    let mut token = faulty_token(&hsm, &module, by_label("ca"));
    for _ in 0..5 {
        module.behave();
        token.observe().unwrap();
        assert_eq!((module.calls("C_Initialize"), module.calls("C_Finalize")), (1, 1));
        module.order("C_OpenSession", 1, "rv=0x54");
        token.observe().unwrap_err();
        assert_eq!((module.calls("C_Initialize"), module.calls("C_Finalize")), (1, 1), "after an error");
    }
}

/// Under traffic a token in files is nowhere to be seen for a moment.
#[test]
fn a_token_that_is_gone_for_a_moment_is_looked_for_again() {
    let hsm = SoftHsm::with_token("ca");
    let module = faulty(&hsm);
    let (tokens, away) = (hsm.tokens(), hsm.dir.path().join("away"));
    module.order("C_Initialize", 1, "remove");
    // Away while the first worker looks, and the second; not while the third does.
    let moments = |file: &str, count: u32| {
        let script = format!(
            "printf x >> '{file}'; case $(wc -c < '{file}') in \
             1) mv '{tokens}' '{away}'; mkdir '{tokens}';; {count}) rmdir '{tokens}'; mv '{away}' '{tokens}';; esac",
            tokens = tokens.display(),
            away = away.display(),
        );
        module.script(&script);
    };
    let file = |name: &str| hsm.dir.path().join(name).to_str().unwrap().to_owned();
    moments(&file("seen"), 3);
    let mut token = faulty_token(&hsm, &module, by_label("ca"));
    assert_eq!(token.observe().unwrap().identity.label.as_str(), "ca");
    assert_eq!(module.calls("C_Initialize"), 3);
    moments(&file("read"), 2);
    assert_eq!(token.inventory(&pin(USER_PIN)).unwrap().objects, []);
    moments(&file("listed"), 2);
    let listed = crate::pkcs11::list(&settings(&hsm, &module.path, by_label("ca"))).unwrap();
    assert!(listed.iter().any(|slot| slot.token.as_ref().is_ok_and(|o| o.initialised)), "{listed:?}");
    // One that stays away is said to be, and no PIN is presented for it.
    moments(&file("gone"), 99);
    let error = token.inventory(&pin(USER_PIN)).unwrap_err();
    assert_eq!((error.cause, error.effect), (Cause::TokenAbsent, Effect::None));
    assert_eq!(module.calls("C_Login"), 1);
    // It was waited for: the next look is one look, until it is there again.
    let looks = |token: &mut Pkcs11Token| {
        let before = module.calls("C_Initialize");
        let found = token.observe().is_ok();
        (found, module.calls("C_Initialize") - before)
    };
    assert_eq!(looks(&mut token), (false, 1));
    std::fs::remove_dir(&tokens).and_then(|()| std::fs::rename(&away, &tokens)).unwrap();
    assert_eq!(looks(&mut token), (true, 1));
    moments(&file("again"), 2);
    assert_eq!(looks(&mut token), (true, 2));
}
