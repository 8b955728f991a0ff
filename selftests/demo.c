// SPDX-License-Identifier: GPL-2.0
/*
 * A guard region in the middle of ordinary memory, shown from the outside: it is installed, touching it faults where
 * and as it should, what lies beside it is untouched, and after removal the memory can be used again.
 * One line per step, "what  result"; exit status 1 if a step went wrong.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL	102
#define MADV_GUARD_REMOVE	103
#endif

#define PAGES	9
#define MIDDLE	4

static sigjmp_buf landing;
static void * volatile fault_addr;
static volatile int fault_code;
static int failures;

static void step(const char *what, bool good, const char *result)
{
	printf("%-16s  %s%s\n", what, good ? "" : "FAILED: ", result);
	failures += !good;
}

static void on_segv(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	fault_addr = info->si_addr;
	fault_code = info->si_code;
	siglongjmp(landing, 1);
}

/* True when the access went through. */
static bool touch(volatile char *p)
{
	fault_addr = NULL;
	fault_code = 0;
	if (sigsetjmp(landing, 1))
		return false;
	*p = 1;
	return true;
}

static void show_machine(void)
{
	struct utsname u;
	char text[200];

	uname(&u);
	snprintf(text, sizeof(text), "%s %s", u.release, u.machine);
	step("kernel", true, text);
#ifdef __aarch64__
	if (getauxval(AT_HWCAP2) & (1 << 18)) {
		/* the library's way to run a program needs a shell, this one does not */
		pid_t pid = fork();
		int status = 0;

		if (!pid) {
			execl("/bin/canary", "canary", NULL);
			_exit(127);
		}
		waitpid(pid, &status, 0);
		step("memory tags", status == 0, status == 0 ? "HWCAP2_MTE, canary passed" :
		     "this emulator gives tags back wrongly");
	} else {
		step("memory tags", true, "none");
	}
#endif
}

static bool filled(const char *mem, size_t page, bool skip_middle)
{
	for (int i = 0; i < PAGES; i++)
		for (size_t j = 0; (i != MIDDLE || !skip_middle) && j < page; j++)
			if (mem[i * page + j] != 'a' + i)
				return false;
	return true;
}

static void show_guard(void)
{
	struct sigaction sa = { .sa_sigaction = on_segv, .sa_flags = SA_SIGINFO };
	size_t page = sysconf(_SC_PAGESIZE);
	char text[200], *mem, *guard;
	int err;

	mem = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED)
		return step("memory", false, strerror(errno));
	for (int i = 0; i < PAGES; i++)
		memset(mem + i * page, 'a' + i, page);
	guard = mem + MIDDLE * page;
	sigaction(SIGSEGV, &sa, NULL);

	err = madvise(guard, page, MADV_GUARD_INSTALL) ? errno : 0;
	snprintf(text, sizeof(text), "page %d of %d at %p", MIDDLE + 1, PAGES, (void *)guard);
	step("guard installed", !err, err ? strerror(err) : text);
	if (err)
		return;

	if (touch(guard + 8)) {
		step("touched", false, "no signal");
	} else {
		snprintf(text, sizeof(text), "SIGSEGV at %p, si_code %d%s", fault_addr, fault_code,
			 fault_code == SEGV_MAPERR ? " (SEGV_MAPERR)" : "");
		step("touched", fault_addr == guard + 8 && fault_code == SEGV_MAPERR, text);
	}
	step("neighbours", filled(mem, page, true), "their bytes are what they were");

	err = madvise(guard, page, MADV_GUARD_REMOVE) ? errno : 0;
	step("guard removed", !err, err ? strerror(err) : "the page is ordinary memory again");
	if (!err && touch(guard) && guard[8] == 0)
		memset(guard, 'a' + MIDDLE, page);
	step("memory", filled(mem, page, false), "all pages hold what was written");
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	show_machine();
	show_guard();
	return failures != 0;
}
