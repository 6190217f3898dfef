/**
 * Dialogs, over the browser's own <dialog>: it keeps the focus inside, makes the rest inert
 * and gives the focus back. Here is what they look like and how they end.
 */
import { button, el, failure, fill, named } from './dom.js';

let serial = 0;

/** A page that is left takes its dialogs along. */
export function closeDialogs() {
	document.querySelectorAll('dialog[open]').forEach((d) => d.close());
}

/**
 * Show a dialog.
 * @param {object} o
 * @param {string} o.title
 * @param {Node[]} o.body
 * @param {Node[]} o.actions buttons at its foot
 * @param {string} [o.kind] class names
 * @param {function} [o.onClose]
 * @returns {HTMLDialogElement}
 */
export function openDialog({ title, body, actions, kind = '', onClose }) {
	const id = `dialog-${++serial}`;
	const back = document.activeElement;
	const dialog = el('dialog', { class: kind, 'aria-labelledby': id },
		el('h2', { id }, title),
		el('div', { class: 'dialog-body' }, body),
		el('div', { class: 'dialog-actions' }, actions));

	dialog.addEventListener('close', () => {
		dialog.remove();
		onClose?.();
		// what opened it may have been drawn anew meanwhile
		if (back?.isConnected)
			back.focus();
		else
			refocus(back);
	});
	document.body.append(dialog);
	dialog.showModal();
	return dialog;
}

/** The element that took another's place has its data-focus; else the page's heading. */
function refocus(gone) {
	const name = gone?.dataset?.focus;
	const heir = name && named(name);
	const place = heir ?? document.querySelector('main h1');

	if (place && document.activeElement === document.body) {
		if (!heir)
			place.tabIndex = -1;
		place.focus();
	}
}

/**
 * Ask before something is done, do it, and close when it is done. What goes wrong is shown
 * in the dialog, which stays.
 * @param {object} o
 * @param {string} o.title
 * @param {Node[]} o.body a form's fields, or text
 * @param {string} o.verb on the button
 * @param {boolean} [o.danger]
 * @param {function(FormData): Promise<function|void>} o.act may give what is to be done
 *     when the dialog has closed; an error's `param` marks the field of that name
 */
export function askDialog({ title, body, verb, danger = false, act }) {
	const wrong = el('div', { class: 'dialog-wrong' });
	const submit = button(verb, { kind: danger ? 'danger' : 'primary', type: 'submit' });
	const cancel = button('Cancel', {}, () => dialog.close());
	const form = el('form', { id: `form-${serial + 1}`, novalidate: true }, body, wrong);
	let after;

	submit.setAttribute('form', form.id);
	form.addEventListener('submit', async (event) => {
		event.preventDefault();
		if (!checkFields(form))
			return;
		submit.disabled = true;
		fill(wrong);
		try {
			after = await act(new FormData(form));
			dialog.close();
		} catch (error) {
			submit.disabled = false;
			if (error.name !== 'AbortError' && !markField(form, error.param, error.message))
				fill(wrong, failure(error));
		}
	});
	const dialog = openDialog({
		title, body: [form], actions: [cancel, submit], kind: danger ? 'danger' : '',
		onClose: () => after?.(),
	});
	// what can't be undone is not to be done by Enter alone
	(form.querySelector('input:not([type=radio]), select') ?? (danger ? cancel : submit)).focus();
	return dialog;
}

/** The browser's own rules (required, min, pattern), told in the page's way. */
export function checkFields(form) {
	form.querySelectorAll('.field-wrong').forEach((p) => p.replaceChildren());
	const faulty = [...form.elements].filter((f) => f.willValidate && !f.checkValidity());

	for (const field of form.elements)
		field.removeAttribute('aria-invalid');
	faulty.forEach((field) => markField(form, field.name, field.validationMessage));
	faulty[0]?.focus();
	return faulty.length === 0;
}

/** Put a reason under the field of that name. Returns whether there is one. */
export function markField(form, name, text) {
	const field = name && form.elements[name];
	const place = field && form.querySelector(`#${CSS.escape(`${field.id}-wrong`)}`);

	if (!place)
		return false;
	field.setAttribute('aria-invalid', 'true');
	fill(place, text);
	field.focus();
	return true;
}
