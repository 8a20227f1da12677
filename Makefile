# `make check` is what CI runs. It needs Go, bash, GNU make and, for the race detector, a C compiler; git is only read.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.NOTPARALLEL:

PLATFORMS := linux/amd64 linux/arm64 windows/amd64 windows/arm64
# CHANGELOG.md says which version it is.
VERSION   ?= $(shell sed -n 's/^\#\# \([0-9][0-9.]*\).*/\1/p' CHANGELOG.md | head -1)
# Nothing here speaks HTTP/2: the API's transport says so, net/http offers it on none that has a TLS config of its own, as those of the
# heartbeat and the push do, and the status page is plain HTTP. Without it a program is half a megabyte smaller.
TAGS      := nethttpomithttp2
# With the commit in it, whatever GOFLAGS say.
RELEASE   := CGO_ENABLED=0 go build -buildvcs=auto -tags $(TAGS) -trimpath -ldflags "-s -w -buildid= -X tillpost/cli.version=$(VERSION)"
FUZZTIME  ?= 10s
# The date of all that is packed: the commit's.
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null)
# Whoever publishes packages says who they are.
MAINTAINER ?= The tillpost maintainers <maintainers@tillpost.example>
UNIT      := installer/tillpost.service
TOOLS     := go -C packaging/tools
export VERSION SOURCE_DATE_EPOCH MAINTAINER UNIT TAGS

.PHONY: version unit tags build man check fmt vet staticcheck test race wine windows systemd browser cross reproducible fuzz bench bench-micro bench-once page-cost clean proof torture \
	release deb rpm msi archives sbom checksums packages-check

# What the scripts of packaging ask for.
version:
	@echo $(VERSION)
unit:
	@echo $(UNIT)
tags:
	@echo $(TAGS)

# The binary of this machine.
OUT ?= .
build:
	$(RELEASE) -o $(OUT) .

# The manual's pages, made of the commands' help and the config's table of keys.
man: build
	./tillpost man dist/man

check: fmt vet staticcheck race cross reproducible
	@# By count, not by time: up to Go 1.26 a target may fail when its time is up (golang/go#75804).
	$(MAKE) --no-print-directory fuzz FUZZTIME=3000x

fmt:
	@files=$$(gofmt -l .); if [ -n "$$files" ]; then echo "gofmt would change:"; echo "$$files"; exit 1; fi

vet:
	@for p in $(PLATFORMS); do \
		echo "go vet $$p"; \
		CGO_ENABLED=0 GOOS=$${p%/*} GOARCH=$${p#*/} go vet -tags browser ./...; \
	done
	$(TOOLS) vet ./...

# The tool is of this machine, whatever platform it looks at.
staticcheck:
	@tool=$$(go tool -n staticcheck); \
	for os in linux windows; do \
		echo "staticcheck $$os"; \
		CGO_ENABLED=0 GOOS=$$os "$$tool" -tags browser ./...; \
	done; \
	cd packaging/tools && "$$tool" ./...

test:
	go test ./...

# The tests of this folder watch other processes, of which the detector sees nothing.
race:
	CGO_ENABLED=1 go test -race -shuffle=on -timeout 30m $$(go list ./... | grep -v '^tillpost$$')

# Tests of packages as Windows programs, under Wine; it needs root and debootstrap. WINE=FOLDER keeps the system with Wine there.
wine:
	packaging/wine.sh $(if $(WINE),--in "$(WINE)") inventory config api export installer watcher outbox dashboard cli

# The status page in a real browser, Chromium; npm fetches what looks whether everybody can use the page. PICTURES=-screenshots makes
# those of docs/status-page.md anew.
browser:
	tests=$$(sed -n 's/^func \(Test[A-Za-z0-9_]*\)(.*/\1/p' browser_*_test.go | paste -sd '|'); \
	go test -count=1 -tags browser $(PICTURES) . -run "^($$tests)\$$"

# The life of the MSI, and of the archive for Windows, under the same Wine.
windows:
	packaging/windows.sh $(if $(WINE),"$(WINE)")

# The steps of docs/install-linux.md, the packages and the playbook in a real systemd; it needs root and debootstrap. The unit's
# score, in tenths, must stay low.
systemd:
	systemd-analyze security --offline=true --threshold=15 --no-pager $(UNIT) | tail -1
	packaging/packages.sh

# dist/build/OS-ARCH/tillpost of every platform, static; those for Windows know their version and have an icon.
cross: dist/build/tillpost.ico
	@[[ "$(VERSION)" =~ ^[0-9]+\.[0-9]+\.[0-9]+$$ ]] || { echo "VERSION is \"$(VERSION)\"; it must be three numbers, such as 1.2.3" >&2; exit 2; }
	@winres=$$($(TOOLS) tool -n go-winres); \
	for p in $(PLATFORMS); do \
		os=$${p%/*} arch=$${p#*/} out=dist/build/$${p/\//-}/tillpost; \
		if [ $$os = windows ]; then out+=.exe; fi; \
		echo "build $$out"; \
		GOOS=$$os GOARCH=$$arch $(RELEASE) -o $$out .; \
		if [ $$os = windows ]; then \
			"$$winres" patch --no-backup --in packaging/windows/winres.json --product-version $(VERSION) --file-version $(VERSION) $$out; \
			packaging/sign.sh $$out; \
		fi; \
	done

dist/build/tillpost.ico: packaging/tools/icon/main.go
	@mkdir -p dist/build
	$(TOOLS) run ./icon ../../$@

# All that is published, and nothing else, in dist/. What signs it: packaging/sign.sh and `make checksums`.
release:
	rm -rf dist
	$(MAKE) --no-print-directory deb rpm msi archives sbom
	$(MAKE) --no-print-directory checksums

deb rpm: cross
	@[ -n "$(SOURCE_DATE_EPOCH)" ] || { echo "git names no date for the packages: SOURCE_DATE_EPOCH=seconds" >&2; exit 2; }
	@for arch in amd64 arm64; do packaging/linux/package.sh $@ $$arch; done

msi: cross
	@for arch in amd64 arm64; do \
		out=dist/tillpost-$(VERSION)-$$arch.msi; \
		packaging/windows/msi.sh dist/build/windows-$$arch/tillpost.exe $$arch $$out; \
		packaging/sign.sh $$out; \
	done

archives: cross
	@for p in $(PLATFORMS); do packaging/archive.sh $${p%/*} $${p#*/}; done

# What each program was built of, as it says itself.
sbom: cross
	@for p in $(PLATFORMS); do \
		program=dist/build/$${p/\//-}/tillpost out=dist/tillpost-$(VERSION)-$${p/\//-}.cdx.json; \
		if [ $${p%/*} = windows ]; then program+=.exe; fi; \
		$(TOOLS) run ./sbom "$(CURDIR)/$$program" "$(CURDIR)/$$out"; \
		echo "made $$out"; \
	done

# dist/SHA256SUMS of all files there, and its signature where MINISIGN_KEY names a secret key; minisign asks for its password.
checksums:
	@packaging/checksums.sh

# The release twice, and all that can be seen of it from outside; and that what is wrong is found.
packages-check:
	packaging/check.sh

# The same bytes from another folder and an empty cache.
reproducible:
	@tmp=$$(mktemp -d); trap 'rm -rf "$$tmp"' EXIT; \
	cp -R . "$$tmp/one"; cp -R "$$tmp/one" "$$tmp/the other"; mkdir "$$tmp/cache"; \
	for os in linux windows; do \
		echo "build $$os/amd64 twice"; \
		(cd "$$tmp/one" && GOOS=$$os GOARCH=amd64 $(RELEASE) -o "$$tmp/$$os.one" .); \
		(cd "$$tmp/the other" && GOCACHE=$$tmp/cache GOOS=$$os GOARCH=amd64 $(RELEASE) -o "$$tmp/$$os.other" .); \
		cmp "$$tmp/$$os.one" "$$tmp/$$os.other"; \
	done

# Each fuzz target for FUZZTIME: a time such as 10s, or a number of inputs such as 3000x.
fuzz:
	@for p in $$(go list ./...); do \
		list=$$(go test -list '^Fuzz' $$p); \
		for f in $$(grep '^Fuzz' <<<"$$list" || true); do \
			echo "$$p $$f"; \
			go test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) $$p; \
		done; \
	done

# What tries to break delivery; docs/reliability.md says what each of them does. proof takes minutes, torture is the same for hours;
# TORTURE=N is N percent of it.
MODEL   ?= 10000
WEEKS   ?= 200
CUTS    ?= 1000
KILLS   ?= 100
DAMAGED ?= 200
CLOCKS  ?= 20
SOAK    ?= 60s
MUTANTS ?= -mutants
# With which the model and the weeks begin; 0 = it is drawn. The rest is drawn each time.
SEED    ?= 1
proof:
	@# Half the time of a week goes into collecting garbage, where nothing is said of it.
	@# A pattern that no test has, and a test that is skipped, are errors.
	@run() { echo "$$*"; "$$@" 2>&1 | awk '/no tests to run|--- SKIP/ { bad = 1 } !/^(=== |PASS$$)|^ +--- PASS/ { print; fflush() } END { exit bad }'; }; \
	long='-count=1 -v -timeout 24h'; \
	run env GOGC=400 go test $$long ./outbox -run '^TestTheOutboxAgreesWithAModel$$' -rapid.checks=$(MODEL) -rapid.seed=$(SEED); \
	run env GOGC=400 go test $$long ./agent -run '^TestWeeks$$' -weeks $(WEEKS) -week $(SEED); \
	run go test $$long ./outbox -run '^TestATrailChangesNothingButTheSpeed$$' -rapid.checks=$$(($(MODEL)/20)) -rapid.seed=$(SEED); \
	run go test $$long ./outbox -run 'PowerCut|TestEveryCallThatFails' -powercuts $(CUTS) -every-errno; \
	run go test $$long ./agent -run PowerCut -powercuts $$(($(CUTS)/5)); \
	run env TILLPOST_TEST_DAMAGED=$(DAMAGED) go test $$long ./cli -run DamagedOutboxes; \
	run env TILLPOST_TEST_KILLS=$(KILLS) go test $$long . -run 'Mutant|KilledAtRandom|NothingGrows|ClockIsSet' $(MUTANTS) -soak $(SOAK) -clockweeks $(CLOCKS) -clockweek $(SEED)

TORTURE ?= 100
torture:
	@n=$(TORTURE); $(MAKE) --no-print-directory proof SEED=0 MODEL=$$((2500*n)) WEEKS=$$((20*n)) CUTS=$$((91*n)) KILLS=$$((20*n)) DAMAGED=$$((10*n)) CLOCKS=$$((2*n)) SOAK=$$((6*n))s

# tillpost as a store runs it, beside what this machine can do at the best; docs/performance.md says what is measured. BENCH are its flags,
# such as BENCH="-only drain -rounds 3"; -write writes that document's figures and plots anew.
BENCH ?=
bench:
	go run ./bench $(BENCH)

# The benchmarks beside the code, for benchstat; once is whether they work, and no figures. What the page costs is measured by page-cost.
bench-micro:
	go test -run '^$$' -bench . -benchmem $$(go list ./... | grep -v '^tillpost$$')
bench-once:
	go test -run '^$$' -bench . -benchtime 1x $$(go list ./... | grep -v '^tillpost$$')

# What the status page costs an agent that has nothing to do: medians of COSTS rounds of 20 s. A machine that does nothing else says it best.
COSTS ?= 5
page-cost:
	go test -count=1 -run '^$$' -bench '^BenchmarkStatusPage$$' -benchtime $(COSTS)x .

clean:
	rm -rf dist tillpost tillpost.exe
