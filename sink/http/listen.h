/* SPDX-License-Identifier: Apache-2.0 */
/* listen.h: opening the socket that the server listens at. */
#ifndef SINK_HTTP_LISTEN_H
#define SINK_HTTP_LISTEN_H

#include <stdbool.h>
#include <stdint.h>

#include <weir/error.h>

/* "127.0.0.1:8080", "[::1]:0", "localhost:8080". Refuses what is not loopback unless `insecure`.
 * Returns the socket, or a negative status with an error that says what to do. */
int listen_open(const char *address, bool insecure, uint16_t *ret_port, struct weir_error *error);

#endif
