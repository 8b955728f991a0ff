// SPDX-License-Identifier: GPL-2.0
/*
 * Tag storage that is memory while nothing needs it (arm64): are tags and data kept whatever becomes of a page, is as
 * much storage taken as the tagged pages need, and is all of it given back?
 *
 *   tag-storage [PATTERN]        only the tests whose names match
 *
 * For root, on a machine with swap whose memory tags are in its own RAM. Where a page lies is read from
 * /proc/self/pagemap, what is taken from /sys/kernel/debug/mte_tag_storage, what faulted from /proc/vmstat. Without
 * the feature every test fails. SEED and ROUNDS are for the tests that draw lots or repeat.
 *
 * What only one processor can have had the pages of has to be free at once, without anything being drained first.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <sys/uio.h>

#ifdef __aarch64__
#include "harness.h"

/* How much is taken, and when it is given back */

static void allocate_page(void)
{
	long before = reserved();
	char *p = map(1, RW_TAGGED);

	CHECK_GIVEN_BACK(before);
	CHECK_NO_TAGS(p, 1);		/* the zero page, which can have tags, as every page can */
	CHECK_GIVEN_BACK(before);
	write_both(p, 1, 1);
	CHECK_RESERVED(before, p, 1);
	CHECK_BOTH(p, 1, 1);
	unmap(p, 1);
	CHECK_GIVEN_BACK(before);
}

static void allocate_pages(void)
{
	long before = reserved();
	char *p = map(64, RW_TAGGED);

	write_both(p, 64, 1);
	CHECK_RESERVED(before, p, 64);
	CHECK_NONE_IN_TAG_STORAGE(p, 64);
	CHECK_BOTH(p, 64, 1);
	NEED(advise(p + 16 * PAGE, 48, MADV_DONTNEED), "MADV_DONTNEED: %s", strerror(errno));
	CHECK_RESERVED(before, p, 16);
	CHECK_NO_TAGS(p + 16 * PAGE, 48);
	CHECK_BOTH(p, 16, 1);
	unmap(p, 64);
	CHECK_GIVEN_BACK(before);
}

static void one_allocation(size_t pages, uint64_t key)
{
	char *p = map(pages, RW_TAGGED);

	for (size_t i = 0; i < pages; i++) {
		CHECK(!get_tag(p + i * PAGE) && !*(volatile char *)(p + i * PAGE), "fresh memory is not zero");
		set_tag(p + i * PAGE, tag(key, i));
		p[i * PAGE] = (char)key | 1;
	}
	for (size_t i = 0; i < pages; i++)
		CHECK(get_tag(p + i * PAGE) == tag(key, i) && p[i * PAGE] == ((char)key | 1), "round %lu: lost", key);
	unmap(p, pages);
}

static void allocate_often(void)
{
	long before = reserved();

	for (unsigned long i = 0; i < 500 && !failures; i++) {
		one_allocation(1 + draw(8), i);
		CHECK_GIVEN_BACK(before);
	}
}

/* mprotect */

#define EVERY	128UL

static void mprotect_reserves_nothing(void)
{
	struct counters faults = count_faults();
	long before = reserved();
	char *p = map_changed(MANY, 1);

	CHECK_GIVEN_BACK(before);
	CHECK_FAULTS(faults, 0);
	unmap(p, MANY);
	CHECK_GIVEN_BACK(before);
	CHECK_FAULTS(faults, 0);
}

static void touch_reserves(void)
{
	long before = reserved();
	char *p = map_changed(MANY, 1);
	struct counters faults = count_faults();

	for (size_t i = 0; i < MANY; i += EVERY)
		touch(p + i * PAGE);
	CHECK_FAULTS(faults, MANY / EVERY);
	check_reserved(__LINE__, before, p, MANY, EVERY);
	for (size_t i = 0; i < MANY; i += EVERY)
		CHECK_NO_TAGS(p + i * PAGE, 1);
	CHECK_FAULTS(faults, MANY / EVERY);
	CHECK_DATA(p, MANY, 1);
	CHECK_NO_TAGS(p, MANY);
	CHECK_FAULTS(faults, MANY);
	CHECK_RESERVED(before, p, MANY);
	write_tags(p, MANY, 2);
	CHECK_FAULTS(faults, MANY);
	CHECK_TAGS(p, MANY, 2);
	CHECK_DATA(p, MANY, 1);
	CHECK_NONE_IN_TAG_STORAGE(p, MANY);
	unmap(p, MANY);
	CHECK_GIVEN_BACK(before);
}

/* The first access is a write of data, or of a tag */
static void write_reserves(void)
{
	char *p = map_changed(32, 1), *other = map_changed(32, 2);
	struct counters faults = count_faults();

	write_data(p, 32, 3);
	write_tags(other, 32, 4);
	CHECK_FAULTS(faults, 64);
	CHECK_DATA(p, 32, 3);
	CHECK_NO_TAGS(p, 32);
	CHECK_DATA(other, 32, 2);
	CHECK_TAGS(other, 32, 4);
}

static void zero_page_then_mprotect(void)
{
	char *p = map(32, PROT_READ | PROT_WRITE);

	for (size_t i = 0; i < 32; i++)
		touch(p + i * PAGE);
	protect(p, 32, RW_TAGGED);
	CHECK_NO_TAGS(p, 32);
	write_both(p, 32, 1);
	CHECK_BOTH(p, 32, 1);
	CHECK_NONE_IN_TAG_STORAGE(p, 32);
}

static void mprotect_twice(void)
{
	long before = reserved();
	char *p = map_changed(64, 1);
	struct counters faults = count_faults();

	protect(p, 64, RW_TAGGED);
	protect(p, 64, PROT_READ | PROT_MTE);
	protect(p, 64, RW_TAGGED);
	CHECK_GIVEN_BACK(before);
	CHECK_FAULTS(faults, 0);
	CHECK_DATA(p, 64, 1);
	CHECK_FAULTS(faults, 64);
	write_both(p, 64, 2);
	protect(p, 64, PROT_READ | PROT_MTE);
	protect(p, 64, RW_TAGGED);
	CHECK_BOTH(p, 64, 2);
	CHECK_FAULTS(faults, 64);
	CHECK_RESERVED(before, p, 64);
}

static void read_only_then_writable(void)
{
	char *p = map(64, RW);
	struct counters faults;

	write_data(p, 64, 1);
	protect(p, 64, PROT_READ | PROT_MTE);
	faults = count_faults();
	CHECK(signal_of_access(p + 40 * PAGE, true) == SIGSEGV, "a read-only page could be written to");
	CHECK(signal_of_access(p, false) == 0, "a read-only page cannot be read");
	CHECK(signal_of_access(p, true) == SIGSEGV, "a read-only page that was read could be written to");
	CHECK_DATA(p, 32, 1);
	protect(p, 64, RW_TAGGED);
	CHECK_NO_TAGS(p, 64);
	CHECK_FAULTS(faults, 64);
	CHECK_DATA(p, 64, 1);
	write_both(p, 64, 2);
	CHECK_BOTH(p, 64, 2);
}

static void none_and_back(void)
{
	long before = reserved();
	char *p = map_changed(64, 1);

	write_tags(p, 32, 2);
	protect(p, 64, PROT_NONE | PROT_MTE);
	CHECK(signal_of_access(p, false) == SIGSEGV, "a tagged page could be read that nobody may read");
	CHECK(signal_of_access(p + 63 * PAGE, false) == SIGSEGV, "a page could be read that nobody may read");
	CHECK_RESERVED(before, p, 32);
	protect(p, 64, RW_TAGGED);
	CHECK_TAGS(p, 32, 2);
	CHECK_NO_TAGS(p + 32 * PAGE, 32);
	CHECK_DATA(p, 64, 1);
}

static void none_first(void)
{
	long before = reserved();
	char *p = map(64, RW);
	struct counters faults;

	write_data(p, 64, 1);
	protect(p, 64, PROT_NONE);
	protect(p, 64, PROT_NONE | PROT_MTE);
	CHECK(signal_of_access(p, true) == SIGSEGV, "a page could be written to that nobody may write to");
	CHECK_GIVEN_BACK(before);
	protect(p, 64, RW_TAGGED);
	CHECK_GIVEN_BACK(before);
	faults = count_faults();
	CHECK_DATA(p, 64, 1);
	CHECK_NO_TAGS(p, 64);
	CHECK_FAULTS(faults, 64);
	write_tags(p, 64, 2);
	CHECK_TAGS(p, 64, 2);
}

static void execute(void)
{
	static const uint32_t code[] = { 0x52800540, 0xd65f03c0 };	/* mov w0, #42; ret */
	char *p = map(4, RW);
	struct counters faults;

	for (size_t i = 0; i < 4; i++) {
		memcpy(p + i * PAGE, code, sizeof(code));
		__builtin___clear_cache(p + i * PAGE, p + i * PAGE + sizeof(code));
	}
	protect(p, 4, PROT_READ | PROT_EXEC | PROT_MTE);
	faults = count_faults();
	for (size_t i = 0; i < 4; i++)
		CHECK(((int (*)(void))(p + i * PAGE))() == 42, "the code in page %zu has changed", i);
	CHECK_FAULTS(faults, 4);
	CHECK(get_tag(p) == 0, "code has tags");
}

/* fork */

static void fork_and_write(void)
{
	struct turn child_wrote = make_turn(), parent_wrote = make_turn();
	long before = reserved();
	char *p = map(64, RW_TAGGED), *second = p + 32 * PAGE;
	pid_t pid;

	write_both(p, 32, 1);
	write_both(second, 32, 2);
	pid = start();
	if (!pid) {
		CHECK_BOTH(p, 32, 1);
		CHECK_BOTH(second, 32, 2);
		write_both(p, 32, 3);
		give(child_wrote);
		await(&parent_wrote);
		CHECK_BOTH(p, 32, 3);
		CHECK_BOTH(second, 32, 2);
		end();
	}
	await(&child_wrote);
	CHECK_BOTH(p, 32, 1);
	CHECK_BOTH(second, 32, 2);
	write_both(second, 32, 4);
	give(parent_wrote);
	CHECK_CHILD(pid);
	CHECK_BOTH(p, 32, 1);
	CHECK_BOTH(second, 32, 4);
	drain();
	CHECK_RESERVED(before, p, 64);
	unmap(p, 64);
	CHECK_GIVEN_BACK(before);
}

/* Only data is written, so the tags are those that the copy got */
static void fork_copies_tags(void)
{
	char *p = map(64, RW_TAGGED);
	pid_t pid;

	write_both(p, 64, 1);
	pid = start();
	if (!pid) {
		write_data(p, 64, 2);
		CHECK_TAGS(p, 64, 1);
		CHECK_DATA(p, 64, 2);
		CHECK_NONE_IN_TAG_STORAGE(p, 64);
		end();
	}
	CHECK_CHILD(pid);
	CHECK_BOTH(p, 64, 1);
}

static void fork_parent_frees_first(void)
{
	struct turn freed = make_turn();
	long before = reserved();
	char *p = map(64, RW_TAGGED);
	pid_t pid;

	write_both(p, 64, 1);
	pid = start();
	if (!pid) {
		await(&freed);
		CHECK_RESERVED(before, p, 64);
		CHECK_BOTH(p, 64, 1);
		end();
	}
	unmap(p, 64);
	give(freed);
	CHECK_CHILD(pid);
	drain();
	CHECK_GIVEN_BACK(before);
}

/* The entries that fault are what fork copies */
static void fork_before_touch(void)
{
	char *p = map_changed(64, 1);
	pid_t pid = start();

	if (!pid) {
		CHECK_NO_TAGS(p, 32);
		CHECK_DATA(p, 64, 1);
		write_both(p, 64, 2);
		CHECK_BOTH(p, 64, 2);
		end();
	}
	CHECK_CHILD(pid);
	CHECK_DATA(p, 64, 1);
	CHECK_NO_TAGS(p, 64);
	write_tags(p, 64, 3);
	CHECK_TAGS(p, 64, 3);
	CHECK_DATA(p, 64, 1);
}

/* Swap */

/* How many of these pages, which all have been in use, are not in memory; pagemap does not say it of shared memory */
static size_t swapped(char *p, size_t pages)
{
	unsigned char *resident = zalloc(pages, 1);
	size_t count = 0;

	NEED(!mincore(p, pages * PAGE, resident), "mincore: %s", strerror(errno));
	for (size_t i = 0; i < pages; i++)
		count += !(resident[i] & 1);
	free(resident);
	return count;
}

/* Pages that somebody else has in his hands at the moment stay; but never many, and not for long */
static void page_out(char *p, size_t pages)
{
	int tries = 5;

	do {
		drain();
		NEED(advise(p, pages, MADV_PAGEOUT), "MADV_PAGEOUT: %s", strerror(errno));
	} while (--tries && swapped(p, pages) < pages);
	NEED(swapped(p, pages) > pages / 4 * 3, "only %zu of %zu pages went to swap", swapped(p, pages), pages);
}

static void swap_out_and_in(void)
{
	long before = reserved();
	char *p = map(MANY, RW_TAGGED);

	for (uint64_t key = 1; key <= 3; key++) {
		write_both(p, MANY, key);
		page_out(p, MANY);
		CHECK(reserved() - before <= (long)(MANY - swapped(p, MANY)), "pages in swap keep their storage");
		CHECK_BOTH(p, MANY, key);
		CHECK_RESERVED(before, p, MANY);
		CHECK_NONE_IN_TAG_STORAGE(p, MANY);
	}
	unmap(p, MANY);
	CHECK_GIVEN_BACK(before);
}

/* Out, in, and out again, with nobody looking */
static void swap_again_untouched(void)
{
	char *p = map(MANY, RW_TAGGED);

	write_both(p, MANY, 1);
	page_out(p, MANY);
	for (int i = 0; i < 3; i++) {
		NEED(advise(p, MANY, MADV_WILLNEED), "MADV_WILLNEED: %s", strerror(errno));
		NEED(advise(p, MANY, MADV_POPULATE_READ), "MADV_POPULATE_READ: %s", strerror(errno));
		page_out(p, MANY);
	}
	CHECK_BOTH(p, MANY, 1);
}

/* What is next to tagged pages in swap, and is read ahead with them, needs no storage */
static void swap_reads_others_ahead(void)
{
	const size_t pages = 300;
	long before = reserved();
	int fd = make_memfd(2 * pages);
	char *p = map_file(fd, 2 * pages, RW_TAGGED, MAP_SHARED), *others;

	close(fd);
	fd = make_memfd(pages);
	others = map_file(fd, pages, RW, MAP_SHARED);
	write_both(p, 2 * pages, 1);
	write_data(others, pages, 2);
	drain();
	for (size_t i = 0; i < pages; i++) {
		NEED(advise(p + 2 * i * PAGE, 2, MADV_PAGEOUT), "MADV_PAGEOUT: %s", strerror(errno));
		NEED(advise(others + i * PAGE, 1, MADV_PAGEOUT), "MADV_PAGEOUT: %s", strerror(errno));
	}
	NEED(swapped(others, pages) > pages / 2, "only %zu of %zu pages went to swap", swapped(others, pages), pages);
	CHECK_BOTH(p, 2 * pages, 1);
	NEED(swapped(others, pages) < pages / 2, "nothing is read ahead");
	unmap(p, 2 * pages);
	drain();
	CHECK_GIVEN_BACK(before);
	CHECK_DATA(others, pages, 2);
}

static void swap_free_in_swap(void)
{
	long before = reserved();
	char *p = map(MANY, RW_TAGGED);

	write_both(p, MANY, 1);
	page_out(p, MANY);
	NEED(advise(p, MANY, MADV_DONTNEED), "MADV_DONTNEED: %s", strerror(errno));
	CHECK_NO_TAGS(p, MANY);
	write_both(p, MANY, 2);
	page_out(p, MANY);
	NEED(advise(p, MANY, MADV_WILLNEED), "MADV_WILLNEED: %s", strerror(errno));
	unmap(p, MANY);
	drain();
	CHECK_GIVEN_BACK(before);
}

static void swap_device_off_and_on(void)
{
	char *p = map(MANY, RW_TAGGED);

	write_both(p, MANY, 1);
	page_out(p, MANY);
	NEED(!swapoff(SWAP_DEVICE), "swapoff: %s", strerror(errno));
	CHECK(!swapped(p, MANY), "%zu pages are still in swap", swapped(p, MANY));
	NEED(!swapon(SWAP_DEVICE, 0), "swapon: %s", strerror(errno));
	page_out(p, MANY / 2);
	CHECK_BOTH(p, MANY, 1);
	CHECK_NONE_IN_TAG_STORAGE(p, MANY);
}

static void swap_then_mprotect(void)
{
	char *p = map(MANY, RW);

	write_data(p, MANY, 1);
	page_out(p, MANY);
	protect(p, MANY, RW_TAGGED);
	CHECK_DATA(p, MANY, 1);
	CHECK_NO_TAGS(p, MANY);
	CHECK_NONE_IN_TAG_STORAGE(p, MANY);
	write_tags(p, MANY, 2);
	CHECK_TAGS(p, MANY, 2);
}

/* Of pages that have tags, in a mapping of one's own that does not show them until it is asked to */
static char *map_untagged_copy(size_t pages)
{
	int fd = make_memfd(pages);
	char *shared = map_file(fd, pages, RW_TAGGED, MAP_SHARED), *own = map_file(fd, pages, RW, MAP_PRIVATE);

	write_both(shared, pages, 1);
	for (size_t i = 0; i < pages; i++)
		*(volatile char *)(own + i * PAGE) = *(volatile char *)(shared + i * PAGE);
	unmap(shared, pages);
	close(fd);
	return own;
}

static void copy_while_untagged(void)
{
	char *p = map_untagged_copy(MANY);

	protect(p, MANY, RW_TAGGED);
	CHECK_BOTH(p, MANY, 1);
	CHECK_NONE_IN_TAG_STORAGE(p, MANY);
}

/* It comes back without anybody asking for memory with tags, so perhaps to where there cannot be any */
static void swap_while_untagged(void)
{
	char *p = map_untagged_copy(MANY);

	page_out(p, MANY);
	CHECK_DATA(p, MANY, 1);
	protect(p, MANY, RW_TAGGED);
	CHECK_BOTH(p, MANY, 1);
	CHECK_NONE_IN_TAG_STORAGE(p, MANY);
}

/* From now on no storage can be had, as if all of it were in use and stayed so */
static void keep_storage_busy(void)
{
	char busy[32];

	if (access(FAIL_FUNCTION "inject", W_OK))
		_exit(NO_INJECTION);
	snprintf(busy, sizeof(busy), "%#lx", -(unsigned long)EBUSY);
	NEED(put(FAIL_FUNCTION "inject", "mte_reserve_tag_storage") &&
	     put(FAIL_FUNCTION "mte_reserve_tag_storage/retval", busy) && put(FAIL_FUNCTION "probability", "100") &&
	     put(FAIL_FUNCTION "verbose", "0") && put(FAIL_FUNCTION "times", "-1"), "fail_function: %s", strerror(errno));
}

/* What cannot be restored from swap is not waited for without end, and can be had later */
static void swap_in_without_storage(void)
{
	int file = make_memfd(4);
	char *p = map(4, RW_TAGGED), *shared = map_file(file, 4, RW_TAGGED, MAP_SHARED), byte;

	write_both(p, 4, 1);
	write_both(shared, 4, 2);
	page_out(p, 4);
	page_out(shared, 4);
	keep_storage_busy();
	CHECK(signal_of_access(p, false) == SIGBUS, "private memory did not raise SIGBUS");
	CHECK(signal_of_access(shared, true) == SIGBUS, "shared memory did not raise SIGBUS");
	CHECK(pread(file, &byte, 1, PAGE) == -1 && errno == EBUSY, "a file can be read: %s", strerror(errno));
	CHECK(swapoff(SWAP_DEVICE) == -1 && errno == EBUSY, "swapoff: %s", strerror(errno));
	put(FAIL_FUNCTION "inject", "\n");
	CHECK_BOTH(p, 4, 1);
	CHECK_BOTH(shared, 4, 2);
	CHECK_NONE_IN_TAG_STORAGE(p, 4);
}

static void mprotect_then_swap(void)
{
	char *p = map_changed(MANY, 1);

	page_out(p, MANY);
	CHECK_NO_TAGS(p, MANY);
	CHECK_DATA(p, MANY, 1);
	write_tags(p, MANY, 2);
	page_out(p, MANY);
	CHECK_TAGS(p, MANY, 2);
	CHECK_DATA(p, MANY, 1);
}

static void swap_shared_by_fork(void)
{
	char *p = map(MANY, RW_TAGGED);
	pid_t pid;

	write_both(p, MANY, 1);
	page_out(p, MANY);
	pid = start();
	if (!pid) {
		CHECK_BOTH(p, MANY, 1);
		write_tags(p, MANY / 2, 2);
		CHECK_TAGS(p, MANY / 2, 2);
		end();
	}
	CHECK_CHILD(pid);
	CHECK_BOTH(p, MANY, 1);
}

/* Shared memory */

static void write_file(int fd, size_t pages, uint64_t key)
{
	char *data = malloc(pages * PAGE);

	NEED(data, "no memory");
	write_data(data, pages, key);
	NEED(pwrite(fd, data, pages * PAGE, 0) == (ssize_t)(pages * PAGE), "pwrite: %s", strerror(errno));
	free(data);
}

static void check_file(int line, int fd, size_t pages, uint64_t key)
{
	char *data = malloc(pages * PAGE);

	NEED(data, "no memory");
	NEED(pread(fd, data, pages * PAGE, 0) == (ssize_t)(pages * PAGE), "pread: %s", strerror(errno));
	check_data(line, data, pages, key);
	free(data);
}

static void shared_written_before(void)
{
	int fd = make_memfd(256);
	long before = reserved();
	char *tagged, *plain;

	write_file(fd, 256, 1);
	CHECK_GIVEN_BACK(before);
	plain = map_file(fd, 256, RW, MAP_SHARED);
	CHECK_DATA(plain, 256, 1);
	tagged = map_file(fd, 256, RW_TAGGED, MAP_SHARED);
	CHECK_NO_TAGS(tagged, 256);
	CHECK_DATA(tagged, 256, 1);
	CHECK_NONE_IN_TAG_STORAGE(tagged, 256);
	write_tags(tagged, 256, 2);
	write_data(plain, 256, 3);
	CHECK_DATA(tagged, 256, 3);
	CHECK_TAGS(tagged, 256, 2);
	check_file(__LINE__, fd, 256, 3);
	CHECK_RESERVED(before, tagged, 256);
	unmap(tagged, 256);
	CHECK_DATA(plain, 256, 3);
	tagged = map_file(fd, 256, RW_TAGGED, MAP_SHARED);
	CHECK_TAGS(tagged, 256, 2);
	unmap(tagged, 256);
	unmap(plain, 256);
	close(fd);
	CHECK_GIVEN_BACK(before);
}

/* Who has no tags is the first to look at what comes from swap: another mapping, or a read of the file */
static void shared_swap(void)
{
	int fd = make_memfd(MANY);
	char *tagged = map_file(fd, MANY, RW_TAGGED, MAP_SHARED), *plain;

	write_both(tagged, MANY, 1);
	page_out(tagged, MANY);
	plain = map_file(fd, MANY, RW, MAP_SHARED);
	CHECK_DATA(plain, MANY, 1);
	CHECK_BOTH(tagged, MANY, 1);
	unmap(plain, MANY);
	page_out(tagged, MANY);
	check_file(__LINE__, fd, MANY, 1);
	CHECK_BOTH(tagged, MANY, 1);
	page_out(tagged, MANY);
	write_file(fd, MANY, 2);
	CHECK_TAGS(tagged, MANY, 1);
	CHECK_DATA(tagged, MANY, 2);
}

static void shared_swap_again_untouched(void)
{
	int fd = make_memfd(MANY);
	char *tagged = map_file(fd, MANY, RW_TAGGED, MAP_SHARED), *plain;

	write_both(tagged, MANY, 1);
	page_out(tagged, MANY);
	unmap(tagged, MANY);
	for (int i = 0; i < 2; i++) {
		plain = map_file(fd, MANY, RW, MAP_SHARED);
		CHECK_DATA(plain, MANY, 1);
		page_out(plain, MANY);
		unmap(plain, MANY);
	}
	tagged = map_file(fd, MANY, RW_TAGGED, MAP_SHARED);
	CHECK_BOTH(tagged, MANY, 1);
}

static void shared_mprotect(void)
{
	int fd = make_memfd(64);
	char *p = map_file(fd, 64, RW, MAP_SHARED), *other = map_file(fd, 64, RW_TAGGED, MAP_SHARED);

	write_data(p, 64, 1);
	write_tags(other, 32, 2);
	protect(p, 64, RW_TAGGED);
	CHECK_TAGS(p, 32, 2);
	CHECK_NO_TAGS(p + 32 * PAGE, 32);
	CHECK_DATA(p, 64, 1);
	write_tags(p, 64, 3);
	CHECK_TAGS(other, 64, 3);
	CHECK_DATA(other, 64, 1);
}

/* Huge pages */

#define HUGES	2UL
#define IN_HUGES	(HUGES * HUGE_PAGES)

static long huge_kib(const char *p)
{
	FILE *file = fopen("/proc/self/smaps", "r");
	uintptr_t from, to;
	bool here = false;
	long kib = 0;
	char line[300];

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			here = (uintptr_t)p >= from && (uintptr_t)p < to;
		if (here && sscanf(line, "AnonHugePages: %ld", &kib) == 1)
			break;
	}
	if (file)
		fclose(file);
	return kib;
}

static char *map_huge(int prot)
{
	char *p = huge_aligned(map(IN_HUGES + HUGE_PAGES, prot));

	NEED(advise(p, IN_HUGES, MADV_HUGEPAGE), "MADV_HUGEPAGE: %s", strerror(errno));
	for (size_t i = 0; i < HUGES; i++)
		p[i * HUGE] = 1;
	NEED(huge_kib(p) == (long)(HUGES * HUGE / 1024), "%ld kB are in huge pages", huge_kib(p));
	return p;
}

static char *map_huge_changed(uint64_t key)
{
	char *p = map_huge(RW);

	write_data(p, IN_HUGES, key);
	protect(p, IN_HUGES, RW_TAGGED);
	NEED(huge_kib(p) == (long)(HUGES * HUGE / 1024), "%ld kB are shown in huge pages", huge_kib(p));
	return p;
}

static void huge_tagged(void)
{
	long before = reserved();
	char *p = map_huge(RW_TAGGED);

	CHECK_RESERVED(before, p, IN_HUGES);
	write_both(p, IN_HUGES, 1);
	CHECK_NONE_IN_TAG_STORAGE(p, IN_HUGES);
	CHECK_BOTH(p, IN_HUGES, 1);
	unmap(p, IN_HUGES);
	CHECK_GIVEN_BACK(before);
}

static void huge_split(void)
{
	long before = reserved();
	char *p = map_huge(RW_TAGGED), *second = p + HUGE;

	write_both(p, HUGE_PAGES, 1);
	write_both(second, HUGE_PAGES, 2);
	unmap(p + 16 * PAGE, HUGE_PAGES - 16);
	protect(second + 5 * PAGE, 1, PROT_READ | PROT_MTE);
	CHECK_BOTH(p, 16, 1);
	CHECK_BOTH(second, HUGE_PAGES, 2);
	page_out(second, HUGE_PAGES);
	CHECK_BOTH(second, HUGE_PAGES, 2);
	unmap(p, 16);
	unmap(second, HUGE_PAGES);
	CHECK_GIVEN_BACK(before);
}

static void huge_fork(void)
{
	char *p = map_huge(RW_TAGGED);
	pid_t pid;

	write_both(p, IN_HUGES, 1);
	pid = start();
	if (!pid) {
		CHECK_BOTH(p, IN_HUGES, 1);
		write_data(p, IN_HUGES, 2);
		CHECK_TAGS(p, IN_HUGES, 1);
		write_tags(p, IN_HUGES, 2);
		CHECK_BOTH(p, IN_HUGES, 2);
		CHECK_NONE_IN_TAG_STORAGE(p, IN_HUGES);
		end();
	}
	CHECK_CHILD(pid);
	CHECK_BOTH(p, IN_HUGES, 1);
}

static void huge_mprotect(void)
{
	long before = reserved();
	char *p = map_huge_changed(1);
	struct counters faults = count_faults();

	CHECK_GIVEN_BACK(before);
	touch(p + 7 * PAGE);
	CHECK(count_faults().faults > faults.faults, "no fault on access");
	CHECK_NO_TAGS(p, IN_HUGES);
	CHECK_DATA(p, IN_HUGES, 1);
	CHECK(count_faults().faults - faults.faults <= (long)IN_HUGES + count_faults().retry - faults.retry,
	      "more faults on access than pages");
	CHECK_RESERVED(before, p, IN_HUGES);
	write_tags(p, IN_HUGES, 2);
	CHECK_TAGS(p, IN_HUGES, 2);
	CHECK_DATA(p, IN_HUGES, 1);
	unmap(p, IN_HUGES);
	CHECK_GIVEN_BACK(before);
}

/* What faults is split before it is touched: by mprotect, by munmap, by one of two processes */
static void huge_mprotect_then_split(void)
{
	long before = reserved();
	char *p = map_huge_changed(1), *second = p + HUGE;

	protect(p + 5 * PAGE, 1, PROT_READ | PROT_MTE);
	unmap(second + 16 * PAGE, HUGE_PAGES - 16);
	CHECK_GIVEN_BACK(before);
	CHECK_NO_TAGS(p, HUGE_PAGES);
	CHECK_NO_TAGS(second, 16);
	CHECK_DATA(p, HUGE_PAGES + 16, 1);
	protect(p + 5 * PAGE, 1, RW_TAGGED);
	write_tags(p, HUGE_PAGES + 16, 2);
	CHECK_TAGS(p, HUGE_PAGES + 16, 2);
	unmap(p, HUGE_PAGES + 16);
	CHECK_GIVEN_BACK(before);
}

static void huge_mprotect_then_fork(void)
{
	char *p = map_huge_changed(1);
	pid_t pid = start();

	if (!pid) {
		CHECK_DATA(p, IN_HUGES, 1);
		CHECK_NO_TAGS(p, IN_HUGES);
		write_both(p, IN_HUGES, 2);
		CHECK_BOTH(p, IN_HUGES, 2);
		end();
	}
	CHECK_CHILD(pid);
	CHECK_NO_TAGS(p, IN_HUGES);
	CHECK_DATA(p, IN_HUGES, 1);
}

static void huge_collapse(void)
{
	char *p = map_huge(RW_TAGGED);

	NEED(advise(p, IN_HUGES, MADV_NOHUGEPAGE) && advise(p, IN_HUGES, MADV_DONTNEED), "madvise: %s",
	     strerror(errno));
	write_both(p, IN_HUGES, 1);
	advise(p, IN_HUGES, MADV_HUGEPAGE);
	advise(p, IN_HUGES, MADV_COLLAPSE);	/* it may refuse, but not lose anything */
	printf("# %ld of %lu kB collapsed\n", huge_kib(p), HUGES * HUGE / 1024);
	CHECK_BOTH(p, IN_HUGES, 1);
	CHECK_NONE_IN_TAG_STORAGE(p, IN_HUGES);
}

static void makes_room(enum memory memory)
{
	const size_t pages = 32 * MIB / PAGE;
	long before = reserved();
	struct catch c = occupy(tag_storage_pages(), memory);
	uint64_t *data_before, *data_after, *tags;
	size_t data_before_count, data_after_count, tags_count;
	char *p = map(pages, RW_TAGGED);

	data_before = blocks_under(&c, &data_before_count);
	write_both(p, pages, 1);
	tags = blocks_for(p, pages, 1, &tags_count);
	NEED(common(tags, tags_count, data_before, data_before_count), "no block was needed that had data");
	check_catch(__LINE__, &c);
	CHECK_BOTH(p, pages, 1);
	CHECK_NONE_IN_TAG_STORAGE(p, pages);
	CHECK_RESERVED(before, p, pages);
	data_after = blocks_under(&c, &data_after_count);
	CHECK(!common(tags, tags_count, data_after, data_after_count), "data and tags in the same block");
	for (size_t i = 0; i < c.count; i++)
		write_data(c.page[i], 1, 1000 + i);
	CHECK_BOTH(p, pages, 1);
	free(data_before);
	free(data_after);
	free(tags);
	unmap(p, pages);
	drain();
	CHECK_GIVEN_BACK(before);
	check_catch(__LINE__, &c);
}

static void data_makes_room(void)
{
	makes_room(PRIVATE);
}

/* Pages that belong to a file */
static void shared_data_makes_room(void)
{
	makes_room(SHARED);
}

static void tag_data_in_tag_storage(enum memory memory)
{
	struct catch c = occupy(1024, memory);
	struct counters faults;
	size_t there;

	protect(c.p, c.pages, RW_TAGGED);
	there = still_in_tag_storage(&c);
	NEED(there > c.count / 2, "only %zu of %zu pages stayed in tag storage", there, c.count);
	faults = count_faults();
	for (size_t i = 0; i < c.count; i++)
		CHECK_NO_TAGS(c.page[i], 1);
	CHECK(!still_in_tag_storage(&c), "%zu tagged pages are in tag storage", still_in_tag_storage(&c));
	CHECK(count_faults().migrate > faults.migrate, "no page was migrated");
	CHECK(count_faults().fail == faults.fail, "faults on access have failed");
	for (size_t i = 0; i < c.count; i++)
		write_tags(c.page[i], 1, 1000 + i);
	check_catch(__LINE__, &c);
	for (size_t i = 0; i < c.count; i++)
		CHECK_TAGS(c.page[i], 1, 1000 + i);
}

static void tagged_data_leaves(void)
{
	tag_data_in_tag_storage(PRIVATE);
}

static void tagged_shared_data_leaves(void)
{
	tag_data_in_tag_storage(SHARED);
}

/* The file's pages are in tag storage when a tagged mapping of them comes */
static void mapped_shared_data_leaves(void)
{
	struct catch c = occupy(512, SHARED);
	char *tagged = map_file(c.fd, c.pages, RW_TAGGED, MAP_SHARED);

	for (size_t i = 0; i < c.count; i++)
		write_tags(tagged + (c.page[i] - c.p), 1, 1000 + i);
	CHECK(!still_in_tag_storage(&c), "%zu tagged pages are in tag storage", still_in_tag_storage(&c));
	check_catch(__LINE__, &c);
	for (size_t i = 0; i < c.count; i++)
		CHECK_TAGS(tagged + (c.page[i] - c.p), 1, 1000 + i);
}

/* Memory runs out, and there is no swap */

#define LEFT_MIB	72

/* The one to be killed: has all memory but some, tag storage included, until it is */
static __attribute__((noreturn)) void have_all_memory(struct turn full)
{
	size_t pages = free_kib(-1) / 4;
	char *p = map(pages, RW);

	put("/proc/self/oom_score_adj", "1000");
	for (size_t i = 0; i < pages && (i % 256 || free_kib(-1) > LEFT_MIB * 1024); i++)
		p[i * PAGE] = 1;
	give(full);
	for (;;)
		pause();
}

/* Both what is populated and what is not finds storage, and memory, at the cost of somebody else */
static void memory_runs_out(void)
{
	const size_t pages = 2 * LEFT_MIB << 8;
	struct turn full = make_turn();
	char *p = map_changed(MANY, 1), *fresh = map(pages, RW_TAGGED);
	int status;
	pid_t pid;

	NEED(!swapoff(SWAP_DEVICE), "swapoff: %s", strerror(errno));
	put("/dev/kmsg", "oom expected");
	put("/proc/self/oom_score_adj", "-1000");
	pid = start();
	if (!pid)
		have_all_memory(full);
	await(&full);
	protect(p, MANY, RW_TAGGED);
	write_both(p, MANY, 2);
	write_both(fresh, pages, 3);
	CHECK_BOTH(p, MANY, 2);
	CHECK_BOTH(fresh, pages, 3);
	kill(pid, SIGUSR1);
	status = status_of(pid);
	put("/dev/kmsg", "oom over");
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "nobody was killed for memory");
	NEED(!swapon(SWAP_DEVICE, 0), "swapon: %s", strerror(errno));
}

/* Pins, as a pipe holds pages: nobody can tell for how long */

/* Enough that memory which has its tags there is not all in use by others */
#define PINNED	512
#define IN_NEED	64

static int pin(const struct catch *c)
{
	int fds[2];

	NEED(!pipe2(fds, O_CLOEXEC | O_NONBLOCK) && fcntl(fds[1], F_SETPIPE_SZ, PINNED * PAGE) >= (int)(PINNED * PAGE),
	     "pipe: %s", strerror(errno));
	for (size_t i = 0; i < c->count; i++) {
		struct iovec vec = { c->page[i], PAGE };

		NEED(vmsplice(fds[1], &vec, 1, 0) == (ssize_t)PAGE, "vmsplice: %s", strerror(errno));
	}
	return fds[0];
}

static void check_pipe(int line, int fd, size_t count)
{
	uint64_t data[PAGE_WORDS];

	for (size_t i = 0; i < count; i++) {
		NEED(read(fd, data, PAGE) == (ssize_t)PAGE, "read from the pipe: %s", strerror(errno));
		check_data(line, (char *)data, 1, 1000 + i);
	}
}

/* Pages whose tags have no place but where the pinned data is */
static struct catch in_need_of(const struct catch *pinned)
{
	struct catch c;

	wanted_blocks = blocks_under(pinned, &wanted_block_count);
	NEED(wanted_block_count, "nothing pinned is in tag storage");
	c = hunt(has_wanted_block, IN_NEED, -1, 24, PRIVATE);
	NEED(c.count, "found no page that needs a pinned block");
	printf("# %zu pages need one of %zu pinned blocks\n", c.count, wanted_block_count);
	return c;
}

static void needs_pinned_storage(const struct catch *pinned)
{
	struct catch c = in_need_of(pinned);
	struct counters before = count_faults();

	protect(c.p, c.pages, RW_TAGGED);
	for (size_t i = 0; i < c.count; i++) {
		CHECK_DATA(c.page[i], 1, 1000 + i);
		CHECK_NO_TAGS(c.page[i], 1);
		write_tags(c.page[i], 1, 1000 + i);
	}
	CHECK(count_faults().migrate > before.migrate, "no page was migrated");
	for (size_t i = 0; i < c.count; i++) {
		CHECK(!has_wanted_block(pfn_of(c.page[i])), "a page has its tags where pinned data is");
		CHECK_DATA(c.page[i], 1, 1000 + i);
		CHECK_TAGS(c.page[i], 1, 1000 + i);
	}
	check_catch(__LINE__, pinned);
	end();
}

static void pinned_storage(void)
{
	struct catch c = occupy(PINNED, PRIVATE);
	int fd = pin(&c);
	pid_t pid = start();

	if (!pid)
		needs_pinned_storage(&c);
	CHECK_CHILD(pid);
	check_catch(__LINE__, &c);
	check_pipe(__LINE__, fd, c.count);
}

/* Neither the data nor what lies in its storage can move: the access fails, and does so every time, until one can */
static void needs_pinned_storage_when_pinned(const struct catch *pinned, int pipe)
{
	struct catch c = in_need_of(pinned);
	struct counters before = count_faults();
	int fd = pin(&c);

	protect(c.p, c.pages, RW_TAGGED);
	CHECK(signal_of_access(c.page[0], false) == SIGBUS, "what cannot be had did not raise SIGBUS");
	CHECK(signal_of_access(c.page[0], true) == SIGBUS, "what cannot be had did not raise SIGBUS");
	CHECK(count_faults().fail > before.fail, "failures are not counted");
	check_pipe(__LINE__, pipe, pinned->count);
	check_pipe(__LINE__, fd, c.count);
	for (size_t i = 0; i < c.count; i++)
		CHECK_NO_TAGS(c.page[i], 1);
	check_catch(__LINE__, &c);
	end();
}

/* What is to be done by a process that may let go of the pins */
static void with_pinned_storage(void (*what)(const struct catch *pinned, int pipe))
{
	struct catch c = occupy(PINNED, PRIVATE);
	int fd = pin(&c);
	pid_t pid = start();

	if (!pid)
		what(&c, fd);
	CHECK_CHILD(pid);
	check_catch(__LINE__, &c);
}

static void pinned_storage_and_data(void)
{
	with_pinned_storage(needs_pinned_storage_when_pinned);
}

/* An access that waits, for others of the process to look at */
struct waiter {
	char *page;
	atomic_bool over;
};

static void *access_page(void *arg)
{
	struct waiter *w = arg;

	*(volatile char *)w->page;
	w->over = true;
	return NULL;
}

/* Whoever waited for mmap_lock would get it when the access is over, which it is not as long as there are the pins */
static void maps_while_another_waits(const struct catch *pinned, int pipe)
{
	struct catch c = in_need_of(pinned);
	struct waiter w = { .page = c.page[0] };
	long before = count_faults().retry;
	pthread_t thread;
	int fd = pin(&c);

	protect(c.p, c.pages, RW_TAGGED);
	NEED(!pthread_create(&thread, NULL, access_page, &w), "no thread");
	while (count_faults().retry < before + 3)
		sched_yield();
	unmap(map(1, RW), 1);
	CHECK(!w.over, "nobody could map memory while another waited for storage");
	check_pipe(__LINE__, pipe, pinned->count);
	check_pipe(__LINE__, fd, c.count);
	pthread_join(thread, NULL);
	CHECK_NO_TAGS(c.page[0], 1);
	check_catch(__LINE__, &c);
	end();
}

static void pinned_while_others_map(void)
{
	with_pinned_storage(maps_while_another_waits);
}

/* Huge pages in tag storage */

/* All of it makes room, not only what its first page is in */
static void huge_data_makes_room(void)
{
	struct catch data = occupy(8 * HUGE_PAGES, IN_HUGE), c;
	struct counters before;
	long migrated;

	NEED(huge_kib(data.p) == (long)(data.count * PAGE / 1024), "not all are in huge pages");
	c = in_need_of(&data);
	before = count_faults();
	protect(c.p, c.pages, RW_TAGGED);
	for (size_t i = 0; i < c.count; i++) {
		CHECK_NO_TAGS(c.page[i], 1);
		write_tags(c.page[i], 1, 1000 + i);
	}
	migrated = count_faults().migrate - before.migrate;
	CHECK(migrated < (long)c.count / 2, "%ld of %zu pages were replaced as there was no room", migrated, c.count);
	CHECK(still_in_tag_storage(&data) < data.count, "no huge page has moved");
	for (size_t i = 0; i < c.count; i++)
		CHECK_TAGS(c.page[i], 1, 1000 + i);
	check_catch(__LINE__, &c);
	check_catch(__LINE__, &data);
}

static const struct test tests[] = {
	TEST(allocate_page),
	TEST(allocate_pages),
	TEST(allocate_often),
	TEST(mprotect_reserves_nothing),
	TEST(touch_reserves),
	TEST(write_reserves),
	TEST(zero_page_then_mprotect),
	TEST(mprotect_twice),
	TEST(read_only_then_writable),
	TEST(none_and_back),
	TEST(none_first),
	TEST(execute),
	TEST(fork_and_write),
	TEST(fork_copies_tags),
	TEST(fork_parent_frees_first),
	TEST(fork_before_touch),
	TEST(swap_out_and_in),
	TEST(swap_again_untouched),
	TEST(swap_reads_others_ahead),
	TEST(swap_free_in_swap),
	TEST(swap_device_off_and_on),
	TEST(swap_then_mprotect),
	TEST(swap_while_untagged),
	TEST(copy_while_untagged),
	TEST(swap_in_without_storage),
	TEST(mprotect_then_swap),
	TEST(swap_shared_by_fork),
	TEST(shared_written_before),
	TEST(shared_swap),
	TEST(shared_swap_again_untouched),
	TEST(shared_mprotect),
	TEST(huge_tagged),
	TEST(huge_split),
	TEST(huge_fork),
	TEST(huge_mprotect),
	TEST(huge_mprotect_then_split),
	TEST(huge_mprotect_then_fork),
	TEST(huge_collapse),
	TEST(data_makes_room),
	TEST(shared_data_makes_room),
	TEST(tagged_data_leaves),
	TEST(tagged_shared_data_leaves),
	TEST(mapped_shared_data_leaves),
	TEST(memory_runs_out),
	TEST(pinned_storage),
	TEST(pinned_storage_and_data),
	TEST(pinned_while_others_map),
	TEST(huge_data_makes_room),
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
