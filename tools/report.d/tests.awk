# SPDX-License-Identifier: GPL-2.0
# The section of the tests: a row for each program, a column for each guest. Needs runs.awk.

# headings: the columns, those of one kernel under one heading
function headings(   run, span) {
	print "<thead>\n<tr><td></td>"
	for (run = 1; run <= runs; run += span) {
		for (span = 1; kernel[run + span] == kernel[run]; span++)
			;
		printf "<th scope=\"colgroup\" colspan=\"%d\"%s>%s</th>\n", span,
			kernel[run] == "base" ? " class=\"base\"" : "", kernel_name(run)
	}
	print "</tr>\n<tr><th scope=\"col\">Program</th>"
	for (run = 1; run <= runs; run++) {
		text = arch[run] " " tag("span", "config", config[run])
		if (machine[run] != "")
			text = text " " tag("small", "", spaced(machine[run]))
		if (place[run] != "")
			text = text " " tag("small", "", "on " place[run])
		print "<th scope=\"col\"" (kernel[run] == "base" ? " class=\"base\"" : "") ">" text "</th>"
	}
	print "</tr>\n</thead>"
}

# spaced TEXT: a line may end after a comma
function spaced(text) {
	gsub(/,/, ",<wbr />", text)
	return text
}

# cell RUN, PASSED, FAILED, SKIPPED: red and amber only for the series; the base fails what it cannot do
function cell(run, passed, failed, skipped,    class, text) {
	text = counts(passed, failed, skipped)
	class = kernel[run] == "base" ? "base" : failed ? "bad" : skipped && !passed ? "skip" : ""
	if (failed || skipped)
		text = "<a href=\"#run-" run "\">" text "</a>"
	printf "%s", tag("td", class, text == "" ? "<span class=\"none\">–</span>" : text)
}

# row TITLE, SUITE: a program's results, or with no name what went wrong beside all programs
function row(title, suite,    run) {
	printf "<tr><th scope=\"row\">%s</th>", title
	for (run = 1; run <= runs; run++)
		cell(run, count[run, suite, "passed"], count[run, suite, "failed"], count[run, suite, "skipped"])
	print "</tr>"
}

function footer(   run) {
	printf "<tfoot>\n<tr><th scope=\"row\">All</th>"
	for (run = 1; run <= runs; run++)
		cell(run, total[run, "passed"], total[run, "failed"], total[run, "skipped"])
	printf "</tr>\n<tr class=\"meta\"><th scope=\"row\">Run</th>"
	for (run = 1; run <= runs; run++)
		printf "<td><time>%s</time>%s</td>", date[run],
			state[run] == "whole" ? "" : " " tag("b", "bad", state[run])
	if (trees) {
		printf "</tr>\n<tr class=\"meta\"><th scope=\"row\">Source</th>"
		for (run = 1; run <= runs; run++)
			printf "<td>%s</td>", tree[run] == "" ? "–" : source(tree[run], old[run])
	}
	printf "</tr>\n<tr class=\"meta\"><th scope=\"row\">Files</th>"
	for (run = 1; run <= runs; run++)
		printf "<td>%s%s</td>", ktap[run] == "" ? "–" : anchor(ktap[run], "KTAP"),
			log_file[run] == "" ? "" : " " anchor(log_file[run], "log")
	print "</tr>\n</tfoot>"
}

END {
	print "<section id=\"tests\">\n<h2>Tests</h2>"
	if (!runs) {
		print "<p>There are no results: <code>make test</code> runs the tests.</p>\n</section>"
		exit
	}
	print "<p>Each column is a guest; – was not part of its run." \
		(outdated ? " Outdated: out/linux has other sources now." : "") "</p>"
	print "<div class=\"scroll\" role=\"region\" aria-label=\"Tests by guest\" tabindex=\"0\">"
	print "<table class=\"matrix\">"
	headings()
	print "<tbody>"
	for (i = 1; i <= suite_count; i++)
		row("<code>" suites[i] "</code>", suites[i])
	if ("" in seen)
		row("the guest itself", "")
	print "</tbody>"
	footer()
	print "</table>\n</div>\n</section>"
}
