#!/usr/bin/env node
// site.mjs -- the course as a small static site: an index, a page a lesson, its pictures.
//
//     node scripts/site/site.mjs [--course DIR] [--out DIR]     default: lessons, build/site
//
// Plain pages: no script, no request, nothing from elsewhere. markdown-it (MIT; npm, see
// package-lock.json for it and what it stands on, all MIT, BSD-2-Clause or PSF-2.0) reads the
// Markdown; none of its code is on the pages. What is wrong with a lesson `torchless lesson dev
// check` says; here only what would leave a hole in a page is an error.
// Exit status: 0 done, 1 a page would have a hole, 2 usage.
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import MarkdownIt from 'markdown-it';

const here = dirname(fileURLToPath(import.meta.url));
const usage = 'usage: site.mjs [--course DIR] [--out DIR]';
const problems = [];

function optionsOf(words) {
	const options = { course: 'lessons', out: 'build/site' };
	for (let i = 0; i < words.length; i += 2) {
		const name = words[i].replace(/^--/, '');
		if (!words[i].startsWith('--') || !(name in options) || words[i + 1] === undefined) {
			console.error(usage);
			process.exit(2);
		}
		options[name] = words[i + 1];
	}
	return options;
}

const escape = (s) => s.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]);

/* ---- what a course is made of ---------------------------------------------------------------- */

/* The sections of a .conf file, Map of Map; a value may go on in lines that begin with a space and a quote. */
function parseConf(text) {
	const unescape = (s) => s.replace(/\\(.)/g, (_, c) => (c === 'n' ? '\n' : c));
	const sections = new Map([['', new Map()]]);
	let section = sections.get(''), key;
	for (const line of text.split('\n')) {
		let m;
		if ((m = line.match(/^\[(.*)\]\s*$/))) sections.set(m[1], (section = new Map()));
		else if ((m = line.match(/^([\w.-]+)\s*=\s*"(.*)"\s*$/))) section.set((key = m[1]), unescape(m[2]));
		else if (key && (m = line.match(/^\s+"(.*)"\s*$/))) section.set(key, `${section.get(key)}\n${unescape(m[1])}`);
	}
	return sections;
}

/* Hints by exercise: three each. */
function parseHints(text) {
	const hints = new Map();
	for (const part of text.split(/^## /m).slice(1)) {
		const end = part.indexOf('\n');
		hints.set(part.slice(0, end).trim(), part.slice(end).split(/^[1-3]\. /m).slice(1).map((h) => h.replace(/^ {3}/gm, '').trim()));
	}
	return hints;
}

function readLesson(course, dir) {
	const at = (name) => readFileSync(join(course, dir, name), 'utf8');
	const conf = parseConf(at('checks.conf')), head = conf.get('');
	return {
		dir, conf, number: dir.slice(0, 2), title: head.get('title') ?? dir, minutes: head.get('minutes'), needs: (head.get('needs') ?? '').split(/\s+/).filter(Boolean),
		markdown: at('lesson.md'), hints: existsSync(join(course, dir, 'hints.md')) ? parseHints(at('hints.md')) : new Map(),
	};
}

function readCourse(folder) {
	const head = parseConf(readFileSync(join(folder, 'course.conf'), 'utf8')).get('');
	const words = (key) => (head.get(key) ?? '').split(/\s+/).filter(Boolean);
	const isWritten = (dir) => existsSync(join(folder, dir, 'lesson.md'));
	problems.push(...words('order').filter((dir) => !isWritten(dir)).map((dir) => `course.conf has ${dir} in its order, and there is no ${dir}/lesson.md`));
	const lessons = words('order').filter(isWritten).map((dir) => readLesson(folder, dir));
	return { folder, title: head.get('title') ?? 'A course', short: words('short'), lessons };
}

/* ---- a lesson's Markdown as HTML -------------------------------------------------------------- */

/* The anchor of a heading, as Git hosts make it. */
const anchorOf = (words) => words.toLowerCase().replace(/[^\p{L}\p{N}\p{M} _-]/gu, '').replaceAll(' ', '-');

/* Comments vanish; other HTML is text. */
const rawHtml = (tokens, i) => {
	const rest = tokens[i].content.replace(/<!--[^]*?-->/g, '');
	return rest.trim() ? escape(rest) : '';
};

const infoOf = (info, key) => info.split(/\s+/).find((w) => w.startsWith(`${key}=`))?.slice(key.length + 1);
const pre = (text, label, kind = '') => `<pre class="${kind}" tabindex="0" role="group" aria-label="${escape(label)}"><code>${escape(text)}</code></pre>\n`;

function fence(tokens, i) {
	const { info, content } = tokens[i];
	const step = infoOf(info, 'step'), output = infoOf(info, 'output');
	if (step) {
		const lines = content.replace(/\n$/, '').split('\n').map((line, n, all) => `<span class="${all[n - 1]?.endsWith('\\') || line.startsWith('#') ? 'more' : 'command'}">${escape(line)}</span>`);
		return `<figure class="step"><figcaption>step <b>${escape(step)}</b>${/\bsmollm2\b/.test(info) ? ' with SmolLM2' : ''}: <code>torchless lesson run ${escape(step)}</code></figcaption>` +
			`<pre tabindex="0" role="group" aria-label="commands of step ${escape(step)}"><code>${lines.join('')}</code></pre></figure>\n`;
	}
	if (output) return pre(content, `what step ${output} prints`, 'output');
	return pre(content, info ? `${info} code` : 'code');
}

/* Where a link of lesson.md leads on the site; null: to a file that is not on it. */
function targetOf(course, lesson, href) {
	if (/^(https:|#)/.test(href)) return href;
	const [path, hash] = href.split('#');
	const file = relative(course.folder, resolve(course.folder, lesson.dir, path)).split(sep);
	const other = file.length <= 2 && (file[1] ?? 'lesson.md') === 'lesson.md' && course.lessons.find((l) => l.dir === file[0]);
	return other ? `${other.dir}.html${hash ? `#${hash}` : ''}` : null;
}

function renderer(course, lesson) {
	const md = new MarkdownIt({ html: true });
	const rules = md.renderer.rules;
	rules.html_inline = rules.html_block = rawHtml;
	rules.fence = fence;
	rules.table_open = () => '<div class="table" tabindex="0" role="group" aria-label="table"><table>\n';
	rules.table_close = () => '</table></div>\n';
	rules.image = (tokens, i) => {
		const src = tokens[i].attrGet('src'), alt = md.utils.escapeHtml(tokens[i].content);
		const from = join(course.folder, lesson.dir, src);
		if (existsSync(from)) lesson.pictures.push(src);
		else problems.push(`${lesson.dir}/lesson.md shows ${src}, and there is no such file (make lesson-pictures)`);
		return `<a class="picture" href="${lesson.dir}/${src}"><img src="${lesson.dir}/${src}" alt="${alt}" loading="lazy"></a>`;
	};
	rules.link_open = (tokens, i, options, env, self) => {
		const href = tokens[i].attrGet('href'), to = targetOf(course, lesson, decodeURI(href));
		if (to === null) {
			tokens[i].attrs = [['class', 'file'], ['title', `${href.replace(/^(\.\.\/)+/, '')} in the source tree`]];
			tokens[i].tag = 'span';
			for (let k = i; k < tokens.length; k++)
				if (tokens[k].type === 'link_close') {
					tokens[k].tag = 'span';
					break;
				}
		} else {
			tokens[i].attrSet('href', to);
			if (to.startsWith('https:')) tokens[i].attrSet('rel', 'noreferrer');
		}
		return self.renderToken(tokens, i, options);
	};
	return md;
}

/* ---- exercises -------------------------------------------------------------------------------- */

const kinds = { predict: 'predict', value: 'compute', sql: 'ask in SQL', kernel: 'write it', locate: 'find the bug', bench: 'measure', milestone: 'milestone' };

/* What is said of patients: of several each has a word, of one also where it is ill. */
function diagnosis(conf) {
	const patients = (conf.get('patients') ?? '').split(/\s+/).filter(Boolean);
	if (patients.length > 1) return patients.map((p) => `${p}=KEY`).join(' ');
	return conf.get('place') === 'no' ? 'KEY' : "'PLACE KEY'";
}

function howTo(lesson, id, conf) {
	const choices = conf.get('choices')?.split(/\s+/), code = (words) => `<code>torchless lesson ${words}</code>`;
	const file = conf.get('kind') === 'sql' ? `${id}.sql` : conf.get('file');
	if (file) return `Edit <code>${lesson.dir}/${escape(file)}</code>, then ${code(`check ${id}`)}.`;
	if (conf.get('kind') === 'milestone') return `Check it: ${code(`check ${id}`)}.`;
	if (conf.get('kind') === 'locate') return `Answer it: ${code(`answer ${id} ${diagnosis(conf)}`)}${choices ? `, KEY one of ${choices.map((c) => `<code>${escape(c)}</code>`).join(' ')}` : ''}.`;
	return `Answer it: ${code(`answer ${id} ${choices ? 'CHOICE' : 'VALUE'}`)}${choices ? `, CHOICE one of ${choices.map((c) => `<code>${escape(c)}</code>`).join(' ')}` : ''}.`;
}

function exerciseEnd(md, lesson, id) {
	const conf = lesson.conf.get(id) ?? new Map();
	const hints = (lesson.hints.get(id) ?? []).map((hint, i) => `<details><summary>Hint ${i + 1} of 3</summary>${md.render(hint)}</details>`);
	return `<p class="how">${howTo(lesson, id, conf)}</p>${hints.join('\n')}</section>\n`;
}

/* The tokens of a lesson as HTML; an exercise is a section from its heading to the next. */
function renderBody(md, lesson) {
	const tokens = md.parse(lesson.markdown, {});
	const parts = [];
	let out = '', from = 0, exercise = null;
	const upTo = (i) => {
		out += md.renderer.render(tokens.slice(from, i), md.options, {});
		from = i;
	};
	for (let i = 0; i < tokens.length; i++) {
		if (tokens[i].type !== 'heading_open') continue;
		const words = tokens[i + 1].children.filter((t) => t.type === 'text' || t.type === 'code_inline').map((t) => t.content).join('');
		const id = words.match(/^Exercise ([a-z0-9-]+):/)?.[1];
		upTo(i);
		if (exercise) out += exerciseEnd(md, lesson, exercise);
		exercise = tokens[i].tag === 'h3' && id ? id : null;
		tokens[i].attrSet('id', anchorOf(words));
		if (tokens[i].tag === 'h2') parts.push({ words, anchor: anchorOf(words) });
		if (!exercise) continue;
		const kind = lesson.conf.get(id)?.get('kind');
		lesson.exercises.push(id);
		out += `<section class="exercise" aria-labelledby="${anchorOf(words)}"><p class="kind">${kinds[kind] ?? 'exercise'}</p>\n`;
	}
	upTo(tokens.length);
	if (exercise) out += exerciseEnd(md, lesson, exercise);
	return { html: out, parts };
}

/* ---- pages ------------------------------------------------------------------------------------ */

function page(course, title, main, nav = '') {
	return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escape(title)}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="style.css">
</head>
<body>
<a class="skip" href="#main">To the text</a>
<header><a href="index.html">${escape(course.title)}</a>${nav ? ' <a class="contents" href="#contents">Contents</a>' : ''}</header>
<main id="main">
${main}</main>
${nav}<footer><p>Part of torchless. Every number on these pages was computed by the program that they are about; all of it runs offline.</p></footer>
</body>
</html>
`;
}

const lessonLink = (l, words) => `<a href="${l.dir}.html">${words ?? `${l.number} ${escape(l.title)}`}</a>`;

function lessonPage(course, lesson, i) {
	const md = renderer(course, lesson);
	lesson.pictures = [];
	lesson.exercises = [];
	const { html, parts } = renderBody(md, lesson);
	const before = course.lessons[i - 1], after = course.lessons[i + 1];
	const contents = parts.map((p) => `<li><a href="#${p.anchor}">${escape(p.words)}</a></li>`).join('\n');
	const lessons = course.lessons.map((l) => `<li>${l === lesson ? `<a href="${l.dir}.html" aria-current="page">${l.number} ${escape(l.title)}</a>` : lessonLink(l)}</li>`).join('\n');
	const nav = `<nav id="contents" aria-label="Contents">
<h2>This lesson</h2>
<ul>${contents}</ul>
<h2>All lessons</h2>
<ul>${lessons}</ul>
</nav>
`;
	const around = `<nav class="around" aria-label="Neighbours">${before ? `<span>${lessonLink(before, `← ${before.number} ${escape(before.title)}`)}</span>` : '<span></span>'}${after ? `<span>${lessonLink(after, `${after.number} ${escape(after.title)} →`)}</span>` : ''}</nav>\n`;
	return page(course, `${lesson.number} ${lesson.title} · ${course.title}`, html + around, nav);
}

function indexPage(course) {
	const minutes = course.lessons.reduce((sum, l) => sum + Number(l.minutes ?? 0), 0);
	const rows = course.lessons.map((l) => `<li${course.short.includes(l.number) ? ' class="short"' : ''}>${lessonLink(l)}
<span class="about">${l.minutes} minutes, ${l.exercises.length} exercises${l.needs.length ? `; after ${l.needs.join(', ')}` : ''}</span></li>`).join('\n');
	const main = `<h1>${escape(course.title)}</h1>
<p>${course.lessons.length} lessons, about ${Math.round(minutes / 60)} hours, on a real model that is small enough to look into: you predict, stop, ask, break and write every part of a transformer's inference, and a program says what a wrong answer means.</p>
<p>It is taken in a terminal, beside these pages, and works offline:</p>
<pre tabindex="0" role="group" aria-label="commands"><code><span class="command">torchless lesson</span></code></pre>
<h2>The path</h2>
<ol class="path">
${rows}
</ol>
${course.short.length ? '<p class="legend"><span class="dot"></span> The short path: the lessons that carry the rest.</p>' : ''}
`;
	return page(course, course.title, main);
}

/* What is made again is a site: a folder of anything else stays as it is. */
function makeRoom(out, name) {
	const style = join(out, 'style.css'), firstLine = (file) => readFileSync(file, 'utf8').split('\n')[0];
	if (!existsSync(out) || existsSync(style) && firstLine(style) === firstLine(join(here, 'style.css'))) return;
	if (statSync(out).isDirectory() && !readdirSync(out).length) return;
	console.error(`site: ${name} is no site that could be made again, and not empty: name another folder`);
	process.exit(2);
}

function main() {
	const options = optionsOf(process.argv.slice(2));
	const course = readCourse(resolve(options.course));
	const out = resolve(options.out);
	makeRoom(out, options.out);
	rmSync(out, { recursive: true, force: true });
	mkdirSync(out, { recursive: true });
	copyFileSync(join(here, 'style.css'), join(out, 'style.css'));
	course.lessons.forEach((lesson, i) => {
		writeFileSync(join(out, `${lesson.dir}.html`), lessonPage(course, lesson, i));
		for (const picture of lesson.pictures) {
			mkdirSync(dirname(join(out, lesson.dir, picture)), { recursive: true });
			copyFileSync(join(course.folder, lesson.dir, picture), join(out, lesson.dir, picture));
		}
	});
	writeFileSync(join(out, 'index.html'), indexPage(course));
	for (const problem of problems) console.error(`site: ${problem}`);
	console.log(`${course.lessons.length} lessons in ${relative(process.cwd(), out) || '.'}`);
	process.exitCode = problems.length ? 1 : 0;
}

main();
