// SPDX-License-Identifier: GPL-2.0
/*
 * Pictures for a browser: a process as rows of cells, and what --track has seen as address by time.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ptmap.h"

#define ROW		14
#define CELL		5
#define CELLS_AT	290
#define NAMES_AT	(CELLS_AT + SVG_CELLS * CELL + 8)
#define LEAST_FOR_NAMES	412
#define MOST_ROWS	600
#define MOST_COLUMNS	1000
#define HEAT_AT		130
#define HEAT_WIDTH	1000
#define LABEL		12
#define TRACK_TITLE	"ptmap --track "

static void begin(FILE *out, unsigned int width, size_t height)
{
	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %u %zu\" width=\"%u\" "
		"height=\"%zu\" "
		"font-family=\"monospace\" font-size=\"11\" shape-rendering=\"crispEdges\">\n"
		"<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
		width, height, width, height);
}

static void put_title(FILE *out, const char *before, const char *text)
{
	fputs("<text x=\"8\" y=\"20\" font-size=\"14\" font-weight=\"bold\" xml:space=\"preserve\">",
	      out);
	fputs(before, out);
	put_xml_string(out, text);
	fputs("</text>\n", out);
}

static uint64_t cell_start(const struct row *row, uint64_t cell)
{
	uint64_t page = page_size();

	return row->start + cell * ((row->end - row->start) / page) / row->n_cells * page;
}

/* Neighbours that look alike are one rectangle */
static void put_cells(FILE *out, const struct row *row, size_t y)
{
	for (unsigned int i = 0, next; i < row->n_cells; i = next) {
		unsigned int state = row->cells[i];

		for (next = i + 1; next < row->n_cells && row->cells[next] == state; next++)
			;
		if (state == STATE_BLANK)
			continue;
		fprintf(out,
			"<rect x=\"%u\" y=\"%zu\" width=\"%u\" height=\"%u\" fill=\"%s\">"
			"<title>%" PRIx64
			"-%" PRIx64 ": %s</title></rect>\n",
			CELLS_AT + i * CELL, y, (next - i) * CELL, ROW - 3, looks[state].fill,
			cell_start(row, i), cell_start(row, next), looks[state].name);
	}
}

static void put_row(FILE *out, const struct row *row, size_t y)
{
	char size[8], in_memory[8];

	human(size, row->end - row->start);
	human(in_memory, row->tally.category[3]);
	fprintf(out,
		"<text x=\"8\" y=\"%zu\" xml:space=\"preserve\">%012" PRIx64 " %6s %10s  %s</text>\n",
		y + ROW - 5, row->start, size, in_memory, row->permissions);
	put_cells(out, row, y);
	if (!*row->name)
		return;
	fprintf(out, "<text x=\"%u\" y=\"%zu\">", NAMES_AT, y + ROW - 5);
	put_xml_string(out, row->name);
	fputs("</text>\n", out);
}

static void put_legend(FILE *out, const struct tally *total, size_t y)
{
	unsigned int x = 8;
	char size[8];

	for (unsigned int i = 0; i < STATES; i++) {
		if (!total->state[i])
			continue;
		human(size, total->state[i]);
		fprintf(out,
			"<rect x=\"%u\" y=\"%zu\" width=\"10\" height=\"10\" fill=\"%s\"/>"
			"<text x=\"%u\" y=\"%zu\">%s %s</text>\n",
			x, y, looks[i].fill, x + 14, y + 9, looks[i].name, size);
		x += 14 + 7 * (strlen(looks[i].name) + strlen(size) + 4);
	}
}

/* No name is cut off, however long */
static unsigned int room_for_names(const struct snapshot *snap)
{
	size_t longest = 0;

	for (size_t i = 0; i < snap->n; i++) {
		size_t length = strlen(snap->rows[i].name);

		longest = length > longest ? length : longest;
	}
	return 7 * longest + 8 > LEAST_FOR_NAMES ? 7 * longest + 8 : LEAST_FOR_NAMES;
}

void write_svg(const struct snapshot *snap, FILE *out)
{
	char title[80];

	begin(out, NAMES_AT + room_for_names(snap), 60 + (snap->n + 1) * ROW);
	snprintf(title, sizeof(title), "ptmap %d ", snap->pid);
	put_title(out, title, snap->command);
	put_legend(out, &snap->total, 32);
	fputs("<text x=\"8\" y=\"62\" xml:space=\"preserve\" fill=\"#777\">address        size  in memory</text>\n",
	      out);
	for (size_t i = 0; i < snap->n; i++) {
		put_row(out, &snap->rows[i], 54 + (i + 1) * ROW);
		check_output(out, options.svg);
	}
	fputs("</svg>\n", out);
}

struct grid {
	uint64_t *buckets;		/* each row's first, in order */
	size_t rows, buckets_per_row, columns, intervals_per_column;
	uint64_t *pages, most;
};

static int compare_buckets(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Only what was written has a row; of neighbours that are too many, some share one */
static void find_rows(struct grid *g, const struct history *h)
{
	size_t n = 0;

	g->buckets = allocate(NULL, h->n_heat + 1, sizeof(*g->buckets));
	for (size_t i = 0; i < h->n_heat; i++)
		g->buckets[i] = h->heat[i].bucket;
	qsort(g->buckets, h->n_heat, sizeof(*g->buckets), compare_buckets);
	for (size_t i = 0; i < h->n_heat; i++)
		if (!n || g->buckets[i] != g->buckets[n - 1])
			g->buckets[n++] = g->buckets[i];
	g->buckets_per_row = n / MOST_ROWS + 1;
	for (g->rows = 0; g->rows * g->buckets_per_row < n; g->rows++)
		g->buckets[g->rows] = g->buckets[g->rows * g->buckets_per_row];
}

static size_t row_of(const struct grid *g, uint64_t bucket)
{
	size_t low = 0, high = g->rows;

	while (high - low > 1) {
		size_t middle = (low + high) / 2;

		if (g->buckets[middle] <= bucket)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static void fill_grid(struct grid *g, const struct history *h)
{
	size_t columns = (h->intervals >> h->interval_shift) + 1;

	find_rows(g, h);
	g->intervals_per_column = columns / MOST_COLUMNS + 1;
	g->columns = (columns + g->intervals_per_column - 1) / g->intervals_per_column;
	g->pages = allocate(NULL, g->rows * g->columns + 1, sizeof(*g->pages));
	memset(g->pages, 0, g->rows * g->columns * sizeof(*g->pages));
	for (size_t i = 0; i < h->n_heat; i++) {
		const struct heat *at = &h->heat[i];
		uint64_t *cell =
			&g->pages[row_of(g, at->bucket) * g->columns +
				  (at->interval >> h->interval_shift) / g->intervals_per_column];

		*cell += at->pages;
		g->most = *cell > g->most ? *cell : g->most;
	}
}

static unsigned int bits_of(uint64_t n)
{
	return n ? 64 - __builtin_clzll(n) : 0;
}

/* From light yellow to dark red, by powers of two: few pages are to be seen beside many */
static void put_heat_color(FILE *out, uint64_t pages, uint64_t most)
{
	double t = bits_of(most) > 1 ? (bits_of(pages) - 1.0) / (bits_of(most) - 1.0) : 1;

	fprintf(out, "#%02x%02x%02x", (unsigned int)(254 - 126 * t * t),
		(unsigned int)(224 - 224 * t), (unsigned int)(144 - 106 * t));
}

static void put_heat_row(FILE *out, const struct grid *g, const struct history *h, size_t row,
			 double y, double height, double interval)
{
	double width = (double)HEAT_WIDTH / g->columns;
	double step = interval * g->intervals_per_column * (1UL << h->interval_shift);

	for (size_t i = 0; i < g->columns; i++) {
		uint64_t pages = g->pages[row * g->columns + i];

		if (!pages)
			continue;
		fprintf(out, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill=\"",
			HEAT_AT + i * width, y, width, height);
		put_heat_color(out, pages, g->most);
		fprintf(out,
			"\"><title>%" PRIx64 " from %.2f s: %" PRIu64 " page%s</title></rect>\n",
			g->buckets[row] << h->bucket_shift, i * step, pages, pages == 1 ? "" : "s");
	}
}

/* Whether the addresses of a row and of the one before it are not neighbours */
static bool is_after_gap(const struct grid *g, size_t row)
{
	return row && g->buckets[row] - g->buckets[row - 1] > g->buckets_per_row;
}

static void put_gap(FILE *out, double y)
{
	fprintf(out,
		"<line x1=\"%u\" y1=\"%.2f\" x2=\"%u\" y2=\"%.2f\" stroke=\"#90a4ae\"/>\n",
		HEAT_AT - 6, y, HEAT_AT + HEAT_WIDTH, y);
}

/* Where there is no room for all labels, a row behind a gap rather has one than those before it */
static bool is_labelled(const struct grid *g, size_t row, double height)
{
	if (!row || is_after_gap(g, row))
		return true;
	for (size_t next = row + 1; next < g->rows && (next - row) * height < LABEL; next++)
		if (is_after_gap(g, next))
			return false;
	return true;
}

void write_track_svg(struct history *h, double interval, const char *command, FILE *out)
{
	struct grid g = { 0 };
	char size[8];
	double height, y = 60, labelled = 0;
	size_t width = HEAT_AT + HEAT_WIDTH + 20;
	size_t for_title = 16 + 9 * (strlen(TRACK_TITLE) + strlen(command));

	history_sort(h);
	fill_grid(&g, h);
	height = g.rows < 40 ? 14 : g.rows < 200 ? 5 : 2;
	begin(out, for_title > width ? for_title : width, 80 + (size_t)(g.rows * height));
	put_title(out, TRACK_TITLE, command);
	human(size, (g.buckets_per_row << h->bucket_shift));
	fprintf(out,
		"<text x=\"8\" y=\"40\">%.1f seconds from left to right, a look every %g; rows are "
		"addresses of %s each that were written; the darker, the more pages</text>\n",
		(h->intervals + 1) * interval, interval, size);
	/* Lines first: they hide no page */
	for (size_t i = 0; i < g.rows; i++)
		if (is_after_gap(&g, i))
			put_gap(out, y + i * height);
	for (size_t i = 0; i < g.rows; i++, y += height) {
		put_heat_row(out, &g, h, i, y, height, interval);
		if (y - labelled >= LABEL && is_labelled(&g, i, height)) {
			fprintf(out, "<text x=\"8\" y=\"%.2f\">%012" PRIx64 "</text>\n",
				y + height / 2 + 4, g.buckets[i] << h->bucket_shift);
			labelled = y;
		}
	}
	fprintf(out,
		"<rect x=\"%u\" y=\"60\" width=\"%u\" height=\"%.2f\" fill=\"none\" stroke=\"#90a4ae\"/>\n</svg>\n",
		HEAT_AT, HEAT_WIDTH, g.rows * height);
	free(g.buckets);
	free(g.pages);
}
