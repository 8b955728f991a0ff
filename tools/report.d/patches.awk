# SPDX-License-Identifier: GPL-2.0
# The section of the patches: by topic, and what checkpatch says of each.

BEGIN {
	says["clean"] = tag("span", "good", "clean")
	says["complained"] = tag("b", "bad", "not clean")
	says["changed"] = tag("span", "skip", "changed since it was checked")
	says["unknown"] = tag("span", "none", "not checked")
	split("complained changed unknown clean", order, " ")
}
$1 == "topic" {
	topics++
	name[topics] = $2
	what[topics] = $3
}
$1 == "patch" {
	count[topics]++
	verdicts[topics, $4]++
	list[topics] = list[topics] "<li>" anchor($5, $3) " " says[$4] "</li>\n"
}

# summary TOPIC: how many of each verdict, the worst first
function summary(topic,    i, text) {
	for (i = 1; i <= 4; i++)
		if (verdicts[topic, order[i]])
			text = text (text == "" ? "" : ", ") verdicts[topic, order[i]] " " says[order[i]]
	return text
}

END {
	print "<section id=\"patches\">\n<h2>Patches</h2>"
	print "<p>In the order they apply, with what <code>checkpatch --strict</code> says of each as it is now.</p>"
	for (i = 1; i <= topics; i++) {
		printf "<details>\n<summary><b>%s</b> <span>%s</span> <small>%s: %s</small></summary>\n", name[i],
			what[i], many(count[i], "patch"), summary(i)
		print "<ol>\n" list[i] "</ol>\n</details>"
	}
	print "</section>"
}
