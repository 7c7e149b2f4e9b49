# All but main() is a library, so that tests can take single parts.
noinst_LIBRARIES += daemon/libdaemon.a
daemon_libdaemon_a_SOURCES = \
	daemon/daemon_option_values.c \
	daemon/daemon_options.c daemon/daemon_options.h daemon/daemon_options_state.h \
	daemon/capture/capture.c daemon/capture/capture.h daemon/capture/capture_state.h \
	daemon/capture/capture_open.c \
	daemon/capture/capture_pcap.c daemon/capture/capture_pcap.h \
	daemon/capture/dump_dir.c \
	daemon/capture/dump_file.c daemon/capture/dump_file.h \
	daemon/capture/packet.c daemon/capture/packet.h \
	daemon/capture/splitter.c daemon/capture/splitter.h \
	daemon/capture/trace.c daemon/capture/trace.h daemon/capture/trace_state.h \
	daemon/capture/trace_file.c daemon/capture/trace_file.h \
	daemon/capture/trace_kernel.c daemon/capture/trace_kernel.h \
	daemon/capture/trace_open.c \
	daemon/control/auth.c daemon/control/auth.h \
	daemon/control/control_sockets.c daemon/control/control_sockets.h \
	daemon/control/executors.c daemon/control/executors.h \
	daemon/control/gate.c daemon/control/gate.h \
	daemon/control/http.c daemon/control/http.h \
	daemon/control/http_access.c \
	daemon/control/http_answer.c \
	daemon/control/http_call.c \
	daemon/control/http_connections.c daemon/control/http_connections.h \
	daemon/control/http_counts.h \
	daemon/control/http_headers.c daemon/control/http_headers.h \
	daemon/control/http_state.h \
	daemon/control/http_metrics.c \
	daemon/control/metrics_page.c daemon/control/metrics_page.h \
	daemon/control/rpc_reports.c daemon/control/rpc_reports.h \
	daemon/control/rpc_server.c daemon/control/rpc_server.h \
	daemon/control/rpc_system.c daemon/control/rpc_system.h \
	daemon/control/tls.c daemon/control/tls.h \
	daemon/engine/collector.c daemon/engine/collector.h \
	daemon/engine/ring.c daemon/engine/ring.h \
	daemon/engine/timer.c daemon/engine/timer.h \
	daemon/engine/waitlist.c daemon/engine/waitlist.h \
	daemon/engine/payload.c daemon/engine/payload.h \
	daemon/engine/worker.c daemon/engine/worker.h \
	daemon/flow/closing.c daemon/flow/closing.h \
	daemon/flow/datagram.h \
	daemon/flow/datagram_iperf3.c daemon/flow/datagram_iperf3.h \
	daemon/flow/datagram_receive.c \
	daemon/flow/datagram_send.c \
	daemon/flow/datagram_wire.c daemon/flow/datagram_wire.h \
	daemon/flow/delay.c daemon/flow/delay.h \
	daemon/flow/direction.c daemon/flow/direction.h \
	daemon/flow/flow.c daemon/flow/flow.h daemon/flow/flow_state.h \
	daemon/flow/flow_access.c \
	daemon/flow/flow_command.c \
	daemon/flow/flow_drain.c \
	daemon/flow/flow_end.c \
	daemon/flow/flow_expect.c \
	daemon/flow/flow_peer.c \
	daemon/flow/flow_run.c \
	daemon/flow/flow_start.c \
	daemon/flow/datagram_answer.c \
	daemon/flow/datagram_consent.c \
	daemon/flow/framing_datagram.c \
	daemon/flow/framing_message.c \
	daemon/flow/framing_stream.c \
	daemon/flow/intervals.c daemon/flow/intervals.h \
	daemon/flow/message.h \
	daemon/flow/message_receive.c \
	daemon/flow/message_send.c \
	daemon/flow/pacer.c daemon/flow/pacer.h \
	daemon/flow/sender_time.c daemon/flow/sender_time.h \
	daemon/flow/peerclock.c daemon/flow/peerclock.h \
	daemon/flow/sampler.c daemon/flow/sampler.h \
	daemon/flow/seqtrack.c daemon/flow/seqtrack.h \
	daemon/flow/traffic.c daemon/flow/traffic.h \
	daemon/host/background.c daemon/host/background.h \
	daemon/host/cpu_time.c daemon/host/cpu_time.h \
	daemon/host/cpus.c daemon/host/cpus.h \
	daemon/host/hoststat_links.c daemon/host/hoststat_proc.c daemon/host/hoststat_sample.h \
	daemon/host/hoststat_sampler.c daemon/host/hoststat_sampler.h \
	daemon/host/identity.c daemon/host/identity.h \
	daemon/host/own_process.c daemon/host/own_process.h \
	daemon/host/pid_file.c daemon/host/pid_file.h \
	daemon/host/privileges.c daemon/host/privileges.h \
	daemon/host/state_dir.c daemon/host/state_dir.h \
	daemon/host/syscalls.c daemon/host/syscalls.h \
	daemon/host/sysinfo.c daemon/host/sysinfo.h \
	daemon/iperf/iperf3_begin.c \
	daemon/iperf/iperf3_datagrams.c daemon/iperf/iperf3_datagrams.h \
	daemon/iperf/iperf3_channel.c daemon/iperf/iperf3_channel.h \
	daemon/iperf/iperf3_end.c \
	daemon/iperf/iperf3_flows.c daemon/iperf/iperf3_flows.h \
	daemon/iperf/iperf3_json.c daemon/iperf/iperf3_json.h \
	daemon/iperf/iperf3_leave.c \
	daemon/iperf/iperf3_output.c daemon/iperf/iperf3_output.h \
	daemon/iperf/iperf3_params.c daemon/iperf/iperf3_params.h \
	daemon/iperf/iperf3_results.c daemon/iperf/iperf3_results.h \
	daemon/iperf/iperf3_server.c daemon/iperf/iperf3_server.h \
	daemon/iperf/iperf3_test.c daemon/iperf/iperf3_test.h \
	daemon/iperf/iperf3_test_state.h \
	daemon/net/ccinfo.h \
	daemon/net/ccinfo_linux.c \
	daemon/net/kernel.c daemon/net/kernel.h \
	daemon/net/listen_at.c daemon/net/listen_at.h \
	daemon/net/listener.c daemon/net/listener.h \
	daemon/net/interface.c daemon/net/interface.h \
	daemon/net/mtucache.c daemon/net/mtucache.h \
	daemon/net/route.c daemon/net/route.h \
	daemon/net/socket.c daemon/net/socket.h \
	daemon/net/sockopt.c daemon/net/sockopt.h \
	daemon/net/tcpinfo.h \
	daemon/net/tcpinfo_linux.c \
	daemon/net/transport.c daemon/net/transport.h \
	daemon/net/transport_mptcp.c \
	daemon/net/transport_stream.c daemon/net/transport_stream.h \
	daemon/net/transport_tcp.c \
	daemon/net/transport_udp.c \
	daemon/peer/peer.c daemon/peer/peer.h \
	daemon/peer/peer_datagram_destination.c \
	daemon/peer/peer_datagram_source.c \
	daemon/peer/peer_flowrig_destination.c \
	daemon/peer/peer_flowrig_source.c \
	daemon/peer/peer_accepted.c \
	daemon/peer/pending.c daemon/peer/pending.h \
	daemon/peer/rendezvous.c daemon/peer/rendezvous.h \
	daemon/session/contacts.c daemon/session/contacts.h \
	daemon/session/netlist.c daemon/session/netlist.h \
	daemon/session/quota.c daemon/session/quota.h \
	daemon/session/resolver.c daemon/session/resolver.h \
	daemon/session/session.c daemon/session/session.h \
	daemon/session/session_adopt.c \
	daemon/session/session_check.c \
	daemon/session/session_clocks.c \
	daemon/session/session_events.c \
	daemon/session/session_hoststats.c \
	daemon/session/session_lease.c \
	daemon/session/session_live.c daemon/session/live.h \
	daemon/session/session_list.c \
	daemon/session/session_members.c \
	daemon/session/session_prepare.c daemon/session/session_prepare.h \
	daemon/session/session_resolve.c \
	daemon/session/session_reports.c \
	daemon/session/session_state.h \
	daemon/session/session_users.c \
	daemon/session/session_wait.c \
	daemon/session/spill.c daemon/session/spill.h \
	daemon/session/store.c daemon/session/store.h \
	daemon/stamp/stamp_counts.h \
	daemon/stamp/stamp_peers.c daemon/stamp/stamp_peers.h \
	daemon/stamp/stamp_reflector.c daemon/stamp/stamp_reflector.h \
	daemon/stamp/stamp_server.c daemon/stamp/stamp_server.h

bin_PROGRAMS += daemon/flowd
daemon_flowd_SOURCES = daemon/flowd.c
daemon_flowd_LDADD = daemon/libdaemon.a $(COMMON_LIBS) $(MICROHTTPD_LIBS) $(JANSSON_LIBS) $(GSL_LIBS) $(PCAP_LIBS) $(BPF_LIBS)

# The kernel's part of traces, as a header.
EXTRA_DIST += daemon/capture/trace.bpf.c
CLEANFILES += daemon/capture/trace.bpf.o daemon/capture/trace.skel.h
if HAVE_TRACE
daemon/capture/trace.bpf.o: $(srcdir)/daemon/capture/trace.bpf.c $(srcdir)/common/traceevent.h
	$(AM_V_GEN)$(MKDIR_P) daemon/capture && \
	$(BPF_CLANG) -O2 -g -Wall -Werror --target=bpf -I$(srcdir)/common $(BPF_INCLUDES) \
		-c $(srcdir)/daemon/capture/trace.bpf.c -o $@
daemon/capture/trace.skel.h: daemon/capture/trace.bpf.o
	$(AM_V_GEN)$(BPFTOOL) gen skeleton daemon/capture/trace.bpf.o name trace_bpf >$@-tmp && mv $@-tmp $@
daemon/capture/trace_kernel.$(OBJEXT): daemon/capture/trace.skel.h
endif
