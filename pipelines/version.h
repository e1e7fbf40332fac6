/* SPDX-License-Identifier: Apache-2.0 */
/* version.h: what this build is made of. */
#ifndef PIPELINES_VERSION_H
#define PIPELINES_VERSION_H

#include "base/text.h"

extern const char version_weir[];   /* "0.1.0" */
extern const char version_commit[]; /* of git, "" when built from an archive */

void version_write(struct text *out); /* for `weir --version`: a line for each library */

#endif
