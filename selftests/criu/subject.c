// SPDX-License-Identifier: GPL-2.0
/*
 * What CRIU dumps and restores: a process with every kind of memory, whose content is known by a
 * hash.
 *
 *   subject start DIR SEED GUARDS   is that process, with guard regions if GUARDS is 1. DIR/before
 *                                   gets what its memory holds, "ready" is printed, then it waits.
 *   subject ask PID                 makes that process write DIR/after, and waits for its end
 *   subject scanned FILE            prints how many pages CRIU looked at, by its file stats-dump
 *   subject time FILE COMMAND...    runs the command, and writes how many milliseconds of
 *                                   CLOCK_MONOTONIC it took
 *
 * Both files have a line "KIND HASH" for each kind of memory, without what its guards cover; and a
 * line "KIND-guards HELD of ALL" with the number of those that raise the signal of a guard.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL	102
#endif

#define PAGE		4096UL
#define HUGE		(2UL << 20)
#define SPARSE_BYTES	(8UL << 30)	/* selftests/criu/run knows how many pages these are */

/* Every eighth page, and the one behind it in every second of these places, may be a guard. */
#define GUARD_STEP	8

enum content { SOME, ALL, FEW };

struct kind {
	const char *name;
	size_t pages;
	enum content content;
	bool guards;
	int flags;
	const char *file;
	char *mem;
};

static struct kind kinds[] = {
	{ "anonymous",		1024,			SOME, true,  MAP_PRIVATE | MAP_ANONYMOUS },
	{ "shmem",		512,			SOME, true,  MAP_SHARED | MAP_ANONYMOUS },
	{ "private-file",	256,			SOME, true,  MAP_PRIVATE, "private" },
	{ "shared-file",	256,			SOME, true,  MAP_SHARED, "shared" },
	{ "huge",		4 * HUGE / PAGE,	ALL,  false, MAP_PRIVATE | MAP_ANONYMOUS },
	{ "huge-guarded",	4 * HUGE / PAGE,	ALL,  true,  MAP_PRIVATE | MAP_ANONYMOUS },
	{ "sparse",		SPARSE_BYTES / PAGE,	FEW,  false,
	  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE },
};

#define KINDS	(sizeof(kinds) / sizeof(*kinds))

static const char *dir;
static uint64_t random_state;
static bool guards_wanted;
static sigjmp_buf landing;
static volatile sig_atomic_t landing_set;
static siginfo_t fault;

static void __attribute__((noreturn)) give_up(const char *what)
{
	fprintf(stderr, "subject: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t next_random(void)
{
	random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return random_state >> 16;
}

static bool is_guard(const struct kind *k, size_t page)
{
	size_t place = page / GUARD_STEP;

	if (!k->guards || !guards_wanted)
		return false;
	return page % GUARD_STEP == 3 || (page % GUARD_STEP == 4 && place % 2);
}

/* Whether the process writes this page; others it only reads, or never touches */
static bool is_written(const struct kind *k, size_t page)
{
	switch (k->content) {
	case ALL:
		return true;
	case SOME:
		return page % 4 < 2;
	case FEW:
		return page == k->pages / 3 || page == k->pages / 3 * 2;
	}
	return false;
}

/* Whether the process leaves this page alone until it is asked: it is a hole when CRIU comes */
static bool is_hole(const struct kind *k, size_t page)
{
	return !k->file && k->content == SOME && page % 4 == 3;
}

/* Whether the hash has this page: of the sparse mapping only a few */
static bool is_hashed(const struct kind *k, size_t page)
{
	if (is_guard(k, page))
		return false;
	return k->content != FEW || is_written(k, page) || page == 0 || page == k->pages - 1;
}

static void fill(char *page)
{
	uint64_t *word = (uint64_t *)page;

	for (size_t i = 0; i < PAGE / sizeof(*word); i += 8)
		word[i] = next_random();
}

static int open_in(const char *name, int flags)
{
	char path[300];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, flags | O_CLOEXEC, 0600);
	if (fd < 0)
		give_up(path);
	return fd;
}

/* A file with content of its own, so that pages never written differ from zeroes */
static int make_file(const struct kind *k)
{
	static char page[PAGE];
	int fd = open_in(k->file, O_RDWR | O_CREAT | O_TRUNC);

	for (size_t i = 0; i < k->pages; i++) {
		fill(page);
		if (write(fd, page, PAGE) != (ssize_t)PAGE)
			give_up(k->file);
	}
	return fd;
}

/* Begins at a huge page, whatever it is for */
static void map(struct kind *k)
{
	size_t size = k->pages * PAGE;
	int fd = k->file ? make_file(k) : -1;
	char *room;

	room = mmap(NULL, size + HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		    -1, 0);
	if (room == MAP_FAILED)
		give_up("room for a mapping");
	k->mem = (char *)(((uintptr_t)room + HUGE - 1) & -HUGE);
	if (munmap(room, size + HUGE) ||
	    mmap(k->mem, size, PROT_READ | PROT_WRITE, k->flags | MAP_FIXED_NOREPLACE,
		 fd, 0) != k->mem)
		give_up(k->name);
	if (fd >= 0)
		close(fd);
	if (k->content == ALL && madvise(k->mem, size, MADV_HUGEPAGE))
		give_up("MADV_HUGEPAGE");
}

static void touch_pages(struct kind *k)
{
	for (size_t i = 0; i < k->pages; i++) {
		if (is_written(k, i))
			fill(k->mem + i * PAGE);
		else if (k->content == SOME && i % 4 == 2)
			(void)*(volatile char *)(k->mem + i * PAGE);
	}
}

static void install_guards(struct kind *k)
{
	for (size_t i = 0; i < k->pages; i++)
		if (is_guard(k, i) && madvise(k->mem + i * PAGE, PAGE, MADV_GUARD_INSTALL))
			give_up("MADV_GUARD_INSTALL");
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	(void)context;
	if (!landing_set) {
		signal(sig, SIG_DFL);
		return;
	}
	fault = *info;
	siglongjmp(landing, 1);
}

static bool faults(char *p, bool write)
{
	bool faulted = true;

	landing_set = 1;
	if (!sigsetjmp(landing, 1)) {
		if (write)
			*(volatile char *)p = 1;
		else
			(void)*(volatile char *)p;
		faulted = false;
	}
	landing_set = 0;
	return faulted && fault.si_signo == SIGSEGV && fault.si_code == SEGV_MAPERR &&
	       fault.si_addr == p;
}

static uint64_t hash_page(uint64_t hash, const char *page)
{
	const uint64_t *word = (const uint64_t *)page;

	for (size_t i = 0; i < PAGE / sizeof(*word); i++)
		hash = (hash ^ word[i]) * 1099511628211ULL;
	return hash;
}

/* With @holes, what would be read from holes is taken as known, and they stay holes. */
static void report(const char *name, bool holes)
{
	static const char zeroes[PAGE];
	FILE *f = fdopen(open_in(name, O_WRONLY | O_CREAT | O_TRUNC), "w");

	if (!f)
		give_up(name);
	for (struct kind *k = kinds; k < kinds + KINDS; k++) {
		uint64_t hash = 14695981039346656037ULL;
		size_t held = 0, all = 0;

		for (size_t i = 0; i < k->pages; i++) {
			char *page = k->mem + i * PAGE;

			if (is_hashed(k, i))
				hash = hash_page(hash, holes && is_hole(k, i) ? zeroes : page);
			if (!is_guard(k, i))
				continue;
			all++;
			held += faults(page, false) && faults(page + PAGE - 1, true);
		}
		fprintf(f, "%s %016llx\n", k->name, (unsigned long long)hash);
		if (all)
			fprintf(f, "%s-guards %zu of %zu\n", k->name, held, all);
	}
	if (fclose(f))
		give_up(name);
}

/* In a session of its own, with no tie to who started it */
static void be_alone(void)
{
	if (setsid() < 0 || chdir("/"))
		give_up("a session of its own");
}

/* Nothing is open that another process has, too */
static void close_files(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		give_up("/dev/null");
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	close(null);
}

/* What is printed says that everything is in place; what comes then is the signal to report. */
static int start(void)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	sigset_t wanted;
	int sig;

	sigemptyset(&wanted);
	sigaddset(&wanted, SIGUSR1);
	sigprocmask(SIG_BLOCK, &wanted, NULL);
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	for (struct kind *k = kinds; k < kinds + KINDS; k++)
		map(k);
	for (struct kind *k = kinds; k < kinds + KINDS; k++) {
		touch_pages(k);
		install_guards(k);
	}
	report("before", true);
	be_alone();
	dprintf(1, "ready\n");
	close_files();
	while (sigwait(&wanted, &sig))
		;
	report("after", false);
	return 0;
}

static int ask(pid_t pid)
{
	struct pollfd p = { .fd = syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };

	if (p.fd < 0 || syscall(SYS_pidfd_send_signal, p.fd, SIGUSR1, NULL, 0))
		give_up("the process to ask");
	while (poll(&p, 1, -1) < 0 && errno == EINTR)
		;
	return 0;
}

static uint64_t number_at(const uint8_t **p, const uint8_t *end)
{
	uint64_t value = 0;

	for (int shift = 0; *p < end && shift < 64; shift += 7) {
		uint8_t byte = *(*p)++;

		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			break;
	}
	return value;
}

/*
 * How many pages CRIU has looked at for its dump. The file has three words (two of them magic) and
 * then one message as protobuf writes it: number 1 is a message of integers, and number 5 of these
 * is the one.
 */
static int scanned(const char *path)
{
	uint8_t text[1000];
	const uint8_t *p = text + 12, *end;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));

	if (n < 16 || *p++ != (1 << 3 | 2))
		give_up(path);
	end = text + n;
	number_at(&p, end);
	while (p < end) {
		uint64_t tag = number_at(&p, end), value = number_at(&p, end);

		if (tag == 5 << 3) {
			printf("%llu\n", (unsigned long long)value);
			return 0;
		}
	}
	fprintf(stderr, "subject: %s does not say how many pages were looked at\n", path);
	return 1;
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static int time_command(const char *path, char **command)
{
	double begin = now_ms();
	int status = 0;
	FILE *f;
	pid_t pid = fork();

	if (!pid) {
		execvp(command[0], command);
		give_up(command[0]);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		give_up(command[0]);
	f = fopen(path, "we");
	if (!f || fprintf(f, "%.1f\n", now_ms() - begin) < 0 || fclose(f))
		give_up(path);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	if (argc > 3 && !strcmp(argv[1], "time"))
		return time_command(argv[2], argv + 3);
	if (argc == 5 && !strcmp(argv[1], "start")) {
		dir = argv[2];
		random_state = strtoull(argv[3], NULL, 0);
		guards_wanted = atoi(argv[4]);
		return start();
	}
	if (argc == 3 && !strcmp(argv[1], "ask"))
		return ask(atoi(argv[2]));
	if (argc == 3 && !strcmp(argv[1], "scanned"))
		return scanned(argv[2]);
	fprintf(stderr, "usage: subject start DIR SEED GUARDS | ask PID | scanned FILE |"
		" time FILE COMMAND...\n");
	return 2;
}
