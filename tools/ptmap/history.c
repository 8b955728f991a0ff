// SPDX-License-Identifier: GPL-2.0
/*
 * What --track has seen: which pages, how often, where and when; in little memory however long it
 * takes.
 */
#include <stdlib.h>
#include <string.h>

#include "ptmap.h"

#define PAGES_PER_CHUNK	512
#define MOST_HEAT	(1U << 18)
#define MOST_WHERES	4096
#define FIRST_BUCKET	16
#define LAST_BUCKET	30

struct chunk {
	uint64_t number;		/* plus one: zero is a free place */
	uint64_t bits[PAGES_PER_CHUNK / 64];
};

void history_set_up(struct history *h, uint64_t page)
{
	*h = (struct history){ .page = page, .bucket_shift = FIRST_BUCKET };
	h->heat = allocate(NULL, MOST_HEAT, sizeof(*h->heat));
}

static struct chunk *find_place(struct chunk *chunks, size_t room, uint64_t number)
{
	size_t at = (number * 0x9e3779b97f4a7c15ULL) >> 20 & (room - 1);

	while (chunks[at].number && chunks[at].number != number)
		at = (at + 1) & (room - 1);
	return &chunks[at];
}

static void grow_chunks(struct history *h)
{
	size_t room = h->room_chunks ? h->room_chunks * 2 : 256;
	struct chunk *chunks = allocate(NULL, room, sizeof(*chunks));

	memset(chunks, 0, room * sizeof(*chunks));
	for (size_t i = 0; i < h->room_chunks; i++)
		if (h->chunks[i].number)
			*find_place(chunks, room, h->chunks[i].number) = h->chunks[i];
	free(h->chunks);
	h->chunks = chunks;
	h->room_chunks = room;
}

static struct chunk *find_chunk(struct history *h, uint64_t number)
{
	struct chunk *chunk;

	if (h->n_chunks * 4 >= h->room_chunks * 3)
		grow_chunks(h);
	chunk = find_place(h->chunks, h->room_chunks, number);
	if (!chunk->number) {
		chunk->number = number;
		h->n_chunks++;
	}
	return chunk;
}

static void mark_pages(struct history *h, uint64_t first, uint64_t end)
{
	while (first < end) {
		struct chunk *chunk = find_chunk(h, first / PAGES_PER_CHUNK + 1);
		uint64_t last = (first / PAGES_PER_CHUNK + 1) * PAGES_PER_CHUNK;

		for (last = last < end ? last : end; first < last; first++) {
			uint64_t *word = &chunk->bits[first % PAGES_PER_CHUNK / 64],
				 bit = 1ULL << first % 64;

			h->distinct += !(*word & bit);
			*word |= bit;
		}
	}
}

static int compare_heat(const void *a, const void *b)
{
	const struct heat *x = a, *y = b;

	if (x->interval != y->interval)
		return x->interval < y->interval ? -1 : 1;
	return x->bucket < y->bucket ? -1 : x->bucket > y->bucket;
}

/* Entries for the same interval and bucket become one */
void history_sort(struct history *h)
{
	size_t n = 0;

	qsort(h->heat, h->n_heat, sizeof(*h->heat), compare_heat);
	for (size_t i = 0; i < h->n_heat; i++) {
		if (n && !compare_heat(&h->heat[n - 1], &h->heat[i]))
			h->heat[n - 1].pages += h->heat[i].pages;
		else
			h->heat[n++] = h->heat[i];
	}
	h->n_heat = n;
}

/* Bigger buckets first; when they are big, longer intervals */
static void coarsen(struct history *h)
{
	bool buckets = h->bucket_shift < LAST_BUCKET;

	for (size_t i = 0; i < h->n_heat; i++) {
		if (buckets)
			h->heat[i].bucket >>= 1;
		else
			h->heat[i].interval = h->heat[i].interval >>
					      (h->interval_shift + 1) << (h->interval_shift + 1);
	}
	h->bucket_shift += buckets;
	h->interval_shift += !buckets;
	history_sort(h);
}

static void add_heat(struct history *h, uint64_t start, uint64_t end, uint32_t interval)
{
	while (start < end) {
		uint64_t next;

		while (h->n_heat > MOST_HEAT - 1)
			coarsen(h);
		next = ((start >> h->bucket_shift) + 1) << h->bucket_shift;
		next = next < end ? next : end;
		h->heat[h->n_heat++] = (struct heat){
			.interval = interval >> h->interval_shift << h->interval_shift,
			.bucket = start >> h->bucket_shift, .pages = (next - start) / h->page,
		};
		start = next;
	}
}

void history_add(struct history *h, uint64_t start, uint64_t end, uint32_t interval)
{
	h->pages += (end - start) / h->page;
	mark_pages(h, start / h->page, end / h->page);
	add_heat(h, start, end, interval);
}

void history_add_where(struct history *h, const char *name, uint64_t pages)
{
	size_t i;

	for (i = 0; i < h->n_wheres; i++)
		if (!strcmp(h->wheres[i].name, name))
			break;
	/* The last place is for all that come too late to have one of their own */
	if (i == h->n_wheres && i == MOST_WHERES)
		i--;
	if (i == h->n_wheres) {
		h->wheres = allocate(h->wheres, i + 1, sizeof(*h->wheres));
		h->wheres[i] = (struct where){ .name = copy_string(
						       i == MOST_WHERES - 1 ? "[others]" : name) };
		h->n_wheres++;
	}
	h->wheres[i].pages += pages;
}

void history_free(struct history *h)
{
	for (size_t i = 0; i < h->n_wheres; i++)
		free(h->wheres[i].name);
	free(h->wheres);
	free(h->chunks);
	free(h->heat);
}
