/*
 * time.js -- where the time of a pass went: an icicle of module calls, each as wide as it took.
 *
 * One can zoom into a call; the arrow keys walk: sideways to its neighbours, down into it, up to what
 * called it.
 */

const kindsOfModules = [[/Embedding$/, 'embedding', /Rotary/], [/Rotary/, 'rotary'], [/Norm$/, 'norm'], [/Linear$/, 'linear'], [/Attention$/, 'attention'],
	[/MLP$|SiLU|Act/i, 'activation'], [/Layer$/, 'layers']];
const kindOfModule = (type) => kindsOfModules.find(([is, , not]) => is.test(type) && !not?.test(type))?.[1] ?? 'output';

function timeSection(box) {
	const rec = recording();
	const all = runs(rec).filter((p) => rec.spans[p.idx]);
	if (!all.length) {
		box.append(el('p', { class: 'note' }, 'The times of module calls are not in this page.'));
		return;
	}
	let pass = all.find((p) => p.idx === state.pass) ?? all[0];
	let spans, root;
	const picture = el('div', { class: 'icicle', role: 'tree', 'aria-label': 'Calls of modules, as wide as they took' });
	const says = el('p', { class: 'readout', id: 'time-says', 'aria-live': 'polite' });
	const numbers = el('div');
	const out = el('button', { type: 'button', onclick: () => zoom(0) }, 'Whole pass');
	const select = choice('Pass', all.map((p) => [p.idx, `${p.idx} · ${p.phase} · ${many(p.n_tok, 'token')} · ${duration(p.dur)}`]), pass.idx, (v) => take(Number(v)));
	box.append(el('p', {}, 'A box is a call of a module, as wide as it took when it was recorded (torchless trace --repeat times again by layer and part, which the saved query time answers from); below it are the calls it made. What is not covered below, the module did itself. Choose a box to look into it.'),
		el('div', { class: 'controls' }, select, out), picture, says, numbers);

	const about = (s) => [el('b', {}, moduleWord(s.path)), ` ${s.type}: `, num(s.dur, duration), spans[0].dur ? `, ${percent(s.dur / spans[0].dur)} of the pass` : '',
		s.bytes ? [', ', num(s.bytes, bytes), s.dur ? `, ${short(Number((s.bytes / s.dur).toPrecision(3)))} GB/s` : ''] : '', s.flops ? [', ', num(s.flops, flops)] : ''].flat();
	const within = (s, r) => s.ts >= spans[r].ts && s.ts + (s.dur ?? 0) <= spans[r].ts + (spans[r].dur ?? 0) && s.depth >= spans[r].depth;

	function take(idx) {
		pass = passOf(rec, idx);
		spans = spansOf(rec, idx);
		refill(numbers, timeTable(spans));
		zoom(0);
	}
	function zoom(row) {
		root = row;
		const r = spans[row];
		const whole = r.dur || 1;
		const ancestors = [];
		for (let i = r.parent; i >= 0; i = spans[i].parent) ancestors.unshift(spans[i]);
		const shown = [...ancestors, ...spans.filter((s) => within(s, row) && s.dur !== null)];
		const deepest = Math.max(...shown.map((s) => s.depth));
		picture.style.height = `${(deepest + 1) * 1.7}rem`;
		refill(picture, ...shown.map((s) => {
			const above = ancestors.includes(s);
			const [at, wide] = above ? [0, 100] : [(100 * (s.ts - r.ts)) / whole, (100 * s.dur) / whole];
			return el('div', { role: 'treeitem', tabindex: s.row === row ? 0 : -1, 'aria-level': s.depth + 1, 'aria-selected': 'false', class: `call ${kindOfModule(s.type)}${above ? ' above' : ''}`, dataset: { row: s.row, path: s.path },
				'aria-label': `${s.path || s.type}, ${duration(s.dur)}, ${percent(s.dur / (spans[0].dur || 1))}`,
				style: { left: `${at}%`, width: `${wide}%`, top: `${s.depth * 1.7}rem` } }, el('span', {}, s.path.split('.').at(-1) || s.type));
		}));
		out.disabled = row === 0;
		refill(says, ...about(r));
		here();
	}
	const here = () => {
		const module = recording().ops[state.op]?.module;
		for (const box_ of picture.children) box_.classList.toggle('here', box_.dataset.path === module);
	};
	const call = (e) => e.target.closest('.call');
	picture.addEventListener('click', (e) => call(e) && zoom(Number(call(e).dataset.row)));
	picture.addEventListener('pointerover', (e) => call(e) && refill(says, ...about(spans[Number(call(e).dataset.row)])));
	picture.addEventListener('focusin', (e) => {
		for (const c of picture.children) c.setAttribute('aria-selected', String(c === e.target));
		refill(says, ...about(spans[Number(e.target.dataset.row)]));
	});
	picture.addEventListener('keydown', (e) => {
		if (e.key !== 'Enter' && e.key !== ' ' && e.key !== 'Escape') return;
		e.preventDefault();
		const row = e.key === 'Escape' ? Math.max(0, spans[root].parent) : Number(document.activeElement.dataset.row);
		zoom(row);
		picture.querySelector(`[data-row="${row}"]`).focus();
	});
	roving(picture, '.call', (at, key, items) => {
		const s = spans[Number(items[at].dataset.row)];
		const where = (f) => items.findIndex((c) => f(spans[Number(c.dataset.row)]));
		const level = items.map((c, i) => [spans[Number(c.dataset.row)], i]).filter(([t]) => t.depth === s.depth).map(([, i]) => i);
		const place = level.indexOf(at);
		const to = { ArrowRight: () => level[place + 1] ?? at, ArrowLeft: () => level[place - 1] ?? at, ArrowUp: () => where((t) => t.row === s.parent), ArrowDown: () => where((t) => t.parent === s.row),
			Home: () => level[0], End: () => level.at(-1) }[key]?.();
		return to === -1 ? at : to;
	});
	on('moment', () => {
		if (state.pass !== pass.idx && rec.spans[state.pass]) {
			select.querySelector('select').value = state.pass;
			take(state.pass);
		} else here();
	});
	take(pass.idx);
}

/* The time of modules by what they are, without that of what they call: it adds up to the pass. */
function timeTable(spans) {
	const own = spans.map((s) => s.dur ?? 0);
	spans.forEach((s) => { if (s.parent >= 0) own[s.parent] -= s.dur ?? 0; });
	const types = new Map();
	spans.forEach((s, i) => {
		const t = types.get(s.type) ?? { calls: 0, own: 0, whole: 0 };
		types.set(s.type, { calls: t.calls + 1, own: t.own + own[i], whole: t.whole + (s.dur ?? 0) });
	});
	const rows = [...types].sort((a, b) => b[1].own - a[1].own);
	return el('div', {}, scrollBox('Time by kind of module', table('Time by kind of module', ['kind', 'calls', 'by itself', 'share', 'with what it calls'],
		rows.map(([type, t]) => [type, num(t.calls), num(t.own, duration), percent(t.own / (spans[0]?.dur || 1)), num(t.whole, duration)]))),
	more(`All ${count(spans.length)} calls`, () => scrollBox('Calls of modules', table('Calls, in order', ['module', 'kind', 'time', 'began after', 'bytes'],
		spans.map((s) => [el('code', {}, moduleWord(s.path)), s.type, num(s.dur, duration), num(s.ts, duration), num(s.bytes, bytes)])))));
}
