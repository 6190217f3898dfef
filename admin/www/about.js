/** The documentation: what is encrypted where, what is read, how to call it, what it costs. */
import { get } from './api.js';
import { codeBlock } from './clipboard.js';
import { el, failure, fill, icon, loading } from './dom.js';
import { day, euroExact, parseEuro } from './format.js';
import { baseUrl } from './host.js';
import { samples } from './samples.js';
import { plainTable } from './table.js';

const CONTENTS = [['start', 'Use it'], ['encryption', 'How the encryption works'],
	['read', 'What is read, and what is not'], ['models', 'Models and prices'], ['more', 'More']];

export async function show(main, { signal }) {
	const place = el('div', { class: 'prose' });

	fill(main, el('div', { class: 'page-head' }, el('h1', {}, 'Documentation')),
		el('nav', { class: 'contents', 'aria-label': 'On this page' }, el('ul', {},
			CONTENTS.map(([id, title]) => el('li', {}, el('a', { href: `#${id}` }, title))))), place);
	fill(place, loading('the documentation'));
	try {
		const [settings, models] = await Promise.all([get('settings', null, signal),
			get('models', null, signal)]);
		draw(place, settings, models);
	} catch (error) {
		if (error.name !== 'AbortError')
			fill(place, failure(error, () => show(main, { signal })));
		return;
	}
	document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

function part(id, ...children) {
	return el('section', { id, 'aria-labelledby': `${id}-title` },
		el('h2', { id: `${id}-title` }, CONTENTS.find(([c]) => c === id)[1]), children);
}

function draw(place, settings, models) {
	const base = baseUrl(settings);
	const model = models.models.find((m) => m.kind === 'chat')?.id ?? 'gpt-oss-120b';

	fill(place,
		part('start',
			el('p', {}, 'OpenAI’s and Anthropic’s SDKs work as they are. Change the base URL and the key:'),
			el('dl', { class: 'facts' },
				el('div', {}, el('dt', {}, 'Base URL'), el('dd', {}, el('code', {}, `${base}/v1`))),
				el('div', {}, el('dt', {}, 'Key'), el('dd', {}, 'a secret from ',
					el('a', { href: '/admin' }, 'API keys'), ', as ', el('code', {}, 'Authorization: Bearer'),
					' or ', el('code', {}, 'X-API-Key')))),
			tabs(samples(base, model))),
		encryption(settings), whatIsRead(),
		part('models', modelTable(models), el('p', { class: 'hint' },
			`Prices are in ${models.currency}, ${models.unit} unless it says otherwise. Cost is fixed when a ` +
			'request is counted; a later price changes nothing that was counted before. Other models are ' +
			'passed on and counted at the default price.')),
		part('more', el('ul', {},
			el('li', {}, 'The administration’s own API is described in ',
				el('a', { href: '/admin/api/v1/openapi.json', target: '_blank' }, 'openapi.json'), '.'),
			el('li', {}, 'On the machine itself: ', el('code', {}, 'man gatehouse'), ', ',
				el('code', {}, 'gatehouse help'), '.'),
			el('li', {}, 'Where a client has to wait, a 429 says how long, in ', el('code', {}, 'Retry-After'),
				' and in the headers that the SDKs read.'))));
}

/* --- examples --- */

/** Tabs, walked through with the arrow keys. */
function tabs(pages) {
	const id = (name, what) => `sample-${name.toLowerCase()}-${what}`;
	const panels = pages.map(([name, text]) => el('div', {
		role: 'tabpanel', id: id(name, 'panel'), 'aria-labelledby': id(name, 'tab'),
	}, codeBlock(`${name} example`, text)));
	const buttons = pages.map(([name], i) => el('button', {
		type: 'button', role: 'tab', id: id(name, 'tab'), 'aria-controls': id(name, 'panel'),
		on: { click: () => choose(i) },
	}, name));
	const list = el('div', { role: 'tablist', 'aria-label': 'Examples', class: 'tabs' }, buttons);

	function choose(at) {
		buttons.forEach((b, i) => {
			b.setAttribute('aria-selected', String(i === at));
			b.tabIndex = i === at ? 0 : -1;
			panels[i].hidden = i !== at;
		});
	}
	list.addEventListener('keydown', (event) => {
		const here = buttons.indexOf(document.activeElement);
		const to = { ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: buttons.length - 1 }[event.key];
		if (to === undefined)
			return;
		event.preventDefault();
		const at = (to + buttons.length) % buttons.length;
		choose(at);
		buttons[at].focus();
	});
	choose(0);
	return el('div', {}, list, panels);
}

/* --- encryption --- */

const WAY = [
	['Client', 'an SDK, a tool, a browser', 'TLS 1.2 or 1.3, ends inside the VM'],
	['gatehouse', 'checks the key and the limits, counts tokens', 'plain text, within the VM'],
	['privatemode-proxy', 'attests the models, encrypts for them', 'encrypted for attested models'],
	['Privatemode', 'the models, in confidential VMs with confidential GPUs', null],
];

function encryption({ upstream }) {
	return part('encryption',
		el('ol', { class: 'way' }, WAY.map(([who, what, how]) => el('li', {},
			el('div', { class: 'way-station' }, el('strong', {}, who), el('span', {}, what)),
			how && el('p', { class: 'way-road' }, icon('arrow'), how)))),
		el('p', {}, 'The client’s TLS connection ends in gatehouse, in the same machine in which ',
			el('code', {}, 'privatemode-proxy'), ' runs. The proxy verifies by remote attestation which ' +
			'software the models run in, and encrypts requests for just that; answers come back encrypted ' +
			'to the proxy. Between these two ends nobody can read them, Privatemode’s operator included.'),
		el('p', {}, 'Of a request, the fields ', codes(['model', 'stream', 'stream_options', 'max_tokens',
			'max_completion_tokens', 'n']), ' stay readable on that way, of an answer ',
		codes(['id', 'usage', 'duration']), '. All else is encrypted.'),
		el('p', {}, el('strong', {}, 'What this rests on. '), 'gatehouse and the proxy see requests in plain ' +
			'text, in memory, while they pass; between the two they go over ', el('code', {}, upstream.url),
		'. So whoever is root in this machine could read them. That is why it belongs in a confidential VM, ' +
			'whose memory its host can’t read. gatehouse can’t tell from inside whether it runs in one: ' +
			'check your deployment.'));
}

function codes(names) {
	return names.map((name, i) => [i === 0 ? '' : i === names.length - 1 ? ' and ' : ', ',
		el('code', {}, name)]);
}

function whatIsRead() {
	const list = (title, kind, items) => el('div', { class: 'card' }, el('h3', {}, title),
		el('ul', { class: `marks ${kind}` }, items.map((text) => el('li', {}, text))));

	return part('read', el('div', { class: 'columns three' },
		list('Read while a request passes', 'yes', [
			'The head: path, key, sizes, the headers that are passed on.',
			'The field model of a request, and whether it asks for usage.',
			'The field usage of an answer: token counts; of audio, bytes and seconds.',
		]),
		list('Kept', 'yes', [
			'Counts and cost by hour, key, model and endpoint.',
			'The audit log: logins and changes, with the address they came from.',
			'Hashes of keys, tokens and sessions; never a secret itself.',
		]),
		list('Never kept, logged or sent elsewhere', 'no', [
			'Prompts, answers, files, embeddings: any content at all.',
			'Query strings, header values, secrets and their hashes in logs.',
			'Addresses of clients, but for the audit (and the access log, where LOG_ADDRESS is on).',
		])),
	el('p', {}, 'Clients’ keys don’t go upstream: gatehouse sends its own. Cookies, user agents and SDK ' +
		'headers don’t either. There is no switch that logs content.'));
}

/* --- models --- */

const PRICES = [['input', 'Input'], ['cache_read', 'Cached input'], ['cache_write', 'Cache write'],
	['output', 'Output'], ['mib', 'Audio, per MiB'], ['second', 'Audio, per second']];

function modelTable({ models }) {
	const today = new Date().toISOString().slice(0, 10);
	const used = PRICES.filter(([name]) => models.some((m) => m.prices.some((p) => isPrice(p[name]))));
	const text = (v) => (isPrice(v) ? euroExact(parseEuro(v)) : '–');

	return plainTable('Models and prices', [{ label: 'Model' }, { label: 'Kind' },
		...used.map(([, label]) => ({ label, number: true })), { label: 'Since' }],
	models.flatMap((m) => m.prices.filter((p, i) => !(m.prices[i + 1]?.from <= today)).map((p) => [
		[el('code', { class: 'called' }, m.id), m.aliases.length > 0 && el('span', { class: 'aliases' },
			`also ${m.aliases.join(', ')}`)],
		m.kind, ...used.map(([name]) => text(p[name])),
		p.from <= '1970-01-01' ? 'always' : [day(p.from), p.from > today && ' (to come)'],
	])));
}

const isPrice = (text) => (parseEuro(text) ?? 0n) > 0n;
