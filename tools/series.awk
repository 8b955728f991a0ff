# SPDX-License-Identifier: GPL-2.0
# Reads the old series and prints the new one, whose patches are the lines of the file "order". Comments stay with what
# follows them: those up to the first blank line with the file, those above a topic's first patch with the topic,
# others with their patch.

function topic(patch) {
	sub(/\/.*/, "", patch)
	return patch
}

/^#/ { text = text $0 "\n"; next }
/^[ \t]*$/ {
	if (!headed) {
		header = text
		text = ""
		headed = 1
	}
	next
}
{
	if (!(topic($0) in heading))
		heading[topic($0)] = text
	else
		comment[$0] = text
	text = ""
	headed = 1
}
END {
	printf "%s", headed ? header : text
	while ((getline patch < order) > 0) {
		now = topic(patch)
		if (now != last)
			printf "\n%s", heading[now] != "" ? heading[now] : "# " now "\n"
		else
			printf "%s", comment[patch]
		print patch
		last = now
	}
}
