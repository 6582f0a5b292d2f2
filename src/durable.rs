//! Files that survive a power cut: one way to create, one way to replace, one way to keep others out.
//!
//! It is at the bottom, beside `memory` and `encoding`, because the adapters that keep files need it and
//! do not import each other.

mod destruction;
mod locking;
mod names;
mod reading;
mod writing;

pub use destruction::{check_destroyable, destroy};
pub use locking::{DirectoryId, DirectoryLock, LockHolder, holder};
pub use names::{reason, sync_directory, sync_open_directory};
pub use reading::{open_plain, read_limited, read_plain};
pub use writing::{
    Access, check_new, check_writable, create, create_directory, create_whole, make_directory, replace,
    write_new,
};

#[cfg(test)]
mod tests {
    use super::{locking::NO_LOCKS, names::lacking, *};
    use std::{
        fs::{self, File},
        io,
        os::unix::fs::{MetadataExt as _, PermissionsExt as _},
        path::Path,
        time::Duration,
    };

    #[test]
    fn nothing_is_overwritten_by_create() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        fs::write(dir.path().join(".x.tmp"), b"left by a crash").unwrap();
        create_whole(Access::PRIVATE, &path, b"one").unwrap();
        assert_eq!(create(Access::PRIVATE, &path, b"two").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(
            create_whole(Access::PRIVATE, &path, b"two").unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert_eq!(read_limited(&path, 3).unwrap(), b"one");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(read_limited(&path, 2).is_err());
    }

    #[test]
    fn replace_leaves_no_temporary_file_and_clears_an_old_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        create(Access::PRIVATE, &path, b"one").unwrap();
        fs::write(dir.path().join(".x.tmp"), b"left by a crash").unwrap();
        replace(Access::PRIVATE, &path, b"two").unwrap();
        assert_eq!(read_limited(&path, 10).unwrap(), b"two");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_is_for_others_has_the_mode_of_their_directory() {
        let dir = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        for (shared, directory, file) in
            [(0o700, 0o700, 0o600), (0o2770, 0o2770, 0o660), (0o750, 0o750, 0o640), (0o777, 0o775, 0o664)]
        {
            fs::set_permissions(dir.path(), fs::Permissions::from_mode(shared)).unwrap();
            let access = Access::like(dir.path()).unwrap();
            let at = |name: &str| dir.path().join(format!("{shared:o}-{name}"));
            create(access, &at("created"), b"1").unwrap();
            create_whole(access, &at("whole"), b"1").unwrap();
            create(Access::PRIVATE, &at("replaced"), b"1").unwrap();
            replace(access, &at("replaced"), b"2").unwrap();
            create_directory(access, &at("directory")).unwrap();
            for name in ["created", "whole", "replaced"] {
                assert_eq!(mode(&at(name)), file, "{shared:o} {name}");
            }
            assert_eq!(mode(&at("directory")), directory);
        }
        // Root can give to any group; others only to theirs, and then nobody of another group is let in.
        let group = rustix::process::getegid().as_raw() + 1;
        if std::os::unix::fs::chown(dir.path(), None, Some(group)).is_ok() {
            create(Access::like(dir.path()).unwrap(), &dir.path().join("given"), b"1").unwrap();
            assert_eq!(fs::metadata(dir.path().join("given")).unwrap().gid(), group);
        }
    }

    #[test]
    fn what_a_file_system_lacks_is_said_in_words() {
        for code in [libc::ENOLCK, libc::ENOSYS, libc::EOPNOTSUPP, libc::EINVAL] {
            let error = lacking(io::Error::from_raw_os_error(code), NO_LOCKS);
            assert_eq!((error.kind(), reason(&error).as_str()), (io::ErrorKind::Unsupported, NO_LOCKS));
        }
        assert_eq!(
            lacking(io::Error::from_raw_os_error(libc::EIO), NO_LOCKS).raw_os_error(),
            Some(libc::EIO)
        );
    }

    #[test]
    fn the_lock_outlives_a_replaced_file_and_runs_out_of_patience() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        create(Access::PRIVATE, &path, b"one").unwrap();
        let held = DirectoryLock::acquire(&path, Duration::ZERO).unwrap();
        replace(Access::PRIVATE, &path, b"two").unwrap();
        assert!(DirectoryLock::acquire(&path, Duration::from_millis(20)).is_err());
        drop(held);
        assert!(DirectoryLock::acquire(&path, Duration::from_secs(60)).is_ok());
    }

    #[test]
    fn a_pipe_or_a_directory_is_no_file() {
        let dir = tempfile::tempdir().unwrap();
        assert!(read_limited(dir.path(), 10).is_err());
        assert!(read_limited(Path::new("/dev/zero"), 10).is_err());
    }

    #[test]
    fn plain_files_only_and_long_ones_are_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let (path, link) = (dir.path().join("x"), dir.path().join("link"));
        create(Access::PRIVATE, &path, b"one").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert_eq!(read_plain(&path, 3).unwrap(), b"one");
        assert_eq!(read_plain(&link, 3).unwrap_err().raw_os_error(), Some(libc::ELOOP));
        assert!(read_plain(dir.path(), 3).is_err() && read_plain(Path::new("/dev/zero"), 3).is_err());
        File::options().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
        let refused = read_plain(&path, 1 << 20).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::FileTooLarge);
        assert!(refused.to_string().contains("1099511627776 bytes"), "{refused}");
    }

    #[test]
    fn what_is_destroyed_is_zeros_under_every_name() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("x"), dir.path().join("other"));
        create(Access::PRIVATE, &path, b"secret").unwrap();
        fs::write(dir.path().join(".x.tmp"), b"left by a crash").unwrap();
        fs::hard_link(&path, &other).unwrap();
        destroy(&path).unwrap();
        assert_eq!(fs::read(&other).unwrap(), [0; 6]);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        destroy(&path).unwrap();
        destroy(&dir.path().join("no-directory/x")).unwrap();
        std::os::unix::fs::symlink(&other, &path).unwrap();
        assert!(destroy(&path).is_err() && path.exists());
    }

    #[test]
    fn a_locked_directory_is_locked_at_once_and_known_when_moved() {
        let dir = tempfile::tempdir().unwrap();
        let (old, new) = (dir.path().join("old"), dir.path().join("new"));
        create_directory(Access::PRIVATE, &old).unwrap();
        let held = DirectoryLock::of_directory(&old).unwrap();
        let refused = DirectoryLock::of_directory(&old).err().unwrap();
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
        fs::rename(&old, &new).unwrap();
        create_directory(Access::PRIVATE, &old).unwrap();
        assert_eq!(held.identity().unwrap(), DirectoryId::of(&new).unwrap());
        assert_ne!(held.identity().unwrap(), DirectoryId::of(&old).unwrap());
    }
}
