/** Usage and costs: how much, by whom, when. */
import { address, get } from './api.js';
import { button, el, empty, failure, fill, icon, loading } from './dom.js';
import { choice, dateText, field, input } from './form.js';
import { count, euro, euroExact, parseEuro, plural, short, zone } from './format.js';
import { loadKeys, nameOf } from './keys_list.js';
import { MOST_SERIES, plot, seriesColour } from './plot.js';
import { note } from './router.js';
import { plainTable } from './table.js';
import { GROUPS, MEASURES, PERIODS, stack, sumByGroup, timeline } from './usage_data.js';

const DAY_MS = 86400000;
const MOST_ROWS = 200; // in the table; all of them are in the CSV

class UsagePage {
	constructor(main, { query, signal }) {
		const ago = (days) => dateText(new Date(Date.now() - days * DAY_MS));

		this.signal = signal;
		this.zone = zone();
		this.period = PERIODS.some(([p]) => p === query.get('period')) ? query.get('period') : '30d';
		this.group = query.get('by') in GROUPS ? query.get('by') : 'key';
		this.measure = query.get('measure') in MEASURES ? query.get('measure') : 'cost';
		this.since = query.get('since') ?? ago(6);
		this.until = query.get('until') ?? ago(0);
		this.names = new Map();
		this.place = el('div', { class: 'stack' });
		this.tiles = el('dl', { class: 'tiles' });
		this.csv = el('a', { class: 'button', download: 'usage.csv' }, icon('down'), el('span', {}, 'CSV'));
		fill(main, el('div', { class: 'page-head' }, el('h1', {}, 'Usage & costs'), this.csv),
			this.bar(), this.tiles, this.place);
	}

	bar() {
		const range = this.rangeForm();
		const period = choice('Period', PERIODS, this.period, (p) => {
			this.period = p;
			range.hidden = p !== 'range';
			this.load();
		});

		range.hidden = this.period !== 'range';
		return el('div', { class: 'bar' }, period, range,
			choice('Show', Object.entries(MEASURES).map(([id, m]) => [id, m.label]), this.measure, (m) => {
				this.measure = m;
				this.show();
			}),
			choice('By', Object.entries(GROUPS).map(([id, g]) => [id, g.label]), this.group, (g) => {
				this.group = g;
				this.load();
			}));
	}

	rangeForm() {
		const since = input('since', { type: 'date', value: this.since, required: true, max: this.until });
		const until = input('until', { type: 'date', value: this.until, required: true, min: this.since });
		const form = el('form', { class: 'range' }, field('From', since), field('To', until),
			button('Show', { type: 'submit' }));

		since.addEventListener('input', () => { until.min = since.value; });
		until.addEventListener('input', () => { since.max = until.value; });
		form.addEventListener('submit', (event) => {
			event.preventDefault();
			this.since = since.value;
			this.until = until.value;
			this.load();
		});
		return form;
	}

	/** The local days that are looked at; from null: since there is usage. */
	span() {
		const today = dateText(new Date());
		const back = { today: 0, '7d': 6, '30d': 29, year: 364 }[this.period];

		if (this.period === 'range')
			return { from: this.since, to: this.until };
		if (this.period === 'all')
			return { from: null, to: today };
		const from = new Date();
		from.setDate(from.getDate() - back);
		return { from: dateText(from), to: today };
	}

	unit() {
		const { from, to } = this.span();

		return from === to ? 'hour' : 'day';
	}

	query(by) {
		const { from, to } = this.span();
		const next = new Date(`${to}T00:00:00`);

		next.setDate(next.getDate() + 1);
		// the end of a day is the beginning of the next
		return { since: from, until: dateText(next), by, tz: this.zone };
	}

	async load() {
		const { signal } = this;

		fill(this.place, loading('usage'));
		this.tiles.setAttribute('aria-busy', 'true');
		try {
			const [found] = await Promise.all([get('usage', this.query(`${this.unit()},${this.group}`), signal),
				this.loadNames()]);
			this.found = found;
			this.show();
		} catch (error) {
			if (error.name === 'AbortError')
				return;
			if (error.param === 'tz' && this.zone !== 'UTC') {
				this.zone = 'UTC';
				return this.load();
			}
			this.tiles.replaceChildren();
			fill(this.place, failure(error, () => this.load()));
		} finally {
			this.tiles.removeAttribute('aria-busy');
		}
	}

	/* Usage is counted under ids; people know keys by their labels. */
	async loadNames() {
		if (this.group === 'key' && this.names.size === 0)
			this.names = new Map((await loadKeys(this.signal)).map((key) => [key.key_id, nameOf(key)]));
	}

	nameOf(id) {
		return this.group === 'key' ? this.names.get(id) ?? id : id;
	}

	show() {
		const { rows, total } = this.found;

		note({ period: this.period, by: this.group, measure: this.measure,
			...(this.period === 'range' ? { since: this.since, until: this.until } : {}) });
		this.csv.href = address('usage', { ...this.query(`${this.unit()},${this.group}`), format: 'csv' });
		this.showTiles(total);
		if (rows.length === 0)
			return fill(this.place, empty('Nothing was used in this time',
				'Requests are counted when they are answered.'));
		const groups = sumByGroup(rows, GROUPS[this.group].column, this.measure);
		const canvas = el('canvas', { 'aria-hidden': 'true' });
		const axis = timeline(this.unit(), rows, this.span());
		const lines = stack(rows, GROUPS[this.group].column, this.measure, axis,
			groups.slice(0, MOST_SERIES).map((g) => g.name));
		fill(this.place, this.plotCard(canvas, axis, lines), this.groupCard(groups, total));
		return this.draw(canvas, axis, lines);
	}

	showTiles(total) {
		const cost = parseEuro(total.cost_eur);
		const tile = (label, value, more, title) => el('div', { class: 'tile' }, el('dt', {}, label),
			el('dd', { title }, value, more && el('span', { class: 'tile-more' }, more)));

		fill(this.tiles,
			tile('Spend', euro(cost, cost < 100n * 10n ** 9n && cost > 0n ? 4 : 2), null, euroExact(cost)),
			tile('Tokens', count(total.total_tokens),
				`${count(total.prompt_tokens)} in · ${count(total.completion_tokens)} out`),
			tile('Requests', count(total.requests),
				total.requests_cut > 0 && `${count(total.requests_cut)} of them cut off`));
	}

	async draw(canvas, axis, lines) {
		const m = MEASURES[this.measure];
		const format = this.measure === 'cost' ? (v) => `€${short(v)}` : short;

		this.drawing?.abort();
		this.drawing = new AbortController();
		const signal = AbortSignal.any([this.signal, this.drawing.signal]);
		const drawn = await plot(canvas, 'bar', { stacked: true, format, signal });
		drawn.set(axis.labels, lines.map((line, i) => ({
			label: this.nameOf(line.label), data: line.data.map(m.drawn), colour: seriesColour(i),
			full: line.data.map((v) => m.exact(v)),
		})));
	}

	plotCard(canvas, axis, lines) {
		const m = MEASURES[this.measure];
		const title = `${m.label} over time, by ${GROUPS[this.group].label.toLowerCase()}`;
		const legend = el('ul', { class: 'legend' }, lines.map((line, i) => {
			const mark = el('span', { class: 'swatch' });
			mark.style.backgroundColor = `var(${seriesColour(i)})`;
			return el('li', {}, mark, el('span', { class: 'cut' }, this.nameOf(line.label)));
		}));

		return el('section', { class: 'card', 'aria-labelledby': 'plot-title' },
			el('h2', { id: 'plot-title' }, title),
			el('div', { class: 'plot' }, canvas), legend,
			el('details', {}, el('summary', {}, 'The plot as a table'),
				plainTable(title, [{ label: this.unit() === 'hour' ? 'Time' : 'Date' },
					...lines.map((line) => ({ label: this.nameOf(line.label), number: true }))],
				axis.labels.map((label, i) => [label, ...lines.map((line) => m.exact(line.data[i]))])
					.filter((_, i) => lines.some((line) => line.data[i] > 0n)),
				['Total', ...lines.map((line) => m.exact(line.data.reduce((a, b) => a + b, 0n)))])),
			el('p', { class: 'hint' }, `Times are those of ${this.zone}.`));
	}

	groupCard(groups, total) {
		const label = GROUPS[this.group].label;
		const largest = groups[0][this.measure];
		const cost = parseEuro(total.cost_eur);
		const text = MEASURES.cost.text;
		const columns = [{ label }, { label: 'Share' }, ...['Spend', 'Tokens', 'In', 'Out', 'Requests']
			.map((l) => ({ label: l, number: true }))];
		const rows = groups.slice(0, MOST_ROWS).map((g) => [this.nameCell(g.name),
			share(g[this.measure], largest, MEASURES[this.measure].exact(g[this.measure])),
			el('span', { title: euroExact(g.cost) }, text(g.cost, cost)), count(g.tokens), count(g.prompt),
			count(g.completion), count(g.requests)]);

		return el('section', { class: 'card', 'aria-labelledby': 'group-title' },
			el('h2', { id: 'group-title' }, `By ${label.toLowerCase()}`),
			plainTable(`Usage by ${label.toLowerCase()}`, columns, rows, ['Total', '', text(cost, cost),
				count(total.total_tokens), count(total.prompt_tokens), count(total.completion_tokens),
				count(total.requests)]),
			groups.length > MOST_ROWS && el('p', { class: 'hint' },
				`The first ${MOST_ROWS} of ${plural(groups.length, 'row')}; the CSV has them all.`));
	}

	nameCell(id) {
		const name = this.nameOf(id);

		if (this.group !== 'key' || name === id)
			return el('span', { class: 'called' }, id);
		return [el('span', { class: 'called' }, name), el('code', { class: 'key-id' }, id)];
	}
}

/** A bar as long as its part of the largest; the number stands beside it anyway. */
function share(value, largest, title) {
	const made = el('span', { class: 'share', title, 'aria-hidden': 'true' }, el('span', {}));

	made.firstChild.style.width = largest > 0n ? `${Number(value * 1000n / largest) / 10}%` : '0';
	return made;
}

export async function show(main, context) {
	await new UsagePage(main, context).load();
}
