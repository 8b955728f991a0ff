# SPDX-License-Identifier: GPL-2.0
# Compares what ptmap has drawn with what a browser shows. Reads the browser's tree of elements, where each text has its
# box ("x y width height") as an attribute, then, with RS='\n' before it, the picture as a plain PPM. Prints what is
# wrong, a line each.
#   wanted  states between commas that cells must have: the last words of their tooltips
#   legend  1 if each of these has to be explained, too

function attribute(name,   rest) {
	if (!match($0, "[ \t\n]" name "=\"[^\"]*\""))
		return ""
	rest = substr($0, RSTART, RLENGTH)
	sub(/^[^"]*"/, "", rest)
	return substr(rest, 1, length(rest) - 1)
}

function wrong(what) {
	print what
	failed = 1
}

function element(   box, content) {
	content = $0
	sub(/^[^>]*>/, "", content)
	if ($1 == "svg") {
		width = attribute("width") + 0
		height = attribute("height") + 0
	} else if ($1 == "rect" && attribute("width") != "100%" && attribute("fill") != "none") {
		fill = attribute("fill")
		rects++
		left[rects] = attribute("x") + 0
		right[rects] = left[rects] + attribute("width")
		top[rects] = attribute("y") + 0
		bottom[rects] = top[rects] + attribute("height")
		area[fill] += attribute("width") * attribute("height")
		swatch = /\/>/ ? fill : ""
	} else if ($1 ~ /^title>/) {
		sub(/.*: /, "", content)
		drawn[content] = fill
	} else if ($1 == "text" && content ~ /[^ ]/) {
		n++
		text[n] = content
		split(attribute("box"), box, " ")
		text_left[n] = box[1]
		text_right[n] = box[1] + box[3]
		text_top[n] = box[2]
		text_bottom[n] = box[2] + box[4]
		if (swatch != "") {
			sub(/ [^ ]*$/, "", content)
			explained[content] = swatch
		}
		swatch = ""
	}
}

# A pixel or two of a text's box are empty at its top and bottom
function text_meets(i, l, t, r, b) {
	return text_left[i] + 1 < r && l < text_right[i] - 1 && text_top[i] + 2 < b && t < text_bottom[i] - 2
}

function check_places(   i, j) {
	for (i = 1; i <= n; i++) {
		if (text_left[i] < 0 || text_right[i] > width || text_top[i] < 0 || text_bottom[i] > height)
			wrong("the text '" text[i] "' does not fit into the picture: it is cut off")
		for (j = i + 1; j <= n; j++)
			if (text_meets(i, text_left[j], text_top[j] + 2, text_right[j], text_bottom[j] - 2))
				wrong("the texts '" text[i] "' and '" text[j] "' overlap")
		for (j = 1; j <= rects; j++)
			if (text_meets(i, left[j], top[j], right[j], bottom[j])) {
				wrong("the text '" text[i] "' overlaps with cells")
				break
			}
	}
}

function check_wanted(   i, name, names) {
	for (i = split(wanted, names, ","); i > 0; i--) {
		name = names[i]
		if (!(name in drawn))
			wrong("no cell is '" name "', though the process has such pages")
		else if (legend && explained[name] != drawn[name])
			wrong("cells that are '" name "' are " drawn[name] ", the legend says '" explained[name] "'")
	}
	if (!n)
		wrong("there is no text")
	if (!rects)
		wrong("there are no cells")
}

function pixel(place, red, green, blue) {
	if (red == 255 && green == 255 && blue == 255)
		return
	seen[red * 65536 + green * 256 + blue]++
	if (red * 3 + green * 6 + blue < 1700)
		dark[place]
}

function check_colors(   fill, pixels) {
	for (fill in area) {
		pixels = seen[number(fill)] + 0
		if (pixels < 0.8 * area[fill] || pixels > 1.2 * area[fill] + 20)
			wrong(sprintf("%d pixels are %s, and %d should be", pixels, fill, area[fill]))
	}
}

# number "#rrggbb"
function number(color,   i, value) {
	for (i = 2; i <= length(color); i++)
		value = value * 16 + index("0123456789abcdef", substr(color, i, 1)) - 1
	return value
}

# A letter has 10 to 20 dark pixels
function check_texts(   i, x, y, letters, pixels) {
	for (i = 1; i <= n; i++) {
		letters = text[i]
		gsub(/&[a-z]*;/, "&", letters)
		gsub(/ /, "", letters)
		pixels = 0
		for (y = text_top[i]; y < text_bottom[i]; y++)
			for (x = text_left[i]; x < text_right[i]; x++)
				pixels += (y * columns + x) in dark
		if (pixels < 5 * length(letters) || pixels > (text_right[i] - text_left[i]) * (text_bottom[i] - text_top[i]) / 2)
			wrong("the text '" text[i] "' cannot be read: " pixels " dark pixels")
	}
}

BEGIN { RS = "<" }
FNR == 1 { file++ }
file == 1 { element() }
file == 2 && FNR == 2 {
	columns = $1
	if (width > $1 || height > $2)
		wrong("the picture is " width " x " height ", too big for the window of " $1 " x " $2)
}
# Most lines are white from end to end
file == 2 && FNR > 3 && !white && /^(255 +)+(255 *)?$/ && NF % 3 == 0 { white = $0 }
file == 2 && FNR > 3 && $0 == white && at % 3 == 0 {
	at += NF
	next
}
file == 2 && FNR > 3 {
	for (i = 1; i <= NF; i++) {
		sample[at++ % 3] = $i
		if (at % 3 == 0)
			pixel(at / 3 - 1, sample[0], sample[1], sample[2])
	}
}
END {
	check_wanted()
	check_places()
	check_colors()
	check_texts()
	exit failed
}
