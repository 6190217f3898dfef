/** How this gatehouse is set up and doing: upstream, limits, certificates, storage, access. */
import { get, post } from './api.js';
import { button, el, empty, failure, fill, loading, notice } from './dom.js';
import { input } from './form.js';
import { bytes, duration, fromNow, latency, moment, plural } from './format.js';
import { limitsCard } from './settings_limits.js';
import { sessionsCard, tokensCard } from './settings_access.js';
import { plainTable } from './table.js';

const SOON_DAYS = 14;
const LAG_BAD_S = 30;
const LOOK_EVERY_MS = 15000;

/** A part of the page with a heading of its own. */
function card(id, title, ...children) {
	return el('section', { class: 'card', 'aria-labelledby': `${id}-title`, id },
		el('h2', { id: `${id}-title` }, title), children);
}

const badge = (kind, text) => el('span', { class: `badge ${kind}` }, text);

/** Facts as a list of names and values. */
function facts(pairs) {
	return el('dl', { class: 'facts' }, pairs.filter(Boolean).map(([name, value]) =>
		el('div', {}, el('dt', {}, name), el('dd', {}, value))));
}

export async function show(main, { signal }) {
	const place = el('div', { class: 'stack' });

	fill(main, el('div', { class: 'page-head' }, el('h1', {}, 'Settings')), place);
	await load();

	async function load() {
		fill(place, loading('settings'));
		try {
			draw(await get('settings', null, signal));
		} catch (error) {
			if (error.name !== 'AbortError')
				fill(place, failure(error, load));
		}
	}

	function draw(settings) {
		const storage = el('div', {});

		fill(place, warnings(settings.warnings),
			el('div', { class: 'columns' },
				el('div', { class: 'stack' }, upstreamCard(settings, signal),
					card('storage', 'Storage', storage)),
				el('div', { class: 'stack' }, limitsCard(settings), certificatesCard(settings))),
			tokensCard(signal), sessionsCard(signal), configurationCard(settings));
		showStorage(storage, settings);
		watchStorage(storage, signal);
	}
}

function warnings(list) {
	return list.length > 0 && el('div', { class: 'stack tight' }, list.map((text) => notice('warn', text)));
}

/* --- upstream --- */

const FAULTS = {
	refused: 'The connection was refused: nobody listens at this address.',
	timeout: 'There was no answer in time.',
	resolve: 'The name could not be resolved.',
	tls: 'There is a listener, but TLS with it failed.',
};

function upstreamCard({ upstream }, signal) {
	const state = el('div', { role: 'status', class: 'probe' });
	const check = button('Check now', { icon: 'refresh' }, probe);

	async function probe() {
		check.disabled = true;
		fill(state, loading('upstream’s state'));
		try {
			const found = await post('upstream/check');
			if (signal.aborted)
				return;
			fill(state, found.up
				? [badge('ok', 'Reachable'), ` connected in ${latency(found.connect_ms / 1000)}${found.tls ? ' over TLS' : ''}`]
				: [badge('bad', 'Unreachable'), ` ${FAULTS[found.error] ?? `It failed: ${found.error}.`}`]);
		} catch (error) {
			fill(state, failure(error));
		}
		check.disabled = false;
	}

	probe();
	return card('upstream', 'Upstream', state, facts([
		['Address', el('code', {}, upstream.url)],
		upstream.addresses.length > 0 && ['Resolved to', upstream.addresses.join(', ')],
		['Last seen up', upstream.last_ok_at ? `${moment(upstream.last_ok_at)} (${
			fromNow(upstream.last_ok_at)})` : 'not yet'],
		['Last failure', upstream.last_fail_at ? moment(upstream.last_fail_at) : 'none'],
	]), el('div', { class: 'card-foot' }, check,
		el('p', { class: 'hint' }, 'A connection only: no request is sent, none is billed.')));
}

/* --- certificates --- */

function certificatesCard({ certificates }) {
	return card('certificates', 'Certificates', certificates.length === 0
		? empty('No certificate', 'gatehouse serves plain HTTP. TLS_CERT_FILE and TLS_KEY_FILE turn TLS on.')
		: certificates.map((c) => facts([
			['Names', c.names.join(', ')],
			['Ends', [certificateBadge(c.days_left), ` ${moment(c.not_after)}`]],
			['File', el('code', {}, c.file)],
		])));
}

function certificateBadge(days) {
	if (days < 0)
		return badge('bad', 'Expired');
	return badge(days <= SOON_DAYS ? 'warn' : 'ok', `${plural(days, 'day')} left`);
}

/* --- storage --- */

function showStorage(place, s) {
	const lag = s.ledger.lag_seconds;

	fill(place, facts([
		['Ledger', s.ledger.open ? badge('ok', 'Open') : badge('bad', 'Closed')],
		['Lag', [lag > LAG_BAD_S && badge('warn', 'Behind'), lag === null ? ' unknown'
			: lag < 1 ? ' all usage is written' : ` ${duration(lag)} behind`]],
		s.ledger.disk_free_bytes !== null && ['Disk free', bytes(s.ledger.disk_free_bytes)],
		['Data', el('code', {}, s.data_dir)],
		['Keys', el('code', {}, s.keys_file)],
		['Settings', el('code', {}, s.settings_file)],
		['Models', el('code', {}, s.models_file ?? 'built in')],
		['Version', `gatehouse ${s.version}, ${plural(s.workers, 'worker')}`],
	]));
}

/* Quietly: what fails is asked again. */
function watchStorage(place, signal) {
	const timer = setInterval(async () => {
		if (document.hidden)
			return;
		try {
			showStorage(place, await get('settings', null, signal));
		} catch (error) {
			if (error.name !== 'AbortError' && error.status !== 401)
				fill(place, failure(error));
		}
	}, LOOK_EVERY_MS);

	signal.addEventListener('abort', () => clearInterval(timer));
}

/* --- configuration --- */

function configurationCard({ configuration }) {
	const place = el('div', {});
	const search = input('configuration', {
		type: 'search', placeholder: 'Name or value', 'aria-label': 'Search the configuration',
	});

	function draw() {
		const word = search.value.toLowerCase();
		const rows = configuration.filter(({ name, value }) => `${name} ${value}`.toLowerCase().includes(word));

		fill(place, rows.length === 0 ? empty('No setting matches') : plainTable('Effective configuration',
			[{ label: 'Setting' }, { label: 'Value' }],
			rows.map(({ name, value }) => [el('code', {}, name), el('code', { class: 'value' },
				value === null || value === '' ? '–' : String(value))])));
	}

	search.addEventListener('input', draw);
	draw();
	return card('configuration', 'Effective configuration',
		el('p', { class: 'hint' }, 'Defaults, file and environment put together; secrets are left out.'),
		search, place);
}
