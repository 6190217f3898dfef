/** The list of keys in memory: fetched whole, then searched, filtered and sorted here. */
import { get } from './api.js';

const PAGE = 10000;
const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });
const LAST = '\uffff'; // behind every date

/** What a key is called: its label, else its id. */
export const nameOf = (key) => key.description || key.key_id;

/** All keys, page by page. */
export async function loadKeys(signal) {
	const keys = [];
	let after = null;

	do {
		const page = await get('keys', { limit: PAGE, after }, signal);
		keys.push(...page.keys);
		after = page.next;
	} while (after !== null && after !== undefined);
	return keys;
}

export function countByStatus(keys) {
	const counts = { all: keys.length, active: 0, revoked: 0, expired: 0 };

	for (const key of keys)
		counts[key.status]++;
	return counts;
}

/* null sorts behind everything: no limit is the highest, never expires the latest */
const ORDERS = {
	name: (a, b) => collator.compare(nameOf(a), nameOf(b)),
	status: (a, b) => collator.compare(a.status, b.status),
	rate_limit: (a, b) => (a.rate_limit ?? Infinity) - (b.rate_limit ?? Infinity) || 0,
	expires_at: (a, b) => compare(a.expires_at ?? LAST, b.expires_at ?? LAST),
	created_at: (a, b) => compare(a.created_at ?? LAST, b.created_at ?? LAST),
};

const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

/**
 * The keys to show, in their order. Words of the search may stand anywhere in label or id.
 * @param {object[]} keys
 * @param {{search: string, status: string, sort: string, descending: boolean}} view
 */
export function selectKeys(keys, view) {
	const words = view.search.toLowerCase().split(/\s+/).filter(Boolean);
	const found = keys.filter((key) => (view.status === 'all' || key.status === view.status) &&
		(words.length === 0 || matches(key, words)));
	const sign = view.descending ? -1 : 1;
	const order = ORDERS[view.sort];

	return found.sort((a, b) => sign * order(a, b) || compare(a.key_id, b.key_id));
}

function matches(key, words) {
	const text = `${key.description ?? ''}\n${key.key_id}`.toLowerCase();

	return words.every((word) => text.includes(word));
}
