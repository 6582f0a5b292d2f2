/* A program that does what its arguments say, one after the other: the honest and the hostile programs of the tests. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

extern char **environ;

static void copy(int from, int to) {
    char buffer[4096];
    ssize_t got;
    while ((got = read(from, buffer, sizeof buffer)) > 0)
        if (write(to, buffer, got) != got) exit(90);
}

static void echo(int on) {
    struct termios modes;
    int tty = open("/dev/tty", O_RDWR);
    if (tty < 0 || tcgetattr(tty, &modes)) exit(91);
    if (on) modes.c_lflag |= ECHO; else modes.c_lflag &= ~ECHO;
    if (tcsetattr(tty, TCSANOW, &modes)) exit(92);
    close(tty);
}

/* Asks on the terminal, with echo off, and keeps the answer. */
static char answer[4096];
static void ask(const char *prompt, int off) {
    int tty = open("/dev/tty", O_RDWR);
    if (off) echo(0);
    if (write(tty, prompt, strlen(prompt)) < 0) exit(93);
    size_t length = 0;
    while (length < sizeof answer - 1 && read(tty, answer + length, 1) == 1 && answer[length] != '\n') length++;
    answer[length] = 0;
    if (write(tty, "\n", 1) < 0) exit(93);
    echo(1);
    close(tty);
}

static void put(const char *path, const char *text) {
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (file < 0 || write(file, text, strlen(text)) < 0) exit(94);
    close(file);
}

/* What is on standard input is read in the end, unless it is to be left there. */
static int leaves;
static int ended(int code) {
    char buffer[4096];
    if (!leaves && !isatty(0)) while (read(0, buffer, sizeof buffer) > 0);
    return code;
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        const char *verb = argv[i], *next = i + 1 < argc ? argv[i + 1] : "";
        if (!strcmp(verb, "cat")) copy(0, 1);
        else if (!strcmp(verb, "save")) { int f = open(next, O_WRONLY | O_CREAT | O_EXCL, 0600); if (f < 0) return 95; copy(0, f); close(f); i++; }
        else if (!strcmp(verb, "cat-file")) { int f = open(next, O_RDONLY); if (f < 0) return 96; copy(f, 1); close(f); i++; }
        else if (!strcmp(verb, "copy-file")) { int f = open(next, O_RDONLY), t = open(argv[i + 2], O_WRONLY | O_CREAT, 0600); if (f < 0 || t < 0) return 96; copy(f, t); close(f); close(t); i += 2; }
        else if (!strcmp(verb, "copy-descriptor")) { int t = open(argv[i + 2], O_WRONLY | O_CREAT, 0600); if (t < 0) return 96; copy(atoi(next), t); close(t); i += 2; }
        else if (!strcmp(verb, "skip-line")) { char c; while (read(0, &c, 1) == 1 && c != '\n'); }
        else if (!strcmp(verb, "leave")) leaves = 1;
        else if (!strcmp(verb, "note")) { put(next, "x"); i++; }
        else if (!strcmp(verb, "say")) { printf("%s\n", next); fflush(stdout); i++; }
        else if (!strcmp(verb, "complain")) { fprintf(stderr, "%s\n", next); i++; }
        else if (!strcmp(verb, "environment")) { for (char **e = environ; *e; e++) printf("%s\n", *e); fflush(stdout); }
        else if (!strcmp(verb, "descriptors")) { for (int d = 3; d < 1024; d++) if (fcntl(d, F_GETFD) >= 0) printf("open %d\n", d); fflush(stdout); }
        else if (!strcmp(verb, "session")) { printf("session %s, no new privileges: ", getsid(0) == getpid() ? "own" : "other"); fflush(stdout); char line[64]; sprintf(line, "/proc/%d/status", getpid()); FILE *f = fopen(line, "r"); while (fgets(line, sizeof line, f)) if (!strncmp(line, "NoNewPrivs", 10)) fputs(line, stdout); fclose(f); fflush(stdout); }
        else if (!strcmp(verb, "fill")) { char block[4096]; memset(block, 'x', sizeof block); for (int n = 0; n < 8192; n++) if (write(1, block, sizeof block) < 0) return 97; }
        else if (!strcmp(verb, "hang")) { for (;;) pause(); }
        else if (!strcmp(verb, "sleep")) { sleep(atoi(next)); i++; }
        else if (!strcmp(verb, "die")) { raise(SIGSEGV); }
        else if (!strcmp(verb, "exit")) { return ended(atoi(next)); }
        else if (!strcmp(verb, "exists")) { return access(next, F_OK) == 0 ? 0 : 1; }
        else if (!strcmp(verb, "link")) { if (symlink(next, argv[i + 2])) return 98; i += 2; }
        else if (!strcmp(verb, "ask")) { ask(next, 1); i++; }
        else if (!strcmp(verb, "ask-echoing")) { ask(next, 0); i++; }
        else if (!strcmp(verb, "show-answer")) { printf("%s\n", answer); fflush(stdout); }
        else if (!strcmp(verb, "save-answer")) { put(next, answer); i++; }
        else if (!strcmp(verb, "daemon")) {
            /* Twice forked, a session of its own, keeps every descriptor, and writes when it is still there later. */
            if (fork() == 0) {
                setsid();
                if (fork() == 0) { signal(SIGHUP, SIG_IGN); sleep(3); put(next, "alive"); for (;;) pause(); }
                _exit(0);
            }
            wait(NULL);
            i++;
        } else return 99;
    }
    return ended(0);
}
