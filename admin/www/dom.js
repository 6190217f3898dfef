/**
 * Making elements. Text only ever becomes a text node and attributes are set by name, so
 * nothing that a key's label or an answer says can turn into markup: no other module
 * creates elements in any other way.
 */

const SVG = 'http://www.w3.org/2000/svg';

/**
 * @param {string} tag
 * @param {object} [attributes] `on` holds listeners by event name, `data` the data-*
 *     attributes; true sets an empty attribute; false, null and undefined leave it out
 * @param {...(Node|string|number|null|false|Array)} children
 * @returns {HTMLElement}
 */
export function el(tag, attributes = {}, ...children) {
	const made = document.createElement(tag);

	for (const [name, value] of Object.entries(attributes)) {
		if (name === 'on')
			Object.entries(value).forEach(([event, f]) => made.addEventListener(event, f));
		else if (name === 'data')
			Object.assign(made.dataset, value);
		else if (value === true)
			made.setAttribute(name, '');
		else if (value !== false && value !== null && value !== undefined)
			made.setAttribute(name, String(value));
	}
	add(made, children);
	return made;
}

/** Append children, lists of them included; null and false are left out. */
export function add(parent, ...children) {
	for (const child of children.flat(Infinity)) {
		if (child === null || child === undefined || child === false)
			continue;
		parent.append(child instanceof Node ? child : String(child));
	}
	return parent;
}

/** The control that goes by this name (data-focus), within a place; also after it was drawn anew. */
export const named = (name, place = document) => place.querySelector(`[data-focus="${CSS.escape(name)}"]`);

/** Put children in place of whatever is there. */
export function fill(parent, ...children) {
	parent.replaceChildren();
	return add(parent, ...children);
}

/* Strokes on a 24 by 24 ground. */
const ICONS = {
	arrow: 'M12 5v14M7 14l5 5 5-5',
	book: 'M5 4h10a4 4 0 0 1 4 4v12H8a3 3 0 0 1-3-3zM5 17a3 3 0 0 1 3-3h11',
	chart: 'M4 20h16M7 20v-6M12 20V5M17 20v-9',
	check: 'M5 12.5l4.5 4.5L19 7.5',
	close: 'M6 6l12 12M18 6L6 18',
	copy: 'M9 9h10v11H9zM15 9V4H5v11h4',
	down: 'M12 4v11M7.5 11l4.5 4.5L16.5 11M5 20h14',
	edit: 'M5 19l1-4L16.5 4.5l3 3L9 18z',
	exit: 'M10 4H5v16h5M15 8l4 4-4 4M19 12H9',
	eye: 'M3 12s3.5-6 9-6 9 6 9 6-3.5 6-9 6-9-6-9-6zM12 9.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 1 0 0-5',
	gate: 'M4 20V11a8 8 0 0 1 16 0v9M9 20v-8.5a3 3 0 0 1 6 0V20M2.5 20h19',
	key: 'M12 12a4 4 0 1 1-8 0 4 4 0 1 1 8 0zM12 12h9v3.5M17 12v3',
	list: 'M9 6h11M9 12h11M9 18h11M4.5 6h.01M4.5 12h.01M4.5 18h.01',
	menu: 'M4 7h16M4 12h16M4 17h16',
	more: 'M5 12h.01M12 12h.01M19 12h.01',
	plus: 'M12 5v14M5 12h14',
	pulse: 'M3 12h4l3-7 4 14 3-7h4',
	refresh: 'M19.5 12a7.5 7.5 0 1 1-2.2-5.300L20 9M20 4v5h-5',
	search: 'M11 5a6 6 0 1 0 0 12 6 6 0 1 0 0-12M15.5 15.5L20 20',
	sliders: 'M4 7h9M17 7h3M15 5v4M4 17h3M11 17h9M9 15v4',
	warn: 'M12 4L2.5 20h19zM12 10v4M12 17h.01',
};

/** A drawing that says nothing to a screen reader: the text beside it does. */
export function icon(name) {
	const svg = document.createElementNS(SVG, 'svg');
	const path = document.createElementNS(SVG, 'path');

	svg.setAttribute('viewBox', '0 0 24 24');
	svg.setAttribute('class', `icon icon-${name}`);
	svg.setAttribute('aria-hidden', 'true');
	path.setAttribute('d', ICONS[name]);
	svg.append(path);
	return svg;
}

/**
 * A button.
 * @param {string} label its text, or its name when `hide` is set
 * @param {object} [o] icon, kind (primary, danger, quiet), hide (the label), and attributes
 * @param {function} [act] on click
 */
export function button(label, { icon: drawn, kind = '', hide = false, ...rest } = {}, act) {
	const made = el('button', {
		type: 'button',
		class: `button ${kind} ${hide ? 'bare' : ''}`.trim().replace(/ +/g, ' '),
		'aria-label': hide ? label : null,
		title: hide ? label : null,
		...rest,
	}, drawn && icon(drawn), !hide && el('span', {}, label));

	if (act)
		made.addEventListener('click', act);
	return made;
}

let fading;

/**
 * Say that something is done: read out, and shown at the edge for a moment. What has gone
 * wrong is shown where it went wrong instead.
 */
export function say(text) {
	const place = document.getElementById('said');

	clearTimeout(fading);
	fill(place, el('p', {}, text));
	fading = setTimeout(() => place.replaceChildren(), 6000);
}

/** Read out, shown to nobody: for counts that the eye sees change anyway. */
export function announce(place, text) {
	if (place.textContent !== text)
		place.textContent = text;
}

/** What stands in a place while its content is under way. */
export function loading(what) {
	return el('p', { class: 'loading', role: 'status' }, el('span', { class: 'spinner' }),
		`Loading ${what}…`);
}

/** What stands there when there is none. */
export function empty(title, text, ...actions) {
	return el('div', { class: 'empty' }, el('p', { class: 'empty-title' }, title),
		text && el('p', {}, text), actions);
}

/** What stands there when it could not be had, with a way to try again. */
export function failure(error, again) {
	return el('div', { class: 'notice bad', role: 'alert' }, icon('warn'),
		el('p', {}, error.message),
		again && button('Try again', { icon: 'refresh' }, again));
}

/** A paragraph that a person should see: kind is bad, warn or info. */
export function notice(kind, ...children) {
	return el('div', { class: `notice ${kind}` }, icon('warn'), el('p', {}, children));
}
