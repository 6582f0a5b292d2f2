//! The card itself: memory, what it knows while it has power, and what a test orders it to do.

use std::{
    fmt, fs,
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use crate::{
    apdu::{Answer, Command, Sw, response},
    management,
    management_key::{AES_192, TDES},
    manufacturer::{Attestation, Manufacturer},
    memory::{Hex, Memory, certificate_object},
    piv,
    script::{Action, LoggedApdu, Script, Touch, Trigger},
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
enum Kind {
    YubiKey,
    /// Some other card: no application that anybody here knows.
    Stranger,
    /// A PIV card of another maker: none of Yubico's instructions.
    PlainPiv,
}

/// Which application answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Applet {
    Piv,
    Management,
    Otp,
}

/// What is lost without power, on reset, and when another application is selected.
#[derive(Default, Debug)]
pub(crate) struct Session {
    pub(crate) applet: Option<Applet>,
    pub(crate) pin_verified: bool,
    /// Verified, and no private key used since.
    pub(crate) pin_fresh: bool,
    pub(crate) managed: bool,
    /// Witness or challenge that waits for its answer.
    pub(crate) expected: Option<Vec<u8>>,
    /// The touch for this very command came.
    pub(crate) touched: bool,
    pub(crate) touch_cached_until: Option<Instant>,
    chain: Vec<u8>,
    remainder: Vec<u8>,
}

/// Everything that a command can change.
#[derive(Debug)]
pub(crate) struct Core {
    kind: Kind,
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

/// How much a short answer carries.
const SHORT: usize = 256;

impl Card {
    /// A new YubiKey, as it comes from the factory.
    pub fn new(maker: &Manufacturer, serial: u32, firmware: Firmware) -> Self {
        Self::with_attestation(maker.attestation(firmware), serial, firmware)
    }

    /// A new YubiKey with this in slot f9.
    pub fn with_attestation(attestation: Attestation, serial: u32, firmware: Firmware) -> Self {
        Self::from_memory(Kind::YubiKey, Memory::factory(serial, firmware, attestation))
    }

    /// A card that is no YubiKey and knows no PIV.
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

    // --- what somebody did to it before ---

    /// Leaves so many tries to the PIN.
    pub fn set_pin_tries(&self, tries: u8) {
        self.lock().memory.pin.tries = tries;
    }

    /// Leaves so many tries to the PUK.
    pub fn set_puk_tries(&self, tries: u8) {
        self.lock().memory.puk.tries = tries;
    }

    /// No object fits any more.
    pub fn fill(&self) {
        let mut core = self.lock();
        core.memory.capacity = core.memory.used();
    }

    /// Puts these bytes where the object was; none removes it.
    pub fn set_object(&self, id: u32, content: Option<&[u8]>) {
        let mut core = self.lock();
        match content {
            Some(content) => core.memory.objects.insert(id, Hex(content.to_vec())),
            None => core.memory.objects.remove(&id),
        };
    }

    /// An object's bytes, as they are in the card.
    pub fn object(&self, id: u32) -> Option<Vec<u8>> {
        self.lock().memory.objects.get(&id).map(|object| object.0.clone())
    }

    /// Puts a certificate into a slot, whatever it says.
    pub fn set_certificate(&self, slot: u8, der: &[u8]) {
        let id = piv::certificate_id(slot).expect("a slot with a certificate");
        self.set_object(id, Some(&certificate_object(der)));
    }

    /// The object in which the certificate of a slot lies.
    pub fn certificate_id(slot: u8) -> Option<u32> {
        piv::certificate_id(slot)
    }

    /// Another attestation key and certificate in slot f9.
    pub fn set_attestation(&self, attestation: Attestation) {
        self.set_certificate(0xF9, attestation.certificate());
        self.lock().memory.attestation = attestation;
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

impl Session {
    /// The whole command once its last part is there.
    fn assembled(&mut self, part: &Command) -> Option<Command> {
        if part.is_chained() {
            self.chain.extend_from_slice(&part.data);
            return None;
        }
        let mut whole = part.clone();
        whole.data = [std::mem::take(&mut self.chain), whole.data].concat();
        Some(whole)
    }

    /// The answer, or as much of it as one response takes.
    fn reply(&mut self, answer: Answer, extended: bool) -> Vec<u8> {
        match answer {
            Ok(data) if extended || data.len() <= SHORT => response(&data, Sw::OK),
            Ok(data) => {
                let (first, rest) = data.split_at(SHORT);
                self.remainder = rest.to_vec();
                response(first, Sw::more(rest.len()))
            }
            Err(sw) => response(&[], sw),
        }
    }
}

impl Core {
    fn answer(&mut self, command: &Command) -> Answer {
        if command.cla & !0x10 != 0 {
            return Err(Sw::UNKNOWN_CLASS);
        }
        match command.ins {
            0xC0 => return Ok(std::mem::take(&mut self.session.remainder)),
            0xA4 if command.p1 == 0x04 => return self.select(&command.data),
            _ => self.session.remainder.clear(),
        }
        match self.session.applet {
            Some(Applet::Piv) if self.kind == Kind::PlainPiv && command.ins >= 0xE0 => {
                Err(Sw::UNKNOWN_INSTRUCTION)
            }
            Some(Applet::Piv) => piv::run(self, command),
            Some(Applet::Management) => management::run(self, command),
            Some(Applet::Otp) => management::run_otp(self, command),
            None => Err(Sw::UNKNOWN_INSTRUCTION),
        }
    }

    /// SELECT by name. A new selection forgets the PIN, even of the application that was selected.
    fn select(&mut self, name: &[u8]) -> Answer {
        let is = |whole: &[u8]| name.len() >= 5 && whole.starts_with(name);
        let applet = match self.kind {
            Kind::Stranger => None,
            _ if is(piv::AID) => Some(Applet::Piv),
            Kind::PlainPiv => None,
            Kind::YubiKey if is(management::AID) => Some(Applet::Management),
            Kind::YubiKey if is(management::OTP_AID) => Some(Applet::Otp),
            Kind::YubiKey => None,
        };
        let applet = applet.ok_or(Sw::NOT_FOUND)?;
        self.session = Session {
            applet: Some(applet),
            touch_cached_until: self.session.touch_cached_until,
            ..Session::default()
        };
        Ok(match applet {
            Applet::Piv => piv::SELECTED.to_vec(),
            Applet::Management => management::greeting(self.memory.firmware),
            Applet::Otp => management::otp_status(self.memory.firmware),
        })
    }
}
