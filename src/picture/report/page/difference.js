/*
 * difference.js -- two recordings: where they part, and in what.
 */

const verdicts = { equal: 'equal', close: 'close', differs: 'differs', only_a: 'only in A', only_b: 'only in B' };
const verdictMark = (v) => el('span', { class: `verdict ${v}` }, el('span', { 'aria-hidden': 'true' }, { equal: '=', close: '≈', differs: '≠' }[v] ?? '∃'), ' ', verdicts[v] ?? visible(v));

/* What the comparison says of a value; null: it was not compared. */
function verdictOf(fqn, pass) {
	const { difference } = data;
	if (!difference) return null;
	const verdict = once(difference, 'verdicts', () => new Map(difference.values.map((v) => [`${v.pass} ${v.fqn}`, v.verdict]))).get(`${pass} ${fqn}`);
	return verdict ? verdictMark(verdict) : '–';
}

function differenceSection(box) {
	const diff = data.difference;
	const [a, b] = data.recordings;
	const tally = Object.keys(verdicts).map((v) => [v, diff.values.filter((x) => x.verdict === v).length]).filter(([, n]) => n);
	const first = diff.first === null || diff.first === undefined ? null : diff.values[diff.first];
	const texts = [a, b].map((rec, i) => el('div', {}, el('h3', {}, `Text of ${letter(i)}`), el('p', { class: 'text' }, rec.tokens.map((t) =>
		el('span', { class: t.pos >= diff.tokens_equal_until ? 'other' : null }, el('bdi', { class: isGenerated(t) ? 'generated' : null }, visibleLines(t.piece ?? `#${t.id}`)))))));
	const alike = diff.tokens_equal_until >= Math.max(a.tokens.length, b.tokens.length);
	box.append(el('p', {}, 'A is ', el('b', {}, visible(a.file)), ', B is ', el('b', {}, visible(b.file)), '. ', alike ? 'Their tokens are the same. ' : ['Their tokens are the same up to position ', num(diff.tokens_equal_until), '. '],
		first ? ['The first value that differs is ', el('a', { id: 'first-difference', href: `#${first.pass}.${Math.max(0, opOf(a, first.fqn))}` }, el('code', {}, visible(first.fqn))), ` in pass ${first.pass}.`] : 'No value differs.'),
	el('p', {}, tally.map(([v, n], i) => [i ? ', ' : '', verdictMark(v), ' ', num(n)])), el('div', { class: 'columns' }, texts));

	box.append(el('h3', {}, 'Values'));
	const list = sortable('Values of both, in order', [['value', (v) => v.fqn], ['pass', (v) => v.pass], ['verdict', (v) => v.verdict], ['nmse', (v) => v.nmse], ['largest difference', (v) => v.max_abs],
		['l2 of A', (v) => v.l2_a], ['l2 of B', (v) => v.l2_b], ['largest of A', (v) => v.absmax_a], ['largest of B', (v) => v.absmax_b]], [], (v) => [
		el('a', { href: `#${v.pass}.${Math.max(0, opOf(a, v.fqn))}` }, el('code', {}, visible(v.fqn))), num(v.pass), verdictMark(v.verdict), num(v.nmse), num(v.max_abs), num(v.l2_a), num(v.l2_b), num(v.absmax_a), num(v.absmax_b)], 60);
	list.id = 'difference-list';
	list.rowProps = (v) => ({ dataset: { fqn: v.fqn, pass: v.pass, verdict: v.verdict } });
	const fill = (only) => {
		list.rows = diff.values.filter((v) => only === 'all' || (only === 'not equal' ? v.verdict !== 'equal' : v.verdict === only));
		list.draw();
	};
	const start = tally.some(([v]) => v !== 'equal') ? 'not equal' : 'all';
	box.append(el('div', { class: 'controls' }, choice('Only', [['all', 'all'], ['not equal', 'not equal'], ...tally.map(([v]) => [v, verdicts[v]])], start, fill)), list);
	fill(start);

	if (diff.time.length) {
		const widest = Math.max(...diff.time.flatMap((t) => [t.a_ns ?? 0, t.b_ns ?? 0]), 1);
		const bar = (ns, who) => el('span', { class: `duration ${who}`, style: { width: `${(100 * (ns ?? 0)) / widest}%` } });
		const times = sortable('Time of modules, all passes as recorded', [['module', (t) => t.module], ['A', (t) => t.a_ns], ['B', (t) => t.b_ns], ['B to A', (t) => (t.a_ns && t.b_ns ? t.b_ns / t.a_ns : null)]], diff.time,
			(t) => [el('span', {}, el('code', {}, moduleWord(visible(t.module))), el('span', { class: 'pair', 'aria-hidden': 'true' }, bar(t.a_ns, 'a'), bar(t.b_ns, 'b'))), num(t.a_ns, duration), num(t.b_ns, duration), t.a_ns && t.b_ns ? num(t.b_ns / t.a_ns, (x) => `× ${short(Number(x.toPrecision(3)))}`) : '–'], 30);
		box.append(el('h3', {}, 'Time'), el('p', { class: 'legend', 'aria-hidden': 'true' }, el('span', { class: 'duration a sample' }), ' A ', el('span', { class: 'duration b sample' }), ' B'), times);
	}
	box.append(el('h3', {}, 'Settings that differ'), diff.settings.length ? scrollBox('Settings that differ', table('Settings that differ', ['name', 'A', 'B'],
		diff.settings.map(([k, x, y]) => [el('code', {}, visible(k)), el('span', { class: 'value' }, settingWord(x)), el('span', { class: 'value' }, settingWord(y))]))) : el('p', {}, 'None.'));
}
