noinst_LIBRARIES += controller/libcontroller.a
controller_libcontroller_a_SOURCES = \
	controller/cell.c controller/cell.h \
	controller/clocksync.c controller/clocksync.h \
	controller/fleet.c controller/fleet.h \
	controller/options.c controller/options.h \
	controller/plan.c controller/plan.h \
	controller/results.c controller/results.h

bin_PROGRAMS += controller/flowctl
controller_flowctl_SOURCES = controller/flowctl.c
controller_flowctl_LDADD = controller/libcontroller.a $(COMMON_LIBS) $(CURL_LIBS)
