/**
 * Usage as the page shows it, worked out of the API's rows. Money stays a BigInt; numbers
 * that are drawn are rounded, numbers that are read are not.
 */
import { euro, euroDecimals, euroExact, count, parseEuro } from './format.js';

/** What may be measured: how it is read from a row, and told. */
export const MEASURES = {
	cost: {
		label: 'Spend',
		of: (row) => parseEuro(row.cost_eur) ?? 0n,
		text: (v, largest) => euro(v, euroDecimals(largest)),
		exact: euroExact,
		drawn: (v) => Number(v) / 1e9,
	},
	tokens: {
		label: 'Tokens',
		of: (row) => BigInt(row.total_tokens),
		text: count,
		exact: count,
		drawn: Number,
	},
	requests: {
		label: 'Requests',
		of: (row) => BigInt(row.requests),
		text: count,
		exact: count,
		drawn: Number,
	},
};

/** Whose figures: the API's name, and the column of its rows. */
export const GROUPS = {
	key: { label: 'Key', column: 'key_id' },
	model: { label: 'Model', column: 'model' },
	endpoint: { label: 'Endpoint', column: 'endpoint' },
};

export const PERIODS = [['today', 'Today'], ['7d', '7 days'], ['30d', '30 days'], ['year', 'Year'],
	['all', 'All'], ['range', 'Range']];

const HOUR_MS = 3600000;
const DAY_MS = 24 * HOUR_MS;
const MOST_DAYS = 92; // beyond, months are drawn

const HOUR_FORM = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const DAY_HOUR_FORM = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', hour: '2-digit',
	minute: '2-digit' });
const DAY_FORM = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' });
const MONTH_FORM = new Intl.DateTimeFormat('en-GB', { month: 'short', year: 'numeric', timeZone: 'UTC' });

const dayNumber = (text) => Date.parse(`${text}T00:00:00Z`) / DAY_MS;
const dayText = (number) => new Date(number * DAY_MS).toISOString().slice(0, 10);

/**
 * The steps of the time axis, none left out, and which step a row belongs to.
 * @param {'hour'|'day'} unit of the rows
 * @param {object[]} rows
 * @param {{from: string|null, to: string}} span local days; from null: where rows begin
 * @returns {{labels: string[], at: function(object): number}}
 */
export function timeline(unit, rows, span) {
	return unit === 'hour' ? hours(rows, span) : days(rows, span);
}

function hours(rows, span) {
	const times = rows.map((row) => Date.parse(row.hour));
	const local = (text) => new Date(`${text}T00:00:00`).getTime();
	const midnight = span.from ? local(span.from) : Math.min(...times);
	const first = Math.min(midnight - (midnight % HOUR_MS), ...times);
	const last = Math.max(Math.min(local(dayText(dayNumber(span.to) + 1)) - HOUR_MS, Date.now()), ...times);
	const labels = [];
	const form = last - first > DAY_MS ? DAY_HOUR_FORM : HOUR_FORM;

	for (let t = first; t <= last; t += HOUR_MS)
		labels.push(form.format(t));
	return { labels, at: (row) => Math.round((Date.parse(row.hour) - first) / HOUR_MS) };
}

function days(rows, span) {
	const numbers = rows.map((row) => dayNumber(row.day));
	const last = Math.max(dayNumber(span.to), ...numbers);
	const first = Math.min(span.from ? dayNumber(span.from) : last, ...numbers);

	if (last - first >= MOST_DAYS)
		return months(dayText(first), dayText(last));
	const labels = [];
	for (let d = first; d <= last; d++)
		labels.push(DAY_FORM.format(d * DAY_MS));
	return { labels, at: (row) => dayNumber(row.day) - first };
}

function months(first, last) {
	const number = (text) => Number(text.slice(0, 4)) * 12 + Number(text.slice(5, 7)) - 1;
	const labels = [];

	for (let m = number(first); m <= number(last); m++)
		labels.push(MONTH_FORM.format(Date.UTC(Math.floor(m / 12), m % 12)));
	return { labels, at: (row) => number(row.day) - number(first) };
}

/**
 * Rows summed by group, the largest first.
 * @returns {Array<{name: string, cost: bigint, tokens: bigint, requests: bigint, cut: bigint,
 *     prompt: bigint, completion: bigint}>}
 */
export function sumByGroup(rows, column, measure) {
	const sums = new Map();

	for (const row of rows) {
		const sum = sums.get(row[column]) ?? { name: row[column], cost: 0n, tokens: 0n, requests: 0n,
			cut: 0n, prompt: 0n, completion: 0n };
		sum.cost += MEASURES.cost.of(row);
		sum.tokens += MEASURES.tokens.of(row);
		sum.requests += MEASURES.requests.of(row);
		sum.cut += BigInt(row.requests_cut);
		sum.prompt += BigInt(row.prompt_tokens);
		sum.completion += BigInt(row.completion_tokens);
		sums.set(row[column], sum);
	}
	return [...sums.values()].sort((a, b) => (a[measure] < b[measure] ? 1 : a[measure] > b[measure] ? -1
		: a.name < b.name ? -1 : 1));
}

/**
 * One line of sums over the time axis for each of the names, and one for all others.
 * @returns {Array<{label: string, data: bigint[]}>}
 */
export function stack(rows, column, measure, axis, names) {
	const line = (label) => ({ label, data: axis.labels.map(() => 0n) });
	const lines = new Map(names.map((name) => [name, line(name)]));
	const others = line('all others');

	for (const row of rows)
		(lines.get(row[column]) ?? others).data[axis.at(row)] += MEASURES[measure].of(row);
	return [...lines.values(), ...(others.data.some((v) => v > 0n) ? [others] : [])];
}
