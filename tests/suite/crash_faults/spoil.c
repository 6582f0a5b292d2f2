/* Has one system call fail at one path, as a file system without it would: flock, fsync or unlink. strace cannot tell the
   paths of a process that is not dumpable to an ordinary user. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int is_call(const char *call) {
    const char *wanted = getenv("SPOIL_CALL");
    return wanted && strcmp(wanted, call) == 0;
}

static int fails(void) {
    errno = atoi(getenv("SPOIL_ERRNO"));
    return -1;
}

static int is_there(int fd) {
    struct stat a, b;
    return fstat(fd, &a) == 0 && stat(getenv("SPOIL_PATH"), &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

int flock(int fd, int operation) {
    return is_call("flock") && is_there(fd) ? fails() : (int)syscall(SYS_flock, fd, operation);
}

int fsync(int fd) {
    return is_call("fsync") && is_there(fd) ? fails() : (int)syscall(SYS_fsync, fd);
}

int unlink(const char *path) {
    int spoiled = is_call("unlink") && strcmp(path, getenv("SPOIL_PATH")) == 0;
    return spoiled ? fails() : (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}
