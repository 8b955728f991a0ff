# SPDX-License-Identifier: GPL-2.0
# The section of the checks of make check.

function verdict(word) {
	return word == "ok" ? tag("span", "good", "ok") : word == "warning" ? tag("span", "skip", "warning") : \
		tag("b", "bad", "failed")
}

function end_table() {
	if (open)
		print "</tbody>\n</table>"
	open = 0
}

BEGIN { print "<section id=\"checks\">\n<h2>Checks</h2>" }
$1 == "checks" {
	end_table()
	open = ++tables
	printf "<p>%s<time>%s</time></p>\n", $2 == "" ? "" : $2 ", ", $3
	print "<table class=\"list\">\n<thead>\n<tr><th scope=\"col\">Check</th><th scope=\"col\">Verdict</th>" \
		"<th scope=\"col\">Seconds</th><th scope=\"col\">Log</th></tr>\n</thead>\n<tbody>"
}
$1 == "check" {
	printf "<tr><th scope=\"row\"><code>%s</code>%s</th><td>%s</td><td>%s</td><td>%s</td></tr>\n", $4,
		$7 == "" ? "" : " " tag("span", "", $7), verdict($3), $5, $6 == "" ? "–" : anchor($6, "log")
}
END {
	end_table()
	if (!tables)
		print "<p>No checks were run: <code>make check</code> runs them.</p>"
	print "</section>"
}
