# SPDX-License-Identifier: GPL-2.0
# The section of the benchmarks: tables for each machine. Needs bench-table.awk and bars.awk.

$1 == "bench" {
	benches = $2
	title[$2] = $3 ($4 == "" ? "" : ", " $4) ($5 == "" ? "" : ", " $5)
	if ($9 != "")
		files[$2] = anchor($9, "this series") ", <time>" $8 "</time>"
	if ($6 != "")
		files[$2] = files[$2] ", source " source($6, $7)
	if ($11 != "")
		files[$2] = files[$2] (files[$2] == "" ? "" : "; ") anchor($11, "base") ", <time>" $10 "</time>"
}
$1 == "figure" {
	n = ++figures[$2]
	key[$2, n] = $3
	unit[$2, n] = $4
	base[$2, n] = $5
	ours[$2, n] = $6
	ratio[$2, n] = $7
	goal[$2, n] = $8
	mainline[$2, n] = $9
	holds[$2, n] = $10
	meaning[$2, n] = $11
	tally[$2, $10]++
	if ($10 == "NO")
		missed[$2] = missed[$2] (missed[$2] == "" ? "" : ", ") anchor("#bench-" $2 "-" $3, tag("code", "", $3))
}
$1 == "lacks" { lacks[$2] = lacks[$2] (lacks[$2] == "" ? "" : ", ") tag("code", "", $3) }

function without_goal(b,    n, have) {
	for (n = 1; n <= figures[b]; n++)
		have += goal[b, n] == "-"
	return have
}

# goals B: how many hold
function goals(b,    text) {
	if (tally[b, "NO"])
		text = tag("b", "bad", many(tally[b, "NO"], "goal") " missed") ": " missed[b]
	if (tally[b, "yes"])
		text = text (text == "" ? "" : ", ") tag("span", "good", many(tally[b, "yes"], "goal") " reached")
	if (tally[b, "?"])
		text = text (text == "" ? "" : ", ") tag("span", "skip", many(tally[b, "?"], "goal") " unknown")
	return text == "" ? "" : text ". "
}

# benchmark B
function benchmark(b,    n) {
	print "<section>\n<h3>" title[b] "</h3>"
	print "<p class=\"wide\">" goals(b) "From " files[b] ".</p>"
	table(b, 1)
	n = without_goal(b)
	if (n) {
		print "<details>\n<summary>" many(n, "figure") " without a goal</summary>"
		table(b, 0)
		print "</details>"
	}
	if (lacks[b] != "")
		print "<p class=\"wide\">No result: " lacks[b] ".</p>"
	print "</section>"
}

END {
	print "<section id=\"bench\">\n<h2>Benchmarks</h2>"
	if (!benches)
		print "<p>There are no figures: <code>make bench KERNEL=both</code> measures them.</p>"
	else
		print "<p>Instructions for each page, if no other unit is given; less is better. Each row has its own " \
			"scale:<br />" \
			"<span class=\"key ours\">this series</span> <span class=\"key base\">unpatched base</span> " \
			"<span class=\"key goal\">goal</span></p>"
	for (b = 1; b <= benches; b++)
		if (figures[b])
			benchmark(b)
	print "</section>"
}
