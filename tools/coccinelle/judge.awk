# SPDX-License-Identifier: GPL-2.0
# What a rule found in the files of a directory (file:line:columns: text), but for what the base has as well and what is
# allowed, with the functions' names. Ends with 1 if anything is left, or if "allowed" says what is not so.
#
#   awk -v rule=NAME -v dir=DIR -v basedir=DIR -f judge.awk ALLOWED FOUND-IN-BASE FOUND
#
# Something is in the base as well if it is said of the same words in the same file, whatever the number of the line.

# name_of LINE: what a line defines that begins in the first column; "" if that is nothing
function name_of(text) {
	if (text !~ /^[A-Za-z_]/ || text ~ /[;:]$/ || text !~ /[(={]/)
		return ""
	if (match(text, /[({]/) && index(text, "=") && index(text, "=") < RSTART)
		sub(/[ \t]*=.*/, "", text)
	sub(/[ \t]*[({\[].*/, "", text)
	sub(/.*[ \t*]/, "", text)
	return text
}

# load PATH: its lines and the functions that they are in
function load(path,   nr, text, name) {
	if (path in loaded)
		return
	loaded[path] = 1
	while ((getline text < path) > 0) {
		name = name_of(text) != "" ? name_of(text) : name
		line[path, ++nr] = text
		where[path, nr] = name
		if (text ~ /^}/)
			name = ""
	}
	close(path)
}

# said FINDING PATH: the same for what the base has as well
function said(finding, path,   text, at) {
	split(finding, at, ":")
	load(path)
	text = at[1] " " line[path, at[2]]
	sub(/^[^ ]* /, "", finding)
	text = text " " finding
	gsub(/[ \t]+/, " ", text)
	sub(/[0-9]+$/, "", text)
	return text
}

FILENAME == ARGV[1] {
	sub(/#.*/, "")
	if ($1 == rule) {
		allowed[$2 " " $3] += $4
		nr[$2 " " $3] = FNR
	}
	next
}

{ split($0, at, ":") }

FILENAME == ARGV[2] {
	base[said($0, basedir "/" at[1])]++
	next
}

base[said($0, dir "/" at[1])]-- > 0 { next }

{
	place = at[1] " " where[dir "/" at[1], at[2]]
	text = $0
	sub(/^[^ ]* /, "", text)
	found[place]++
	report[place] = report[place] sprintf("%s:%d: %s(): %s (%s)\n", at[1], at[2], where[dir "/" at[1], at[2]], text, rule)
}

END {
	for (place in found)
		if (found[place] > allowed[place] + 0) {
			printf "%s", report[place]
			wrong = 1
		}
	for (place in allowed)
		if (found[place] + 0 < allowed[place]) {
			printf "%s:%d: %s finds %d in %s, not %d; correct the line\n", ARGV[1], nr[place], rule,
				found[place], place, allowed[place]
			wrong = 1
		}
	exit wrong
}
