/**
 * Logging in. The form is one that password managers know: a user name (there is only the
 * administrator) and a current password.
 */
import * as api from './api.js';
import { announce, button, el, fill, icon } from './dom.js';
import { go, safeNext } from './router.js';
import { duration, plural } from './format.js';

export function show(main, { query, signal }) {
	const password = el('input', {
		id: 'password', name: 'password', type: 'password', autocomplete: 'current-password',
		required: true, 'aria-describedby': 'caps outcome',
	});
	const caps = el('p', { id: 'caps', class: 'hint', role: 'status' });
	const outcome = el('div', { id: 'outcome', role: 'alert' });
	const submit = button('Log in', { kind: 'primary wide', type: 'submit' });
	const form = el('form', { class: 'card login', method: 'post' },
		el('input', {
			class: 'hidden', type: 'text', name: 'username', autocomplete: 'username',
			value: 'admin', readonly: true, tabindex: '-1', 'aria-hidden': 'true',
		}),
		el('div', { class: 'field' },
			el('label', { for: 'password' }, 'Administrator’s password'),
			el('div', { class: 'with-button' }, password, showButton(password)),
			caps),
		outcome, submit);

	watchCapsLock(password, caps);
	form.addEventListener('submit', (event) => {
		event.preventDefault();
		attempt({ password, outcome, submit, query, signal });
	});
	fill(main, el('div', { class: 'login-head' }, icon('gate'), el('h1', {}, 'gatehouse')),
		query.has('ended') && el('p', { class: 'notice info', role: 'status' },
			'Your session has ended. Log in to go on where you were.'),
		form,
		el('p', { class: 'hint' }, 'The password is the one in ', el('code', {}, 'ADMIN_PASSWORD'),
			' of this gatehouse’s settings.'));
	password.focus();
}

function showButton(password) {
	const made = button('Show password', {
		icon: 'eye', kind: 'quiet', hide: true, 'aria-pressed': 'false',
	}, () => {
		const shown = password.type === 'password';
		password.type = shown ? 'text' : 'password';
		made.setAttribute('aria-pressed', String(shown));
		password.focus();
	});

	return made;
}

function watchCapsLock(password, place) {
	const look = (event) => announce(place,
		event.getModifierState?.('CapsLock') ? 'Caps Lock is on.' : '');

	password.addEventListener('keydown', look);
	password.addEventListener('keyup', look);
	password.addEventListener('blur', () => announce(place, ''));
}

async function attempt({ password, outcome, submit, query, signal }) {
	submit.disabled = true;
	outcome.replaceChildren();
	try {
		await api.login(password.value);
		go(safeNext(query.get('next')), { replace: true });
	} catch (error) {
		submit.disabled = false;
		password.select();
		password.focus();
		if (error.status === 429)
			locked(error.retryAfter, { outcome, submit, signal });
		else
			fill(outcome, el('p', { class: 'notice bad' }, icon('warn'), inWords(error)));
	}
}

function inWords(error) {
	const left = error.reply?.error?.attempts_left ?? error.reply?.attempts_left;

	if (error.code === 'admin_off')
		return 'The administration is off: no ADMIN_PASSWORD is set. Set it, then reload gatehouse.';
	if (error.code !== 'invalid_password')
		return error.message;
	if (left > 0)
		return `This password is wrong. ${plural(left, 'attempt')} left before a pause.`;
	return 'This password is wrong.';
}

/** Too many attempts: nothing can be sent until the time is over. */
function locked(seconds, { outcome, submit, signal }) {
	const until = Date.now() + Math.max(seconds, 1) * 1000;
	const left = el('strong', {});
	// who listens is told once; the clock that others see is not read out each second
	const clock = el('span', { 'aria-hidden': 'true' }, 'Log in again in ', left, '.');

	fill(outcome, el('p', { class: 'notice bad', data: { state: 'locked' } }, icon('warn'),
		el('span', {}, 'Too many wrong passwords. ',
			el('span', { class: 'read-only' }, `Log in again in ${duration(seconds)}.`), clock)));
	submit.disabled = true;
	const timer = setInterval(tick, 1000);
	function tick() {
		const now = Math.ceil((until - Date.now()) / 1000);
		left.textContent = duration(Math.max(now, 0));
		if (now > 0 && !signal.aborted)
			return;
		clearInterval(timer);
		submit.disabled = false;
		outcome.replaceChildren();
	}
	tick();
}
