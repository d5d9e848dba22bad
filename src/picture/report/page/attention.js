/*
 * attention.js -- who looks at whom: all heads of a layer in small, one of them large, as cells or as
 * lines, and the numbers of one query as a table.
 *
 * The patterns are drawn on canvases, so that a long prompt costs pixels and no elements; what one
 * points at is said beside them, and the table below has every number for who cannot see them.
 */

/* Reads p(layer, head, query, key); null where it was not recorded. */
function patterns(a) {
	const raw = decode(a.data);
	const first = a.first ?? 0;
	const byte = a.encoding === 'u8';
	const view = byte ? raw : new Float32Array(raw.buffer, 0, Math.floor(raw.length / 4));
	const before = (q) => (q * (q + 1) - first * (first + 1)) / 2; // cells in the rows before q
	const head = before(a.positions);
	return (layer, h, q, k) => {
		if (q < first || q >= a.positions || k > q) return null;
		const x = view[(a.layers.indexOf(layer) * a.heads + h) * head + before(q) + k];
		if (x === undefined || (byte ? x === 255 : Number.isNaN(x))) return null;
		return byte ? x / 254 : x;
	};
}

/* The key that the query one is at looks at most: what is worth saying before one points at a cell. */
function mostLookedAt(at) {
	let most = 0;
	for (let k = 1; k <= at.q; k++)
		if ((at.p(at.layer, at.head, at.q, k) ?? -1) > (at.p(at.layer, at.head, at.q, most) ?? -1)) most = k;
	return most;
}

function attentionSection(box) {
	const rec = recording();
	const a = rec.attention;
	if (!a || a.missing) box.append(el('p', { class: 'note' }, a?.missing ?? 'No patterns are in this page.'));
	if (!a || !a.positions || !a.layers?.length || !a.data) return;

	const at = { layer: a.layers[0], head: 0, q: a.positions - 1, k: 0, view: 'cells', p: patterns(a), first: a.first ?? 0, n: a.positions };
	at.q = Math.min(a.positions - 1, Math.max(at.first, state.pos));
	at.k = mostLookedAt(at);
	const heads = el('div', { class: 'heads', role: 'group', 'aria-label': 'Heads of the layer' });
	const title = el('h3');
	const large = el('div', { class: 'large' });
	const says = el('p', { class: 'readout', id: 'attention-says', 'aria-live': 'polite' });
	const numbers = el('div');

	const layers = choice('Layer', a.layers.map((l) => [l, l]), at.layer, (v) => {
		at.layer = Number(v);
		at.k = mostLookedAt(at);
		drawHeads();
		drawHead();
	});
	box.append(el('p', {}, 'A row is a query: a position that looks. A column is a key: a position that is looked at. The numbers of a row add up to 1.',
		a.encoding === 'u8' ? ' They are rounded to 1/254.' : '', a.window ? ` No further back than ${count(a.window)} positions.` : '',
		at.first ? ` Rows begin at position ${at.first}.` : ''),
	el('div', { class: 'controls' }, layers,
		switches('View', [['cells', 'Cells'], ['lines', 'Lines']], at.view, (v) => {
			at.view = v;
			drawHead();
		})),
	legend('0', '1'), heads, title, large, says, numbers);

	function drawHeads() {
		refill(heads, ...Array.from({ length: a.heads }, (_, h) => {
			const canvas = el('canvas', { 'aria-hidden': 'true' });
			drawCells(canvas, patternImage(at, h), at.n > 88 ? 88 / at.n : Math.min(4, Math.floor(88 / at.n)));
			return el('button', { type: 'button', 'aria-pressed': String(h === at.head), tabindex: h === at.head ? 0 : -1, dataset: { head: h }, onclick: () => {
				at.head = h;
				at.k = mostLookedAt(at);
				drawHead();
			} }, canvas, el('span', {}, `head ${h}`));
		}));
	}
	function drawHead() {
		for (const b of heads.children) b.setAttribute('aria-pressed', String(Number(b.dataset.head) === at.head));
		title.textContent = `Layer ${at.layer}, head ${at.head}`;
		refill(large, at.view === 'cells' ? matrix(rec, at, moved) : lines(rec, at, moved));
		moved();
	}
	/* Another cell is being looked at. */
	function moved() {
		const p = at.p(at.layer, at.head, at.q, at.k);
		refill(says, el('bdi', { class: 'piece' }, positionWord(rec, at.q)), ' looks at ', el('bdi', { class: 'piece' }, positionWord(rec, at.k)), ': ', num(p));
		refill(numbers, numbersOf(rec, at));
	}
	roving(heads, 'button', along);
	drawHeads();
	drawHead();
	on('pos', () => {
		if (state.pos < at.first || state.pos >= at.n || state.pos === at.q) return;
		at.q = state.pos;
		at.k = mostLookedAt(at);
		drawHead();
	});
	on('theme', drawHead);
}

/* A head's pattern as an image of a pixel a cell; what was not recorded, and the future, stays clear. */
function patternImage(at, head) {
	const rows = at.n - at.first;
	const image = el('canvas', { width: at.n, height: rows });
	const g = image.getContext('2d');
	const pixels = g.createImageData(at.n, rows);
	const colors = (at.colors ??= Array.from({ length: 1025 }, (_, i) => viridis(i / 1024)));
	for (let q = at.first; q < at.n; q++) {
		for (let k = 0; k <= q; k++) {
			const p = at.p(at.layer, head, q, k);
			if (p !== null) pixels.data.set([...colors[Math.round(1024 * Math.min(1, Math.max(0, p)))], 255], 4 * ((q - at.first) * at.n + k));
		}
	}
	g.putImageData(pixels, 0, 0);
	return image;
}

/* Puts an image of a pattern on a canvas, a cell being `size` pixels. */
function drawCells(canvas, image, size, left = 0, top = 0) {
	const ratio = window.devicePixelRatio || 1;
	const [w, h] = [left + image.width * size, top + image.height * size];
	canvas.width = w * ratio;
	canvas.height = h * ratio;
	canvas.style.width = w + 'px';
	canvas.style.height = h + 'px';
	const g = canvas.getContext('2d');
	g.scale(ratio, ratio);
	g.imageSmoothingEnabled = size < 1;
	g.drawImage(image, left, top, image.width * size, image.height * size);
	return g;
}

/* The large picture: tokens on both axes; arrow keys, or the mouse, move over its cells. */
function matrix(rec, at, moved) {
	const size = at.n > 1000 ? 1 : Math.max(3, Math.min(22, Math.floor(620 / at.n)));
	const [left, top] = [96, 96];
	const canvas = el('canvas', { tabindex: 0, role: 'application', id: 'matrix', 'aria-roledescription': 'matrix',
		'aria-label': `Attention pattern of layer ${at.layer}, head ${at.head}: arrow keys move over queries and keys`, 'aria-describedby': 'attention-says' });
	const image = patternImage(at, at.head);
	const draw = () => {
		const g = drawCells(canvas, image, size, left, top);
		const ink = getComputedStyle(document.body).color;
		const every = Math.ceil(11 / size);
		g.fillStyle = ink;
		g.font = `${Math.min(12, Math.max(9, size - 2))}px ${getComputedStyle(document.body).fontFamily}`;
		g.textBaseline = 'middle';
		const fit = (t) => (t.length > 14 ? t.slice(0, 13) + '…' : t);
		for (let i = 0; i < at.n; i += every) {
			const text = fit(tokenWord(rec.tokens[i]));
			const y = top + (i - at.first + 0.5) * size;
			g.textAlign = 'right';
			if (i >= at.first) g.fillText(text, left - 5, y);
			g.save();
			g.translate(left + (i + 0.5) * size, top - 5);
			g.rotate(-Math.PI / 2);
			g.textAlign = 'left';
			g.fillText(text, 0, 0);
			g.restore();
		}
		// The row in black on white, so that it is seen on any colour; the cell thicker.
		for (const [width, color] of [[4, '#ffffff'], [2, '#000000']]) {
			[g.lineWidth, g.strokeStyle] = [width, color];
			g.strokeRect(left - 1, top + (at.q - at.first) * size, (at.q + 1) * size + 2, size);
		}
		for (const [width, color] of [[6, '#ffffff'], [3, '#c1121f']]) {
			[g.lineWidth, g.strokeStyle] = [width, color];
			g.strokeRect(left + at.k * size, top + (at.q - at.first) * size, size, size);
		}
	};
	const go = (q, k) => {
		at.q = Math.min(at.n - 1, Math.max(at.first, q));
		at.k = Math.min(at.q, Math.max(0, k));
		draw();
		moved();
	};
	canvas.addEventListener('keydown', (e) => {
		const to = { ArrowUp: [at.q - 1, at.k], ArrowDown: [at.q + 1, at.k], ArrowLeft: [at.q, at.k - 1], ArrowRight: [at.q, at.k + 1],
			Home: [at.q, 0], End: [at.q, at.q] }[e.key];
		if (!to || e.altKey || e.ctrlKey || e.metaKey) return;
		e.preventDefault();
		go(...to);
	});
	const cell = (e) => [Math.floor((e.offsetY - top) / size) + at.first, Math.floor((e.offsetX - left) / size)];
	const inside = ([q, k]) => q >= at.first && q < at.n && k >= 0 && k <= q;
	canvas.addEventListener('pointermove', (e) => inside(cell(e)) && go(...cell(e)));
	canvas.addEventListener('click', (e) => inside(cell(e)) && setPos(cell(e)[0]));
	draw();
	return el('div', { class: 'scroll' }, canvas);
}

/* Lines from queries on the right to the keys they look at: of the query one is at strongly, of the rest thin. */
function lines(rec, at, moved) {
	const row = 20;
	const [left, right, width] = [130, 330, 460];
	const y = (i) => (i + 0.75) * row;
	const picture = svg('svg', { viewBox: `0 0 ${width} ${at.n * row + 8}`, width, role: 'img', class: 'lines', 'aria-label': `Attention of layer ${at.layer}, head ${at.head} as lines; the table below has the numbers` });
	const many_ = at.n > 64;
	const draw = () => {
		const strokes = [];
		for (let q = many_ ? at.q : at.first; q < (many_ ? at.q + 1 : at.n); q++) {
			for (let k = 0; k <= q; k++) {
				const p = at.p(at.layer, at.head, q, k);
				if (p === null || p < 0.02) continue;
				const here = q === at.q;
				strokes.push(svg('line', { x1: left, y1: y(k), x2: right, y2: y(q), class: here ? 'here' : 'there', 'stroke-opacity': here ? 0.25 + 0.75 * p : 0.35 * p, 'stroke-width': here ? 1 + 4 * p : 1 }));
			}
		}
		strokes.sort((a, b) => a.classList.contains('here') - b.classList.contains('here'));
		const names = rec.tokens.slice(0, at.n).flatMap((t, i) => [
			svg('text', { x: left - 8, y: y(i), 'text-anchor': 'end', 'dominant-baseline': 'middle', class: i <= at.q ? null : 'far' }, tokenWord(t).slice(0, 16)),
			i < at.first ? null : svg('text', { x: right + 8, y: y(i), 'dominant-baseline': 'middle', class: i === at.q ? 'query here' : 'query', dataset: { q: i }, onclick: () => setPos(i), onpointerenter: () => {
				at.q = i;
				at.k = mostLookedAt(at);
				draw();
				moved();
			} }, tokenWord(t).slice(0, 16))]);
		refill(picture, ...strokes, ...names.filter(Boolean));
	};
	draw();
	const query = choice('Query', rec.tokens.slice(at.first, at.n).map((t) => [t.pos, positionWord(rec, t.pos)]), at.q, (v) => {
		at.q = Number(v);
		at.k = mostLookedAt(at);
		draw();
		moved();
	});
	return el('div', {}, el('p', { class: 'controls' }, query, el('small', {}, 'keys left, queries right; lines of less than 2 % are not drawn')), scrollBox('Attention as lines', picture));
}

/* Every number of one query. */
function numbersOf(rec, at) {
	const keys = Array.from({ length: at.q + 1 }, (_, k) => [k, at.p(at.layer, at.head, at.q, k)]);
	return more(`Numbers of the query ${positionWord(rec, at.q)}`, () => scrollBox('Numbers of a query', el('table', { class: 'numbers' },
		el('caption', {}, `Layer ${at.layer}, head ${at.head}: what ${positionWord(rec, at.q)} looks at`),
		el('thead', {}, el('tr', {}, el('th', { scope: 'col' }, 'key'), el('th', { scope: 'col' }, 'p'), el('td', {}))),
		el('tbody', {}, keys.map(([k, p]) => el('tr', {}, el('th', { scope: 'row' }, el('bdi', { class: 'piece' }, positionWord(rec, k))), el('td', {}, num(p)),
			el('td', { class: 'bar' }, el('span', { style: { width: `${100 * (p ?? 0)}%` }, 'aria-hidden': 'true' }))))))));
}
