/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "output/report_page.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "output/page_texts.h"
#include "printable.h"

enum { LIBRARY_MAX = 4 << 20, SHA256_SIZE = 32 };

/* ---- the library */

/* A text that can stand in an element of this name; NULL and a sentence. */
static char *read_part(const char *directory, const char *name, const char *element,
                       struct fail *fail)
{
    char *path = mem_printf("%s/%s", directory, name), *end = mem_printf("</%s", element);
    int fd = file_open(NULL, path, O_RDONLY, 0, fail);
    char *text = fd < 0 ? NULL : file_read_text(path, fd, LIBRARY_MAX, fail);
    if (fd >= 0)
        close(fd);
    if (text && strcasestr(text, end)) {
        fail_set(fail, 0, "%s contains %s and can't be put into a page", path, end);
        free(text);
        text = NULL;
    }
    free(path);
    free(end);
    return text;
}

bool report_library_read(const char *directory, struct report_library *library, struct fail *fail)
{
    *library = (struct report_library){0};
    library->script = read_part(directory, "dygraph.min.js", "script", fail);
    library->style =
        library->script ? read_part(directory, "dygraph.min.css", "style", fail) : NULL;
    if (library->style)
        return true;
    report_library_free(library);
    return false;
}

void report_library_free(struct report_library *library)
{
    free(library->script);
    free(library->style);
    *library = (struct report_library){0};
}

/* ---- the page */

/* "'sha256-BASE64'", by which a policy (CSP level 2) allows an element with this text. */
static void put_hash(struct buffer *out, const char *text)
{
    unsigned char hash[SHA256_SIZE];
    gnutls_datum_t base64 = {0};
    gnutls_hash_fast(GNUTLS_DIG_SHA256, text, strlen(text), hash);
    gnutls_base64_encode2(&(gnutls_datum_t){hash, sizeof hash}, &base64);
    buffer_printf(out, " 'sha256-%.*s'", (int)base64.size, (const char *)base64.data);
    gnutls_free(base64.data);
}

static void put_policy(struct buffer *out, const struct report_library *library)
{
    buffer_text(out, "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                     "script-src");
    if (library->script)
        put_hash(out, library->script);
    put_hash(out, page_script);
    buffer_text(out, "; style-src");
    if (library->style)
        put_hash(out, library->style);
    put_hash(out, page_style);
    buffer_text(out, "; img-src data: blob:; base-uri 'none'; form-action 'none'\">\n");
}

static void put_text(struct buffer *out, const char *text)
{
    char *clean = mem_strdup(text);
    printable(clean);
    for (const char *at = clean; *at; at++)
        switch (*at) {
        case '<':
            buffer_text(out, "&lt;");
            break;
        case '>':
            buffer_text(out, "&gt;");
            break;
        case '&':
            buffer_text(out, "&amp;");
            break;
        default:
            buffer_add(out, at, 1);
        }
    free(clean);
}

static void put_element(struct buffer *out, const char *name, const char *text)
{
    if (!text)
        return;
    buffer_printf(out, "<%s>", name);
    buffer_text(out, text);
    buffer_printf(out, "</%s>\n", name);
}

void report_page(struct buffer *out, const char *title, const char *data,
                 const struct report_library *library)
{
    buffer_text(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    put_policy(out, library);
    buffer_text(out, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                     "<title>");
    put_text(out, title);
    buffer_text(out, "</title>\n");
    put_element(out, "style", library->style);
    put_element(out, "style", page_style);
    buffer_text(out, "</head>\n<body>\n<noscript><p>This page needs scripts, which it contains: it "
                     "loads nothing from a network.</p></noscript>\n<main id=\"page\"></main>\n"
                     "<script type=\"application/json\" id=\"data\">");
    buffer_text(out, data);
    buffer_text(out, "</script>\n");
    put_element(out, "script", library->script);
    put_element(out, "script", page_script);
    buffer_text(out, "</body>\n</html>\n");
}
