/*
 * One request and its answer. Only the files behind exchange_state.h know the order of
 * things: who is asked first, what is sent when. A client connection hands its
 * requests to exchange_client_ops; everything else follows from there.
 */
#ifndef GATEHOUSE_WORKER_EXCHANGE_H
#define GATEHOUSE_WORKER_EXCHANGE_H

#include "worker/client.h"

extern const struct client_ops exchange_client_ops;

#endif
