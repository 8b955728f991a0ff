// SPDX-License-Identifier: GPL-2.0
/*
 * The negative controls: a test, or a PID 1, that does one wrong thing. "make test-controls" expects each to be noticed.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <unistd.h>

static void write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		perror(path);
	if (fd >= 0)
		close(fd);
}

static void crash_point(const char *name)
{
	write_to("/sys/kernel/debug/provoke-crash/DIRECT", name);
}

static int pass(void)
{
	puts("KTAP version 1\n1..1\nok 1 fine");
	return 0;
}

/* What the test says is right, what the kernel says is not. */
static int warn(void)
{
	crash_point("WARNING");
	return pass();
}

/*
 * A tick may not take the processor away between the lock and the way out: that would be reported in the lock's place.
 * Nor may a page be missing after that: arm64 takes a fault with a lock held for one of the kernel's own, and panics.
 */
static int lockdep(void)
{
	const struct sched_param first = { .sched_priority = 99 };

	if (sched_setscheduler(0, SCHED_FIFO, &first))
		perror("sched_setscheduler");
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		perror("mlockall");
	crash_point("SPINLOCKUP");
	return pass();
}

static int panic(void)
{
	write_to("/proc/sysrq-trigger", "c");
	return pass();
}

static int fail(void)
{
	puts("KTAP version 1\n1..2\nok 1 fine\n# a diagnostic line\nnot ok 2 wrong");
	return 1;
}

static int lie(void)
{
	puts("KTAP version 1\n1..1\nnot ok 1 wrong");
	return 0;
}

static int skip(void)
{
	puts("KTAP version 1\n1..1\nok 1 left out # SKIP not today");
	return 0;
}

static int stop_early(void)
{
	puts("KTAP version 1\n1..3\nok 1 fine");
	return 0;
}

static int crash(void)
{
	pass();
	fflush(stdout);
	abort();
}

static int hang(void)
{
	for (;;)
		pause();
}

static const struct {
	const char *name;
	int (*act)(void);
} acts[] = {
	{ "pass", pass },
	{ "fail", fail },
	{ "lie", lie },
	{ "skip", skip },
	{ "stop-early", stop_early },
	{ "crash", crash },
	{ "hang", hang },
	{ "warn", warn },
	{ "lockdep", lockdep },
	{ "panic", panic },
};

int main(int argc, char **argv)
{
	if (getpid() == 1 && getenv("silent"))
		reboot(RB_AUTOBOOT);
	if (getpid() == 1)
		return 0;
	for (size_t i = 0; argc > 1 && i < sizeof(acts) / sizeof(*acts); i++)
		if (!strcmp(acts[i].name, argv[1]))
			return acts[i].act();
	return 2;
}
