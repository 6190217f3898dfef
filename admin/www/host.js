/** Where clients reach the models: this host, by the address that this page came from. */

/**
 * The base URL for clients. With an ADMIN_LISTEN the page has a port of its own, and the
 * models are at one of LISTEN's.
 * @param {object} settings as the API gives them
 */
export function baseUrl(settings) {
	const listen = settings?.listen ?? [];

	if (!(settings?.admin_listen?.length > 0) || listen.length === 0)
		return location.origin;
	const best = listen.find((a) => a.startsWith('https://')) ?? listen[0];
	const port = best.slice(best.lastIndexOf(':') + 1);
	const scheme = best.startsWith('https://') ? 'https' : 'http';
	const usual = scheme === 'https' ? '443' : '80';

	return `${scheme}://${location.hostname}${port === usual ? '' : `:${port}`}`;
}
