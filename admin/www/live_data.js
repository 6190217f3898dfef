/** What two looks at growing counters say about the time between them. */

/** The difference of two looks at the same counters; a restart's are no difference. */
function delta(now, before, read) {
	return Math.max(0, read(now) - read(before));
}

const REQUESTS = (s) => s.totals.requests;
const FAILED = (s) => s.totals.by_class['5xx'] ?? 0;
const ALL = (s) => Object.values(s.totals.by_class).reduce((a, b) => a + b, 0);

/** Is this the same life of the same counters? */
export function follows(now, before) {
	return before !== null && now.pid === before.pid && now.started_at === before.started_at &&
		REQUESTS(now) >= REQUESTS(before) && Date.parse(now.now) >= Date.parse(before.now);
}

/* Tokens come from the ledger, which may be closed for a while. */
function tokens(now, before, seconds) {
	if (now.totals.tokens === null || before.totals.tokens === null)
		return null;
	return delta(now, before, (s) => s.totals.tokens) / seconds;
}

/**
 * @param {object} now a status of the API, with `at`, the local time in ms when it came
 * @param {object} before an older one of the same life
 * @returns {{seconds: number, requests: number, errors: number|null, tokens: number|null}} a second;
 *     errors is the part of answers that are 5xx, null where there were none
 */
export function rates(now, before) {
	const seconds = (now.at - before.at) / 1000;
	const answers = delta(now, before, ALL);

	return {
		seconds,
		requests: delta(now, before, REQUESTS) / seconds,
		tokens: tokens(now, before, seconds),
		errors: answers > 0 ? delta(now, before, FAILED) / answers : null,
	};
}

/**
 * A quantile of what a cumulative histogram has gained, as Prometheus estimates it: by a line
 * within the bucket. What lies beyond the last bound is told as that bound.
 * @param {{bounds_seconds: number[], counts: number[], count: number}} now
 * @param {object} before
 * @param {number} q 0 to 1
 * @returns {number|null} seconds; null when nothing was gained
 */
export function quantile(now, before, q) {
	const total = now.count - before.count;
	const gained = (i) => now.counts[i] - before.counts[i];
	const bounds = now.bounds_seconds;

	if (!(total > 0))
		return null;
	const rank = q * total;
	const at = bounds.findIndex((_, i) => gained(i) >= rank);
	if (at === -1)
		return bounds.at(-1);
	const low = at === 0 ? 0 : bounds[at - 1];
	const under = at === 0 ? 0 : gained(at - 1);
	const inside = gained(at) - under;
	return inside > 0 ? low + ((bounds[at] - low) * (rank - under)) / inside : bounds[at];
}
