//! The card itself: memory, what it knows while it has power, and what a test orders it to do.

use std::{
    fmt, fs,
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use crate::{
    apdu::{Command, Sw, response},
    management_key::{AES_192, TDES},
    manufacturer::{Attestation, Manufacturer},
    memory::Memory,
    piv,
    script::{Action, LoggedApdu, Script, Touch, Trigger},
    session::Session,
};

/// A version of the firmware, which decides what the card can do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Firmware(pub u8, pub u8, pub u8);

impl Firmware {
    /// 3DES management key, no Curve25519; metadata.
    pub const V5_4_3: Self = Self(5, 4, 3);
    /// AES-192 management key, Ed25519, X25519.
    pub const V5_7_1: Self = Self(5, 7, 1);
    /// The first of the second generation of attestation chains.
    pub const V5_7_4: Self = Self(5, 7, 4);

    pub(crate) fn bytes(self) -> [u8; 3] {
        [self.0, self.1, self.2]
    }

    pub(crate) fn management_algorithm(self) -> u8 {
        if self >= Self(5, 7, 0) { AES_192 } else { TDES }
    }
}

impl fmt::Display for Firmware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// What the chip is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    YubiKey,
    /// Some other card: no application that anybody here knows.
    Stranger,
    /// A PIV card of another maker: none of Yubico's instructions.
    PlainPiv,
}

/// Everything that a command can change.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) kind: Kind,
    pub(crate) memory: Memory,
    pub(crate) session: Session,
    pub(crate) script: Script,
    present: bool,
}

/// What becomes of a command.
pub(crate) enum Outcome {
    Reply(Vec<u8>),
    /// Pulled out; perhaps another one comes.
    Gone(Option<Card>),
}

/// A card. Clones are the same card.
#[derive(Clone)]
pub struct Card {
    core: Arc<Mutex<Core>>,
    changed: Arc<Condvar>,
}

impl fmt::Debug for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Card({})", self.serial())
    }
}

const YUBIKEY_ATR: &[u8] = &[
    0x3B, 0xFD, 0x13, 0x00, 0x00, 0x81, 0x31, 0xFE, 0x15, 0x80, 0x73, 0xC0, 0x21, 0xC0, 0x57, 0x59, 0x75,
    0x62, 0x69, 0x4B, 0x65, 0x79, 0x40,
];
/// T=0 and T=1, no historical bytes.
const STRANGER_ATR: &[u8] = &[0x3B, 0x80, 0x80, 0x01, 0x01];

impl Card {
    /// A new YubiKey, as it comes from the factory.
    pub fn new(maker: &Manufacturer, serial: u32, firmware: Firmware) -> Self {
        Self::with_attestation(maker.attestation(firmware), serial, firmware)
    }

    /// A new YubiKey with this in slot f9.
    pub fn with_attestation(attestation: Attestation, serial: u32, firmware: Firmware) -> Self {
        Self::from_memory(Kind::YubiKey, Memory::factory(serial, firmware, attestation))
    }

    /// A card that is not a YubiKey and knows no PIV.
    pub fn stranger() -> Self {
        let memory = Memory::factory(0, Firmware::V5_4_3, Manufacturer::new().attestation(Firmware::V5_4_3));
        Self::from_memory(Kind::Stranger, memory)
    }

    /// A PIV card of another maker: none of Yubico's instructions.
    pub fn plain_piv() -> Self {
        let card = Self::stranger();
        card.lock().kind = Kind::PlainPiv;
        card
    }

    fn from_memory(kind: Kind, memory: Memory) -> Self {
        let core = Core { kind, memory, session: Session::default(), script: Script::new(), present: false };
        Self { core: Arc::new(Mutex::new(core)), changed: Arc::default() }
    }

    /// The card that was saved in this file.
    pub fn load(path: &Path) -> Self {
        let text = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let memory =
            serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self::from_memory(Kind::YubiKey, memory)
    }

    /// Writes what the card remembers without power.
    pub fn save(&self, path: &Path) {
        let text = serde_json::to_vec_pretty(&self.lock().memory).expect("a memory is JSON");
        let new = path.with_extension("new");
        fs::write(&new, text)
            .and_then(|()| fs::rename(&new, path))
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its serial number.
    pub fn serial(&self) -> u32 {
        self.lock().memory.serial
    }

    pub(crate) fn atr(&self) -> &'static [u8] {
        if self.lock().kind == Kind::YubiKey { YUBIKEY_ATR } else { STRANGER_ATR }
    }

    pub(crate) fn set_present(&self, present: bool) {
        let mut core = self.lock();
        core.present = present;
        core.session = Session::default();
        core.script.blinking = None;
        drop(core);
        self.changed.notify_all();
    }

    /// Reset and power on: what is not in memory is gone.
    pub(crate) fn reset(&self) {
        self.lock().session = Session::default();
    }

    /// Power off. Nobody reset the card, so until now everybody could use its keys, if the PIN was verified.
    pub(crate) fn power_off(&self) {
        let mut core = self.lock();
        core.script.left_unlocked += usize::from(core.session.pin_verified);
        core.session = Session::default();
    }

    // --- orders ---

    /// Orders an action.
    pub fn order(&self, trigger: Trigger, action: Action) {
        self.lock().script.order(trigger, action);
    }

    /// The next command with this instruction fails with this status word, without effect.
    pub fn fail_next(&self, ins: u8, sw: u16) {
        self.order(Trigger::Next(ins), Action::Fail(sw));
    }

    /// The n-th command from now fails with this status word, without effect.
    pub fn fail_nth(&self, n: usize, sw: u16) {
        self.order(Trigger::Nth(n), Action::Fail(sw));
    }

    /// The card is pulled out at the n-th command from now, before it does anything.
    pub fn pull_out_at(&self, n: usize) {
        self.order(Trigger::Nth(n), Action::PullOut);
    }

    /// Orders that have not happened yet are forgotten.
    pub fn forget_orders(&self) {
        self.lock().script.forget_orders();
    }

    /// How the person behaves whose card blinks.
    pub fn set_touch(&self, touch: Touch) {
        self.lock().script.touch = touch;
        self.changed.notify_all();
    }

    /// How long the card blinks before it gives up: 15 seconds, unless a test has less time.
    pub fn set_touch_timeout(&self, timeout: Duration) {
        self.lock().script.touch_timeout = timeout;
    }

    /// A finger, now. Whether the card blinked.
    pub fn touch(&self) -> bool {
        let mut core = self.lock();
        let blinking = core.script.blinking.is_some();
        core.script.finger = blinking;
        drop(core);
        self.changed.notify_all();
        blinking
    }

    /// Waits until the card blinks, at most this long. Whether it does.
    pub fn wait_blinking(&self, at_most: Duration) -> bool {
        let core = self.lock();
        let waited = self.changed.wait_timeout_while(core, at_most, |core| core.script.blinking.is_none());
        let (core, _) = waited.unwrap_or_else(PoisonError::into_inner);
        core.script.blinking.is_some()
    }

    // --- what it tells ---

    /// Whether it is in a reader.
    pub fn is_inserted(&self) -> bool {
        self.lock().present
    }

    /// Commands since the last [`Card::reset_count`].
    pub fn count(&self) -> usize {
        self.lock().script.total()
    }

    /// Commands with this instruction.
    pub fn count_of(&self, ins: u8) -> usize {
        self.lock().script.count(ins)
    }

    /// How often it was touched when it asked for it.
    pub fn touches(&self) -> usize {
        self.lock().script.touches
    }

    /// Begins to count anew, with an empty log.
    pub fn reset_count(&self) {
        self.lock().script.reset_count();
    }

    /// The commands since the last [`Card::reset_count`], PINs and keys left out.
    pub fn log(&self) -> Vec<LoggedApdu> {
        self.lock().script.log.clone()
    }

    /// Tries left of the PIN and of the PUK.
    pub fn tries(&self) -> (u8, u8) {
        let core = self.lock();
        (core.memory.pin.tries, core.memory.puk.tries)
    }

    /// Whether the PIN is verified at this moment: whoever comes next could use the keys.
    pub fn is_unlocked(&self) -> bool {
        self.lock().session.pin_verified
    }

    /// How often a program went away from the card without resetting it, the PIN verified: until pcscd cut the power,
    /// every other program could use the keys.
    pub fn times_left_unlocked(&self) -> usize {
        self.lock().script.left_unlocked
    }

    // --- commands ---

    /// Runs one command as it came over the wire.
    pub(crate) fn transmit(&self, bytes: &[u8]) -> Outcome {
        let command = match Command::parse(bytes) {
            Ok(command) => command,
            Err(sw) => return Outcome::Reply(response(&[], sw)),
        };
        let action = self.lock().script.begin(command.ins);
        let outcome = match action {
            Some(Action::Fail(sw)) => Outcome::Reply(response(&[], Sw(sw))),
            Some(Action::Answer(bytes)) => Outcome::Reply(bytes),
            Some(Action::PullOut) => Outcome::Gone(None),
            Some(Action::SwapFor(other)) => Outcome::Gone(Some(other)),
            Some(Action::PullOutAfter) => {
                self.execute(&command);
                Outcome::Gone(None)
            }
            Some(Action::FailAfter(sw)) => {
                self.execute(&command);
                Outcome::Reply(response(&[], Sw(sw)))
            }
            Some(Action::Run(run)) => {
                run();
                Outcome::Reply(self.execute(&command))
            }
            None => Outcome::Reply(self.execute(&command)),
        };
        let sw = match &outcome {
            Outcome::Reply(reply) => reply.last_chunk().map(|sw| u16::from_be_bytes(*sw)),
            Outcome::Gone(_) => None,
        };
        let logged = LoggedApdu {
            cla: command.cla,
            ins: command.ins,
            p1: command.p1,
            p2: command.p2,
            data: piv::shown(&command),
            sw,
        };
        self.lock().script.log.push(logged);
        outcome
    }

    fn execute(&self, command: &Command) -> Vec<u8> {
        let mut core = self.lock();
        let Some(command) = core.session.assembled(command) else { return response(&[], Sw::OK) };
        let mut answer = core.answer(&command);
        if answer == Err(piv::TOUCH) {
            let touched;
            (core, touched) = self.await_touch(core);
            core.session.touched = touched;
            answer = if touched { core.answer(&command) } else { Err(Sw::SECURITY_STATUS) };
            core.session.touched = false;
        }
        core.session.reply(answer, command.extended)
    }

    /// Blinks until a finger comes, the time is up or the card is gone.
    fn await_touch<'a>(&'a self, mut core: MutexGuard<'a, Core>) -> (MutexGuard<'a, Core>, bool) {
        let begin = Instant::now();
        core.script.blinking = Some(begin);
        core.script.finger = false;
        self.changed.notify_all();
        loop {
            let (waited, timeout) = (begin.elapsed(), core.script.touch_timeout);
            let came = match core.script.touch {
                Touch::Now => true,
                Touch::After(delay) => core.script.finger || (waited >= delay && delay < timeout),
                Touch::Never => core.script.finger,
            };
            if came || waited >= timeout || !core.present {
                core.script.blinking = None;
                core.script.touches += usize::from(came);
                return (core, came);
            }
            let until = match core.script.touch {
                Touch::After(delay) if delay < timeout => delay,
                _ => timeout,
            };
            let wait = self.changed.wait_timeout(core, until.saturating_sub(waited));
            core = wait.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
