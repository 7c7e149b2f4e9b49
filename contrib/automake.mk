EXTRA_DIST += contrib/prometheus/alerts.yml contrib/prometheus/alerts.test.yml \
	contrib/plans/algorithms.yaml contrib/plans/requests.yaml \
	contrib/prometheus/dashboard.json \
	contrib/systemd/flowd.service contrib/systemd/flowd.socket \
	contrib/schema/flowrig-1.schema.json contrib/schema/make_schema.py
