/**
 * What goes on now: counters are read each second and told by their differences. A page
 * that nobody looks at asks nothing.
 */
import { get } from './api.js';
import { announce, el, empty, failure, fill } from './dom.js';
import { count, duration, latency, short } from './format.js';
import { follows, quantile, rates } from './live_data.js';
import { plot } from './plot.js';
import { plainTable } from './table.js';

const EVERY_MS = 1000;
const POINTS = 120; // seconds that the plots show
const SMOOTH = 10;  // seconds that latencies and error rates are taken over
const GIVE_UP_AFTER = 3;

const TILES = [
	['requests', 'Requests/s'], ['streams', 'Streams open'], ['connections', 'Connections'],
	['errors', 'Server errors'], ['p50', 'Latency p50'], ['p95', 'Latency p95'], ['p99', 'Latency p99'],
	['first', 'First byte p95'], ['overhead', 'Added here p95'], ['tokens', 'Tokens/s'],
];

class LivePage {
	constructor(main, { signal }) {
		this.signal = signal;
		this.looks = [];   // statuses of this life, newest last
		this.points = [];  // what is drawn, one a look
		this.failures = 0;
		this.values = {};
		this.trouble = el('div', { class: 'trouble' });
		this.state = el('p', { class: 'live-state' });
		this.workers = el('div', {});
		this.refused = el('div', {});
		this.plots = [];
		fill(main, el('div', { class: 'page-head' }, el('h1', {}, 'Live'), this.state), this.trouble,
			el('dl', { class: 'tiles small' }, TILES.map(([id, label]) => el('div', { class: 'tile' },
				el('dt', {}, label), this.values[id] = el('dd', { data: { value: id } }, '–')))),
			el('div', { class: 'plots' },
				this.plotCard('Requests a second', [['requests/s', '--series-1']], (p) => [p.requests], short, 1),
				this.plotCard('Latency', [['p50', '--series-1'], ['p95', '--series-2'], ['p99', '--series-3']],
					(p) => [p.p50, p.p95, p.p99], latency, 0.01),
				this.plotCard('Open', [['streams', '--series-1'], ['connections', '--series-2']],
					(p) => [p.streams, p.connections], short, 4)),
			el('section', { class: 'card', 'aria-labelledby': 'workers-title' },
				el('h2', { id: 'workers-title' }, 'Workers'), this.workers),
			el('section', { class: 'card', 'aria-labelledby': 'refused-title' },
				el('h2', { id: 'refused-title' }, 'Refused since the start'), this.refused));
	}

	plotCard(title, series, read, format, least) {
		const canvas = el('canvas', { 'aria-hidden': 'true' });

		this.plots.push({ canvas, series, read, format, least });
		return el('section', { class: 'card', 'aria-label': title }, el('h2', {}, title),
			el('div', { class: 'plot low' }, canvas),
			series.length > 1 && el('ul', { class: 'legend' }, series.map(([label, name]) => {
				const mark = el('span', { class: 'swatch' });
				mark.style.backgroundColor = `var(${name})`;
				return el('li', {}, mark, label);
			})));
	}

	async start() {
		for (const p of this.plots)
			p.drawn = await plot(p.canvas, 'line', { format: p.format, least: p.least, signal: this.signal });
		document.addEventListener('visibilitychange', () => {
			if (!document.hidden)
				this.tick();
		}, { signal: this.signal });
		this.signal.addEventListener('abort', () => clearTimeout(this.timer));
		await this.tick();
	}

	async tick() {
		clearTimeout(this.timer);
		if (document.hidden || this.signal.aborted || this.asking) {
			announce(this.state, document.hidden ? 'Paused' : this.state.textContent);
			return;
		}
		this.asking = true;
		const began = Date.now();
		try {
			this.take({ ...await get('status', null, this.signal), at: Date.now() });
			this.failures = 0;
			this.trouble.replaceChildren();
		} catch (error) {
			if (error.name !== 'AbortError' && ++this.failures === GIVE_UP_AFTER)
				fill(this.trouble, failure(error));
		} finally {
			this.asking = false;
		}
		if (!this.signal.aborted)
			this.timer = setTimeout(() => this.tick(), Math.max(0, EVERY_MS - (Date.now() - began)));
	}

	take(now) {
		if (!follows(now, this.looks.at(-1) ?? null))
			this.looks = [];
		this.looks.push(now);
		this.looks.splice(0, this.looks.length - SMOOTH - 1);
		this.points.push(this.measure(now));
		this.points.splice(0, this.points.length - POINTS);
		this.show(now);
	}

	measure(now) {
		const open = { streams: now.streams, connections: now.connections };

		if (this.looks.length < 2)
			return { ...open, requests: null, errors: null, tokens: null, p50: null, p95: null, p99: null,
				first: null, overhead: null };
		const oldest = this.looks[0];
		const smooth = rates(now, oldest);
		const last = rates(now, this.looks.at(-2));
		const at = (what, q) => quantile(now[what], oldest[what], q);
		return { ...open, requests: last.requests, tokens: smooth.tokens, errors: smooth.errors,
			p50: at('latency', 0.5), p95: at('latency', 0.95), p99: at('latency', 0.99),
			first: at('ttfb', 0.95), overhead: at('overhead', 0.95) };
	}

	show(now) {
		const p = this.points.at(-1);
		const text = {
			requests: p.requests === null ? '–' : short(p.requests),
			tokens: p.tokens === null ? '–' : short(p.tokens),
			errors: p.errors === null ? '–' : `${short(p.errors * 100)} %`,
			streams: count(p.streams), connections: count(p.connections),
		};

		for (const [id] of TILES)
			announce(this.values[id], text[id] ?? latency(p[id]));
		announce(this.state, `${now.draining ? 'Draining · ' : ''}up ${duration(now.uptime_seconds)} · ` +
			`${count(now.totals.requests)} requests · upstream ${
				now.upstream.up === null ? 'not tried yet' : now.upstream.up ? 'reachable' : 'unreachable'}`);
		this.showPlots();
		this.showWorkers(now);
		this.showRefused(now);
	}

	showPlots() {
		const gap = Array(POINTS - this.points.length).fill(null);
		const labels = Array(POINTS).fill('');

		for (const { drawn, series, read } of this.plots) {
			drawn.set(labels, series.map(([label, name], i) => ({
				label, colour: name, data: [...gap, ...this.points.map((p) => read(p)[i])],
			})));
		}
	}

	/* drawn anew only when something differs: a screen reader may be in it */
	showWorkers(now) {
		const rows = now.workers.map((w) => [`${w.slot}`, `${w.pid}`, `${w.generation}`, w.phase,
			count(w.connections), count(w.streams), count(w.requests)]);

		redraw(this.workers, rows, () => plainTable('Workers', [{ label: 'Slot' },
			{ label: 'Process', number: true }, { label: 'Generation', number: true }, { label: 'State' },
			{ label: 'Connections', number: true }, { label: 'Streams', number: true },
			{ label: 'Requests', number: true }], rows));
	}

	showRefused(now) {
		const rows = Object.entries(now.totals.refused).filter(([, n]) => n > 0)
			.sort(([, a], [, b]) => b - a).map(([reason, n]) => [reason.replaceAll('_', ' '), count(n)]);

		redraw(this.refused, rows, () => (rows.length === 0 ? empty('Nothing was refused')
			: plainTable('Refused requests by reason', [{ label: 'Reason' },
				{ label: 'Requests', number: true }], rows)));
	}
}

function redraw(place, rows, make) {
	const mark = JSON.stringify(rows);

	if (place.dataset.shown === mark)
		return;
	// the cells that differ, where the table is as large as before
	const cells = [...place.querySelectorAll('tbody th, tbody td')];
	const texts = rows.flat();
	if (cells.length === texts.length && cells.length > 0)
		cells.forEach((cell, i) => announce(cell, texts[i]));
	else
		fill(place, make());
	place.dataset.shown = mark;
}

export async function show(main, context) {
	await new LivePage(main, context).start();
}
