noinst_LIBRARIES += common/libcommon.a
common_libcommon_a_SOURCES = \
	common/address.c common/address.h \
	common/block.c common/block.h \
	common/cdf.c common/cdf.h \
	common/clock.c common/clock.h \
	common/conf.c common/conf.h \
	common/dist.c common/dist.h \
	common/dscp.c common/dscp.h \
	common/dumpname.c common/dumpname.h \
	common/fail.c common/fail.h \
	common/exposition.c common/exposition.h \
	common/failure.c common/failure.h \
	common/fifo.c common/fifo.h \
	common/file.c common/file.h \
	common/fingerprint.c common/fingerprint.h \
	common/histogram.c common/histogram.h \
	common/list.h \
	common/log.c common/log.h \
	common/mem.c common/mem.h \
	common/method_help.c \
	common/hoststats.c common/hoststats.h common/hoststats.def \
	common/info.c common/info.h common/info.def \
	common/metric_unit.c common/metric_unit.h \
	common/exposed.c common/exposed.h common/exposed.def \
	common/metrics.c common/metrics.h common/metrics.def \
	common/nearest.c common/nearest.h \
	common/number.c common/number.h \
	common/option.c common/option.h \
	common/path.c common/path.h \
	common/preamble.c common/preamble.h \
	common/printable.c common/printable.h \
	common/protocol.c common/protocol.h common/protocol_fields.h \
	common/put.h \
	common/report.c common/report.h \
	common/schema.c common/schema.h \
	common/secret.c common/secret.h \
	common/settings.c common/settings_check.c common/settings.h common/settings.def \
	common/sockopt_names.c \
	common/stamp.c common/stamp.h common/stamp_tlv.c common/stamp_tlv.h \
	common/tally.c common/tally.h \
	common/token.c common/token.h \
	common/traceevent.h \
	common/traceformat.c common/traceformat.h common/trace_fields.def \
	common/udp_marks.c common/udp_marks.h \
	common/varint.c common/varint.h \
	common/wire.c common/wire_decode.c common/wire.h \
	common/xmlbuild.c common/xmlbuild.h \
	common/xmlguard.c common/xmlguard.h

COMMON_LIBS = common/libcommon.a $(XMLRPC_LIBS) $(EXPAT_LIBS) $(GNUTLS_LIBS) -lm
