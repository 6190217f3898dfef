/** The API keys: the list, and what can be done to each of them. */
import { get } from './api.js';
import { announce, button, el, empty, failure, fill, icon, loading } from './dom.js';
import { choice, input } from './form.js';
import { count, plural } from './format.js';
import { askCreate } from './keys_dialogs.js';
import { countByStatus, loadKeys, selectKeys } from './keys_list.js';
import { keyCells } from './keys_row.js';
import { note } from './router.js';
import { WindowTable } from './window_table.js';

const COLUMNS = [
	{ id: 'name', label: 'Key', sort: true },
	{ id: 'status', label: 'Status', sort: true },
	{ id: 'rate_limit', label: 'Limit', sort: true },
	{ id: 'expires_at', label: 'Expires', sort: true },
	{ id: 'created_at', label: 'Created', sort: true },
	{ id: 'act', label: 'Actions' },
];
const FIRST_DESCENDING = ['created_at'];
const SAY_AFTER_MS = 500;

/** Holds the page's keys; rows and dialogs tell it what has changed. */
class KeysPage {
	constructor(main, { query, signal }) {
		this.signal = signal;
		this.keys = [];
		this.view = {
			search: query.get('q') ?? '',
			status: ['active', 'revoked', 'expired'].find((s) => s === query.get('status')) ?? 'all',
			sort: COLUMNS.find((c) => c.sort && c.id === query.get('sort'))?.id ?? 'name',
			descending: query.get('order') === 'down',
		};
		this.filters = el('div', { class: 'filters' });
		this.found = el('p', { class: 'found', role: 'status' });
		this.place = el('div', {});
		this.table = new WindowTable({
			label: 'API keys', columns: COLUMNS, key: (key) => key.key_id,
			cells: (key) => keyCells(key, this), onSort: (id) => this.sort(id), signal,
		});
		fill(main, this.head(), this.bar(), this.found, this.place);
	}

	head() {
		return el('div', { class: 'page-head' }, el('h1', {}, 'API keys'),
			button('Create key', { icon: 'plus', kind: 'primary', data: { focus: 'create' } },
				() => askCreate(this)));
	}

	bar() {
		const search = input('search', {
			type: 'search', placeholder: 'Label or id', 'aria-label': 'Search keys',
			value: this.view.search,
		});

		search.addEventListener('input', () => this.change({ search: search.value }));
		return el('div', { class: 'bar' }, el('div', { class: 'search' }, icon('search'), search),
			button('Refresh', { icon: 'refresh', kind: 'quiet', hide: true }, () => this.load()),
			this.filters);
	}

	async load() {
		if (this.keys.length === 0)
			fill(this.place, loading('keys'));
		try {
			const [keys, settings, models] = await Promise.all([loadKeys(this.signal),
				get('settings', null, this.signal), get('models', null, this.signal)]);
			this.keys = keys;
			this.settings = settings;
			this.model = models.models.find((m) => m.kind === 'chat')?.id ?? 'gpt-oss-120b';
			this.window = settings.limits.rate_limit_window.value;
			this.show();
		} catch (error) {
			if (error.name !== 'AbortError')
				fill(this.place, failure(error, () => this.load()));
		}
	}

	/** A key is new, or another than it was. */
	put(key) {
		const at = this.keys.findIndex((k) => k.key_id === key.key_id);

		if (at === -1)
			this.keys.push(key);
		else
			this.keys[at] = key;
		this.show();
	}

	/** A key is gone. */
	drop(key) {
		this.keys = this.keys.filter((k) => k.key_id !== key.key_id);
		this.show();
	}

	sort(id) {
		this.change({
			descending: this.view.sort === id ? !this.view.descending : FIRST_DESCENDING.includes(id),
			sort: id,
		});
	}

	/** Look at the list in another way, from its beginning. */
	change(view) {
		Object.assign(this.view, view);
		this.show();
		this.table.toTop();
	}

	show() {
		const rows = selectKeys(this.keys, this.view);

		// an answer may come when another page has taken the place
		if (this.signal.aborted)
			return;
		this.showFilters();
		note(this.asQuery());
		if (rows.length === 0) {
			fill(this.place, this.nothing());
			this.table.setRows(rows);
		} else {
			if (!this.table.element.isConnected)
				fill(this.place, this.table.element);
			this.table.setSort(this.view.sort, this.view.descending);
			this.table.setRows(rows);
		}
		clearTimeout(this.saying);
		this.saying = setTimeout(() => announce(this.found, rows.length === this.keys.length
			? plural(rows.length, 'key')
			: `${count(rows.length)} of ${plural(this.keys.length, 'key')}`), SAY_AFTER_MS);
	}

	/* the numbers change with each edit, the focus is not to */
	showFilters() {
		const counts = countByStatus(this.keys);
		const text = (s) => `${s[0].toUpperCase()}${s.slice(1)} ${count(counts[s])}`;
		const labels = this.filters.querySelectorAll('label > span');

		if (labels.length > 0) {
			Object.keys(counts).forEach((s, i) => announce(labels[i], text(s)));
			return;
		}
		fill(this.filters, choice('Status', Object.keys(counts).map((s) => [s, text(s)]),
			this.view.status, (status) => this.change({ status })));
	}

	asQuery() {
		const v = this.view;

		return Object.fromEntries([['q', v.search], ['status', v.status === 'all' ? '' : v.status],
			['sort', v.sort === 'name' ? '' : v.sort], ['order', v.descending ? 'down' : '']]
			.filter(([, text]) => text));
	}

	nothing() {
		if (this.keys.length > 0)
			return empty('No key matches', 'Try another word, or another status.');
		return empty('No keys yet', 'A key lets a person or a program use the models. Its secret ' +
			'is shown once, when it is made.',
		button('Create the first key', { icon: 'plus', kind: 'primary' }, () => askCreate(this)));
	}
}

export async function show(main, context) {
	await new KeysPage(main, context).load();
}
