// SPDX-License-Identifier: GPL-2.0
/* /proc/PID/maps, one mapping at a time. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ptmap.h"

int maps_open(struct maps *m, pid_t pid)
{
	char path[40];

	*m = (struct maps){ 0 };
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	m->file = fopen(path, "re");
	return m->file ? 0 : errno;
}

static bool parse(char *line, struct mapping *mapping)
{
	int name = 0;

	line[strcspn(line, "\n")] = '\0';
	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %*s %*s %n", &mapping->start,
		   &mapping->end, mapping->permissions, &mapping->offset, &name) != 4 ||
	    !name)
		return false;
	mapping->name = line + name;
	return true;
}

/* Ends at the last mapping of user space: [vsyscall] is a page of the kernel's */
bool maps_next(struct maps *m, struct mapping *mapping)
{
	while (getline(&m->line, &m->room, m->file) > 0)
		if (parse(m->line, mapping) && !(mapping->start >> 63))
			return true;
	return false;
}

void maps_close(struct maps *m)
{
	if (m->file)
		fclose(m->file);
	free(m->line);
	*m = (struct maps){ 0 };
}

void read_command_name(pid_t pid, char *name, size_t size)
{
	char path[40];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	snprintf(name, size, "?");
	file = fopen(path, "re");
	if (!file)
		return;
	if (fgets(name, size, file))
		name[strcspn(name, "\n")] = '\0';
	fclose(file);
}
