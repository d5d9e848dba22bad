/*
 * settings.js -- what was run and how: the model, its configuration, edits, events, and what a page
 * had no room for.
 */

/* A setting as text; what is a structure stays one line of JSON. */
const settingWord = (v) => (v === null || v === undefined ? '–' : typeof v === 'string' ? visible(v) : typeof v === 'number' ? num(v, String) : JSON.stringify(v));

function nameAndValue(caption, entries) {
	return scrollBox(caption, table(caption, ['name', 'value'], entries.map(([k, v]) => [el('code', {}, visible(k)), el('span', { class: 'value' }, settingWord(v))])));
}

function settingsSection(box) {
	const rec = recording();
	box.append(el('div', { class: 'columns' }, el('div', {}, el('h3', {}, 'How it was run'), nameAndValue('Settings of the run', rec.settings)),
		el('div', {}, el('h3', {}, 'The model'), nameAndValue('Configuration of the model', Object.entries(rec.model.config ?? {})))));
	if (rec.edits.length) box.append(el('h3', {}, 'Edits'), scrollBox('Edits', table('What was changed on purpose', ['point', 'kind', 'part', 'passes'],
		rec.edits.map((e) => [el('code', {}, visible(e.point ?? '')), settingWord(e.kind), settingWord(e.selection), settingWord(e.passes)]))));
	if (rec.events?.length) box.append(el('h3', {}, 'Events'), scrollBox('Events', table('What the recorder noticed', ['what', 'where', 'pass', 'more'],
		rec.events.map((e) => [settingWord(e.kind), el('code', {}, visible(e.fqn ?? '–')), settingWord(e.pass), settingWord(e.data)]))));
}

function leftOutSection(box) {
	const { left_out } = recording();
	box.append(left_out.length ? el('ul', {}, left_out.map((s) => el('li', {}, visible(s)))) : el('p', {}, 'Nothing: the page holds what a report shows.'));
}
