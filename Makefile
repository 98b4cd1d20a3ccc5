.PHONY: check docs format pictures

check:  ## what CI runs
	bash .ci/run

docs:  ## build the documentation, executing every page; open docs/_build/html/index.html
	python3 -m venv --without-pip .venv && python3 -m pip --python .venv/bin/python install --quiet uv \
		|| { python3 -m venv .venv && .venv/bin/pip install --quiet uv; }  # where python3 itself has no pip
	.venv/bin/uv pip install --quiet --python .venv/bin/python '.[docs]'
	.venv/bin/python -m sphinx -W --keep-going --color -b html docs docs/_build/html

format:
	.venv/bin/ruff check --fix . && .venv/bin/ruff format .

pictures:  ## draw those of README and of the documentation's front page
	.venv/bin/python docs/pictures/draw.py
