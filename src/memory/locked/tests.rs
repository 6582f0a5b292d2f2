use super::*;
use std::fs;
use std::io::{Read, Write};

/// What /proc/self/smaps says of the mapping that holds `at`: its first line, and its VmFlags.
fn mapping_of(at: *const u8) -> (String, Vec<String>) {
    let maps = fs::read_to_string("/proc/self/smaps").unwrap();
    let mut header = None;
    for line in maps.lines() {
        if let Some((start, end)) = line.split(' ').next().and_then(|range| range.split_once('-')) {
            let bounds = (usize::from_str_radix(start, 16), usize::from_str_radix(end, 16));
            if let (Ok(start), Ok(end)) = bounds {
                header = (start..end).contains(&at.addr()).then(|| line.to_owned());
            }
        }
        if let (Some(header), Some(flags)) = (&header, line.strip_prefix("VmFlags:")) {
            return (header.clone(), flags.split_whitespace().map(str::to_owned).collect());
        }
    }
    panic!("no mapping holds {at:?}");
}

fn assert_protected(at: *const u8) -> String {
    let (header, flags) = mapping_of(at);
    for flag in ["lo", "dd", "dc"] {
        assert!(flags.iter().any(|f| f == flag), "{header} lacks {flag}: {flags:?}");
    }
    header
}

#[test]
fn pages_are_locked_not_dumped_not_inherited() {
    for len in [1, 32, 1000, LARGEST_IN_SLAB, LARGEST_IN_SLAB + 1, 300_000] {
        let secret = LockedBytes::copy_of(&vec![7; len]).unwrap();
        let header = assert_protected(secret.expose().as_ptr());
        assert_eq!(header.contains("secretmem"), kind().unwrap() == Protection::MemfdSecret, "{header}");
        assert_eq!(secret.expose(), vec![7; len]);
    }
}

#[test]
fn the_fallback_is_protected_too() {
    let region = Region::map(Protection::Mlock, 5).unwrap();
    assert_eq!(region.len, SLAB);
    let header = assert_protected(region.start.as_ptr());
    assert!(!header.contains("secretmem"), "{header}");
    // Locked means present: every page is resident at once.
    let locked = fs::read_to_string("/proc/self/status").unwrap();
    assert!(locked.lines().any(|l| l.starts_with("VmLck:") && !l.ends_with(" 0 kB")), "{locked}");
}

#[test]
fn a_dropped_secret_leaves_zeros() {
    // Both go to one slab, so that it stays mapped when the first is dropped.
    let slab = &mut Arena { protection: None, slabs: Vec::new() };
    let (first, second) = (slab.allocate(100).unwrap(), slab.allocate(1).unwrap());
    assert_eq!(second.addr().get() - first.addr().get(), 2 * CELL);
    let mut secret = LockedBytes { start: first, len: 100, home: Home::Nowhere };
    secret.expose_mut().fill(0xa5);
    drop(secret);
    // SAFETY: the slab is still mapped, and nobody has its first cells any more.
    assert_eq!(unsafe { std::slice::from_raw_parts(first.as_ptr(), 100) }, [0; 100]);
    slab.release(first, 100);
    assert_eq!(slab.allocate(100).unwrap(), first);
}

#[test]
fn what_is_handed_out_is_zero_and_disjoint() {
    let secrets: Vec<LockedBytes> = (0..500_usize)
        .map(|i| {
            let mut secret = LockedBytes::zeroed(i * 7 % 1300).unwrap();
            assert!(secret.expose().iter().all(|b| *b == 0));
            secret.expose_mut().fill(u8::try_from(i % 251).unwrap());
            secret
        })
        .collect();
    for (i, secret) in secrets.iter().enumerate() {
        assert_eq!(secret.len(), i * 7 % 1300);
        assert!(secret.expose().iter().all(|b| usize::from(*b) == i % 251));
    }
}

#[test]
fn slabs_are_filled_reused_and_unmapped() {
    let mut arena = Arena { protection: None, slabs: Vec::new() };
    let all: Vec<_> = (0..3 * CELLS).map(|_| arena.allocate(CELL).unwrap()).collect();
    assert_eq!(arena.slabs.len(), 3);
    assert!(arena.slabs.iter().all(|slab| slab.free == 0));
    let (first, rest) = all.split_first().unwrap();
    rest.iter().for_each(|start| arena.release(*start, CELL));
    assert_eq!((arena.slabs.len(), arena.slabs[0].free), (1, CELLS - 1));
    // 16 cells in a row are found behind the one that is in use.
    assert_eq!(arena.allocate(1000).unwrap().addr().get() - first.addr().get(), CELL);
    arena.release(*first, CELL);
    assert_eq!(arena.slabs.len(), 1);
}

#[test]
fn the_largest_quorum_fits_the_ordinary_limit() {
    // 255 custodians, 8 authorities, 1000 bytes each; and empty ones take nothing.
    let mut arena = Arena { protection: None, slabs: Vec::new() };
    for _ in 0..255 * 8 {
        arena.allocate(1000).unwrap();
    }
    assert_eq!(arena.slabs.len() * SLAB, 2 * 1024 * 1024);
    let nothing: Vec<_> = (0..9000).map(|_| LockedBytes::zeroed(0).unwrap()).collect();
    assert!(nothing.iter().all(|n| n.is_empty() && n.expose().is_empty()));
}

#[test]
fn too_much_is_an_error_not_ordinary_memory() {
    for len in [LARGEST + 1, 1 << 46, isize::MAX as usize, usize::MAX - SLAB, usize::MAX] {
        let error = LockedBytes::zeroed(len).err().unwrap();
        assert!(error.to_string().starts_with(&format!("cannot lock {len} bytes")), "{error}");
    }
}

#[test]
fn a_vector_that_is_taken_is_wiped() {
    let mut bytes = Vec::with_capacity(64);
    bytes.extend_from_slice(b"taken");
    let secret = LockedBytes::take(bytes).unwrap();
    assert_eq!(secret.expose(), b"taken");
}

#[test]
fn the_kernel_reads_and_writes_locked_bytes() {
    // Pages of memfd_secret are out of the kernel's own map, yet read(2) and write(2) take them.
    let mut secret = LockedBytes::zeroed(32).unwrap();
    fs::File::open("/dev/urandom").unwrap().read_exact(secret.expose_mut()).unwrap();
    assert_ne!(secret.expose(), [0; 32]);
    let (mut reader, mut writer) = io::pipe().unwrap();
    writer.write_all(secret.expose()).unwrap();
    let mut echoed = LockedBytes::zeroed(32).unwrap();
    reader.read_exact(echoed.expose_mut()).unwrap();
    assert_eq!(echoed.expose(), secret.expose());
}

#[test]
fn memfd_secret_is_unreadable_through_proc() {
    use std::os::unix::fs::FileExt;
    if kind().unwrap() != Protection::MemfdSecret {
        return;
    }
    let (secret, plain) = (LockedBytes::copy_of(b"hidden").unwrap(), Box::new(*b"public"));
    let memory = fs::File::open("/proc/self/mem").unwrap();
    let mut seen = [0; 6];
    memory.read_exact_at(&mut seen, plain.as_ptr().addr() as u64).unwrap();
    assert_eq!(&seen, b"public");
    memory.read_exact_at(&mut seen, secret.expose().as_ptr().addr() as u64).unwrap_err();
}

#[test]
fn secrets_move_between_threads() {
    let secret = LockedBytes::copy_of(b"moved").unwrap();
    let threads: Vec<_> = (0..4_u8)
        .map(|n| {
            std::thread::spawn(move || {
                (0..200).all(|_| LockedBytes::copy_of(&[n; 90]).unwrap().expose() == [n; 90])
            })
        })
        .collect();
    assert!(threads.into_iter().all(|t| t.join().unwrap()));
    std::thread::spawn(move || assert_eq!(secret.expose(), b"moved")).join().unwrap();
}
