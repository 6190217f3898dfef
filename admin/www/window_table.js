/**
 * A table that shows 100,000 rows as easily as ten: only the rows that can be seen are in the
 * document, and aria-rowcount and aria-rowindex say how many there are in truth. It scrolls
 * with the page, so there is no second scroll bar on a telephone. All rows are equally high.
 * Roles are written out, because narrow screens show rows as cards and browsers then forget them.
 */
import { el, fill, named } from './dom.js';

const SPARE = 8; // rows drawn beyond each edge

/**
 * @typedef {object} Column
 * @property {string} id
 * @property {string} label
 * @property {boolean} [sort] whether its head sorts
 */

export class WindowTable {
	/**
	 * @param {object} o
	 * @param {string} o.label the table's name
	 * @param {Column[]} o.columns
	 * @param {function(object): string} o.key tells rows apart
	 * @param {function(object): Array} o.cells what stands in a row, by column; controls carry
	 *     a data-focus of their kind, a colon and the row's key
	 * @param {function(string)} o.onSort a head was pressed
	 * @param {AbortSignal} o.signal its listeners end with this
	 */
	constructor({ label, columns, key, cells, onSort, signal }) {
		Object.assign(this, { columns, key, cells, onSort });
		this.items = [];
		this.drawn = new Map(); // key -> {row, item}
		this.height = 0;        // of a row; 0: to be measured
		this.head = el('tr', { role: 'row', 'aria-rowindex': '1' });
		this.above = this.spacer();
		this.below = this.spacer();
		this.body = el('tbody', { role: 'rowgroup', on: { keydown: (event) => this.walk(event) } },
			this.above, this.below);
		this.element = el('table', {
			class: 'window-table', role: 'table', 'aria-label': label, 'aria-colcount': columns.length,
		}, el('thead', { role: 'rowgroup' }, this.head), this.body);
		window.addEventListener('scroll', () => this.update(), { passive: true, signal });
		window.addEventListener('resize', () => this.resize(), { signal });
	}

	/** @param {object[]} items an item that has changed is another object */
	setRows(items) {
		this.items = items;
		this.element.setAttribute('aria-rowcount', String(items.length + 1));
		this.update();
	}

	/** Mark the column that the rows are sorted by. */
	setSort(by, descending) {
		fill(this.head, this.columns.map((column) => headCell(column, by, descending, this.onSort)));
	}

	/** Show the first rows, if others are what is seen. */
	toTop() {
		if (this.body.getBoundingClientRect().top < 0)
			this.element.scrollIntoView({ block: 'start', behavior: 'instant' });
	}

	/* Stands for the rows that are not drawn. */
	spacer() {
		return el('tr', { class: 'spacer', 'aria-hidden': 'true' },
			el('td', { colspan: this.columns.length }));
	}

	/* A narrow screen's rows may be higher than a wide one's. */
	resize() {
		this.height = 0;
		this.update();
	}

	update() {
		if (!this.element.isConnected)
			return;
		if (this.height === 0 && this.items.length > 0) {
			this.draw(0, 1);
			this.height = this.body.rows[1].getBoundingClientRect().height;
		}
		this.draw(...this.range());
	}

	/* The rows that can be seen, from and to. */
	range() {
		const n = this.items.length;
		const top = -this.body.getBoundingClientRect().top;

		if (n === 0)
			return [0, 0];
		return [Math.min(n, Math.max(0, Math.floor(top / this.height) - SPARE)),
			Math.max(0, Math.min(n, Math.ceil((top + window.innerHeight) / this.height) + SPARE))];
	}

	/** Put the rows from..to in place; those that are the same as before stay as they are. */
	draw(from, to) {
		const wanted = new Map(this.items.slice(from, to).map((item, i) =>
			[this.key(item), { item, index: from + i }]));
		const focused = this.body.contains(document.activeElement) ? document.activeElement : null;

		this.drop(wanted);
		this.place(wanted);
		this.above.firstChild.style.height = `${from * this.height}px`;
		this.below.firstChild.style.height = `${(this.items.length - to) * this.height}px`;
		if (focused && document.activeElement !== focused && focused.dataset.focus)
			named(focused.dataset.focus, this.body)?.focus({ preventScroll: true });
	}

	/* Take away what is not wanted, or is not what it was. */
	drop(wanted) {
		for (const [k, { row, item }] of this.drawn) {
			if (wanted.get(k)?.item === item)
				continue;
			row.remove();
			this.drawn.delete(k);
		}
	}

	place(wanted) {
		let last = this.above;

		for (const [k, { item, index }] of wanted) {
			const row = this.drawn.get(k)?.row ?? this.makeRow(item);
			row.setAttribute('aria-rowindex', String(index + 2));
			this.drawn.set(k, { row, item });
			// a row that is moved loses the focus: one in its place is left alone
			if (last.nextSibling !== row)
				last.after(row);
			last = row;
		}
	}

	makeRow(item) {
		return el('tr', { role: 'row', data: { key: this.key(item) } }, this.cells(item).map((cell, i) =>
			el(i === 0 ? 'th' : 'td', {
				role: i === 0 ? 'rowheader' : 'cell', scope: i === 0 ? 'row' : null,
				'data-label': this.columns[i].label,
			}, cell)));
	}

	/** The arrow keys go to the row above or below, to the same control in it. */
	walk(event) {
		const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
		const row = event.target.closest('tr[data-key]');

		if (!step || !row || event.target.matches('input, select'))
			return;
		event.preventDefault();
		const item = this.items[Number(row.getAttribute('aria-rowindex')) - 2 + step];
		if (!item)
			return;
		if (!this.drawn.has(this.key(item))) {
			window.scrollBy({ top: step * this.height, behavior: 'instant' });
			this.update();
		}
		const kind = event.target.dataset.focus?.split(':')[0];
		const next = this.drawn.get(this.key(item))?.row;
		const control = next && (named(`${kind}:${this.key(item)}`, next) ?? next.querySelector('button'));
		control?.focus({ preventScroll: true });
		control?.scrollIntoView({ block: 'nearest' });
	}
}

function headCell(column, by, descending, onSort) {
	const sorted = column.id === by;

	return el('th', {
		role: 'columnheader', scope: 'col',
		'aria-sort': sorted ? (descending ? 'descending' : 'ascending') : null,
	}, column.sort
		? el('button', {
			type: 'button', class: 'sort', data: { focus: `sort:${column.id}` },
			on: {
				click: () => {
					onSort(column.id);
					named(`sort:${column.id}`)?.focus();
				},
			},
		}, column.label, el('span', { class: 'sort-mark', 'aria-hidden': 'true' },
			sorted ? (descending ? '↓' : '↑') : ''))
		: column.label);
}
