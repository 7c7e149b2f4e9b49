/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Style and scripts of a page, as texts: made from page.css and page_*.js when flowrig is built. */
#ifndef FLOWRIG_PAGE_TEXTS_H
#define FLOWRIG_PAGE_TEXTS_H

extern const char page_style[];
extern const char page_script[];

#endif
