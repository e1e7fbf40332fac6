/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/service.h"

static const char *const partition_state_names[PARTITION_STATE_COUNT] = {
#define STATE_NAME(symbol, name, meaning) [symbol] = name,
    PARTITION_STATES(STATE_NAME)
#undef STATE_NAME
};
static const char *const pipeline_state_names[PIPELINE_STATE_COUNT] = {
#define STATE_NAME(symbol, name, meaning) [symbol] = name,
    PIPELINE_STATES(STATE_NAME)
#undef STATE_NAME
};

const char *partition_state_name(enum partition_state state)
{
    return (unsigned)state < PARTITION_STATE_COUNT ? partition_state_names[state] : "unknown";
}

const char *pipeline_state_name(enum pipeline_state state)
{
    return (unsigned)state < PIPELINE_STATE_COUNT ? pipeline_state_names[state] : "unknown";
}
