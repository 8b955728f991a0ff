# SPDX-License-Identifier: GPL-2.0
# Makes records (see records.sh) of one guest's results. The first file has what went wrong with the guest itself, a
# line each; the second is the XML that tools/ktap.c has written, whose text is escaped already. Of what a failed test
# has printed the last lines are kept.

# attribute NAME: of the element in this line
function attribute(name,    rest) {
	if (!match($0, " " name "=\"[^\"]*\""))
		return ""
	rest = substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 4)
	gsub(/[\001-\037\177]/, " ", rest)
	return rest
}

# line TEXT: one that a failed test has printed
function line(text) {
	sub(/<\/failure>.*/, "", text)
	gsub(/\t/, "        ", text)
	gsub(/[\001-\037\177]/, "?", text)
	if (text != "" && text !~ /^# (Starting [0-9]+ tests|  *FAIL  )/)
		lines[++count] = text
}

function end_of_text() {
	for (i = count > KEPT ? count - KEPT + 1 : 1; i <= count; i++)
		print "text", run, lines[i]
	count = inside = 0
}

BEGIN { KEPT = 12 }
FILENAME ~ /guest$/ { print "case", run, "", "failed", "kernel", escape($0); next }
/^<testsuite / {
	suite = attribute("name")
	if (suite == "missing")
		suite = ""
	next
}
/^<testcase / {
	kind = /<failure / ? "failed" : /<skipped / ? "skipped" : "passed"
	name = attribute("name")
	print "case", run, suite, kind, name == "missing" ? "results" : name, attribute("message")
	if (kind == "failed") {
		inside = 1
		sub(/.*<failure message="[^"]*">/, "")
		line($0)
		if (/<\/failure>/)
			end_of_text()
	}
	next
}
inside {
	line($0)
	if (/<\/failure>/)
		end_of_text()
}
