/**
 * A menu behind a button, by the browser's popover: it lies above everything, closes by
 * Escape or a click beside it, and is walked through with the arrow keys.
 */
import { button, el } from './dom.js';

/**
 * @param {string} label of the button, which shows an icon alone
 * @param {function(): Array<{label: string, danger?: boolean, act: function}>} items asked for
 *     when it opens
 * @param {object} [attributes] of the button
 */
export function menuButton(label, items, attributes = {}) {
	return button(label, {
		icon: 'more', kind: 'quiet', hide: true, 'aria-haspopup': 'menu', 'aria-expanded': 'false',
		...attributes,
	}, (event) => openMenu(event.currentTarget, label, items()));
}

function openMenu(opener, label, items) {
	const menu = el('div', { class: 'menu', role: 'menu', popover: 'auto', 'aria-label': label },
		items.map((item) => el('button', {
			type: 'button', role: 'menuitem', tabindex: '-1', class: item.danger ? 'danger' : '',
			on: {
				click: () => {
					menu.hidePopover();
					opener.focus();
					item.act();
				},
			},
		}, item.label)));

	const closed = new AbortController();

	menu.addEventListener('keydown', (event) => walk(event, menu, opener));
	menu.addEventListener('toggle', (event) => {
		if (event.newState !== 'closed')
			return;
		closed.abort();
		opener.setAttribute('aria-expanded', 'false');
		menu.remove();
	});
	document.body.append(menu);
	menu.showPopover();
	const at = opener.getBoundingClientRect();
	place(menu, at);
	opener.setAttribute('aria-expanded', 'true');
	menu.firstElementChild.focus();
	// it stays where it is: the button is not to go from under it
	window.addEventListener('scroll', () => {
		if (opener.getBoundingClientRect().top !== at.top)
			menu.hidePopover();
	}, { signal: closed.signal });
}

/** Below the button, its right edges together; above where there is no room. */
function place(menu, at) {
	const { width, height } = menu.getBoundingClientRect();
	const below = at.bottom + 4 + height < window.innerHeight;

	menu.style.left = `${Math.max(8, at.right - width)}px`;
	menu.style.top = `${below ? at.bottom + 4 : at.top - height - 4}px`;
}

function walk(event, menu, opener) {
	const items = [...menu.children];
	const here = items.indexOf(document.activeElement);
	const to = {
		ArrowDown: (here + 1) % items.length,
		ArrowUp: (here + items.length - 1) % items.length,
		Home: 0,
		End: items.length - 1,
	}[event.key];

	if (to !== undefined) {
		event.preventDefault();
		items[to].focus();
	} else if (event.key === 'Escape' || event.key === 'Tab') {
		event.preventDefault();
		menu.hidePopover();
		opener.focus();
	}
}
