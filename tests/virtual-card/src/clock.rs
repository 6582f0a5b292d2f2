//! Programs that run by a clock of their own: libfaketime, loaded before them.

use std::{fs, path::PathBuf, process::Command};

/// The library leaves a semaphore and shared memory behind when its process is killed, and stops the next process of the
/// same number at once because they are there. So they are removed by the shell that becomes the program.
pub(crate) const START: &str = r#"rm -f "/dev/shm/sem.faketime_sem_$$" "/dev/shm/faketime_shm_$$"
exec env LD_PRELOAD="$CLOCK_LIBRARY" FAKETIME="$CLOCK" "$@""#;

/// `sh`, to be given `-c` and a script that ends with [`START`]. `clock` is an offset and a speed: `-2d`, `+0 x20`.
pub(crate) fn shell(clock: &str) -> Command {
    let library = library().expect("libfaketimeMT.so.1 is missing: apt-get install faketime");
    let mut shell = Command::new("sh");
    shell.env("CLOCK_LIBRARY", library).env("CLOCK", clock);
    shell
}

/// A command that runs `program` at another time: `+3d`, `-2h`. Its arguments are still to be given.
pub fn at_time(clock: &str, program: &str) -> Command {
    let mut command = shell(clock);
    command.args(["-c", START, "sh", program]);
    command
}

/// What a process that was killed has left.
pub(crate) fn forget(process: u32) {
    for name in [format!("sem.faketime_sem_{process}"), format!("faketime_shm_{process}")] {
        let _ = fs::remove_file(PathBuf::from("/dev/shm").join(name));
    }
}

/// Wherever this architecture has it.
fn library() -> Option<PathBuf> {
    let directories = fs::read_dir("/usr/lib").ok()?;
    let paths = directories.flatten().map(|entry| entry.path().join("faketime/libfaketimeMT.so.1"));
    paths.into_iter().find(|path| path.exists())
}
