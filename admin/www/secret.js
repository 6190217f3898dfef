/** A secret, shown once. */
import { codeBlock, copyButton } from './clipboard.js';
import { openDialog } from './dialog.js';
import { announce, button, el } from './dom.js';

/**
 * @param {object} o
 * @param {string} o.title
 * @param {Node[]} o.lead what it is
 * @param {string} o.secret
 * @param {string} [o.command] a line that uses it
 */
export function showSecret({ title, lead, secret, command }) {
	const field = el('input', {
		id: 'secret', class: 'secret', type: 'text', readonly: true, value: secret, spellcheck: 'false',
		autocomplete: 'off', on: { focus: () => field.select() },
	});
	const warning = el('p', { class: 'hint', role: 'alert' });
	let safe = false;
	const taken = () => { safe = true; };
	const dialog = openDialog({
		title,
		kind: 'wide',
		body: [
			el('p', {}, lead),
			el('div', { class: 'field' }, el('label', { for: 'secret' }, 'Secret'),
				el('div', { class: 'with-button' }, field, copyButton('secret', () => secret, taken))),
			command && el('div', { class: 'field' }, el('p', { class: 'label' }, 'Try it'),
				codeBlock('command', command)),
			warning,
		],
		actions: [button('Done', { kind: 'primary' }, () => dialog.close())],
	});

	// Escape by habit would lose it: the first one only says so
	dialog.addEventListener('cancel', (event) => {
		if (safe)
			return;
		event.preventDefault();
		safe = true;
		announce(warning, 'It will not be shown again. Press Escape once more to close.');
	});
	dialog.addEventListener('close', () => { field.value = ''; });
	dialog.querySelector('.copy button').focus();
}
