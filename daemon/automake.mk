# All but main() is a library, so that tests can take single parts.
noinst_LIBRARIES += daemon/libdaemon.a
daemon_libdaemon_a_SOURCES = \
	daemon/collector.c daemon/collector.h \
	daemon/flow.c daemon/flow.h \
	daemon/flow_command.c \
	daemon/flow_destination.c \
	daemon/flow_source.c \
	daemon/framing_message.c \
	daemon/framing_stream.c \
	daemon/listener.c daemon/listener.h \
	daemon/pacer.c daemon/pacer.h \
	daemon/rendezvous.c daemon/rendezvous.h \
	daemon/resolver.c daemon/resolver.h \
	daemon/ring.c daemon/ring.h \
	daemon/sampler.c daemon/sampler.h \
	daemon/store.c daemon/store.h \
	daemon/tcpinfo_linux.c daemon/tcpinfo.h \
	daemon/timer.c daemon/timer.h \
	daemon/traffic.c daemon/traffic.h \
	daemon/transport_tcp.c daemon/transport.h \
	daemon/waitlist.c daemon/waitlist.h \
	daemon/worker.c daemon/worker.h

sbin_PROGRAMS += daemon/flowd
daemon_flowd_SOURCES = daemon/flowd.c
daemon_flowd_LDADD = daemon/libdaemon.a $(COMMON_LIBS) $(MICROHTTPD_LIBS) $(GSL_LIBS) $(PCAP_LIBS)
