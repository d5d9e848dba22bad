// browser.mjs -- a Chromium without network, and pages of it that complain about everything.
import { chromium } from 'playwright-core';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const switches = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
	'--disable-sync', '--disable-breakpad', '--proxy-server=127.0.0.1:9', '--proxy-bypass-list=<-loopback>', '--font-render-hinting=none'];

/* Run `work` with a browser; $CHROMIUM names another than the system's. */
export async function withBrowser(work) {
	const profile = mkdtempSync(join(tmpdir(), 'torchless-browser-'));
	const browser = await chromium.launchPersistentContext(profile, {
		executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', headless: true, args: switches, viewport: null, timeout: 120000,
	});
	try {
		return await work(browser);
	} finally {
		await browser.close();
		rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
	}
}

/* A new page; `said` collects what no report may cause: words on the console, errors, requests. */
export async function openPage(browser, { width = 1280, height = 900, theme = 'light', reduced = true } = {}) {
	const page = await browser.newPage();
	page.setDefaultTimeout(60000);
	await page.setViewportSize({ width, height });
	await page.emulateMedia({ colorScheme: theme, reducedMotion: reduced ? 'reduce' : 'no-preference' });
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
