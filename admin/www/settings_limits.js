/** The four limits, which hold in every worker from the moment they are saved. */
import { patch } from './api.js';
import { button, el, failure, fill, say } from './dom.js';
import { checkFields, markField } from './dialog.js';
import { field, input } from './form.js';

const GROUPS = [
	['All keys together', 'rate_limit_requests', 'rate_limit_window'],
	['Each client address', 'ip_rate_limit_requests', 'ip_rate_limit_window'],
];
const NAMES = GROUPS.flatMap(([, ...names]) => names);

export function limitsCard(settings) {
	const section = el('section', { class: 'card', id: 'limits', 'aria-labelledby': 'limits-title' });

	draw(section, settings.limits);
	return section;
}

function draw(section, limits) {
	const wrong = el('div', {});
	const controls = GROUPS.map(([legend, requests, window]) => el('fieldset', {},
		el('legend', {}, legend), el('div', { class: 'limit-pair' },
			limitField(requests, 'Requests', limits[requests]),
			limitField(window, 'in any … seconds', limits[window]))));
	const save = button('Save limits', { kind: 'primary', type: 'submit' });
	const own = NAMES.some((name) => limits[name].source === 'settings');
	const form = el('form', { novalidate: true },
		el('div', { class: 'limit-grid' }, controls), wrong,
		el('div', { class: 'card-foot' }, save,
			own && button('Back to the configuration', {}, () => send(
				Object.fromEntries(NAMES.map((name) => [name, null]))))));

	form.addEventListener('submit', (event) => {
		event.preventDefault();
		if (!checkFields(form))
			return;
		const changed = NAMES.map((name) => [name, Number(form.elements[name].value)])
			.filter(([name, value]) => value !== limits[name].value);
		if (changed.length === 0)
			say('These limits hold already.');
		else
			send(Object.fromEntries(changed));
	});

	async function send(body) {
		form.inert = true;
		fill(wrong);
		try {
			draw(section, (await patch('settings', body)).limits);
			say('The limits hold in every worker.');
			section.querySelector('[type=submit]').focus();
		} catch (error) {
			form.inert = false;
			if (!markField(form, error.param, error.message))
				fill(wrong, failure(error));
		}
	}
	fill(section, el('h2', { id: 'limits-title' }, 'Limits'), form);
}

function limitField(name, label, { value, source, configured }) {
	return field(label, input(name, {
		type: 'number', min: 1, step: 1, required: true, value, inputmode: 'numeric',
	}), source === 'settings' ? `Set here; the configuration says ${configured}.`
		: 'As configured.');
}
