// SPDX-License-Identifier: GPL-2.0
/*
 * A client of guard regions that knows nothing of them: threads, with a C library that guards their stacks by
 * MADV_GUARD_INSTALL (glibc from 2.42 on). What it does is taken from outside: from where the library says that stack
 * and guard are, from what faults and how, and from /proc.
 *
 *   stacks PACKAGE_VERSION [SEED]     (in the guest: /clients/run [SEED])
 *
 * Every case has a process of its own, because the library that was refused one guard region makes none any more. On a
 * kernel without guard regions it makes PROT_NONE mappings: threads_work, overflow_is_fatal and locked_memory have to
 * pass there too, all others have to fail.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL	102
#endif

#define MANY		200
#define MAPS		1000
#define COMPLAINTS	5
#define PM_GUARD	(1ULL << 58)
#define PM_MEMORY	(3ULL << 62)	/* present, or swapped out */

/* [lo, hi) is for the thread, the guard of that many bytes ends at lo */
struct stack {
	char *lo, *hi;
	size_t guard;
};

struct range {
	char *start, *end;
};

/* The list of /proc/self/maps */
struct maps {
	int count;
	struct range ranges[MAPS];
};

/* What has to be below the stack: anything that faults, or a guard region */
enum guard { ANY, REGION };

static size_t page;
static uint64_t seed;
static atomic_int failures;
static int pagemap;
static bool pagemap_tells;

static __thread sigjmp_buf *landing;
static __thread siginfo_t fault;

static void fail(const char *fmt, ...)
{
	char text[300];
	va_list ap;

	if (failures++ >= COMPLAINTS)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	printf("# %s\n", text);
}

/* What leaves nothing to go on with; the other threads of the case end with it. */
static void must(int err, const char *what)
{
	if (!err)
		return;
	printf("# %s: %s\n", what, strerror(err));
	exit(1);
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	(void)context;
	if (!landing) {
		/* nobody expects it: the access is tried again, and is fatal */
		signal(sig, SIG_DFL);
		return;
	}
	fault = *info;
	siglongjmp(*landing, 1);
}

static void catch_faults(void)
{
	struct sigaction sa = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK };

	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
}

/* A write that changes nothing, not even in a stack that is in use; true when it went through. */
static bool touch(char *p)
{
	sigjmp_buf env;
	bool done = false;

	if (!sigsetjmp(env, 0)) {
		landing = &env;
		__atomic_fetch_or(p, 0, __ATOMIC_SEQ_CST);
		done = true;
	}
	landing = NULL;
	return done;
}

static uint64_t pagemap_entry(char *p)
{
	uint64_t entry = 0;

	if (pread(pagemap, &entry, sizeof(entry), (uintptr_t)p / page * sizeof(entry)) != sizeof(entry))
		fail("/proc/self/pagemap: %s", strerror(errno));
	return entry;
}

/* Kernels before 6.15 have no word for guards in pagemap: it is believed once it told a guard that we made. */
static void open_pagemap(void)
{
	char *p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	must(pagemap < 0 || p == MAP_FAILED ? errno : 0, "/proc/self/pagemap");
	pagemap_tells = !madvise(p, page, MADV_GUARD_INSTALL) && pagemap_entry(p) & PM_GUARD;
	munmap(p, page);
}

static struct stack stack_of(pthread_t thread)
{
	struct stack s;
	pthread_attr_t attr;
	void *lo;
	size_t size;

	must(pthread_getattr_np(thread, &attr), "pthread_getattr_np");
	must(pthread_attr_getstack(&attr, &lo, &size), "pthread_attr_getstack");
	must(pthread_attr_getguardsize(&attr, &s.guard), "pthread_attr_getguardsize");
	pthread_attr_destroy(&attr);
	s.lo = lo;
	s.hi = s.lo + size;
	s.guard = (s.guard + page - 1) & -page;
	return s;
}

static void read_maps(struct maps *maps)
{
	unsigned long start, end;
	char line[512];
	FILE *f = fopen("/proc/self/maps", "re");

	must(f ? 0 : errno, "/proc/self/maps");
	for (maps->count = 0; maps->count < MAPS && fgets(line, sizeof(line), f); ) {
		if (sscanf(line, "%lx-%lx", &start, &end) == 2)
			maps->ranges[maps->count++] = (struct range){ (char *)start, (char *)end };
	}
	fclose(f);
}

static bool overlap(const struct range *r, const struct stack *s)
{
	return r->start < s->hi && r->end > s->lo - s->guard;
}

/* How many mappings a stack takes, with its guard */
static int mappings(const struct maps *maps, const struct stack *s)
{
	int n = 0;

	for (int i = 0; i < maps->count; i++)
		n += overlap(&maps->ranges[i], s);
	return n;
}

static int mappings_now(const struct stack *s)
{
	struct maps maps;

	read_maps(&maps);
	return mappings(&maps, s);
}

static void check_guard(const struct stack *s, enum guard wanted)
{
	for (char *p = s->lo - s->guard; p < s->lo; p += page) {
		if (touch(p))
			fail("%p in the guard of the stack at %p can be written to", p, s->lo);
		else if (fault.si_addr != p || fault.si_signo != SIGSEGV)
			fail("touching %p gave signal %d at %p", p, fault.si_signo, fault.si_addr);
		else if (wanted == REGION && fault.si_code != SEGV_MAPERR)
			fail("the guard at %p is no guard region: si_code %d", p, fault.si_code);
		else if (wanted == REGION && pagemap_tells && !(pagemap_entry(p) & PM_GUARD))
			fail("the guard at %p is none for /proc/self/pagemap: %#llx", p,
			     (unsigned long long)pagemap_entry(p));
	}
}

static void check_stack(const struct stack *s, enum guard wanted)
{
	int n = mappings_now(s);

	check_guard(s, wanted);
	for (char *p = s->lo; p < s->hi; p += page)
		if (!touch(p))
			fail("%p in the stack at %p faults: si_code %d", p, s->lo, fault.si_code);
	if (wanted == REGION && n != 1)
		fail("the stack at %p and its guard take %d mappings", s->lo, n);
}

static __attribute__((noinline)) size_t deeper(size_t left)
{
	volatile char frame[1024];

	if (!left)
		return 0;
	frame[0] = 1;
	return deeper(left - 1) + frame[0];
}

/* Two numbers that make the attributes of a stack, so that both together always need a block of the same size. */
static pthread_t start(size_t block_pages, size_t guard, void *(*run)(void *), void *arg)
{
	size_t size = (block_pages - (guard + page - 1) / page) * page;
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	must(pthread_attr_setstacksize(&attr, size), "pthread_attr_setstacksize");
	must(pthread_attr_setguardsize(&attr, guard), "pthread_attr_setguardsize");
	must(pthread_create(&thread, &attr, run, arg), "pthread_create");
	pthread_attr_destroy(&attr);
	return thread;
}

/* What many threads wait for before they look at themselves or end, and what they then are */
struct crowd {
	pthread_barrier_t gate;
	int count;
	pthread_t threads[MANY];
	struct stack stacks[MANY];
};

static void *in_crowd(void *arg)
{
	struct crowd *c = arg;
	size_t sum = deeper(48);

	pthread_barrier_wait(&c->gate);
	pthread_barrier_wait(&c->gate);
	return (void *)(sum + 1);
}

/* @block_pages is 0 for the library's own default */
static void gather(struct crowd *c, int count, size_t block_pages)
{
	c->count = count;
	pthread_barrier_init(&c->gate, NULL, count + 1);
	for (int i = 0; i < count; i++) {
		if (block_pages)
			c->threads[i] = start(block_pages, page, in_crowd, c);
		else
			must(pthread_create(&c->threads[i], NULL, in_crowd, c), "pthread_create");
		c->stacks[i] = stack_of(c->threads[i]);
	}
	pthread_barrier_wait(&c->gate);
}

static void dismiss(struct crowd *c)
{
	void *result;

	pthread_barrier_wait(&c->gate);
	for (int i = 0; i < c->count; i++) {
		must(pthread_join(c->threads[i], &result), "pthread_join");
		if (result != (void *)49)
			fail("thread %d returned %p", i, result);
	}
}

static struct crowd crowd;

static void threads_work(void)
{
	gather(&crowd, MANY, 0);
	for (int i = 0; i < MANY; i++) {
		if (!crowd.stacks[i].guard)
			fail("thread %d has no guard", i);
		check_guard(&crowd.stacks[i], ANY);
	}
	dismiss(&crowd);
}

/* Neighbours may have become one mapping, so there may be fewer of them than stacks, but never more. */
static void guards_are_guard_regions(void)
{
	static struct maps maps;
	int total = 0;

	gather(&crowd, MANY, 0);
	read_maps(&maps);
	for (int i = 0; i < MANY; i++) {
		check_guard(&crowd.stacks[i], REGION);
		if (mappings(&maps, &crowd.stacks[i]) != 1)
			fail("stack %d and its guard take %d mappings", i, mappings(&maps, &crowd.stacks[i]));
	}
	for (int i = 0; i < maps.count; i++) {
		bool found = false;

		for (int j = 0; j < MANY; j++)
			found |= overlap(&maps.ranges[i], &crowd.stacks[j]);
		total += found;
	}
	printf("# %d stacks take %d mappings\n", MANY, total);
	if (total < 1 || total > MANY)
		fail("%d stacks take %d mappings", MANY, total);
	dismiss(&crowd);
}

static void *overflow(void *arg)
{
	(void)arg;
	return (void *)deeper(SIZE_MAX);
}

static void overflow_is_fatal(void)
{
	struct rlimit none = { 0, 0 };
	pthread_t thread;
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		setrlimit(RLIMIT_CORE, &none);
		signal(SIGSEGV, SIG_DFL);
		must(pthread_create(&thread, NULL, overflow, NULL), "pthread_create");
		pthread_join(thread, NULL);
		_exit(0);
	}
	must(waitpid(pid, &status, 0) == pid ? 0 : errno, "waitpid");
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSEGV)
		fail("the process ended with status %#x", status);
}

static void *overflow_and_survive(void *arg)
{
	static char space[1 << 16];
	stack_t other = { .ss_sp = space, .ss_size = sizeof(space) }, none = { .ss_flags = SS_DISABLE };
	struct stack s = stack_of(pthread_self());
	sigjmp_buf env;

	sigaltstack(&other, NULL);
	if (!sigsetjmp(env, 0)) {
		landing = &env;
		deeper(SIZE_MAX);
	}
	landing = NULL;
	sigaltstack(&none, NULL);
	if ((char *)fault.si_addr < s.lo - s.guard || (char *)fault.si_addr >= s.lo)
		fail("the fault was at %p, the guard is %zu bytes below %p", fault.si_addr, s.guard, s.lo);
	if (fault.si_code != SEGV_MAPERR)
		fail("the fault has si_code %d", fault.si_code);
	check_stack(&s, REGION);
	return arg;
}

static void overflow_is_in_the_guard(void)
{
	static const size_t guards[] = { 1, 16 };

	for (size_t i = 0; i < sizeof(guards) / sizeof(*guards); i++)
		must(pthread_join(start(256, guards[i] * page, overflow_and_survive, NULL), NULL), "pthread_join");
}

static void *look_at_own_stack(void *arg)
{
	struct stack *s = arg;

	*s = stack_of(pthread_self());
	check_stack(s, REGION);
	return NULL;
}

static void reused_stack_gets_its_guard(void)
{
	static const size_t guards[] = { 1, 16, 64, 4, 0, 8, 64, 0, 1 };
	struct stack first = { 0 }, s;

	for (size_t i = 0; i < sizeof(guards) / sizeof(*guards); i++) {
		must(pthread_join(start(128, guards[i] * page, look_at_own_stack, &s), NULL), "pthread_join");
		if (!i)
			first = s;
		if (s.hi != first.hi)
			fail("the stack at %p was not used again", first.hi);
		if (s.guard != guards[i] * page)
			fail("the guard has %zu bytes, not %zu pages", s.guard, guards[i]);
		/* the end of the thread dropped memory, and went over the guard with it */
		check_guard(&s, REGION);
	}
}

static size_t pages_held(char *from, char *to)
{
	size_t n = 0;

	for (char *p = from; p < to; p += page)
		n += !!(pagemap_entry(p) & PM_MEMORY);
	return n;
}

static void *fill_own_stack(void *arg)
{
	struct stack *s = arg;

	look_at_own_stack(s);
	if (pages_held(s->lo, s->hi) != (size_t)(s->hi - s->lo) / page)
		fail("the stack holds %zu pages only, after all were touched", pages_held(s->lo, s->hi));
	return NULL;
}

/* What a thread ends on, and some room below, stays; that is 128 KiB on arm64. */
static void ended_stack_is_dropped(void)
{
	struct stack s;

	must(pthread_join(start(512, 4 * page, fill_own_stack, &s), NULL), "pthread_join");
	if (mappings_now(&s) != 1)
		fail("the stack was not kept");
	if (pages_held(s.lo, s.hi - (1 << 19)))
		fail("the stack still holds %zu pages", pages_held(s.lo, s.hi - (1 << 19)));
	check_guard(&s, REGION);
}

/* In the child, the stacks of threads that it does not have are as they were; using them again is up to the library. */
static void fork_keeps_guards(void)
{
	enum { COUNT = 8, BLOCK = 160 };
	static struct crowd again;
	int status, reused = 0;
	pid_t pid;

	gather(&crowd, COUNT, BLOCK);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		close(pagemap);
		open_pagemap();
		for (int i = 0; i < COUNT; i++)
			check_guard(&crowd.stacks[i], REGION);
		gather(&again, COUNT, BLOCK);
		for (int i = 0; i < COUNT; i++) {
			check_stack(&again.stacks[i], REGION);
			for (int j = 0; j < COUNT; j++)
				reused += again.stacks[i].hi == crowd.stacks[j].hi;
		}
		dismiss(&again);
		printf("# the child used %d of %d stacks again\n", reused, COUNT);
		exit(failures != 0);
	}
	must(waitpid(pid, &status, 0) == pid ? 0 : errno, "waitpid");
	if (status)
		fail("the child ended with status %#x", status);
	for (int i = 0; i < COUNT; i++)
		check_stack(&crowd.stacks[i], REGION);
	dismiss(&crowd);
}

static void *look_at_locked_stack(void *arg)
{
	struct stack *s = arg;

	*s = stack_of(pthread_self());
	check_stack(s, ANY);
	return NULL;
}

/* Locked memory takes no guard regions: the library has to notice, and go on without them. */
static void locked_memory(void)
{
	static const size_t blocks[] = { 64, 96, 64, 128 };
	struct stack s;

	for (size_t i = 0; i < sizeof(blocks) / sizeof(*blocks); i++) {
		if (i == 1)
			must(mlockall(MCL_FUTURE) ? errno : 0, "mlockall");
		if (i == 3)
			munlockall();
		must(pthread_join(start(blocks[i], 2 * page, look_at_locked_stack, &s), NULL), "pthread_join");
		check_guard(&s, ANY);
	}
}

enum end { RETURN, EXIT, CANCEL, DETACH, ENDS };

struct churner {
	pthread_t thread;
	sem_t go, done;
	enum end end;
	bool alive;
};

static uint64_t random_state;

static unsigned int choose(unsigned int n)
{
	random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (random_state >> 33) % n;
}

static void *churner(void *arg)
{
	struct churner *c = arg;
	struct stack s;
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	look_at_own_stack(&s);
	pthread_setcancelstate(state, NULL);
	while (sem_wait(&c->go))
		;
	if (c->end == DETACH)
		sem_post(&c->done);
	if (c->end == EXIT)
		pthread_exit(arg);
	return arg;
}

static void begin(struct churner *c)
{
	static const size_t blocks[] = { 48, 56, 64, 96 }, guards[] = { 0, 1, 2, 5, 12, 16 };
	size_t guard = guards[choose(6)] * page;

	/* a guard is a whole number of pages, whatever is asked for */
	if (guard && !choose(4))
		guard -= choose(page);
	c->thread = start(blocks[choose(4)], guard, churner, c);
	c->alive = true;
}

static void end(struct churner *c, enum end how)
{
	void *result = c;

	c->end = how;
	c->alive = false;
	if (how == CANCEL) {
		must(pthread_cancel(c->thread), "pthread_cancel");
	} else if (how == DETACH) {
		must(pthread_detach(c->thread), "pthread_detach");
		sem_post(&c->go);
		while (sem_wait(&c->done))
			;
		return;
	} else {
		sem_post(&c->go);
	}
	must(pthread_join(c->thread, &result), "pthread_join");
	if (result != (how == CANCEL ? PTHREAD_CANCELED : c))
		fail("a thread returned %p", result);
}

/* Threads come and go in any order, and stacks go from one to the next, while other threads look at theirs. */
static void churn(void)
{
	enum { ROUNDS = 400, ALIVE = 8 };
	static struct churner churners[ALIVE];

	printf("# seed %llu\n", (unsigned long long)seed);
	random_state = seed;
	for (int i = 0; i < ALIVE; i++) {
		sem_init(&churners[i].go, 0, 0);
		sem_init(&churners[i].done, 0, 0);
	}
	for (int i = 0; i < ROUNDS; i++) {
		struct churner *c = &churners[choose(ALIVE)];

		if (c->alive)
			end(c, choose(ENDS));
		else
			begin(c);
	}
	for (int i = 0; i < ALIVE; i++)
		if (churners[i].alive)
			end(&churners[i], RETURN);
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{ "threads_work",			threads_work },
	{ "guards_are_guard_regions",		guards_are_guard_regions },
	{ "overflow_is_fatal",			overflow_is_fatal },
	{ "overflow_is_in_the_guard",		overflow_is_in_the_guard },
	{ "reused_stack_gets_its_guard",	reused_stack_gets_its_guard },
	{ "ended_stack_is_dropped",		ended_stack_is_dropped },
	{ "fork_keeps_guards",			fork_keeps_guards },
	{ "locked_memory",			locked_memory },
	{ "churn",				churn },
};

/* True when the case passed. */
static bool run_case(int number, const char *name, void (*run)(void))
{
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		catch_faults();
		open_pagemap();
		run();
		exit(failures != 0);
	}
	if (waitpid(pid, &status, 0) != pid)
		status = -1;
	if (status && WIFSIGNALED(status))
		printf("# killed by signal %d\n", WTERMSIG(status));
	printf("%sok %d %s\n", status ? "not " : "", number, name);
	return !status;
}

int main(int argc, char **argv)
{
	const int count = sizeof(cases) / sizeof(*cases);
	struct utsname u;
	int failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	page = sysconf(_SC_PAGESIZE);
	if (argc > 2)
		seed = strtoull(argv[2], NULL, 0);
	else if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		return 1;
	uname(&u);
	open_pagemap();
	printf("KTAP version 1\n1..%d\n", count);
	printf("# glibc %s, package %s, kernel %s %s\n", gnu_get_libc_version(), argc > 1 ? argv[1] : "unknown",
	       u.release, u.machine);
	printf("# /proc/self/pagemap %s guards\n", pagemap_tells ? "tells" : "does not tell");
	for (int i = 0; i < count; i++)
		failed += !run_case(i + 1, cases[i].name, cases[i].run);
	return failed != 0;
}
