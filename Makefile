# make demo: see flowml work.  make test: check everything.  Each makes its own environment.
PYTHON ?= python3
DEMO_ENV := .venv-demo
TEST_ENV := .venv-test
PIP := -m pip --disable-pip-version-check --no-input
DATA := demo-out
# In the order of names: files of short tests come last, and no worker waits long for the other.
WORKERS := -n 2 --dist loadfile --no-loadscope-reorder
export PYTHONDONTWRITEBYTECODE := 1
export MPLBACKEND := Agg

.PHONY: demo test coverage lint docs demo-model lock clean python

demo: $(DEMO_ENV)/ready ## simulate a cohort, classify it, draw a picture
	$(DEMO_ENV)/bin/python examples/demo.py $(DATA)

test: $(TEST_ENV)/ready lint docs ## style, types, layers, docs, tests
	$(TEST_ENV)/bin/python -m pytest $(WORKERS)

# Apart from `test`, for measuring costs about a third of the time.
coverage: $(TEST_ENV)/ready ## the tests, and which lines none of them runs
	$(TEST_ENV)/bin/python -m pytest $(WORKERS) --cov --cov-report=term

lint: $(TEST_ENV)/ready
	$(TEST_ENV)/bin/ruff check .
	$(TEST_ENV)/bin/ruff format --check .
	$(TEST_ENV)/bin/mypy --strict flowml
	$(TEST_ENV)/bin/lint-imports --no-cache
	$(TEST_ENV)/bin/numpydoc lint $$(git ls-files 'flowml/*.py' ':!flowml/cli')
	$(TEST_ENV)/bin/codespell $$(git ls-files | grep -v -e '^requirements/.*txt$$' -e '\.flowml$$')

docs: $(TEST_ENV)/ready
	$(TEST_ENV)/bin/python -m sphinx -q -W --keep-going -b html docs docs/_build/html

demo-model: $(DEMO_ENV)/ready ## train the bundled model anew
	$(DEMO_ENV)/bin/python scripts/make_demo_model.py

lock: ## write requirements/*.txt anew; needs pip-tools
	scripts/lock.sh

python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "flowml needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1)." \
	    "Name another one: make PYTHON=python3.11 ..."; exit 1; }

$(DEMO_ENV)/ready: requirements/demo.txt pyproject.toml setup.cfg | python
	$(PYTHON) -m venv --clear $(DEMO_ENV)
	$(DEMO_ENV)/bin/python $(PIP) install -q --no-deps -r requirements/demo.txt
	$(DEMO_ENV)/bin/python $(PIP) install -q --no-deps --no-build-isolation -e .
	touch $@

$(TEST_ENV)/ready: requirements/test.txt pyproject.toml setup.cfg | python
	$(PYTHON) -m venv --clear $(TEST_ENV)
	$(TEST_ENV)/bin/python $(PIP) install -q --no-deps -r requirements/test.txt
	$(TEST_ENV)/bin/python $(PIP) install -q --no-deps --no-build-isolation -e .
	touch $@

clean:
	rm -rf $(DEMO_ENV) $(TEST_ENV) $(DATA) docs/_build docs/generated .coverage
