// SPDX-License-Identifier: GPL-2.0
/* What a page is drawn as, and how many there are of each kind. */
#include "ptmap.h"

const struct look looks[STATES + 1] = {
	[STATE_GUARD] = { "guard", "G", "G", "1;37;41", "#c62828" },
	[STATE_WRITTEN] = { "written", "W", "W", "1;37;45", "#6a1b9a" },
	[STATE_SWAPPED] = { "swapped", "s", "\u2591", "33", "#f9a825" },
	[STATE_ZERO] = { "zero page", "0", "0", "37", "#b0bec5" },
	[STATE_PROTECTED] = { "write-protected", "p", "p", "35", "#ce93d8" },
	[STATE_HUGE] = { "huge", "H", "\u2593", "1;34", "#1565c0" },
	[STATE_FILE] = { "file", "f", "\u2592", "36", "#4fc3f7" },
	[STATE_PRESENT] = { "present", "#", "\u2588", "32", "#388e3c" },
	[STATE_HOLE] = { "hole", ".", "\u00b7", "2", "#eceff1" },
	[STATE_UNKNOWN] = { "unknown", "?", "?", "2", "#cfd8dc" },
	[STATE_BLANK] = { "not asked for", " ", " ", "0", "none" },
};

enum state state_of(uint64_t categories)
{
	bool populated = categories & (IS_PRESENT | IS_SWAPPED);

	if (categories & IS_GUARD)
		return STATE_GUARD;
	if (categories & IS_PFNZERO)
		return STATE_ZERO;
	if (populated && categories & IS_WRITTEN)
		return STATE_WRITTEN;
	if (categories & IS_SWAPPED)
		return STATE_SWAPPED;
	/* A hole can be write-protected too: it is until it is first written */
	if (categories & IS_WPALLOWED && !(categories & IS_WRITTEN))
		return STATE_PROTECTED;
	if (!populated)
		return STATE_HOLE;
	if (categories & IS_HUGE)
		return STATE_HUGE;
	return categories & IS_FILE ? STATE_FILE : STATE_PRESENT;
}

void tally_region(struct tally *t, const struct region *r)
{
	uint64_t size = r->end - r->start;

	t->reported += size;
	t->state[state_of(r->categories)] += size;
	for (unsigned int i = 0; i < CATEGORIES; i++)
		if (r->categories >> i & 1)
			t->category[i] += size;
}

void tally_add(struct tally *sum, const struct tally *t)
{
	sum->size += t->size;
	sum->reported += t->reported;
	for (unsigned int i = 0; i < STATES; i++)
		sum->state[i] += t->state[i];
	for (unsigned int i = 0; i < CATEGORIES; i++)
		sum->category[i] += t->category[i];
}

/* With an expression, what it matches is something, a hole too */
bool tally_is_empty(const struct tally *t)
{
	if (options.filter.text)
		return !t->reported;
	return t->state[STATE_HOLE] + t->state[STATE_UNKNOWN] == t->size;
}
