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
check_PROGRAMS += tests/lab/knock
tests_lab_knock_SOURCES = tests/lab/knock.c
tests_lab_knock_LDADD =
# Preloaded into programs under test, sanitized ones as well: it is never instrumented itself.
check_PROGRAMS += tests/lab/clockstep.so
tests_lab_clockstep_so_SOURCES = tests/lab/clockstep.c
tests_lab_clockstep_so_CFLAGS = $(AM_CFLAGS) -fPIC -fno-sanitize=all
tests_lab_clockstep_so_LDFLAGS = -shared -fno-sanitize=all
tests_lab_clockstep_so_LDADD = -ldl
# What tests/check.py and ./bootstrap check FILE ask for.
list-tests:
	@echo $(TESTS)
one-test:
	@$(AM_TESTS_ENVIRONMENT) exec $(TEST)
.PHONY: list-tests one-test
EXTRA_DIST += tests/check.py tests/mutate.py \
	tests/flowrig_api.py tests/flowrig_browser.py tests/flowrig_lab.py tests/flowrig_test.py tests/iperf3_peer.py tests/tsan.supp \
	tests/lab/README.md tests/lab/lab.sh \
	tests/unit/flow_by_clock.h tests/unit/framing_message.h tests/unit/guarded.h tests/unit/hoststat_dumps.h tests/unit/number_texts.h \
	tests/unit/option_line.h tests/unit/options_line.h tests/unit/pair.h tests/unit/played_daemons.h \
	tests/unit/report_rows.h tests/unit/result_rows.h tests/unit/setting_objects.h tests/unit/socket_ends.h \
	tests/unit/spill_bench.h tests/unit/tcpinfo_fields.h tests/unit/traffic_draws.h tests/unit/unit.h \
	tests/unit/visited.h tests/unit/wire_every.h

# ---- units: each tests one module, or a part of what one does, and includes its .c
LDADD = daemon/libdaemon.a controller/libcontroller.a $(COMMON_LIBS) $(MICROHTTPD_LIBS) $(CURL_LIBS) $(JANSSON_LIBS) $(SQLITE_LIBS) $(YAML_LIBS) $(PQ_LIBS) $(NCURSESW_LIBS) \
	$(GSL_LIBS) $(PCAP_LIBS) $(BPF_LIBS) $(CMOCKA_LIBS) $(FUZZ_LIBS) -lm
UNIT_TESTS = \
	tests/unit/test_address \
	tests/unit/test_auth \
	tests/unit/test_block \
	tests/unit/test_ccinfo \
	tests/unit/test_cdf \
	tests/unit/test_cell \
	tests/unit/test_clock \
	tests/unit/test_clockfit \
	tests/unit/test_clocksync \
	tests/unit/test_command_plot \
	tests/unit/test_compare \
	tests/unit/test_conf \
	tests/unit/test_contacts \
	tests/unit/test_closing \
	tests/unit/test_courier \
	tests/unit/test_cpu_time \
	tests/unit/test_cpus \
	tests/unit/test_daemon_contact \
	tests/unit/test_daemon_options \
	tests/unit/test_datagram_wire \
	tests/unit/test_direction \
	tests/unit/test_dist \
	tests/unit/test_dscp \
	tests/unit/test_dump_file \
	tests/unit/test_dumpname \
	tests/unit/test_executors \
	tests/unit/test_exposition \
	tests/unit/test_fail \
	tests/unit/test_failure \
	tests/unit/test_fifo \
	tests/unit/test_file \
	tests/unit/test_figure \
	tests/unit/test_fingerprint \
	tests/unit/test_fleet \
	tests/unit/test_flow_figures \
	tests/unit/test_flow_run \
	tests/unit/test_framing_message_ending \
	tests/unit/test_framing_message_pace \
	tests/unit/test_framing_message_peers \
	tests/unit/test_framing_message_receiving \
	tests/unit/test_framing_message_responses \
	tests/unit/test_framing_message_sending \
	tests/unit/test_hide \
	tests/unit/test_histogram \
	tests/unit/test_histogram_bars \
	tests/unit/test_http_connections \
	tests/unit/test_intervals \
	tests/unit/test_datagram_iperf3 \
	tests/unit/test_iperf3 \
	tests/unit/test_kernel \
	tests/unit/test_known_hosts \
	tests/unit/test_limits \
	tests/unit/test_list \
	tests/unit/test_live \
	tests/unit/test_listener_shared \
	tests/unit/test_listener_visitors \
	tests/unit/test_log \
	tests/unit/test_log_replay \
	tests/unit/test_mem \
	tests/unit/test_metric_form \
	tests/unit/test_hoststat_sample \
	tests/unit/test_hoststats \
	tests/unit/test_info \
	tests/unit/test_metrics \
	tests/unit/test_nearest \
	tests/unit/test_netlist \
	tests/unit/test_number_format \
	tests/unit/test_number_plain \
	tests/unit/test_number_units \
	tests/unit/test_option_forms \
	tests/unit/test_option_help \
	tests/unit/test_option_refusals \
	tests/unit/test_options_flows \
	tests/unit/test_options_output \
	tests/unit/test_options_refusals \
	tests/unit/test_mtucache \
	tests/unit/test_pacer \
	tests/unit/test_path \
	tests/unit/test_payload \
	tests/unit/test_peer_flowrig_source \
	tests/unit/test_peerclock \
	tests/unit/test_pid_file \
	tests/unit/test_plan \
	tests/unit/test_plot \
	tests/unit/test_plot_data \
	tests/unit/test_preamble \
	tests/unit/test_printable \
	tests/unit/test_protocol \
	tests/unit/test_quota \
	tests/unit/test_rendezvous \
	tests/unit/test_report \
	tests/unit/test_report_damage \
	tests/unit/test_report_layouts \
	tests/unit/test_resolver \
	tests/unit/test_results \
	tests/unit/test_results_histograms \
	tests/unit/test_results_sections \
	tests/unit/test_results_totals \
	tests/unit/test_ring \
	tests/unit/test_run_prepare \
	tests/unit/test_run_prepared \
	tests/unit/test_run_start \
	tests/unit/test_sampler \
	tests/unit/test_sender_time \
	tests/unit/test_seqtrack \
	tests/unit/test_session_events \
	tests/unit/test_session_members \
	tests/unit/test_secret \
	tests/unit/test_settings \
	tests/unit/test_settings_check \
	tests/unit/test_settings_values \
	tests/unit/test_sink_table \
	tests/unit/test_sinks \
	tests/unit/test_socket \
	tests/unit/test_sockopt \
	tests/unit/test_spill \
	tests/unit/test_spill_failures \
	tests/unit/test_splitter \
	tests/unit/test_stamp \
	tests/unit/test_stamp_figures \
	tests/unit/test_stamp_reflector \
	tests/unit/test_stamp_tlv \
	tests/unit/test_startat \
	tests/unit/test_store \
	tests/unit/test_summary \
	tests/unit/test_summary_table \
	tests/unit/test_summary_text \
	tests/unit/test_summary_total \
	tests/unit/test_syscalls \
	tests/unit/test_tables \
	tests/unit/test_tally \
	tests/unit/test_tcpinfo \
	tests/unit/test_tcpinfo_counters \
	tests/unit/test_tcpinfo_real \
	tests/unit/test_timer \
	tests/unit/test_token \
	tests/unit/test_traffic \
	tests/unit/test_traffic_distributions \
	tests/unit/test_waitlist \
	tests/unit/test_windows \
	tests/unit/test_wire_common \
	tests/unit/test_wire_refusals \
	tests/unit/test_wire_round_trips \
	tests/unit/test_wire_types \
	tests/unit/test_worker \
	tests/unit/test_writer \
	tests/unit/test_xmlguard \
	tests/unit/test_xmlguard_numbers \
	tests/unit/test_xmlguard_reading
# Their time is played.
PLAYED_TIME = -Wl,--wrap=clock_now,--wrap=clock_wall
tests_unit_test_run_prepare_LDFLAGS = $(AM_LDFLAGS) $(PLAYED_TIME)
tests_unit_test_run_prepared_LDFLAGS = $(AM_LDFLAGS) $(PLAYED_TIME)
tests_unit_test_run_start_LDFLAGS = $(AM_LDFLAGS) $(PLAYED_TIME)
if HAVE_CMOCKA
check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
endif

# ---- fuzzing: each for some seconds as a test; with libFuzzer for as long as wanted (bootstrap fuzz)
FUZZ_TARGETS = \
	tests/fuzz/fuzz_blocks \
	tests/fuzz/fuzz_call \
	tests/fuzz/fuzz_datagrams \
	tests/fuzz/fuzz_file \
	tests/fuzz/fuzz_iperf3 \
	tests/fuzz/fuzz_log \
	tests/fuzz/fuzz_options \
	tests/fuzz/fuzz_plan \
	tests/fuzz/fuzz_preamble \
	tests/fuzz/fuzz_reply \
	tests/fuzz/fuzz_reports \
	tests/fuzz/fuzz_run_file \
	tests/fuzz/fuzz_stamp \
	tests/fuzz/fuzz_text \
	tests/fuzz/fuzz_trace
check_PROGRAMS += $(FUZZ_TARGETS)
TESTS += $(FUZZ_TARGETS)
FUZZ_DRIVER = tests/fuzz/driver.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_blocks_SOURCES = tests/fuzz/fuzz_blocks.c $(FUZZ_DRIVER)
tests_fuzz_fuzz_call_SOURCES = tests/fuzz/fuzz_call.c $(FUZZ_DRIVER)
tests_fuzz_fuzz_datagrams_SOURCES = tests/fuzz/fuzz_datagrams.c $(FUZZ_DRIVER)
tests_fuzz_fuzz_file_SOURCES = tests/fuzz/fuzz_file.c $(FUZZ_DRIVER)
tests_fuzz_fuzz_iperf3_SOURCES = tests/fuzz/fuzz_iperf3.c $(FUZZ_DRIVER)
tests_fuzz_fuzz_log_SOURCES = tests/fuzz/fuzz_log.c $(FUZZ_DRIVER)
tests_fuzz_fuzz_options_SOURCES = tests/fuzz/fuzz_options.c $(FUZZ_DRIVER)
tests_fuzz_fuzz_plan_SOURCES = tests/fuzz/fuzz_plan.c $(FUZZ_DRIVER)
tests_fuzz_fuzz_preamble_SOURCES = tests/fuzz/fuzz_preamble.c $(FUZZ_DRIVER)
tests_fuzz_fuzz_reply_SOURCES = tests/fuzz/fuzz_reply.c $(FUZZ_DRIVER)
tests_fuzz_fuzz_reports_SOURCES = tests/fuzz/fuzz_reports.c $(FUZZ_DRIVER)
tests_fuzz_fuzz_run_file_SOURCES = tests/fuzz/fuzz_run_file.c $(FUZZ_DRIVER)
tests_fuzz_fuzz_stamp_SOURCES = tests/fuzz/fuzz_stamp.c $(FUZZ_DRIVER)
tests_fuzz_fuzz_text_SOURCES = tests/fuzz/fuzz_text.c $(FUZZ_DRIVER)
tests_fuzz_fuzz_trace_SOURCES = tests/fuzz/fuzz_trace.c $(FUZZ_DRIVER)
EXTRA_DIST += tests/fuzz/seeds
fuzz-programs: $(FUZZ_TARGETS)
.PHONY: fuzz-programs

# ---- programs as wholes
SCRIPT_TESTS = \
	tests/lab/selftest.sh \
	tests/cli/bench.py \
	tests/cli/dry_run.py \
	tests/cli/examples.py \
	tests/cli/first_inputs.py \
	tests/cli/headers.py \
	tests/cli/help.py \
	tests/cli/histogram.py \
	tests/cli/live.py \
	tests/cli/log.py \
	tests/cli/manual.py \
	tests/cli/options.py \
	tests/cli/outputs.py \
	tests/cli/plans.py \
	tests/cli/plot.py \
	tests/cli/compare.py \
	tests/cli/report.py \
	tests/cli/rooms.py \
	tests/cli/screen.py \
	tests/cli/table.py \
	tests/cli/trust.py \
	tests/net/attach.py \
	tests/net/clock_steps.py \
	tests/net/clocks.py \
	tests/net/addresses.py \
	tests/net/daemon_ends.py \
	tests/net/endings.py \
	tests/net/full_disks.py \
	tests/net/hostile_daemons.py \
	tests/net/lab_bulk.py \
	tests/net/lab_dumps.py \
	tests/net/lab_failures.py \
	tests/net/lab_hoststats.py \
	tests/net/lab_kernel_ranges.py \
	tests/net/lab_limits.py \
	tests/net/lab_message.py \
	tests/net/lab_sockets.py \
	tests/net/lab_traffic.py \
	tests/net/lab_traces.py \
	tests/net/lab_trust.py \
	tests/net/lab_udp.py \
	tests/net/lab_udp_beside.py \
	tests/net/lab_udp_counts.py \
	tests/net/lab_variants.py \
	tests/net/loopback_api.py \
	tests/net/loopback_debug.py \
	tests/net/loopback_dumps.py \
	tests/net/loopback_hostile.py \
	tests/net/loopback_load.py \
	tests/net/loopback_runs.py \
	tests/net/loopback_shares.py \
	tests/net/loopback_status.py \
	tests/net/loopback_traffic.py \
	tests/net/loopback_traces.py \
	tests/net/loopback_trust.py \
	tests/net/loopback_udp.py \
	tests/net/loopback_volumes.py \
	tests/net/loopback_metrics.py \
	tests/net/iperf3.py \
	tests/net/iperf3_udp.py \
	tests/net/loopback_web.py \
	tests/net/nothing_lost.py \
	tests/net/option_pairs.py \
	tests/net/outputs_servers.py \
	tests/net/page_examples.py \
	tests/net/random_calls.py \
	tests/net/random_replies.py \
	tests/net/soak.py \
	tests/net/stamp.py \
	tests/net/stamp_sender.py \
	tests/net/whole.py
TESTS += $(SCRIPT_TESTS)
EXTRA_DIST += $(SCRIPT_TESTS)
