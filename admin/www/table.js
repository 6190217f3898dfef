/** Small tables, whole; window_table.js is for those with thousands of rows. */
import { el } from './dom.js';

/**
 * @typedef {object} Column
 * @property {string} label
 * @property {boolean} [number] set to the right
 */

/**
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
