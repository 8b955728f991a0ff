# SPDX-License-Identifier: GPL-2.0
# Prints its arguments as a record, see records.sh.
BEGIN {
	for (i = 1; i < ARGC; i++)
		printf "%s%s", escape(ARGV[i]), i < ARGC - 1 ? OFS : "\n"
	exit
}
