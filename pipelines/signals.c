/* SPDX-License-Identifier: Apache-2.0 */
#include "pipelines/signals.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/check.h"

static int signal_fd = -1;

static sigset_t ending_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    return set;
}

void signals_init(void)
{
    sigset_t set = ending_signals();
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    CHECK(signal_fd >= 0);
}

bool signals_wait(int timeout_ms)
{
    struct pollfd poll_fd = {.fd = signal_fd, .events = POLLIN};
    if (poll(&poll_fd, 1, timeout_ms) <= 0)
        return false;
    struct signalfd_siginfo info;
    return read(signal_fd, &info, sizeof info) == (ssize_t)sizeof info;
}

static void *second_signal(void *unused)
{
    (void)unused;
    while (!signals_wait(-1))
        continue;
    _exit(1);
}

void signals_arm_second(void)
{
    pthread_t thread;
    if (!pthread_create(&thread, NULL, second_signal, NULL))
        pthread_detach(thread);
}
