/*
 * lens.js -- the logit lens: what the model would say if it stopped after a layer, a table of layers
 * and positions whose cells can be walked.
 */

const layerWord = (fqn) => (/embed/.test(fqn) ? 'embedding' : /\.layers\.(\d+)/.exec(fqn)?.[1].replace(/^/, 'layer ') ?? fqn);

function lensSection(box) {
	const rec = recording();
	const { lens } = rec;
	if (lens.missing) box.append(el('p', { class: 'note' }, lens.missing));
	if (!lens.points.length || !lens.cells.some((row) => row.some(Boolean))) return;

	const first = lens.first ?? 0; // the position of the first column
	const columns = rec.tokens.slice(first, first + lens.cells[0].length);
	const says = el('p', { class: 'readout', id: 'lens-says', 'aria-live': 'polite' }, 'Point at a cell, or walk the table with the arrow keys.');
	const rows = lens.points.map((fqn, l) => el('tr', {}, el('th', { scope: 'row', title: fqn }, layerWord(fqn)),
		columns.map((t) => lensCell(rec, lens.cells[l][t.pos - first], l, t.pos))));
	const grid = el('table', { class: 'lens' }, el('caption', {}, 'The likeliest next token after each layer, at each position; ● where it is the one that came'),
		el('thead', {}, el('tr', {}, el('th', { scope: 'col' }, 'having read'), columns.map((t) => el('th', { scope: 'col', dataset: { pos: t.pos }, title: positionWord(rec, t.pos) }, el('bdi', { class: 'piece' }, tokenWord(t)))))),
		el('tbody', {}, rows),
		el('tfoot', {}, el('tr', {}, el('th', { scope: 'row' }, 'came'), columns.map((t) => el('td', { dataset: { pos: t.pos } }, rec.tokens[t.pos + 1] ? el('bdi', { class: 'piece' }, tokenWord(rec.tokens[t.pos + 1])) : '–')))));
	const show = (cell) => refill(says, ...lensWords(rec, lens.points, Number(cell.dataset.layer), Number(cell.dataset.pos)));
	grid.addEventListener('pointerover', (e) => e.target.closest('[data-layer]') && show(e.target.closest('[data-layer]')));
	grid.addEventListener('focusin', (e) => {
		if (!e.target.dataset.layer) return;
		show(e.target);
		setPos(Number(e.target.dataset.pos));
	});
	const width = columns.length;
	roving(grid, 'tbody td', (at, key) => ({ ArrowRight: at % width < width - 1 ? at + 1 : at, ArrowLeft: at % width ? at - 1 : at,
		ArrowDown: at + width < width * rows.length ? at + width : at, ArrowUp: at >= width ? at - width : at,
		Home: at - (at % width), End: at - (at % width) + width - 1 })[key]);
	box.append(el('p', {}, 'Each layer’s residual stream, read as if it were the last: the final norm and the output matrix turn it into tokens. A row is a layer, a column a position.'),
		legend('not likely', 'certain'), el('div', { class: 'scroll tall' }, grid), says);
	const select = () => grid.querySelectorAll('[data-pos]').forEach((cell) => cell.classList.toggle('here', Number(cell.dataset.pos) === state.pos));
	on('pos', select);
	select();
}

function lensCell(rec, cell, layer, pos) {
	if (!cell || !cell.top.length) return el('td', { class: 'none', tabindex: -1, dataset: { layer, pos } }, '–');
	const [id, logprob] = cell.top[0];
	const right = rec.tokens[pos + 1]?.id === id;
	return el('td', { style: likely(Math.exp(logprob)), tabindex: -1, class: right ? 'right' : null, dataset: { layer, pos, p: logprob } },
		right ? el('span', { 'aria-hidden': 'true' }, '●') : null, el('bdi', { class: 'piece' }, pieceOf(rec, id)));
}

function lensWords(rec, points, layer, pos) {
	const cell = rec.lens.cells[layer][pos - (rec.lens.first ?? 0)];
	const where = [el('b', {}, layerWord(points[layer])), ' at ', el('bdi', { class: 'piece' }, positionWord(rec, pos)), ': '];
	if (!cell) return [...where, 'not in the recording'];
	const next = rec.tokens[pos + 1];
	return [...where, cell.top.map(([id, logprob], i) => [i ? ', ' : '', el('bdi', { class: 'piece' }, pieceOf(rec, id)), ' ',
		el('data', { value: String(logprob), title: `logprob ${logprob}` }, percent(Math.exp(logprob)))]),
	next && cell.rank !== null && cell.rank !== undefined ? ['; what came, ', el('bdi', { class: 'piece' }, tokenWord(next)), ', has rank ', num(cell.rank),
		cell.logprob === null || cell.logprob === undefined ? '' : [' and ', el('data', { value: String(cell.logprob), title: `logprob ${cell.logprob}` }, percent(Math.exp(cell.logprob)))]] : ''].flat(Infinity);
}
