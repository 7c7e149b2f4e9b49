noinst_LIBRARIES += common/libcommon.a
common_libcommon_a_SOURCES = \
	common/clock.c common/clock.h \
	common/dist.c common/dist.h \
	common/fail.c common/fail.h \
	common/fifo.c common/fifo.h \
	common/list.h \
	common/log.c common/log.h \
	common/mem.c common/mem.h \
	common/number.c common/number.h \
	common/tally.h

COMMON_LIBS = common/libcommon.a $(XMLRPC_LIBS) $(EXPAT_LIBS)
