/*
 * values.js -- every value of a pass with its statistics: a table that can be sorted and filtered.
 */

const valueColumns = [['value', (v) => v.short], ['shape', (v) => v.shape], ['length (l2)', (v) => v.l2], ['largest', (v) => v.absmax], ['mean', (v) => v.mean],
	['deviation', (v) => v.std], ['min', (v) => v.min], ['max', (v) => v.max], ['NaN', (v) => v.n_nan], ['inf', (v) => v.n_inf]];

/*
 * A table whose heads sort: columns are [name, key], `cells(row)` makes its cells.  Rows without a key
 * stand last either way.  Shows `limit` rows until it is asked for all.
 */
function sortable(caption, columns, rows, cells, limit = 150) {
	let by = -1, down = false, all = false;
	const body = el('tbody');
	const rest = el('p', { class: 'note' });
	const isNumber = (i) => node.rows.some((r) => typeof columns[i][1](r) === 'number');
	const heads = columns.map(([name], i) => el('th', { scope: 'col' }, el('button', { type: 'button', onclick: () => {
		if (by !== i) [by, down] = [i, i > 0];
		else down = !down;
		draw();
	} }, name)));
	const words = el('caption', {}, caption);
	const node = el('div', {}, scrollBox(caption, el('table', { class: 'sortable' }, words, el('thead', {}, el('tr', {}, heads)), body)), rest);
	function draw() {
		heads.forEach((h, i) => h.classList.toggle('number', isNumber(i)));
		heads.forEach((h, i) => (i === by ? h.setAttribute('aria-sort', down ? 'descending' : 'ascending') : h.removeAttribute('aria-sort')));
		const sorted = [...node.rows];
		if (by >= 0) {
			const key = columns[by][1];
			sorted.sort((a, b) => {
				const [x, y] = [key(a), key(b)];
				if (x === null || y === null || x === undefined || y === undefined) return (x ?? null) === null ? ((y ?? null) === null ? 0 : 1) : -1;
				const order = typeof x === 'string' ? x.localeCompare(y, 'en', { numeric: true }) : x - y;
				return down ? -order : order;
			});
		}
		const shown = all ? sorted : sorted.slice(0, limit);
		refill(body, ...shown.map((r) => {
			const [first, ...others] = cells(r);
			return el('tr', node.rowProps?.(r) ?? {}, el('th', { scope: 'row' }, first), others.map((c) => el('td', {}, c)));
		}));
		refill(rest, sorted.length > shown.length ? `The first ${shown.length} of ${count(sorted.length)}. ` : `${many(sorted.length, 'row')}. `,
			sorted.length > shown.length ? el('button', { type: 'button', onclick: () => { all = true; draw(); } }, 'Show all') : '');
	}
	node.rows = rows;
	node.draw = draw;
	draw();
	return node;
}

function valuesSection(box) {
	const rec = recording();
	const all = runs(rec).filter((p) => rec.values[p.idx]);
	if (!all.length) {
		box.append(el('p', { class: 'note' }, 'The statistics of values are not in this page.'));
		return;
	}
	let pass = rec.values[state.pass] ? state.pass : all[0].idx;
	let filter = '';
	const list = sortable('Statistics of the values', valueColumns, [], (v) => [
		el('a', { href: `#${pass}.${Math.max(0, opOf(rec, v.fqn))}`, title: `${v.fqn}${v.doc ? ': ' + v.doc : ''}` }, el('code', {}, v.short)), v.shape.replaceAll(',', ' × '),
		num(v.l2), num(v.absmax), num(v.mean), num(v.std), num(v.min), num(v.max), el('span', { class: v.n_nan ? 'bad' : null }, num(v.n_nan)), el('span', { class: isBad(v) && v.n_inf ? 'bad' : null }, num(v.n_inf))]);
	list.rowProps = (v) => ({ dataset: { fqn: v.fqn }, class: isBad(v) ? 'bad' : null });
	list.id = 'values-list';
	const input = el('input', { type: 'search', id: 'values-filter', placeholder: 'mlp, L3, rms …', oninput: () => {
		filter = input.value.trim().toLowerCase();
		fill();
	} });
	const fill = () => {
		list.rows = valuesOf(rec, pass).filter((v) => filter.split(/\s+/).every((w) => v.fqn.toLowerCase().includes(w) || v.short.toLowerCase().includes(w) || (v.role ?? '').toLowerCase().includes(w)));
		list.draw();
		here();
	};
	const here = () => {
		const names = new Set(recording().ops[state.op]?.points.map((p) => rec.points[p].fqn) ?? []);
		const rows = [...list.querySelectorAll('tbody tr')];
		rows.forEach((tr) => tr.classList.toggle('here', pass === state.pass && names.has(tr.dataset.fqn)));
		const now = rows.find((tr) => tr.classList.contains('here'));
		const frame = list.querySelector('.scroll');
		// Inside of its box, so that the page stays where it is.
		if (now && (now.offsetTop < frame.scrollTop + 60 || now.offsetTop > frame.scrollTop + frame.clientHeight - 60)) frame.scrollTop = now.offsetTop - frame.clientHeight / 2;
	};
	const select = choice('Pass', all.map((p) => [p.idx, `${p.idx} · ${p.phase} · ${many(p.n_tok, 'token')}`]), pass, (v) => {
		pass = Number(v);
		fill();
	});
	if (rec.bad) box.append(el('p', { class: 'note bad' }, 'The first bad value: ', el('a', { href: `#${rec.bad.pass}.${Math.max(0, opOf(rec, rec.bad.fqn))}` }, el('code', {}, visible(rec.bad.fqn))), ` in pass ${rec.bad.pass}.`));
	box.append(el('p', {}, 'What was measured of every value, in the order in which they were made. A name leads to the moment that made it.'),
		el('div', { class: 'controls' }, select, el('label', { class: 'choice' }, 'Only ', input)), list);
	on('moment', () => {
		if (state.pass !== pass && rec.values[state.pass]) {
			pass = state.pass;
			select.querySelector('select').value = pass;
			fill();
		} else here();
	});
	fill();
}
