.PHONY: check format

check:  ## what CI runs
	bash .ci/run

format:
	.venv/bin/ruff check --fix . && .venv/bin/ruff format .
