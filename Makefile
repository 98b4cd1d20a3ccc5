.PHONY: check convolution docs format pictures

check:  ## what CI runs
	bash .ci/run

docs:  ## build the documentation, executing every page; open docs/_build/html/index.html
	python3 -m venv --without-pip .venv && python3 -m pip --python .venv/bin/python install --quiet uv \
		|| { python3 -m venv .venv && .venv/bin/pip install --quiet uv; }  # where python3 itself has no pip
	.venv/bin/uv pip install --quiet --python .venv/bin/python '.[docs]'
	.venv/bin/python -m sphinx -W --keep-going --color -b html docs docs/_build/html

format:
	.venv/bin/ruff check --fix . && .venv/bin/ruff format .

MEASURE = .venv/bin/python benchmarks/convolution.py

convolution:  ## measure what docs/convolution.md shows, but not what is there; start it twice to use two processors
	$(MEASURE) --label 20000 --out docs/measured/convolution_mnist.json
	$(MEASURE) --maps 8 --label 5000 --test 5000 --seeds 3 --out docs/measured/convolution_mnist_8.json
	$(MEASURE) --dataset fashion-mnist --dt 0.25 --out docs/measured/convolution_fashion_mnist.json
	$(MEASURE) --dataset fashion-mnist --seeds 1 --filters learned \
		--out docs/measured/convolution_fashion_mnist_usual.json
	$(MEASURE) --prototypes 1600 --epochs 4 --out docs/measured/prototypes_mnist.json
	$(MEASURE) --dataset fashion-mnist --prototypes 3200 --epochs 4 --maps 32 --size 5 --padding 2 --pool 4 \
		--pool-stride 4 --dt 0.25 --out docs/measured/prototypes_fashion_mnist.json

pictures:  ## draw those of README and of the documentation's front page
	.venv/bin/python docs/pictures/draw.py
