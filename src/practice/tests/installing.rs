use super::*;
use crate::{
    administration::Session as _,
    ports::{
        cause::Cause,
        token::PinHolder::{self, SecurityOfficer, User},
    },
    practice::device::{Device, Session},
};

fn install(
    bench: &mut Bench,
    run: Attempt,
    condition: Condition<'_>,
    so: &str,
    user: &str,
) -> Result<(), TokenError> {
    let (so, user) = (pin(so), pin(user));
    let installation = Installation { run, condition, new_so_pin: Some(&so), new_user_pin: Some(&user) };
    bench.token.install(allowed(), &installation)
}

fn session<'d>(device: &'d Device, holder: PinHolder, text: &str) -> Session<'d> {
    let session = Session::of(device);
    session.log_in(holder, &pin(text)).unwrap();
    session
}

/// A login as any program would do it, whatever it costs.
fn try_pin(bench: &Bench, holder: PinHolder, text: &str) -> Result<(), TokenError> {
    Session::of(&Device::at(&bench.path)).log_in(holder, &pin(text))
}

#[test]
fn an_empty_token_shows_what_it_is() {
    let mut bench = Bench::empty();
    let seen = bench.token.observe().unwrap();
    assert_eq!((seen.initialised, seen.user_pin_set), (false, false));
    assert_eq!(seen.identity.model.as_str(), "practice token");
    assert_eq!(seen.identity.serial.as_str().len(), 16);
    assert_eq!(bench.token.inventory(&pin(USER_PIN)).unwrap_err().cause, Cause::UserPinNotInitialized);
    assert!(PracticeToken::create_empty(&bench.path, None).is_err());
    assert!(PracticeToken::create_empty(&bench.path.with_extension("2"), Some("../../etc/passwd")).is_err());
}

#[test]
fn wrong_pins_count_down_durably_and_lock() {
    let mut bench = Bench::initialised();
    for (left, seen) in [(9, Tries::Low), (1, Tries::Final)] {
        while left < 10 - spent(&mut bench) {
            let error = try_pin(&bench, User, "wrong").unwrap_err();
            assert_eq!((error.cause, error.effect), (Cause::PinIncorrect, Effect::None));
        }
        assert_eq!(bench.token.observe().unwrap().user_tries, seen);
    }
    // The port never spends the last try, right PIN or not.
    assert_eq!(bench.token.inventory(&pin(USER_PIN)).unwrap_err().cause, Cause::Unnamed);
    assert_eq!(try_pin(&bench, User, "wrong").unwrap_err().cause, Cause::PinIncorrect);
    assert_eq!(try_pin(&bench, User, USER_PIN).unwrap_err().cause, Cause::PinLocked);
    assert_eq!(bench.token.observe().unwrap().user_tries, Tries::Locked);
    assert_eq!(bench.token.observe().unwrap().so_tries, Tries::Full);
}

fn spent(bench: &mut Bench) -> u8 {
    10 - crate::practice::state::State::read(&bench.path).unwrap().user.unwrap().tries_left
}

#[test]
fn the_right_pin_restores_the_counter_and_a_misshapen_one_costs_nothing() {
    let mut bench = Bench::initialised();
    try_pin(&bench, User, "wrong").unwrap_err();
    assert_eq!(try_pin(&bench, User, "abc").unwrap_err().cause, Cause::PinLenRange);
    assert_eq!(spent(&mut bench), 1);
    bench.objects();
    assert_eq!(bench.token.observe().unwrap().user_tries, Tries::Full);
}

#[test]
fn an_empty_token_is_installed_once() {
    let mut bench = Bench::empty();
    let label = "issuer".parse().unwrap();
    let condition = || Condition::Empty { label: &label };
    install(&mut bench, Attempt::First, condition(), "new-so", USER_PIN).unwrap();
    assert!(bench.objects().is_empty());
    let again = install(&mut bench, Attempt::First, condition(), "new-so", USER_PIN).unwrap_err();
    assert_eq!(again.effect, Effect::None);
    // Resumed after all of it: nothing to do.
    install(&mut bench, Attempt::Resumed, condition(), "new-so", USER_PIN).unwrap();
    // Resumed on what somebody else did.
    let foreign = install(
        &mut bench,
        Attempt::Resumed,
        Condition::Empty { label: &"x".parse().unwrap() },
        "new-so",
        USER_PIN,
    );
    assert!(foreign.unwrap_err().message.contains("is initialised; an empty one was expected"));
    let stranger = install(&mut bench, Attempt::Resumed, condition(), "other-so", USER_PIN);
    assert_eq!(stranger.unwrap_err().cause, Cause::PinIncorrect);
}

#[test]
fn a_token_in_use_is_taken_over_with_its_objects() {
    let mut bench = Bench::seeded();
    let before = bench.objects();
    let present = pin(SO_PIN);
    let condition = || Condition::InUse { present_so_pin: Some(&present) };
    let wrong = pin("not-this");
    let refused = install(
        &mut bench,
        Attempt::First,
        Condition::InUse { present_so_pin: Some(&wrong) },
        "new-so",
        "new-user",
    );
    assert_eq!(refused.unwrap_err().effect, Effect::None);
    let without =
        install(&mut bench, Attempt::First, Condition::InUse { present_so_pin: None }, "new-so", "new-user");
    assert_eq!(without.unwrap_err().effect, Effect::None);
    install(&mut bench, Attempt::First, condition(), "new-so", "new-user").unwrap();
    assert_eq!(bench.token.inventory(&pin("new-user")).unwrap().objects, before);
    assert_eq!(try_pin(&bench, User, USER_PIN).unwrap_err().cause, Cause::PinIncorrect);
    try_pin(&bench, SecurityOfficer, "new-so").unwrap();
    // Resumed after all of it, where the present PIN no longer holds.
    install(&mut bench, Attempt::Resumed, condition(), "new-so", "new-user").unwrap();
    assert_eq!(bench.token.observe().unwrap().so_tries, Tries::Full);
}

#[test]
fn a_resumed_take_over_stops_before_the_last_try() {
    let mut bench = Bench::seeded();
    for _ in 0..8 {
        try_pin(&bench, SecurityOfficer, "wrong").unwrap_err();
    }
    let present = pin("not-this");
    let condition = Condition::InUse { present_so_pin: Some(&present) };
    // Two tries are left: the present PIN takes one, and the new one is not tried.
    let stopped = install(&mut bench, Attempt::Resumed, condition, "new-so", "new-user").unwrap_err();
    assert!(stopped.message.contains("not spent"), "{stopped}");
    assert_eq!(bench.token.observe().unwrap().so_tries, Tries::Final);
}

#[test]
fn only_the_security_officer_sets_pins() {
    let bench = Bench::initialised();
    let device = Device::at(&bench.path);
    let session = session(&device, User, USER_PIN);
    assert_eq!(session.init_pin(&pin("mine")).unwrap_err().cause, Cause::UserNotLoggedIn);
}

#[test]
fn a_reset_leaves_the_serial_and_nothing_else() {
    let mut bench = Bench::seeded();
    let serial = bench.token.observe().unwrap().identity.serial;
    let old_file = fs::read_to_string(&bench.path).unwrap();
    assert_eq!(bench.reset(Attempt::First, "not-this", NEW_SO, NEW_USER).unwrap_err().effect, Effect::None);
    assert_eq!(bench.objects().len(), 8);
    bench.reset(Attempt::First, SO_PIN, NEW_SO, NEW_USER).unwrap();
    let seen = bench.token.observe().unwrap();
    assert_eq!((seen.identity.serial, seen.identity.label.as_str()), (serial, "reset-1"));
    assert!(seen.public_objects.is_empty());
    assert!(bench.token.inventory(&pin("user-pin-2")).unwrap().objects.is_empty());
    try_pin(&bench, SecurityOfficer, "so-pin-2").unwrap();
    let master = |text: &str| {
        crate::encoding::strict::parse(text.as_bytes()).map(|s: super::super::state::State| s.master)
    };
    assert_ne!(master(&old_file), master(&fs::read_to_string(&bench.path).unwrap()));
    // Resumed after all of it; and once more in earnest, which could not be told from the first.
    bench.reset(Attempt::Resumed, SO_PIN, NEW_SO, NEW_USER).unwrap();
    assert_eq!(bench.reset(Attempt::First, "so-pin-2", NEW_SO, NEW_USER).unwrap_err().effect, Effect::None);
}

#[test]
fn a_session_is_void_once_the_token_was_initialised_anew() {
    let mut bench = Bench::seeded();
    let device = Device::at(&bench.path);
    let session = session(&device, User, USER_PIN);
    bench.reset(Attempt::First, SO_PIN, NEW_SO, NEW_USER).unwrap();
    assert_eq!(session.read().err().unwrap().cause, Cause::SessionHandleInvalid);
    assert!(session.update(|_| Ok(())).is_err());
}

#[test]
fn an_authorization_for_another_target_does_nothing() {
    let mut bench = Bench::seeded();
    let before = fs::read(&bench.path).unwrap();
    let foreign = || Authorization::for_test(Name::new("other").unwrap());
    let (so, user) = (pin(SO_PIN), pin(USER_PIN));
    let objects = bench.objects();
    let before_after_login = fs::read(&bench.path).unwrap();
    assert_eq!(before.len(), before_after_login.len());
    let installation = Installation {
        run: Attempt::First,
        condition: Condition::InUse { present_so_pin: Some(&so) },
        new_so_pin: Some(&user),
        new_user_pin: None,
    };
    let reset = Reset {
        run: Attempt::First,
        so_pin: &so,
        new_label: &"x".parse().unwrap(),
        new_so_pin: &so,
        new_user_pin: &user,
    };
    let mut shelf = Shelf::default();
    let token = &mut bench.token;
    assert!(token.install(foreign(), &installation).is_err());
    assert!(token.delete(foreign(), &user, &objects, Attempt::First, &mut Silent).is_err());
    assert!(token.reset(foreign(), &reset).is_err());
    assert!(token.backup(foreign(), &user, &backup_key(), &mut shelf, &mut Silent).is_err());
    assert!(token.restore(foreign(), &user, &backup_key(), &mut shelf, &mut Silent).is_err());
    assert_eq!(fs::read(&bench.path).unwrap(), before_after_login);
}

#[test]
fn no_damaged_file_is_a_crash() {
    let bench = Bench::seeded();
    let honest = fs::read(&bench.path).unwrap();
    let name = || Name::new("issuer").unwrap();
    for at in (0..honest.len()).step_by(97) {
        let mut damaged = honest.clone();
        damaged[at] ^= 1;
        fs::write(&bench.path, &damaged).unwrap();
        if let Ok(mut token) = PracticeToken::open(name(), &bench.path) {
            let _ = token.observe();
        }
        fs::write(&bench.path, &honest[..at]).unwrap();
        assert!(PracticeToken::open(name(), &bench.path).is_err());
    }
}
