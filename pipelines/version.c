/* SPDX-License-Identifier: Apache-2.0 */
#include "pipelines/version.h"

#include <microhttpd.h>
#include <yaml.h>

#include "ingest/json.h"
#include "ingest/kafka.h"

const char version_weir[] = WEIR_VERSION;

void version_write(struct text *out)
{
    text_addf(out, "weir %s", version_weir);
    if (version_commit[0])
        text_addf(out, " (%s)", version_commit);
    text_addf(out, "\nlibrdkafka %s\n", kafka_library_version());
    text_addf(out, "libmicrohttpd %s\n", MHD_get_version());
    text_addf(out, "libyaml %s\n", yaml_get_version_string());
    text_addf(out, "simdjson %s\n", json_library_version());
}
