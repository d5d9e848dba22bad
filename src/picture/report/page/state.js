/*
 * state.js -- the recordings, and what is being looked at: a recording, a moment (pass, op) of it and
 * a position of its text.  Sections listen; whoever changes something says so once.
 */

const data = JSON.parse(document.getElementById('data').textContent);

const state = { rec: 0, pass: 0, op: 0, pos: 0 };
const listeners = { rec: [], moment: [], pos: [], theme: [] };
const on = (what, f) => listeners[what].push(f);
const tell = (what) => listeners[what].forEach((f) => f());

const recording = () => data.recordings[state.rec];
const letter = (i) => 'AB'[i];

/* What is worked out once of a recording. */
const worked = new WeakMap();
function once(rec, name, work) {
	if (!worked.has(rec)) worked.set(rec, new Map());
	const known = worked.get(rec);
	if (!known.has(name)) known.set(name, work());
	return known.get(name);
}

/* Runs of the program, in order; what else took time (tokenizer, sampler) has no number. */
const runs = (rec) => once(rec, 'runs', () => rec.passes.filter((p) => p.idx !== null));
const passOf = (rec, idx) => runs(rec).find((p) => p.idx === idx);

/* What is known of the values of a pass, as rows, in order of execution; null: not in the page. */
function valuesOf(rec, pass) {
	return once(rec, `values of ${pass}`, () => rec.values[pass] ? rowsOf(rec, rec.values[pass]) : null);
}

function rowsOf(rec, columns) {
	const stats = new DataView(decode(columns.stats).buffer);
	const bad = new Map(columns.bad.map(([row, nan, inf]) => [row, [nan, inf]]));
	const at = (row, k) => {
		const x = stats.getFloat64(48 * row + 8 * k, true);
		return Number.isNaN(x) ? null : x;
	};
	return columns.point.map((point, row) => ({
		row, point, ...rec.points[point], shape: rec.shapes[columns.shape[row]], l2: at(row, 0), absmax: at(row, 1),
		mean: at(row, 2), std: at(row, 3), min: at(row, 4), max: at(row, 5), absmax_at: columns.absmax_at[row],
		n_nan: bad.get(row)?.[0] ?? 0, n_inf: bad.get(row)?.[1] ?? 0,
	}));
}

/* A value of a pass by its point's index, or undefined. */
function valueAt(rec, pass, point) {
	return once(rec, `points of ${pass}`, () => new Map((valuesOf(rec, pass) ?? []).map((v) => [v.point, v]))).get(point);
}

/* A scores tensor masks the future by -inf: that is no fault. */
const isBad = (v) => v.n_nan > 0 || (v.n_inf > 0 && v.role !== 'scores' && v.role !== 'scores_masked');

const spansOf = (rec, pass) => (rec.spans[pass] ?? []).map(([module, depth, parent, ts, dur, moved, flops], row) => {
	const [path, type, layer] = rec.modules[module];
	return { row, path, type, layer, depth, parent, ts, dur, bytes: moved, flops };
});

/* The text of a token's id, wherever the recording mentions it. */
function pieceOf(rec, id) {
	const token = once(rec, 'tokens by id', () => new Map(rec.tokens.map((t) => [t.id, t]))).get(id);
	return token ? tokenWord(token) : id in rec.pieces ? word(rec.pieces[id]) : `#${id}`;
}

const tokenWord = (t) => (t.bytes ? `⟨${t.bytes.match(/../g).join(' ')}⟩` : t.piece === null ? `#${t.id}` : word(t.piece));
const isGenerated = (t) => t.source === 'generated' || t.source === 'forced';
const probability = (logprob) => (logprob === null || logprob === undefined ? null : Math.exp(logprob));

/* "3 ·fox", what a position is called wherever it stands alone. */
function positionWord(rec, pos) {
	const t = rec.tokens[pos];
	return t ? `${pos} ${tokenWord(t)}` : String(pos);
}

function setPos(pos) {
	const last = recording().tokens.length - 1;
	pos = Math.min(last, Math.max(0, pos));
	if (pos === state.pos) return;
	state.pos = pos;
	tell('pos');
}
