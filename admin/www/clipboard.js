/** Copying: by the clipboard's own interface where the browser allows it, else the old way. */
import { button, fill, icon, el } from './dom.js';

/** @returns {Promise<boolean>} whether the text is in the clipboard */
async function copy(text, near = document.body) {
	try {
		await navigator.clipboard.writeText(text);
		return true;
	} catch {
		return copyBySelection(text, near);
	}
}

/* Within an open dialog all else is inert, so the field has to stand in it. */
function copyBySelection(text, near) {
	const field = el('textarea', { class: 'hidden', readonly: true, 'aria-hidden': 'true' });
	const before = document.activeElement;

	field.value = text;
	(near.closest('dialog') ?? document.body).append(field);
	field.select();
	const done = document.execCommand('copy');
	field.remove();
	before?.focus();
	return done;
}

/**
 * A button that copies what text() says, and says in place whether it worked.
 * @param {string} what in its name: "Copy secret"
 * @param {function(): string} text
 * @param {function(): void} [then] after it worked
 */
export function copyButton(what, text, then) {
	const said = el('span', { class: 'copied', role: 'status' });
	const made = button(`Copy ${what}`, { icon: 'copy' }, async () => {
		const done = await copy(text(), made);

		fill(said, done && icon('check'),
			done ? 'Copied' : 'The browser does not allow it: select the text and copy it.');
		if (done && then)
			then();
		setTimeout(() => said.replaceChildren(), 4000);
	});

	return el('span', { class: 'copy' }, made, said);
}

/** A block of text to be copied, such as a command. */
export function codeBlock(label, text) {
	return el('div', { class: 'code-block' },
		el('pre', { tabindex: '0', role: 'region', 'aria-label': label }, el('code', {}, text)),
		copyButton(label, () => text));
}
