/**
 * Numbers, money and times as text. Money is a BigInt of billionths of a euro ("neur")
 * from the API's decimal text to the last digit shown: sums of floats would drift.
 */

const LOCALE = 'en-GB'; // the page's language; its dates can't be misread (22 Nov 2026)
const NEUR_DIGITS = 9;
const NEUR = 10n ** BigInt(NEUR_DIGITS);

const whole = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 0 });
const dateTime = new Intl.DateTimeFormat(LOCALE, { dateStyle: 'medium', timeStyle: 'short' });
const dateTimeSeconds = new Intl.DateTimeFormat(LOCALE, { dateStyle: 'medium', timeStyle: 'medium' });
const dateOnly = new Intl.DateTimeFormat(LOCALE, { dateStyle: 'medium' });
const relative = new Intl.RelativeTimeFormat(LOCALE, { numeric: 'auto' });

export const zone = () => Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';

/** "12.345678901" -> 12345678901n; what is no such text is null. */
export function parseEuro(text) {
	const parts = /^(-?)(\d+)(?:\.(\d{1,9}))?$/.exec(text ?? '');

	if (!parts)
		return null;
	const neur = BigInt(parts[2]) * NEUR + BigInt((parts[3] ?? '').padEnd(NEUR_DIGITS, '0'));
	return parts[1] ? -neur : neur;
}

/** Rounded half up to so many decimals; what would round to nothing says so. */
export function euro(neur, decimals = 2) {
	const unit = 10n ** BigInt(NEUR_DIGITS - decimals);
	const size = neur < 0n ? -neur : neur;
	const rounded = (size + unit / 2n) / unit;

	if (rounded === 0n && size > 0n)
		return `<\u202f€${decimal(1n, decimals)}`;
	return `${neur < 0n ? '−' : ''}€${decimal(rounded, decimals)}`;
}

function decimal(units, decimals) {
	const text = units.toString().padStart(decimals + 1, '0');
	const cut = text.length - decimals;

	return whole.format(BigInt(text.slice(0, cut))) + (decimals ? `.${text.slice(cut)}` : '');
}

/** All nine decimals but for zeros at the end: for who wants to know exactly. */
export function euroExact(neur) {
	return euro(neur, NEUR_DIGITS).replace(/(\.\d\d\d*?)0+$/, '$1');
}

/** Small sums need more digits than large ones; one view shows all with as many. */
export const euroDecimals = (largest) => (largest >= 100n * NEUR ? 2 : 4);

/** A whole number, BigInt or not. */
export const count = (n) => whole.format(n);

export function plural(n, one, many = `${one}s`) {
	return `${count(n)} ${n === 1 || n === 1n ? one : many}`;
}

/** For axes and rates, where two or three digits are enough. */
export function short(n) {
	return new Intl.NumberFormat(LOCALE, {
		notation: Math.abs(n) >= 10000 ? 'compact' : 'standard',
		maximumFractionDigits: Math.abs(n) < 10 ? 2 : Math.abs(n) < 100 ? 1 : 0,
	}).format(n);
}

export const moment = (text) => (text ? dateTime.format(new Date(text)) : '–');
export const momentExact = (text) => (text ? dateTimeSeconds.format(new Date(text)) : '–');
export const day = (text) => (text ? dateOnly.format(new Date(text)) : '–');

const STEPS = [['year', 31536000], ['month', 2592000], ['day', 86400], ['hour', 3600],
	['minute', 60]];

/** "in 3 days", "2 hours ago". */
export function fromNow(text, now = Date.now()) {
	const seconds = (new Date(text) - now) / 1000;
	const [unit, size] = STEPS.find(([, s]) => Math.abs(seconds) >= s) ?? ['second', 1];

	return relative.format(Math.trunc(seconds / size), unit);
}

/** 93784 -> "1 d 2 h"; the two largest units that are not zero. */
export function duration(seconds) {
	const parts = [];
	let left = Math.floor(seconds);

	for (const [unit, size] of [['d', 86400], ['h', 3600], ['min', 60], ['s', 1]]) {
		if (left >= size)
			parts.push(`${Math.floor(left / size)} ${unit}`);
		left %= size;
	}
	return parts.slice(0, 2).join(' ') || '0 s';
}

/** A latency: 0.0123 -> "12.3 ms". */
export function latency(seconds) {
	if (seconds === null || Number.isNaN(seconds))
		return '–';
	if (seconds < 1)
		return `${short(seconds * 1000)} ms`;
	return `${short(seconds)} s`;
}

export function bytes(n) {
	const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
	let step = 0;

	while (n >= 1024 && step < units.length - 1) {
		n /= 1024;
		step++;
	}
	return `${short(n)} ${units[step]}`;
}
