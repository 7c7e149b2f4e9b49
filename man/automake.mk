# The manual; tests/cli/manual.py keeps it in step with the tables of the source.
dist_man_MANS += man/flowctl.1 man/flowctl-stop.1 man/flowd.8 man/flowlog.5 man/flowtrace.5 man/flowd.conf.5
