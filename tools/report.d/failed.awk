# SPDX-License-Identifier: GPL-2.0
# The section that names what failed and what was skipped, and why, for each guest. Needs runs.awk.

$1 == "case" && $4 == "failed" {
	n = ++failures[$2]
	failure[$2, n] = "<code>" ($3 == "" ? "" : $3 " / ") $5 "</code>"
	why[$2, n] = $6
}
# Where the result has no reason, the first thing it has printed is one
$1 == "text" && why[$2, n] == "" {
	why[$2, n] = substr($3, $3 ~ /^# / ? 3 : 1)
	next
}
# Only of this series: what a test prints when a kernel cannot do something is no news
$1 == "text" && kernel[$2] == "ours" {
	printed[$2, n] = printed[$2, n] $3 "\n"
}
# The same reason given by the same program is shown once, with all the names
$1 == "case" && $4 == "skipped" {
	key = $2 SUBSEP $3 SUBSEP $6
	if (!(key in names))
		order[$2, ++reasons[$2]] = key
	program[key] = $3
	reason[key] = $6
	names[key] = names[key] (names[key] == "" ? "" : ", ") "<code>" $5 "</code>"
}

function show_failures(run,    i) {
	printf "<details %s>\n<summary>%s</summary>\n<ul>\n",
		kernel[run] == "ours" ? "open=\"open\"" : "class=\"base\"",
		tag("b", kernel[run] == "ours" ? "bad" : "", many(failures[run], "failure"))
	for (i = 1; i <= failures[run]; i++) {
		print "<li>" failure[run, i] (why[run, i] == "" ? "" : ": " why[run, i])
		if (printed[run, i] != "")
			print "<pre>" printed[run, i] "</pre>"
		print "</li>"
	}
	print "</ul>\n</details>"
}

function show_skips(run,    i, key) {
	print "<details>\n<summary>" tag("span", "skip", many(total[run, "skipped"], "skip")) "</summary>\n<ul>"
	for (i = 1; i <= reasons[run]; i++) {
		key = order[run, i]
		print "<li><code>" program[key] "</code>: " reason[key] ": " names[key] "</li>"
	}
	print "</ul>\n</details>"
}

END {
	for (run = 1; run <= runs; run++) {
		if (!failures[run] && !reasons[run])
			continue
		if (!shown++)
			print "<section id=\"failed\">\n<h2>Failed and skipped</h2>"
		printf "<h3 id=\"run-%d\">%s%s</h3>\n", run, run_name(run),
			kernel[run] == "base" ? ", " kernel_name(run) : ""
		if (kernel[run] == "base" && failures[run])
			print "<p>What the series adds fails there: that is what these tests are for.</p>"
		if (failures[run])
			show_failures(run)
		if (reasons[run])
			show_skips(run)
	}
	if (shown)
		print "</section>"
}
