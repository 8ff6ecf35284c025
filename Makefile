# `make demo` and `make test` each work alone on a fresh machine with Python 3.10+ and make.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready

.PHONY: demo test quick check format docs pictures gallery performance clean

demo: $(READY) ## paint an example scene with the embedded model
	@$(BIN)/contextgen compose scenes/two-subjects.yaml --annotate -o outputs/demo-layout.png > /dev/null
	@rm -f outputs/demo.png
	@$(BIN)/contextgen render scenes/two-subjects.yaml -o outputs/demo.png > /dev/null
	@echo "The layout, with its boxes: $(CURDIR)/outputs/demo-layout.png"
	@echo "The picture:                $(CURDIR)/outputs/demo.png"

test: $(READY) ## the whole test suite
	$(BIN)/python -m pytest -n auto --maxprocesses 4

quick: $(READY) ## the tests but several processes and kills, training and pages in a browser
	$(BIN)/python -m pytest -n auto --maxprocesses 4 -m "not (processes or training or browser)"

check: $(READY) ## format, lint, types, generated docs, and the wheel in an empty environment
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python docs/generate.py --check
	.ci/wheel

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(READY) ## the generated pages of docs/, from the schemas and the help
	$(BIN)/python docs/generate.py

pictures: $(READY) ## the example references and the pictures in the docs
	$(BIN)/python docs/drawing/references.py
	$(BIN)/python docs/drawing/figures.py

gallery: $(READY) ## what the embedded model paints of the example scenes, and the README's moving picture
	$(BIN)/python docs/drawing/gallery.py
	$(BIN)/python docs/drawing/film.py

performance: $(READY) ## measure everything that docs/performance.md shows; about an hour and a half on two idle cores
	$(BIN)/python benchmarks/tables.py

clean:
	rm -rf .venv outputs dist build .pytest_cache .ruff_cache .mypy_cache .hypothesis

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info < (3, 10) and \
		sys.exit("Python 3.10 or newer is needed, for example: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)
