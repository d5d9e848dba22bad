/*
 * layers.js -- the residual stream: how it grows over the layers, and what each part of the model
 * added to the logit of the answer.
 */

// ---- growth -------------------------------------------------------------------------------------

function growthSection(box) {
	const rec = recording();
	const { points, l2 } = rec.residual;
	const known = l2.flat().filter((x) => x !== null && x > 0);
	if (!points.length || !known.length) {
		box.append(el('p', { class: 'note' }, 'The lengths of the residual stream are not in this recording.'));
		return;
	}
	const [w, h, left, right, top, bottom] = [760, 332, 52, 16, 24, 34];
	const lo = Math.floor(Math.log10(Math.min(...known)) * 4) / 4;
	const hi = Math.max(lo + 0.25, Math.ceil(Math.log10(Math.max(...known)) * 4) / 4);
	const x = (l) => left + (l * (w - left - right)) / Math.max(1, points.length - 1);
	const y = (v) => h - bottom - ((Math.log10(v) - lo) * (h - top - bottom)) / (hi - lo);
	const ticks = [];
	for (let e = Math.floor(lo); e <= Math.ceil(hi); e++)
		for (const m of hi - lo > 2 ? [1] : [1, 2, 5])
			if (Math.log10(m) + e >= lo - 1e-9 && Math.log10(m) + e <= hi + 1e-9) ticks.push(m * 10 ** e);
	const every = Math.ceil(points.length / 12);
	const path = (pos) => points.reduce((d, _, l) => {
		const v = l2[l][pos];
		return v === null || v === undefined || !(v > 0) ? d : d + (d ? ' L' : 'M') + `${x(l).toFixed(1)} ${y(v).toFixed(1)}`;
	}, '');
	const says = el('p', { class: 'readout', 'aria-live': 'polite' });
	const curves = rec.tokens.map((t) => svg('path', { d: path(t.pos), class: isGenerated(t) ? 'curve generated' : 'curve', dataset: { pos: t.pos }, onclick: () => setPos(t.pos) }, svg('title', {}, positionWord(rec, t.pos))));
	const group = svg('g', {}, curves);
	const picture = svg('svg', { viewBox: `0 0 ${w} ${h}`, role: 'img', class: 'chart', 'aria-label': 'Length of the residual stream after each layer, a line a position, on a logarithmic scale; the table below has the numbers' },
		ticks.map((v) => [svg('line', { x1: left, x2: w - right, y1: y(v), y2: y(v), class: 'rule' }), svg('text', { x: left - 6, y: y(v), 'text-anchor': 'end', 'dominant-baseline': 'middle' }, short(Number(v.toPrecision(3))))]),
		points.map((fqn, l) => (l % every || (l && x(l) - x(0) < 100)) ? null : svg('text', { x: x(l), y: h - 16, 'text-anchor': l ? 'middle' : 'start' }, l ? layerWord(fqn).replace('layer ', '') : 'embedding')),
		svg('text', { x: w - right, y: h - 2, 'text-anchor': 'end' }, 'after layer'), svg('text', { x: 4, y: 10 }, 'l2'), group);
	const select = () => {
		for (const c of curves) c.classList.toggle('here', Number(c.dataset.pos) === state.pos);
		if (curves[state.pos]) group.append(curves[state.pos]);
		const ends = points.map((_, l) => l2[l][state.pos]).filter((v) => v !== null && v !== undefined);
		refill(says, el('bdi', { class: 'piece' }, positionWord(rec, state.pos)), ...(ends.length ? [': from ', num(ends[0]), ' to ', num(ends.at(-1))] : [': not recorded']));
	};
	box.append(el('p', {}, 'Each layer adds to the stream. A line is a position; dashed ones were generated, the thick one is the position that is chosen.'),
		choice('Position', rec.tokens.map((t) => [t.pos, positionWord(rec, t.pos)]), state.pos, (v) => setPos(Number(v))), scrollBox('Growth of the residual stream, drawn', picture), says,
		more('Numbers', () => scrollBox('Lengths of the residual stream', table('Length (l2) after each layer', ['after', ...rec.tokens.map((t) => el('bdi', { class: 'piece' }, positionWord(rec, t.pos)))],
			points.map((fqn, l) => [layerWord(fqn), ...rec.tokens.map((t) => num(l2[l][t.pos]))])))));
	on('pos', () => {
		box.querySelector('select').value = state.pos;
		select();
	});
	select();
}

// ---- the split of a logit -------------------------------------------------------------------------

const partWord = (p) => (p.kind === 'embedding' ? 'embedding' : p.kind === 'head' ? `layer ${p.layer}, head ${p.head}` :
	p.layer === null || p.layer === undefined ? p.name : `layer ${p.layer}, ${/\.([a-z_]+)(?::\w+)?$/.exec(p.name)?.[1] === 'mlp' || /mlp/.test(p.name) ? 'MLP' : p.name}`);

/* Heads of a layer as one row that opens, everything else a row. */
function byLayer(parts) {
	const rows = [];
	for (const p of parts) {
		const last = rows.at(-1);
		if (p.kind === 'head' && last?.heads && last.layer === p.layer) {
			last.heads.push(p);
			last.logit += p.logit;
		} else if (p.kind === 'head') {
			rows.push({ name: `layer ${p.layer}, attention`, layer: p.layer, logit: p.logit, heads: [p] });
		} else rows.push({ name: partWord(p), logit: p.logit });
	}
	return rows;
}

function answerSection(box) {
	const rec = recording();
	const a = rec.attribution;
	if (!a || a.missing) box.append(el('p', { class: 'note' }, a?.missing ?? 'The split is not in this page.'));
	if (!a?.parts?.length) return;

	const sum = a.parts.reduce((s, p) => s + p.logit, 0) + a.rest;
	const body = el('div');
	box.append(el('p', {}, 'After the last norm a logit is a sum, and each part of the model wrote its own share into the stream. Having read ', el('bdi', { class: 'piece' }, positionWord(rec, a.pos)),
		', the logit of ', el('b', {}, el('bdi', { class: 'piece' }, pieceOf(rec, a.token))), ' is ', el('b', { id: 'logit' }, num(a.logit)), '; its parts add up to ', el('b', { id: 'sum' }, num(sum)), '.'),
	el('div', { class: 'controls' }, switches('Order', [['layer', 'By layer'], ['size', 'By size']], 'layer', show)), scrollBox('Parts of the logit', body));

	function row(name, logit, widest, extra = {}) {
		const share = (50 * Math.abs(logit)) / widest;
		return el('tr', extra, el('th', { scope: 'row' }, name), el('td', {}, num(logit)), el('td', { class: 'split', 'aria-hidden': 'true' },
			el('span', { class: logit < 0 ? 'minus' : 'plus', style: { width: `${share}%`, [logit < 0 ? 'right' : 'left']: '50%' } })));
	}
	function show(order) {
		const rows = order === 'layer' ? byLayer(a.parts) : a.parts.map((p) => ({ name: partWord(p), logit: p.logit })).sort((p, q) => Math.abs(q.logit) - Math.abs(p.logit));
		const widest = Math.max(...rows.map((r) => Math.abs(r.logit)), ...a.parts.map((p) => Math.abs(p.logit)), 1e-30);
		const tr = rows.flatMap((r) => {
			if (!r.heads) return [row(r.name, r.logit, widest)];
			const heads = r.heads.map((p) => row(`head ${p.head}`, p.logit, widest, { class: 'inner', hidden: true }));
			const open = el('button', { type: 'button', class: 'open', 'aria-expanded': 'false', onclick: () => {
				const on = open.getAttribute('aria-expanded') === 'false';
				open.setAttribute('aria-expanded', String(on));
				heads.forEach((t) => { t.hidden = !on; });
			} }, r.name);
			return [row(open, r.logit, widest), ...heads];
		});
		tr.push(row('rest', a.rest, widest), el('tr', { class: 'total' }, el('th', { scope: 'row' }, 'sum'), el('td', {}, num(sum)), el('td', {})));
		refill(body, el('table', { class: 'parts' }, el('caption', {}, `Parts of the logit of ${pieceOf(rec, a.token)}`),
			el('thead', {}, el('tr', {}, el('th', { scope: 'col' }, 'part'), el('th', { scope: 'col' }, 'logit'), el('td', {}))), el('tbody', {}, tr)));
	}
	show('layer');
}
