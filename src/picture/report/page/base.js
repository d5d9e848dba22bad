/*
 * base.js -- elements, numbers, words and colours.
 *
 * Whatever a recording says reaches the page as text: el() and svg() make nodes and put strings into
 * text nodes; nothing here or elsewhere parses markup, but for the graph (graph.js).
 */

/* Marks that turn the direction of text are written out, wherever text comes from. */
const turning = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const straight = (text) => text.replace(turning, (c) => '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0'));

function put(node, props, children) {
	for (const [name, value] of Object.entries(props ?? {})) {
		if (value === undefined || value === null || value === false) continue;
		if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
		else if (name === 'style') Object.assign(node.style, value);
		else if (name === 'dataset') Object.assign(node.dataset, value);
		else node.setAttribute(name, value === true ? '' : straight(String(value)));
	}
	node.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false).map((c) => (typeof c === 'string' ? straight(c) : c)));
	return node;
}

/* The same node with something else in it. */
function refill(node, ...children) {
	node.replaceChildren();
	return put(node, {}, children);
}

const el = (tag, props, ...children) => put(document.createElement(tag), props, children);
const svg = (tag, props, ...children) =>
	put(document.createElementNS('http://www.w3.org/2000/svg', tag), props, children);

// ---- numbers ------------------------------------------------------------------------------------

/* Four digits, as people read them; the whole number goes beside it. */
function short(x) {
	if (x === null || x === undefined) return '–';
	if (!Number.isFinite(x)) return Number.isNaN(x) ? 'NaN' : x > 0 ? 'inf' : '-inf';
	const a = Math.abs(x);
	if (a !== 0 && (a < 1e-3 || a >= 1e6)) return x.toExponential(2).replace('e+', 'e');
	if (Number.isInteger(x)) return count(x);
	return String(Number(x.toPrecision(4)));
}

const count = (n) => (typeof n !== 'number' ? '–' : Math.abs(n) < 10000 ? String(n) : n.toLocaleString('en-US'));

function percent(p) {
	if (p === null || p === undefined) return '–';
	const x = 100 * p;
	if (x > 99.99 && x < 100) return '>99.99 %';
	return (x >= 99.5 && x < 100 ? x.toFixed(2) : x >= 10 ? x.toFixed(0) : x >= 1 ? x.toFixed(1) :
		x >= 0.01 ? x.toPrecision(1) : x > 0 ? '<0.01' : '0') + ' %';
}

const scales = (units) => (x) => {
	if (x === null || x === undefined) return '–';
	let i = 0;
	while (i + 1 < units.length && x >= units[i][0]) i++;
	return short(Number((x / units[i][1]).toPrecision(3))) + ' ' + units[i][2];
};
const duration = scales([[1e3, 1, 'ns'], [1e6, 1e3, 'µs'], [1e9, 1e6, 'ms'], [Infinity, 1e9, 's']]);
const flops = scales([[1e3, 1, 'FLOP'], [1e6, 1e3, 'kFLOP'], [1e9, 1e6, 'MFLOP'], [Infinity, 1e9, 'GFLOP']]);
const bytes = scales([[1e3, 1, 'B'], [1e6, 1e3, 'kB'], [1e9, 1e6, 'MB'], [Infinity, 1e9, 'GB']]);

/* A number as it is read, carrying the whole number: <data value="0.031245511">0.03125</data>. */
function num(x, read = short) {
	if (x === null || x === undefined) return el('span', { class: 'none' }, '–');
	return el('data', { value: String(x), title: String(x), class: Number.isFinite(x) ? null : 'bad' }, read(x));
}

// ---- words --------------------------------------------------------------------------------------

const unseen = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]/g;
const marks = { '\n': '↵', '\r': '␍', '\t': '⇥' };

/* Text in which everything can be seen and nothing turns the direction of what stands around it. */
function visible(text) {
	return String(text).replace(unseen, (c) => marks[c] ?? '\\u' + c.codePointAt(0).toString(16).padStart(4, '0'));
}

/* The same for text of several lines, which keeps them. */
const visibleLines = (text) => visible(text).replaceAll('↵', '↵\n');

/* A piece of a tokenizer as a word: blanks at its ends are dots. */
function word(piece) {
	if (piece === null || piece === undefined) return '∅';
	return visible(piece).replace(/^ +| +$/g, (b) => '·'.repeat(b.length)) || '∅';
}

/* "3 ops", "1 op" */
const many = (n, one, more = one + 's') => `${count(n)} ${n === 1 ? one : more}`;

// ---- colours ------------------------------------------------------------------------------------

/* Every eighth of viridis, as src/ui/sgr.c has it. */
const viridisStops = [[68, 1, 84], [71, 44, 122], [59, 81, 139], [44, 113, 142], [33, 144, 141], [39, 173, 129],
	[92, 200, 99], [170, 220, 50], [253, 231, 37]];

function viridis(p) {
	const at = Math.min(1, Math.max(0, p)) * 8;
	const i = Math.min(7, Math.floor(at));
	return viridisStops[i].map((c, k) => Math.round(c + (at - i) * (viridisStops[i + 1][k] - c)));
}

const css = (rgb) => `rgb(${rgb.join(',')})`;

/* Black or white, whichever stands out more: at least 4.5 to 1 on every colour there is. */
function textOn(rgb) {
	const [r, g, b] = rgb.map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
	return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? '#000' : '#fff';
}

/* The style of a box that is as likely as p. */
function likely(p) {
	if (p === null || p === undefined || Number.isNaN(p)) return {};
	const rgb = viridis(p);
	return { background: css(rgb), color: textOn(rgb) };
}

/* What a probability's colour means. */
const legend = (low, high) => el('p', { class: 'legend' }, low + ' ',
	el('span', { class: 'ramp', 'aria-hidden': 'true' }), ' ' + high);

// ---- icons: a font need not have them ------------------------------------------------------------

const shapes = { op: 'M5 3 L13 8 L5 13 Z', module: 'M2 3 L8 8 L2 13 Z M8 3 L14 8 L8 13 Z', token: 'M2 3 L10 8 L2 13 Z M11 3 H14 V13 H11 Z',
	play: 'M4 2 L14 8 L4 14 Z', pause: 'M4 2 H7 V14 H4 Z M9 2 H12 V14 H9 Z' };

/* One of the shapes; back: the other way round. */
const icon = (name, back) => svg('svg', { viewBox: '0 0 16 16', width: 16, height: 16, 'aria-hidden': 'true', class: 'icon' },
	svg('path', { d: shapes[name], transform: back ? 'translate(16 0) scale(-1 1)' : null }));

// ---- pieces that several sections have ------------------------------------------------------------

/* A table in a box of its own, so that the page never scrolls sideways; the box can be scrolled by keys. */
function scrollBox(label, ...children) {
	return el('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': label }, ...children);
}

function table(caption, heads, rows) {
	const isNumber = (i) => rows.some((r) => r[i] instanceof Element && r[i].matches('data'));
	return el('table', {}, el('caption', {}, caption),
		el('thead', {}, el('tr', {}, heads.map((h, i) => el('th', { scope: 'col', class: isNumber(i) ? 'number' : null }, h)))),
		el('tbody', {}, rows.map((row) => el('tr', {}, row.map((c, i) =>
			i === 0 ? el('th', { scope: 'row' }, c) : el('td', {}, c))))));
}

/* A labelled choice; options are [value, text]. */
function choice(label, options, value, onchange) {
	const select = el('select', { onchange: () => onchange(select.value) },
		options.map(([v, text]) => el('option', { value: v, selected: String(v) === String(value) }, text)));
	return el('label', { class: 'choice' }, label + ' ', select);
}

/* Several buttons of which one is on. */
function switches(label, options, value, onchange) {
	const group = el('span', { class: 'switches', role: 'group', 'aria-label': label });
	for (const [v, text] of options) {
		group.append(el('button', { type: 'button', 'aria-pressed': String(v === value), onclick: (e) => {
			for (const b of group.children) b.setAttribute('aria-pressed', String(b === e.currentTarget));
			onchange(v);
		} }, text));
	}
	return group;
}

/* Details that are made when they are opened first, or when the page is printed. */
function more(summary, make) {
	const node = el('details', { ontoggle: () => node.open && fill() }, el('summary', {}, summary));
	let filled = false;
	function fill() {
		if (!filled) node.append(make());
		filled = true;
	}
	node.fill = fill;
	return node;
}

/*
 * One stop of the Tab key among many elements: the arrow keys move between them.  `step(index, key)`
 * says where a key leads, undefined for a key that means nothing here.
 */
function roving(container, selector, step) {
	const items = () => [...container.querySelectorAll(selector)];
	const first = container.querySelector(selector);
	if (first && !container.querySelector(selector + '[tabindex="0"]')) first.tabIndex = 0;
	container.addEventListener('keydown', (e) => {
		if (e.altKey || e.ctrlKey || e.metaKey) return;
		const all = items();
		const at = all.indexOf(document.activeElement);
		const to = at < 0 ? undefined : step(at, e.key, all);
		if (to === undefined) return;
		e.preventDefault();
		all[Math.min(all.length - 1, Math.max(0, to))].focus();
	});
	container.addEventListener('focusin', (e) => {
		if (!e.target.matches(selector)) return;
		container.querySelector(selector + '[tabindex="0"]')?.setAttribute('tabindex', '-1');
		e.target.tabIndex = 0;
	});
}

const along = (at, key, all) => ({ ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1,
	Home: 0, End: all.length - 1 })[key];

function decode(base64) {
	const text = atob(base64 ?? '');
	const data = new Uint8Array(text.length);
	for (let i = 0; i < text.length; i++) data[i] = text.charCodeAt(i);
	return data;
}
