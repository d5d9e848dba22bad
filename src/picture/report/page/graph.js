/*
 * graph.js -- the compute graph: the SVG that Graphviz drew of our own dot, with the values of the
 * moment's pass in it.
 *
 * It is the one piece of markup that a recording brings, so it is parsed as XML apart from the page
 * and copied element by element, attribute by attribute: what is not on the lists stays out, and no
 * link leads anywhere.  Its ids, names of points, get "g:" in front so that none is one of the page's.
 */

const drawn = new Set(['svg', 'g', 'a', 'path', 'polygon', 'polyline', 'ellipse', 'circle', 'rect', 'line', 'text', 'tspan', 'defs',
	'linearGradient', 'radialGradient', 'stop', 'clipPath']);
const attributes = new Set(['id', 'class', 'transform', 'viewBox', 'width', 'height', 'd', 'points', 'x', 'y', 'x1', 'y1', 'x2', 'y2', 'cx', 'cy', 'r', 'rx', 'ry',
	'fill', 'fill-opacity', 'stroke', 'stroke-width', 'stroke-opacity', 'stroke-dasharray', 'stroke-linecap', 'stroke-linejoin', 'stroke-miterlimit', 'opacity',
	'font-family', 'font-size', 'font-weight', 'font-style', 'text-anchor', 'dominant-baseline', 'text-decoration', 'baseline-shift', 'textLength', 'dx', 'dy',
	'offset', 'stop-color', 'stop-opacity', 'gradientUnits', 'gradientTransform', 'clip-path', 'clip-rule', 'fill-rule', 'preserveAspectRatio']);
const graphPolicy = window.trustedTypes ? trustedTypes.createPolicy('graph', { createHTML: (s) => s }) : { createHTML: (s) => s };

/* A copy of an element that can only be looked at; null for what may not be drawn. */
function harmless(node) {
	if (node.nodeType === Node.TEXT_NODE) return document.createTextNode(straight(node.data));
	if (node.nodeType !== Node.ELEMENT_NODE || !drawn.has(node.localName)) return null;
	const copy = svg(node.localName === 'a' ? 'g' : node.localName);
	for (const { name, value } of node.attributes) {
		if (!attributes.has(name)) continue;
		if (/url\s*\(/i.test(value)) {
			const inside = /^url\(["']?#([^"')]*)["']?\)$/.exec(value);
			if (inside) copy.setAttribute(name, `url("#g:${inside[1].replace(/["\\]/g, '')}")`);
		} else copy.setAttribute(name, name === 'id' ? 'g:' + value : value);
	}
	// What Graphviz shows beside the mouse is said in the panel.
	if (node.localName === 'a') copy.dataset.about = node.getAttribute('xlink:title') ?? '';
	copy.append(...[...node.childNodes].map(harmless).filter(Boolean));
	return copy;
}

/* The graph, or null where it is no picture. */
function parseGraph(text) {
	const parsed = new DOMParser().parseFromString(graphPolicy.createHTML(text), 'image/svg+xml');
	const root = parsed.documentElement;
	return root.localName === 'svg' && !parsed.querySelector('parsererror') ? harmless(root) : null;
}

/* Names that an id stands for: "model.layers.[0-2].mlp" is three.  What is behind "@" says where it is drawn. */
function namesOf(id) {
	const name = id.replace(/@.*$/, '');
	const range = /\[(\d{1,5})-(\d{1,5})\]/.exec(name);
	if (!range || range[2] - range[1] > 1000) return [name];
	return Array.from({ length: range[2] - range[1] + 1 }, (_, i) => name.replace(range[0], String(Number(range[1]) + i)));
}

function graphSection(box) {
	const rec = recording();
	const picture = rec.graph ? parseGraph(rec.graph) : null;
	if (!picture) {
		box.append(el('p', { class: 'note' }, rec.graph_missing ?? 'The graph of this recording is no picture.'));
		return;
	}
	const fqns = new Map(rec.points.map((p, i) => [p.fqn, i]));
	const nodes = [...picture.querySelectorAll('g.node')].filter((n) => n.id);
	const nodeByName = new Map();
	for (const node of [...picture.querySelectorAll('g.cluster')].filter((n) => n.id).reverse().concat(nodes)) {
		node.dataset.point = node.id.slice(2);
		for (const name of namesOf(node.dataset.point)) nodeByName.set(name, node);
	}
	for (const node of nodes) {
		if (!node.textContent.trim()) continue; // where edges meet
		const names = namesOf(node.dataset.point);
		put(node, { tabindex: -1, role: 'button', 'aria-description': visible(node.dataset.point) + (names.length > 1 ? `, ${many(names.length, 'layer')}` : '') }, []);
	}
	const says = el('div', { class: 'panel', id: 'graph-says', 'aria-live': 'polite' }, el('p', { class: 'note' }, 'Point at a box, or walk the boxes with the arrow keys; Enter goes to its op.'));
	const wide = parseFloat(picture.getAttribute('width')) || 600;
	const unit = 4 / 3; // points to pixels
	picture.removeAttribute('height');
	put(picture, { role: 'group', 'aria-label': 'The compute graph: its boxes carry the names of points' }, []);
	const paper = el('div', { class: 'scroll paper' }, picture);
	let zoom = 1;
	const size = (z) => {
		zoom = Math.min(8, Math.max(0.1, z));
		picture.setAttribute('width', wide * unit * zoom);
	};
	const fit = () => size(Math.min(1, (paper.clientWidth - 16) / (wide * unit)));
	box.append(el('p', {}, 'What is computed from what, from top to bottom. A box is a value or what makes it; its name is the point’s name in the recording.'),
		el('div', { class: 'controls screen', role: 'group', 'aria-label': 'Size of the graph' },
			el('button', { type: 'button', 'aria-label': 'Smaller', onclick: () => size(zoom / 1.25) }, '−'), el('button', { type: 'button', 'aria-label': 'Larger', onclick: () => size(zoom * 1.25) }, '+'),
			el('button', { type: 'button', onclick: fit }, 'Fit'), el('button', { type: 'button', onclick: () => size(1) }, 'Full size')), paper, says);
	if (paper.clientWidth) size(Math.max(0.55, Math.min(1, (paper.clientWidth - 16) / (wide * unit))));
	else size(1);

	let asked = null;
	const show = (node) => {
		asked = node;
		refill(says, aboutNode(rec, node.dataset.point, fqns, node.querySelector('[data-about]')?.dataset.about));
	};
	const nodeAt = (e) => e.target.closest?.('g.node[data-point]') ?? e.target.closest?.('g.cluster[data-point]');
	picture.addEventListener('pointerover', (e) => nodeAt(e) && show(nodeAt(e)));
	picture.addEventListener('focusin', (e) => nodeAt(e) && show(nodeAt(e)));
	const enter = (node) => {
		const op = namesOf(node.dataset.point).map((n) => opOf(rec, n)).find((i) => i >= 0);
		if (op !== undefined) goto(state.pass, op);
	};
	picture.addEventListener('click', (e) => nodeAt(e) && enter(nodeAt(e)));
	picture.addEventListener('keydown', (e) => {
		if ((e.key !== 'Enter' && e.key !== ' ') || !nodeAt(e)) return;
		e.preventDefault();
		enter(nodeAt(e));
	});
	roving(picture, 'g.node[role]', along);

	const here = () => {
		const op = recording().ops[state.op];
		const names = op ? [...op.points.map((p) => rec.points[p].fqn)] : [];
		for (let m = op?.module; m; m = m.includes('.') ? m.slice(0, m.lastIndexOf('.')) : '') names.push(m + ':out', m);
		const now = names.map((n) => nodeByName.get(n)).find(Boolean);
		picture.querySelectorAll('.here').forEach((n) => n !== now && n.classList.remove('here'));
		now?.classList.add('here');
		if (asked) show(asked);
	};
	on('moment', here);
	here();
}

/* What is known of a box in the pass of the moment: of one value everything, of folded layers a row each. */
function aboutNode(rec, id, fqns, about) {
	const names = namesOf(id);
	const title = el('h3', {}, el('code', {}, visible(id)));
	const words = about ? el('p', { class: 'value' }, about.split('\n').map((line) => visible(line).trim()).join('\n')) : null;
	const rows = names.map((n) => fqns.get(n) ?? fqns.get(n + ':out')).filter((p) => p !== undefined).map((p) => [p, valueAt(rec, state.pass, p)]);
	if (!rows.length) return el('div', {}, title, words, el('p', { class: 'note' }, 'It is no value of the recording.'));
	const known = rows.filter(([, v]) => v);
	if (!known.length) return el('div', {}, title, words, el('p', { class: 'note' }, `Nothing of it is known in pass ${state.pass}.`));
	return el('div', {}, title, el('div', { class: 'columns' }, words,
		scrollBox('Values of the box', table(`In pass ${state.pass}`, ['value', 'shape', 'length (l2)', 'largest', 'mean', 'deviation', 'NaN', 'inf'],
			known.map(([p, v]) => [el('code', {}, rec.points[p].short), v.shape.replaceAll(',', ' × '), num(v.l2), num(v.absmax), num(v.mean), num(v.std), num(v.n_nan), num(v.n_inf)])))));
}
