# All but main() is a library, so that tests can take single parts.
noinst_LIBRARIES += daemon/libdaemon.a
daemon_libdaemon_a_SOURCES = \
	daemon/auth.c daemon/auth.h \
	daemon/ccinfo_linux.c daemon/ccinfo.h \
	daemon/capture.c daemon/capture.h \
	daemon/capture_pcap.c daemon/capture_pcap.h \
	daemon/collector.c daemon/collector.h \
	daemon/conf.c daemon/conf.h \
	daemon/control_sockets.c daemon/control_sockets.h \
	daemon/cpus.c daemon/cpus.h \
	daemon/daemon_options.c daemon/daemon_options.h \
	daemon/dump_dir.c \
	daemon/dump_file.c daemon/dump_file.h \
	daemon/flow.c daemon/flow.h \
	daemon/flow_command.c \
	daemon/flow_destination.c \
	daemon/flow_run.c \
	daemon/flow_source.c \
	daemon/framing_message.c \
	daemon/framing_stream.c \
	daemon/gate.c daemon/gate.h \
	daemon/http.c daemon/http.h \
	daemon/http_connections.c daemon/http_connections.h \
	daemon/listener.c daemon/listener.h \
	daemon/netlist.c daemon/netlist.h \
	daemon/packet.c daemon/packet.h \
	daemon/message.h daemon/message_receive.c daemon/message_send.c \
	daemon/mtucache.c daemon/mtucache.h \
	daemon/pacer.c daemon/pacer.h \
	daemon/peerclock.c daemon/peerclock.h \
	daemon/privileges.c daemon/privileges.h \
	daemon/quota.c daemon/quota.h \
	daemon/rendezvous.c daemon/rendezvous.h \
	daemon/resolver.c daemon/resolver.h \
	daemon/ring.c daemon/ring.h \
	daemon/route.c daemon/route.h \
	daemon/rpc_server.c daemon/rpc_server.h \
	daemon/sampler.c daemon/sampler.h \
	daemon/session.c daemon/session.h daemon/session_state.h \
	daemon/session_clocks.c \
	daemon/session_check.c \
	daemon/session_prepare.c daemon/session_prepare.h \
	daemon/session_quota.c \
	daemon/session_reports.c \
	daemon/spill.c daemon/spill.h \
	daemon/splitter.c daemon/splitter.h \
	daemon/state_dir.c daemon/state_dir.h \
	daemon/store.c daemon/store.h \
	daemon/sysinfo.c daemon/sysinfo.h \
	daemon/tcpinfo_linux.c daemon/tcpinfo.h \
	daemon/timer.c daemon/timer.h \
	daemon/tls.c daemon/tls.h \
	daemon/traffic.c daemon/traffic.h \
	daemon/transport_mptcp.c \
	daemon/transport_tcp.c daemon/transport.h \
	daemon/waitlist.c daemon/waitlist.h \
	daemon/worker.c daemon/worker.h

sbin_PROGRAMS += daemon/flowd
daemon_flowd_SOURCES = daemon/flowd.c
daemon_flowd_LDADD = daemon/libdaemon.a $(COMMON_LIBS) $(MICROHTTPD_LIBS) $(GSL_LIBS) $(PCAP_LIBS)
