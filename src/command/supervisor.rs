//! The process between the station and a program: it sees to it that nothing of the program outlives the run.
//!
//! All that the program leaves behind, however often it forked and whatever session it made, becomes this process's
//! child (PR_SET_CHILD_SUBREAPER), and is killed when the program has ended, when the station says so, and when the
//! station is gone.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, BufReader, IoSliceMut, Read as _},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, AsRawFd as _, OwnedFd},
        unix::{net::UnixStream, process::ExitStatusExt as _},
    },
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    io::{FdFlags, fcntl_setfd},
    net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg},
    process::{
        Pid, PidfdFlags, Signal, WaitOptions, getpid, kill_process, pidfd_open, set_child_subreaper, wait,
    },
};

use super::{
    launcher::{self, LAUNCHER_VERB},
    protocol::{self, Job, Message},
};
use crate::{encoding::text, memory::descriptors};

/// The hidden verb of the process that watches a program.
pub const SUPERVISOR_VERB: &str = "program-supervisor";

/// How many descriptors can be handed over: the program, its three streams, and one for each credential.
pub(super) const MOST_DESCRIPTORS: usize = 12;

/// How long what is left of a program may take to die.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs as the supervisor. What happened goes to the station as messages; an error here says that there is no station:
/// a person has typed the hidden verb.
pub fn supervisor_main() -> io::Result<()> {
    let stream = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    stream.peer_addr()?;
    let descriptors = receive(&stream)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let job: Job = protocol::read(&mut reader)?.ok_or(io::ErrorKind::UnexpectedEof)?;
    descriptors::close_on_exec_but(&[])?;
    set_child_subreaper(Some(getpid()))?;
    let mut station = stream.try_clone()?;
    match start(&job, descriptors) {
        Ok(child) => {
            let _ = protocol::write(&mut station, &Message::Started);
            let ended = watch(child, &stream)?;
            let _ = protocol::write(&mut station, &ended);
        }
        Err(error) => {
            kill_all();
            let _ = protocol::write(&mut station, &Message::NotStarted(text::printable(&error.to_string())));
        }
    }
    Ok(())
}

/// The descriptors that come with the first byte.
fn receive(stream: &UnixStream) -> io::Result<Vec<OwnedFd>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let received = recvmsg(stream, &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    if received.bytes == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut descriptors = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    Ok(descriptors)
}

/// Starts the program, and returns when it runs.
fn start(job: &Job, descriptors: Vec<OwnedFd>) -> io::Result<Child> {
    let mut descriptors = descriptors.into_iter();
    let mut next = || descriptors.next().ok_or(io::ErrorKind::UnexpectedEof);
    let (image, input, output, errors) = (next()?, next()?, next()?, next()?);
    let handed: Vec<OwnedFd> = descriptors.collect();
    if handed.len() != job.handed {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let (told, tells) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    for descriptor in handed.iter().chain([&image, &tells]) {
        fcntl_setfd(descriptor, FdFlags::empty())?;
    }
    let places = handed.iter().map(|d| d.as_raw_fd().to_string()).collect::<Vec<_>>();
    for place in &places {
        // A program that takes the number for a file's name looks for it where it works.
        std::os::unix::fs::symlink(format!("/dev/fd/{place}"), Path::new(&job.directory).join(place))?;
    }
    let arguments = job.arguments.iter().map(|argument| {
        (0..)
            .zip(&places)
            .fold(argument.clone(), |text, (n, place): (usize, _)| text.replace(&format!("\0{n}\0"), place))
    });
    let child = Command::new("/proc/self/exe")
        .arg(LAUNCHER_VERB)
        .args(launcher::orders(job.terminal, &image, &tells, &handed))
        .arg(&job.name)
        .args(arguments)
        .env_clear()
        .envs(&job.environment)
        .current_dir(&job.directory)
        .stdin(Stdio::from(input))
        .stdout(Stdio::from(output))
        .stderr(Stdio::from(errors))
        .spawn()?;
    drop((image, tells, handed));
    // The other end closes when the program is executed.
    let mut complaint = String::new();
    File::from(told).take(4096).read_to_string(&mut complaint)?;
    if complaint.is_empty() { Ok(child) } else { Err(io::Error::other(complaint)) }
}

/// Waits for the end of the program, or for the station's: then it is killed.
fn watch(mut child: Child, station: &UnixStream) -> io::Result<Message> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
    let watched = pidfd_open(pid, PidfdFlags::empty());
    let mut gone = false;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if gone {
            child.kill()?;
            break child.wait()?;
        }
        match &watched {
            Ok(process) => {
                let mut both = [
                    PollFd::new(process, PollFlags::IN),
                    PollFd::new(station, PollFlags::IN | PollFlags::RDHUP),
                ];
                let _ = poll(&mut both, None);
                gone = both.last().is_some_and(|polled| !polled.revents().is_empty());
            }
            // A kernel before 5.3: look now and then.
            Err(_) => {
                let mut one = [PollFd::new(station, PollFlags::IN | PollFlags::RDHUP)];
                let tick = rustix::event::Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
                let _ = poll(&mut one, Some(&tick));
                gone = one.first().is_some_and(|polled| !polled.revents().is_empty());
            }
        }
    };
    Ok(ended(status, kill_all()))
}

fn ended(status: ExitStatus, left_behind: u32) -> Message {
    let byte = |number: Option<i32>| number.and_then(|n| u8::try_from(n).ok());
    Message::Ended { exit_code: byte(status.code()), signal: byte(status.signal()), left_behind }
}

/// Kills every descendant until there is none, and counts them.
fn kill_all() -> u32 {
    let deadline = Instant::now() + PATIENCE;
    let mut killed = std::collections::BTreeSet::new();
    loop {
        let left = descendants();
        if left.is_empty() || Instant::now() > deadline {
            return u32::try_from(killed.len()).unwrap_or(u32::MAX);
        }
        for (pid, state) in left {
            if state != 'Z'
                && let Some(process) = Pid::from_raw(pid)
            {
                killed.insert(pid);
                let _ = kill_process(process, Signal::KILL);
            }
        }
        while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
        thread::sleep(Duration::from_millis(2));
    }
}

/// Everything that descends from this process, with its state.
fn descendants() -> Vec<(i32, char)> {
    let mut processes: BTreeMap<i32, (i32, char)> = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let pid = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok());
        if let Some(pid) = pid
            && let Ok(stat) = fs::read_to_string(entry.path().join("stat"))
            && let Some(found) = parent_and_state(&stat)
        {
            processes.insert(pid, found);
        }
    }
    let own = getpid().as_raw_pid();
    let descends = |mut pid: i32| {
        for _ in 0..processes.len() {
            match processes.get(&pid) {
                Some((parent, _)) if *parent == own => return true,
                Some((parent, _)) => pid = *parent,
                None => return false,
            }
        }
        false
    };
    processes.iter().filter(|(pid, _)| descends(**pid)).map(|(pid, (_, state))| (*pid, *state)).collect()
}

/// Of proc_pid_stat(5): the name in parentheses may have any character in it.
fn parent_and_state(stat: &str) -> Option<(i32, char)> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((fields.next()?.parse().ok()?, state))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_parentheses_hides_no_parent() {
        assert_eq!(parent_and_state("7 (a) R 1 (x) S 42 7 7 0"), Some((42, 'S')));
        assert_eq!(parent_and_state("7 (a"), None);
    }
}
