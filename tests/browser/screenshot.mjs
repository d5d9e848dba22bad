// screenshot.mjs FILE.html OUT.png [--width W] [--height H] [--theme light|dark] [--hash '#0.12'] [--full] [--section ID]
// -- a picture of a report for the documents, or for looking at.
import { parseArgs } from 'node:util';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { openPage, whole, withBrowser } from './browser.mjs';

let given;
try {
	given = parseArgs({ allowPositionals: true, options: {
		width: { type: 'string', default: '1280' }, height: { type: 'string', default: '900' }, theme: { type: 'string', default: 'light' },
		hash: { type: 'string', default: '' }, full: { type: 'boolean', default: false }, section: { type: 'string' } } });
	if (given.positionals.length !== 2 || !['light', 'dark'].includes(given.values.theme)) throw new Error('usage');
} catch {
	console.error("usage: node screenshot.mjs FILE.html OUT.png [--width W] [--height H] [--theme light|dark] [--hash '#0.12'] [--full] [--section ID]");
	process.exit(2);
}
const { values, positionals: [file, out] } = given;
await withBrowser(async (browser) => {
	const { page, said } = await openPage(browser, { width: Number(values.width), height: Number(values.height), theme: values.theme });
	await page.goto(pathToFileURL(resolve(file)).href + values.hash);
	await whole(page);
	if (values.section) {
		await page.addStyleTag({ content: '#bar { visibility: hidden }' });
		await page.locator(`#${values.section}`).screenshot({ path: out });
	} else await page.screenshot({ path: out, fullPage: values.full });
	if (said.length) {
		console.error(said.join('\n'));
		process.exitCode = 1;
	}
});
