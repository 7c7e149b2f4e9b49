EXTRA_DIST += contrib/systemd/flowd.service contrib/systemd/flowd.socket \
	contrib/schema/flowrig-1.schema.json contrib/schema/make_schema.py
