/*
 * How much the buffers hold that all wires of a worker share, and what decides it. For the
 * files of wires alone.
 */
#ifndef GATEHOUSE_WORKER_WIRE_SIZE_H
#define GATEHOUSE_WORKER_WIRE_SIZE_H

enum {
	WIRE_RECORD = 16 * 1024,
	/* TLS 1.3: header, type of content, tag (RFC 8446 section 5.2) */
	WIRE_RECORD_OVERHEAD = 5 + 1 + 16,
	/* TCP over Ethernet sends so much as one packet, which the network card cuts: as many
	 * segments of 1448 bytes as 64 KiB hold, less some room for headers. (The loopback
	 * takes a little more.) The few bytes that are left over would cost another one. */
	WIRE_PACKET = 45 * 1448,
	/* four whole records, or sixteen, where the peer sends full ones */
	WIRE_RECV_TLS = 4 * (WIRE_RECORD + WIRE_RECORD_OVERHEAD),
	WIRE_RECV_TLS_LONG = 4 * WIRE_RECV_TLS,
	WIRE_PLAIN = 8 * WIRE_PACKET, /* a recv's worth */
	/* the largest write in one go, encrypted: what one read brought, and heads */
	WIRE_OUT = 8 * WIRE_PACKET + 4 * WIRE_RECORD,
	/* of one read: each has keys derived, and who means well sends one in 2^24 records
	 * (RFC 8446 section 5.5) */
	WIRE_KEY_UPDATES_MAX = 32
};

#endif
