/*
 * Looking models up and what their use costs; see models.h. Integers only: the sum is
 * made in 128 bits, divided once for audio, and saturates.
 */
#include "common/models.h"

const struct model *
models_find(const struct models *m, struct span name)
{
	for (uint64_t i = 1; i <= m->n && i <= MODELS_MAX; i++) {
		const struct model *model = &m->v[i];

		if (span_eq(span_of(model->id), name))
			return model;
		for (uint32_t k = 0; k < model->n_aliases && k < MODEL_ALIASES_MAX; k++) {
			if (span_eq(span_of(model->aliases[k]), name))
				return model;
		}
	}
	return &m->v[0];
}

const struct model_price *
model_price_at(const struct model *m, int64_t now_ms)
{
	static const struct model_price free_of_charge = { 0 };
	const struct model_price *price = &free_of_charge;

	for (uint64_t i = 0; i < m->n_prices && i < MODEL_PRICES_MAX; i++) {
		if (m->prices[i].from_ms <= now_ms)
			price = &m->prices[i];
	}
	return price;
}

/* n units at a price for each `unit` of them, rounded half up. */
static unsigned __int128
cost_of(uint64_t n, uint64_t neur, uint64_t unit)
{
	return ((unsigned __int128)n * neur + unit / 2) / unit;
}

uint64_t
model_cost(const struct model_price *p, const struct usage *u)
{
	unsigned __int128 sum = cost_of(u->v[USAGE_INPUT], p->input_neur, 1) +
	    cost_of(u->v[USAGE_CACHE_READ], p->cache_read_neur, 1) +
	    cost_of(u->v[USAGE_CACHE_WRITE], p->cache_write_neur, 1) +
	    cost_of(u->v[USAGE_OUTPUT], p->output_neur, 1) +
	    cost_of(u->v[USAGE_AUDIO_BYTES], p->mib_neur, UINT64_C(1) << 20) +
	    cost_of(u->v[USAGE_AUDIO_MS], p->second_neur, 1000);

	return sum < INT64_MAX ? (uint64_t)sum : INT64_MAX;
}
