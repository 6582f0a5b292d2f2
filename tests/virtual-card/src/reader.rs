//! A reader's slot: the thread that carries bytes between the driver and whichever card is in.
//!
//! vpcd listens; a card that is put in connects. Each message is two bytes of length, big endian, and that many bytes;
//! a message of one byte is the reader's own: 0 off, 1 on, 2 reset, 4 "your ATR?".

use std::{
    fs,
    io::{self, Read, Write},
    net::{Ipv4Addr, Shutdown, TcpStream},
    os::linux::net::TcpStreamExt,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::card::{Card, Outcome};

/// How long anything may take before a test stops.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often we look whether pcscd has seen something.
const LOOK: Duration = Duration::from_millis(2);

#[derive(Default)]
struct State {
    /// The card that is in, whether pcscd knows or not.
    card: Option<Card>,
    stream: Option<TcpStream>,
    /// pcscd has powered the card and read its ATR.
    powered: bool,
    /// The thread serves a connection.
    serving: bool,
    /// How many cards pcscd found here since it runs. It looks now and then only: one that is swapped faster than it
    /// looks would seem never to have left.
    found: usize,
    /// Which pcscd that is.
    life: usize,
    /// How many ATRs pcscd had published when it found the card that is in.
    before: usize,
    closing: bool,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// What pcscd writes when it sees that a card is gone, and where.
    log: PathBuf,
    removal: String,
}

/// One slot, and its thread.
pub(crate) struct Reader {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    /// The one called `name`, on `port`, of the pcscd that writes to `log`.
    pub(crate) fn new(name: &str, port: u16, log: &Path) -> Self {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
            log: log.to_owned(),
            removal: format!("Card Removed From {name}"),
        });
        let of_thread = Arc::clone(&shared);
        let thread = thread::Builder::new().name(format!("reader {port}")).spawn(move || of_thread.run(port));
        Self { shared, thread: Some(thread.expect("a thread for each reader")) }
    }

    /// Puts a card in; does not wait.
    pub(crate) fn put(&self, card: &Card) {
        self.shared.put(card);
    }

    /// Takes out what is in, and waits until nothing of it answers any more.
    pub(crate) fn take(&self) -> Option<Card> {
        let card = self.shared.take();
        drop(self.shared.wait("the card is out", |state| !state.serving));
        card
    }

    /// Waits until pcscd has powered the card that is in. No card: nothing to wait for.
    pub(crate) fn wait_powered(&self) {
        let state = self.shared.wait("pcscd sees the card", |state| state.powered || state.card.is_none());
        let (card, before) = (state.card.is_some(), state.before);
        drop(state);
        // pcscd has the ATR, and is about to publish it.
        self.wait_published(if card { before + 1 } else { 0 });
    }

    /// Waits until pcscd has published so many ATRs since it runs: not for ever, as one that was found and left at once
    /// may never be.
    pub(crate) fn wait_published(&self, number: usize) {
        let begin = Instant::now();
        while self.shared.published() < number && begin.elapsed() < Duration::from_secs(5) {
            thread::sleep(LOOK);
        }
    }

    /// How many cards pcscd found here since it runs.
    pub(crate) fn found(&self) -> usize {
        self.shared.lock().found
    }

    /// Waits until pcscd has seen that a card is gone.
    pub(crate) fn wait_absence(&self) {
        let begin = Instant::now();
        while !self.shared.looks_empty() {
            assert!(begin.elapsed() < PATIENCE, "pcscd does not see that the card is gone");
            thread::sleep(LOOK);
        }
    }

    /// A pcscd starts that has found nothing yet. A connection to the one before may not be closed yet: this can run on
    /// its own thread.
    pub(crate) fn begin(&self) {
        let mut state = self.shared.lock();
        state.life += 1;
        state.found = 0;
        state.powered = false;
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.shared.lock().closing = true;
        self.shared.take();
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// How many ATRs pcscd has published, of whichever card.
    fn published(&self) -> usize {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        log.lines().filter(|line| line.contains(" Card ATR: ")).count()
    }

    /// Whether pcscd has seen every card go that it found.
    fn looks_empty(&self) -> bool {
        let found = self.lock().found;
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        log.lines().filter(|line| line.ends_with(&self.removal)).count() >= found
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self, what: &str, mut until: impl FnMut(&State) -> bool) -> MutexGuard<'_, State> {
        let waited = self.changed.wait_timeout_while(self.lock(), PATIENCE, |state| !until(state));
        let (state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(!timeout.timed_out(), "waited {PATIENCE:?} in vain until {what}");
        state
    }

    fn put(&self, card: &Card) {
        let mut state = self.lock();
        assert!(state.card.is_none(), "there is a card in this reader");
        assert!(!card.is_inserted(), "this card is in a reader already");
        card.set_present(true);
        state.card = Some(card.clone());
        drop(state);
        self.changed.notify_all();
    }

    fn take(&self) -> Option<Card> {
        let mut state = self.lock();
        let card = state.card.take();
        state.powered = false;
        // Before anybody can notice.
        if let Some(card) = &card {
            card.set_present(false);
        }
        if let Some(stream) = state.stream.take() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        drop(state);
        self.changed.notify_all();
        card
    }

    /// Serves card after card until the reader is dropped.
    fn run(&self, port: u16) {
        loop {
            let waited = self.changed.wait_while(self.lock(), |state| state.card.is_none() && !state.closing);
            let state = waited.unwrap_or_else(PoisonError::into_inner);
            if state.closing {
                return;
            }
            let life = state.life;
            drop(state);
            if !self.looks_empty() {
                thread::sleep(LOOK);
                continue;
            }
            let Ok(stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else {
                // No pcscd there, or not yet.
                thread::sleep(Duration::from_millis(1));
                continue;
            };
            self.serve(stream, life);
        }
    }

    fn serve(&self, mut stream: TcpStream, life: usize) {
        let card = {
            let mut state = self.lock();
            let Some(card) = state.card.clone() else { return };
            state.stream = stream.try_clone().ok();
            state.serving = true;
            card
        };
        let successor = self.converse(&mut stream, &card, life).unwrap_or(None);
        let _ = stream.shutdown(Shutdown::Both);
        card.reset();
        let mut state = self.lock();
        state.serving = false;
        state.powered = false;
        state.stream = None;
        drop(state);
        if let Some(successor) = successor {
            self.put(&successor);
        }
        self.changed.notify_all();
    }

    /// Until the connection ends. What is put in next, if the card was swapped.
    fn converse(&self, stream: &mut TcpStream, card: &Card, life: usize) -> io::Result<Option<Card>> {
        stream.set_nodelay(true)?;
        let (mut found, mut switched_on) = (false, false);
        loop {
            let message = receive(stream)?;
            if !found {
                found = true;
                let before = self.published();
                let mut state = self.lock();
                state.before = before;
                state.found += usize::from(state.life == life);
            }
            match message.as_slice() {
                [0] => card.power_off(),
                [2] => card.reset(),
                [1] => {
                    card.reset();
                    switched_on = true;
                }
                [4] => {
                    send(stream, card.atr())?;
                    if switched_on {
                        self.lock().powered = true;
                        self.changed.notify_all();
                    }
                }
                command => match card.transmit(command) {
                    Outcome::Reply(reply) => send(stream, &reply)?,
                    Outcome::Gone(successor) => {
                        self.take();
                        return Ok(successor);
                    }
                },
            }
        }
    }
}

/// Acknowledged at once, or the driver waits 40 ms before it sends on.
fn receive(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 2];
    stream.set_quickack(true)?;
    stream.read_exact(&mut length)?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.set_quickack(true)?;
    stream.read_exact(&mut message)?;
    Ok(message)
}

fn send(stream: &mut TcpStream, message: &[u8]) -> io::Result<()> {
    let length = u16::try_from(message.len()).map_err(io::Error::other)?;
    stream.write_all(&[length.to_be_bytes().as_slice(), message].concat())
}
