# The tasks of the project. Each installs what it needs (tools/install-packages.sh) and builds with CMake.
BUILD := build
JOBS := $(shell nproc)
PREFIX ?= /usr/local

.PHONY: all run test lint bench fuzz coverage longest install package clean packages release asan tsan

all: release

packages:
	@tools/install-packages.sh build

release: packages
	@cmake --preset release -S . --log-level=WARNING >/dev/null
	@cmake --build $(BUILD)/release -j $(JOBS) -- --quiet

asan tsan: packages
	@cmake --preset $@ -S . --log-level=WARNING >/dev/null
	@cmake --build $(BUILD)/$@ -j $(JOBS) -- --quiet

# Builds, imports a small cloud with known defects, evaluates two packs and shows the result.
run: release
	@tools/run-demo.sh $(BUILD)/release/plumbline

# Every test under AddressSanitizer and UndefinedBehaviorSanitizer, the concurrent ones under ThreadSanitizer.
test:
	@tools/install-packages.sh test
	@$(MAKE) --no-print-directory release asan tsan
	@tools/run-tests.py $(BUILD)

lint: packages
	@tools/install-packages.sh lint
	@tools/lint.sh $(BUILD)

bench: release
	@tools/install-packages.sh bench
	@tools/run-bench.sh $(BUILD)/release

fuzz: packages
	@tools/install-packages.sh fuzz
	@tools/run-fuzz.sh $(BUILD)/fuzz

coverage: packages
	@tools/install-packages.sh coverage
	@tools/run-coverage.sh $(BUILD)/coverage

# The longest functions and files: a mirror, not a gate.
longest:
	@tools/longest.sh

install: release
	@cmake --install $(BUILD)/release --prefix $(PREFIX) --component program

# build/plumbline_VERSION_ARCHITECTURE.deb, with a service.
package: release
	@tools/install-packages.sh package
	@cd $(BUILD)/release && cpack -B .. >/dev/null && ls ../*.deb

clean:
	@rm -rf $(BUILD)
