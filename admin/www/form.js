/** Form fields: a label, a control, a hint, and a place for what is wrong with it. */
import { add, el } from './dom.js';

let serial = 0;

/**
 * @param {string} label
 * @param {HTMLElement} control an input or select with a name
 * @param {string|Node|null} [hint]
 */
export function field(label, control, hint) {
	const id = control.id || `field-${++serial}`;
	const wrong = el('p', { class: 'field-wrong', id: `${id}-wrong`, role: 'alert' });

	control.id = id;
	control.setAttribute('aria-describedby', hint ? `${id}-hint ${wrong.id}` : wrong.id);
	return el('div', { class: 'field' }, el('label', { for: id }, label), control,
		hint && el('p', { class: 'hint', id: `${id}-hint` }, hint), wrong);
}

export const input = (name, attributes = {}) => el('input', { type: 'text', name, autocomplete: 'off',
	...attributes });

/** options: [value, label] pairs. */
export function select(name, options, attributes = {}) {
	return add(el('select', { name, ...attributes }),
		options.map(([value, label]) => el('option', { value }, label)));
}

/** A few choices of which one holds, as buttons side by side. */
export function choice(label, options, chosen, onChange) {
	const name = `choice-${++serial}`;

	return el('fieldset', { class: 'choice' }, el('legend', {}, label),
		options.map(([value, text]) => el('label', {},
			el('input', {
				type: 'radio', name, value, checked: value === chosen,
				on: { change: () => onChange(value) },
			}), el('span', {}, text))));
}

const DAY_MS = 86400000;
const PRESETS = [['', 'Never'], ['7', 'In 7 days'], ['30', 'In 30 days'], ['90', 'In 90 days'],
	['365', 'In a year'], ['date', 'After a date…']];

/** A local date as <input type=date> has it. */
export function dateText(date) {
	const two = (n) => String(n).padStart(2, '0');

	return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/**
 * When something expires: presets, or the end of a day of this browser's time zone.
 * @param {string|null} [current] what it is now; offered as "unchanged" when it is a time
 * @returns {{node: Node, value: function(): (string|null|undefined)}} undefined: unchanged
 */
export function expiryField(current) {
	const kind = select('expiry', current === undefined ? PRESETS : [['keep', 'As it is'], ...PRESETS]);
	const date = input('expires_at', {
		type: 'date', min: dateText(new Date()), value: dateText(new Date(Date.now() + 30 * DAY_MS)),
	});
	const dateField = field('Last day', date, 'It ends with this day in your time zone.');

	function follow() {
		dateField.hidden = kind.value !== 'date';
		date.disabled = dateField.hidden;
		date.required = !dateField.hidden;
	}
	kind.addEventListener('change', follow);
	follow();
	return {
		node: el('div', {}, field('Expires', kind), dateField),
		value() {
			if (kind.value === 'keep')
				return undefined;
			if (kind.value === '')
				return null;
			if (kind.value !== 'date')
				return inDays(Number(kind.value));
			const [y, m, d] = date.value.split('-').map(Number);
			return seconds(new Date(y, m - 1, d, 23, 59, 59));
		},
	};
}

/** So many days from now, as the API writes times. */
const inDays = (days) => seconds(new Date(Date.now() + days * DAY_MS));

const seconds = (date) => date.toISOString().replace(/\.\d+Z$/, 'Z');
