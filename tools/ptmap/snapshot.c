// SPDX-License-Identifier: GPL-2.0
/* The mappings of a process at one time, each with its pages summed up in cells. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ptmap.h"

/* Cells and bytes are few enough and big enough: no product of pages and cells overflows */
struct painter {
	struct row *row;
	uint64_t page, pages;
	uint64_t (*cells)[STATES];
};

bool next_wanted(struct maps *m, struct mapping *mapping)
{
	while (maps_next(m, mapping)) {
		if (!options.ranged)
			return true;
		if (mapping->start < options.from)
			mapping->start = options.from;
		if (mapping->end > options.to)
			mapping->end = options.to;
		if (mapping->start < mapping->end)
			return true;
	}
	return false;
}

/* The first page of a cell */
static uint64_t first_of(const struct painter *p, uint64_t cell)
{
	return cell * p->pages / p->row->n_cells;
}

static uint64_t cell_of(const struct painter *p, uint64_t page)
{
	uint64_t cell = page * p->row->n_cells / p->pages;

	while (first_of(p, cell + 1) <= page)
		cell++;
	return cell;
}

static void paint(void *data, const struct region *r)
{
	struct painter *p = data;
	uint64_t at = (r->start - p->row->start) / p->page,
		 end = (r->end - p->row->start) / p->page;
	enum state state = state_of(r->categories);

	tally_region(&p->row->tally, r);
	while (at < end) {
		uint64_t cell = cell_of(p, at), next = first_of(p, cell + 1);

		next = next < end ? next : end;
		p->cells[cell][state] += next - at;
		at = next;
	}
}

/* Few pages in a big hole are what one looks for, so holes only show where there is nothing else */
static enum state dominant(const uint64_t *pages)
{
	enum state best = STATE_BLANK;

	for (unsigned int i = 0; i < STATE_HOLE; i++)
		if (pages[i] && (best == STATE_BLANK || pages[i] > pages[best]))
			best = i;
	if (best != STATE_BLANK)
		return best;
	if (pages[STATE_HOLE])
		return STATE_HOLE;
	return options.filter.text ? STATE_BLANK : STATE_UNKNOWN;
}

static int fill_row(struct row *row, struct scanner *scanner, unsigned int cells)
{
	struct painter p = { .row = row, .page = page_size() };
	int error;

	p.pages = (row->end - row->start) / p.page;
	row->n_cells = p.pages < cells ? p.pages : cells;
	row->cells = allocate(NULL, row->n_cells, 1);
	p.cells = allocate(NULL, row->n_cells, sizeof(*p.cells));
	memset(p.cells, 0, row->n_cells * sizeof(*p.cells));
	error = scan_range(scanner, row->start, row->end, &options.filter, paint, &p);
	row->tally.size = row->end - row->start;
	/*
	 * The kernel keeps silent about devices' memory, and about what has been unmapped meanwhile
	 */
	if (!options.filter.text && row->tally.reported < row->tally.size)
		row->tally.state[STATE_UNKNOWN] = row->tally.size - row->tally.reported;
	for (unsigned int i = 0; i < row->n_cells; i++)
		row->cells[i] = dominant(p.cells[i]);
	free(p.cells);
	return error;
}

static void free_row(struct row *row)
{
	free(row->name);
	free(row->cells);
}

static struct row *add_row(struct snapshot *s, const struct mapping *mapping)
{
	struct row *row;

	if (s->n == s->room) {
		s->room = s->room ? s->room * 2 : 64;
		s->rows = allocate(s->rows, s->room, sizeof(*s->rows));
	}
	row = &s->rows[s->n++];
	*row = (struct row){ .start = mapping->start, .end = mapping->end };
	memcpy(row->permissions, mapping->permissions, sizeof(row->permissions));
	row->name = copy_string(mapping->name);
	return row;
}

static int add_mapping(struct snapshot *s, const struct mapping *mapping, struct scanner *scanner,
		       unsigned int cells)
{
	struct row *row = add_row(s, mapping);
	int error = fill_row(row, scanner, cells);

	tally_add(&s->total, &row->tally);
	if (options.all || !tally_is_empty(&row->tally))
		return error;
	s->left_out++;
	s->untold += row->tally.size;
	free_row(row);
	s->n--;
	return error;
}

/*
 * Returns an error number: a process may end at any time. open_process() before it explains the
 * usual ones.
 */
int snapshot_take(struct snapshot *s, pid_t pid, unsigned int cells)
{
	struct scanner scanner;
	struct mapping mapping;
	struct maps maps;
	int error;

	*s = (struct snapshot){ .pid = pid };
	error = scanner_open(&scanner, pid, options.method);
	if (error)
		return error;
	read_command_name(pid, s->command, sizeof(s->command));
	error = maps_open(&maps, pid);
	while (!error && next_wanted(&maps, &mapping))
		error = add_mapping(s, &mapping, &scanner, cells);
	maps_close(&maps);
	scanner_close(&scanner);
	if (!error && !options.ranged && !s->total.size)
		error = ESRCH;
	return error;
}

void snapshot_free(struct snapshot *s)
{
	for (size_t i = 0; i < s->n; i++)
		free_row(&s->rows[i]);
	free(s->rows);
	*s = (struct snapshot){ 0 };
}
