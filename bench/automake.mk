EXTRA_DIST += bench/run.py bench/measure.py bench/claim_bulk.py bench/claim_cpu.py \
	bench/claim_message.py bench/claim_rows.py bench/claim_waiting.py
