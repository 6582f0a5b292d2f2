//! The station's side of a program: hand over what it gets, listen with a limit of time and length, say how it ended.

use std::{
    io::{self, BufReader, IoSlice},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::{net::UnixStream, process::CommandExt as _},
    },
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg},
    pipe::{PipeFlags, pipe_with},
    pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt},
    termios::{OptionalActions, OutputModes, tcgetattr, tcsetattr},
};
use zeroize::Zeroizing;

use super::{
    conversation::Conversation,
    image,
    protocol::{self, Job, Message},
    supervisor::{MOST_DESCRIPTORS, SUPERVISOR_VERB},
};
use crate::{memory::Pin, ports::cause::Cause, ports::token::TokenError, proposal::program::Stopped};

/// The hint of what is wrong with a program before it runs; of other programs of the same operation it says nothing.
pub(super) const NOT_STARTED: &str =
    "put right what is named, then execute again; this program was not started";

/// The most that is kept of what a program prints on each of its streams: 16 MiB.
const MOST_PRINTED: usize = 16 << 20;
/// How long a supervisor may take to clear up and to report.
const PATIENCE: Duration = Duration::from_secs(15);

/// One program, ready to be started.
pub(super) struct Launch<'a> {
    pub(super) image: OwnedFd,
    pub(super) job: Job,
    /// What is written to standard input.
    pub(super) input: Vec<&'a Pin>,
    /// What is in the descriptors that are handed on.
    pub(super) handed: Vec<OwnedFd>,
    pub(super) conversation: Option<Conversation<'a>>,
    pub(super) time_limit: Duration,
}

/// How a program ended, and what it printed.
pub(super) struct Ran {
    pub(super) exit_code: Option<u8>,
    pub(super) signal: Option<u8>,
    pub(super) stopped: Option<Stopped>,
    pub(super) left_behind: u32,
    /// How many credentials it took: typed at their prompts, or read.
    pub(super) taken: usize,
    pub(super) stdout: Zeroizing<Vec<u8>>,
    pub(super) stderr: Zeroizing<Vec<u8>>,
}

/// The station's ends of a program's streams.
struct Streams {
    input: Option<OwnedFd>,
    output: Option<OwnedFd>,
    errors: Option<OwnedFd>,
}

pub(super) fn run(launch: Launch<'_>) -> Result<Ran, TokenError> {
    let unstarted = |e: io::Error| {
        TokenError::before("program", Cause::Unnamed, format!("it cannot be started: {e}"), NOT_STARTED)
    };
    let deadline = Instant::now() + launch.time_limit;
    let (mut ours, theirs) =
        if launch.conversation.is_some() { terminal() } else { pipes() }.map_err(unstarted)?;
    // The pipe has room for all of it; what a program does not read stays there, and is counted.
    for secret in &launch.input {
        give(&ours, secret).map_err(unstarted)?;
    }
    let unread = match launch.conversation {
        None => theirs.first().map(OwnedFd::try_clone).transpose().map_err(unstarted)?,
        Some(_) => None,
    };
    if launch.conversation.is_none() {
        ours.input = None;
    }
    let (line, other_end) = UnixStream::pair().map_err(unstarted)?;
    let mut child = Supervisor(spawn(other_end).map_err(unstarted)?);
    send(&line, &launch, &theirs).map_err(unstarted)?;
    drop(theirs);
    line.set_read_timeout(Some(PATIENCE)).map_err(unstarted)?;
    let mut reader = BufReader::new(line.try_clone().map_err(unstarted)?);
    match protocol::read(&mut reader) {
        Ok(Some(Message::Started)) => {}
        Ok(Some(Message::NotStarted(reason))) => {
            let message = format!("it was not started: {reason}");
            return Err(TokenError::before(
                "program",
                Cause::Unnamed,
                message,
                "check the program and its rights",
            ));
        }
        _ => return Err(lost("before it said whether the program was started")),
    }
    let mut listening = Listening {
        ours,
        line,
        conversation: launch.conversation,
        ran: Ran::new(),
        deadline,
        stopped: None,
        ended: false,
        buffer: Zeroizing::new(vec![0; 64 * 1024]),
    };
    listening.listen().map_err(|e| lost(&format!("while it was listened to ({e})")))?;
    match protocol::read(&mut reader) {
        Ok(Some(Message::Ended { exit_code, signal, left_behind })) => {
            let _ = child.0.wait();
            let mut ran = listening.finish(exit_code, signal, left_behind);
            let read = taken(&launch.input, unread.as_ref(), &launch.handed);
            ran.taken = ran.taken.saturating_add(read.map_err(|e| uncounted(&e))?);
            Ok(ran)
        }
        _ => Err(lost("before it said how the program ended")),
    }
}

/// A supervisor that is waited for: when its line closes, it kills what it watches and ends.
struct Supervisor(Child);

impl Drop for Supervisor {
    fn drop(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline && matches!(self.0.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn lost(when: &str) -> TokenError {
    unclear(format!("the process that watches it ended {when}: what the program did is not known"))
}

fn uncounted(error: &io::Error) -> TokenError {
    unclear(format!(
        "the program ended, and how much it read of what it was handed cannot be counted: {error}"
    ))
}

fn unclear(reason: String) -> TokenError {
    TokenError::unclear("program", Cause::Unnamed, reason, "look at what the program was to change")
}

fn spawn(line: UnixStream) -> io::Result<Child> {
    Command::new("/proc/self/exe")
        .arg(SUPERVISOR_VERB)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::from(OwnedFd::from(line)))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // An interrupt at the terminal is the station's: it closes the line, and all is cleared up.
        .process_group(0)
        .spawn()
}

fn pipes() -> io::Result<(Streams, Vec<OwnedFd>)> {
    let (their_input, input) = pipe_with(PipeFlags::CLOEXEC)?;
    let (output, their_output) = pipe_with(PipeFlags::CLOEXEC)?;
    let (errors, their_errors) = pipe_with(PipeFlags::CLOEXEC)?;
    let ours = Streams { input: Some(input), output: Some(output), errors: Some(errors) };
    Ok((ours, vec![their_input, their_output, their_errors]))
}

/// A terminal that leaves what a program prints as it is.
fn terminal() -> io::Result<(Streams, Vec<OwnedFd>)> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let ours = openpt(flags)?;
    grantpt(&ours)?;
    unlockpt(&ours)?;
    let theirs = ioctl_tiocgptpeer(&ours, flags)?;
    let mut modes = tcgetattr(&theirs)?;
    modes.output_modes.remove(OutputModes::OPOST);
    tcsetattr(&theirs, OptionalActions::Now, &modes)?;
    let again = || theirs.try_clone();
    let streams = vec![again()?, again()?, again()?];
    Ok((Streams { input: None, output: Some(ours), errors: None }, streams))
}

/// The descriptors with one byte, and then the job.
fn send(line: &UnixStream, launch: &Launch<'_>, theirs: &[OwnedFd]) -> io::Result<()> {
    let descriptors: Vec<BorrowedFd<'_>> =
        std::iter::once(&launch.image).chain(theirs).chain(&launch.handed).map(AsFd::as_fd).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    sendmsg(line, &[IoSlice::new(b"+")], &mut control, SendFlags::NOSIGNAL)?;
    protocol::write(&mut &*line, &launch.job)
}

impl Ran {
    fn new() -> Self {
        Self {
            exit_code: None,
            signal: None,
            stopped: None,
            left_behind: 0,
            taken: 0,
            stdout: Zeroizing::new(Vec::new()),
            stderr: Zeroizing::new(Vec::new()),
        }
    }
}

struct Listening<'a> {
    ours: Streams,
    line: UnixStream,
    conversation: Option<Conversation<'a>>,
    ran: Ran,
    deadline: Instant,
    stopped: Option<Stopped>,
    ended: bool,
    buffer: Zeroizing<Vec<u8>>,
}

/// Which stream was heard.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Heard {
    Output,
    Errors,
    Line,
}

impl Listening<'_> {
    /// Until the program has ended and its streams with it, or the supervisor is gone.
    fn listen(&mut self) -> io::Result<()> {
        loop {
            if self.ended && self.ours.output.is_none() && self.ours.errors.is_none() {
                return Ok(());
            }
            for (heard, events) in self.wait()? {
                if heard == Heard::Line {
                    // The streams close by themselves now; whatever holds them open longer is not waited for.
                    self.ended = true;
                    self.deadline = Instant::now() + Duration::from_secs(1);
                } else if !events.is_empty() {
                    self.take(heard)?;
                }
            }
            let asked = match (&mut self.conversation, &self.ours.output) {
                (Some(conversation), Some(terminal)) => conversation.answer(terminal).unwrap_or(None),
                _ => None,
            };
            let long = self.ran.stdout.len().max(self.ran.stderr.len()) > MOST_PRINTED;
            let late = Instant::now() >= self.deadline;
            if self.ended && late {
                return Ok(());
            }
            let reason =
                asked.or(long.then_some(Stopped::OutputLimit)).or(late.then_some(Stopped::TimeLimit));
            if let (Some(reason), false) = (reason, self.ended) {
                self.stopped.get_or_insert(reason);
                // The supervisor sees it, kills, and reports.
                let _ = self.line.shutdown(std::net::Shutdown::Write);
                return Ok(());
            }
        }
    }

    fn wait(&self) -> io::Result<Vec<(Heard, PollFlags)>> {
        let all = [
            (Heard::Output, self.ours.output.as_ref().map(AsFd::as_fd)),
            (Heard::Errors, self.ours.errors.as_ref().map(AsFd::as_fd)),
            (Heard::Line, (!self.ended).then(|| self.line.as_fd())),
        ];
        let open = all.into_iter().filter_map(|(heard, descriptor)| Some((heard, descriptor?)));
        let (which, mut polled): (Vec<Heard>, Vec<PollFd<'_>>) = open
            .map(|(heard, descriptor)| (heard, PollFd::from_borrowed_fd(descriptor, PollFlags::IN)))
            .unzip();
        let left = self.deadline.saturating_duration_since(Instant::now());
        let asked = self.conversation.as_ref().is_some_and(Conversation::is_asked);
        let patience = if asked { left.min(Duration::from_millis(10)) } else { left };
        let timeout = Timespec::try_from(patience).map_err(|_| io::ErrorKind::InvalidInput)?;
        match poll(&mut polled, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
        let events = polled.iter().map(PollFd::revents);
        Ok(which.into_iter().zip(events).filter(|(_, events)| !events.is_empty()).collect())
    }

    /// Reads what is there; a closed stream, or a terminal that nobody has open any more, is dropped.
    fn take(&mut self, heard: Heard) -> io::Result<()> {
        let (stream, kept) = match heard {
            Heard::Output => (&mut self.ours.output, &mut self.ran.stdout),
            _ => (&mut self.ours.errors, &mut self.ran.stderr),
        };
        let Some(descriptor) = stream.take() else { return Ok(()) };
        match rustix::io::read(&descriptor, self.buffer.as_mut_slice()) {
            Ok(0) | Err(rustix::io::Errno::IO) => return Ok(()),
            Ok(read) => {
                let bytes = self.buffer.get(..read).unwrap_or_default();
                grow(kept, bytes);
                if let (Some(conversation), Heard::Output) = (&mut self.conversation, heard) {
                    conversation.hear(bytes);
                }
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
        *stream = Some(descriptor);
        Ok(())
    }

    fn finish(mut self, exit_code: Option<u8>, signal: Option<u8>, left_behind: u32) -> Ran {
        self.ran.left_behind = left_behind;
        self.ran.taken = self.conversation.map_or(0, |c| c.given());
        self.ran.stopped = self.stopped;
        if self.stopped.is_none() {
            (self.ran.exit_code, self.ran.signal) = (exit_code, signal);
        }
        self.ran
    }
}

/// How many of the credentials on standard input and in descriptors were read. Of the line feed after the last one
/// nothing is asked: a program that reads as many bytes as the credential has leaves it.
fn taken(input: &[&Pin], pipe: Option<&OwnedFd>, handed: &[OwnedFd]) -> io::Result<usize> {
    let ends: Vec<usize> = input
        .iter()
        .scan(0_usize, |end, secret| {
            let begin = *end;
            *end = begin.saturating_add(secret.expose().len()).saturating_add(1);
            Some(end.saturating_sub(1))
        })
        .collect();
    let written = ends.last().map_or(0, |end| end.saturating_add(1));
    let left = match pipe {
        Some(pipe) => usize::try_from(rustix::io::ioctl_fionread(pipe)?).unwrap_or(usize::MAX),
        None => written,
    };
    let read = written.saturating_sub(left);
    let of_input = ends.iter().filter(|end| **end <= read).count();
    let mut of_descriptors = 0_usize;
    for secret in handed {
        of_descriptors = of_descriptors.saturating_add(usize::from(image::was_read(secret)?));
    }
    Ok(of_input.saturating_add(of_descriptors))
}

/// Grows a buffer without leaving a copy behind that is not wiped.
fn grow(kept: &mut Zeroizing<Vec<u8>>, bytes: &[u8]) {
    if kept.capacity() < kept.len().saturating_add(bytes.len()) {
        let room = kept.len().saturating_add(bytes.len()).saturating_mul(2);
        let mut larger = Zeroizing::new(Vec::with_capacity(room));
        larger.extend_from_slice(kept);
        *kept = larger;
    }
    kept.extend_from_slice(bytes);
}

/// Writes a secret and a line feed to what will be standard input.
fn give(ours: &Streams, secret: &Pin) -> io::Result<()> {
    let input = ours.input.as_ref().ok_or(io::ErrorKind::NotConnected)?;
    [secret.expose(), b"\n"].into_iter().try_for_each(|bytes| write_all(input, bytes))
}

fn write_all(to: &OwnedFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = rustix::io::write(to, bytes)?;
        bytes = bytes.get(written..).unwrap_or_default();
    }
    Ok(())
}
