noinst_LIBRARIES += controller/libcontroller.a
controller_libcontroller_a_SOURCES = \
	controller/access.c controller/access.h \
	controller/ask_hosts.c controller/ask_hosts.h \
	controller/assign.c controller/assign.h \
	controller/cell.c controller/cell.h \
	controller/clockfit.c controller/clockfit.h \
	controller/clocksync.c controller/clocksync.h \
	controller/command_attach.c \
	controller/command_fetch_dumps.c \
	controller/command_plot.c controller/commands.h \
	controller/command_status.c \
	controller/command_stop.c \
	controller/embedded.c controller/embedded.h \
	controller/fleet.c controller/fleet.h \
	controller/histograms.c controller/histograms.h \
	controller/interrupt.c controller/interrupt.h \
	controller/known_hosts.c controller/known_hosts.h \
	controller/log_replay.c controller/log_replay.h \
	controller/logreader.c controller/logreader.h \
	controller/options.c controller/options.h \
	controller/plan.c controller/plan.h \
	controller/plot.c controller/plot.h \
	controller/results.c controller/results.h \
	controller/run.c controller/run.h controller/run_state.h \
	controller/run_attach.c \
	controller/run_clocks.c \
	controller/run_file.c controller/run_file.h \
	controller/run_gather.c \
	controller/run_prepare.c \
	controller/run_start_at.c \
	controller/sink_flowlog.c controller/sink.h \
	controller/sink_screen.c \
	controller/sinks.c \
	controller/startat.c controller/startat.h \
	controller/summary.c controller/summary.h \
	controller/writer.c controller/writer.h

bin_PROGRAMS += controller/flowctl
controller_flowctl_SOURCES = controller/flowctl.c
controller_flowctl_LDADD = controller/libcontroller.a $(COMMON_LIBS) $(CURL_LIBS) -lm

# The other name, for those who are used to flowgrind-stop; argv[0] decides.
install-exec-hook:
	cd '$(DESTDIR)$(bindir)' && rm -f flowctl-stop && $(LN_S) flowctl flowctl-stop
uninstall-hook:
	rm -f '$(DESTDIR)$(bindir)/flowctl-stop'
