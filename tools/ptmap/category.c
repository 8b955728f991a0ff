// SPDX-License-Identifier: GPL-2.0
/*
 * Categories of pages, and expressions of them such as "present&!file".
 *
 * There are few enough combinations of categories to try an expression on each. That table decides;
 * masks for the kernel are then made from it so that they let through all that the table takes, and
 * as little else as they can.
 */
#include <ctype.h>
#include <string.h>

#include "ptmap.h"

#define DEEPEST		100

const char *const category_names[CATEGORIES] = {
	"wpallowed", "written", "file",	      "present", "swapped",
	"pfnzero",   "huge",	"soft_dirty", "guard",
};

static const struct {
	const char *word;
	unsigned int category;
} aliases[] = {
	{ "zero", IS_PFNZERO }, { "soft-dirty", IS_SOFT_DIRTY }, { "softdirty", IS_SOFT_DIRTY },
};

struct parser {
	const char *text, *at;
	uint64_t categories, words;
	unsigned int depth;
};

static bool any_term(struct parser *p);

/*
 * The kernel calls every page written that is not write-protected; where nothing can be
 * write-protected that means nothing. And some kernels keep guards where swapped pages are kept,
 * and say so.
 */
uint64_t real_categories(uint64_t given)
{
	if (given & IS_GUARD)
		return given & ~(uint64_t)(IS_SWAPPED | IS_WRITTEN);
	return given & IS_WPALLOWED ? given : given & ~(uint64_t)IS_WRITTEN;
}

static _Noreturn void reject(struct parser *p, const char *what)
{
	give_up(EXIT_USAGE,
		"--category '%s': %s at character %d; write for example 'present&!file' or '(written|guard)'",
		p->text, what, (int)(p->at - p->text) + 1);
}

static char look_ahead(struct parser *p)
{
	while (isspace((unsigned char)*p->at))
		p->at++;
	return *p->at;
}

/* One sign, or the same twice as in C */
static bool accept_sign(struct parser *p, char sign)
{
	if (look_ahead(p) != sign)
		return false;
	p->at++;
	if (*p->at == sign && (sign == '&' || sign == '|'))
		p->at++;
	return true;
}

static uint64_t find_word(const char *word, size_t length)
{
	for (size_t i = 0; i < CATEGORIES; i++)
		if (strlen(category_names[i]) == length &&
		    !strncasecmp(word, category_names[i], length))
			return 1 << i;
	for (size_t i = 0; i < COUNT(aliases); i++)
		if (strlen(aliases[i].word) == length &&
		    !strncasecmp(word, aliases[i].word, length))
			return aliases[i].category;
	return 0;
}

static _Noreturn void reject_word(struct parser *p, size_t length)
{
	char known[120] = "";

	for (size_t i = 0; i < CATEGORIES; i++) {
		strcat(known, i ? ", " : "");
		strcat(known, category_names[i]);
	}
	give_up(EXIT_USAGE, "--category '%s': no category is called '%.*s'; there are %s", p->text,
		(int)length, p->at, known);
}

static bool word(struct parser *p)
{
	size_t length = 0;
	uint64_t category;

	while (isalnum((unsigned char)p->at[length]) || p->at[length] == '_' ||
	       p->at[length] == '-')
		length++;
	if (!length)
		reject(p, "a category is missing");
	category = find_word(p->at, length);
	if (!category)
		reject_word(p, length);
	p->at += length;
	p->words |= category;
	return p->categories & category;
}

static bool factor(struct parser *p)
{
	bool inside, negated = false;

	while (accept_sign(p, '!'))
		negated = !negated;
	if (!accept_sign(p, '(')) {
		look_ahead(p);
		return word(p) != negated;
	}
	if (++p->depth > DEEPEST)
		reject(p, "too many parentheses");
	inside = any_term(p);
	if (!accept_sign(p, ')'))
		reject(p, "a ')' is missing");
	p->depth--;
	return inside != negated;
}

static bool term(struct parser *p)
{
	bool all = factor(p);

	while (accept_sign(p, '&'))
		all &= factor(p);
	return all;
}

static bool any_term(struct parser *p)
{
	bool any = term(p);

	while (accept_sign(p, '|'))
		any |= term(p);
	return any;
}

static bool takes(struct filter *f, uint64_t categories)
{
	struct parser p = { .text = f->text,
			    .at = f->text,
			    .categories = real_categories(categories) };
	bool taken = any_term(&p);

	if (look_ahead(&p))
		reject(&p, "a sign '&' or '|' is missing");
	f->words = p.words;
	return taken;
}

static bool kernel_takes(const struct filter *f, uint64_t categories)
{
	uint64_t x = categories ^ f->inverted;

	return (x & f->mask) == f->mask && (!f->anyof || x & f->anyof);
}

/* Categories that all that is taken has, and those that none of it has */
static void find_mask(struct filter *f)
{
	uint64_t all = ALL_CATEGORIES, none = ALL_CATEGORIES;

	f->takes_nothing = true;
	for (uint64_t i = 0; i < COMBINATIONS; i++) {
		if (!f->takes[i])
			continue;
		f->takes_nothing = false;
		all &= i;
		none &= ~i;
	}
	if (f->takes_nothing)
		return;
	f->mask = all | none;
	f->inverted = none;
}

/* Does all that is taken have one of these, or lack one of those? */
static bool is_implied(const struct filter *f, uint64_t have, uint64_t lack)
{
	for (uint64_t i = 0; i < COMBINATIONS; i++)
		if (f->takes[i] && !(i & have) && !(~i & lack))
			return false;
	return true;
}

/* The fewer there are to choose from, the fewer pages get through that are then not taken */
static void find_anyof(struct filter *f)
{
	uint64_t rest = ALL_CATEGORIES & ~f->mask, subset = rest, lack;
	int fewest = CATEGORIES + 1;

	for (; subset; subset = (subset - 1) & rest) {
		if (__builtin_popcountll(subset) >= fewest)
			continue;
		for (lack = subset;; lack = (lack - 1) & subset) {
			if (is_implied(f, subset & ~lack, lack)) {
				fewest = __builtin_popcountll(subset);
				f->anyof = subset;
				f->inverted = (f->inverted & f->mask) | lack;
				break;
			}
			if (!lack)
				break;
		}
	}
}

static bool is_exact(const struct filter *f)
{
	for (uint64_t i = 0; i < COMBINATIONS; i++)
		if (f->takes[i] != kernel_takes(f, i))
			return false;
	return true;
}

void filter_all(struct filter *f)
{
	*f = (struct filter){ .is_exact = true };
	for (uint64_t i = 0; i < COMBINATIONS; i++)
		f->takes[i] = true;
}

void filter_compile(struct filter *f, const char *text)
{
	*f = (struct filter){ .text = text };
	for (uint64_t i = 0; i < COMBINATIONS; i++)
		f->takes[i] = takes(f, i);
	find_mask(f);
	if (f->takes_nothing)
		return;
	f->is_exact = is_exact(f);
	if (f->is_exact)
		return;
	find_anyof(f);
	f->is_exact = is_exact(f);
}

void print_categories(FILE *out, uint64_t categories, const char *quote, const char *separator)
{
	bool is_first = true;

	for (unsigned int i = 0; i < CATEGORIES; i++) {
		if (!(categories >> i & 1))
			continue;
		fprintf(out, "%s%s%s%s", is_first ? "" : separator, quote, category_names[i],
			quote);
		is_first = false;
	}
}
