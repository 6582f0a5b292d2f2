//! C_InitToken, C_InitPIN, C_SetPIN: how a token becomes the quorum's, and empty again.

use super::{
    device::{Device, Session, User},
    state::{self, State},
};
use crate::{
    encoding::text::Line,
    memory::Pin,
    ports::{
        card::FinalTry,
        cause::Cause,
        token::{Installation, Progress, Reset, Run, Start, TokenError},
    },
};

const STEPS: &str = "steps done";

pub(super) fn install(
    device: &Device,
    installation: &Installation<'_>,
    progress: &mut dyn Progress,
) -> Result<(), TokenError> {
    for pin in [installation.new_so_pin, installation.new_user_pin].into_iter().flatten() {
        state::check_pin("install", pin)?;
    }
    match installation.start {
        Start::Empty { label } => {
            let (Some(so_pin), Some(user_pin)) = (installation.new_so_pin, installation.new_user_pin) else {
                return Err(bad("an empty token needs a new SO PIN and a new user PIN"));
            };
            let label = check_label(label)?;
            match installation.run {
                Run::First => first_on_empty(device, &label, so_pin, user_pin, progress),
                Run::Resumed => resumed_on_empty(device, &label, so_pin, user_pin, progress),
            }
        }
        Start::InUse { present_so_pin } => take_over(device, installation, present_so_pin, progress),
    }
}

/// Without any quorum, and only where there is nothing to lose.
pub(super) fn initialise_empty(
    device: &Device,
    label: &str,
    so_pin: &Pin,
    user_pin: &Pin,
) -> Result<(), TokenError> {
    state::check_pin("C_InitPIN", user_pin)?;
    first_on_empty(device, &check_label(label)?, so_pin, user_pin, &mut crate::ports::token::Silent)
}

fn first_on_empty(
    device: &Device,
    label: &Line,
    so_pin: &Pin,
    user_pin: &Pin,
    progress: &mut dyn Progress,
) -> Result<(), TokenError> {
    if device.read()?.so.is_some() {
        return Err(TokenError::before(
            "C_InitToken",
            Cause::Unnamed,
            "the token is initialised already",
            "take it over as a token in use, or reset it",
        ));
    }
    device.init_token(so_pin, label)?;
    progress.step(STEPS, 1, 2);
    officer(device, so_pin)
        .and_then(|session| session.init_user_pin(user_pin))
        .inspect(|()| progress.step(STEPS, 2, 2))
        .map_err(TokenError::with_unknown_effect)
}

fn resumed_on_empty(
    device: &Device,
    label: &Line,
    so_pin: &Pin,
    user_pin: &Pin,
    progress: &mut dyn Progress,
) -> Result<(), TokenError> {
    let state = device.read()?;
    if state.so.is_none() {
        return first_on_empty(device, label, so_pin, user_pin, progress);
    }
    if state.label != *label {
        return Err(foreign_label(&state, label));
    }
    progress.step(STEPS, 1, 2);
    // That the quorum's SO PIN holds shows that it was our C_InitToken.
    let session = officer(device, so_pin)?;
    if state.user.is_none() {
        session.init_user_pin(user_pin)?;
    } else {
        device.login(User::Normal, user_pin, FinalTry::Keep)?;
    }
    progress.step(STEPS, 2, 2);
    Ok(())
}

fn take_over(
    device: &Device,
    installation: &Installation<'_>,
    present_so_pin: Option<&Pin>,
    progress: &mut dyn Progress,
) -> Result<(), TokenError> {
    if device.read()?.so.is_none() {
        return Err(bad("the token is empty, and not in use"));
    }
    let (new_so_pin, new_user_pin) = (installation.new_so_pin, installation.new_user_pin);
    if new_so_pin.is_none() && new_user_pin.is_none() {
        return Ok(());
    }
    let total = [new_so_pin, new_user_pin].into_iter().flatten().count();
    let (session, so_pin_done) = match (installation.run, new_so_pin, present_so_pin) {
        (Run::Resumed, Some(new), Some(present)) => present_else_new(device, present, new)?,
        (Run::Resumed, Some(new), None) => (officer(device, new)?, true),
        (_, _, Some(present)) => (officer(device, present)?, false),
        _ => return Err(bad("only the security officer can set PINs: the present SO PIN is needed")),
    };
    let mut done = 0;
    // The user PIN first: while the present SO PIN holds, all of it can be done again. Setting a user
    // PIN that holds already costs no try.
    if let Some(pin) = new_user_pin {
        session.init_user_pin(pin)?;
        done += 1;
        progress.step(STEPS, done, total);
    }
    if let Some(pin) = new_so_pin {
        if !so_pin_done {
            session.set_so_pin(pin).map_err(|e| if done > 0 { e.with_unknown_effect() } else { e })?;
        }
        progress.step(STEPS, done + 1, total);
    }
    Ok(())
}

pub(super) fn reset(
    device: &Device,
    reset: &Reset<'_>,
    progress: &mut dyn Progress,
) -> Result<(), TokenError> {
    state::check_pin("C_SetPIN", reset.new_so_pin)?;
    state::check_pin("C_InitPIN", reset.new_user_pin)?;
    let label = check_label(reset.new_label)?;
    let state = device.read()?;
    let there_already = state.label == label;
    match reset.run {
        Run::First if state.so.is_none() => return Err(bad("the token is empty, there is nothing to reset")),
        Run::First if there_already => {
            return Err(bad("the new label is the present one, so that a reset could not be told"));
        }
        Run::Resumed if there_already && state.so.is_some() => {
            return finish_reset(device, &state, reset, progress);
        }
        _ => {}
    }
    device.init_token(reset.so_pin, &label)?;
    progress.step(STEPS, 1, 3);
    let mut finish = || {
        let session = officer(device, reset.so_pin)?;
        session.init_user_pin(reset.new_user_pin)?;
        progress.step(STEPS, 2, 3);
        session.set_so_pin(reset.new_so_pin)?;
        progress.step(STEPS, 3, 3);
        Ok(())
    };
    finish().map_err(TokenError::with_unknown_effect)
}

/// The new label is there: the objects are gone, and only PINs may be missing.
fn finish_reset(
    device: &Device,
    state: &State,
    reset: &Reset<'_>,
    progress: &mut dyn Progress,
) -> Result<(), TokenError> {
    progress.step(STEPS, 1, 3);
    let (session, so_pin_done) = new_else_present(device, reset.new_so_pin, reset.so_pin)?;
    if state.user.is_none() {
        session.init_user_pin(reset.new_user_pin)?;
    }
    progress.step(STEPS, 2, 3);
    if !so_pin_done {
        session.set_so_pin(reset.new_so_pin)?;
    }
    progress.step(STEPS, 3, 3);
    Ok(())
}

/// After a crash it is unknown which SO PIN holds: the new one is tried first, then the present one, each
/// once, and neither on the last try. Tells whether it was the new one.
fn new_else_present<'d>(
    device: &'d Device,
    new: &Pin,
    present: &Pin,
) -> Result<(Session<'d>, bool), TokenError> {
    match officer(device, new) {
        Ok(session) => Ok((session, true)),
        Err(e) if e.cause == Cause::PinIncorrect => Ok((officer(device, present)?, false)),
        Err(e) => Err(e),
    }
}

/// The same, and the one that was just handed over comes first.
fn present_else_new<'d>(
    device: &'d Device,
    present: &Pin,
    new: &Pin,
) -> Result<(Session<'d>, bool), TokenError> {
    match officer(device, present) {
        Ok(session) => Ok((session, false)),
        Err(e) if e.cause == Cause::PinIncorrect => Ok((officer(device, new)?, true)),
        Err(e) => Err(e),
    }
}

fn officer<'d>(device: &'d Device, so_pin: &Pin) -> Result<Session<'d>, TokenError> {
    device.login(User::Officer, so_pin, FinalTry::Keep)
}

fn check_label(label: &str) -> Result<Line, TokenError> {
    match Line::new(label) {
        Ok(line) if (1..=32).contains(&label.len()) => Ok(line),
        _ => Err(bad("a label has 1 to 32 printable bytes")),
    }
}

fn foreign_label(state: &State, wanted: &Line) -> TokenError {
    TokenError::before(
        "install",
        Cause::Unnamed,
        format!("the token is labelled \"{}\", not \"{wanted}\": this was not our doing", state.label),
        "find out who initialised it",
    )
}

fn bad(message: &str) -> TokenError {
    TokenError::before("practice token", Cause::ArgumentsBad, message, "look at the plan and at the token")
}
