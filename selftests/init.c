// SPDX-License-Identifier: GPL-2.0
/*
 * PID 1 of the guest: sets the machine up, runs one job, and then, last of all, says how it ended.
 *
 *   init JOB TEST_SECONDS CONSOLE_SIZE     (the words after "--" on the kernel command line)
 *
 * Two virtio ports lead to the host. "job" carries what the job printed, byte for byte. "verdict" carries lines:
 *   canary WORD      arm64: whether memory tags read back as written: "pass", "fail" or "none"
 *   status N         its exit status, 128 + signal if it was killed
 *   taint HEX        what the kernel says about itself
 *   splat TEXT       an offending line of the kernel log; "| TEXT" the lines around it
 *   job-ms N         how long the job ran, and the look at its traces
 *   end              nothing is missing. Without this line there is no verdict: the machine died before.
 * The console carries the kernel log only.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "splats.h"

#define TAINT_TEST_BIT	(1UL << 18)	/* KUnit ran: that is no complaint */
#define SPLAT_LINES	60
#define SWAP_BYTES	(256UL << 20)
#define DISK_BYTES	(64UL << 20)
#define HUGE_PAGES	"16"

static int job_fd = -1, verdict_fd = -1;

static void say(const char *fmt, ...)
{
	char line[1200];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n >= (int)sizeof(line))
		n = sizeof(line) - 1;
	if (verdict_fd >= 0 && write(verdict_fd, line, n) != n)
		verdict_fd = -1;
}

/* The kernel log is the one place where a word always arrives. */
static void complain(const char *what)
{
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	dprintf(fd, "<3>init: %s: %s\n", what, strerror(errno));
	close(fd);
}

/* What tests take for granted: without it they would test something else, and say that it is well */
static char lacks[256];

static void lack(const char *what)
{
	snprintf(lacks, sizeof(lacks), "%s: %s", what, strerror(errno));
	complain(what);
}

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -1;
	if (write(fd, text, strlen(text)) < 0)
		err = -1;
	close(fd);
	return err;
}

static bool get(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	if (fd >= 0)
		close(fd);
	if (n < 0)
		return false;
	buf[n] = 0;
	return true;
}

static const struct {
	const char *type, *where, *data;
	mode_t mode;
} mounts[] = {
	{ "proc",	"/proc",		NULL,			0555 },
	{ "sysfs",	"/sys",			NULL,			0555 },
	{ "devtmpfs",	"/dev",			NULL,			0755 },
	{ "devpts",	"/dev/pts",		"ptmxmode=0666",	0755 },
	{ "tmpfs",	"/dev/shm",		"mode=1777",		01777 },
	{ "mqueue",	"/dev/mqueue",		NULL,			0755 },
	{ "hugetlbfs",	"/dev/hugepages",	"mode=1777",		0755 },
	{ "tmpfs",	"/tmp",			"mode=1777",		01777 },
	{ "tmpfs",	"/run",			"mode=0755",		0755 },
	{ "debugfs",	"/sys/kernel/debug",	NULL,			0755 },
	{ "tracefs",	"/sys/kernel/tracing",	NULL,			0700 },
	{ "cgroup2",	"/sys/fs/cgroup",	NULL,			0755 },
};

static const struct {
	const char *target, *name;
} links[] = {
	{ "/proc/self/fd",	"/dev/fd" },
	{ "/proc/self/fd/0",	"/dev/stdin" },
	{ "/proc/self/fd/1",	"/dev/stdout" },
	{ "/proc/self/fd/2",	"/dev/stderr" },
};

static void set_up_files(void)
{
	for (size_t i = 0; i < sizeof(mounts) / sizeof(*mounts); i++) {
		mkdir(mounts[i].where, mounts[i].mode);
		if (mount(mounts[i].type, mounts[i].where, mounts[i].type, 0, mounts[i].data))
			complain(mounts[i].where);
	}
	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++)
		if (symlink(links[i].target, links[i].name))
			complain(links[i].name);
}

static void set_up_swap(void)
{
	struct {
		char boot[1024];
		uint32_t version, last_page, bad_pages;
		char rest[4096 - 1024 - 12 - 10];
		char magic[10];
	} __attribute__((packed)) header = { .version = 1 };
	char size[32];
	int fd;

	snprintf(size, sizeof(size), "%lu", SWAP_BYTES);
	if (put("/sys/block/zram0/disksize", size))
		return lack("zram");
	header.last_page = SWAP_BYTES / sizeof(header) - 1;
	memcpy(header.magic, "SWAPSPACE2", 10);
	fd = open("/dev/zram0", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, &header, sizeof(header)) != sizeof(header) || fsync(fd))
		lack("/dev/zram0");
	close(fd);
	if (swapon("/dev/zram0", 0))
		lack("swapon");
}

/* A file system whose files have pages that are written back, unlike those of tmpfs and the root */
static void set_up_disk(void)
{
	char number[16], path[64], size[32];
	pid_t pid;

	if (!get("/sys/class/zram-control/hot_add", number, sizeof(number)))
		return lack("zram");
	snprintf(path, sizeof(path), "/sys/block/zram%d/disksize", atoi(number));
	snprintf(size, sizeof(size), "%lu", DISK_BYTES);
	if (put(path, size))
		return lack("zram");
	snprintf(path, sizeof(path), "/dev/zram%d", atoi(number));
	pid = fork();
	if (!pid) {
		int null = open("/dev/null", O_WRONLY);

		dup2(null, 1);
		execl("/bin/busybox", "mke2fs", "-b", "4096", path, NULL);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
	mkdir("/disk", 0755);
	if (mount(path, "/disk", "ext2", 0, NULL))
		lack("/disk");
}

static void set_up_network(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo))
		complain("lo");
	close(fd);
	if (sethostname("guest", 5))
		complain("hostname");
}

static int open_port(const char *wanted)
{
	struct dirent *d;
	char path[300], name[64];
	DIR *dir = opendir("/sys/class/virtio-ports");
	int fd = -1;

	while (dir && fd < 0 && (d = readdir(dir))) {
		snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", d->d_name);
		if (!get(path, name, sizeof(name)))
			continue;
		name[strcspn(name, "\n")] = 0;
		snprintf(path, sizeof(path), "/dev/%s", d->d_name);
		if (!strcmp(name, wanted))
			fd = open(path, O_WRONLY | O_CLOEXEC);
	}
	if (dir)
		closedir(dir);
	return fd;
}

/* The ports appear when the host has answered the driver, a moment after the driver came up. */
static int wait_for_port(const char *name)
{
	int fd;

	for (int i = 0; (fd = open_port(name)) < 0 && i < 6000; i++)
		usleep(10000);
	if (fd < 0)
		complain(name);
	return fd;
}

static void emit(const void *data, size_t size)
{
	const char *p = data;

	while (size && job_fd >= 0) {
		ssize_t n = write(job_fd, p, size);

		if (n <= 0) {
			complain("job port");
			job_fd = -1;
			return;
		}
		p += n;
		size -= n;
	}
}

/* Two spaces before every line: the output of a test is a level below its own result. */
static void emit_indented(const char *p, size_t size, bool *at_start)
{
	while (size) {
		const char *nl = memchr(p, '\n', size);
		size_t n = nl ? (size_t)(nl - p) + 1 : size;

		if (*at_start)
			emit("  ", 2);
		emit(p, n);
		*at_start = nl;
		p += n;
		size -= n;
	}
}

/* Reaps whatever died; true once @pid did, with its status in the form of the shell. */
static bool reap(pid_t pid, int *status)
{
	bool found = false;
	pid_t dead;
	int st;

	while ((dead = waitpid(-1, &st, WNOHANG)) > 0) {
		if (dead != pid)
			continue;
		found = true;
		*status = WIFSIGNALED(st) ? 128 + WTERMSIG(st) : WEXITSTATUS(st);
	}
	return found;
}

static void start(char **argv, int in, int out)
{
	struct rlimit core = { 0, RLIM_INFINITY };

	setsid();
	dup2(in, 0);
	dup2(out, 1);
	dup2(out, 2);
	setrlimit(RLIMIT_CORE, &core);
	execvp(argv[0], argv);
	dprintf(2, "%s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static void emitf(const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	emit(line, strlen(line));
}

/* As comments of the results, level by level: the process, then the functions of the kernel that it is in */
static void show_process(const char *pid)
{
	char path[64], name[64], line[256], state;
	int parent, read;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
	f = fopen(path, "re");
	if (!f)
		return;
	read = fscanf(f, "%*d (%60[^)]) %c %d", name, &state, &parent);
	fclose(f);
	/* Of the kernel's own those that wait for something which does not come */
	if (read != 3 || !parent || (parent == 2 && state != 'D'))
		return;

	emitf("# process %s %s %c\n", pid, name, state);
	snprintf(path, sizeof(path), "/proc/%.20s/stack", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		emitf("#   %s", strncmp(line, "[<0>] ", 6) ? line : line + 6);
	if (f)
		fclose(f);
}

/* What keeps a test from ending is not to be guessed */
static void show_processes(void)
{
	DIR *dir = opendir("/proc");
	struct dirent *d;

	while (dir && (d = readdir(dir)))
		if (atoi(d->d_name) > 1)
			show_process(d->d_name);
	if (dir)
		closedir(dir);
}

static bool too_late(long seconds, long end, bool show)
{
	if (!seconds || now_ms() <= end)
		return false;

	if (show)
		show_processes();
	kill(-1, SIGKILL);
	return true;
}

/*
 * Runs a program to its end and passes on what it and its children print. Processes that outlive it are killed: a test
 * must not disturb the next one. 124 is the status of a program that took longer than @seconds (0: no limit).
 */
static int run(char **argv, long seconds, bool indent)
{
	static char buf[65536];
	long end = now_ms() + seconds * 1000;
	bool exited = false, late = false, at_start = true;
	int fds[2], in, status = 0;
	struct pollfd p;
	ssize_t n;
	pid_t pid;

	in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (pipe2(fds, O_CLOEXEC) || in < 0)
		return 126;
	pid = fork();
	if (!pid)
		start(argv, in, fds[1]);
	close(fds[1]);
	close(in);
	p = (struct pollfd){ .fd = fds[0], .events = POLLIN };
	for (;;) {
		if (!exited && reap(pid, &status)) {
			exited = true;
			kill(-1, SIGKILL);
		}
		if (!exited && !late)
			late = too_late(seconds, end, indent);
		/* SIGCHLD interrupts the wait; the limit covers one that came just before it */
		if (poll(&p, 1, exited ? -1 : 100) <= 0)
			continue;
		n = read(fds[0], buf, sizeof(buf));
		if (n > 0 && indent)
			emit_indented(buf, n, &at_start);
		else if (n > 0)
			emit(buf, n);
		else if (n == 0)
			break;
	}
	close(fds[0]);
	while (!exited && !(exited = reap(pid, &status))) {
		/* it closed its output and goes on */
		if (!late)
			late = too_late(seconds, end, indent);
		usleep(10000);
	}
	kill(-1, SIGKILL);
	if (indent && !at_start)
		emit("\n", 1);
	return late ? 124 : status;
}

static void result(int n, const char *name, int status, long seconds)
{
	if (!status)
		emitf("ok %d %s\n", n, name);
	else if (status == 4)
		emitf("ok %d %s # SKIP the program asked for it\n", n, name);
	else if (status == 124)
		emitf("not ok %d %s # timeout after %ld s\n", n, name, seconds);
	else if (status > 128)
		emitf("not ok %d %s # killed by signal %d\n", n, name, status - 128);
	else
		emitf("not ok %d %s # exit=%d\n", n, name, status);
}

/* One line of /tests: the name, the seconds it may take, then the program and its arguments. */
static int run_test(char *line, int number, long scale)
{
	char *argv[32], *name = strtok(line, " \t"), *limit = strtok(NULL, " \t");
	long begin = now_ms(), seconds = limit ? atol(limit) * scale : 0;
	int argc = 0, status = 127;

	while (argc < 31 && (argv[argc] = strtok(NULL, " \t")))
		argc++;
	argv[argc] = NULL;
	emitf("# Subtest: %s\n", name);
	if (argc)
		status = run(argv, seconds, true);
	emitf("# seconds %s %ld.%03ld\n", name, (now_ms() - begin) / 1000, (now_ms() - begin) % 1000);
	result(number, name, status, seconds);
	return status && status != 4;
}

static int run_tests(long scale)
{
	char line[1024];
	int number = 0, failed = 0, lines = 0;
	FILE *f = fopen("/tests", "re");

	if (!f)
		return 1;
	while (fgets(line, sizeof(line), f))
		lines++;
	rewind(f);
	emitf("KTAP version 1\n1..%d\n", lines);
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		failed |= run_test(line, ++number, scale);
	}
	fclose(f);
	return failed;
}

/* A shell on the second console; "ROWSxCOLUMNS" of the terminal it will be shown on. */
static int run_shell(const char *size)
{
	struct winsize ws = { 0 };
	char *argv[] = { "sh", "-l", NULL };
	int status = 0;
	pid_t pid = fork();

	if (pid) {
		while (!reap(pid, &status))
			usleep(20000);
		return status;
	}
	setsid();
	for (int i = 0; i < 3; i++)
		close(i);
	if (open("/dev/hvc0", O_RDWR) || dup(0) != 1 || dup(0) != 2)
		_exit(126);
	ioctl(0, TIOCSCTTY, 0);
	if (sscanf(size, "%hux%hu", &ws.ws_row, &ws.ws_col) == 2)
		ioctl(0, TIOCSWINSZ, &ws);
	execvp(argv[0], argv);
	_exit(127);
}

static int run_job(const char *job, long scale, const char *size)
{
	char *demo[] = { "/bin/demo", NULL }, *program[] = { "/job/run", NULL };

	if (!strcmp(job, "demo"))
		return run(demo, 0, false);
	if (!strcmp(job, "test"))
		return run_tests(scale);
	if (!strcmp(job, "shell"))
		return run_shell(size);
	if (chdir("/job"))
		return 127;
	return run(program, 0, false);
}

/* Runs one of our own programs, of which only the status matters. */
static int run_quietly(char **argv)
{
	int status = 0, null = open("/dev/null", O_RDWR | O_CLOEXEC);
	pid_t pid = fork();

	if (!pid)
		start(argv, null, null);
	while (!reap(pid, &status))
		usleep(1000);
	close(null);
	return status;
}

/* Memory tags that do not read back as written are the emulator's mistake; the host names it. */
static void check_canary(void)
{
	char *argv[] = { "/bin/canary", NULL };
	int status = run_quietly(argv);

	say("canary %s\n", status == 0 ? "pass" : status == 4 ? "none" : "fail");
}

/* Leaks are only reported when something asks; an object is old enough to be one after five seconds. */
static void look_for_leaks(void)
{
	static const char leaks[] = "/sys/kernel/debug/kmemleak";
	static char text[4000];
	char *line, *save = NULL;

	if (access(leaks, W_OK))
		return;
	sleep(6);
	put(leaks, "scan");
	sleep(1);
	put(leaks, "scan");
	if (!get(leaks, text, sizeof(text)) || !*text)
		return;
	say("splat kmemleak: %s\n", strtok_r(text, "\n", &save));
	while ((line = strtok_r(NULL, "\n", &save)))
		say("| %s\n", line);
}

static bool is_splat(const char *line)
{
	for (size_t i = 0; i < sizeof(allowed) / sizeof(*allowed); i++)
		if (strstr(line, allowed[i].text))
			return false;
	for (size_t i = 0; i < sizeof(splats) / sizeof(*splats); i++)
		if (strstr(line, splats[i]))
			return true;
	return false;
}

/*
 * A kill for memory shows a call trace, too. That is no splat while a test that has written "oom expected" to /dev/kmsg
 * has not written "oom over".
 */
static bool is_expected(const char *line, bool ours)
{
	static bool expected, killing;

	if (ours && strstr(line, "oom expected"))
		expected = true;
	if (ours && strstr(line, "oom over"))
		expected = false;
	if (strstr(line, " invoked oom-killer: "))
		killing = expected;
	if (!killing || !strcasestr(line, "Call trace:"))
		return false;
	killing = false;
	return true;
}

/* A record is "priority,number,time,flags;text"; the priorities below 8 are the kernel's own. */
static void read_log(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC), left = 0;
	char record[9000], before[1000] = "";
	ssize_t n;

	while (fd >= 0 && ((n = read(fd, record, sizeof(record) - 1)) > 0 || errno == EPIPE)) {
		char *text;

		if (n <= 0) {
			say("splat the kernel log overflowed: what was lost in it cannot be judged\n");
			continue;
		}
		record[n] = 0;
		text = strchr(record, ';');
		if (!text++)
			continue;
		text[strcspn(text, "\n")] = 0;
		if (is_expected(text, atoi(record) > 7) || atoi(record) > 7)
			continue;
		if (!left && is_splat(text)) {
			say("splat %s\n| %s\n", text, before);
			left = SPLAT_LINES;
		}
		if (left) {
			say("| %s\n", text);
			left = strstr(text, "end trace") ? 0 : left - 1;
		}
		snprintf(before, sizeof(before), "%s", text);
	}
	if (fd < 0)
		say("splat the kernel log cannot be read\n");
}

static void verdict(int status, long begin)
{
	char taint[32] = "unreadable";

	say("status %d\n", status);
	look_for_leaks();
	if (get("/proc/sys/kernel/tainted", taint, sizeof(taint)))
		snprintf(taint, sizeof(taint), "%lx", strtoul(taint, NULL, 10) & ~TAINT_TEST_BIT);
	say("taint %s\n", taint);
	read_log();
	say("job-ms %ld\nend\n", now_ms() - begin);
}

static void on_child(int sig)
{
	(void)sig;
}

int main(int argc, char **argv)
{
	const char *job = argc > 1 ? argv[1] : "run";
	char *busybox[] = { "/bin/busybox", "--install", "-s", "/bin", NULL };
	struct sigaction child = { .sa_handler = on_child };
	long begin;
	int status;

	if (getpid() != 1)
		return 1;
	clearenv();
	setenv("PATH", "/bin:/sbin:/usr/bin:/usr/sbin", 1);
	setenv("HOME", "/", 1);
	setenv("TERM", argc > 4 ? argv[4] : "linux", 1);
	sigaction(SIGCHLD, &child, NULL);
	set_up_files();
	if (put("/proc/sys/vm/nr_hugepages", HUGE_PAGES))
		lack("hugetlb pool");
	set_up_swap();
	set_up_disk();
	set_up_network();
	verdict_fd = wait_for_port("verdict");
	job_fd = wait_for_port("job");
	if (run_quietly(busybox))
		complain("busybox");
	check_canary();
	begin = now_ms();
	if (lacks[0]) {
		dprintf(job_fd, "Bail out! The guest lacks %s\n", lacks);
		status = 1;
	} else {
		status = run_job(job, argc > 2 ? atol(argv[2]) : 1, argc > 3 ? argv[3] : "");
	}
	verdict(status, begin);
	sync();
	reboot(RB_AUTOBOOT);
	return 1;
}
