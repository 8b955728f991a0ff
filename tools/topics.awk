# SPDX-License-Identifier: GPL-2.0
# Reads "commit topic slug" lines in commit order and prints them with every topic known; fails, with the reason as
# its last line, when a topic is missing or a topic's patches do not stand together.
{
	line[NR] = $0
	topic[NR] = $2
	slug[NR] = $3
}
function fail(text) {
	print text
	failed = 1
	exit 1
}
END {
	if (failed)
		exit 1
	for (i = 1; i <= NR; i++) {
		for (j = i; topic[j] == "?"; j++)
			;
		for (; i < j; i++) {
			if (topic[i - 1] != topic[j] || j > NR)
				fail("the new patch " slug[i] " belongs to no topic yet; say which: make export TOPIC=name")
			topic[i] = topic[j]
		}
	}
	for (i = 1; i <= NR; i++) {
		if (topic[i] != topic[i - 1] && (topic[i] in seen))
			fail("the patch " slug[i] " stands apart from its topic " topic[i] \
			     "; move it there: git -C out/linux rebase -i, or move the file in patches/")
		seen[topic[i]] = 1
		split(line[i], part)
		print part[1], topic[i], part[3]
	}
}
