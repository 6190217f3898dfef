/**
 * Plots, drawn by Chart.js in the page's own colours. A canvas says nothing to who can't see
 * it: it is hidden from screen readers, and whoever draws one gives the same figures as text.
 */

const SERIES = 8;

/** Chart.js is Debian's, a script that is loaded with the first plot. */
async function library() {
	await import('./chart.js');
	return globalThis.Chart;
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** The colour of the i-th series; the last one stands for all others. */
export const seriesColour = (i) => (i < SERIES ? `--series-${i + 1}` : '--series-other');

/** How many series have a colour of their own. */
export const MOST_SERIES = SERIES;

/**
 * A plot in a canvas.
 * @param {HTMLCanvasElement} canvas
 * @param {'bar'|'line'} kind
 * @param {object} o
 * @param {boolean} [o.stacked]
 * @param {function(number): string} o.format of figures on the axis and in tips
 * @param {AbortSignal} o.signal the plot ends with it
 * @param {number} [o.points] of a line that moves: labels are left out
 * @returns {Promise<{set: function(string[], Array<{label: string, data: number[], colour: string,
 *     full?: string[]}>)}>} full: the exact figures, as text
 */
export async function plot(canvas, kind, o) {
	const Chart = await library();
	const still = window.matchMedia('(prefers-reduced-motion: reduce)');
	const dark = window.matchMedia('(prefers-color-scheme: dark)');
	const chart = new Chart(canvas, {
		type: kind,
		data: { labels: [], datasets: [] },
		options: options(kind, o, still.matches || kind === 'line'),
	});
	let shown = [[], []];

	if (o.signal.aborted) {
		chart.destroy();
		return { set() {} };
	}
	function set(labels, series) {
		shown = [labels, series];
		chart.data.labels = labels;
		chart.data.datasets = series.map((s) => dataset(kind, s));
		paint(chart.options);
		chart.update(kind === 'line' ? 'none' : undefined);
	}
	dark.addEventListener('change', () => set(...shown), { signal: o.signal });
	o.signal.addEventListener('abort', () => chart.destroy());
	return { set };
}

function dataset(kind, { label, data, colour: name, full }) {
	const drawn = colour(name);

	if (kind === 'bar')
		return { label, data, full, backgroundColor: drawn, maxBarThickness: 48 };
	return { label, data, full, borderColor: drawn, backgroundColor: drawn, borderWidth: 1.75,
		pointRadius: 0, tension: 0, spanGaps: false };
}

function options(kind, o, still) {
	const moving = kind === 'line';

	return {
		responsive: true,
		maintainAspectRatio: false,
		animation: still ? false : { duration: 200 },
		interaction: { mode: 'index', intersect: false },
		scales: {
			x: { stacked: o.stacked, grid: { display: false },
				ticks: { display: !moving, maxRotation: 0, autoSkipPadding: 16 } },
			y: { stacked: o.stacked, beginAtZero: true, border: { display: false }, suggestedMax: o.least,
				ticks: { maxTicksLimit: moving ? 4 : 6, callback: (v) => o.format(v) } },
		},
		plugins: {
			legend: { display: false },
			tooltip: {
				enabled: !moving, itemSort: (a, b) => b.raw - a.raw, filter: (item) => item.raw > 0,
				callbacks: {
					label: (item) => ` ${item.dataset.label}: ${item.dataset.full?.[item.dataIndex] ??
						o.format(item.raw)}`,
				},
			},
		},
	};
}

/* The theme's colours, which may change while the plot stands. */
function paint(opts) {
	const font = { family: getComputedStyle(document.body).fontFamily, size: 12 };

	for (const axis of Object.values(opts.scales)) {
		axis.ticks.color = colour('--muted');
		axis.ticks.font = font;
		axis.grid = { ...axis.grid, color: colour('--line'), drawBorder: false };
	}
	Object.assign(opts.plugins.tooltip, {
		backgroundColor: colour('--surface'), titleColor: colour('--text'), bodyColor: colour('--text'),
		borderColor: colour('--line'), borderWidth: 1, padding: 10, titleFont: { ...font, weight: '600' },
		bodyFont: font, boxPadding: 4,
	});
}
