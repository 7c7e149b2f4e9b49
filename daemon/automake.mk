# All but main() is a library, so that tests can take single parts.
noinst_LIBRARIES += daemon/libdaemon.a
daemon_libdaemon_a_SOURCES = \
	daemon/rendezvous.c daemon/rendezvous.h \
	daemon/resolver.c daemon/resolver.h \
	daemon/ring.c daemon/ring.h \
	daemon/store.c daemon/store.h \
	daemon/timer.c daemon/timer.h \
	daemon/waitlist.c daemon/waitlist.h

sbin_PROGRAMS += daemon/flowd
daemon_flowd_SOURCES = daemon/flowd.c
daemon_flowd_LDADD = daemon/libdaemon.a $(COMMON_LIBS) $(MICROHTTPD_LIBS) $(GSL_LIBS) $(PCAP_LIBS)
