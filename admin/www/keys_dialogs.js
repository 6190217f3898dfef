/** What is done to keys, each in a dialog of its own, and the one that shows a secret. */
import { ApiError, get, patch, post, remove } from './api.js';
import { askDialog, openDialog } from './dialog.js';
import { button, el, notice, say } from './dom.js';
import { expiryField, field, input, select } from './form.js';
import { moment } from './format.js';
import { nameOf } from './keys_list.js';
import { curlLine } from './samples.js';
import { baseUrl } from './host.js';
import { showSecret } from './secret.js';

const path = (key, verb) => `keys/${encodeURIComponent(key.ref)}${verb ? `/${verb}` : ''}`;

/** The names by which people know a key, for sentences. */
function called(key) {
	if (!key.description)
		return el('code', { class: 'called' }, key.key_id);
	return [el('strong', { class: 'called' }, key.description), ' (',
		el('code', { class: 'called' }, key.key_id), ')'];
}

function tellSecret(page, title, { key, secret }) {
	page.put(key);
	return () => showSecret({
		title, secret,
		lead: ['This is the secret of ', called(key), '. It is shown only now: gatehouse keeps ' +
			'nothing but its hash.'],
		command: curlLine(baseUrl(page.settings), secret, page.model),
	});
}

export function askCreate(page) {
	const expiry = expiryField();

	askDialog({
		title: 'Create a key',
		verb: 'Create key',
		body: [
			field('Label', input('description', { maxlength: 256 }),
				'Whose it is, or what for: shown here and in the usage.'),
			expiry.node,
			field(`Limit`, input('rate_limit', { type: 'number', min: 0, step: 1, inputmode: 'numeric' }),
				`Requests in any ${page.window} seconds. Empty: only the limit of all keys together.`),
			el('details', {}, el('summary', {}, 'More'),
				field('Key id', input('key_id', { maxlength: 128 }),
					'The name that usage is counted under; made from the secret when empty.')),
		],
		async act(form) {
			const limit = form.get('rate_limit');
			const given = {
				description: form.get('description').trim() || undefined,
				key_id: form.get('key_id') || undefined,
				rate_limit: limit === '' ? null : Number(limit),
				expires_at: expiry.value(),
			};
			return tellSecret(page, 'Key created', await post('keys', given));
		},
	});
}

const GRACE = [['0', 'At once'], ['3600', 'After an hour'], ['86400', 'After a day'],
	['604800', 'After 7 days']];

export function askRotate(page, key) {
	askDialog({
		title: 'New secret',
		verb: 'Make a new secret',
		body: [
			el('p', {}, called(key), ' gets a new secret; id, label, limit and usage stay.'),
			field('The secret so far ends', select('grace', GRACE),
				'Time to put the new one everywhere. Until then both hold.'),
		],
		act: async (form) => tellSecret(page, 'New secret', await post(path(key, 'rotate'),
			{ grace_seconds: Number(form.get('grace')) })),
	});
}

export function askRevoke(page, key) {
	askDialog({
		title: 'Revoke this key?',
		verb: 'Revoke key',
		danger: true,
		body: [el('p', {}, called(key), ' is refused from the next request on, by every worker. ' +
			'It can be enabled again.')],
		async act() {
			page.put(await post(path(key, 'revoke')));
			say(`${nameOf(key)} is revoked.`);
		},
	});
}

export async function enable(page, key) {
	try {
		page.put(await post(path(key, 'enable')));
		say(`${nameOf(key)} is enabled.`);
	} catch (error) {
		openDialog({
			title: 'Not enabled', body: [notice('bad', error.message)],
			actions: [button('Close', {}, (e) => e.currentTarget.closest('dialog').close())],
		});
	}
}

export function askExpiry(page, key) {
	const expiry = expiryField(key.expires_at);

	askDialog({
		title: 'Change expiry',
		verb: 'Save',
		body: [el('p', {}, called(key), key.expires_at
			? ` expires on ${moment(key.expires_at)}.` : ' never expires.'), expiry.node],
		async act() {
			const at = expiry.value();
			let after;
			if (at !== undefined)
				await saveKey(page, key, { expires_at: at }, (f) => { after = f; });
			return after;
		},
	});
}

export function askDelete(page, key) {
	askDialog({
		title: 'Delete this key?',
		verb: 'Delete key',
		danger: true,
		body: [
			el('p', {}, called(key), ' is refused from the next request on, and leaves the key file. ' +
				'This can’t be undone.'),
			el('label', { class: 'check' }, el('input', { type: 'checkbox', name: 'forget' }),
				el('span', {}, 'Also take its name out of the usage. What it has spent stays in the totals.')),
		],
		async act(form) {
			await remove(path(key), form.has('forget') ? { forget: true } : {});
			page.drop(key);
			say(`${nameOf(key)} is deleted.`);
		},
	});
}

/**
 * Save fields of a key, if nobody else has changed it since it was shown; if somebody has,
 * both are shown and the person decides.
 * @param {function(function)} [later] takes the conflict's dialog when another is still open
 * @returns {Promise<boolean>} whether it is saved
 */
export async function saveKey(page, key, fields, later = (f) => f()) {
	try {
		page.put(await patch(path(key), { ...fields, if_revision: key.revision }));
		return true;
	} catch (error) {
		if (!(error instanceof ApiError) || error.code !== 'changed')
			throw error;
		const now = await get(path(key));
		later(() => askConflict(page, key, now, fields));
		return false;
	}
}

const FIELDS = {
	description: ['Label', (v) => v || 'none'],
	rate_limit: ['Limit', (v) => (v === null ? 'none' : String(v))],
	expires_at: ['Expires', (v) => (v ? moment(v) : 'never')],
	status: ['Status', (v) => v],
};

function askConflict(page, before, now, fields) {
	const changed = Object.keys(FIELDS).filter((f) => before[f] !== now[f]);
	const text = (f, key) => FIELDS[f][1](key[f]);
	const names = [...new Set([...changed, ...Object.keys(fields)])];
	const cell = (f, key) => el('td', {}, f in key ? text(f, key) : '–');

	page.put(now);
	askDialog({
		title: 'Changed meanwhile',
		verb: 'Save mine all the same',
		body: [
			el('p', {}, 'Somebody has changed ', called(now), ' since you opened it. Nothing is saved yet.'),
			el('table', { class: 'compare' },
				el('thead', {}, el('tr', {}, ['Field', 'Was', 'Is now', 'Yours'].map((t) =>
					el('th', { scope: 'col' }, t)))),
				el('tbody', {}, names.map((f) => el('tr', {}, el('th', { scope: 'row' }, FIELDS[f][0]),
					cell(f, before), cell(f, now), cell(f, fields))))),
		],
		async act() {
			page.put(await patch(path(now), { ...fields, if_revision: now.revision }));
			say('Saved.');
		},
	});
}
