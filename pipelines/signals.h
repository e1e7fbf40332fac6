/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signals.h: SIGTERM and SIGINT as events of the main thread.
 *
 * Blocked in every thread, read from a signalfd. The first ends the process in order; the second
 * one ends it at once, which loses nothing that was durable.
 */
#ifndef PIPELINES_SIGNALS_H
#define PIPELINES_SIGNALS_H

#include <stdbool.h>
#include <stdint.h>

void signals_init(void); /* before any thread is made */
/* Waits for at most timeout_ms (-1: for ever). True: a signal to end came. */
bool signals_wait(int timeout_ms);
/* From now on a second signal ends the process at once, with exit code 1. */
void signals_arm_second(void);

#endif
