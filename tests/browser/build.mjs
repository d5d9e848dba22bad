// build.mjs DATA.json OUT.html -- joins the page and its data as report_add_page() does, for tests of
// data that no recording holds.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = new URL('../../src/picture/report/page/', import.meta.url);
const part = (name) => readFileSync(new URL(name, folder), 'utf8');

/* JSON that may stand inside of a script element. */
export function escapeJson(json) {
	return json.replace(/[<>&\u2028\u2029]/g, (c) => '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0'));
}

export function page(json) {
	const nonce = createHash('sha256').update(json).digest('hex').slice(0, 16);
	return part('report.html').replaceAll('{{nonce}}', nonce).replaceAll('{{title}}', 'torchless report')
		.replace(/^[ \t]*\{\{([a-z_.]+)\}\}$/gm, (_, name) => (name === 'data' ? json : part(name).trimEnd()));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
	const [input, output] = process.argv.slice(2);
	if (!output) {
		console.error('usage: node build.mjs DATA.json OUT.html');
		process.exit(2);
	}
	writeFileSync(output, page(escapeJson(readFileSync(input, 'utf8'))));
}
