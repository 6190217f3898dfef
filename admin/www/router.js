/**
 * Which page stands at which address. A page is a module with show(main, context); it is
 * loaded when it is first wanted, and its signal is aborted when another takes its place,
 * which ends its timers and requests.
 */

/** @typedef {{title: string, load: () => Promise<{show: function}>, open?: boolean}} Page */

let pages = {};
let draw = null;
let leaving = null;

/**
 * @param {Object<string, Page>} table by path
 * @param {function(Page, object)} drawPage makes room for a page and shows it
 */
export function start(table, drawPage) {
	pages = table;
	draw = drawPage;
	window.addEventListener('popstate', open);
	document.addEventListener('click', follow);
	open();
}

/** Go to an address of this page. replace: without a step to come back to. */
export function go(path, { replace = false } = {}) {
	history[replace ? 'replaceState' : 'pushState'](null, '', path);
	open();
}

/** Note what is shown in the address, without showing it anew. */
export function note(query) {
	const text = new URLSearchParams(query).toString();

	history.replaceState(null, '', location.pathname + (text && `?${text}`));
}

/** Only an address of this page is ever gone to: `next` comes from the address bar. */
export function safeNext(text) {
	const url = URL.canParse(text ?? '', location.origin) ? new URL(text, location.origin) : null;

	if (url === null || url.origin !== location.origin || pages[url.pathname]?.open !== undefined)
		return '/admin';
	return pages[url.pathname] ? url.pathname + url.search : '/admin';
}

function open() {
	const page = pages[location.pathname.replace(/(.)\/$/, '$1')] ?? pages['*'];

	leaving?.abort();
	leaving = new AbortController();
	draw(page, {
		signal: leaving.signal,
		query: new URLSearchParams(location.search),
		path: location.pathname,
	});
}

/** Links within the page need no new document. */
function follow(event) {
	const link = event.target.closest?.('a[href]');

	if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey ||
	    event.shiftKey || event.altKey || !link || link.target || link.hasAttribute('download'))
		return;
	const url = new URL(link.href);
	if (url.origin !== location.origin || !pages[url.pathname] || url.hash)
		return;
	event.preventDefault();
	go(url.pathname + url.search);
}
