EXTRA_DIST += bench/run.py bench/measure.py bench/claim_bulk.py bench/claim_cpu.py \
	bench/claim_logrows.py bench/claim_message.py bench/claim_rows.py \
	bench/claim_transactions.py bench/claim_waiting.py

EXTRA_PROGRAMS = bench/logrows
bench_logrows_SOURCES = bench/logrows.c
bench_logrows_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/controller
bench_logrows_LDADD = controller/libcontroller.a $(COMMON_LIBS) $(CURL_LIBS)
CLEANFILES += $(EXTRA_PROGRAMS)
