/**
 * Tables. windowTable() shows 100,000 rows as easily as ten: only the rows that can be seen
 * are in the document, and aria-rowcount and aria-rowindex say how many there are in truth.
 * It scrolls with the page, so there is no second scroll bar on a telephone. Roles are
 * written out, because narrow screens show rows as cards and browsers then forget them.
 */
import { el, fill } from './dom.js';

const SPARE = 8; // rows drawn beyond each edge

/**
 * @typedef {object} Column
 * @property {string} id
 * @property {string} label
 * @property {boolean} [sort] whether its head sorts
 * @property {boolean} [number] set to the right
 */

/**
 * @param {object} o
 * @param {string} o.label the table's name
 * @param {Column[]} o.columns
 * @param {function(object): string} o.key tells rows apart
 * @param {function(object): Array} o.cells what stands in a row, by column
 * @param {function(string)} o.onSort a head was pressed
 * @param {AbortSignal} o.signal its listeners end with this
 */
export function windowTable({ label, columns, key, cells, onSort, signal }) {
	const head = el('tr', { role: 'row', 'aria-rowindex': '1' });
	const above = spacer();
	const below = spacer();
	const body = el('tbody', { role: 'rowgroup' }, above, below);
	const table = el('table', {
		class: 'window-table', role: 'table', 'aria-label': label, 'aria-colcount': columns.length,
	}, el('thead', { role: 'rowgroup' }, head), body);
	const drawn = new Map(); // key -> {row, item}
	let items = [];
	let height = 0;

	function spacer() {
		return el('tr', { class: 'spacer', 'aria-hidden': 'true' },
			el('td', { colspan: columns.length }));
	}

	function range() {
		const top = -body.getBoundingClientRect().top;
		const from = Math.max(0, Math.floor(top / height) - SPARE);

		return [Math.min(from, items.length),
			Math.min(items.length, Math.ceil((top + window.innerHeight) / height) + SPARE)];
	}

	function makeRow(item, index) {
		return el('tr', { role: 'row', 'aria-rowindex': index + 2, data: { key: key(item) } },
			cells(item).map((cell, i) => el(i === 0 ? 'th' : 'td', {
				role: i === 0 ? 'rowheader' : 'cell', class: columns[i].number ? 'number' : null,
				scope: i === 0 ? 'row' : null, 'data-label': columns[i].label,
			}, cell)));
	}

	/** Put the rows from..to in place; those that are the same as before stay as they are. */
	function draw(from, to) {
		const wanted = new Map(items.slice(from, to).map((item, i) => [key(item), [item, from + i]]));
		const focused = body.contains(document.activeElement) ? document.activeElement : null;
		const name = focused?.dataset.focus;
		let last = above;

		for (const [k, old] of drawn) {
			if (wanted.get(k)?.[0] !== old.item) {
				old.row.remove();
				drawn.delete(k);
			}
		}
		for (const [k, [item, index]] of wanted) {
			const row = drawn.get(k)?.row ?? makeRow(item, index);
			row.setAttribute('aria-rowindex', String(index + 2));
			drawn.set(k, { row, item });
			if (last.nextSibling !== row)
				last.after(row);
			last = row;
		}
		above.firstChild.style.height = `${from * height}px`;
		below.firstChild.style.height = `${(items.length - to) * height}px`;
		if (focused && document.activeElement !== focused)
			(name && body.querySelector(`[data-focus="${CSS.escape(name)}"]`))
				?.focus({ preventScroll: true });
	}

	function update() {
		if (!table.isConnected)
			return;
		if (items.length === 0)
			return draw(0, 0);
		if (height === 0) {
			draw(0, 1);
			height = body.rows[1].getBoundingClientRect().height || 1;
		}
		draw(...range());
	}

	/** The row above or below, with the same control in it. */
	function walk(event) {
		const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
		const row = event.target.closest('tr[data-key]');

		if (!step || !row || event.target.matches('input, select'))
			return;
		event.preventDefault();
		const index = Number(row.getAttribute('aria-rowindex')) - 2 + step;
		if (index < 0 || index >= items.length)
			return;
		const part = event.target.dataset.focus?.split(':')[0];
		let next = drawn.get(key(items[index]))?.row;
		if (!next) {
			window.scrollBy({ top: step * height, behavior: 'instant' });
			update();
			next = drawn.get(key(items[index]))?.row;
		}
		const control = next?.querySelector(`[data-focus^="${part}:"]`) ?? next?.querySelector('button');
		control?.focus({ preventScroll: true });
		control?.scrollIntoView({ block: 'nearest' });
	}

	body.addEventListener('keydown', walk);
	window.addEventListener('scroll', update, { passive: true, signal });
	window.addEventListener('resize', () => {
		height = 0;
		update();
	}, { signal });

	return {
		element: table,
		/** @param {object[]} rows an item that changed is another object */
		setRows(rows) {
			items = rows;
			table.setAttribute('aria-rowcount', String(items.length + 1));
			update();
		},
		/** Show the first rows, if others are what is seen. */
		toTop() {
			if (body.getBoundingClientRect().top < 0)
				table.scrollIntoView({ block: 'start', behavior: 'instant' });
		},
		setSort(by, descending) {
			fill(head, columns.map((column) => headCell(column, by, descending, onSort)));
		},
	};
}

function headCell(column, by, descending, onSort) {
	const sorted = column.id === by;

	return el('th', {
		role: 'columnheader', scope: 'col', class: column.number ? 'number' : null,
		'aria-sort': sorted ? (descending ? 'descending' : 'ascending') : null,
	}, column.sort
		? el('button', {
			type: 'button', class: 'sort', data: { focus: `sort:${column.id}` },
			on: {
				click: () => {
					onSort(column.id);
					document.querySelector(`[data-focus="sort:${column.id}"]`)?.focus();
				},
			},
		}, column.label, el('span', { class: 'sort-mark', 'aria-hidden': 'true' },
			sorted ? (descending ? '↓' : '↑') : ''))
		: column.label);
}

/**
 * A small table, whole.
 * @param {string} label
 * @param {Column[]} columns
 * @param {Array[]} rows cells by column
 * @param {Array} [foot]
 */
export function plainTable(label, columns, rows, foot) {
	const line = (cells, tag) => el('tr', {}, cells.map((cell, i) => el(i === 0 ? 'th' : tag, {
		scope: i === 0 ? 'row' : null, class: columns[i].number ? 'number' : null,
		'data-label': columns[i].label,
	}, cell)));

	return el('div', { class: 'table-scroll', role: 'region', tabindex: '0', 'aria-label': label },
		el('table', {},
			el('caption', { class: 'read-only' }, label),
			el('thead', {}, el('tr', {}, columns.map((c) => el('th', {
				scope: 'col', class: c.number ? 'number' : null,
			}, c.label)))),
			el('tbody', {}, rows.map((row) => line(row, 'td'))),
			foot && el('tfoot', {}, line(foot, 'td'))));
}
