EXTRA_DIST += bench/run.py bench/measure.py bench/tools.py bench/claim_bulk.py \
	bench/claim_cost.py bench/claim_datagrams.py bench/claim_logrows.py bench/claim_message.py bench/claim_rows.py \
	bench/claim_tenthousand.py bench/claim_thousand.py bench/claim_touch.py \
	bench/claim_transactions.py bench/claim_two.py bench/claim_veth.py bench/claim_waiting.py

EXTRA_PROGRAMS = bench/limit bench/logrows bench/sleeper bench/udplimit
bench_limit_SOURCES = bench/limit.c bench/bare.h
bench_udplimit_SOURCES = bench/udplimit.c bench/bare.h
bench_sleeper_SOURCES = bench/sleeper.c
bench_logrows_SOURCES = bench/logrows.c
bench_logrows_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/controller
bench_logrows_LDADD = controller/libcontroller.a $(COMMON_LIBS) $(CURL_LIBS) $(JANSSON_LIBS) $(SQLITE_LIBS) $(YAML_LIBS) $(PQ_LIBS)
CLEANFILES += $(EXTRA_PROGRAMS)

bench-programs: $(EXTRA_PROGRAMS)
.PHONY: bench-programs
