# TAP is what all tests speak; make check sums it up.
TEST_EXTENSIONS = .py .sh
TAP_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
LOG_DRIVER = $(TAP_DRIVER)
PY_LOG_DRIVER = $(TAP_DRIVER)
SH_LOG_DRIVER = $(TAP_DRIVER)
PY_LOG_COMPILER = $(PYTHON3)
SH_LOG_COMPILER = $(SHELL)
AM_TESTS_ENVIRONMENT = \
	export CMOCKA_MESSAGE_OUTPUT=TAP PYTHONDONTWRITEBYTECODE=1; \
	export PYTHONPATH='$(abs_top_srcdir)/tests'; \
	export FLOWRIG_BUILD='$(abs_top_builddir)' FLOWRIG_SOURCE='$(abs_top_srcdir)'; \
	export FLOWRIG_SANITIZED='$(SANITIZED_NAME)'; \
	export FLOWD='$(abs_top_builddir)/daemon/flowd' FLOWCTL='$(abs_top_builddir)/controller/flowctl'; \
	export LABWIRE='$(abs_top_builddir)/tests/lab/labwire'; \
	export ASAN_OPTIONS=abort_on_error=0:detect_leaks=1; \
	export TSAN_OPTIONS='halt_on_error=1 second_deadlock_stack=1 suppressions=$(abs_top_srcdir)/tests/tsan.supp'; \
	export UBSAN_OPTIONS=print_stacktrace=1;

# ---- the lab
check_PROGRAMS += tests/lab/labwire
tests_lab_labwire_SOURCES = \
	tests/lab/control.c tests/lab/control.h \
	tests/lab/core.c tests/lab/core.h \
	tests/lab/err.h \
	tests/lab/fdb.c tests/lab/fdb.h \
	tests/lab/frame.c tests/lab/frame.h \
	tests/lab/labconf.c tests/lab/labconf.h \
	tests/lab/labwire.c \
	tests/lab/link.c tests/lab/link.h \
	tests/lab/linkopt.c tests/lab/linkopt.h \
	tests/lab/queue.c tests/lab/queue.h \
	tests/lab/rng.h \
	tests/lab/tap.c tests/lab/tap.h \
	tests/lab/watch.h
tests_lab_labwire_LDADD = -lm
EXTRA_DIST += tests/unit/unit.h tests/flowrig_test.py tests/flowrig_api.py tests/flowrig_lab.py tests/tsan.supp tests/lab/lab.sh tests/lab/README.md

# ---- units: one program a module, each includes the .c that it tests
UNIT_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS) -I$(srcdir)/daemon -I$(srcdir)/controller
UNIT_TESTS =
if HAVE_CMOCKA
check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
endif

COMMON_UNIT_LIBS = $(COMMON_LIBS) $(CMOCKA_LIBS)
# common/
UNIT_TESTS += tests/unit/test_block
tests_unit_test_block_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_block_LDADD = $(COMMON_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_cdf
tests_unit_test_cdf_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_cdf_LDADD = $(COMMON_UNIT_LIBS) -lm
UNIT_TESTS += tests/unit/test_clock
tests_unit_test_clock_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_clock_LDADD = $(COMMON_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_dist
tests_unit_test_dist_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_dist_LDADD = $(COMMON_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_dscp
tests_unit_test_dscp_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_dscp_LDADD = $(COMMON_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_dumpname
tests_unit_test_dumpname_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_dumpname_LDADD = $(COMMON_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_fail
tests_unit_test_fail_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_fail_LDADD = $(COMMON_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_fifo
tests_unit_test_fifo_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_fifo_LDADD = $(COMMON_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_histogram
tests_unit_test_histogram_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_histogram_LDADD = $(COMMON_UNIT_LIBS) -lm
UNIT_TESTS += tests/unit/test_fingerprint
tests_unit_test_fingerprint_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_fingerprint_LDADD = $(COMMON_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_list
tests_unit_test_list_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_list_LDADD = $(COMMON_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_log
tests_unit_test_log_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_log_LDADD = $(COMMON_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_mem
tests_unit_test_mem_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_mem_LDADD = $(COMMON_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_metrics
tests_unit_test_metrics_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_metrics_LDADD = $(COMMON_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_number
tests_unit_test_number_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_number_LDADD = $(COMMON_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_option
tests_unit_test_option_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_option_LDADD = $(COMMON_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_protocol
tests_unit_test_protocol_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_protocol_LDADD = $(COMMON_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_report
tests_unit_test_report_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_report_LDADD = $(COMMON_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_settings
tests_unit_test_settings_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_settings_LDADD = $(COMMON_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_sock
tests_unit_test_sock_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_sock_LDADD = $(COMMON_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_sockopt
tests_unit_test_sockopt_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_sockopt_LDADD = $(COMMON_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_tally
tests_unit_test_tally_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_tally_LDADD = $(COMMON_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_token
tests_unit_test_token_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_token_LDADD = $(COMMON_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_wire
tests_unit_test_wire_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_wire_LDADD = $(COMMON_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_xmlguard
tests_unit_test_xmlguard_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_xmlguard_LDADD = $(COMMON_UNIT_LIBS)

DAEMON_UNIT_LIBS = daemon/libdaemon.a $(COMMON_LIBS) $(MICROHTTPD_LIBS) $(GSL_LIBS) $(PCAP_LIBS) $(CMOCKA_LIBS)
# daemon/
UNIT_TESTS += tests/unit/test_ccinfo
tests_unit_test_ccinfo_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_ccinfo_LDADD = $(DAEMON_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_auth
tests_unit_test_auth_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_auth_LDADD = $(DAEMON_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_conf
tests_unit_test_conf_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_conf_LDADD = $(DAEMON_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_daemon_options
tests_unit_test_daemon_options_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_daemon_options_LDADD = $(DAEMON_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_dump_file
tests_unit_test_dump_file_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_dump_file_LDADD = $(DAEMON_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_framing_message
tests_unit_test_framing_message_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_framing_message_LDADD = $(DAEMON_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_listener
tests_unit_test_listener_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_listener_LDADD = $(DAEMON_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_netlist
tests_unit_test_netlist_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_netlist_LDADD = $(DAEMON_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_pacer
tests_unit_test_pacer_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_pacer_LDADD = $(DAEMON_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_peerclock
tests_unit_test_peerclock_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_peerclock_LDADD = $(DAEMON_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_quota
tests_unit_test_quota_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_quota_LDADD = $(DAEMON_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_rendezvous
tests_unit_test_rendezvous_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_rendezvous_LDADD = $(DAEMON_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_resolver
tests_unit_test_resolver_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_resolver_LDADD = $(DAEMON_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_ring
tests_unit_test_ring_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_ring_LDADD = $(DAEMON_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_spill
tests_unit_test_spill_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_spill_LDADD = $(DAEMON_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_splitter
tests_unit_test_splitter_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_splitter_LDADD = $(DAEMON_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_store
tests_unit_test_store_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_store_LDADD = $(DAEMON_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_tcpinfo
tests_unit_test_tcpinfo_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_tcpinfo_LDADD = $(DAEMON_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_timer
tests_unit_test_timer_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_timer_LDADD = $(DAEMON_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_traffic
tests_unit_test_traffic_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_traffic_LDADD = $(DAEMON_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_waitlist
tests_unit_test_waitlist_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_waitlist_LDADD = $(DAEMON_UNIT_LIBS)

CONTROLLER_UNIT_LIBS = controller/libcontroller.a $(COMMON_LIBS) $(CURL_LIBS) $(CMOCKA_LIBS)
# controller/
UNIT_TESTS += tests/unit/test_cell
tests_unit_test_cell_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_cell_LDADD = $(CONTROLLER_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_clocksync
tests_unit_test_clocksync_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_clocksync_LDADD = $(CONTROLLER_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_command_plot
tests_unit_test_command_plot_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_command_plot_LDADD = $(CONTROLLER_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_fleet
tests_unit_test_fleet_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_fleet_LDADD = $(CONTROLLER_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_log_replay
tests_unit_test_log_replay_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_log_replay_LDADD = $(CONTROLLER_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_known_hosts
tests_unit_test_known_hosts_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_known_hosts_LDADD = $(CONTROLLER_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_logreader
tests_unit_test_logreader_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_logreader_LDADD = $(CONTROLLER_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_options
tests_unit_test_options_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_options_LDADD = $(CONTROLLER_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_plan
tests_unit_test_plan_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_plan_LDADD = $(CONTROLLER_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_plot
tests_unit_test_plot_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_plot_LDADD = $(CONTROLLER_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_results
tests_unit_test_results_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_results_LDADD = $(CONTROLLER_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_results_histograms
tests_unit_test_results_histograms_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_results_histograms_LDADD = $(CONTROLLER_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_summary
tests_unit_test_summary_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_summary_LDADD = $(CONTROLLER_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_writer
tests_unit_test_writer_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_writer_LDADD = $(CONTROLLER_UNIT_LIBS)
UNIT_TESTS += tests/unit/test_clockfit
tests_unit_test_clockfit_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_clockfit_LDADD = $(CONTROLLER_UNIT_LIBS) -lm
UNIT_TESTS += tests/unit/test_startat
tests_unit_test_startat_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_test_startat_LDADD = $(CONTROLLER_UNIT_LIBS)

# ---- programs as wholes
SCRIPT_TESTS = \
	tests/lab/selftest.sh \
	tests/cli/bench.py \
	tests/cli/dry_run.py \
	tests/cli/examples.py \
	tests/cli/help.py \
	tests/cli/histogram.py \
	tests/cli/log.py \
	tests/cli/manual.py \
	tests/cli/options.py \
	tests/cli/plot.py \
	tests/cli/screen.py \
	tests/cli/trust.py \
	tests/net/attach.py \
	tests/net/clocks.py \
	tests/net/lab_bulk.py \
	tests/net/lab_dumps.py \
	tests/net/lab_failures.py \
	tests/net/lab_message.py \
	tests/net/lab_sockets.py \
	tests/net/lab_traffic.py \
	tests/net/lab_trust.py \
	tests/net/lab_variants.py \
	tests/net/loopback_api.py \
	tests/net/loopback_debug.py \
	tests/net/loopback_dumps.py \
	tests/net/loopback_hostile.py \
	tests/net/loopback_runs.py \
	tests/net/loopback_status.py \
	tests/net/loopback_traffic.py \
	tests/net/loopback_trust.py \
	tests/net/nothing_lost.py \
	tests/net/soak.py
TESTS += $(SCRIPT_TESTS)
EXTRA_DIST += $(SCRIPT_TESTS)

# ---- fuzzing: each for some seconds as a test; with libFuzzer for as long as wanted (bootstrap fuzz)
FUZZ_CPPFLAGS = $(UNIT_CPPFLAGS) $(FUZZ_MODE)
FUZZ_TARGETS = \
	tests/fuzz/fuzz_blocks \
	tests/fuzz/fuzz_call \
	tests/fuzz/fuzz_file \
	tests/fuzz/fuzz_log \
	tests/fuzz/fuzz_options \
	tests/fuzz/fuzz_preamble \
	tests/fuzz/fuzz_reply \
	tests/fuzz/fuzz_reports \
	tests/fuzz/fuzz_run_file \
	tests/fuzz/fuzz_text
check_PROGRAMS += $(FUZZ_TARGETS)
TESTS += $(FUZZ_TARGETS)
FUZZ_CONTROLLER_LIBS = controller/libcontroller.a $(COMMON_LIBS) $(CURL_LIBS) $(FUZZ_LIBS)
FUZZ_DAEMON_LIBS = daemon/libdaemon.a $(COMMON_LIBS) $(MICROHTTPD_LIBS) $(GSL_LIBS) $(PCAP_LIBS) $(FUZZ_LIBS)
tests_fuzz_fuzz_blocks_SOURCES = tests/fuzz/fuzz_blocks.c tests/fuzz/driver.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_blocks_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_blocks_LDADD = $(FUZZ_DAEMON_LIBS)
tests_fuzz_fuzz_call_SOURCES = tests/fuzz/fuzz_call.c tests/fuzz/driver.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_call_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_call_LDADD = $(FUZZ_CONTROLLER_LIBS)
tests_fuzz_fuzz_file_SOURCES = tests/fuzz/fuzz_file.c tests/fuzz/driver.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_file_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_file_LDADD = $(FUZZ_DAEMON_LIBS)
tests_fuzz_fuzz_log_SOURCES = tests/fuzz/fuzz_log.c tests/fuzz/driver.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_log_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_log_LDADD = $(FUZZ_CONTROLLER_LIBS)
tests_fuzz_fuzz_options_SOURCES = tests/fuzz/fuzz_options.c tests/fuzz/driver.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_options_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_options_LDADD = daemon/libdaemon.a $(FUZZ_CONTROLLER_LIBS)
tests_fuzz_fuzz_preamble_SOURCES = tests/fuzz/fuzz_preamble.c tests/fuzz/driver.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_preamble_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_preamble_LDADD = $(FUZZ_CONTROLLER_LIBS)
tests_fuzz_fuzz_reply_SOURCES = tests/fuzz/fuzz_reply.c tests/fuzz/driver.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_reply_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_reply_LDADD = $(FUZZ_CONTROLLER_LIBS)
tests_fuzz_fuzz_reports_SOURCES = tests/fuzz/fuzz_reports.c tests/fuzz/driver.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_reports_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_reports_LDADD = $(FUZZ_CONTROLLER_LIBS)
tests_fuzz_fuzz_run_file_SOURCES = tests/fuzz/fuzz_run_file.c tests/fuzz/driver.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_run_file_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_run_file_LDADD = $(FUZZ_CONTROLLER_LIBS)
tests_fuzz_fuzz_text_SOURCES = tests/fuzz/fuzz_text.c tests/fuzz/driver.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_text_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_text_LDADD = $(FUZZ_CONTROLLER_LIBS)
EXTRA_DIST += tests/fuzz/seeds
fuzz-programs: $(FUZZ_TARGETS)
.PHONY: fuzz-programs
