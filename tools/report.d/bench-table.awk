# SPDX-License-Identifier: GPL-2.0
# Writes a table of figures, which bench.awk has read.

BEGIN {
	HEADINGS = "<table class=\"bench\">\n<thead>\n<tr><th scope=\"col\">What</th><th scope=\"col\">Base</th>" \
		"<th scope=\"col\">This series</th><th scope=\"col\">Goal</th><th scope=\"col\">Mainline</th></tr>\n" \
		"</thead>\n<tbody>"
}

function shown(number) {
	sub(/\.0$/, "", number)
	return number == "-" || number == "" ? "–" : commas(number)
}

function verdict(holds) {
	return holds == "yes" ? tag("span", "good", "holds") : holds == "NO" ? tag("b", "bad", "missed") : \
		holds == "?" ? tag("span", "skip", "unknown") : ""
}

# about MEANING, UNIT: as far as there is something to say
function about(meaning, unit) {
	if (unit == "instructions/page")
		unit = ""
	if (meaning unit == "")
		return ""
	return " " tag("span", "", meaning (meaning == "" || unit == "" ? "" : "; ") unit)
}

# row B, N
function row(b, n,    word) {
	printf "<tr id=\"bench-%d-%s\"><th scope=\"row\"><code>%s</code>%s", b, key[b, n], key[b, n],
		about(meaning[b, n], unit[b, n])
	bars(base[b, n], ours[b, n], goal[b, n] == "base" ? base[b, n] : goal[b, n], holds[b, n] == "NO")
	printf "</th><td>%s</td><td>%s%s</td>", shown(base[b, n]), tag("b", "", shown(ours[b, n])),
		ratio[b, n] == "-" ? "" : sprintf(" <small>× %.3f</small>", ratio[b, n])
	word = goal[b, n] == "base" ? "as base" : shown(goal[b, n])
	printf "<td>%s %s</td><td>%s</td></tr>\n", word, verdict(holds[b, n]), shown(mainline[b, n])
}

# table B, GOALS: the figures that have a goal, or those that have none
function table(b, goals,    n, have) {
	for (n = 1; n <= figures[b]; n++) {
		if ((goal[b, n] != "-") != goals)
			continue
		if (!have++)
			print HEADINGS
		row(b, n)
	}
	if (have)
		print "</tbody>\n</table>"
}
