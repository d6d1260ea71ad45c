/* SPDX-License-Identifier: MIT */
#include "terminal.h"

#include "tool.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* The other screen, no cursor, what is too long is cut off; and back. */
static const char take_over[] = "\033[?1049h\033[?25l\033[?7l\033[H\033[2J";
static const char give_back[] = "\033[0m\033[?7h\033[?25h\033[?1049l";

enum { LEAVE_MS = 500 };

static struct termios before, ours;
static volatile sig_atomic_t entered, has_keys;

/*
 * Async-signal-safe, as poll(), write() and tcsetattr() are. A terminal whose output is held, as by Ctrl-S, must not keep
 * the program from its end.
 */
static void apply(bool enter)
{
	struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
	const char *text = enter ? take_over : give_back;
	size_t len = enter ? sizeof take_over - 1 : sizeof give_back - 1;
	ssize_t n = poll(&out, 1, LEAVE_MS) == 1 ? write(STDOUT_FILENO, text, len) : 0;
	(void)n;
	if (has_keys)
		tcsetattr(STDIN_FILENO, TCSANOW, enter ? &ours : &before);
}

void terminal_leave(void)
{
	if (!entered)
		return;
	entered = 0;
	apply(false);
}

/* Dies of it, or stops by it, as without a handler; returns if it has been continued. */
static void obey(int number)
{
	struct sigaction usual = {.sa_handler = SIG_DFL}, old;
	sigset_t only, mask;
	sigaction(number, &usual, &old);
	sigemptyset(&only);
	sigaddset(&only, number);
	raise(number);
	sigprocmask(SIG_UNBLOCK, &only, &mask);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	sigaction(number, &old, NULL);
}

/* Whether it may write there, and not only its shell. */
static bool in_front(void)
{
	return tcgetpgrp(STDOUT_FILENO) == getpgrp();
}

static void on_signal(int number)
{
	int error = errno;
	if ((number == SIGINT || number == SIGTERM) && !tool_stopped) {
		tool_stopped = number;
	} else if (number == SIGCONT) { /* behind a stop that could not be caught */
		if (entered)
			apply(true);
	} else if (number != SIGWINCH) {
		bool was = entered;
		terminal_leave();
		obey(number);
		if (was && !in_front())
			obey(SIGTTOU);
		if (was) {
			apply(true);
			entered = 1;
		}
	}
	errno = error;
}

static void catch_signals(void)
{
	/* All whose usual way is to end or to stop a process, but those that cannot be caught. */
	static const int all[] = {SIGHUP, SIGINT, SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGUSR1, SIGSEGV,
		SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGSYS,
		SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT, SIGWINCH};
	struct sigaction act = {.sa_handler = on_signal};
	sigfillset(&act.sa_mask);
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		struct sigaction old;
		if (sigaction(all[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN) /* as under nohup */
			sigaction(all[i], &act, NULL);
	}
}

bool terminal_there(void)
{
	const char *kind = getenv("TERM");
	return isatty(STDOUT_FILENO) && kind && *kind && strcmp(kind, "dumb") != 0;
}

void terminal_enter(void)
{
	if (!in_front())
		raise(SIGTTOU);
	has_keys = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &before) == 0;
	ours = before;
	ours.c_lflag &= ~(tcflag_t)(ICANON | ECHO); /* signals are still made of keys */
	ours.c_cc[VMIN] = 1;
	ours.c_cc[VTIME] = 0;
	catch_signals();
	entered = 1;
	apply(true);
}

void terminal_size(int *rows, int *columns)
{
	struct winsize size = {0};
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_row || !size.ws_col)
		size = (struct winsize){.ws_row = 24, .ws_col = 80};
	*rows = size.ws_row;
	*columns = size.ws_col;
}

static int next_byte(int64_t ns)
{
	unsigned char c;
	if (!tool_poll(has_keys ? STDIN_FILENO : -1, ns))
		return KEY_NONE;
	ssize_t n = read(STDIN_FILENO, &c, 1);
	if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
		return KEY_GONE;
	return n == 1 ? c : KEY_NONE;
}

/* What follows an escape, which comes at once if it is of a key. */
static int sequence(void)
{
	static const struct {
		const char *text;
		int key;
	} keys[] = {{"A", KEY_UP}, {"B", KEY_DOWN}, {"C", KEY_RIGHT}, {"D", KEY_LEFT}, {"5~", KEY_PAGE_UP},
		{"6~", KEY_PAGE_DOWN}, {"H", KEY_HOME}, {"F", KEY_END}, {"1~", KEY_HOME}, {"4~", KEY_END}};
	char text[8] = {0};
	int c = next_byte(RINGQ_MS(20));
	if (c != '[' && c != 'O')
		return c == KEY_NONE ? KEY_ESCAPE : KEY_NONE;
	for (size_t n = 0; n < sizeof text - 1; n++) {
		c = next_byte(RINGQ_MS(20));
		if (c == KEY_NONE || c >= 256)
			return KEY_NONE;
		text[n] = (char)c;
		if (c >= 0x40)
			break;
	}
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (strcmp(keys[i].text, text) == 0)
			return keys[i].key;
	return KEY_NONE;
}

int terminal_key(int64_t ns)
{
	int c = next_byte(ns < 0 ? 0 : ns);
	return c == 27 ? sequence() : c;
}

void terminal_write(const char *text, unsigned long len)
{
	while (len && !tool_stopped) {
		ssize_t n = write(STDOUT_FILENO, text, len);
		if (n < 0 && errno != EINTR)
			return;
		text += n > 0 ? n : 0;
		len -= n > 0 ? (unsigned long)n : 0;
	}
}
