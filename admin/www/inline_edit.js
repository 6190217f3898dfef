/** A value with a button that turns it into a field, and back. */
import { button, el, icon, named, say } from './dom.js';

/**
 * Enter saves, Escape leaves it as it was.
 * @param {Node} shown the value
 * @param {string} label of the button
 * @param {string} focus its data-focus
 * @param {function(): {value, attributes: object, save: function(string): Promise<boolean>}} edit
 *     asked when it opens; save says whether it was saved, and has the place drawn anew then
 */
export function editable(shown, label, focus, edit) {
	const place = el('span', { class: 'editable' });
	const open = button(label, { icon: 'edit', kind: 'quiet', hide: true, data: { focus } }, () => {
		const form = editForm(edit(), focus, close);

		place.replaceChildren(form);
		form.elements[0].focus();
		form.elements[0].select();
	});

	function close() {
		place.replaceChildren(shown, open);
		open.focus();
	}
	place.replaceChildren(shown, open);
	return place;
}

function editForm({ value, attributes, save }, focus, close) {
	const field = el('input', { type: 'text', autocomplete: 'off', ...attributes, value });
	const wrong = el('span', { class: 'read-only', role: 'alert' });
	const form = el('form', { class: 'inline-edit', novalidate: true }, field,
		el('button', { class: 'button bare quiet', title: 'Save', 'aria-label': 'Save' }, icon('check')),
		button('Leave as it was', { icon: 'close', kind: 'quiet', hide: true }, close), wrong);

	function refuse(why) {
		form.inert = false;
		field.setAttribute('aria-invalid', 'true');
		field.title = why;
		wrong.textContent = why;
		say(why);
		field.focus();
	}
	form.addEventListener('submit', async (event) => {
		event.preventDefault();
		if (!field.checkValidity())
			return refuse(field.validationMessage);
		form.inert = true;
		try {
			const saved = await save(field.value);
			if (saved)
				afterSaving(focus);
			else if (form.isConnected)
				close();
		} catch (error) {
			refuse(error.message);
		}
		return undefined;
	});
	form.addEventListener('keydown', (event) => event.key === 'Escape' && close());
	return form;
}

/* The row has been drawn anew: the focus goes to the button in it. */
function afterSaving(focus) {
	say('Saved.');
	named(focus)?.focus();
}
