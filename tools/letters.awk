# SPDX-License-Identifier: GPL-2.0
# Reads the series, then a cover letter, and says where the letter does not fit it; fails if it does not. "topic" is
# that of the letter, or empty if it is for the whole series; then it names each topic with the numbers of its patches:
# "guard (6 to 35)". That of a topic has a list of its patches: lines that begin with two blanks and "1" or "1 to 3".

function wrong(text) {
	print FILENAME ": " text
	failed = 1
}

FNR == NR {
	if ($0 ~ /^#/ || $0 !~ /\//)
		next
	name = $0
	sub(/\/.*/, "", name)
	if (!(name in first))
		order[++topics] = name
	total++
	if (topic == "" || topic == name) {
		last[name] = ++count
		if (!(name in first))
			first[name] = count
	} else
		first[name] = 0
	next
}
FNR == 1 {
	width = length(count)
	if (!match($0, /^Subject: \[PATCH [^ ]* [0-9]*\/[0-9]*\] ./))
		wrong("its first line is not: Subject: [PATCH " base " " sprintf("%0" width "d", 0) "/" count "] title")
	else if (index($0, "[PATCH " base " " sprintf("%0" width "d", 0) "/" count "] ") != 10)
		wrong("its subject is not numbered [PATCH " base " " sprintf("%0" width "d", 0) "/" count "], as " count \
		      " patches are")
}
FNR == 2 && $0 != "" { wrong("the line after its subject is not empty") }
length($0) > 75 && !/^\[[0-9]\] https:[^ ]*$/ { wrong("line " FNR " has more than 75 columns") }
/^  [0-9]+ / {
	end = $2 ~ /^(to|and)$/ && $3 ~ /^[0-9]+$/ ? $3 : $1
	if ($1 != done + 1)
		wrong("its list of patches has " $1 " after " done + 0)
	done = end
	next
}
{ text = text " " $0 }
END {
	if (topic != "" && done != count)
		wrong("its list of patches ends with " done + 0 ", and the topic with " count + 0)
	gsub(/[ \t]+/, " ", text)
	for (i = 1; topic == "" && i <= topics; i++) {
		name = order[i]
		if (match(text, " " name " \\((patch(es)? )?[0-9]+( (to|and) [0-9]+)?\\)")) {
			said = substr(text, RSTART, RLENGTH)
			gsub(/[^0-9 ]/, "", said)
			n = split(said, number, " ")
			if (number[1] == first[name] && number[n] == last[name])
				continue
		}
		wrong("it does not say: " name " (" first[name] " to " last[name] ")")
	}
	while (match(text, /[Pp]atch(es)? [0-9]+( (to|and) [0-9]+)?/)) {
		said = substr(text, RSTART, RLENGTH)
		text = substr(text, RSTART + RLENGTH)
		n = split(said, number, " ")
		if (number[n] > count || n == 4 && number[2] >= number[4])
			wrong("it says \"" said "\", of " count + 0)
	}
	exit failed
}
