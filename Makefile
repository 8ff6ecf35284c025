# `make demo` and `make test` each work alone on a fresh machine with Python 3.10+ and make.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
TINY := tests/golden/tiny-kontext

.PHONY: demo test check format docs pictures clean

demo: $(READY) ## render an example scene
	@$(BIN)/contextgen compose scenes/two-subjects.yaml --annotate -o outputs/demo-layout.png
	@$(BIN)/contextgen render scenes/two-subjects.yaml --model $(TINY) --adapter $(TINY)/adapter \
		--size 256x256 --steps 4 --device cpu --dtype float32 -o outputs/demo.png
	@echo "The layout, with its boxes: $(CURDIR)/outputs/demo-layout.png"
	@echo "The picture:                $(CURDIR)/outputs/demo.png"
	@echo "The picture is noise: the tiny model of the tests paints it, and its weights are random."
	@echo "Real pictures take --model kontext and an --adapter, or a model folder: docs/guide.md says how."

test: $(READY) ## the whole test suite
	$(BIN)/python -m pytest -n auto --maxprocesses 4

check: $(READY) ## format, lint, types, generated docs, and the wheel in an empty environment
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python docs/generate.py --check
	.ci/wheel

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(READY) ## docs/scene-reference.md and docs/commands.md, from the schema and the help
	$(BIN)/python docs/generate.py

pictures: $(READY) ## the example references and the pictures in the docs
	$(BIN)/python docs/drawing/references.py
	$(BIN)/python docs/drawing/figures.py

clean:
	rm -rf .venv outputs dist build .pytest_cache .ruff_cache .mypy_cache .hypothesis

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info < (3, 10) and \
		sys.exit("Python 3.10 or newer is needed, for example: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)
