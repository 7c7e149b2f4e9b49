EXTRA_DIST += contrib/systemd/flowd.service contrib/systemd/flowd.socket
