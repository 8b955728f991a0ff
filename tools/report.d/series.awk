# SPDX-License-Identifier: GPL-2.0
# Makes topic and patch records (see records.sh) of three files: the series, the sums of its patches, and what
# checkpatch said of patches with what sum. "there" is the address of the directory of patches.
BEGIN { FS = " +" }
FILENAME ~ /series$/ {
	if (/^# [^ ]+: /)
		what[substr($2, 1, length($2) - 1)] = substr($0, index($0, ": ") + 2)
	else if (!/^#/ && /\//)
		patches[++count] = $1
	next
}
FILENAME ~ /sums$/ { sum[$2] = $1; next }
{
	seen[$3] = 1
	if ($1 == "ok")
		clean[$3, $2] = 1
	else
		complained[$3, $2] = 1
}
END {
	for (i = 1; i <= count; i++) {
		patch = patches[i]
		topic = name = patch
		sub(/\/.*/, "", topic)
		sub(/^[^\/]*\//, "", name)
		sub(/\.patch$/, "", name)
		if (topic != last)
			print "topic", escape(topic), escape(what[topic])
		last = topic
		verdict = seen[patch] ? "changed" : "unknown"
		if ((patch, sum[patch]) in complained)
			verdict = "complained"
		else if ((patch, sum[patch]) in clean)
			verdict = "clean"
		print "patch", escape(topic), escape(name), verdict, there "/" patch
	}
}
