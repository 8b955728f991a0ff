# SPDX-License-Identifier: GPL-2.0
# Prints the first sentence of the comment at the top of a program.
NR <= 2 { next }
!/^#/ || /^# shellcheck/ { exit }
{
	text = text substr($0, 2)
	if (match(text, /\.( |$)/)) {
		text = substr(text, 1, RSTART - 1)
		exit
	}
}
END {
	sub(/^ /, "", text)
	sub(/\.$/, "", text)
	print text
}
