# SPDX-License-Identifier: GPL-2.0
# Makes figure records (see records.sh) of the table that tools/bench.awk prints, the second file; the first, the goals,
# says what they mean. base and ours are empty where that kernel was not measured.
BEGIN { FS = "[ \t]+" }
FILENAME ~ /goals$/ {
	if (/^#/ || NF < 5)
		next
	text = $0
	for (i = 1; i < 6; i++)
		sub(/^[^ \t]+[ \t]*/, "", text)
	meaning[$1] = escape(text)
	next
}
/^no result: / { print "lacks", bench, $3 }
$1 in meaning {
	if (base != "" && ours != "")
		print "figure", bench, $1, $2, $3, $4, $5, $6, $7, $8, meaning[$1]
	else if (ours != "")
		print "figure", bench, $1, $2, "-", $3, "-", $4, $5, $6, meaning[$1]
	else
		print "figure", bench, $1, $2, $3, "-", "-", "-", "-", "-", meaning[$1]
}
