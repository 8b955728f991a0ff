# SPDX-License-Identifier: GPL-2.0
# The table of make bench, for one architecture: the goals file is the input; base, ours and old are results as
# tools/bench writes them, a line per key, or empty.

# load FILE, WHICH: values into value[WHICH, key]; where there is none, the kernel cannot do it
function load(file, which,    line, part, number) {
	while (file != "" && (getline line < file) > 0) {
		if (line !~ /"value":/)
			continue
		split(line, part, "\"")
		number = part[5]
		gsub(/[^0-9.-]/, "", number)
		unit[part[2]] = part[8]
		if (number != "")
			value[which, part[2]] = number
	}
	if (file != "")
		close(file)
}

function shown(which, key) {
	if (!((which, key) in value))
		return "-"
	return sprintf(value[which, key] + 0 >= 10000 ? "%.0f" : "%.1f", value[which, key])
}

# ratio of one result to another; none to a zero
function ratio(a, b, key) {
	if (!((a, key) in value) || !((b, key) in value) || value[b, key] + 0 == 0)
		return "-"
	return sprintf("%.4f", value[a, key] / value[b, key])
}

# holds KEY: whether its goal is reached, as far as that can be told
function holds(key,    limit) {
	if (goal[key] == "" || goal[key] == "-")
		return "-"
	limit = goal[key]
	if (limit == "base") {
		if (!(("base", key) in value))
			return "?"
		limit = value["base", key] * (1 + TOLERANCE)
	}
	if (!(("ours", key) in value))
		return "?"
	return value["ours", key] + 0 <= limit + 0 ? "yes" : "NO"
}

function cell(text) { row = row sprintf("  %11s", text) }

function show(key, last,    verdict) {
	row = sprintf("%-30s  %-18s", key, unit[key])
	if (base != "")
		cell(shown("base", key))
	if (ours != "") {
		cell(shown("ours", key))
		if (base != "")
			cell(ratio("ours", "base", key))
		verdict = holds(key)
		tally[verdict]++
		if (verdict == "NO")
			missed = missed " " key
		cell(goal[key] == "" ? "-" : goal[key])
		cell(mainline[key] == "" ? "-" : mainline[key])
		row = row sprintf("  %-5s", verdict)
	}
	if (old != "") {
		cell(shown("old", key))
		cell(ratio(last, "old", key))
	}
	print row
}

BEGIN {
	TOLERANCE = 0.005
	load(base, "base")
	load(ours, "ours")
	load(old, "old")
}

/^#/ || NF < 5 { next }
{
	keys[++count] = $1
	goal[$1] = arch == "arm64" ? $4 : $2
	mainline[$1] = arch == "arm64" ? $5 : $3
}

END {
	row = sprintf("%-30s  %-18s", arch, "UNIT")
	if (base != "")
		cell("BASE")
	if (ours != "") {
		cell("OURS")
		if (base != "")
			cell("OURS/BASE")
		cell("GOAL")
		cell("MAINLINE")
		row = row "  HOLDS"
	}
	if (old != "") {
		cell("OLD")
		cell("NEW/OLD")
	}
	print row
	for (i = 1; i <= count; i++)
		if (keys[i] in unit)
			show(keys[i], ours != "" ? "ours" : "base")
	for (i = 1; i <= count; i++)
		if (!(keys[i] in unit))
			print "no result: " keys[i]
	for (key in unit)
		if (!(key in goal))
			print "not in selftests/bench/goals: " key
	if (ours != "")
		printf "%d goals hold, %d do not, %d cannot be told%s\n", tally["yes"], tally["NO"], tally["?"],
			base == "" && tally["?"] ? " without KERNEL=both" : ""
	if (missed != "")
		print "goals that do not hold:" missed
}
