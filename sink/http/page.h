/* SPDX-License-Identifier: Apache-2.0 */
/* page.h: the page at /, put into the program by page/embed.py at build time. */
#ifndef SINK_HTTP_PAGE_H
#define SINK_HTTP_PAGE_H

#include <stddef.h>

extern const unsigned char page_html[];
extern const size_t page_html_length;
/* Content-Security-Policy: nothing from elsewhere, and only the page's own script and style, by
 * their hashes. */
extern const char page_csp[];

#endif
