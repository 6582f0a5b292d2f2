//! The shared algorithms over a file: their calls, and what is left of each that is cut off at any of them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;
use crate::{
    administration::{
        self, Module,
        fault::{CallResult, Fault},
        tests::{CHANGE_BY_USER, DELETION, INITIALISATION, Mishap, RESET, Recorder, TAKE_OVER},
    },
    ports::{
        cause::Cause,
        token::{PinChange, PinHolder},
    },
    practice::device::Device,
};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Operation {
    Initialise,
    TakeOver,
    Reset,
}

impl Operation {
    const ALL: [Self; 3] = [Self::Initialise, Self::TakeOver, Self::Reset];

    fn calls(self) -> &'static [&'static str] {
        match self {
            Self::Initialise => INITIALISATION,
            Self::TakeOver => TAKE_OVER,
            Self::Reset => RESET,
        }
    }

    fn bench(self) -> Bench {
        if self == Self::Initialise { Bench::empty() } else { Bench::seeded() }
    }

    fn run(self, module: &impl Module, run: Attempt) -> CallResult<()> {
        let (so, new_so, new_user) = (pin(SO_PIN), pin(NEW_SO), pin(NEW_USER));
        let condition = match self {
            Self::Initialise => Condition::Empty { label: &"issuer".parse().unwrap() },
            Self::TakeOver => Condition::InUse { present_so_pin: Some(&so) },
            Self::Reset => {
                let (so_pin, new_so_pin, new_user_pin) = (&so, &new_so, &new_user);
                let reset =
                    Reset { run, so_pin, new_label: &"reset-1".parse().unwrap(), new_so_pin, new_user_pin };
                return administration::reset(module, &reset).map(drop);
            }
        };
        let installation =
            Installation { run, condition, new_so_pin: Some(&new_so), new_user_pin: Some(&new_user) };
        administration::install(module, &installation).map(drop)
    }

    /// It is done: both new PINs log in, and no other; the objects are there, or not.
    fn check(self, bench: &mut Bench, when: &str) {
        for (holder, new, old) in
            [(PinHolder::SecurityOfficer, NEW_SO, SO_PIN), (PinHolder::User, NEW_USER, USER_PIN)]
        {
            bench.token.prove_pin(holder, &pin(new)).unwrap_or_else(|e| panic!("{self:?} {when}: {e}"));
            assert_eq!(bench.token.prove_pin(holder, &pin(old)).unwrap_err().cause, Cause::PinIncorrect);
        }
        let objects = bench.token.inventory(&pin(NEW_USER)).unwrap().objects;
        assert_eq!(objects.len(), if self == Self::TakeOver { 8 } else { 0 }, "{self:?} {when}");
    }
}

fn device(bench: &Bench) -> Device {
    Device::at(&bench.path)
}

fn effect(fault: Fault, device: &Device) -> Effect {
    fault.into_error(device.has_changed()).effect
}

#[test]
fn each_algorithm_makes_its_calls_in_order() {
    for operation in Operation::ALL {
        let mut bench = operation.bench();
        let recorder = Recorder::of(device(&bench));
        operation.run(&recorder, Attempt::First).unwrap();
        assert_eq!(recorder.noted(), operation.calls(), "{operation:?}");
        operation.check(&mut bench, "at once");
    }
    let mut bench = Bench::seeded();
    let recorder = Recorder::of(device(&bench));
    let pair = bench.objects()[..2].to_vec();
    administration::delete(&recorder, &pin(USER_PIN), &pair, Attempt::First, &mut Silent).unwrap();
    assert_eq!(recorder.noted(), DELETION);
    let recorder = Recorder::of(device(&bench));
    let (present, new) = (pin(USER_PIN), pin(NEW_USER));
    administration::change_pins(&recorder, &PinChange::ByUser { present: &present, new: &new }).unwrap();
    assert_eq!(recorder.noted(), CHANGE_BY_USER);
    bench.token.prove_pin(PinHolder::User, &new).unwrap();
}

#[test]
fn every_crash_is_taken_up_again() {
    for operation in Operation::ALL {
        for place in 0..operation.calls().len() {
            for mishap in [Mishap::Crash, Mishap::CrashAfter] {
                let when = format!("{mishap:?} at {place}");
                let mut bench = operation.bench();
                let recorder = Recorder::of(device(&bench)).with(place, mishap);
                let run = AssertUnwindSafe(|| operation.run(&recorder, Attempt::First));
                assert!(catch_unwind(run).is_err(), "{operation:?} {when}");
                operation
                    .run(&device(&bench), Attempt::Resumed)
                    .unwrap_or_else(|fault| panic!("{operation:?} {when}: {}", fault.line()));
                operation.check(&mut bench, &when);
            }
        }
    }
}

#[test]
fn an_error_of_an_initialisation_is_seen_through() {
    for operation in [Operation::Initialise, Operation::Reset] {
        let mut bench = operation.bench();
        operation.run(&Recorder::of(device(&bench)).with(0, Mishap::LateError), Attempt::First).unwrap();
        operation.check(&mut bench, "after a late error");
        let bench = operation.bench();
        let recorder = Recorder::of(device(&bench)).with(0, Mishap::Error(&Cause::DeviceError));
        let fault = operation.run(&recorder, Attempt::First).unwrap_err();
        assert_eq!(fault.effect, Some(Effect::None), "{operation:?}");
    }
}

#[test]
fn a_take_over_without_c_set_pin_has_changed_nothing() {
    let bench = Bench::seeded();
    let recorder = Recorder::of(device(&bench)).with(1, Mishap::Error(&Cause::FunctionNotSupported));
    let fault = Operation::TakeOver.run(&recorder, Attempt::First).unwrap_err();
    assert_eq!(fault.effect, Some(Effect::None));
    let recorder = Recorder::of(device(&bench)).with(2, Mishap::Error(&Cause::FunctionNotSupported));
    let fault = Operation::TakeOver.run(&recorder, Attempt::First).unwrap_err();
    assert_eq!(effect(fault, recorder.module()), Effect::Unknown, "the SO PIN is new by then");
}

#[test]
fn a_failed_destroy_counts_by_what_is_found_afterwards() {
    for (mishap, gone) in [(Mishap::Error(&Cause::DeviceError), 1), (Mishap::LateError, 2)] {
        let mut bench = Bench::seeded();
        let pair = bench.objects()[..2].to_vec();
        let recorder = Recorder::of(device(&bench)).with(3, mishap);
        let user = pin(USER_PIN);
        let deletion = administration::delete(&recorder, &user, &pair, Attempt::First, &mut Silent).unwrap();
        assert_eq!((deletion.destroyed.len(), deletion.remaining.len()), (gone, 2 - gone), "{mishap:?}");
        let reasons: Vec<_> = deletion.remaining.iter().map(|left| left.reason.to_string()).collect();
        assert!(reasons.iter().all(|reason| reason.contains("CKR_DEVICE_ERROR")), "{reasons:?}");
        assert_eq!(bench.objects().len(), 8 - gone);
    }
}

#[test]
fn what_goes_with_its_token_was_not_deleted() {
    // Before the first object is destroyed, and after the last one.
    for place in [2, 4] {
        let mut bench = Bench::seeded();
        let pair = bench.objects()[..2].to_vec();
        let (away, so) = (device(&bench), pin(SO_PIN));
        let replace = || away.init_token(&so, &"another".parse().unwrap()).unwrap();
        let recorder = Recorder::of(device(&bench)).meanwhile(place, &replace);
        let user = pin(USER_PIN);
        assert!(administration::delete(&recorder, &user, &pair, Attempt::First, &mut Silent).is_err());
    }
}
