// SPDX-License-Identifier: GPL-2.0
// Put at the end of a report by tools/check.d/61-report: opens all that is closed and replaces the page by what is
// wrong with it, a line each, and its links; then an empty line, and the text that it shows, without that of the
// patches, which change.
const wrong = [];
const all = selector => [...document.querySelectorAll(selector)];
const name = element => `<${element.localName}> "${element.textContent.trim().slice(0, 40)}"`;

// [red, green, blue, opacity] of a color as the browser computes it
const color = text => { const c = text.match(/[\d.]+/g).map(Number); return c.length < 4 ? [...c, 1] : c; };

function background(element) {
	for (; element; element = element.parentElement) {
		const found = color(getComputedStyle(element).backgroundColor);
		if (found[3] > 0)
			return found;
	}
	return [255, 255, 255, 1];
}

function luminance(rgb) {
	const [r, g, b] = rgb.map(v => v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
	return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(element) {
	const ink = luminance(color(getComputedStyle(element).color)), paper = luminance(background(element));
	return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
}

const has_text = element => [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());

function look() {
	const width = document.documentElement.clientWidth;
	if (document.documentElement.scrollWidth > width)
		wrong.push(`the page is ${document.documentElement.scrollWidth} wide, the window ${width}`);
	for (const element of all("body *")) {
		const box = element.getBoundingClientRect();
		if (!element.closest(".scroll") && box.width && box.right > width + 2)
			wrong.push(`${name(element)} ends ${Math.round(box.right - width)} pixels outside of the window`);
		if (!has_text(element) || element.localName === "script")
			continue;
		if (!element.checkVisibility({ visibilityProperty: true }))
			wrong.push(`${name(element)} cannot be seen`);
		else if (contrast(element) < 4.5)
			wrong.push(`${name(element)} has a contrast of ${contrast(element).toFixed(1)}`);
	}
}

function structure() {
	let last = 0;
	for (const heading of all("h1, h2, h3, h4")) {
		const level = Number(heading.localName[1]);
		if (level > last + 1)
			wrong.push(`${name(heading)} comes after an <h${last}>`);
		last = level;
	}
	for (const cell of all("th"))
		if (!cell.scope)
			wrong.push(`${name(cell)} has no scope`);
	for (const table of all("table"))
		for (const row of table.querySelectorAll("tbody tr, tfoot tr"))
			if (row.cells.length !== [...table.tHead.rows].at(-1).cells.length)
				wrong.push(`${name(row)} has more or less cells than the head of its table`);
	for (const element of all("[id]"))
		if (all(`[id="${element.id}"]`).length > 1)
			wrong.push(`the id ${element.id} is there twice`);
	for (const link of all("a[href^='#']"))
		if (!document.getElementById(link.hash.slice(1)))
			wrong.push(`${link.hash} leads nowhere`);
	for (const link of all("a:not([href^='#'])"))
		wrong.push(`link ${decodeURIComponent(link.getAttribute("href"))}`);
	for (const element of all("link, img, iframe, object, embed, [src], [onclick], [onload]"))
		wrong.push(`${name(element)} is not the page's own`);
	if (/@import|url\(/.test(document.querySelector("style")?.textContent))
		wrong.push("its style is not the page's own");
	if (all("script").length > 1)
		wrong.push("it has a script");
}

for (const details of all("details"))
	details.open = true;
look();
structure();
for (const element of all("script, #patches, a[href='#patches'], dl"))
	element.remove();
for (const table of all("table")) {
	const lines = document.createElement("pre");
	const line = row => [...row.cells].map(cell => cell.textContent).join(" | ");
	lines.textContent = [...table.rows].map(line).join("\n");
	table.replaceWith(lines);
}
const text = document.body.innerText.replace(/[ \t]+$/gm, "").replace(/\n\n+/g, "\n");
const measured = document.createElement("pre");
measured.id = "measured";
measured.textContent = [...new Set(wrong), "", text].join("\n");
document.body.replaceChildren(measured);
