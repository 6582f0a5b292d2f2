//! Work after which the stack is overwritten.
//!
//! Libraries compute with secrets in their stack frames, and what they wipe are the variables that they know of: moved and
//! spilled copies stay where they were until another call happens to write there. What is run by [`scrubbed`] leaves no such copy:
//! everything below its caller's frame is overwritten when it has ended.
//!
//! Not guaranteed: copies in the caller's own frames, so that nothing secret may be returned by value but in locked memory;
//! copies on a heap that a library does not wipe; and whatever lies deeper than [`DEPTH`], which no work here reaches.

use std::hint::black_box;

/// Bytes of stack that are overwritten: tens of times what the work here takes.
pub const DEPTH: usize = 256 * 1024;

/// Runs `work`, then overwrites the stack that it used.
pub fn scrubbed<R>(work: impl FnOnce() -> R) -> R {
    let _after = Overwrite;
    apart(work)
}

struct Overwrite;

impl Drop for Overwrite {
    fn drop(&mut self) {
        overwrite();
    }
}

/// Puts a distance between the caller and the work: the first bytes below a frame are those that the call of
/// [`overwrite`] itself needs.
#[inline(never)]
fn apart<R>(work: impl FnOnce() -> R) -> R {
    let distance = [0_u8; 512];
    black_box(&distance);
    let result = below(work);
    black_box(&distance);
    result
}

#[inline(never)]
fn below<R>(work: impl FnOnce() -> R) -> R {
    work()
}

#[inline(never)]
fn overwrite() {
    let zeros = [0_u8; DEPTH];
    // Whatever is done to them here is not known to the compiler: the zeros must be there.
    black_box(&zeros);
}

/// A search of this process's own memory, as a debugger or a core file gives it to others.
#[cfg(test)]
pub(crate) mod search {
    use std::{
        fs::{self, File},
        os::unix::fs::FileExt as _,
        sync::Barrier,
    };

    use crate::memory::LockedBytes;

    /// Does the work, and tells how often these bytes stand in memory when it has ended. Another thread searches, so that the
    /// search itself writes over nothing that the work has left.
    pub(crate) fn copies_after(secret: &LockedBytes, work: impl FnOnce()) -> usize {
        let ended = Barrier::new(2);
        std::thread::scope(|scope| {
            let searching = scope.spawn(|| {
                ended.wait();
                copies_of(secret)
            });
            work();
            ended.wait();
            searching.join().unwrap()
        })
    }

    /// How often these bytes stand in writable memory that the kernel lets be read: stacks and heaps. What is locked by
    /// memfd_secret is not among it.
    fn copies_of(secret: &LockedBytes) -> usize {
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        let memory = File::open("/proc/self/mem").unwrap();
        let mut chunk = vec![0_u8; 1 << 20];
        let own = chunk.as_ptr() as u64..(chunk.as_ptr() as u64 + chunk.len() as u64);
        let mut found = 0;
        for line in maps.lines().filter(|line| line.contains(" rw")) {
            let (from, to) = line.split(' ').next().unwrap().split_once('-').unwrap();
            let (mut at, end) =
                (u64::from_str_radix(from, 16).unwrap(), u64::from_str_radix(to, 16).unwrap());
            while at < end {
                let length = usize::try_from(end - at).unwrap().min(chunk.len());
                // Another thread's memory may be gone by now.
                let Ok(read) = memory.read_at(&mut chunk[..length], at) else { break };
                found += positions(&chunk[..read], secret.expose())
                    .filter(|place| {
                        !own.contains(&(at + *place as u64)) && !is_locked(secret, at + *place as u64)
                    })
                    .count();
                if read < length || at + length as u64 == end {
                    break;
                }
                at += (length - secret.len()) as u64;
            }
        }
        chunk.fill(0);
        found
    }

    fn is_locked(secret: &LockedBytes, at: u64) -> bool {
        secret.expose().as_ptr() as u64 == at
    }

    fn positions<'a>(chunk: &'a [u8], secret: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
        let first = secret[0];
        let starts =
            chunk.iter().enumerate().filter(move |(_, byte)| **byte == first).map(|(place, _)| place);
        starts.filter(move |place| chunk[*place..].starts_with(secret))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::LockedBytes;

    fn random() -> LockedBytes {
        let mut secret = LockedBytes::zeroed(32).unwrap();
        getrandom::fill(secret.expose_mut()).unwrap();
        secret
    }

    /// A frame as a careless library has it.
    #[inline(never)]
    fn careless(secret: &LockedBytes) -> u8 {
        let mut copy = [0_u8; 32];
        copy.copy_from_slice(secret.expose());
        black_box(&copy).iter().fold(0, |sum, byte| sum ^ byte)
    }

    #[test]
    fn what_was_copied_to_the_stack_is_gone_afterwards() {
        let secret = random();
        let left = search::copies_after(&secret, || {
            black_box(apart(|| careless(&secret)));
        });
        assert!(left > 0, "the search finds nothing: it proves nothing");
        let secret = random();
        assert_eq!(
            search::copies_after(&secret, || {
                black_box(scrubbed(|| careless(&secret)));
            }),
            0
        );
    }
}
