//! What a test tells a card to do, and what the card tells afterwards.

use std::{
    collections::BTreeMap,
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::card::Card;

/// When something happens. Each is counted from the moment at which it was scripted, and happens once, but for
/// [`Trigger::Every`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trigger {
    /// At the n-th command from now; 1 is the next one.
    Nth(usize),
    /// At the next command with this instruction.
    Next(u8),
    /// At the n-th command with this instruction.
    NthOf(u8, usize),
    /// At each command with this instruction, until orders are forgotten.
    Every(u8),
}

/// What happens.
#[derive(Clone)]
pub enum Action {
    /// The card answers this status word and does nothing.
    Fail(u16),
    /// The card does what it was asked, and answers this status word.
    FailAfter(u16),
    /// The card does nothing, and answers this: what a liar would say, status word and all.
    Answer(Vec<u8>),
    /// The card is pulled out before it does anything.
    PullOut,
    /// The card is pulled out when it has done what it was asked: the answer is lost.
    PullOutAfter,
    /// Pulled out before it does anything, and this one is put in its place.
    SwapFor(Card),
    /// This runs first, on the card's thread; then the card goes on.
    Run(Arc<dyn Fn() + Send + Sync>),
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fail(sw) => write!(f, "Fail({sw:04X})"),
            Self::FailAfter(sw) => write!(f, "FailAfter({sw:04X})"),
            Self::Answer(bytes) => write!(f, "Answer({bytes:02X?})"),
            Self::PullOut => f.write_str("PullOut"),
            Self::PullOutAfter => f.write_str("PullOutAfter"),
            Self::SwapFor(_) => f.write_str("SwapFor"),
            Self::Run(_) => f.write_str("Run"),
        }
    }
}

/// How the person behaves whose card blinks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Touch {
    /// Touches at once.
    Now,
    /// Touches after this time, if the card has not given up by then.
    After(Duration),
    /// Does not touch.
    Never,
}

/// One command that the card got. What is secret in it is not kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LoggedApdu {
    /// Class.
    pub cla: u8,
    /// Instruction.
    pub ins: u8,
    /// First parameter.
    pub p1: u8,
    /// Second parameter.
    pub p2: u8,
    /// The data in hex, or its length if PINs or keys are in it.
    pub data: String,
    /// The answer; none if the card was pulled out.
    pub sw: Option<u16>,
}

impl fmt::Display for LoggedApdu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02X} {:02X} {:02X} {:02X} [{}] → ", self.cla, self.ins, self.p1, self.p2, self.data)?;
        match self.sw {
            Some(sw) => write!(f, "{sw:04X}"),
            None => f.write_str("pulled out"),
        }
    }
}

/// The orders, and the counts.
#[derive(Debug)]
pub(crate) struct Script {
    orders: Vec<(Trigger, Action)>,
    pub(crate) touch: Touch,
    pub(crate) touch_timeout: Duration,
    /// Since when the card blinks.
    pub(crate) blinking: Option<Instant>,
    /// A finger came while it blinked.
    pub(crate) finger: bool,
    pub(crate) touches: usize,
    pub(crate) left_unlocked: usize,
    pub(crate) log: Vec<LoggedApdu>,
    counts: BTreeMap<u8, usize>,
}

impl Script {
    pub(crate) fn new() -> Self {
        Self {
            orders: Vec::new(),
            touch: Touch::Now,
            touch_timeout: Duration::from_secs(15),
            blinking: None,
            finger: false,
            touches: 0,
            left_unlocked: 0,
            log: Vec::new(),
            counts: BTreeMap::new(),
        }
    }

    pub(crate) fn order(&mut self, trigger: Trigger, action: Action) {
        self.orders.push((trigger, action));
    }

    pub(crate) fn forget_orders(&mut self) {
        self.orders.clear();
    }

    pub(crate) fn reset_count(&mut self) {
        self.log.clear();
        self.counts.clear();
        self.touches = 0;
        self.left_unlocked = 0;
    }

    pub(crate) fn total(&self) -> usize {
        self.counts.values().sum()
    }

    pub(crate) fn count(&self, ins: u8) -> usize {
        self.counts.get(&ins).copied().unwrap_or(0)
    }

    /// Counts a command, and says what was ordered for it.
    pub(crate) fn begin(&mut self, ins: u8) -> Option<Action> {
        *self.counts.entry(ins).or_default() += 1;
        let mut due = None;
        for (index, (trigger, _)) in self.orders.iter_mut().enumerate() {
            let left = match trigger {
                Trigger::Nth(left) => left,
                Trigger::NthOf(of, left) if *of == ins => left,
                Trigger::Next(of) | Trigger::Every(of) if *of == ins => {
                    due = due.or(Some(index));
                    continue;
                }
                _ => continue,
            };
            *left = left.saturating_sub(1);
            if *left == 0 && due.is_none() {
                due = Some(index);
            }
        }
        due.map(|index| match self.orders[index] {
            (Trigger::Every(_), ref action) => action.clone(),
            _ => self.orders.remove(index).1,
        })
    }
}
