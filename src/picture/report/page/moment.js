/*
 * moment.js -- the moment: an op of a pass, called pass.op as the debugger calls it ("0.131").
 *
 * It is the page's address, so that a class can be sent to it; keys walk it; the bar at the bottom
 * says where one is, the section what the op makes, and the other sections show its place.
 */

const moduleWord = (path) => path || 'the model';

/* Go to a moment; what does not exist is brought to the nearest that does. */
function goto(pass, op, { quiet = false } = {}) {
	const rec = recording();
	const all = runs(rec);
	if (!all.length || !rec.ops.length) return;
	const nearest = passOf(rec, pass) ?? (pass < all[0].idx ? all[0] : all.at(-1));
	state.pass = nearest.idx;
	state.op = Math.min(rec.ops.length - 1, Math.max(0, op));
	if (!quiet) history.replaceState(null, '', `#${state.pass}.${state.op}`);
	tell('moment');
}

/* "#0.131" of the address; null for the name of a section, or nothing. */
function addressed() {
	const found = /^#(\d{1,9})\.(\d{1,9})$/.exec(location.hash);
	return found ? [Number(found[1]), Number(found[2])] : null;
}

function stepOp(by) {
	const rec = recording();
	const all = runs(rec);
	let at = all.findIndex((p) => p.idx === state.pass);
	let op = state.op + by;
	if (op < 0 && at > 0) [at, op] = [at - 1, rec.ops.length - 1];
	if (op >= rec.ops.length && at + 1 < all.length) [at, op] = [at + 1, 0];
	if (op < 0 || op >= rec.ops.length) return false;
	goto(all[at].idx, op);
	return true;
}

/* To the first op of the next module, or of this one and then of the one before. */
function stepModule(by) {
	const { ops } = recording();
	const start = (i) => {
		while (i > 0 && ops[i - 1].module === ops[i].module) i--;
		return i;
	};
	let to = state.op;
	if (by > 0) {
		while (to < ops.length && ops[to].module === ops[state.op].module) to++;
	} else {
		to = start(to) < to ? start(to) : to - 1;
		if (to >= 0) to = start(to);
	}
	if (to >= 0 && to < ops.length) goto(state.pass, to);
	else stepOp(by > 0 ? ops.length - state.op : -1 - state.op);
}

/* The same op of the pass that made the next token, or the one before. */
function stepToken(by) {
	const all = runs(recording());
	const at = all.findIndex((p) => p.idx === state.pass) + by;
	if (at < 0 || at >= all.length) return;
	goto(all[at].idx, state.op);
	setPos(all[at].pos0 + all[at].n_tok - 1);
}

/* The op that makes a point, or the first of a module; -1. */
function opOf(rec, name) {
	return once(rec, 'ops by name', () => rec.ops.reduce((map, op, i) => {
		if (!map.has(op.module)) map.set(op.module, i);
		op.points.forEach((p) => map.set(rec.points[p].fqn, i));
		return map;
	}, new Map())).get(name) ?? -1;
}

// ---- playing ------------------------------------------------------------------------------------

let playing = 0;

function play(on) {
	clearInterval(playing);
	playing = on ? setInterval(() => stepOp(1) || play(false), 400) : 0;
	const button = document.getElementById('play');
	button.setAttribute('aria-pressed', String(Boolean(playing)));
	refill(button, icon(playing ? 'pause' : 'play'));
	button.setAttribute('aria-label', playing ? 'Pause' : 'Play: an op every 0.4 seconds');
}

// ---- keys ---------------------------------------------------------------------------------------

const keyTable = [
	['Space  →  j', 'the next op', [' ', 'ArrowRight', 'j'], () => stepOp(1)],
	['Shift+Space  ←  k', 'the op before', ['ArrowLeft', 'k'], () => stepOp(-1)],
	['↓  Shift+→', 'the next module', ['ArrowDown'], () => stepModule(1)],
	['↑  Shift+←', 'the module before', ['ArrowUp'], () => stepModule(-1)],
	['n', 'the next token: the same op, a pass on', ['n'], () => stepToken(1)],
	['p', 'the token before', ['p'], () => stepToken(-1)],
	['?', 'this list', ['?'], () => document.getElementById('keys').showModal()],
];
const shifted = { ' ': 'ArrowLeft', ArrowRight: 'ArrowDown', ArrowLeft: 'ArrowUp' };
let keysWalk = true;

/* Keys belong first to what has the focus: a field, a button (Space), a widget that walks its own cells. */
function walkByKey(e) {
	if (e.defaultPrevented || e.altKey || e.ctrlKey || e.metaKey || !keysWalk) return;
	const at = e.target instanceof Element ? e.target : document.body;
	if (at.closest('input, select, textarea, dialog, [contenteditable]')) return;
	if (e.key === ' ' && at.closest('button, summary')) return;
	if (e.key.startsWith('Arrow') && at.closest('.scroll') === at) return;
	const key = (e.shiftKey && shifted[e.key]) || e.key;
	const row = keyTable.find(([, , keys]) => keys.includes(key));
	if (!row) return;
	e.preventDefault();
	if (key !== '?') play(false);
	row[3]();
}

function keysDialog() {
	const dialog = document.getElementById('keys');
	dialog.append(el('h2', { id: 'keys-title' }, 'Keys'),
		el('table', {}, el('caption', { class: 'unseen' }, 'What each key does'),
			el('thead', { class: 'unseen' }, el('tr', {}, el('th', { scope: 'col' }, 'Key'), el('th', { scope: 'col' }, 'Does'))),
			el('tbody', {}, keyTable.map(([keys, does]) => el('tr', {},
				el('th', { scope: 'row' }, keys.split('  ').map((k, i) => [i ? ' ' : null, el('kbd', {}, k)])),
				el('td', {}, does))))),
		el('p', {}, 'Inside of a table or picture that one can walk, arrow keys walk its cells instead.'),
		el('label', { class: 'choice' }, el('input', { type: 'checkbox', checked: true,
			onchange: (e) => { keysWalk = e.target.checked; } }), ' Keys walk the moment'),
		el('form', { method: 'dialog' }, el('button', { autofocus: true }, 'Close')));
}

// ---- the bar ------------------------------------------------------------------------------------

function barOfMoments() {
	const bar = document.getElementById('bar');
	const rec = recording();
	if (!runs(rec).length || !rec.ops.length) {
		bar.hidden = true;
		return;
	}
	const button = (text, label, does, id) => el('button', { type: 'button', id, 'aria-label': label, title: label, onclick: does }, text);
	const address = el('a', { class: 'address', id: 'address' });
	const what = el('span', { id: 'what' });
	const slider = el('input', { type: 'range', min: 0, id: 'slider', 'aria-label': 'Op of this pass',
		oninput: () => goto(state.pass, Number(slider.value)) });
	const passes = choice('pass', [], '', (v) => goto(Number(v), state.op));
	passes.querySelector('select').id = 'pass';
	bar.append(el('div', { class: 'walk' },
		button(icon('token', true), 'Token before (p)', () => stepToken(-1)), button(icon('module', true), 'Module before (↑)', () => stepModule(-1)),
		button(icon('op', true), 'Op before (k)', () => stepOp(-1)), button(icon('play'), 'Play: an op every 0.4 seconds', () => play(!playing), 'play'),
		button(icon('op'), 'Next op (j)', () => stepOp(1)), button(icon('module'), 'Next module (↓)', () => stepModule(1)),
		button(icon('token'), 'Next token (n)', () => stepToken(1)),
		button('?', 'Keys', () => document.getElementById('keys').showModal(), 'ask')),
	passes, slider, el('p', { class: 'now' }, address, ' ', what),
	el('p', { class: 'unseen', role: 'status', id: 'said' }));
	document.getElementById('play').setAttribute('aria-pressed', 'false');

	const fill = () => {
		const select = passes.querySelector('select');
		refill(select, ...runs(recording()).map((p) => el('option', { value: p.idx },
			`${p.idx} · ${p.phase} · ${p.n_tok === 1 ? positionWord(recording(), p.pos0) : many(p.n_tok, 'token')}`)));
		slider.max = recording().ops.length - 1;
	};
	const show = () => {
		const { module, op, formula } = recording().ops[state.op];
		const at = `${state.pass}.${state.op}`;
		passes.querySelector('select').value = state.pass;
		slider.value = state.op;
		slider.setAttribute('aria-valuetext', `${at} ${op} in ${moduleWord(module)}`);
		address.textContent = at;
		address.href = '#' + at;
		refill(what, el('b', {}, op), ` ${moduleWord(module)} `, el('span', { class: 'formula' }, formula));
		refill(document.getElementById('said'), `${at}: ${op}, ${moduleWord(module)}`);
	};
	on('rec', fill);
	on('moment', show);
	fill();
}

// ---- the section --------------------------------------------------------------------------------

function momentSection(box) {
	if (!runs(recording()).length || !recording().ops.length) {
		box.append(el('p', { class: 'note' }, 'The recording holds no pass of the model.'));
		return;
	}
	const facts = el('dl', { class: 'facts' });
	const made = el('div');
	const copied = el('span', { role: 'status' });
	const copy = el('button', { type: 'button', onclick: async () => {
		const address = location.href.replace(/#.*/, '') + `#${state.pass}.${state.op}`;
		try {
			await navigator.clipboard.writeText(address);
			copied.textContent = ' copied';
		} catch {
			copied.textContent = ' ' + address;
		}
	} }, 'Copy the address of this moment');
	box.append(el('p', {}, 'A moment is an op of a pass, written ', el('code', {}, 'pass.op'),
		' as the debugger writes it; it stands behind the # of this page’s address. Space, arrow keys, ',
		el('kbd', {}, 'j'), ' and ', el('kbd', {}, 'k'), ' walk on; ', el('kbd', {}, '?'), ' lists the keys.'),
	facts, made, el('p', { class: 'screen' }, copy, copied));

	const show = () => {
		const rec = recording();
		const op = rec.ops[state.op];
		const pass = passOf(rec, state.pass);
		const span = spansOf(rec, state.pass).find((s) => s.path === op.module);
		const rows = [
			['Moment', el('b', {}, `${state.pass}.${state.op}`)],
			['Op', el('span', {}, el('b', {}, op.op), ', ', `${state.op + 1} of ${rec.ops.length}`)],
			['Module', el('code', {}, moduleWord(op.module))],
			['Formula', el('code', { id: 'formula' }, op.formula)],
			['Source', el('code', { id: 'line' }, op.line ?? '–')],
			['Reads', el('span', {}, `${pass.phase}: `, pass.n_tok === 1 ? `position ${positionWord(rec, pass.pos0)}` :
				`positions ${pass.pos0} to ${pass.pos0 + pass.n_tok - 1}`, `; ${many(pass.kv_len, 'position')} can be looked at`)],
		];
		if (span) rows.push(['Time', el('span', {}, num(span.dur, duration), ` in ${moduleWord(op.module)}`)]);
		refill(facts, ...rows.flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, value)]));
		refill(made, valuesMade(rec, op));
	};
	on('moment', show);
	show();
}

function valuesMade(rec, op) {
	if (!op.points.length) return el('p', { class: 'note' }, 'What this op makes has no name of its own.');
	if (!rec.values[state.pass]) return el('p', { class: 'note' }, `The values of pass ${state.pass} are not in this page; they are in the recording.`);
	const rows = op.points.map((p) => [p, valueAt(rec, state.pass, p)]);
	return scrollBox('Values that this op makes', table('Values that this op makes',
		['value', 'shape', 'axes', 'length (l2)', 'largest', 'mean', 'deviation', 'min', 'max', 'NaN', 'inf', ...(data.difference ? ['A and B'] : [])],
		rows.map(([p, v]) => {
			const point = rec.points[p];
			const axes = point.axes?.replaceAll(',', ', ') ?? '–';
			const name = el('span', {}, el('code', { title: point.fqn }, point.short), point.doc ? el('small', {}, point.doc) : null);
			return v ? [name, v.shape.replaceAll(',', ' × '), axes, num(v.l2), num(v.absmax), num(v.mean), num(v.std),
				num(v.min), num(v.max), el('span', { class: v.n_nan ? 'bad' : null }, num(v.n_nan)), num(v.n_inf), ...(data.difference ? [verdictOf(point.fqn, state.pass)] : [])] :
				[name, 'not recorded', axes, '–', '–', '–', '–', '–', '–', '–', '–'];
		})));
}
