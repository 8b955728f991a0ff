# SPDX-License-Identifier: GPL-2.0
# Draws the bars of a benchmark, for bench.awk.

function max(a, b) { return b != "-" && b + 0 > a ? b + 0 : a }

# bar CLASS, Y, WIDTH
function bar(class, y, width) {
	printf "<rect class=\"%s\" y=\"%d\" width=\"%.1f\" height=\"5\" />", class, y, width
}

# bars BASE, OURS, LIMIT, MISSED: the wider, the more, up to the largest of them; "-" is none
function bars(base, ours, limit, missed,    top, both) {
	top = max(max(max(0, base), ours), limit)
	if (top == 0)
		return ""
	both = ours != "-" && base != "-"
	printf "<svg%s viewBox=\"0 0 100 %d\" preserveAspectRatio=\"none\" aria-hidden=\"true\">",
		both ? " class=\"two\"" : "", both ? 12 : 5
	if (ours != "-")
		bar(missed ? "missed" : "ours", 0, 100 * ours / top)
	if (base != "-")
		bar("base", both ? 7 : 0, 100 * base / top)
	if (limit != "-")
		printf "<path class=\"goal\" d=\"M%.1f -2V%d\" />", 100 * limit / top, both ? 14 : 7
	printf "</svg>"
}
