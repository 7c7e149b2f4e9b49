noinst_LIBRARIES += controller/libcontroller.a
controller_libcontroller_a_SOURCES = \
	controller/commands/ask_hosts.c controller/commands/ask_hosts.h \
	controller/commands/command.c controller/commands/command.h \
	controller/commands/commands.def \
	controller/commands/command_attach.c \
	controller/commands/command_compare.c \
	controller/commands/command_completion.c \
	controller/commands/command_fetch_dumps.c \
	controller/commands/command_plot.c \
	controller/commands/command_report.c \
	controller/commands/command_run.c \
	controller/commands/command_runs.c \
	controller/commands/command_show.c \
	controller/commands/command_stamp.c \
	controller/commands/command_status.c \
	controller/commands/command_stop.c \
	controller/commands/command_trace.c \
	controller/commands/run_help.c controller/commands/run_help.h \
	controller/stamp/stamp_figures.c controller/stamp/stamp_figures.h \
	controller/stamp/stamp_report.c controller/stamp/stamp_report.h \
	controller/stamp/stamp_sender.c controller/stamp/stamp_sender.h \
	controller/fleet/access.c controller/fleet/access.h \
	controller/fleet/embedded.c controller/fleet/embedded.h \
	controller/fleet/fleet.c controller/fleet/fleet.h \
	controller/fleet/fleet_answer.c controller/fleet/fleet_state.h \
	controller/fleet/interrupt.c controller/fleet/interrupt.h \
	controller/fleet/known_hosts.c controller/fleet/known_hosts.h \
	controller/output/cell.c controller/output/cell.h \
	controller/output/compare_text.c controller/output/compare_text.h \
	controller/output/database_reader.c \
	controller/output/figure.c controller/output/figure.h \
	controller/output/courier.c controller/output/courier.h \
	controller/output/database.c controller/output/database.h \
	controller/output/filesink.c controller/output/filesink.h \
	controller/output/flowlog_reader.c controller/output/flowlog_reader.h \
	controller/output/flowlog_replay.c controller/output/flowlog_replay.h \
	controller/output/formats.c controller/output/formats.h \
	controller/output/host_form.c controller/output/host_form.h \
	controller/output/hide.c controller/output/hide.h \
	controller/output/histogram_bars.c controller/output/histogram_bars.h \
	controller/output/histograms.c controller/output/histograms.h \
	controller/output/influx_http.c controller/output/influx_http.h \
	controller/output/influx_line.c controller/output/influx_line.h \
	controller/output/json.c controller/output/json.h \
	controller/output/live_keys.c controller/output/live_list.c \
	controller/output/live_model.c controller/output/live_model.h \
	controller/output/live_screen.c controller/output/live_screen.h \
	controller/output/live_view.c controller/output/live_view.h \
	controller/output/metric_form.c controller/output/metric_form.h \
	controller/output/page_texts.h \
	controller/output/output_options.c controller/output/output_options.h \
	controller/output/record_end.c \
	controller/output/record_rows.c \
	controller/output/records.c controller/output/records.h \
	controller/output/records_reader.c \
	controller/output/report_data.c controller/output/report_data.h \
	controller/output/report_page.c controller/output/report_page.h \
	controller/output/run_about.c controller/output/run_about.h controller/output/run_about_state.h \
	controller/output/run_about_log.c \
	controller/output/run_figures.c controller/output/run_figures.h \
	controller/output/run_reader.c controller/output/run_reader.h \
	controller/output/gnuplot.c controller/output/gnuplot.h \
	controller/output/pg_delivery.c controller/output/pg_delivery.h \
	controller/output/pg_link.c controller/output/pg_link.h \
	controller/output/pg_put.c controller/output/pg_put.h \
	controller/output/plot.c controller/output/plot.h controller/output/plot_state.h \
	controller/output/plot_axis.c controller/output/plot_axis.h \
	controller/output/plot_data.c controller/output/plot_data.h \
	controller/output/plot_parts.c controller/output/plot_time.c controller/output/plot_values.c \
	controller/output/sink.h \
	controller/output/sink_csv.c \
	controller/output/sink_flowlog.c \
	controller/output/sink_host_csv.c \
	controller/output/sink_influx.c \
	controller/output/sink_json.c \
	controller/output/sink_live.c \
	controller/output/sink_openmetrics.c \
	controller/output/sink_postgresql.c \
	controller/output/sink_screen.c \
	controller/output/sink_sqlite.c \
	controller/output/sink_table.c \
	controller/output/sinks.c controller/output/sinks.h \
	controller/output/status.c controller/output/status.h \
	controller/output/stored_runs.c controller/output/stored_runs.h \
	controller/output/summary_lines.c controller/output/summary_lines.h \
	controller/output/summary_settings.c controller/output/summary_settings.h \
	controller/output/summary_table.c controller/output/summary_table.h \
	controller/output/summary_datagrams.c controller/output/summary_datagrams.h \
	controller/output/summary_limits.c controller/output/summary_limits.h \
	controller/output/summary_text.c controller/output/summary_text.h \
	controller/output/summary_total.c controller/output/summary_total.h \
	controller/output/table_columns.c controller/output/table_columns.h \
	controller/output/target.c controller/output/target.h \
	controller/output/terminal.c controller/output/terminal.h \
	controller/output/text.h \
	controller/output/text_table.c controller/output/text_table.h \
	controller/output/trace_reader.c controller/output/trace_reader.h \
	controller/output/windows.c controller/output/windows.h \
	controller/output/writer.c controller/output/writer.h \
	controller/plan/advice.c controller/plan/advice.h \
	controller/plan/assign.c controller/plan/assign.h \
	controller/plan/selection.c controller/plan/selection.h \
	controller/plan/cells.c \
	controller/plan/plan.c controller/plan/plan.h \
	controller/plan/planfile.c controller/plan/planfile.h controller/plan/planfile_state.h \
	controller/plan/planfile_flows.c controller/plan/planfile_words.c \
	controller/plan/plantree.c controller/plan/plantree.h \
	controller/plan/startat.c controller/plan/startat.h \
	controller/results/compare.c controller/results/compare.h \
	controller/results/clockfit.c controller/results/clockfit.h \
	controller/results/clocksync.c controller/results/clocksync.h \
	controller/results/limits.c controller/results/limits.def controller/results/limits.h \
	controller/results/results.c controller/results/results.h \
	controller/results/summary.c controller/results/summary.h \
	controller/run/daemon_contact.c controller/run/daemon_contact.h \
	controller/run/experiment.c controller/run/experiment.h \
	controller/run/experiment_table.c controller/run/experiment_table.h \
	controller/run/options.c controller/run/options.h \
	controller/run/run.c controller/run/run.h \
	controller/run/run_attach.c \
	controller/run/run_clocks.c \
	controller/run/run_file.c controller/run/run_file.h \
	controller/run/run_gather.c \
	controller/run/run_host.c \
	controller/run/run_journal.c \
	controller/run/run_lost.c \
	controller/run/run_prepare.c controller/run/run_prepared.c \
	controller/run/run_start.c \
	controller/run/run_state.c controller/run/run_state.h \
	controller/run/run_verdict.c

bin_PROGRAMS += controller/flowctl
controller_flowctl_SOURCES = controller/flowctl.c
controller_flowctl_LDADD = controller/libcontroller.a $(COMMON_LIBS) $(CURL_LIBS) $(JANSSON_LIBS) $(SQLITE_LIBS) $(YAML_LIBS) $(PQ_LIBS) $(NCURSESW_LIBS) -lm

# The other name, for those who are used to flowgrind-stop; argv[0] decides.
install-exec-hook:
	cd '$(DESTDIR)$(bindir)' && rm -f flowctl-stop && $(LN_S) flowctl flowctl-stop
uninstall-hook:
	rm -f '$(DESTDIR)$(bindir)/flowctl-stop'

# Style and scripts of a page, as texts in C.
page_parts = controller/output/page.css controller/output/page_data.js controller/output/page_charts.js \
	controller/output/page_view.js controller/output/page_sections.js
EXTRA_DIST += $(page_parts)
CLEANFILES += controller/output/page_texts.c
nodist_controller_libcontroller_a_SOURCES = controller/output/page_texts.c
AS_TEXT = sed 's/[\\"]/\\&/g; s/^/"/; s/$$/\\n"/'
controller/output/page_texts.c: $(page_parts)
	$(AM_V_GEN)$(MKDIR_P) $(@D) && { echo '#include "output/page_texts.h"'; \
	echo 'const char page_style[] ='; $(AS_TEXT) $(srcdir)/controller/output/page.css; \
	echo ';'; echo 'const char page_script[] ='; \
	for name in $(page_parts); do case $$name in *.js) $(AS_TEXT) $(srcdir)/$$name ;; esac; done; echo ';'; \
	} >$@.part && mv $@.part $@
