/* SPDX-License-Identifier: Apache-2.0 */
/* banned.h: calls of libc that are compile errors here; included before every C file. */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#undef strcpy
#define strcpy(d, s) strcpy_is_banned_use_struct_text(d, s)
#undef strcat
#define strcat(d, s) strcat_is_banned_use_struct_text(d, s)
#undef sprintf
#define sprintf(...) sprintf_is_banned_use_snprintf(__VA_ARGS__)
#undef vsprintf
#define vsprintf(...) vsprintf_is_banned_use_vsnprintf(__VA_ARGS__)
#undef strtok
#define strtok(s, d) strtok_is_banned(s, d)
#undef atoi
#define atoi(s) atoi_is_banned_use_int_read(s)
#undef atol
#define atol(s) atol_is_banned_use_int_read(s)
#undef atof
#define atof(s) atof_is_banned_use_float_read(s)
#undef gmtime
#define gmtime(t) gmtime_is_banned_use_civil_from_ns(t)
#undef localtime
#define localtime(t) localtime_is_banned(t)

#endif
