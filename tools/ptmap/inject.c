// SPDX-License-Identifier: GPL-2.0
/*
 * Starts a command with a userfaultfd of its own that we hold.
 *
 * A userfaultfd belongs to the memory of the process that asks for it, and executing a program
 * replaces that memory. So the command is stopped once, when its program is in place and has not
 * run yet, and made to ask for one there. Its code is not touched for that: somewhere in it there
 * is an instruction for a system call, and that is where it is sent.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/userfaultfd.h>

#include "ptmap.h"

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY	1
#endif
#ifndef SYS_userfaultfd
#error "this C library does not know userfaultfd()"
#endif

#define SYSCALL_STOP	(SIGTRAP | 0x80)
#define EXEC_STOP	(SIGTRAP | PTRACE_EVENT_EXEC << 8)

typedef struct user_regs_struct registers;

#if defined(__x86_64__)
static const unsigned char syscall_code[] = { 0x0f, 0x05 };
#define CODE_STEP	1

static void set_call(registers *r, uint64_t at, long number, const long *args)
{
	r->rip = at;
	r->rax = number;
	r->rdi = args[0];
	r->rsi = args[1];
	r->rdx = args[2];
}

static long result_of(const registers *r)
{
	return r->rax;
}
#elif defined(__aarch64__)
static const unsigned char syscall_code[] = { 0x01, 0x00, 0x00, 0xd4 };
#define CODE_STEP	4

static void set_call(registers *r, uint64_t at, long number, const long *args)
{
	r->pc = at;
	r->regs[8] = number;
	r->regs[0] = args[0];
	r->regs[1] = args[1];
	r->regs[2] = args[2];
}

static long result_of(const registers *r)
{
	return r->regs[0];
}
#else
#error "ptmap --track is written for x86-64 and arm64"
#endif

/* Signals that arrive while the command stands still; it gets them when it goes on */
static sigset_t held;

static int search(int mem, uint64_t start, uint64_t end, uint64_t *found)
{
	static unsigned char code[65536];

	while (start < end) {
		uint64_t size = end - start < sizeof(code) ? end - start : sizeof(code);
		ssize_t got = pread(mem, code, size, start);

		if (got < (ssize_t)sizeof(syscall_code))
			return -1;
		for (ssize_t i = 0; i + (ssize_t)sizeof(syscall_code) <= got; i += CODE_STEP) {
			if (memcmp(code + i, syscall_code, sizeof(syscall_code)))
				continue;
			*found = start + i;
			return 0;
		}
		start += got;
	}
	return -1;
}

/* No program can do without; the kernel's own code in it, [vdso], has one too */
static int find_syscall(pid_t pid, uint64_t *found)
{
	struct mapping mapping;
	struct maps maps;
	char path[40];
	int mem, result = -1;

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	mem = open(path, O_RDONLY | O_CLOEXEC);
	if (mem < 0 || maps_open(&maps, pid))
		return -1;
	while (result && maps_next(&maps, &mapping))
		if (mapping.permissions[2] == 'x')
			result = search(mem, mapping.start, mapping.end, found);
	maps_close(&maps);
	close(mem);
	return result;
}

/* A command that has not begun is not worth keeping. Any other goes on without us. */
static _Noreturn void fail_target(struct target *t, const char *what, int error)
{
	if (!t->has_begun) {
		kill(t->pid, SIGKILL);
		waitpid(t->pid, NULL, 0);
	}
	fail("%s: %s", what, error ? strerror(error) : "unexpected");
}

static void get_registers(struct target *t, registers *r)
{
	struct iovec v = { r, sizeof(*r) };

	if (ptrace(PTRACE_GETREGSET, t->pid, NT_PRSTATUS, &v))
		fail_target(t, "cannot read the command's registers", errno);
	if (v.iov_len != sizeof(*r))
		fail_target(t, "cannot track 32-bit programs", ENOEXEC);
}

static void set_registers(struct target *t, registers *r)
{
	struct iovec v = { r, sizeof(*r) };

	if (ptrace(PTRACE_SETREGSET, t->pid, NT_PRSTATUS, &v))
		fail_target(t, "cannot set the command's registers", errno);
}

static int wait_for(struct target *t)
{
	int status;

	while (waitpid(t->pid, &status, 0) < 0)
		if (errno != EINTR)
			fail_target(t, "cannot wait for the command", errno);
	return status;
}

/* Lets it go on to the next stop of that kind. False: it ended before. */
static bool go_to(struct target *t, int request, int stop, int *status)
{
	long signal = 0;

	for (;;) {
		if (request && ptrace(request, t->pid, 0, signal) && errno != ESRCH)
			fail_target(t, "cannot let the command go on", errno);
		*status = wait_for(t);
		if (!WIFSTOPPED(*status))
			return false;
		if (*status >> 8 == stop)
			return true;
		if (*status >> 16)
			signal = 0;
		else if (stop == SYSCALL_STOP && WSTOPSIG(*status) != SIGTRAP)
			sigaddset(&held, WSTOPSIG(*status));
		else
			signal = WSTOPSIG(*status);
		if (!request)
			request = PTRACE_CONT;
	}
}

static void step_syscall(struct target *t)
{
	int status;

	if (!go_to(t, PTRACE_SYSCALL, SYSCALL_STOP, &status))
		fail("the command ended before it began");
}

static long call(struct target *t, uint64_t at, long number, long arg)
{
	const long args[3] = { arg, 0, 0 };
	registers r;

	get_registers(t, &r);
	set_call(&r, at, number, args);
	set_registers(t, &r);
	step_syscall(t);
	step_syscall(t);
	get_registers(t, &r);
	return result_of(&r);
}

static void take_userfaultfd(struct target *t)
{
	registers saved;
	uint64_t at = 0;
	long fd;

	get_registers(t, &saved);
	if (find_syscall(t->pid, &at))
		fail_target(t, "cannot find a system call in the command's code", 0);
	fd = call(t, at, SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);
	if (fd < 0) {
		set_registers(t, &saved);
		fail_target(t, "the command cannot have a userfaultfd", -fd);
	}
	t->userfaultfd = syscall(SYS_pidfd_getfd, t->pidfd, fd, 0);
	if (t->userfaultfd < 0)
		fail_target(t, "cannot take the command's userfaultfd", errno);
	call(t, at, SYS_close, fd);
	set_registers(t, &saved);
}

static _Noreturn void run(char **command, int go, int told)
{
	char byte;
	int error;

	if (read(go, &byte, 1) != 1)
		_exit(EXIT_TRACK_FAILED);
	restore_signals();
	execvp(command[0], command);
	error = errno;
	if (write(told, &error, sizeof(error)) != sizeof(error))
		_exit(EXIT_TRACK_FAILED);
	_exit(EXIT_CANNOT_EXECUTE);
}

static void begin(struct target *t, char **command, int go[2], int told[2])
{
	if (pipe2(go, O_CLOEXEC) || pipe2(told, O_CLOEXEC))
		fail("cannot make a pipe: %s", strerror(errno));
	t->pid = fork();
	if (t->pid < 0)
		fail("cannot start a process: %s", strerror(errno));
	if (!t->pid) {
		close(go[1]);
		run(command, go[0], told[1]);
	}
	close(go[0]);
	close(told[1]);
	if (ptrace(PTRACE_SEIZE, t->pid, 0,
		   PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL))
		fail_target(
			t, "not permitted to trace the command, which is needed once, at its start",
			errno);
	t->pidfd = syscall(SYS_pidfd_open, t->pid, 0);
	if (t->pidfd < 0)
		fail_target(t, "cannot watch the command", errno);
	if (write(go[1], "", 1) != 1)
		fail_target(t, "cannot start the command", errno);
	close(go[1]);
}

/* In execve() still, and what that returns would overwrite a register */
static void prepare(struct target *t)
{
	step_syscall(t);
	take_userfaultfd(t);
}

/* The command stands before its first instruction when this returns; target_resume() lets it go */
void target_start(struct target *t, char **command)
{
	int go[2], told[2], status, error;

	sigemptyset(&held);
	begin(t, command, go, told);
	if (!go_to(t, 0, EXEC_STOP, &status)) {
		if (read(told[0], &error, sizeof(error)) == sizeof(error))
			give_up(error == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_EXECUTE,
				"cannot run %s: %s", command[0], strerror(error));
		fail("the command ended before it began");
	}
	close(told[0]);
	prepare(t);
}

void target_resume(struct target *t)
{
	/* From now on it may outlive us */
	t->has_begun = true;
	if (t->stays_attached)
		ptrace(PTRACE_SETOPTIONS, t->pid, 0, PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD);
	if (ptrace(t->stays_attached ? PTRACE_CONT : PTRACE_DETACH, t->pid, 0, 0))
		fail_target(t, "cannot let the command go", errno);
	for (int signal = 1; signal < NSIG; signal++)
		if (sigismember(&held, signal) == 1)
			kill(t->pid, signal);
}

/* What it stopped for: nothing of this is ours, except another program that it begins to execute */
static bool pass_on(struct target *t, int status)
{
	int event = status >> 16;

	if (status >> 8 == EXEC_STOP) {
		close(t->userfaultfd);
		prepare(t);
		return true;
	}
	/* Stopped by a signal such as SIGTSTP it is to stay so until SIGCONT */
	if (event == PTRACE_EVENT_STOP && WSTOPSIG(status) != SIGTRAP)
		ptrace(PTRACE_LISTEN, t->pid, 0, 0);
	else
		ptrace(PTRACE_CONT, t->pid, 0, event ? 0 : WSTOPSIG(status));
	return false;
}

/*
 * For a target that we stay attached to, whenever there may be news. True: a new program stands
 * before its start.
 */
bool target_attend(struct target *t)
{
	int status;

	while (t->stays_attached && !t->has_ended && waitpid(t->pid, &status, WNOHANG) == t->pid) {
		if (WIFSTOPPED(status) && pass_on(t, status))
			return true;
		if (WIFSTOPPED(status))
			continue;
		t->has_ended = true;
		t->status = status;
	}
	return false;
}

/* Returns how it ended, as waitpid() does; until then all that it stops for is passed on */
int target_wait(struct target *t)
{
	while (!t->has_ended) {
		if (waitpid(t->pid, &t->status, 0) < 0 && errno != EINTR)
			fail("cannot wait for the command: %s", strerror(errno));
		if (!WIFSTOPPED(t->status))
			t->has_ended = true;
		else if (pass_on(t, t->status))
			target_resume(t);
	}
	return t->status;
}
