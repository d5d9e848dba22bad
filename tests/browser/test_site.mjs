// test_site.mjs -- the pages of the course (`make site`) in a real browser, without network.
//
// Every page at the width of a phone and of a desktop, in both themes: nothing sticks out, every link
// leads somewhere, every picture is there, no page says or asks anything, and what stands in lesson.md
// stands on the page. $SITE is the folder of pages, $COURSE that of the lessons.
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { launch, openPage } from './browser.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const site = resolve(root, process.env.SITE ?? 'build/site'), course = resolve(root, process.env.COURSE ?? 'lessons');
const names = readdirSync(site).filter((f) => f.endsWith('.html')).sort();
const lessons = names.filter((f) => f !== 'index.html');
const widths = [360, 1400];

let browser;
before(async () => {
	browser = await launch();
}, { timeout: 300000 });
after(async () => browser?.close());

/* Pages one after the other, of which only their own files are asked for, and which say nothing. */
async function visited(visit, options, work) {
	const { page, said } = await openPage(browser, options);
	for (const name of visit) {
		await page.goto(pathToFileURL(join(site, name)).href);
		await work(page, name);
		assert.deepEqual(said.filter((words) => !words.startsWith('request: file:') && !words.startsWith('request: data:')), [], name);
	}
	await page.close();
}

/* Headings of lesson.md, outside of fences and comments. */
function headingsOf(markdown) {
	const text = markdown.replace(/^(```+|~~~+)[^]*?^\1`*~*\s*$/gm, '').replace(/<!--[^]*?-->/g, '');
	return [...text.matchAll(/^#{1,4} +(.*?) *#*$/gm)].map((m) => m[1].replace(/`/g, '').replace(/\*+([^*]*)\*+/g, '$1'));
}

test('there is a page for every lesson, and an index that leads to each', async () => {
	const written = readdirSync(course).filter((d) => /^\d\d-/.test(d) && existsSync(join(course, d, 'lesson.md')));
	assert.deepEqual(lessons, written.sort().map((d) => `${d}.html`));
	await visited(['index.html'], {}, async (page) => {
		const links = await page.$$eval('.path a', (all) => all.map((a) => a.getAttribute('href')));
		assert.deepEqual([...links].sort(), lessons);
	});
});

/* Pictures are made when they come near: have all. */
const pictures = (page) => page.evaluate(async () => {
	for (const image of document.images) image.loading = 'eager';
	await Promise.all([...document.images].map((i) => i.decode().catch(() => {})));
	return [...document.images].filter((i) => !i.naturalWidth || !i.alt).map((i) => i.src);
});
const overflow = (page) => page.evaluate(() => document.scrollingElement.scrollWidth - document.documentElement.clientWidth);

for (const width of widths)
	test(`nothing sticks out or is missing, ${width} pixels wide`, { timeout: 600000 }, async () => {
		await visited(names, { width }, async (page, name) => {
			assert.deepEqual(await pictures(page), [], name);
			for (const colorScheme of ['light', 'dark']) {
				await page.emulateMedia({ colorScheme });
				const wide = await overflow(page);
				assert.ok(wide <= 0, `${name} sticks out by ${wide} pixels`);
			}
			assert.equal(await page.locator('h1').count(), 1, name);
		});
	});

test('what stands in lesson.md stands on its page', { timeout: 600000 }, async () => {
	const squeeze = (s) => s.replace(/\s+/g, ' ').trim();
	await visited(lessons, {}, async (page, name) => {
		const markdown = readFileSync(join(course, name.replace('.html', ''), 'lesson.md'), 'utf8');
		const there = await page.evaluate(() => {
			const texts = (selector) => [...document.querySelectorAll(selector)].map((e) => e.textContent);
			return { headings: texts('main :is(h1, h2, h3, h4)'), text: texts('main')[0], steps: texts('.step figcaption b'),
				how: texts('section.exercise .how').length, hints: texts('section.exercise details').length };
		});
		assert.deepEqual(there.headings.map(squeeze), headingsOf(markdown).map(squeeze), name);
		assert.ok(!there.text.includes('<!--') && !there.text.includes('-->'), `${name} shows a comment`);
		assert.deepEqual(there.steps, [...markdown.matchAll(/^```sh .*?\bstep=([a-z0-9-]+)/gm)].map((m) => m[1]), name);
		const exercises = [...markdown.matchAll(/^### Exercise ([a-z0-9-]+):/gm)].length;
		assert.equal(there.how, exercises, name);
		assert.equal(there.hints, 3 * exercises, `${name}: three hints an exercise`);
	});
});

test('every link leads to a page, a part of it or a file', { timeout: 600000 }, async () => {
	const found = new Map();
	await visited(names, {}, async (page, name) => {
		found.set(name, await page.evaluate(() => ({
			ids: [...document.querySelectorAll('[id]')].map((e) => e.id),
			links: [...document.querySelectorAll('a[href], link[href], img[src]')].map((e) => e.getAttribute('href') ?? e.getAttribute('src')),
		})));
	});
	for (const [name, { ids, links }] of found) {
		assert.equal(new Set(ids).size, ids.length, `${name}: an id stands twice`);
		for (const link of links.filter((l) => !/^(https|data):/.test(l))) {
			const [file, hash] = decodeURI(link).split('#'), target = file || name;
			assert.ok(existsSync(join(site, dirname(name), target)), `${name}: ${link} leads nowhere`);
			if (hash) assert.ok(found.get(target)?.ids.includes(hash), `${name}: ${link} has no such part`);
		}
	}
});

test('who cannot see or use a mouse can read it', { timeout: 600000 }, async () => {
	const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
	await visited(['index.html', ...lessons.slice(0, 1), ...lessons.slice(5, 6)], { width: 360 }, async (page, name) => {
		await page.evaluate(axe);
		for (const colorScheme of ['light', 'dark']) {
			await page.emulateMedia({ colorScheme });
			const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'], preload: false }));
			assert.deepEqual(violations.map((v) => `${v.id}: ${v.nodes[0].html.slice(0, 120)}`), [], `${name}, ${colorScheme}`);
		}
	});
});

test('it can be printed', { timeout: 300000 }, async () => {
	await visited([lessons[0] ?? 'index.html'], {}, async (page) => {
		const pdf = await page.pdf({ format: 'A4' });
		assert.match(pdf.toString('latin1'), /\/Type\s*\/Font\b/, 'words are on it');
		await page.emulateMedia({ media: 'print' });
		assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), 'rgb(255, 255, 255)');
		assert.equal(await page.locator('#contents').isVisible(), false);
	});
});

/* ---- making it -------------------------------------------------------------------------------- */

test('an exercise is answered as the terminal has it', () => {
	const how = (lesson) => readFileSync(join(site, `${lesson}.html`), 'utf8').match(/<p class="how">.*?<\/p>/g).join('\n');
	assert.match(how('16-roofline'), /answer predict-decode VALUE</, 'a measurement is predicted, not checked');
	assert.match(how('01-tokens'), /answer [\w-]+ broken-a=KEY broken-b=KEY broken-c=KEY</);
	assert.match(how('05-rope'), /answer [\w-]+ 'PLACE KEY'</);
});

const make = (...words) => spawnSync(process.execPath, [join(root, 'scripts/site/site.mjs'), ...words], { encoding: 'utf8' });

test('a folder that is no site is left alone', () => {
	const folder = mkdtempSync(join(tmpdir(), 'torchless-site-'));
	try {
		writeFileSync(join(folder, 'mine'), 'mine');
		const refused = make('--course', course, '--out', folder);
		assert.equal(refused.status, 2, refused.stderr);
		assert.match(refused.stderr, /is no site that could be made again/);
		assert.ok(existsSync(join(folder, 'mine')));
		for (let i = 0; i < 2; i++) assert.equal(make('--course', course, '--out', join(folder, 'site')).status, 0);
	} finally {
		rmSync(folder, { recursive: true });
	}
});

test('a lesson of the order that is not there is told', () => {
	const folder = mkdtempSync(join(tmpdir(), 'torchless-site-'));
	try {
		cpSync(join(root, 'tests/support/course'), join(folder, 'course'), { recursive: true });
		rmSync(join(folder, 'course', '01-second', 'lesson.md'));
		const made = make('--course', join(folder, 'course'), '--out', join(folder, 'site'));
		assert.equal(made.status, 1);
		assert.match(made.stderr, /course.conf has 01-second in its order/);
	} finally {
		rmSync(folder, { recursive: true });
	}
});
