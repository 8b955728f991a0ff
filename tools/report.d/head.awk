# SPDX-License-Identifier: GPL-2.0
# The top of the page: what was tested, when, and the four answers. Needs runs.awk.

function dated(date) {
	if (date == "")
		return
	if (first == "" || date < first)
		first = date
	if (date > newest)
		newest = date
}

# tile WHERE, TITLE, CLASS, ANSWER, DETAIL
function tile(where, title, class, answer, detail) {
	printf "<li class=\"%s\"><a href=\"#%s\"><span>%s</span> <b>%s</b> <small>%s</small></a></li>\n", class, where,
		title, answer, detail
}

# more NUMBER, WORD: ", 3 skipped"
function more(number, word) {
	return number ? ", " commas(number) " " word : ""
}

function tests(   run, ours, base, passed, failed, skipped) {
	for (run = 1; run <= runs; run++) {
		if (kernel[run] != "ours") {
			base++
			continue
		}
		ours++
		passed += total[run, "passed"]
		failed += total[run, "failed"]
		skipped += total[run, "skipped"]
	}
	if (!ours)
		tile("tests", "Tests", "none", "none", base ? "only of the unpatched base" : "no results")
	else
		tile("tests", "Tests", failed ? "bad" : "good", failed ? commas(failed) " failed" : "all passed",
		     commas(passed) " passed" more(skipped, "skipped") ", in " many(ours, "run"))
}

function goals() {
	if (!holds["yes"] && !holds["NO"])
		tile("bench", "Goals", "none", "none", benches ? "not to be told without both kernels" : "no figures")
	else
		tile("bench", "Goals", holds["NO"] ? "bad" : "good",
		     holds["NO"] ? commas(holds["NO"]) " missed" : "all hold",
		     commas(holds["yes"]) " hold" more(holds["?"], "cannot be told") ", in " many(benches, "benchmark"))
}

function checks(   good) {
	good = verdicts["ok"] + verdicts["warning"]
	if (!good && !verdicts["FAILED"])
		tile("checks", "Checks", "none", "none", "not run")
	else
		tile("checks", "Checks", verdicts["FAILED"] ? "bad" : "good",
		     verdicts["FAILED"] ? commas(verdicts["FAILED"]) " failed" : "all ok",
		     commas(good) " ok" more(verdicts["warning"], "of them with a warning"))
}

function series(   open) {
	open = style["unknown"] + style["changed"]
	tile("patches", "Patches", style["complained"] ? "bad" : open ? "none" : "good",
	     style["complained"] ? commas(style["complained"]) " not clean" : open == patches ? "not checked" : \
	     open ? commas(open) " not checked" : "all clean",
	     commas(patches) " in " many(topics, "topic") more(style["clean"], "clean by checkpatch"))
}

$1 == "run" { dated($8) }
$1 == "bench" {
	benches++
	dated($8)
	dated($10)
}
$1 == "figure" { holds[$10]++ }
$1 == "checks" { dated($3) }
$1 == "check" { verdicts[$3]++ }
$1 == "topic" { topic[++topics] = $2 }
$1 == "patch" {
	patches++
	in_topic[$2]++
	style[$4]++
}

END {
	print "<header>\n<h1>ptestate on Linux " release "</h1>"
	print "<p>Per-page state in page tables: what tests, benchmarks and checks say of the series.</p>"
	print "<dl>\n<div><dt>Release</dt> <dd>Linux " release "</dd></div>"
	printf "<div><dt>Series</dt> <dd>%s: ", many(patches, "patch")
	for (i = 1; i <= topics; i++)
		printf "%s%s&#160;%d", (i > 1 ? ", " : ""), topic[i], in_topic[topic[i]]
	print "</dd></div>"
	printf "<div><dt>Results</dt> <dd>"
	if (first == "")
		printf "none that can be read"
	else
		printf "%s%s UTC", first == newest ? "" : "<time>" first "</time> to ", "<time>" newest "</time>"
	print "</dd></div>\n</dl>\n<ul class=\"tiles\">"
	tests()
	goals()
	checks()
	series()
	print "</ul>\n</header>"
}
