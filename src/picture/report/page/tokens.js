/*
 * tokens.js -- the text as the model has it: tokens with their probabilities, what else could have
 * stood there, what the sampler cut, and the pieces that each token was merged from.
 */

/* How a token came, in words and as a class: the border says it without colour. */
const sources = { bos: 'begins the text', prompt: 'of the prompt', generated: 'generated', forced: 'forced' };

/* What is said of a token beside what one sees. */
const tokenMore = (t) => `, position ${t.pos}, ${sources[t.source]}` + (t.rank === null ? '' : `, rank ${t.rank}`);

function tokensSection(box) {
	const rec = recording();
	if (!rec.tokens.length) {
		box.append(el('p', { class: 'note' }, 'The recording holds no tokens.'));
		return;
	}
	const panel = el('div', { class: 'panel', id: 'candidates' });
	const list = el('div', { class: 'tokens', role: 'listbox', 'aria-orientation': 'horizontal', 'aria-label': 'Tokens of the text' },
		rec.tokens.map((t) => {
			const p = probability(t.logprob);
			return el('span', { class: `token ${t.source}`, role: 'option', tabindex: t.pos === state.pos ? 0 : -1, 'aria-selected': String(t.pos === state.pos),
				dataset: { pos: t.pos, p: p ?? '' },
				onclick: () => setPos(t.pos), onfocus: () => setPos(t.pos),
				onpointerenter: (e) => e.pointerType === 'mouse' && showCandidates(panel, t.pos),
				onpointerleave: (e) => e.pointerType === 'mouse' && showCandidates(panel, state.pos) },
			el('bdi', { style: likely(p) }, tokenWord(t)), el('small', {}, p === null ? '\u00a0' : percent(p)), el('span', { class: 'unseen' }, tokenMore(t)));
		}));
	roving(list, '.token', along);
	box.append(el('p', {}, 'Each token with the probability that the model gave it, reading what stands before. Choose one to see what else could have stood there.'),
		el('p', { class: 'legend' }, 'not likely ', el('span', { class: 'ramp', 'aria-hidden': 'true' }), ' certain   ',
			['prompt', 'generated', 'forced'].filter((s) => rec.tokens.some((t) => t.source === s)).map((s) =>
				el('span', { class: `token ${s} sample` }, el('bdi', {}, s), ' ')),
			el('span', { class: 'token sample reads' }, el('bdi', {}, 'read by this pass'))),
		list, panel);

	const select = () => {
		for (const token of list.children) {
			const here = Number(token.dataset.pos) === state.pos;
			token.setAttribute('aria-selected', String(here));
			token.tabIndex = here ? 0 : -1;
		}
		showCandidates(panel, state.pos);
	};
	const read = () => {
		const pass = passOf(recording(), state.pass);
		if (!pass) return;
		for (const token of list.children) {
			const pos = Number(token.dataset.pos);
			token.classList.toggle('read', pos >= pass.pos0 && pos < pass.pos0 + pass.n_tok);
		}
	};
	on('pos', select);
	on('moment', read);
	select();
	read();
}

/* What could have stood at a position, and how the token there was made. */
function showCandidates(panel, pos) {
	const rec = recording();
	const t = rec.tokens[pos];
	refill(panel, el('h3', {}, 'Position ', String(pos), ': ', el('bdi', { class: 'piece' }, tokenWord(t)), el('small', {}, ` id ${t.id}, ${sources[t.source]}`)),
		el('div', { class: isGenerated(t) ? null : 'columns' }, candidatesOf(rec, pos - 1, t), mergesOf(rec, t)));
	if (pos === rec.tokens.length - 1 && rec.candidates[pos])
		panel.append(el('h3', {}, 'What would come next'), candidatesOf(rec, pos, null));
}

function candidatesOf(rec, pos, came) {
	const list = rec.candidates[pos];
	if (!list) return el('p', { class: 'note' }, pos < 0 ? 'Nothing stands before it, so the model did not guess it.' : 'What else could have stood here was not recorded.');
	const sampled = Boolean(rec.sampler[pos]);
	const held = list.reduce((sum, c) => sum + Math.exp(c.logprob), 0);
	const rows = list.map((c) => {
		const p = Math.exp(c.logprob);
		const here = came && c.id === came.id;
		return el('tr', { class: [c.kept ? null : 'cut', here ? 'came' : null].filter(Boolean).join(' ') || null },
			el('td', {}, num(c.rank)), el('th', { scope: 'row' }, el('bdi', { class: 'piece' }, c.piece === null ? `#${c.id}` : word(c.piece)), here ? el('small', {}, ' came') : null),
			el('td', { class: 'bar' }, el('span', { style: { width: `${100 * p}%` }, 'aria-hidden': 'true' })),
			el('td', {}, el('data', { value: String(c.logprob), title: `logprob ${c.logprob}` }, percent(p))), el('td', {}, num(c.logit)),
			sampled && el('td', {}, c.kept ? 'kept' : `cut by ${(c.cut_by ?? 'the sampler').replace('_', '-')}`));
	});
	return el('div', {}, scrollBox('Candidates', el('table', { class: 'candidates' }, el('caption', {}, `The likeliest at this position, having read up to ${positionWord(rec, pos)}`),
		el('thead', {}, el('tr', {}, ['rank', 'token', 'probability', 'logit', ...(sampled ? ['sampler'] : [])].map((h) => el('th', { scope: 'col', colspan: h === 'probability' ? 2 : null, class: h === 'logit' ? 'number' : null }, h)))),
		el('tbody', {}, rows))),
	el('p', { class: 'note' }, `These ${list.length} hold ${percent(Math.min(1, held))}.`, cutsWords(rec, pos)));
}

/* "temp 1,328 → top-k 20 → top-p 3 → pick rank 0" */
function cutsWords(rec, pos) {
	const events = rec.sampler[pos];
	if (!events) return null;
	return [' Sampler: ', events.map((e, i) => [i ? ' → ' : '', e.rule === 'pick' ? ['picked rank ', num(e.rank)] :
		[e.rule.replace('_', '-'), ' left ', num(e.rank)]]), '.'];
}

// ---- merges -------------------------------------------------------------------------------------

/*
 * The tree of a token's merges.  The rows say what was joined and where; a piece that was joined before
 * is the node of its text that is not part of another yet, the nearest to where it stands.
 */
function mergeTree(rec, t) {
	const rows = rec.merges.filter((m) => m.at !== null && m.at >= t.start && m.at < Math.max(t.end, t.start + 1));
	const open = [];
	const take = (text, at) => {
		let best = -1;
		open.forEach((n, i) => {
			if (n.text === text && n.at >= at && (best < 0 || n.at < open[best].at)) best = i;
		});
		return best < 0 ? { text, at, parts: [], rank: null } : open.splice(best, 1)[0];
	};
	for (const m of rows) {
		if (m.rule !== 'merge') continue;
		const left = take(m.left, m.at);
		const right = take(m.right, m.at);
		open.push({ text: m.merged, at: m.at, parts: [left, right], rank: m.rank });
	}
	return { rows, tree: open.length === 1 ? open[0] : null };
}

const treeNode = (n) => el('li', {}, el('span', { class: 'piece' }, visible(n.text ?? '∅'), n.rank === null ? null : el('small', {}, ` rule ${count(n.rank)}`)),
	n.parts.length ? el('ul', {}, n.parts.map(treeNode)) : null);

function mergesOf(rec, t) {
	if (t.start === null || t.end === null || isGenerated(t) || !rec.merges.length)
		return el('p', { class: 'note' }, isGenerated(t) ? 'The model wrote it whole: nothing was merged.' : 'No merges of it were recorded.');
	const { rows, tree } = mergeTree(rec, t);
	if (tree) return el('div', {}, el('h4', {}, 'Merged from'), el('ul', { class: 'tree' }, treeNode(tree)), /[Ġ▁]/.test(tree.text) ? el('p', { class: 'note' }, `${/Ġ/.test(tree.text) ? 'Ġ' : '▁'} stands for a blank.`) : null);
	if (!rows.length) return el('p', { class: 'note' }, 'It is one piece: nothing was merged.');
	return el('div', {}, el('h4', {}, 'Steps of the tokenizer'), el('ol', { class: 'steps' }, rows.map((m) => el('li', {}, m.rule, ' ',
		el('span', { class: 'piece' }, visible(m.left ?? '')), m.right === null ? null : [' + ', el('span', { class: 'piece' }, visible(m.right))],
		m.merged === null ? null : [' → ', el('span', { class: 'piece' }, visible(m.merged))]))));
}

// ---- sampling -----------------------------------------------------------------------------------

function samplingSection(box) {
	const rec = recording();
	const settings = rec.settings.find(([name]) => name === 'sampler')?.[1] ?? {};
	const positions = Object.keys(rec.sampler).map(Number).sort((a, b) => a - b);
	box.append(el('p', {}, 'How each token was picked. ', Object.entries(settings).map(([k, v], i) => [i ? ', ' : '', el('code', {}, `${k} ${v}`)])));
	if (!positions.length) {
		box.append(el('p', { class: 'note' }, 'No token was sampled in this recording.'));
		return;
	}
	const rules = [...new Set(positions.flatMap((p) => rec.sampler[p].map((e) => e.rule)))].filter((r) => r !== 'pick');
	const rows = positions.map((p) => {
		const pick = rec.sampler[p].find((e) => e.rule === 'pick');
		const t = rec.tokens[p + 1];
		const cut = (rec.candidates[p] ?? []).filter((c) => !c.kept);
		return [positionWord(rec, p), pick?.token_id !== undefined ? pieceOf(rec, pick.token_id) : '–', pick ? num(pick.rank) : '–',
			t && t.logprob !== null ? el('data', { value: String(t.logprob) }, percent(probability(t.logprob))) : '–',
			rules.map((r) => num(rec.sampler[p].find((e) => e.rule === r)?.rank)),
			cut.length ? `${cut.slice(0, 4).map((c) => (c.piece === null ? `#${c.id}` : word(c.piece))).join(', ')}${cut.length > 4 ? `, and ${cut.length - 4} more` : ''}` : 'none'].flat();
	});
	box.append(scrollBox('Picks of the sampler', table('Picks, and how many tokens each rule left',
		['having read', 'picked', 'rank', 'probability', ...rules.map((r) => `left by ${r.replace('_', '-')}`), 'cut of the likeliest'], rows)));
}
