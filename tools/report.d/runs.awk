# SPDX-License-Identifier: GPL-2.0
# Reads the runs of tests and their cases from the records (see records.sh), for the sections that show them.

$1 == "run" {
	runs = $2
	kernel[$2] = $3
	arch[$2] = $4
	config[$2] = $5
	machine[$2] = $6
	place[$2] = $7
	date[$2] = $8
	tree[$2] = $9
	old[$2] = $10
	state[$2] = $11
	ktap[$2] = $12
	log_file[$2] = $13
	trees += $9 != ""
	outdated += $10 != ""
}
$1 == "case" {
	total[$2, $4]++
	count[$2, $3, $4]++
	cases[$2]++
	if (!($3 in seen) && $3 != "")
		suites[++suite_count] = $3
	seen[$3] = 1
}

# kernel_name RUN
function kernel_name(run) {
	return kernel[run] == "ours" ? "this series" : "unpatched base"
}

# run_name RUN: in words
function run_name(run,    name) {
	name = arch[run] " " config[run]
	if (machine[run] != "")
		name = name ", " machine[run]
	if (place[run] != "")
		name = name ", " place[run]
	return name
}

# counts P, F, S: as make test says it, without what there is none of
function counts(passed, failed, skipped,    text) {
	if (failed)
		text = tag("b", "bad", commas(failed) " failed")
	if (passed)
		text = text (text == "" ? "" : " ") tag("span", "good", commas(passed) " passed")
	if (skipped)
		text = text (text == "" ? "" : " ") tag("span", "skip", commas(skipped) " skipped")
	return text
}
