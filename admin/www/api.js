/**
 * The page's only way to gatehouse: JSON under /admin/api/v1/, with the session's cookie
 * and its CSRF token. Whatever goes wrong comes out as one ApiError.
 */

const BASE = '/admin/api/v1/';

/** A refusal, or no answer at all (status 0). */
export class ApiError extends Error {
	constructor(status, fault, retryAfter, reply) {
		super(fault.message);
		this.status = status;
		this.code = fault.code;
		this.param = fault.param;
		this.retryAfter = retryAfter;
		this.reply = reply;
	}
}

const HINT = 'gatehouse.session';

let session = null;
let onEnd = () => {};

/** The session as the API tells it; null when there is none. */
export function currentSession() {
	return session;
}

/** f is called when a request finds that the session has ended. */
export function whenSessionEnds(f) {
	onEnd = f;
}

/** Where a resource is, for links: path and parameters (null: left out). */
export function address(path, query) {
	const given = Object.entries(query ?? {}).filter(([, v]) => v !== null && v !== undefined);
	const text = new URLSearchParams(given).toString();

	return BASE + path + (text && `?${text}`);
}

async function fetchOnce(method, path, { query, body, signal }) {
	const headers = { Accept: 'application/json' };

	if (body !== undefined)
		headers['Content-Type'] = 'application/json';
	if (method !== 'GET' && session?.csrf_token)
		headers['X-CSRF-Token'] = session.csrf_token;
	return fetch(address(path, query), {
		method, headers, signal,
		body: body === undefined ? undefined : JSON.stringify(body),
		credentials: 'same-origin',
		cache: 'no-store',
		redirect: 'error',
	}).catch((error) => {
		if (error.name === 'AbortError')
			throw error;
		throw new ApiError(0, { message: 'gatehouse can’t be reached. Is it running, and this ' +
			'machine connected?', code: 'network' }, 0, null);
	});
}

async function read(response) {
	const text = await response.text();

	if (response.ok && text === '')
		return null;
	let reply = null;
	try {
		reply = JSON.parse(text);
	} catch {
		// judged below: an answer that is no JSON is not the API's
	}
	if (response.ok && reply !== null)
		return reply;
	const fault = reply?.error ?? {
		message: `gatehouse gave an answer that is not its API's (status ${response.status}).`,
		code: 'no_api',
	};
	throw new ApiError(response.status, fault, Number(response.headers.get('Retry-After')) || 0,
		reply);
}

const ask = async (method, path, options) => read(await fetchOnce(method, path, options));

/**
 * One request.
 * @param {string} method
 * @param {string} path behind /admin/api/v1/
 * @param {{query?: object, body?: object, signal?: AbortSignal}} [options]
 * @returns {Promise<object|null>} the answer's JSON; null for 204
 * @throws {ApiError} also when the session has ended, after telling whenSessionEnds()
 */
async function request(method, path, options = {}) {
	try {
		return await ask(method, path, options);
	} catch (error) {
		// another tab has logged in meanwhile: the cookie is its, the token is to follow
		if (error.code === 'csrf' && session) {
			await loadSession();
			if (session)
				return ask(method, path, options);
		}
		if (error.status === 401 && error.code === 'no_session' && session) {
			session = null;
			hint(false);
			onEnd();
		}
		throw error;
	}
}

export const get = (path, query, signal) => request('GET', path, { query, signal });
export const post = (path, body) => request('POST', path, { body: body ?? {} });
export const patch = (path, body) => request('PATCH', path, { body });
export const remove = (path, query) => request('DELETE', path, { query });

/* The cookie can't be seen from here. That somebody has logged in can be noted, so that a
   first visit need not ask for a session only to be refused. */
function hint(on) {
	try {
		if (on === undefined)
			return localStorage.getItem(HINT) !== null;
		localStorage[on ? 'setItem' : 'removeItem'](HINT, '1');
	} catch {
		// no storage in this browser: then it is asked
	}
	return true;
}

/** Is there a session already? Returns it or null. */
export async function loadSession() {
	session = null;
	if (!hint())
		return null;
	try {
		session = await ask('GET', 'session', {});
	} catch (error) {
		if (error.status !== 401)
			throw error;
		hint(false);
	}
	return session;
}

export async function login(password) {
	session = await ask('POST', 'session', { body: { password } });
	hint(true);
	return session;
}

/** End this session, or all of them; there is none afterwards, whoever had ended it. */
export async function logout(everywhere) {
	try {
		await request('DELETE', everywhere ? 'sessions' : 'session');
	} catch (error) {
		if (error.status !== 401)
			throw error;
	}
	session = null;
	hint(false);
}
