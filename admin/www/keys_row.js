/** A key's row: what is known of it, label and limit to be edited in place, and its menu. */
import { button, el } from './dom.js';
import { editable } from './inline_edit.js';
import { day, fromNow, moment } from './format.js';
import { askDelete, askExpiry, askRevoke, askRotate, enable, saveKey } from './keys_dialogs.js';
import { nameOf } from './keys_list.js';
import { menuButton } from './menu.js';

const STATUS = { active: ['ok', 'Active'], revoked: ['bad', 'Revoked'], expired: ['warn', 'Expired'] };

/** The cells of a key's row, by column. page is the KeysPage. */
export function keyCells(key, page) {
	return [nameCell(key, page), statusCell(key), limitCell(key, page), expiryCell(key),
		el('span', { title: moment(key.created_at) }, day(key.created_at)), actCell(key, page)];
}

/* Keys of API_KEYS are no entries of the file: nothing of them can be changed here. */
const isFixed = (key) => key.source === 'environment';

function nameCell(key, page) {
	const text = el('span', { class: 'key-name', title: nameOf(key) }, key.description ||
		el('span', { class: 'muted' }, 'no label'));
	const id = el('code', { class: 'key-id', title: key.key_id }, key.key_id);

	if (isFixed(key))
		return [el('span', { class: 'editable' }, text), id,
			el('span', { class: 'tag' }, 'API_KEYS')];
	return [editable(text, `Edit label of ${nameOf(key)}`, `label:${key.key_id}`, () => ({
		value: key.description ?? '', attributes: { 'aria-label': 'Label', maxlength: 256 },
		save: (value) => saveKey(page, key, { description: value.trim() }),
	})), id];
}

function statusCell(key) {
	const [kind, text] = STATUS[key.status];
	const grace = key.previous_expires_at && new Date(key.previous_expires_at) > new Date();

	return [el('span', { class: `badge ${kind}` }, text),
		grace && el('span', { class: 'tag', title: `The secret before holds until ${
			moment(key.previous_expires_at)}` }, 'two secrets')];
}

function limitCell(key, page) {
	const text = el('span', {}, key.rate_limit === null
		? el('span', { class: 'muted' }, 'none') : limitText(key.rate_limit, page.window));

	if (isFixed(key))
		return text;
	return editable(text, `Edit limit of ${nameOf(key)}`, `limit:${key.key_id}`, () => ({
		value: key.rate_limit ?? '',
		attributes: {
			'aria-label': `Requests in ${page.window} seconds; empty: no limit of its own`,
			type: 'number', min: 0, step: 1, placeholder: 'none', inputmode: 'numeric',
		},
		save: (value) => saveKey(page, key, { rate_limit: value === '' ? null : Number(value) }),
	}));
}

const limitText = (n, window) => `${n} / ${window === 60 ? 'min' : `${window} s`}`;

function expiryCell(key) {
	if (!key.expires_at)
		return el('span', { class: 'muted' }, 'never');
	return el('span', { title: moment(key.expires_at) }, day(key.expires_at),
		el('span', { class: 'below' }, fromNow(key.expires_at)));
}

function actCell(key, page) {
	if (isFixed(key))
		return el('span', { class: 'muted' }, 'set by the environment');
	const toggle = key.enabled
		? button('Revoke', { kind: 'small', data: { focus: `toggle:${key.key_id}` },
			'aria-label': `Revoke ${nameOf(key)}` }, () => askRevoke(page, key))
		: button('Enable', { kind: 'small', data: { focus: `toggle:${key.key_id}` },
			'aria-label': `Enable ${nameOf(key)}` }, () => enable(page, key));

	return el('span', { class: 'acts' }, toggle, menuButton(`More about ${nameOf(key)}`, () => [
		{ label: 'New secret…', act: () => askRotate(page, key) },
		{ label: 'Change expiry…', act: () => askExpiry(page, key) },
		{ label: 'Delete…', danger: true, act: () => askDelete(page, key) },
	], { data: { focus: `menu:${key.key_id}` } }));
}
