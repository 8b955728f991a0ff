// SPDX-License-Identifier: GPL-2.0
/*
 * What else a kernel does to pages: it reads and writes them for a process, pins, moves, merges, dumps and takes them
 * out of service. Tags and data are kept, and nothing of it is in the place of tags (arm64).
 *
 *   tag-system [PATTERN]         only the tests whose names match
 *
 * For root, with the machine and the files that tag-storage.c has; SEED and ROUNDS as there.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <linux/io_uring.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>

#ifdef __aarch64__
#include "harness.h"
#include "slow-file.h"

#ifndef PTRACE_PEEKMTETAGS
#define PTRACE_PEEKMTETAGS	33
#define PTRACE_POKEMTETAGS	34
#endif
#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE	101
#endif
#ifndef PT_AARCH64_MEMTAG_MTE
#define PT_AARCH64_MEMTAG_MTE	0x70000002
#endif

/* Access by the kernel */

#define FEW	32UL

/* Each moves FEW pages between memory that faults and a buffer */
static ssize_t by_readv(char *p, char *buffer)
{
	struct iovec local = { buffer, FEW * PAGE }, remote = { p, FEW * PAGE };

	return process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
}

static ssize_t by_writev(char *p, char *buffer)
{
	struct iovec local = { buffer, FEW * PAGE }, remote = { p, FEW * PAGE };

	return process_vm_writev(getpid(), &local, 1, &remote, 1, 0);
}

static ssize_t by_mem(char *p, char *buffer, bool writing)
{
	int fd = open("/proc/self/mem", O_RDWR);
	ssize_t n;

	if (writing)
		n = pwrite(fd, buffer, FEW * PAGE, (uintptr_t)p);
	else
		n = pread(fd, buffer, FEW * PAGE, (uintptr_t)p);
	close(fd);
	return n;
}

static ssize_t by_mem_read(char *p, char *buffer)
{
	return by_mem(p, buffer, false);
}

static ssize_t by_mem_write(char *p, char *buffer)
{
	return by_mem(p, buffer, true);
}

/* Files: the kernel copies with faults disabled, and with them enabled */
static ssize_t through_file(char *from, char *to)
{
	int fd = make_memfd(FEW);
	ssize_t n = pwrite(fd, from, FEW * PAGE, 0);

	if (n == (ssize_t)(FEW * PAGE))
		n = pread(fd, to, FEW * PAGE, 0);
	close(fd);
	return n;
}

static ssize_t by_write(char *p, char *buffer)
{
	return through_file(p, buffer);
}

static ssize_t by_read(char *p, char *buffer)
{
	return through_file(buffer, p);
}

static ssize_t through_pipe(char *from, char *to)
{
	ssize_t sum = 0;
	int fds[2];

	NEED(!pipe2(fds, O_CLOEXEC), "pipe: %s", strerror(errno));
	for (size_t i = 0; i < FEW; i++)
		if (write(fds[1], from + i * PAGE, PAGE) == (ssize_t)PAGE)
			sum += read(fds[0], to + i * PAGE, PAGE);
	close(fds[0]);
	close(fds[1]);
	return sum;
}

static ssize_t by_pipe_write(char *p, char *buffer)
{
	return through_pipe(p, buffer);
}

static ssize_t by_pipe_read(char *p, char *buffer)
{
	return through_pipe(buffer, p);
}

static void check_move(const char *name, ssize_t (*move)(char *p, char *buffer), bool into)
{
	struct counters faults = count_faults();
	char *buffer = map(FEW, RW), *p = map_changed(FEW, 1);
	ssize_t n;

	write_data(buffer, FEW, 2);
	n = move(p, buffer);
	CHECK(n == (ssize_t)(FEW * PAGE), "%s moves %zd bytes: %s", name, n, strerror(errno));
	CHECK(count_faults().fail == faults.fail, "%s: faults on access have failed", name);
	CHECK_DATA(buffer, FEW, into ? 2 : 1);
	CHECK_DATA(p, FEW, into ? 2 : 1);
	CHECK_NO_TAGS(p, FEW);
	write_tags(p, FEW, 3);
	CHECK_TAGS(p, FEW, 3);
	CHECK_NONE_IN_TAG_STORAGE(p, FEW);
	unmap(p, FEW);
	unmap(buffer, FEW);
}

static void access_from_outside(void)
{
	check_move("process_vm_readv", by_readv, false);
	check_move("process_vm_writev", by_writev, true);
	check_move("reading /proc/self/mem", by_mem_read, false);
	check_move("writing /proc/self/mem", by_mem_write, true);
}

static void access_by_system_calls(void)
{
	check_move("write", by_write, false);
	check_move("read", by_read, true);
	check_move("write to a pipe", by_pipe_write, false);
	check_move("read from a pipe", by_pipe_read, true);
}

static void subject(char *p)
{
	write_data(p, FEW, 1);
	protect(p, FEW, RW_TAGGED);
	NEED(!ptrace(PTRACE_TRACEME, 0, NULL, NULL), "PTRACE_TRACEME: %s", strerror(errno));
	raise(SIGSTOP);
	CHECK_TAGS(p, FEW / 2, 2);
	CHECK_NO_TAGS(p + FEW / 2 * PAGE, FEW / 2);
	CHECK_DATA(p, FEW, 1);
	end();
}

static void move_tags(int request, pid_t pid, char *p, unsigned char *tags, size_t count)
{
	struct iovec vec = { tags, count };

	NEED(!ptrace(request, pid, p, &vec), "%s: %s", request == PTRACE_PEEKMTETAGS ? "PTRACE_PEEKMTETAGS" :
	     "PTRACE_POKEMTETAGS", strerror(errno));
	CHECK(vec.iov_len == count, "%zu of %zu tags were moved", vec.iov_len, count);
}

static void access_by_tracer(void)
{
	const size_t all = FEW * PAGE_GRANULES, half = all / 2;
	struct iovec nowhere = { (void *)PAGE, all };
	unsigned char *tags = zalloc(all, 1);
	char *p = map(FEW, RW);
	pid_t pid = start();
	int status = 0;

	if (!pid)
		subject(p);
	NEED(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status), "the child did not stop: %#x", status);
	CHECK(ptrace(PTRACE_PEEKMTETAGS, pid, p, &nowhere) && errno == EFAULT, "to a buffer that is none: %s",
	      strerror(errno));
	for (size_t i = 0; i < half; i++)
		tags[i] = tag(2, i);
	move_tags(PTRACE_POKEMTETAGS, pid, p, tags, half);
	memset(tags, 0xff, all);
	move_tags(PTRACE_PEEKMTETAGS, pid, p, tags, all);
	for (size_t i = 0; i < all; i++)
		CHECK(tags[i] == (i < half ? tag(2, i) : 0), "tag %zu is %u", i, tags[i]);
	NEED(!ptrace(PTRACE_CONT, pid, NULL, NULL), "PTRACE_CONT: %s", strerror(errno));
	CHECK_CHILD(pid);
	free(tags);
}

/* Migration */

#define MOVES	20

static atomic_bool moving;
static long moved;

struct moved {
	char *p;
	size_t pages;
};

static void move_to_node(const struct moved *m, int node)
{
	void **pages = zalloc(m->pages, sizeof(*pages));
	int *nodes = zalloc(m->pages, sizeof(*nodes)), *status = zalloc(m->pages, sizeof(*status));

	for (size_t i = 0; i < m->pages; i++) {
		pages[i] = m->p + i * PAGE;
		nodes[i] = node;
		status[i] = -1;
	}
	syscall(SYS_move_pages, 0, m->pages, pages, nodes, status, 2 /* MPOL_MF_MOVE */);
	/* It says nothing of any page of a batch if one did not move */
	NEED(!syscall(SYS_move_pages, 0, m->pages, pages, NULL, status, 0), "move_pages: %s", strerror(errno));
	for (size_t i = 0; i < m->pages; i++)
		moved += status[i] == node;
	free(pages);
	free(nodes);
	free(status);
}

static void *move_around(void *arg)
{
	for (int round = 0; round < MOVES; round++)
		move_to_node(arg, round % 2);
	moving = false;
	return NULL;
}

static void *compact(void *arg)
{
	(void)arg;
	for (int round = 0; round < MOVES / 4; round++)
		CHECK(put("/proc/sys/vm/compact_memory", "1"), "compact_memory: %s", strerror(errno));
	moving = false;
	return NULL;
}

/*
 * Data and tags change, and some pages lose theirs and become tagged anew, until the others have done their rounds. In
 * the end each page may be a mapping by itself, all of which a debug kernel looks at each time there is another.
 */
static void change_while(void *(*other)(void *), char *p, size_t pages)
{
	struct moved m = { p, pages };
	uint64_t *keys = zalloc(pages, sizeof(*keys));
	pthread_t thread;

	use_processors(true);
	moving = true;
	NEED(!pthread_create(&thread, NULL, other, &m), "no thread");
	for (size_t n = 0; (moving || n < 4 * pages) && !failures; n++) {
		size_t i = draw(pages);
		char *page = p + i * PAGE;

		if (keys[i])
			CHECK_BOTH(page, 1, keys[i]);
		if (draw(4) == 0) {
			page = mmap(page, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
			write_data(page, 1, n + 1);
			protect(page, 1, RW_TAGGED);
			CHECK_NO_TAGS(page, 1);
			CHECK_DATA(page, 1, n + 1);
		}
		keys[i] = n + 1;
		write_both(page, 1, keys[i]);
	}
	pthread_join(thread, NULL);
	for (size_t i = 0; i < pages; i++)
		if (keys[i])
			CHECK_BOTH(p + i * PAGE, 1, keys[i]);
	CHECK_NONE_IN_TAG_STORAGE(p, pages);
	free(keys);
}

static void move_between_nodes(void)
{
	char *p;

	if (!last_node())
		_exit(ONE_NODE);
	p = map(256, RW_TAGGED);
	change_while(move_around, p, 256);
	printf("# %ld pages moved\n", moved);
	CHECK(moved > 0, "no page moved");
}

/* Without changes in the way everything has to move */
static void move_tagged(void)
{
	struct moved m = { map(256, RW_TAGGED), 256 };
	long before = reserved();

	if (!last_node())
		_exit(ONE_NODE);
	write_both(m.p, 256, 1);
	move_around(&m);
	printf("# %ld pages moved\n", moved);
	CHECK(moved > 128 * MOVES, "only %ld of %d pages moved", moved, 256 * MOVES);
	CHECK_BOTH(m.p, 256, 1);
	CHECK_NONE_IN_TAG_STORAGE(m.p, 256);
	drain();
	CHECK_RESERVED(before, m.p, 256);
}

static void move_before_touch(void)
{
	struct moved m = { map_changed(256, 1), 256 };

	if (!last_node())
		_exit(ONE_NODE);
	move_around(&m);
	CHECK_NO_TAGS(m.p, 256);
	CHECK_DATA(m.p, 256, 1);
	write_tags(m.p, 256, 2);
	CHECK_TAGS(m.p, 256, 2);
	CHECK_NONE_IN_TAG_STORAGE(m.p, 256);
}

/*
 * What is to be moved is isolated all at once, and is most of the node's memory by then. Whoever makes room for it on
 * that node must not wait for it to come back.
 */
static void move_past_data(void)
{
	const size_t many = 8192;
	struct moved m = { map(many, RW_TAGGED), many };
	struct catch c;

	if (!last_node())
		_exit(ONE_NODE);
	c = occupy(tag_storage_pages(), PRIVATE);
	bind_to_node(m.p, many, last_node());
	write_both(m.p, many, 1);
	move_to_node(&m, 0);
	printf("# %ld pages moved, %zu out of their way\n", moved, c.count - still_in_tag_storage(&c));
	CHECK(moved > (long)many / 2, "only %ld of %zu pages moved", moved, many);
	CHECK(still_in_tag_storage(&c) < c.count, "no data had to make room");
	CHECK_BOTH(m.p, many, 1);
	check_catch(__LINE__, &c);
}

/* Every other page is free, so that there is something to compact */
static void compact_memory(void)
{
	char *p = map(256, RW_TAGGED), *holes = map(4 * MANY, RW);

	write_data(holes, 4 * MANY, 1);
	for (size_t i = 0; i < 4 * MANY; i += 2)
		advise(holes + i * PAGE, 1, MADV_DONTNEED);
	change_while(compact, p, 256);
}

/* Where a page is; first, so that compare() is for these, too */
struct place {
	uint64_t pfn;
	char *page;
};

/* Memory of the node that has tag storage, but for holes here and there; what is left, in its order there */
static struct place *fill_with_holes(size_t *count)
{
	size_t pages = free_kib(last_node()) / 4 / 4 * 3, n = 0;
	struct place *list = zalloc(pages, sizeof(*list));
	char *p = map(pages, RW);
	uint64_t *entries;

	bind_to_node(p, pages, last_node());
	fill(p, pages);
	entries = entries_of(p, pages);
	for (size_t i = 0; i < pages; i++) {
		uint64_t pfn = pfn_in(entries[i]);

		if (draw(2))
			advise(p + i * PAGE, 1, MADV_DONTNEED);
		else if (pfn && !in_tag_storage(pfn))
			list[n++] = (struct place){ pfn, p + i * PAGE };
	}
	free(entries);
	qsort(list, n, sizeof(*list), compare);
	*count = n;
	return list;
}

/* Compaction moves to the end of memory, where storage is; what has tags has to move, too, but not to there */
static void compaction_moves_tagged(void)
{
	const size_t few = 128;
	size_t count, went = 0;
	struct place *all = fill_with_holes(&count);
	char node[64];

	NEED(count / 2 > few, "only %zu pages", count);
	for (size_t i = 0; i < few; i++) {
		struct place *place = &all[i];

		*place = all[count / 2 / few * i];
		protect(place->page, 1, RW_TAGGED);
		write_both(place->page, 1, i + 1);
		place->pfn = pfn_of(place->page);
	}
	drain();
	snprintf(node, sizeof(node), "/sys/devices/system/node/node%d/compact", last_node());
	NEED(put(node, "1"), "%s: %s", node, strerror(errno));
	for (size_t i = 0; i < few; i++) {
		went += pfn_of(all[i].page) != all[i].pfn;
		CHECK_BOTH(all[i].page, 1, i + 1);
		CHECK_NONE_IN_TAG_STORAGE(all[i].page, 1);
	}
	printf("# %zu of %zu tagged pages moved\n", went, few);
	CHECK(went > few / 2, "compaction leaves tagged pages where they are");
	free(all);
}

/* Many at once */

#define THREADS		8
#define EACH		4UL

static char *common_memory;

static void free_and_take(char *p, uint64_t key)
{
	write_both(p, EACH, key);
	CHECK_BOTH(p, EACH, key);
	NEED(advise(p, EACH, MADV_DONTNEED), "MADV_DONTNEED: %s", strerror(errno));
}

static void take_by_mprotect(uint64_t key)
{
	char *p = map_changed(EACH, key);

	CHECK_NO_TAGS(p, EACH);
	write_tags(p, EACH, key);
	CHECK_BOTH(p, EACH, key);
	unmap(p, EACH);
}

static void *fault_and_free(void *arg)
{
	size_t number = (uintptr_t)arg;

	for (unsigned long i = 0; i < rounds && !failures; i++) {
		uint64_t key = i * THREADS + number + 1;

		if (i % 4 == 3)
			take_by_mprotect(key);
		else
			free_and_take(common_memory + number * EACH * PAGE, key);
	}
	return NULL;
}

static void threads_in_one_block(void)
{
	long before = reserved();
	pthread_t threads[THREADS];

	use_processors(true);
	common_memory = map(THREADS * EACH, RW_TAGGED);
	for (uintptr_t i = 0; i < THREADS; i++)
		NEED(!pthread_create(&threads[i], NULL, fault_and_free, (void *)i), "no thread");
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	drain();
	CHECK_GIVEN_BACK(before);
}

/* All of them fault in the same pages, at the same time; each gives tags to granules of its own */
static pthread_barrier_t barrier;

static void set_own_granules(size_t number, uint64_t key)
{
	for (size_t i = number; i < EACH * PAGE_GRANULES; i += THREADS)
		set_tag(common_memory + i * GRANULE, tag(key, i));
}

static void *fault_together(void *arg)
{
	size_t number = (uintptr_t)arg;

	for (unsigned long i = 1; i <= rounds; i++) {
		if (!number) {
			common_memory = map_changed(EACH, i);
			if (i % 2)
				advise(common_memory, EACH, MADV_DONTNEED);
		}
		pthread_barrier_wait(&barrier);
		set_own_granules(number, i);
		pthread_barrier_wait(&barrier);
		if (number)
			continue;
		CHECK_TAGS(common_memory, EACH, i);
		if (i % 2 == 0)
			CHECK_DATA(common_memory, EACH, i);
		unmap(common_memory, EACH);
	}
	return NULL;
}

static void threads_in_same_pages(void)
{
	pthread_t threads[THREADS];

	use_processors(true);
	NEED(!pthread_barrier_init(&barrier, NULL, THREADS), "no barrier");
	for (uintptr_t i = 0; i < THREADS; i++)
		NEED(!pthread_create(&threads[i], NULL, fault_together, (void *)i), "no thread");
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static void victim(struct turn started)
{
	use_processors(true);
	give(started);
	for (uint64_t key = 1; ; key++) {
		char *p = map_changed(256, key);

		write_tags(p, 256, key);
		unmap(p, 256);
	}
}

static void killed_while_faulting(void)
{
	long before = reserved();

	use_processors(true);
	for (int i = 0; i < 30 && !failures; i++) {
		struct turn started = make_turn();
		pid_t pid = start();

		if (!pid)
			victim(started);
		await(&started);
		usleep(draw(20000));
		kill(pid, SIGKILL);
		CHECK(status_of(pid) == SIGKILL, "the child did not die of SIGKILL");
		drain();
		CHECK_GIVEN_BACK(before);
	}
}

/* KSM */

static void scan_for_same(char *p, size_t pages)
{
	long scans = number_in(KSM "full_scans", "");

	NEED(advise(p, pages, MADV_MERGEABLE), "MADV_MERGEABLE: %s", strerror(errno));
	put(KSM "sleep_millisecs", "1");
	put(KSM "pages_to_scan", "2000");
	NEED(put(KSM "run", "1"), KSM "run: %s", strerror(errno));
	while (number_in(KSM "full_scans", "") < scans + 4)
		usleep(10000);
	put(KSM "run", "0");
}

static char *map_same_data(int prot)
{
	char *p = map(2, prot);

	write_data(p, 1, 1);
	write_data(p + PAGE, 1, 1);
	return p;
}

static void same_data_other_tags(void)
{
	char *plain = map_same_data(RW), *tagged = map_same_data(RW_TAGGED);

	write_tags(tagged, 1, 2);
	write_tags(tagged + PAGE, 1, 3);
	scan_for_same(plain, 2);
	CHECK(pfn_of(plain) == pfn_of(plain + PAGE), "pages without tags were not merged, so this shows nothing");
	scan_for_same(tagged, 2);
	CHECK(pfn_of(tagged) != pfn_of(tagged + PAGE), "pages with different tags were merged");
	CHECK_TAGS(tagged, 1, 2);
	CHECK_TAGS(tagged + PAGE, 1, 3);
	CHECK_DATA(tagged, 1, 1);
	CHECK_DATA(tagged + PAGE, 1, 1);
}

static void tags_of_merged_pages(void)
{
	char *p = map_same_data(RW);

	scan_for_same(p, 2);
	NEED(pfn_of(p) == pfn_of(p + PAGE), "pages without tags were not merged");
	protect(p, 2, RW_TAGGED);
	CHECK_NO_TAGS(p, 2);
	write_tags(p, 1, 2);
	write_tags(p + PAGE, 1, 3);
	CHECK_TAGS(p, 1, 2);
	CHECK_TAGS(p + PAGE, 1, 3);
	CHECK_DATA(p, 1, 1);
	CHECK_DATA(p + PAGE, 1, 1);
	CHECK_NONE_IN_TAG_STORAGE(p, 2);
}

static void merged_before_touch(void)
{
	char *p = map_same_data(RW);

	protect(p, 2, RW_TAGGED);
	scan_for_same(p, 2);
	write_tags(p, 1, 2);
	CHECK_NO_TAGS(p + PAGE, 1);
	CHECK_TAGS(p, 1, 2);
	CHECK_DATA(p, 1, 1);
	CHECK_DATA(p + PAGE, 1, 1);
}

/* Pinned for long, as buffers of io_uring are */

static int pin_for_long(char **page, size_t count, size_t pages)
{
	struct iovec *buffers = zalloc(count, sizeof(*buffers));
	struct io_uring_params params = { 0 };
	int fd = syscall(__NR_io_uring_setup, 1, &params);

	NEED(fd >= 0, "io_uring: %s", strerror(errno));
	for (size_t i = 0; i < count; i++)
		buffers[i] = (struct iovec){ page[i], pages * PAGE };
	NEED(!syscall(__NR_io_uring_register, fd, IORING_REGISTER_BUFFERS, buffers, count), "cannot pin: %s",
	     strerror(errno));
	free(buffers);
	return fd;
}

/* To close it alone would end that later */
static void unpin(int ring)
{
	NEED(!syscall(__NR_io_uring_register, ring, IORING_UNREGISTER_BUFFERS, NULL, 0), "cannot unpin: %s",
	     strerror(errno));
	close(ring);
}

/* What is pinned could not make room for tags, so it leaves first */
static void pinned_for_long_leaves(void)
{
	struct catch c = occupy(512, PRIVATE);
	int ring = pin_for_long(c.page, c.count, 1);

	CHECK(!still_in_tag_storage(&c), "%zu pinned pages are in tag storage", still_in_tag_storage(&c));
	check_catch(__LINE__, &c);
	unpin(ring);
}

static void pinned_before_touch(void)
{
	char *p = map_changed(FEW, 1);
	int ring = pin_for_long(&p, 1, FEW);

	CHECK_NO_TAGS(p, FEW);
	CHECK_DATA(p, FEW, 1);
	write_tags(p, FEW, 2);
	CHECK_TAGS(p, FEW, 2);
	CHECK_NONE_IN_TAG_STORAGE(p, FEW);
	unpin(ring);
}

/* fork copies pinned pages at once */
static void fork_pinned(void)
{
	char *p = map(FEW, RW_TAGGED);
	int ring;
	pid_t pid;

	write_both(p, FEW, 1);
	ring = pin_for_long(&p, 1, FEW);
	pid = start();
	if (!pid) {
		CHECK_BOTH(p, FEW, 1);
		write_both(p, FEW, 2);
		CHECK_BOTH(p, FEW, 2);
		CHECK_NONE_IN_TAG_STORAGE(p, FEW);
		end();
	}
	CHECK_CHILD(pid);
	CHECK_BOTH(p, FEW, 1);
	unpin(ring);
}

/* NUMA balancing: its entries fault, too, but for another reason */

#define BALANCED	512UL

static void numa_balancing(void)
{
	char *p = map(BALANCED, RW_TAGGED), *changed = map(BALANCED, RW);
	cpu_set_t last;
	long before;

	if (!last_node())
		_exit(ONE_NODE);
	write_both(p, BALANCED, 1);
	for (size_t i = 0; i < BALANCED; i++)
		write_data(changed + i * PAGE, 1, 2);
	protect(changed, BALANCED, RW_TAGGED);
	before = number_in("/proc/vmstat", "numa_pages_migrated");
	NEED(before >= 0 && put(NUMA_BALANCING, "1"), "no NUMA balancing");
	CPU_ZERO(&last);
	CPU_SET(sysconf(_SC_NPROCESSORS_ONLN) - 1, &last);
	NEED(!sched_setaffinity(0, sizeof(last), &last), "sched_setaffinity: %s", strerror(errno));
	while (number_in("/proc/vmstat", "numa_pages_migrated") - before < (long)BALANCED / 2 && !failures) {
		char *page = changed + draw(BALANCED) * PAGE;

		CHECK_BOTH(p, BALANCED, 1);
		CHECK_DATA(page, 1, 2);
		CHECK_NO_TAGS(page, 1);
	}
	put(NUMA_BALANCING, "0");
	CHECK_BOTH(p, BALANCED, 1);
	for (size_t i = 0; i < BALANCED; i++)
		CHECK_DATA(changed + i * PAGE, 1, 2);
	CHECK_NO_TAGS(changed, BALANCED);
	CHECK_NONE_IN_TAG_STORAGE(p, BALANCED);
	CHECK_NONE_IN_TAG_STORAGE(changed, BALANCED);
}

/* Memory cgroups */

#define GROUP		"/sys/fs/cgroup/tag-storage"
#define GROUP_MIB	16

static void join_group(const char *swap)
{
	char limit[32];

	snprintf(limit, sizeof(limit), "%lu", GROUP_MIB * MIB);
	put("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	NEED(!mkdir(GROUP, 0755) || errno == EEXIST, "mkdir " GROUP ": %s", strerror(errno));
	NEED(put(GROUP "/memory.max", limit) && put(GROUP "/memory.swap.max", swap) && put(GROUP "/cgroup.procs", "0"),
	     "cannot join the group: %s", strerror(errno));
}

/* Twice as much as the group may have, once with tags from the beginning */
static void group_swaps(void)
{
	const size_t pages = GROUP_MIB * MIB / PAGE;
	pid_t pid = start();
	char *p, *changed;

	if (!pid) {
		join_group("max");
		p = map(pages, RW_TAGGED);
		write_both(p, pages, 1);
		changed = map_changed(pages, 2);
		CHECK_DATA(changed, pages, 2);
		CHECK_NO_TAGS(changed, pages);
		write_tags(changed, pages, 3);
		CHECK_BOTH(p, pages, 1);
		CHECK_TAGS(changed, pages, 3);
		CHECK_DATA(changed, pages, 2);
		CHECK(number_in(GROUP "/memory.stat", "pgmajfault") > 0, "nothing was swapped");
		end();
	}
	CHECK_CHILD(pid);
	NEED(!rmdir(GROUP), "rmdir " GROUP ": %s", strerror(errno));
}

/* Who may not swap is killed, and nobody else */
static void group_is_killed(void)
{
	const size_t pages = 2 * GROUP_MIB * MIB / PAGE;
	long before = reserved();
	pid_t pid;
	int status;

	put("/dev/kmsg", "oom expected");
	pid = start();
	if (!pid) {
		join_group("0");
		write_both(map(pages, RW_TAGGED), pages, 1);
		end();
	}
	status = status_of(pid);
	put("/dev/kmsg", "oom over");
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "not killed: status %#x", status);
	drain();
	CHECK_GIVEN_BACK(before);
	NEED(!rmdir(GROUP), "rmdir " GROUP ": %s", strerror(errno));
}

/* Core dumps */

#define CORE_PATTERN	"/proc/sys/kernel/core_pattern"
#define CORE		"/tmp/tag-storage.core"

/* What the dump has of memory at @p: of its segments, the one of this type that begins there */
static void read_segment(int fd, uint32_t type, const char *p, void *buffer, size_t size)
{
	Elf64_Phdr header;
	Elf64_Ehdr file;

	NEED(pread(fd, &file, sizeof(file), 0) == sizeof(file), "no dump");
	for (int i = 0; i < file.e_phnum; i++) {
		NEED(pread(fd, &header, sizeof(header), file.e_phoff + i * sizeof(header)) == sizeof(header),
		     "the dump is cut off");
		if (header.p_type != type || header.p_vaddr != (uintptr_t)p)
			continue;
		NEED(header.p_filesz >= size && pread(fd, buffer, size, header.p_offset) == (ssize_t)size,
		     "segment %#x has %lu of %zu bytes", type, header.p_filesz, size);
		return;
	}
	NEED(false, "no segment %#x at %p", type, p);
}

/* Two tags in a byte, the first one in its lower half */
static void check_dump(int fd, const char *p, uint64_t data_key, uint64_t tags_key)
{
	unsigned char tags[FEW * PAGE_GRANULES / 2];
	static char data[FEW * PAGE];

	read_segment(fd, PT_LOAD, p, data, sizeof(data));
	CHECK_DATA(data, FEW, data_key);
	read_segment(fd, PT_AARCH64_MEMTAG_MTE, p, tags, sizeof(tags));
	for (size_t i = 0; i < FEW * PAGE_GRANULES; i++) {
		unsigned int dumped = tags[i / 2] >> (i % 2 * 4) & 15;

		CHECK(dumped == (tags_key ? tag(tags_key, i) : 0), "tag %zu is %u in the dump", i, dumped);
	}
}

/* One has tags, the other was not accessed since it may have some: a dump does not change that */
static void core_dump(void)
{
	/* Apart from each other and from everything else, so that each has segments of its own */
	char *apart = map(4 * FEW, PROT_NONE), *p = apart + FEW * PAGE / 2, *changed = p + 3 * FEW * PAGE / 2;
	const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	int status, fd;
	pid_t pid;

	NEED(put(CORE_PATTERN, CORE), "core_pattern: %s", strerror(errno));
	protect(p, FEW, RW_TAGGED);
	protect(changed, FEW, RW);
	pid = start();
	if (!pid) {
		write_both(p, FEW, 1);
		write_data(changed, FEW, 2);
		protect(changed, FEW, RW_TAGGED);
		NEED(!setrlimit(RLIMIT_CORE, &all), "setrlimit: %s", strerror(errno));
		abort();
	}
	status = status_of(pid);
	put(CORE_PATTERN, "core");
	NEED(WIFSIGNALED(status) && WCOREDUMP(status), "no dump: status %#x", status);
	fd = open(CORE, O_RDONLY | O_CLOEXEC);
	unlink(CORE);
	NEED(fd >= 0, "open " CORE ": %s", strerror(errno));
	check_dump(fd, p, 1, 1);
	check_dump(fd, changed, 2, 0);
	close(fd);
}

/* Pages in the way that a process has locked, which may be the very one that waits for tags: nobody waits for it */

#define SLOW_PAGES	8192UL
#define SLOW_PART	(SLOW_PAGES / 4)
#define STEP		512UL
#define AT_ONCE		32UL
/* Of kpageflags */
#define KPF_LOCKED	(1UL << 0)
#define KPF_HUGE	(1UL << 17)

/* The blocks of tag storage that have pages with such a flag, in order; the caller frees the list */
static uint64_t *blocks_with(uint64_t flag, size_t *count)
{
	uint64_t *list = zalloc(tag_storage_pages(), sizeof(*list));
	uint64_t *flags = zalloc(tag_storage_pages(), sizeof(*flags));
	int fd = open("/proc/kpageflags", O_RDONLY);
	size_t n = 0;

	NEED(fd >= 0, "kpageflags: %s", strerror(errno));
	for (size_t i = 0; i < region_count; i++) {
		const size_t pages = regions[i].tags_last - regions[i].tags + 1;

		NEED(pread(fd, flags, pages * 8, regions[i].tags * 8) == (ssize_t)(pages * 8), "kpageflags: %s",
		     strerror(errno));
		for (size_t j = 0; j < pages; j++)
			if (flags[j] & flag)
				list[n++] = tag_block_at(regions[i].tags + j);
	}
	close(fd);
	free(flags);
	*count = sort_unique(list, n);
	return list;
}

/* Memory of a node, until @spare_mib are free, but no tag storage of it */
static struct catch hold(int node, long spare_mib)
{
	struct catch c = { .pages = free_kib(node) / 4, .page = zalloc(FEW, sizeof(*c.page)) };
	uint64_t *entries;
	size_t used = 0;

	c.p = map(c.pages, RW);
	bind_to_node(c.p, c.pages, node);
	for (; used + 256 <= c.pages && free_kib(node) > spare_mib * 1024; used += 256)
		fill(c.p + used * PAGE, 256);
	entries = entries_of(c.p, used);
	for (size_t i = 0; i < used; i++)
		if (in_tag_storage(pfn_in(entries[i])))
			advise(c.p + i * PAGE, 1, MADV_DONTNEED);
	free(entries);
	return c;
}

static void let_go(struct catch *c)
{
	if (!c->p)
		return;
	unmap(c->p, c->pages);
	free(c->page);
	*c = (struct catch){ 0 };
}

/* Finds those whose tags would be in the blocks that are wanted */
static void pick_wanted(struct catch *c)
{
	for (size_t i = 0; i + 256 <= c->pages; i += 256)
		look_at(c, i, 256, has_wanted_block, FEW);
	for (size_t i = 0; i < c->count; i++)
		write_data(c->page[i], 1, 1000 + i);
}

/* What is read ahead is locked until the server answers */
static void read_ahead(int fd, size_t first, size_t pages)
{
	unsigned long nodes = 1UL << last_node();

	syscall(SYS_set_mempolicy, 2 /* MPOL_BIND */, &nodes, 64);
	for (size_t i = first; i < first + pages; i += AT_ONCE)
		NEED(!posix_fadvise(fd, i * PAGE, AT_ONCE * PAGE, POSIX_FADV_WILLNEED), "cannot read ahead");
	syscall(SYS_set_mempolicy, 0 /* MPOL_DEFAULT */, NULL, 0);
}

/*
 * The file goes to where the tags are, and there to storage once that is most of what is free; and then to storage for
 * tags of what we hold: so go on until it does, or a part of it is read. Returns how many pages that took until now.
 */
static size_t begin_to_read(int fd, size_t begun, struct catch *low, struct catch *high)
{
	size_t end = begun + SLOW_PART;

	do {
		read_ahead(fd, begun, STEP);
		begun += STEP;
		free((void *)wanted_blocks);
		wanted_blocks = blocks_with(KPF_LOCKED, &wanted_block_count);
		pick_wanted(low);
		pick_wanted(high);
	} while (!low->count && !high->count && begun < end);
	return begun;
}

static void tag_pages_of(const struct catch *c)
{
	for (size_t i = 0; i < c->count; i++) {
		protect(c->page[i], 1, RW_TAGGED);
		write_tags(c->page[i], 1, 2000 + i);
		CHECK_TAGS(c->page[i], 1, 2000 + i);
		CHECK_DATA(c->page[i], 1, 1000 + i);
		CHECK(!has_wanted_block(pfn_of(c->page[i])), "a page has its tags where others have a locked page");
	}
}

static void check_slow_file(int fd, size_t pages)
{
	char data[PAGE];

	for (size_t i = 0; i < pages; i++) {
		NEED(pread(fd, data, PAGE, i * PAGE) == PAGE, "read: %s", strerror(errno));
		for (size_t j = 0; j < PAGE; j++)
			NEED(data[j] == SLOW_BYTE, "byte %zu of page %zu of the file is %#x", j, i, data[j]);
	}
}

static void locked_in_the_way(void)
{
	struct slow_file f = mount_slow_file(SLOW_PAGES * PAGE);
	struct catch low = { 0 }, high = { 0 };
	struct counters before;
	size_t begun = 0, count;
	pid_t server;
	int fd;

	server = start();
	if (!server) {
		serve(&f);
		end();
	}
	/* Who has it keeps the server alive, and requests unanswered */
	close(f.fd);
	fd = open(SLOW_FILE, O_RDONLY);
	NEED(fd >= 0, SLOW_FILE ": %s", strerror(errno));
	/* What is swapped out for those who hold memory may make room for the file elsewhere, but not every time */
	while (begun < SLOW_PAGES && !low.count && !high.count) {
		let_go(&low);
		let_go(&high);
		high = hold(last_node(), 8);
		if (last_node())
			low = hold(0, 64);
		begun = begin_to_read(fd, begun, &low, &high);
	}
	printf("# %zu blocks of tag storage have locked pages\n", wanted_block_count);
	printf("# %zu pages would have their tags there\n", low.count + high.count);
	NEED(low.count + high.count, "found no page that needs a block with a locked page; %ld kB of CMA are free",
	     number_in("/proc/meminfo", "CmaFree:"));
	before = count_faults();
	tag_pages_of(&low);
	tag_pages_of(&high);
	CHECK(count_faults().migrate > before.migrate, "no page was replaced");
	free(blocks_with(KPF_LOCKED, &count));
	CHECK(count == wanted_block_count, "%zu blocks have locked pages now, not %zu", count, wanted_block_count);
	give(f.answer);
	check_slow_file(fd, begun);
	close(fd);
	NEED(!umount2(SLOW_DIR, MNT_DETACH), "umount: %s", strerror(errno));
	CHECK_CHILD(server);
}

/* Pages that are taken out of service. They stay so until the machine starts again: few of them, and at the end. */

static void take_out(char *p, size_t pages)
{
	drain();
	for (size_t i = 0; i < pages; i++) {
		uint64_t pfn = pfn_of(p + i * PAGE);

		NEED(advise(p + i * PAGE, 1, MADV_SOFT_OFFLINE), "MADV_SOFT_OFFLINE: %s", strerror(errno));
		CHECK(pfn_of(p + i * PAGE) != pfn, "page %zu is still in its place", i);
	}
}

static void soft_offline(void)
{
	char *p = map(4, RW_TAGGED), *changed = map_changed(4, 2);

	write_both(p, 4, 1);
	take_out(p, 4);
	take_out(changed, 4);
	CHECK_BOTH(p, 4, 1);
	CHECK_DATA(changed, 4, 2);
	CHECK_NO_TAGS(changed, 4);
	CHECK_NONE_IN_TAG_STORAGE(p, 4);
	CHECK_NONE_IN_TAG_STORAGE(changed, 4);
}

/* A block that cannot be used any more: memory whose tags it would have goes elsewhere when it is to have some */
static void soft_offline_storage(void)
{
	struct catch c = occupy(256, PRIVATE), in_need;
	uint64_t block;
	size_t i = 0;

	wanted_blocks = blocks_under(&c, &wanted_block_count);
	in_need = hunt(has_wanted_block, 32, -1, 24, PRIVATE);
	NEED(in_need.count, "found no page that needs a block with data");
	block = tag_block_for(pfn_of(in_need.page[0]));
	while (i < c.count && tag_block_at(pfn_of(c.page[i])) != block)
		i++;
	NEED(i < c.count, "the data is not in that block any more");
	take_out(c.page[i], 1);
	wanted_blocks = &block;
	wanted_block_count = 1;
	protect(in_need.p, in_need.pages, RW_TAGGED);
	for (i = 0; i < in_need.count; i++) {
		CHECK_DATA(in_need.page[i], 1, 1000 + i);
		CHECK_NO_TAGS(in_need.page[i], 1);
		CHECK(!has_wanted_block(pfn_of(in_need.page[i])), "a page has its tags where memory is out of service");
		write_tags(in_need.page[i], 1, 1000 + i);
	}
	for (i = 0; i < in_need.count; i++)
		CHECK_TAGS(in_need.page[i], 1, 1000 + i);
	check_catch(__LINE__, &c);
}

/* Huge pages of the pool, which are not in the way of tags, as it takes another to move one */

#define POOL	"/proc/sys/vm/nr_hugepages"

static void huge_pages_of_pool(void)
{
	uint64_t *blocks;
	size_t count;

	NEED(put(POOL, "100000"), POOL ": %s", strerror(errno));
	CHECK(number_in(POOL, "") > 0, "the pool has no page");
	blocks = blocks_with(KPF_HUGE, &count);
	CHECK(!count, "%zu blocks of tag storage are in huge pages of the pool", count);
	free(blocks);
	NEED(put(POOL, "0"), POOL ": %s", strerror(errno));
}

static const struct test tests[] = {
	TEST(access_from_outside),
	TEST(access_by_system_calls),
	TEST(access_by_tracer),
	TEST(move_between_nodes),
	TEST(move_tagged),
	TEST(move_before_touch),
	TEST(move_past_data),
	TEST(compact_memory),
	TEST(compaction_moves_tagged),
	TEST(threads_in_one_block),
	TEST(threads_in_same_pages),
	TEST(killed_while_faulting),
	TEST(same_data_other_tags),
	TEST(tags_of_merged_pages),
	TEST(merged_before_touch),
	TEST(pinned_for_long_leaves),
	TEST(pinned_before_touch),
	TEST(fork_pinned),
	TEST(numa_balancing),
	TEST(group_swaps),
	TEST(group_is_killed),
	TEST(core_dump),
	TEST(locked_in_the_way),
	TEST(soft_offline),
	TEST(soft_offline_storage),
	TEST(huge_pages_of_pool),
};

int main(int argc, char **argv)
{
	return run_tests(tests, sizeof(tests) / sizeof(*tests), argc, argv);
}
#else
int main(void)
{
	printf("1..0 # SKIP no memory tags on this architecture\n");
	return 4;
}
#endif
