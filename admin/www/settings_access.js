/** Who may administrate: admin tokens for programs, and the sessions of people. */
import { get, logout, post, remove } from './api.js';
import { askDialog } from './dialog.js';
import { button, el, empty, failure, fill, loading, say } from './dom.js';
import { expiryField, field, input, select } from './form.js';
import { fromNow, moment } from './format.js';
import { go } from './router.js';
import { showSecret } from './secret.js';
import { plainTable } from './table.js';

const SCOPES = [['read', 'Read: see everything, change nothing'], ['admin', 'Admin: everything'],
	['metrics', 'Metrics: /admin/metrics alone']];
const STATUS = { active: 'ok', revoked: 'bad', expired: 'warn' };

/* A list with a heading, fetched by itself so that one fault hides no other list. */
function listCard({ id, title, hint, path, signal, act, draw }) {
	const place = el('div', {});

	async function load() {
		fill(place, loading(title.toLowerCase()));
		try {
			fill(place, draw(await get(path, null, signal), load));
		} catch (error) {
			if (error.name !== 'AbortError')
				fill(place, failure(error, load));
		}
	}
	load();
	return el('section', { class: 'card', id, 'aria-labelledby': `${id}-title` },
		el('div', { class: 'card-head' }, el('h2', { id: `${id}-title` }, title), act(load)),
		el('p', { class: 'hint' }, hint), place);
}

/* --- tokens --- */

export function tokensCard(signal) {
	return listCard({
		id: 'tokens', title: 'Admin tokens', path: 'tokens', signal,
		hint: 'For scripts and Prometheus: Authorization: Bearer gha_…',
		act: (load) => button('Create token', { icon: 'plus', data: { focus: 'create-token' } },
			() => askToken(load)),
		draw: ({ tokens }, load) => (tokens.length === 0 ? empty('No tokens') : plainTable('Admin tokens',
			['Name', 'Scopes', 'Status', 'Created', 'Expires', 'Last used', 'Actions'].map((label) => ({ label })),
			tokens.map((t) => [el('span', { class: 'called' }, t.name), t.scopes.join(', '),
				el('span', { class: `badge ${STATUS[t.status]}` }, t.status), moment(t.created_at),
				t.expires_at ? moment(t.expires_at) : 'never',
				t.last_used_at ? fromNow(t.last_used_at) : 'never',
				t.status === 'active' && button('Revoke', {
					kind: 'small', 'aria-label': `Revoke token ${t.name}`, data: { focus: `token:${t.id}` },
				}, () => askRevokeToken(t, load))]))),
	});
}

function askToken(load) {
	const expiry = expiryField();

	askDialog({
		title: 'Create an admin token',
		verb: 'Create token',
		body: [field('Name', input('name', { required: true, maxlength: 100 }), 'What will use it.'),
			field('May', select('scopes', SCOPES)), expiry.node],
		async act(form) {
			const { secret } = await post('tokens', { name: form.get('name').trim(),
				scopes: [form.get('scopes')], expires_at: expiry.value() });
			load();
			return () => showSecret({
				title: 'Token created', secret,
				lead: ['It is shown only now: gatehouse keeps nothing but its hash.'],
				command: `curl ${location.origin}/admin/${form.get('scopes') === 'metrics' ? 'metrics'
					: 'api/v1/status'} \\\n  -H "Authorization: Bearer ${secret}"`,
			});
		},
	});
}

function askRevokeToken(token, load) {
	askDialog({
		title: 'Revoke this token?', verb: 'Revoke token', danger: true,
		body: [el('p', {}, el('strong', { class: 'called' }, token.name), ' is refused at once, for good.')],
		async act() {
			await remove(`tokens/${encodeURIComponent(token.id)}`);
			say(`${token.name} is revoked.`);
			load();
		},
	});
}

/* --- sessions --- */

export function sessionsCard(signal) {
	return listCard({
		id: 'sessions', title: 'Sessions', path: 'sessions', signal,
		hint: 'Where the administrator is logged in.',
		act: () => button('Log out everywhere', { icon: 'exit' }, askEverywhere),
		draw: ({ sessions }) => plainTable('Sessions',
			['From', 'Logged in', 'Last seen', ''].map((label) => ({ label: label || 'This one' })),
			sessions.map((s) => [s.from, moment(s.created_at), fromNow(s.last_seen_at),
				s.current && el('span', { class: 'tag' }, 'this one')])),
	});
}

function askEverywhere() {
	askDialog({
		title: 'Log out everywhere?', verb: 'Log out everywhere', danger: true,
		body: [el('p', {}, 'Every session ends, this one too. Admin tokens stay.')],
		async act() {
			await logout(true);
			return () => {
				document.getElementById('app').replaceChildren();
				go('/admin/login', { replace: true });
				say('All sessions have ended.');
			};
		},
	});
}
