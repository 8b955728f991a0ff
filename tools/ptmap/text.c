// SPDX-License-Identifier: GPL-2.0
/* A snapshot as text, no line of it longer than the screen. */
#include <inttypes.h>
#include <langinfo.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "ptmap.h"

#define LEAST_WIDTH	32
#define USUAL_WIDTH	80

/* At most five characters */
void human(char buf[8], uint64_t bytes)
{
	static const char units[] = "BKMGTPE";
	double value = bytes;
	unsigned int unit = 0;

	while (value >= 1023.5) {
		value /= 1024;
		unit++;
	}
	if (!bytes)
		snprintf(buf, 8, "0");
	else if (unit > 1 && value < 99.95)
		snprintf(buf, 8, "%.1f%c", value, units[unit]);
	else
		snprintf(buf, 8, "%.0f%c", value, units[unit]);
}

static unsigned int screen_width(bool is_terminal, int fd, unsigned int *height)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;

	if (!is_terminal || ioctl(fd, TIOCGWINSZ, &size))
		size = (struct winsize){ 0 };
	*height = size.ws_row;
	if (options.width)
		return options.width;
	if (size.ws_col)
		return size.ws_col < 1000 ? size.ws_col : 1000;
	if (columns && atoi(columns) >= LEAST_WIDTH && atoi(columns) <= 1000)
		return atoi(columns);
	return USUAL_WIDTH;
}

static unsigned int columns_before_bar(const struct screen *s)
{
	if (s->compact)
		return 14;
	return s->watched ? 43 : 35;
}

/* Room for the bar and for the name behind it; where there is little, for the bar alone */
static unsigned int bar_width(const struct screen *s)
{
	unsigned int before = columns_before_bar(s),
		     left = s->width > before ? s->width - before : 1;

	if (left < 20)
		return left;
	left = left < 80 ? left / 2 : left * 3 / 5;
	return left < 128 ? left : 128;
}

void screen_set_up(struct screen *s, FILE *out)
{
	int fd = fileno(out);
	const char *terminal = getenv("TERM"), *no_color = getenv("NO_COLOR");

	*s = (struct screen){ .out = out, .is_terminal = isatty(fd) };
	s->width = screen_width(s->is_terminal, fd, &s->height);
	if (s->width < LEAST_WIDTH)
		s->width = LEAST_WIDTH;
	s->unicode = s->is_terminal && !strcmp(nl_langinfo(CODESET), "UTF-8");
	s->color = s->is_terminal && terminal && strcmp(terminal, "dumb") &&
		   !(no_color && *no_color);
	if (options.color != COLOR_AUTO)
		s->color = options.color == COLOR_ALWAYS;
	s->watched = options.mode == WATCH;
	s->compact = s->width < columns_before_bar(s) + 8;
	s->bar = bar_width(s);
}

static const char *glyph(const struct screen *s, unsigned int state)
{
	return s->unicode ? looks[state].unicode : looks[state].ascii;
}

static void put_cells(const struct screen *s, const struct row *row)
{
	unsigned int last = STATE_BLANK;

	for (unsigned int i = 0; i < row->n_cells; i++) {
		unsigned int state = row->cells[i];

		if (s->color && state != last)
			fprintf(s->out, "\033[0;%sm", looks[state].color);
		last = state;
		fputs(glyph(s, state), s->out);
	}
	if (s->color && last != STATE_BLANK)
		fputs("\033[0m", s->out);
}

/*
 * A name may hold anything, and must neither move the cursor nor take more columns than are counted
 */
static size_t decode(const struct screen *s, const char *name, wchar_t *wide, size_t room)
{
	mbstate_t state = { 0 };
	size_t n = 0, left = strlen(name), length;

	for (; left && n < room; name += length, left -= length, n++) {
		length = mbrtowc(&wide[n], name, left, &state);
		if (!length || length > left) {
			memset(&state, 0, sizeof(state));
			length = 1;
			wide[n] = '?';
		}
		if (wcwidth(wide[n]) < 0 || (!s->unicode && wide[n] > 126))
			wide[n] = '?';
	}
	return n;
}

static unsigned int columns_of(const wchar_t *wide, size_t n)
{
	unsigned int columns = 0;

	for (size_t i = 0; i < n; i++)
		columns += wcwidth(wide[i]);
	return columns;
}

static void put_wide(const struct screen *s, const wchar_t *wide, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		mbstate_t state = { 0 };
		char bytes[MB_LEN_MAX];
		size_t length = wcrtomb(bytes, wide[i], &state);

		if (length != (size_t)-1)
			fwrite(bytes, 1, length, s->out);
	}
}

static void put_beginning(const struct screen *s, const wchar_t *wide, size_t n, unsigned int width)
{
	unsigned int columns = 0, all = columns_of(wide, n);
	unsigned int room = all > width && width > 2 ? width - 2 : width;
	size_t fit = 0;

	while (fit < n && columns + wcwidth(wide[fit]) <= room)
		columns += wcwidth(wide[fit++]);
	put_wide(s, wide, fit);
	fputs(fit < n && width > 2 ? ".." : "", s->out);
}

/* The beginning of a line, as much as there is room for */
void put_line(const struct screen *s, const char *text)
{
	wchar_t wide[4096];

	put_beginning(s, wide, decode(s, text, wide, COUNT(wide)), s->width);
	fputc('\n', s->out);
}

/*
 * Of a path, as much as there is room for from its end on; of a name that is too long by itself,
 * its beginning
 */
void put_name(const struct screen *s, const char *name, unsigned int width)
{
	wchar_t wide[4096];
	size_t n = decode(s, name, wide, COUNT(wide)), base = n, first = n;
	unsigned int columns = 0, all = columns_of(wide, n);

	while (base && wide[base - 1] != '/')
		base--;
	if (all <= width) {
		put_wide(s, wide, n);
		return;
	}
	if (base == n || columns_of(wide + base, n - base) + 2 > width) {
		put_beginning(s, wide + base, n - base, width);
		return;
	}
	while (columns + wcwidth(wide[first - 1]) <= width - 2)
		columns += wcwidth(wide[--first]);
	fputs("..", s->out);
	put_wide(s, wide + first, n - first);
}

static void put_change(const struct screen *s, int64_t change)
{
	char size[8], text[10];

	human(size, llabs(change));
	snprintf(text, sizeof(text), "%c%s", change < 0 ? '-' : '+', size);
	fprintf(s->out, "%7s ", change ? text : "");
}

static uint64_t told(const struct row *row)
{
	return options.filter.text ? row->tally.reported : row->tally.category[3];
}

static void draw_row(const struct screen *s, const struct row *row)
{
	unsigned int before = columns_before_bar(s), pad = s->bar - row->n_cells;
	char size[8], in_memory[8];

	human(size, row->end - row->start);
	human(in_memory, told(row));
	fprintf(s->out, "%012" PRIx64 "  ", row->start);
	if (!s->compact)
		fprintf(s->out, "%5s  %6s  %s  ", size, in_memory, row->permissions);
	if (!s->compact && s->watched)
		put_change(s, row->change);
	put_cells(s, row);
	if (*row->name && before + s->bar + 6 < s->width) {
		fprintf(s->out, "%*s  ", (int)pad, "");
		put_name(s, row->name, s->width - before - s->bar - 2);
	}
	fputc('\n', s->out);
}

static void draw_header(const struct screen *s)
{
	if (s->color)
		fputs("\033[1m", s->out);
	fprintf(s->out, "%-12s  ", "ADDRESS");
	if (!s->compact)
		fprintf(s->out, "%5s  %6s  %-4s  ", "SIZE",
			options.filter.text ? "MATCH" : "IN MEM", "PERM");
	if (!s->compact && s->watched)
		fprintf(s->out, "%7s ", "CHANGE");
	if (columns_before_bar(s) + s->bar + 6 < s->width)
		fprintf(s->out, "%-*s  NAME", (int)s->bar, "PAGES");
	else if (s->bar >= 5)
		fputs("PAGES", s->out);
	fprintf(s->out, "%s\n", s->color ? "\033[0m" : "");
}

/* Words and numbers one after the other, in as many lines as they need */
static void put_part(const struct screen *s, unsigned int *column, unsigned int indent,
		     const char *color, const char *sign, const char *text)
{
	unsigned int length = strlen(text) + (*sign ? 2 : 0);

	if (*column > indent && *column + 2 + length > s->width) {
		fprintf(s->out, "\n%*s", (int)indent, "");
		*column = indent;
	} else if (*column > indent) {
		fputs("  ", s->out);
		*column += 2;
	}
	if (*sign && s->color)
		fprintf(s->out, "\033[%sm%s\033[0m ", color, sign);
	else if (*sign)
		fprintf(s->out, "%s ", sign);
	fputs(text, s->out);
	*column += length;
}

static void draw_totals(const struct screen *s, const struct snapshot *snap)
{
	unsigned int column = 0;
	char text[80], size[8];

	snprintf(text, sizeof(text), "%zu mapping%s", snap->n + snap->left_out,
		 snap->n + snap->left_out == 1 ? "" : "s");
	put_part(s, &column, 0, "", "", text);
	human(size, snap->total.size);
	snprintf(text, sizeof(text), "%s mapped", size);
	put_part(s, &column, 0, "", "", text);
	human(size, snap->total.category[3]);
	snprintf(text, sizeof(text), "%s in memory%s", size,
		 options.filter.text ? " of what matches" : "");
	put_part(s, &column, 0, "", "", text);
	human(size, snap->total.category[4]);
	snprintf(text, sizeof(text), "%s swapped", size);
	put_part(s, &column, 0, "", "", text);
	if (snap->left_out) {
		human(size, snap->untold);
		snprintf(text, sizeof(text), "%zu not shown (%s; --all)", snap->left_out, size);
		put_part(s, &column, 0, "", "", text);
	}
	fputc('\n', s->out);
}

static void draw_legend(const struct screen *s, const struct snapshot *snap)
{
	unsigned int column = 0;
	char text[80], size[8];

	for (unsigned int i = 0; i < STATES; i++) {
		if (!snap->total.state[i])
			continue;
		human(size, snap->total.state[i]);
		snprintf(text, sizeof(text), "%s %s", looks[i].name, size);
		put_part(s, &column, 0, looks[i].color, glyph(s, i), text);
	}
	fputs(column ? "\n" : "", s->out);
}

static void draw_title(const struct screen *s, const struct snapshot *snap)
{
	char number[24];
	int length = snprintf(number, sizeof(number), "%d ", snap->pid);

	fputs(s->color ? "\033[1m" : "", s->out);
	fputs(number, s->out);
	put_name(s, snap->command, s->width - length);
	fprintf(s->out, "%s\n", s->color ? "\033[0m" : "");
}

static uint64_t size_of_least(const struct snapshot *snap, size_t rows)
{
	uint64_t low = 0, high = -1, middle;

	/* The smallest size that no more rows than fit exceed */
	while (low < high) {
		size_t bigger = 0;

		middle = low + (high - low) / 2;
		for (size_t i = 0; i < snap->n; i++)
			bigger += told(&snap->rows[i]) > middle;
		if (bigger > rows)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* On a screen that is redrawn, the biggest mappings are shown, in the order of their addresses */
static void draw_rows(const struct screen *s, const struct snapshot *snap)
{
	size_t room = s->height > 13 ? s->height - 10 : 3, shown = 0;
	bool all = !s->watched || !s->height || options.all || snap->n <= room;
	uint64_t limit = all ? 0 : size_of_least(snap, room);

	for (size_t i = 0; i < snap->n; i++) {
		if (!all && told(&snap->rows[i]) <= limit)
			continue;
		draw_row(s, &snap->rows[i]);
		shown++;
	}
	if (shown < snap->n)
		fprintf(s->out, "%zu smaller (--all)\n", snap->n - shown);
}

void draw_snapshot(const struct screen *s, const struct snapshot *snap, const char *status)
{
	draw_title(s, snap);
	draw_header(s);
	draw_rows(s, snap);
	fputc('\n', s->out);
	draw_totals(s, snap);
	draw_legend(s, snap);
	if (status)
		put_line(s, status);
}
