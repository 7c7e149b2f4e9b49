/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tells what a sender of STAMP has measured: as text, or as an object of JSON. */
#ifndef FLOWRIG_STAMP_REPORT_H
#define FLOWRIG_STAMP_REPORT_H

#include "stamp/stamp_sender.h"

/* Print on standard output; the times of the figures are sorted by it. */
void stamp_report_text(const struct stamp_session *session, struct stamp_figures *figures);
void stamp_report_json(const struct stamp_session *session, struct stamp_figures *figures);

#endif
