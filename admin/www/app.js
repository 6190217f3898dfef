/**
 * The frame around the pages: who is logged in, the way between pages, and the way back to
 * where one was after a session has ended.
 */
import * as api from './api.js';
import { button, el, failure, fill, icon, loading, say } from './dom.js';
import { closeDialogs } from './dialog.js';
import { go, safeNext, start } from './router.js';

const NAV = [
	['/admin', 'API keys', 'key'],
	['/admin/usage', 'Usage & costs', 'chart'],
	['/admin/live', 'Live', 'pulse'],
	['/admin/settings', 'Settings', 'sliders'],
	['/admin/audit', 'Audit', 'list'],
	['/admin/about', 'Documentation', 'book'],
];

const keys = { title: 'API keys', load: () => import('./keys.js') };

/* open: shown without a session */
const PAGES = {
	'/admin': keys,
	'/admin/keys': keys,
	'/admin/usage': { title: 'Usage & costs', load: () => import('./usage.js') },
	'/admin/live': { title: 'Live', load: () => import('./live.js') },
	'/admin/settings': { title: 'Settings', load: () => import('./settings.js') },
	'/admin/audit': { title: 'Audit', load: () => import('./audit.js') },
	'/admin/about': { title: 'Documentation', load: () => import('./about.js') },
	'/admin/login': { title: 'Log in', load: () => import('./login.js'), open: true },
	'/admin/logout': { title: 'Log out', load: async () => ({ show: leave }), open: true },
	'*': { title: 'Not found', load: async () => ({ show: showNothing }) },
};

const app = document.getElementById('app');
let first = true;

/** Draw the frame and a page in it; a page that needs a session leads to login without one. */
async function draw(page, context) {
	const asked = location.pathname + location.search;

	closeDialogs();
	if (!page.open && !api.currentSession())
		return go(`/admin/login?next=${encodeURIComponent(asked)}`, { replace: true });
	if (location.pathname === '/admin/login' && api.currentSession())
		return go(safeNext(context.query.get('next')), { replace: true });
	document.title = `${page.title} · gatehouse`;
	const main = page.open ? drawBare() : drawFrame();
	fill(main, loading('the page'));
	try {
		const { show } = await page.load();
		if (context.signal.aborted)
			return;
		main.replaceChildren();
		await show(main, context);
	} catch (error) {
		if (!context.signal.aborted && error.name !== 'AbortError')
			fill(main, failure(error, () => draw(page, context)));
	}
	if (!context.signal.aborted)
		focusPage(main);
}

/* A screen reader is told of the new page by its heading; the first one it reads anyway. */
function focusPage(main) {
	const heading = main.querySelector('h1');

	if (!first && heading && !main.contains(document.activeElement)) {
		heading.tabIndex = -1;
		heading.focus({ preventScroll: true });
		window.scrollTo(0, 0);
	}
	first = false;
}

function drawBare() {
	const main = el('main', { id: 'main', class: 'bare-page' });

	fill(app, main);
	return main;
}

function brand() {
	return el('a', { class: 'brand', href: '/admin' }, icon('gate'), el('span', {}, 'gatehouse'));
}

/** The frame stays between pages: only its marks and the main part change. */
function drawFrame() {
	let main = document.getElementById('main');

	if (!document.getElementById('nav')) {
		main = el('main', { id: 'main', tabindex: '-1' });
		fill(app,
			el('a', { class: 'skip', href: '#main' }, 'Skip to content'),
			el('header', { class: 'top' }, brand(), menuButton()),
			navigation(),
			el('div', { class: 'content' }, passwordWarning(), main));
	}
	for (const link of document.querySelectorAll('#nav a')) {
		const here = link.pathname === location.pathname.replace('/admin/keys', '/admin');
		link.toggleAttribute('aria-current', here);
		if (here)
			link.setAttribute('aria-current', 'page');
	}
	openMenu(false);
	return main;
}

function navigation() {
	const out = button('Log out', { icon: 'exit', kind: 'quiet' }, () => go('/admin/logout'));

	return el('nav', { id: 'nav', 'aria-label': 'Main' },
		el('ul', {}, NAV.map(([href, label, drawn]) => el('li', {},
			el('a', { href }, icon(drawn), el('span', {}, label))))),
		out);
}

function menuButton() {
	const made = button('Menu', {
		icon: 'menu', kind: 'quiet menu-button', 'aria-controls': 'nav', 'aria-expanded': 'false',
	}, () => openMenu(made.getAttribute('aria-expanded') !== 'true'));

	made.addEventListener('keydown', (event) => event.key === 'Escape' && openMenu(false));
	return made;
}

/** On narrow screens the navigation is folded. */
function openMenu(open) {
	document.querySelector('.menu-button')?.setAttribute('aria-expanded', String(open));
	document.getElementById('nav')?.classList.toggle('open', open);
}

function passwordWarning() {
	const text = api.currentSession()?.password_warning;

	return text && el('div', { class: 'notice warn', role: 'note' }, icon('warn'), el('p', {}, text));
}

async function leave() {
	if (api.currentSession())
		await api.logout(false);
	app.replaceChildren();
	go('/admin/login', { replace: true });
	say('You are logged out.');
}

function showNothing(main) {
	fill(main, el('h1', {}, 'Not found'),
		el('p', {}, 'There is no such page. ', el('a', { href: '/admin' }, 'To the API keys')));
}

async function boot() {
	fill(app, loading('gatehouse'));
	try {
		await api.loadSession();
	} catch (error) {
		fill(app, el('main', { class: 'bare-page' }, el('h1', {}, 'gatehouse'),
			failure(error, boot)));
		return;
	}
	api.whenSessionEnds(() => {
		app.replaceChildren();
		go(`/admin/login?ended=1&next=${encodeURIComponent(location.pathname + location.search)}`);
	});
	start(PAGES, draw);
}

boot();
