# SPDX-License-Identifier: GPL-2.0
# A C file without the functions that it has in common with its base, nor what is in front of each: blank lines are
# in their place, so that the others keep their numbers. -v base=FILE, which need not exist. A function ends with a "}"
# at the beginning of a line. Conditionals of the preprocessor remain, their first lines, as they may end elsewhere.

# finish: the lines from first on have ended with a "}"
function finish(   i, body, text) {
	for (i = first; i <= NR; i++) {
		text = text line[i] "\n"
		if (line[i] == "{")
			body = 1
	}
	for (i = first; i <= NR; i++) {
		if (body && text in known)
			sub(line[i] ~ /^#[ \t]*(if|el|endif)/ ? "/[*].*|\\\\$" : ".*", "", line[i])
		print line[i]
	}
	first = NR + 1
}

BEGIN {
	while ((getline given < base) > 0) {
		text = text given "\n"
		if (given ~ /^}/) {
			known[text] = 1
			text = ""
		}
	}
	first = 1
}
{ line[NR] = $0 }
/^}/ { finish() }
END {
	for (i = first; i <= NR; i++)
		print line[i]
}
