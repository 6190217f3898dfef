// The admin page's arithmetic: run by test_admin_page_parts.py beside a copy of admin/www.
import assert from 'node:assert/strict';
import test from 'node:test';
import { duration, euro, euroExact, latency, parseEuro } from './www/format.js';
import { selectKeys } from './www/keys_list.js';
import { follows, quantile, rates } from './www/live_data.js';
import { stack, sumByGroup, timeline } from './www/usage_data.js';

test('money is exact to the last of its nine decimals, however large', () => {
	const cent = parseEuro('9007199254740993.010000001');
	assert.equal(cent, 9007199254740993010000001n);
	assert.equal(euroExact(cent), '€9,007,199,254,740,993.010000001');
	assert.equal(parseEuro('0.1') + parseEuro('0.2'), parseEuro('0.3'));
	assert.equal(parseEuro('-1.5'), -1500000000n);
	for (const text of ['', '1.', '.5', '1e3', 'NaN', '1.0000000001', null, undefined])
		assert.equal(parseEuro(text), null);
});

test('money is rounded half up and never to nothing', () => {
	assert.equal(euro(parseEuro('1.005')), '€1.01');
	assert.equal(euro(parseEuro('1.004999999')), '€1.00');
	assert.equal(euro(parseEuro('1234567.895'), 2), '€1,234,567.90');
	assert.equal(euro(parseEuro('0.000005'), 4), '<\u202f€0.0001');
	assert.equal(euro(0n, 4), '€0.0000');
	assert.equal(euro(parseEuro('-2.5')), '−€2.50');
	assert.equal(euroExact(parseEuro('5')), '€5.00');
});

test('spans are told in two units', () => {
	assert.deepEqual([0, 59, 3600, 93784, 86400].map(duration), ['0 s', '59 s', '1 h', '1 d 2 h', '1 d']);
	assert.equal(latency(null), '–');
	assert.equal(latency(0.0123), '12.3 ms');
	assert.equal(latency(2), '2 s');
});

const look = (requests, failed, extra = {}) => ({
	pid: 1, started_at: 'a', now: new Date(requests).toISOString(), at: requests * 10,
	totals: { requests, tokens: requests * 100, by_class: { '2xx': requests - failed, '5xx': failed } }, ...extra,
});

test('rates are differences over the time between', () => {
	assert.deepEqual(rates(look(300, 30), look(100, 10)),
		{ seconds: 2, requests: 100, tokens: 10000, errors: 0.1 });
	assert.equal(rates(look(100, 0, { at: 2000 }), look(100, 0)).errors, null);
	const closed = look(300, 0);
	closed.totals.tokens = null;
	assert.equal(rates(closed, look(100, 0)).tokens, null);
});

test('counters of another life are not compared', () => {
	assert.equal(follows(look(5, 0), null), false);
	assert.equal(follows(look(5, 0), look(4, 0)), true);
	assert.equal(follows(look(3, 0), look(4, 0)), false);
	assert.equal(follows(look(5, 0, { pid: 2 }), look(4, 0)), false);
});

test('quantiles are taken from what a histogram has gained', () => {
	const at = (counts) => ({ bounds_seconds: [0.1, 0.2, 0.4], counts, count: counts.at(-1) });
	const before = at([100, 100, 100, 100]);
	const now = at([100, 110, 120, 120]);
	assert.ok(Math.abs(quantile(now, before, 0.25) - 0.15) < 1e-9);
	assert.ok(Math.abs(quantile(now, before, 0.75) - 0.3) < 1e-9);
	assert.equal(quantile(now, now, 0.5), null);
	assert.equal(quantile(at([100, 100, 100, 101]), before, 0.5), 0.4);
});

const row = (day, key_id, cost_eur, n) => ({ day, key_id, cost_eur, total_tokens: n, requests: n,
	requests_cut: 0, prompt_tokens: n, completion_tokens: 0 });

test('days without usage have their place, over the change of clocks too', () => {
	const rows = [row('2026-03-28', 'a', '0.1', 1), row('2026-03-30', 'b', '0.2', 2)];
	const axis = timeline('day', rows, { from: '2026-03-27', to: '2026-03-31' });
	assert.deepEqual(axis.labels, ['27 Mar', '28 Mar', '29 Mar', '30 Mar', '31 Mar']);
	assert.deepEqual(stack(rows, 'key_id', 'requests', axis, ['a']), [
		{ label: 'a', data: [0n, 1n, 0n, 0n, 0n] }, { label: 'all others', data: [0n, 0n, 0n, 2n, 0n] }]);
});

test('a year is drawn by months', () => {
	const axis = timeline('day', [row('2026-11-30', 'a', '1', 1)], { from: '2025-12-01', to: '2026-11-30' });
	assert.equal(axis.labels.length, 12);
	assert.equal(axis.labels[0], 'Dec 2025');
	assert.equal(axis.at(row('2026-11-30', 'a', '1', 1)), 11);
});

test('the hours of a day are those of the zone, on the long day in autumn 25', () => {
	const rows = [{ hour: '2026-10-25T02:00:00+02:00' }, { hour: '2026-10-25T02:00:00+01:00' }];
	const axis = timeline('hour', rows, { from: '2026-10-25', to: '2026-10-25' });
	assert.equal(axis.labels.length, 25);
	assert.deepEqual(rows.map(axis.at), [2, 3]);
});

test('groups are summed exactly and the largest comes first', () => {
	const rows = [row('d', 'a', '0.100000001', 3), row('e', 'b', '0.3', 1), row('e', 'a', '0.100000001', 4)];
	assert.deepEqual(sumByGroup(rows, 'key_id', 'cost').map((g) => [g.name, g.cost]),
		[['b', 300000000n], ['a', 200000002n]]);
	assert.equal(sumByGroup(rows, 'key_id', 'tokens')[0].name, 'a');
});

test('keys are found by all words, and no limit is the highest', () => {
	const keys = [['k2', 'Zoë', 5], ['k10', 'zoo', null], ['k1', 'other', 0]].map(([key_id, description, rate_limit]) =>
		({ key_id, description, rate_limit, status: 'active', expires_at: null, created_at: null }));
	const ids = (view) => selectKeys(keys, { search: '', status: 'all', sort: 'name', descending: false, ...view })
		.map((k) => k.key_id);
	assert.deepEqual(ids({ sort: 'rate_limit' }), ['k1', 'k2', 'k10']);
	assert.deepEqual(ids({ sort: 'rate_limit', descending: true }), ['k10', 'k2', 'k1']);
	assert.deepEqual(ids({ search: 'ZOË k2' }), ['k2']);
	assert.deepEqual(ids({ status: 'revoked' }), []);
});
