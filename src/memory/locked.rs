//! Locked memory: the pages that secrets live on, and how they are handed out.
//!
//! A *region* is one mapping of whole pages, made by memfd_secret(2) where the kernel has it, else
//! by an anonymous mmap(2) and mlock(2). Neither is swapped, dumped or inherited by a child; what
//! memfd_secret makes is also out of reach of ptrace(2), of `/proc/PID/mem` (root's too) and of
//! hibernation. RLIMIT_MEMLOCK counts pages and ordinary users have 8 MiB, so that small secrets
//! share *slabs*: regions cut into cells, given out behind one mutex. A free cell is all zero.
//!
//! Not guaranteed: what a register, a stack frame or a library's own buffer holds; and secrets
//! that live when the process is killed are wiped by the kernel (memfd_secret) or when it gives the
//! page to somebody else (mlock).
#![allow(unsafe_code, reason = "mmap, mlock and slices over mapped cells have no safe form")]

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, PoisonError};

use zeroize::Zeroize;

/// Why a locked buffer cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    #[error("cannot lock {bytes} bytes of memory for a secret: {source}")]
    Lock {
        /// Bytes asked for.
        bytes: usize,
        source: io::Error,
    },
}

impl MemoryError {
    pub fn hint(&self) -> &'static str {
        "raise the limit of locked memory (ulimit -l says what it is): sudo prlimit --pid $$ --memlock=unlimited in this \
         shell, /etc/security/limits.d for a login, LimitMEMLOCK=infinity for a service, --ulimit memlock=-1:-1 for a \
         container"
    }
}

/// How the pages of secrets are protected in this process. Found out once: a process never mixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// memfd_secret(2): also unmapped from the kernel's own address space.
    MemfdSecret,
    /// mmap(2), mlock(2), MADV_DONTDUMP and MADV_DONTFORK, on a kernel without memfd_secret,
    /// or under a limit on the size of files.
    Mlock,
}

impl Protection {
    /// The name for the record of the environment.
    pub fn name(self) -> &'static str {
        match self {
            Self::MemfdSecret => "memfd_secret",
            Self::Mlock => "mlock",
        }
    }
}

/// Which protection this process uses.
///
/// # Errors
/// [`MemoryError`] when the kernel gives no locked page at all.
pub fn kind() -> Result<Protection, MemoryError> {
    arena().protection().map_err(|source| MemoryError::Lock { bytes: SLAB, source })
}

/// Bytes in locked, non-dumpable memory, wiped on drop.
pub struct LockedBytes {
    start: NonNull<u8>,
    len: usize,
    home: Home,
}

/// Where a buffer's memory goes back to.
enum Home {
    /// No byte, no memory.
    Nowhere,
    /// Cells of a slab.
    Slab,
    /// A region of its own, unmapped with it.
    Own(#[expect(dead_code, reason = "held for its Drop")] Region),
}

// SAFETY: a LockedBytes is the only owner of its cells or region, which belong to no thread; the
// arena that takes cells back is behind a mutex.
unsafe impl Send for LockedBytes {}
// SAFETY: through a shared reference the bytes can only be read.
unsafe impl Sync for LockedBytes {}

impl LockedBytes {
    /// `len` zero bytes.
    ///
    /// # Errors
    /// [`MemoryError`] when the kernel locks no more memory, or for more than 64 MiB; never falls
    /// back to ordinary memory.
    pub fn zeroed(len: usize) -> Result<Self, MemoryError> {
        let failed = |source| MemoryError::Lock { bytes: len, source };
        let (start, home) = match len {
            0 => (NonNull::dangling(), Home::Nowhere),
            1..=LARGEST_IN_SLAB => (arena().allocate(len).map_err(failed)?, Home::Slab),
            _ => {
                let region = arena().region(len).map_err(failed)?;
                (region.start, Home::Own(region))
            }
        };
        Ok(Self { start, len, home })
    }

    /// A locked copy of `bytes`; the caller wipes its own.
    ///
    /// # Errors
    /// As [`LockedBytes::zeroed`].
    pub fn copy_of(bytes: &[u8]) -> Result<Self, MemoryError> {
        let mut locked = Self::zeroed(bytes.len())?;
        locked.expose_mut().copy_from_slice(bytes);
        Ok(locked)
    }

    /// Moves `bytes` into locked memory and wipes the vector, all its capacity, also on error.
    ///
    /// # Errors
    /// As [`LockedBytes::zeroed`].
    pub fn take(mut bytes: Vec<u8>) -> Result<Self, MemoryError> {
        let locked = Self::copy_of(&bytes);
        bytes.zeroize();
        locked
    }

    pub fn expose(&self) -> &[u8] {
        // SAFETY: `start` is the first of `len` mapped, initialised (zero-filled by the kernel or
        // wiped) bytes that nobody else has, or dangling with `len` 0; they live as long as self.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    pub fn expose_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `expose`, and the exclusive borrow of self excludes any other slice.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl Drop for LockedBytes {
    fn drop(&mut self) {
        // Volatile writes and a compiler fence: not optimised away.
        self.expose_mut().zeroize();
        if let Home::Slab = self.home {
            arena().release(self.start, self.len);
        }
    }
}

/// Bytes of a slab, and the granule of larger regions: a multiple of every page size of Linux on
/// the machines that Rust's standard library supports (4, 16 and 64 KiB).
const SLAB: usize = 64 * 1024;
/// Bytes of a cell: one share, one key or one PIN.
const CELL: usize = 64;
const CELLS: usize = SLAB / CELL;
/// Longer secrets get a region of their own.
const LARGEST_IN_SLAB: usize = SLAB / 4;
/// Nothing that is secret here is longer. Without a limit of the kernel's (root), a mapping of any
/// size succeeds, and the process is killed only when its pages are touched.
const LARGEST: usize = 64 * 1024 * 1024;

static ARENA: Mutex<Arena> = Mutex::new(Arena { protection: None, slabs: Vec::new() });

fn arena() -> MutexGuard<'static, Arena> {
    // Nothing that runs under the lock can leave the arena half changed by a panic.
    ARENA.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Arena {
    protection: Option<Protection>,
    slabs: Vec<Slab>,
}

impl Arena {
    fn protection(&mut self) -> io::Result<Protection> {
        if let Some(found) = self.protection {
            return Ok(found);
        }
        let found = detect()?;
        self.protection = Some(found);
        Ok(found)
    }

    fn region(&mut self, len: usize) -> io::Result<Region> {
        Region::map(self.protection()?, len)
    }

    fn allocate(&mut self, len: usize) -> io::Result<NonNull<u8>> {
        let cells = len.div_ceil(CELL);
        if let Some(start) = self.slabs.iter_mut().find_map(|slab| slab.allocate(cells)) {
            return Ok(start);
        }
        let mut slab = Slab { region: self.region(SLAB)?, used: [false; CELLS], free: CELLS };
        let start = slab.allocate(cells).ok_or(io::ErrorKind::OutOfMemory)?;
        self.slabs.push(slab);
        Ok(start)
    }

    /// Takes wiped cells back. Slabs without a secret are unmapped, but for the last one, which is
    /// kept so that a secret that comes and goes does not cost a mapping each time.
    fn release(&mut self, start: NonNull<u8>, len: usize) {
        if let Some(slab) = self.slabs.iter_mut().find(|slab| slab.region.holds(start)) {
            slab.release(start, len.div_ceil(CELL));
        }
        if self.slabs.len() > 1 {
            self.slabs.retain(|slab| slab.free < CELLS);
        }
    }
}

struct Slab {
    region: Region,
    used: [bool; CELLS],
    free: usize,
}

impl Slab {
    /// The first run of `cells` free cells, marked as used.
    fn allocate(&mut self, cells: usize) -> Option<NonNull<u8>> {
        if self.free < cells {
            return None;
        }
        let first = self.used.windows(cells).position(|run| run.iter().all(|used| !used))?;
        self.mark(first, cells, true);
        self.free -= cells;
        // SAFETY: first + cells <= CELLS, so that the offset is inside the region.
        Some(unsafe { self.region.start.add(first * CELL) })
    }

    fn release(&mut self, start: NonNull<u8>, cells: usize) {
        let first = (start.addr().get() - self.region.start.addr().get()) / CELL;
        self.mark(first, cells, false);
        self.free += cells;
    }

    fn mark(&mut self, first: usize, cells: usize, used: bool) {
        self.used.iter_mut().skip(first).take(cells).for_each(|cell| *cell = used);
    }
}

/// One mapping of locked pages; unmapped on drop. Its owner has wiped it.
struct Region {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: a mapping belongs to the process, not to the thread that made it.
unsafe impl Send for Region {}

impl Region {
    /// Maps at least `len` (> 0) zero bytes of locked memory.
    fn map(protection: Protection, len: usize) -> io::Result<Self> {
        if len > LARGEST {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        let len = len.next_multiple_of(SLAB);
        let region = match protection {
            Protection::MemfdSecret => Self::map_secret(len)?,
            Protection::Mlock => Self::map_anonymous(len)?,
        };
        region.advise(libc::MADV_DONTDUMP)?;
        // A child that forks and does not exec has the pages unmapped: a secret has one owner.
        region.advise(libc::MADV_DONTFORK)?;
        Ok(region)
    }

    fn map_secret(len: usize) -> io::Result<Self> {
        let file = memfd_secret()?;
        let size = libc::off_t::try_from(len).map_err(|_| io::ErrorKind::OutOfMemory)?;
        // SAFETY: ftruncate takes no pointer, and the descriptor is open.
        checked(unsafe { libc::ftruncate(file.as_raw_fd(), size) })?;
        // The mapping keeps the file, and is locked by nature: it counts for RLIMIT_MEMLOCK.
        Self::mmap(len, libc::MAP_SHARED, file.as_raw_fd())
    }

    fn map_anonymous(len: usize) -> io::Result<Self> {
        let region = Self::mmap(len, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1)?;
        // SAFETY: the range is one mapping that we own.
        checked(unsafe { libc::mlock(region.start.as_ptr().cast(), len) })?;
        Ok(region)
    }

    fn mmap(len: usize, flags: libc::c_int, file: libc::c_int) -> io::Result<Self> {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: without MAP_FIXED the kernel chooses addresses that nothing else uses.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), len, access, flags, file, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, len })
    }

    fn advise(&self, advice: libc::c_int) -> io::Result<()> {
        // SAFETY: the range is one mapping that we own, and neither advice that we give changes
        // what its bytes are.
        checked(unsafe { libc::madvise(self.start.as_ptr().cast(), self.len, advice) })
    }

    fn holds(&self, at: NonNull<u8>) -> bool {
        at.addr().get().wrapping_sub(self.start.addr().get()) < self.len
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: the range is one mapping that we own, and whoever owned bytes in it is gone: a
        // slab is dropped when all of its cells are free, an own region with its LockedBytes.
        // munmap fails only for a bad range, or when a mapping would have to be split.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}

/// Uses memfd_secret unless the kernel lacks or forbids it, or RLIMIT_FSIZE, which counts for its
/// files too, is below the longest secret; any other failure is an error, so that a passing shortage
/// does not weaken the protection.
fn detect() -> io::Result<Protection> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Fsize).current;
    if limit.is_some_and(|limit| usize::try_from(limit).is_ok_and(|limit| limit < LARGEST)) {
        return Ok(Protection::Mlock);
    }
    match memfd_secret() {
        Ok(_) => Ok(Protection::MemfdSecret),
        Err(error) => match error.raw_os_error() {
            Some(libc::ENOSYS | libc::EPERM | libc::EACCES) => Ok(Protection::Mlock),
            _ => Err(error),
        },
    }
}

fn memfd_secret() -> io::Result<OwnedFd> {
    // The flag of this call is O_CLOEXEC (the manual page says FD_CLOEXEC).
    // SAFETY: the call takes no pointer.
    let file = unsafe { libc::syscall(libc::SYS_memfd_secret, libc::O_CLOEXEC) };
    match libc::c_int::try_from(file) {
        // SAFETY: the kernel has just made the descriptor, and nobody else knows it.
        Ok(file) if file >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(file) }),
        _ => Err(io::Error::last_os_error()),
    }
}

fn checked(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests;
