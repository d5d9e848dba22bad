/*
 * page.js -- puts the page together: header, sections that are made when they come into view, the
 * theme, the address.
 */

const sections = [
	['difference', 'Differences', differenceSection, () => Boolean(data.difference)],
	['tokens', 'Tokens', tokensSection],
	['moment', 'The moment', momentSection],
	['lens', 'What each layer would say', lensSection],
	['attention', 'Attention', attentionSection],
	['growth', 'Growth of the residual stream', growthSection],
	['answer', 'What made the answer', answerSection],
	['time', 'Time by module', timeSection],
	['graph', 'The graph', graphSection],
	['values', 'Values of a pass', valuesSection],
	['sampling', 'Sampling', samplingSection],
	['settings', 'Configuration', settingsSection],
	['left-out', 'What was left out', leftOutSection],
].filter(([, , , when]) => !when || when());

function header() {
	const rec = recording();
	const { model } = rec;
	const top = document.getElementById('top');
	const themes = choice('Theme', [['auto', 'as the system'], ['light', 'light'], ['dark', 'dark']], theme, setTheme);
	themes.querySelector('select').id = 'theme';
	const text = rec.prompt === null ? el('p', { class: 'note' }, 'The recording keeps no text.') :
		el('blockquote', { class: 'text', id: 'text' }, el('span', { id: 'prompt' }, visibleLines(rec.prompt)), el('b', { id: 'completion' }, visibleLines(rec.completion ?? '')));
	const passes = runs(rec);
	const facts = [['Model', [`${visible(model.name)}: ${many(model.n_layers, 'layer')}, width ${count(model.d_model)}, ${many(model.n_heads, 'head')}`,
		model.n_kv_heads === model.n_heads ? '' : ` (${model.n_kv_heads} for keys and values)`, `, ${count(model.n_vocab)} tokens, ${visible(model.weight_dtype ?? '')}`]],
	['Recorded', `${visible(rec.started ?? '–').replace('T', ' ').replace('Z', ' UTC')}, ${many(rec.tokens.length, 'token')}, ${many(passes.length, 'pass', 'passes')}`],
	['File', `${visible(rec.file)}${rec.run > 1 ? `, run ${rec.run}` : ''}`], ['Ended', rec.status === 'ok' ? 'well' : el('b', { class: 'bad' }, visible(rec.status))]];
	refill(top, el('div', { class: 'line' }, el('p', { class: 'over' }, 'A report of ', visible(data.program)), el('div', { class: 'screen' }, data.recordings.length > 1 ?
		switches('Recording', data.recordings.map((_, i) => [i, `Recording ${letter(i)}`]), state.rec, (i) => show(i)) : null, ' ', themes)),
	el('h1', {}, visible(model.name)), text, el('dl', { class: 'facts' }, facts.flatMap(([k, v]) => [el('dt', {}, k), el('dd', {}, v)])));
}

// ---- theme --------------------------------------------------------------------------------------

let theme = 'auto';

function setTheme(to) {
	theme = to;
	document.documentElement.dataset.theme = to;
	try {
		localStorage.setItem('torchless-theme', to);
	} catch { /* a browser may keep nothing for a file: then the choice holds until it is closed */ }
	tell('theme');
}

function storedTheme() {
	try {
		const stored = localStorage.getItem('torchless-theme');
		if (['light', 'dark'].includes(stored)) theme = stored;
	} catch { /* as above */ }
	document.documentElement.dataset.theme = theme;
	matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => tell('theme'));
}

// ---- sections -----------------------------------------------------------------------------------

const waiting = new Map();
const seen = new IntersectionObserver((entries) => entries.forEach((e) => e.isIntersecting && fill(e.target)), { rootMargin: '400px 0px' });

/* Make what a section shows, once.  One that fails says so and leaves the others alone. */
function fill(section) {
	const make = waiting.get(section);
	if (!make) return;
	waiting.delete(section);
	seen.unobserve(section);
	const box = section.querySelector('.body');
	try {
		make(box);
	} catch (problem) {
		console.error(problem);
		box.append(el('p', { class: 'note bad' }, `This part of the recording could not be drawn: ${problem.message}.`));
	}
	section.classList.add('made');
}

function fillAll() {
	[...waiting.keys()].forEach(fill);
}

/* What is out of sight is made while nobody waits, so that finding text in the page finds it. */
function fillIdly() {
	const idle = window.requestIdleCallback ?? ((f) => setTimeout(f, 50));
	const next = [...waiting.keys()][0];
	if (next) idle(() => {
		fill(next);
		fillIdly();
	});
}

let kept = null;   // how many listeners live as long as the page
let closed = [];   // what was closed before printing opened it

function show(rec) {
	state.rec = rec;
	const { tokens } = recording();
	state.pos = Math.min(tokens.length - 1, Math.max(0, tokens.findIndex(isGenerated)));
	for (const what of ['moment', 'pos', 'theme']) listeners[what].length = kept?.[what] ?? listeners[what].length;
	waiting.clear();
	header();
	const main = document.getElementById('main');
	refill(main, ...sections.map(([id, title, make]) => {
		const section = el('section', { id, 'aria-labelledby': `${id}-title` }, el('h2', { id: `${id}-title`, tabindex: -1 }, title), el('div', { class: 'body' }));
		waiting.set(section, make);
		return section;
	}));
	tell('rec');
	const all = runs(recording());
	if (all.length) goto(state.pass, state.op, { quiet: true });
	for (const section of main.children) seen.observe(section);
	fillIdly();
}

function fromAddress() {
	const at = addressed();
	if (at) {
		goto(...at, { quiet: true });
		fill(document.getElementById('moment'));
		return;
	}
	const section = document.getElementById(decodeURIComponent(location.hash.slice(1)));
	if (section && waiting.has(section)) {
		// What stands above is made first, so that it does not push the section away.
		for (const s of [...waiting.keys()]) {
			fill(s);
			if (s === section) break;
		}
		section.scrollIntoView();
	}
}

function start() {
	storedTheme();
	document.getElementById('nav').append(el('ul', {}, sections.map(([id, title]) => el('li', {}, el('a', { href: '#' + id }, title)))));
	keysDialog();
	barOfMoments();
	kept = Object.fromEntries(Object.entries(listeners).map(([what, list]) => [what, list.length]));
	document.addEventListener('keydown', walkByKey);
	addEventListener('hashchange', fromAddress);
	addEventListener('beforeprint', () => {
		play(false);
		document.documentElement.dataset.theme = 'light';
		fillAll();
		tell('theme');
		closed = [...document.querySelectorAll('main details:not([open])')];
		closed.forEach((d) => {
			d.fill?.();
			d.open = true;
		});
	});
	addEventListener('afterprint', () => {
		closed.forEach((d) => { d.open = false; });
		document.documentElement.dataset.theme = theme;
		tell('theme');
	});
	show(0);
	fromAddress();
}

start();
