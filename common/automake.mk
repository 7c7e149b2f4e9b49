noinst_LIBRARIES += common/libcommon.a
common_libcommon_a_SOURCES = \
	common/block.c common/block.h \
	common/clock.c common/clock.h \
	common/dist.c common/dist.h \
	common/fail.c common/fail.h \
	common/fifo.c common/fifo.h \
	common/fingerprint.c common/fingerprint.h \
	common/list.h \
	common/log.c common/log.h \
	common/mem.c common/mem.h \
	common/metrics.c common/metrics.h common/metrics.def \
	common/number.c common/number.h \
	common/option.c common/option.h \
	common/protocol.c common/protocol.h \
	common/report.c common/report.h \
	common/schema.c common/schema.h \
	common/settings.c common/settings.h common/settings.def \
	common/sock.c common/sock.h \
	common/tally.h \
	common/token.c common/token.h \
	common/wire.c common/wire.h \
	common/xmlguard.c common/xmlguard.h

COMMON_LIBS = common/libcommon.a $(XMLRPC_LIBS) $(EXPAT_LIBS) $(GNUTLS_LIBS)
