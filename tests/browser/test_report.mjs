// test_report.mjs -- the page of `torchless report` in a real browser, without network.
//
// Records with the teaching model, makes reports, opens them as a student does, and holds what stands
// on the page against SQL over the same recording.  $TORCHLESS is the program; PAGE=files takes the
// page from the sources instead of from the program.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { escapeJson, page as pageOf } from './build.mjs';
import { launch, openPage, whole } from './browser.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const torchless = resolve(root, process.env.TORCHLESS ?? 'build/release/torchless');
const folder = mkdtempSync(join(tmpdir(), 'torchless-report-'));
const at = (name) => join(folder, name);
const run = (...args) => execFileSync(torchless, args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'pipe'] });
const sql = (file, text) => run('query', '-t', at(file), '--json', text).trim().split('\n').filter(Boolean).map((l) => JSON.parse(l));
const prompt = 'Once upon a time, there was a little girl named Lily';
const hostile = '</script><script>alert(1)</script><img src=x onerror=alert(2)> "\'&amp; {{data}} <!-- \u202eabc\u2028 ]]>';

let browser;

function record(file, text, ...options) {
	run('trace', text, '--capture', 'report', '-q', '-o', at(file), ...options);
}

function report(file, ...recordings) {
	const args = recordings.flatMap((r) => ['-t', at(r)]);
	if (process.env.PAGE === 'files') writeFileSync(at(file), pageOf(escapeJson(run('report', ...args, '--json'))));
	else run('report', ...args, '-q', '-o', at(file));
}

before(async () => {
	record('a.db', prompt, '-n', '8', '--temp', '0.8', '--top-k', '20', '--top-p', '0.95', '--seed', '1');
	record('b.db', prompt, '-n', '8', '--temp', '0.8', '--top-k', '20', '--top-p', '0.95', '--seed', '1', '--zero', 'L2.attn.z[head=1]');
	record('h.db', hostile, '-n', '2');
	report('a.html', 'a.db');
	report('two.html', 'a.db', 'b.db');
	report('h.html', 'h.db');
	browser = await launch();
}, { timeout: 300000 });

after(async () => {
	await browser?.close();
	rmSync(folder, { recursive: true, force: true });
});

/* Open a report, do something with it, and expect that it kept quiet: no word, no request. */
async function opened(file, options, work, mayBeSaid = () => false) {
	const { page, said } = await openPage(browser, options);
	await page.goto(pathToFileURL(at(file)).href + (options.hash ?? ''));
	await whole(page);
	await work(page);
	await page.close();
	assert.deepEqual(said.filter((words) => !mayBeSaid(words)), []);
}

/* The numbers of a table as they are, [first cell, numbers] a row; null where there is none. */
// What opens is filled by an event of its own, a moment after the click.
const numbersOf = async (page, selector) => {
	await page.locator(`${selector} tbody tr`).first().waitFor();
	return page.$$eval(`${selector} tbody tr`, (rows) => rows.map((r) => [r.querySelector('th').innerText.trim(),
		...[...r.querySelectorAll('td')].map((d) => d.querySelector('data') && Number(d.querySelector('data').value))]));
};
const address = (page) => page.evaluate(() => location.hash);
const text = (page, selector) => page.$eval(selector, (e) => e.textContent);

function near(a, b, what, tolerance = 0) {
	assert.ok(a === b || Math.abs(a - b) <= tolerance, `${what}: ${a} on the page, ${b} in the recording`);
}

test('a report opens quietly, in both themes and without a request', async () => {
	for (const theme of ['light', 'dark']) {
		await opened('a.html', { theme }, async (page) => {
			assert.equal(await text(page, '#prompt'), prompt);
			const [{ completion }] = sql('a.db', 'SELECT completion FROM v_run');
			assert.equal(await text(page, '#completion'), completion);
			assert.equal(await page.locator('main > section').count(), 12);
		});
	}
});

test('a moment is an address', async () => {
	await opened('a.html', { hash: '#2.33' }, async (page) => {
		const ops = JSON.parse(await text(page, '#data')).recordings[0].ops;
		assert.equal(await text(page, '#address'), '2.33');
		assert.equal(await text(page, '#formula'), ops[33].formula);
		assert.equal(await text(page, '#line'), ops[33].line);
		assert.match(await text(page, '#moment'), new RegExp(ops[33].module.replaceAll('.', '\\.')));
		await page.evaluate(() => { location.hash = '#1.5'; });
		await page.waitForFunction(() => document.getElementById('address').textContent === '1.5');
		// What does not exist is brought to what does.
		await page.evaluate(() => { location.hash = '#99.9999'; });
		await page.waitForFunction((n) => document.getElementById('address').textContent === `7.${n}`, ops.length - 1);
	});
});

test('keys walk the moments', async () => {
	await opened('a.html', { hash: '#0.0' }, async (page) => {
		const ops = JSON.parse(await text(page, '#data')).recordings[0].ops;
		const press = async (key, hash) => {
			await page.keyboard.press(key);
			assert.equal(await address(page), hash, key);
			assert.equal('#' + await text(page, '#address'), hash, key);
		};
		for (const [key, hash] of [['j', '#0.1'], ['k', '#0.0'], ['Space', '#0.1'], ['Shift+Space', '#0.0'], ['ArrowRight', '#0.1'], ['ArrowLeft', '#0.0'],
			['n', '#1.0'], ['n', '#2.0'], ['p', '#1.0'], ['k', `#0.${ops.length - 1}`], ['j', '#1.0'], ['p', '#0.0'], ['p', '#0.0'], ['k', '#0.0']]) await press(key, hash);
		const next = (i) => ops.findIndex((o, j) => j > i && o.module !== ops[i].module);
		await press('ArrowDown', `#0.${next(0)}`);
		await press('Shift+ArrowRight', `#0.${next(next(0))}`);
		await press('ArrowUp', `#0.${next(0)}`);
		assert.equal(await text(page, '#said'), `0.${next(0)}: ${ops[next(0)].op}, ${ops[next(0)].module}`);
		await page.keyboard.press('?');
		assert.ok(await page.locator('dialog[open]').isVisible());
		await page.locator('dialog input[type=checkbox]').uncheck();
		await page.keyboard.press('Escape');
		const before = await address(page);
		await page.keyboard.press('j');
		assert.equal(await address(page), before, 'keys that were switched off');
	});
});

test('keys belong to what has the focus', async () => {
	await opened('a.html', { hash: '#0.3' }, async (page) => {
		await page.locator('#values-filter').focus();
		await page.keyboard.type('jk n');
		assert.equal(await address(page), '#0.3');
		await page.locator('.tokens .token').first().focus();
		await page.keyboard.press('ArrowRight');
		assert.equal(await address(page), '#0.3');
		assert.equal(await page.locator('.token[aria-selected=true]').getAttribute('data-pos'), '1');
		await page.locator('#theme').focus();
		await page.keyboard.press('ArrowDown');
		assert.equal(await address(page), '#0.3');
	});
});

test('playing walks by itself until it is paused', async () => {
	await opened('a.html', { hash: '#0.0' }, async (page) => {
		await page.locator('#play').click();
		assert.equal(await page.locator('#play').getAttribute('aria-pressed'), 'true');
		// A busy machine may look less often than it plays.
		await page.waitForFunction(() => !['#0.0', '#0.1'].includes(location.hash));
		await page.locator('#play').click();
		assert.equal(await page.locator('#play').getAttribute('aria-pressed'), 'false');
	});
});

test('the moment is shown where it is', async () => {
	await opened('a.html', { hash: '#1.20' }, async (page) => {
		const { ops, points } = JSON.parse(await text(page, '#data')).recordings[0];
		const { module, points: made } = ops[20];
		assert.deepEqual(await page.$$eval('.call.here', (c) => c.map((e) => e.dataset.path)), [module]);
		assert.deepEqual(await page.$$eval('#values tr.here', (c) => c.map((e) => e.dataset.fqn)), made.map((p) => points[p].fqn));
		const read = await page.$$eval('.token.read', (t) => t.map((e) => Number(e.dataset.pos)));
		assert.deepEqual(read, sql('a.db', 'SELECT pos0 FROM pass WHERE idx = 1').map((p) => p.pos0));
		if (await page.locator('#graph g.node').count()) assert.equal(await page.locator('#graph .here').count(), 1);
	});
});

// ---- numbers are those of SQL ---------------------------------------------------------------------

test('tokens, candidates and picks equal SQL', async () => {
	await opened('a.html', {}, async (page) => {
		const tokens = sql('a.db', 'SELECT pos, logprob, rank, source FROM v_token ORDER BY pos');
		const shown = await page.$$eval('.tokens .token', (t) => t.map((e) => [Number(e.dataset.pos), e.dataset.p, e.textContent, e.className]));
		assert.equal(shown.length, tokens.length);
		tokens.forEach((t, i) => {
			assert.equal(shown[i][0], t.pos);
			if (t.logprob !== null) near(Number(shown[i][1]), Math.exp(t.logprob), `token ${t.pos}`, 1e-15);
			if (t.rank !== null) assert.match(shown[i][2], new RegExp(`rank ${t.rank}$`));
			assert.match(shown[i][3], new RegExp(`\\b${t.source}\\b`));
		});
		for (const pos of [5, tokens.length - 2]) {
			await page.locator(`.token[data-pos="${pos}"]`).click();
			const rows = await page.$$eval('#candidates table.candidates', (tables) => [...tables[0].querySelectorAll('tbody tr')].map((r) => [...[...r.querySelectorAll('data')].map((d) => Number(d.value)), r.className.includes('cut')]));
			const cands = sql('a.db', `SELECT rank, logprob, logit, kept FROM v_cand WHERE pos = ${pos - 1} ORDER BY rank`);
			assert.deepEqual(rows, cands.map((c) => [c.rank, c.logprob, c.logit, !c.kept]));
		}
		const events = sql('a.db', "SELECT data ->> 'rule' rule, data ->> 'pos' pos, data ->> 'rank' rank FROM event WHERE kind = 'sampler' AND json_valid(data) ORDER BY id");
		const picks = await numbersOf(page, '#sampling table');
		assert.equal(picks.length, new Set(events.map((e) => e.pos)).size);
		const topK = await page.$$eval('#sampling thead th', (t) => t.findIndex((h) => h.textContent === 'left by top-k'));
		const ranks = (rule) => events.filter((e) => e.rule === rule).map((e) => e.rank);
		assert.deepEqual(picks.map((p) => p[2]), ranks('pick'));
		assert.deepEqual(picks.map((p) => p[topK]), ranks('top_k'));
	});
});

test('a token shows what it was merged from', async () => {
	await opened('a.html', {}, async (page) => {
		const [m] = sql('a.db', "SELECT merged, t.pos FROM v_tok_step s JOIN v_token t ON s.at_byte = t.byte_start AND t.source = 'prompt' WHERE rule = 'merge' AND length(merged) > 3 ORDER BY seq DESC LIMIT 1");
		await page.locator(`.token[data-pos="${m.pos}"]`).focus();
		const tree = await page.$$eval('#candidates .tree .piece', (p) => p.map((e) => e.firstChild.data));
		assert.equal(tree[0], m.merged);
		assert.ok(tree.length > 2);
	});
});

test('values of a pass equal SQL, and can be sorted and filtered', async () => {
	await opened('a.html', {}, async (page) => {
		const all = page.locator('#values-list > .note button');
		if (await all.count()) await all.click();
		const rows = sql('a.db', 'SELECT fqn, l2, absmax, mean, std, vmin, vmax, n_nan, n_inf FROM v_value WHERE pass = 0 ORDER BY id');
		const names = await page.$$eval('#values-list tbody tr', (r) => r.map((e) => e.dataset.fqn));
		assert.deepEqual(names, rows.map((r) => r.fqn));
		const numbers = await numbersOf(page, '#values-list');
		rows.forEach((r, i) => assert.deepEqual(numbers[i].slice(2), [r.l2, r.absmax, r.mean, r.std, r.vmin, r.vmax, r.n_nan, r.n_inf], r.fqn));

		const sort = page.locator('#values-list thead button', { hasText: 'length' });
		await sort.click();
		assert.equal(await page.locator('#values-list th[aria-sort=descending]').count(), 1);
		const l2 = (await numbersOf(page, '#values-list')).map((r) => r[2]);
		assert.deepEqual(l2, rows.map((r) => r.l2).sort((a, b) => b - a));
		await sort.click();
		assert.deepEqual((await numbersOf(page, '#values-list')).map((r) => r[2]), [...l2].reverse());

		await page.locator('#values-filter').fill('L3 mlp');
		const left = await page.$$eval('#values-list tbody tr', (r) => r.map((e) => e.dataset.fqn).sort());
		assert.deepEqual(left, rows.map((r) => r.fqn).filter((f) => f.startsWith('model.layers.3.mlp')).sort());
	});
});

test('the moment’s values equal SQL', async () => {
	await opened('a.html', { hash: '#3.22' }, async (page) => {
		const [name, , , ...numbers] = (await numbersOf(page, '#moment table'))[0];
		const { ops, points } = JSON.parse(await text(page, '#data')).recordings[0];
		assert.ok(name.startsWith(points[ops[22].points[0]].short));
		const [v] = sql('a.db', `SELECT l2, absmax, mean, std, vmin, vmax FROM v_value WHERE pass = 3 AND fqn = '${points[ops[22].points[0]].fqn}'`);
		assert.deepEqual(numbers.slice(0, 6), Object.values(v));
	});
});

test('the lens equals SQL, and its cells can be walked', async () => {
	await opened('a.html', {}, async (page) => {
		for (const pos of [3, 12]) {
			const best = sql('a.db', `SELECT logprob FROM lens(0, ${pos}) WHERE rank = 0 ORDER BY layer`).map((r) => r.logprob);
			const cells = await page.$$eval(`.lens tbody td[data-pos="${pos}"]`, (c) => c.map((e) => Number(e.dataset.p)));
			assert.equal(cells.length, best.length);
			best.forEach((b, i) => near(cells[i], b, `the lens at ${pos}, row ${i}`, 1e-6));
		}
		await page.locator('.lens tbody td[data-layer="1"][data-pos="3"]').focus();
		await page.keyboard.press('ArrowRight');
		await page.keyboard.press('ArrowDown');
		assert.deepEqual(await page.evaluate(() => ({ ...document.activeElement.dataset, p: undefined })), { layer: '2', pos: '4', p: undefined });
		assert.match(await text(page, '#lens-says'), /^layer 1 at 4 /);
		assert.equal(await page.locator('.lens td[tabindex="0"]').count(), 1);
	});
});

test('attention equals SQL, by cell and by row, as cells and as lines', async () => {
	await opened('a.html', {}, async (page) => {
		const exact = JSON.parse(await text(page, '#data')).recordings[0].attention.encoding === 'f32';
		await page.locator('#attention select').first().selectOption('3');
		await page.locator('#attention .heads button').nth(2).click();
		assert.equal(await text(page, '#attention h3'), 'Layer 3, head 2');
		const { q: first, k: most } = sql('a.db', `SELECT q, k FROM attn WHERE layer = 3 AND head = 2 AND q = ${await page.locator('#growth select').inputValue()} ORDER BY p DESC LIMIT 1`)[0];
		assert.match(await text(page, '#attention-says'), new RegExp(`^${first} .* looks at ${most} `), 'one begins at what is looked at most');
		await page.locator('#matrix').focus();
		for (const key of ['Home', 'ArrowUp', 'ArrowRight', 'ArrowRight']) await page.keyboard.press(key);
		assert.equal(await address(page), '');
		const [, q, k] = /^(\d+) .* looks at (\d+) /.exec(await text(page, '#attention-says')).map(Number);
		assert.equal(k, 2);
		const row = sql('a.db', `SELECT p FROM attn WHERE layer = 3 AND head = 2 AND q = ${q} ORDER BY k`).map((r) => r.p);
		near(Number(await page.$eval('#attention-says data', (d) => d.value)), row[k], 'the cell', exact ? 0 : 1 / 508);
		await page.locator('#attention details summary').click();
		const numbers = await numbersOf(page, '#attention .numbers');
		assert.equal(numbers.length, row.length);
		row.forEach((p, i) => near(numbers[i][1], p, `key ${i}`, exact ? 0 : 1 / 508));
		await page.locator('#attention .switches button', { hasText: 'Lines' }).click();
		assert.ok(await page.locator('#attention svg.lines line').count() > 3);
	});
});

test('the growth of the stream and the split of the logit equal SQL', async () => {
	await opened('a.html', {}, async (page) => {
		await page.locator('#growth details summary').click();
		const rows = await numbersOf(page, '#growth table');
		const want = sql('a.db', "SELECT v.fqn, x.pos, x.l2 FROM v_position x JOIN v_value v ON v.id = x.value_id WHERE v.fqn = 'model.layers.2:out' ORDER BY x.pos");
		const layer2 = rows.find((r) => r[0] === 'layer 2');
		want.forEach((w) => near(layer2[1 + w.pos], w.l2, `l2 at ${w.pos}`));

		const { attribution } = JSON.parse(await text(page, '#data')).recordings[0];
		const [{ logit }] = sql('a.db', `SELECT logit FROM v_cand WHERE pos = ${attribution.pos} AND token_id = ${attribution.token}`);
		near(Number(await page.$eval('#logit data', (d) => d.value)), logit, 'the logit');
		near(Number(await page.$eval('#sum data', (d) => d.value)), logit, 'the sum of its parts', 1e-4);
		const parts = (await numbersOf(page, '#answer table')).map((r) => r[1]);
		const heads = await page.$$eval('#answer tr.inner', (r) => r.length);
		assert.equal(heads, attribution.parts.filter((p) => p.kind === 'head').length);
		assert.ok(parts.length > heads);
		const open = page.locator('#answer button.open').first();
		await open.click();
		assert.equal(await open.getAttribute('aria-expanded'), 'true');
		assert.ok(await page.locator('#answer tr.inner').first().isVisible());
	});
});

test('times equal SQL, and the icicle can be walked and looked into', async () => {
	await opened('a.html', {}, async (page) => {
		await page.locator('#time details summary').click();
		const rows = await numbersOf(page, '#time details table');
		const want = sql('a.db', "SELECT module, dur, ts - min(ts) OVER () began, bytes FROM v_span WHERE pass = 0 ORDER BY id");
		assert.equal(rows.length, want.length);
		want.forEach((w, i) => assert.deepEqual([rows[i][0], ...rows[i].slice(2)], [w.module || 'the model', w.dur, w.began, w.bytes]));
		const calls = page.locator('.icicle .call');
		assert.equal(await calls.count(), want.length);
		await calls.first().focus();
		await page.keyboard.press('ArrowDown');
		assert.equal(await page.evaluate(() => document.activeElement.dataset.path), 'model');
		await page.keyboard.press('ArrowDown');
		await page.keyboard.press('End');
		await page.keyboard.press('ArrowLeft');
		await page.keyboard.press('Enter');
		const looked = await page.evaluate(() => document.activeElement.dataset.path);
		assert.match(looked, /^model\.layers\.\d+$/);
		assert.ok((await page.$$eval('.icicle .call', (c) => c.map((e) => e.dataset.path))).every((p) => p.startsWith(looked) || looked.startsWith(p)));
		await page.keyboard.press('Escape');
		await page.keyboard.press('Escape');
		assert.equal(await calls.count(), want.length);
	});
});

test('words of the graph stay in their boxes', async () => {
	await opened('a.html', {}, async (page) => {
		const wide = await page.$$eval('#graph svg g.node', (nodes) => nodes.flatMap((node) => {
			const box = node.getBoundingClientRect();
			const shape = [...node.querySelectorAll('polygon, path, ellipse')].map((s) => s.getBoundingClientRect());
			if (!shape.length) return [];
			const right = Math.max(...shape.map((s) => s.right));
			return box.right > right + 2 ? [node.id || node.textContent.trim()] : [];
		}));
		assert.deepEqual(wide, []);
	});
});

test('the graph is a picture that can be walked, and nothing else', async () => {
	await opened('a.html', {}, async (page) => {
		if (!await page.locator('#graph svg').count()) return; // without Graphviz a sentence stands there
		const names = await page.$$eval('#graph g.node[role]', (n) => n.map((e) => [e.textContent.trim(), e.id]));
		assert.ok(names.length > 5 && names.every(([label, id]) => label && id.startsWith('g:')));
		assert.equal(await page.locator('#graph a, #graph title, #graph script').count(), 0);
		assert.equal(await page.locator('#graph g.node[tabindex="0"]').count(), 1);
		await page.locator('#graph g.node[tabindex="0"]').focus();
		await page.keyboard.press('ArrowDown');
		assert.ok((await text(page, '#graph-says')).length > 20);
		const target = page.locator('#graph g.node[data-point$="mlp.up_proj:out"]').first();
		await target.focus();
		await page.keyboard.press('Enter');
		assert.match(await text(page, '#what'), /mlp\.up_proj/);
		assert.equal(await page.$eval('#graph .here', (n) => n.dataset.point.endsWith('mlp.up_proj:out')), true);
		const l2 = Number(await page.$eval('#graph-says table data', (d) => d.value));
		assert.equal(l2, sql('a.db', "SELECT l2 FROM v_value WHERE pass = 0 AND fqn LIKE '%mlp.up_proj:out' ORDER BY id LIMIT 1")[0].l2);
	});
});

// ---- two recordings -------------------------------------------------------------------------------

test('two recordings: what differs, as SQL has it', async () => {
	await opened('two.html', {}, async (page) => {
		const diff = sql('a.db', `SELECT pass, fqn, verdict, nmse, max_abs FROM trace_diff('${at('a.db')}', '${at('b.db')}') WHERE pass IS NOT NULL ORDER BY ord`);
		const first = diff.find((d) => d.verdict !== 'equal');
		assert.equal(await text(page, '#first-difference'), first.fqn);
		const href = await page.locator('#first-difference').getAttribute('href');
		await page.locator('#first-difference').click();
		assert.equal(await address(page), href);
		// The page hears of its new address by an event of its own.
		await page.waitForFunction(() => /differs/.test(document.querySelector('#moment table')?.textContent));
		await page.locator('#difference select').selectOption('all');
		const all = page.locator('#difference-list > .note button');
		if (await all.count()) await all.click();
		const rows = await page.$$eval('#difference-list tbody tr', (r) => r.map((e) => [Number(e.dataset.pass), e.dataset.fqn, e.dataset.verdict]));
		assert.deepEqual(rows.map((r) => r.slice(0, 2)), diff.map((d) => [d.pass, d.fqn]));
		rows.forEach((r, i) => assert.equal(r[2] === 'equal', diff[i].verdict === 'equal', r[1]));
		assert.match(await text(page, '#difference'), /edits/);
		await page.locator('button', { hasText: 'Recording B' }).click();
		await whole(page);
		assert.match(await text(page, '#settings'), /zero/);
		await page.keyboard.press('Escape');
	});
});

// ---- strangers ------------------------------------------------------------------------------------

test('a prompt that is HTML is text', async () => {
	await opened('h.html', {}, async (page) => {
		const shown = await text(page, '#prompt');
		assert.ok(shown.startsWith('</script><script>alert(1)</script><img src=x onerror=alert(2)> "\'&amp; {{data}} <!-- \\u202eabc\\u2028 ]]>'), shown);
		assert.equal(await page.locator('img').count(), 0);
		assert.equal(await page.locator('script').count(), 2);
	});
});

test('data that is hostile in every text stays text', async () => {
	const data = JSON.parse(run('report', '-t', at('a.db'), '--json'));
	const evil = '<img src=x onerror=alert(1)>"\'&</script>\u202e';
	const spoil = (x) => (typeof x === 'string' ? (/^[A-Za-z0-9+/=]{200,}$/.test(x) ? x : x + evil) : Array.isArray(x) ? x.map(spoil) : x && typeof x === 'object' ? Object.fromEntries(Object.entries(x).map(([k, v]) => [k, ['encoding', 'source', 'phase', 'started', 'stats', 'bytes', 'shape'].includes(k) ? v : spoil(v)])) : x);
	const spoiled = { ...data, recordings: data.recordings.map(spoil) };
	spoiled.recordings[0].graph = `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="100pt" height="50pt" onload="alert(1)"><script>alert(2)</script>
		<style>@import url(http://127.0.0.1:1/x.css);</style><image href="http://127.0.0.1:1/i.png" width="9" height="9"/><use href="http://127.0.0.1:1/u.svg#x"/>
		<foreignObject><body xmlns="http://www.w3.org/1999/xhtml"><img src="x" onerror="alert(3)"/></body></foreignObject>
		<g id="main" class="node" onclick="alert(4)" style="fill:url(http://127.0.0.1:1/p)"><a xlink:href="javascript:alert(5)" xlink:title="x"><polygon fill="url(http://127.0.0.1:1/f)" points="0,0 9,0 9,9"/><text>${'&lt;b&gt;'}</text></a></g></svg>`;
	writeFileSync(at('evil.html'), pageOf(escapeJson(JSON.stringify(spoiled))));
	await opened('evil.html', {}, async (page) => {
		assert.equal(await page.locator('img, image, use, foreignObject, #graph script, #graph style, #graph [style], #graph [onclick], #graph a').count(), 0);
		assert.equal(await page.locator('#graph g.node').count(), 1);
		assert.equal(await page.locator('[id="main"]').count(), 1);
		assert.equal(await page.evaluate(() => document.body.innerText.includes('\u202e')), false);
		await page.locator('#graph g.node').focus();
		await page.keyboard.press('Enter');
		assert.equal(await page.locator('.note.bad', { hasText: 'could not be drawn' }).count(), 0);
		// The parser says that it will not run the handlers; then they are left out.
	}, (words) => /Executing inline event handler violates/.test(words));
});

test('a recording with nothing in it still makes a page', async () => {
	const [rec] = JSON.parse(run('report', '-t', at('a.db'), '--json')).recordings;
	const nothing = { ...rec, prompt: null, completion: null, tokens: [], merges: [], candidates: {}, sampler: {}, passes: [], values: {}, spans: {}, edits: [], graph: null, graph_missing: 'No graph.',
		residual: { ...rec.residual, l2: [], points: [] }, lens: { ...rec.lens, points: [], cells: [], missing: 'No lens.' }, attention: { ...rec.attention, layers: [], positions: 0, data: '', missing: 'No attention.' },
		attribution: { ...rec.attribution, parts: [], missing: 'No split.' }, left_out: ['Everything.'] };
	writeFileSync(at('nothing.html'), pageOf(escapeJson(JSON.stringify({ format: 1, program: 'torchless', recordings: [nothing], difference: null }))));
	await opened('nothing.html', { hash: '#0.5' }, async (page) => {
		assert.equal(await page.locator('.note.bad').count(), 0);
		for (const sentence of ['No graph.', 'No lens.', 'No attention.', 'No split.', 'Everything.', 'no text']) assert.match(await text(page, 'body'), new RegExp(sentence));
	});
});

// ---- everybody ------------------------------------------------------------------------------------

test('no page is wider than its window, from 360 to 1600 pixels', async () => {
	for (const file of ['a.html', 'two.html', 'h.html']) {
		await opened(file, { width: 1600, hash: '#1.20' }, async (page) => {
			for (const width of [1600, 1280, 700, 360]) {
				await page.setViewportSize({ width, height: 900 });
				const wide = await page.evaluate(() => document.documentElement.scrollWidth);
				assert.ok(wide <= width, `${file} is ${wide} wide at ${width}`);
				const out = await page.evaluate((w) => [...document.querySelectorAll('main section > .body > *, header > *, #bar > *')].filter((e) => e.getBoundingClientRect().right > w + 1).map((e) => e.className || e.tagName), width);
				assert.deepEqual(out, []);
			}
		});
	}
});

test('axe finds nothing to complain about, in either theme', async () => {
	const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
	for (const [file, theme, width] of [['a.html', 'dark', 1280], ['two.html', 'light', 360]]) {
		const { page } = await openPage(browser, { theme, width });
		await page.goto(pathToFileURL(at(file)).href + '#1.20');
		await whole(page);
		await page.locator('.token').nth(3).focus();
		// A row that is half under the head of its box would count as a small target.
		await page.$$eval('.scroll', (all) => all.forEach((box) => { box.scrollTop = 0; }));
		await page.evaluate(axe);
		const found = await page.evaluate(async () => (await window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], resultTypes: ['violations'] }))
			.violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)).join(' | ')}`));
		await page.close();
		assert.deepEqual(found, [], `${file} ${theme} ${width}`);
	}
});

test('every control has a name, every table its heads', async () => {
	await opened('two.html', {}, async (page) => {
		const nameless = await page.$$eval('button, select, input, [tabindex="0"], canvas:not([aria-hidden])', (all) => all.filter((e) => !(e.getAttribute('aria-label') || e.labels?.length || e.textContent.trim())).map((e) => e.outerHTML.slice(0, 100)));
		assert.deepEqual(nameless, []);
		const headless = await page.$$eval('table', (all) => all.filter((t) => !t.caption || !t.querySelector('thead th[scope="col"]') || t.querySelector('th:not([scope])')).map((t) => t.outerHTML.slice(0, 120)));
		assert.deepEqual(headless, []);
		const levels = await page.$$eval('h1, h2, h3, h4', (h) => h.filter((e) => !e.closest('dialog')).map((e) => Number(e.tagName[1])));
		levels.forEach((l, i) => assert.ok(!i || l <= levels[i - 1] + 1, `heading ${i} jumps to ${l}`));
	});
});

test('the Tab key reaches each section once or a few times, not every cell', async () => {
	await opened('a.html', {}, async (page) => {
		const stops = await page.evaluate(() => [...document.querySelectorAll('#tokens, #lens, #time .icicle, #attention .heads, #graph svg')].map((s) => s.querySelectorAll('[tabindex="0"]').length));
		assert.ok(stops.every((n) => n <= 4), stops.join());
	});
});

test('the theme can be chosen and is kept', async () => {
	await opened('a.html', { theme: 'light' }, async (page) => {
		const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
		const light = await ground();
		await page.locator('#theme').selectOption('dark');
		assert.notEqual(await ground(), light);
		await page.reload();
		await whole(page);
		assert.notEqual(await ground(), light);
		await page.locator('#theme').selectOption('auto');
		assert.equal(await ground(), light);
	});
});

test('printed, everything is there', async () => {
	await opened('a.html', { theme: 'dark' }, async (page) => {
		const pdf = await page.pdf({ format: 'A4', preferCSSPageSize: true });
		assert.equal(pdf.subarray(0, 5).toString(), '%PDF-');
		const pages = pdf.toString('latin1').match(/\/Type\s*\/Page\b/g).length;
		assert.ok(pages >= 4 && pages < 60, `${pages} pages`);
		assert.match(pdf.toString('latin1'), /\/Type\s*\/Font\b/, 'words are on them');
		await page.emulateMedia({ media: 'print' });
		await page.evaluate(() => dispatchEvent(new Event('beforeprint')));
		assert.equal(await page.evaluate(() => document.querySelectorAll('main details:not([open])').length), 0);
		assert.equal(await page.locator('#bar').isVisible(), false);
		assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), 'rgb(255, 255, 255)');
		await page.evaluate(() => dispatchEvent(new Event('afterprint')));
		assert.ok(await page.evaluate(() => document.querySelectorAll('main details:not([open])').length) > 0);
	});
});

test('sections are made when they come into view, and the first at once', async () => {
	const { page } = await openPage(browser, {});
	await page.goto(pathToFileURL(at('a.html')).href);
	const took = await page.evaluate(() => performance.getEntriesByType('paint').find((p) => p.name === 'first-contentful-paint')?.startTime ?? performance.now());
	assert.ok(took < 10000, `first paint after ${took} ms`);
	await whole(page);
	await page.close();
});

test('without JavaScript a sentence says so', async () => {
	const page = await browser.newPage();
	const client = await page.context().newCDPSession(page);
	await client.send('Emulation.setScriptExecutionDisabled', { value: true });
	await page.goto(pathToFileURL(at('a.html')).href);
	assert.match(await page.locator('noscript').innerText(), /JavaScript/);
	await page.close();
});
