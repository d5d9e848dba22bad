// browser.mjs -- a Chromium without network, and pages of it that tell whatever they said.
import { chromium } from 'playwright-core';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/* No sandbox, as in a container; nothing that asks the network by itself; whoever asks meets a closed port. */
const switches = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
	'--disable-sync', '--disable-breakpad', '--proxy-server=127.0.0.1:9', '--proxy-bypass-list=<-loopback>'];

/* The system's Chromium, by whichever name it is in the PATH; $CHROMIUM names another. */
function executable() {
	const names = ['chromium', 'chromium-browser', 'google-chrome'];
	const places = names.flatMap((name) => process.env.PATH.split(delimiter).map((folder) => join(folder, name)));
	const found = process.env.CHROMIUM ?? places.find((path) => {
		try {
			accessSync(path, constants.X_OK);
			return true;
		} catch {
			return false;
		}
	});
	if (!found) throw new Error('there is no chromium in the PATH: install it, or run scripts/setup --tests');
	return found;
}

/* A browser with an empty profile. */
export function launch() {
	return chromium.launch({ executablePath: executable(), headless: true, args: switches, timeout: 120000 });
}

export async function withBrowser(work) {
	const browser = await launch();
	try {
		return await work(browser);
	} finally {
		await browser.close();
	}
}

/* A new page; `said` collects what no report may cause: words on the console, errors, requests. */
export async function openPage(browser, { width = 1280, height = 900, theme = 'light' } = {}) {
	const page = await browser.newPage();
	page.setDefaultTimeout(60000);
	await page.setViewportSize({ width, height });
	await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
	const said = [];
	page.on('console', (m) => said.push(`console ${m.type()}: ${m.text()}`));
	page.on('pageerror', (e) => said.push(`error: ${e.message}`));
	page.on('request', (r) => {
		if (!r.url().startsWith('file:') || r.resourceType() !== 'document') said.push(`request: ${r.url().slice(0, 100)}`);
	});
	return { page, said };
}

/* Until every section of a report is made. */
export async function whole(page) {
	await page.waitForFunction(() => document.querySelector('main > section') && !document.querySelector('main > section:not(.made)'));
}
