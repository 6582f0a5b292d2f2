//! A pcscd of one's own, with readers of its own.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::{fd::OwnedFd, unix::net::UnixListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError, mpsc},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{
    card::Card,
    clock,
    ports::{Pair, are_listening},
    reader::Reader,
};

/// Debian's path of the reader driver.
const DRIVER: &str = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so";
/// How long pcscd may take to start.
const PATIENCE: Duration = Duration::from_secs(120);
/// More readers pcscd does not take.
const MOST: usize = 16;

/// A pcscd, alone in the world, and its readers. It ends when this is dropped, and when the process ends, however.
pub struct Daemon {
    dir: TempDir,
    /// What the name of each reader begins with.
    name: String,
    ports: Vec<Pair>,
    readers: Vec<Reader>,
    keeper: Keeper,
}

impl Daemon {
    /// One with so many readers, all of them empty. vpcd makes readers in pairs: of an odd number one more is there,
    /// and stays empty.
    pub fn start(readers: usize) -> Self {
        Self::with_cards_in(READER, readers, &[])
    }

    /// One with a reader for each of these cards, which are in when this returns.
    pub fn with_cards(cards: &[&Card]) -> Self {
        Self::with_cards_in(READER, cards.len(), cards)
    }

    /// The same, with readers that call themselves so.
    pub fn with_readers_called(name: &str, cards: &[&Card]) -> Self {
        Self::with_cards_in(name, cards.len(), cards)
    }

    fn with_cards_in(name: &str, readers: usize, cards: &[&Card]) -> Self {
        assert!(readers <= MOST, "pcscd takes {MOST} readers at most");
        assert!(Path::new(DRIVER).exists(), "{DRIVER} is missing: apt-get install pcscd vsmartcard-vpcd");
        let dir = tempfile::Builder::new().prefix("virtual-card-").tempdir().expect("a directory for pcscd");
        let ports: Vec<Pair> = (0..readers.div_ceil(2)).map(|_| Pair::reserve()).collect();
        write_configuration(dir.path(), name, &ports);
        let output = dir.path().join(OUTPUT);
        let slots: Vec<Reader> = ports
            .iter()
            .flat_map(|pair| [pair.first, pair.first + 1])
            .take(readers)
            .enumerate()
            .map(|(reader, port)| Reader::new(&reader_name(name, reader), port, &output))
            .collect();
        for (reader, card) in slots.iter().zip(cards) {
            reader.put(card);
        }
        let keeper = Keeper::new(dir.path());
        let daemon = Self { dir, name: name.to_owned(), ports, readers: slots, keeper };
        daemon.resume();
        daemon
    }

    /// What a program needs in its environment to find this pcscd and no other.
    pub fn environment(&self) -> Vec<(String, String)> {
        vec![("PCSCLITE_CSOCK_NAME".to_owned(), self.socket().display().to_string())]
    }

    /// The socket on which pcscd listens.
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join(SOCKET)
    }

    /// A command in whose environment this pcscd is.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.envs(self.environment());
        command
    }

    /// The name that pcscd gives to a reader.
    pub fn reader_name(&self, reader: usize) -> String {
        reader_name(&self.name, reader)
    }

    /// Puts a card into a reader, and waits until pcscd has seen it.
    pub fn insert(&self, reader: usize, card: &Card) {
        self.readers[reader].put(card);
        if self.is_running() {
            self.readers[reader].wait_powered();
        }
    }

    /// Takes out what is in a reader, and waits until pcscd has seen that it is gone.
    pub fn eject(&self, reader: usize) -> Option<Card> {
        let card = self.readers[reader].take();
        self.readers[reader].wait_absence();
        card
    }

    /// Takes out what is in a reader, and puts another card in.
    pub fn swap(&self, reader: usize, card: &Card) -> Option<Card> {
        let old = self.readers[reader].take();
        self.insert(reader, card);
        old
    }

    /// Another program that has the card of a reader for itself, until this is dropped.
    pub fn hold(&self, reader: usize) -> Held {
        let mut child = self
            .command("/usr/bin/python3")
            .args(["-c", HOLD, &self.reader_name(reader)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3, which ykman brings");
        let mut line = String::new();
        let said = child.stdout.take().map(|out| BufReader::new(out).read_line(&mut line));
        assert!(line == "held\n", "the card is not to be had: {said:?} {line}");
        Held(child)
    }

    /// Waits until pcscd runs, if it is being started again, and has seen every card that is in.
    pub fn wait_for_cards(&self) {
        let begin = Instant::now();
        while !self.is_running() {
            assert!(begin.elapsed() < PATIENCE, "pcscd does not run");
            thread::sleep(Duration::from_millis(2));
        }
        self.readers.iter().for_each(Reader::wait_powered);
        let found = self.readers.iter().map(Reader::found).sum();
        self.readers.iter().for_each(|reader| reader.wait_published(found));
    }

    /// Whether pcscd runs.
    pub fn is_running(&self) -> bool {
        self.keeper.ask(Order::Ask)
    }

    /// Kills pcscd. The cards stay in their readers, without power.
    pub fn stop(&self) {
        self.keeper.ask(Order::Stop);
    }

    /// Starts pcscd again where it was, and waits until it has seen the cards.
    pub fn resume(&self) {
        self.start_only();
        self.wait_for_cards();
    }

    /// Kills pcscd and starts it again, without waiting for it to see the cards: this can be run by a card.
    pub fn restart(&self) {
        self.stop();
        self.start_only();
    }

    fn start_only(&self) {
        if !self.is_running() {
            self.readers.iter().for_each(Reader::begin);
        }
        assert!(self.keeper.ask(Order::Start), "pcscd does not start");
        let ports: Vec<u16> = self.ports.iter().flat_map(|pair| [pair.first, pair.first + 1]).collect();
        let begin = Instant::now();
        while !are_listening(&ports) {
            assert!(self.is_running(), "pcscd ended: {}", self.output());
            assert!(begin.elapsed() < PATIENCE, "pcscd opens no reader: {}", self.output());
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// What pcscd wrote.
    pub fn output(&self) -> String {
        fs::read_to_string(self.dir.path().join(OUTPUT)).unwrap_or_default()
    }
}

/// A program that holds a card; it lets go when this is dropped.
pub struct Held(Child);

impl Drop for Held {
    fn drop(&mut self) {
        // It waits for the end of its input.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

const HOLD: &str = "import sys
from smartcard.scard import *
result, context = SCardEstablishContext(SCARD_SCOPE_USER)
result, card, protocol = SCardConnect(context, sys.argv[1], SCARD_SHARE_EXCLUSIVE, SCARD_PROTOCOL_T1)
print('held' if result == SCARD_S_SUCCESS else SCardGetErrorMessage(result), flush=True)
sys.stdin.read()
SCardDisconnect(card, SCARD_RESET_CARD)
";

const SOCKET: &str = "pcscd.comm";
const OUTPUT: &str = "pcscd.log";
/// ykman looks for this in the name, and takes the interfaces from it.
const READER: &str = "Yubico YubiKey OTP+FIDO+CCID";

fn reader_name(name: &str, reader: usize) -> String {
    format!("{name} {:02} {:02} {:02}", reader / 2, reader / 2, reader % 2)
}

/// Entries that share a library's path would share its slots: each has a copy.
fn write_configuration(dir: &Path, name: &str, ports: &[Pair]) {
    let config = dir.join("config");
    fs::create_dir(&config).expect("a directory for the configuration");
    let mut text = String::new();
    for (index, pair) in ports.iter().enumerate() {
        let library = dir.join(format!("vpcd-{index}.so"));
        fs::copy(DRIVER, &library).expect("a copy of the driver");
        text += &format!(
            "FRIENDLYNAME \"{name} {index:02}\"\nDEVICENAME /dev/null:0x{:04X}\nLIBPATH {}\nCHANNELID 0x{:04X}\n\n",
            pair.first,
            library.display(),
            pair.first
        );
    }
    fs::write(config.join("readers"), text).expect("the configuration is written");
}

enum Order {
    Start,
    Stop,
    Ask,
}

/// An order, and where to say whether pcscd runs afterwards.
type Asked = (Order, mpsc::Sender<bool>);

/// The thread that has pcscd as its child. The kernel kills pcscd when its parent *thread* ends: so that thread must
/// live as long as the daemon, and a test's own thread may not.
struct Keeper {
    orders: Mutex<Option<mpsc::Sender<Asked>>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    fn new(dir: &Path) -> Self {
        let (orders, received) = mpsc::channel::<Asked>();
        let dir = dir.to_owned();
        let run = move || {
            let mut child = None;
            while let Ok((order, answer)) = received.recv() {
                match order {
                    Order::Start if child.is_none() => child = Some(spawn(&dir)),
                    Order::Stop => child.take().into_iter().for_each(kill),
                    Order::Start | Order::Ask => {}
                }
                let _ = answer.send(child.as_mut().is_some_and(is_alive));
            }
            child.into_iter().for_each(kill);
        };
        let thread = thread::Builder::new().name("pcscd".to_owned()).spawn(run);
        Self { orders: Mutex::new(Some(orders)), thread: Some(thread.expect("a thread for pcscd")) }
    }

    /// Whether pcscd runs afterwards.
    fn ask(&self, order: Order) -> bool {
        let (answer, received) = mpsc::channel();
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = orders.as_ref().is_some_and(|orders| orders.send((order, answer)).is_ok());
        sent && received.recv().unwrap_or(false)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        *self.orders.lock().unwrap_or_else(PoisonError::into_inner) = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The socket is passed as systemd passes it: descriptor 3, to this very process. `setpriv` is what makes the kernel
/// kill it with us.
const PASS: &str = r#"exec 3<&0 </dev/null
export LISTEN_FDS=1 LISTEN_PID=$$
set -- setpriv --pdeathsig KILL pcscd --foreground --info --config "$1""#;

/// pcscd looks for cards every 400 ms, as long as a reader does not call it. By its own clock: it is given a faster one.
const SPEED: &str = "+0 x20";

fn spawn(dir: &Path) -> Child {
    let socket = dir.join(SOCKET);
    let _ = fs::remove_file(&socket);
    let listener = UnixListener::bind(&socket).expect("a socket for pcscd");
    let output = fs::File::create(dir.join(OUTPUT)).expect("a file for what pcscd says");
    clock::shell(SPEED)
        .args(["-c", &format!("{PASS}\n{}", clock::START), "sh"])
        .arg(dir.join("config"))
        .stdin(OwnedFd::from(listener))
        .stdout(output.try_clone().expect("the same file"))
        .stderr(Stdio::from(output))
        .spawn()
        .expect("a shell")
}

fn is_alive(child: &mut Child) -> bool {
    matches!(child.try_wait(), Ok(None))
}

fn kill(mut child: Child) {
    let _ = child.kill();
    let _ = child.wait();
    clock::forget(child.id());
}
