/** The audit log: who has changed what, when, from where; and whether it is whole. */
import { get } from './api.js';
import { button, el, empty, failure, fill, icon, loading, named } from './dom.js';
import { count, momentExact, plural } from './format.js';
import { plainTable } from './table.js';

const PAGE = 100;
const COLUMNS = [{ label: 'No.', number: true }, { label: 'When' }, { label: 'Who' }, { label: 'From' },
	{ label: 'What' }, { label: 'Of' }, { label: 'Details' }];

export async function show(main, { signal }) {
	const verified = el('div', { role: 'status' });
	const place = el('div', {});
	const check = button('Verify the chain', { icon: 'check' }, () => verify(check, verified, signal));
	const records = [];

	fill(main, el('div', { class: 'page-head' }, el('h1', {}, 'Audit'), check), verified,
		el('p', { class: 'hint' }, 'Every change and every login, newest first. Each record carries the ' +
			'hash of the one before, so that one removed or altered later is found.'), place);
	fill(place, loading('the audit log'));
	await more(null);

	async function more(before) {
		try {
			const page = await get('audit', { limit: PAGE, before }, signal);
			records.push(...page.records);
			draw(page.next);
		} catch (error) {
			if (error.name !== 'AbortError')
				fill(place, failure(error, () => more(before)));
		}
	}

	function draw(next) {
		const from = document.activeElement?.dataset?.focus === 'older' ? records.length : 0;

		if (records.length === 0)
			return fill(place, empty('Nothing has happened yet'));
		fill(place, plainTable('Audit log', COLUMNS, records.map(row)),
			next !== null && button('Older', { icon: 'down', data: { focus: 'older' } }, () => more(next)));
		if (from > 0)
			named('older', place)?.focus();
		return undefined;
	}
}

function row(r) {
	return [String(r.seq), el('time', { datetime: r.at, class: 'nowrap' }, momentExact(r.at)),
		[r.actor.kind, r.actor.id && el('code', { class: 'actor' }, ` ${r.actor.id}`)],
		r.from || '–', el('span', { class: 'nowrap' }, r.action),
		r.target ? el('code', { class: 'called' }, r.target) : '–', details(r)];
}

function details({ action, detail }) {
	const pairs = Object.entries(detail ?? {});

	if (pairs.length === 0)
		return '–';
	return el('ul', { class: 'details' }, pairs.map(([name, value]) => el('li', {},
		el('span', { class: 'muted' }, `${name} `),
		el('span', { class: 'called' }, inWords(value, action.endsWith('.set'))))));
}

/* A field that was set tells its value before and after. */
function inWords(value, isChange) {
	if (value === null || value === '')
		return 'none';
	if (Array.isArray(value))
		return value.map((v) => inWords(v, false)).join(isChange && value.length === 2 ? ' → ' : ', ');
	return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

async function verify(check, place, signal) {
	check.disabled = true;
	fill(place, loading('every record'));
	try {
		const found = await get('audit/verify', null, signal);
		fill(place, el('div', { class: `notice ${found.whole ? 'good' : 'bad'}` },
			icon(found.whole ? 'check' : 'warn'), el('p', {}, found.whole
				? `The chain is whole: ${plural(found.records, 'record')}, up to number ${count(found.last_seq)}.`
				: `The chain is broken at record ${count(found.first_bad)}: it or one before it was removed ` +
					'or altered.')));
	} catch (error) {
		if (error.name !== 'AbortError')
			fill(place, failure(error));
	}
	check.disabled = false;
}
